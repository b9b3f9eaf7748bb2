//! Fields of Rock Ridge and of the protocol below it (IEEE P1282, Rock Ridge 1.12; IEEE P1281, SUSP 1.12).

use imgc_image::{Entry, Meta, Node};

use super::{record::both32, time};

/// A field: signature, length, version 1, data.
pub type Field = Vec<u8>;

/// Bytes of a field that says where more fields are (SUSP, 5.1).
pub const CE_LEN: usize = 28;

/// The most bytes of data behind the flags of a field: its length has one byte.
const MAX_DATA: usize = 250;

/// Flags of `NM` and `SL` (Rock Ridge, 4.1.3 and 4.1.4): the next field of the name goes on with it.
pub const CONTINUE: u8 = 1;
/// Flags of a component of `SL`: `.`, `..`, `/`.
pub const CURRENT: u8 = 2;
/// `..`.
pub const PARENT: u8 = 4;
/// `/`.
pub const ROOT: u8 = 8;

/// Flags of `TF` (Rock Ridge, 4.1.6).
pub const TF_CREATION: u8 = 1;
/// The time of the last change is there.
pub const TF_MODIFY: u8 = 2;
/// Times have seventeen digits.
pub const TF_LONG: u8 = 0x80;

/// File types (`st_mode`).
pub const S_IFMT: u32 = 0o170_000;
/// Sockets.
pub const S_IFSOCK: u32 = 0o140_000;
/// Symbolic links.
pub const S_IFLNK: u32 = 0o120_000;
/// Files.
pub const S_IFREG: u32 = 0o100_000;
/// Block devices.
pub const S_IFBLK: u32 = 0o060_000;
/// Directories.
pub const S_IFDIR: u32 = 0o040_000;
/// Character devices.
pub const S_IFCHR: u32 = 0o020_000;
/// Named pipes.
pub const S_IFIFO: u32 = 0o010_000;

/// The three texts of `ER` (Rock Ridge, 4.3): identifier, what it is, where it is described.
const EXTENSION: [&str; 3] = [
    "IEEE_P1282",
    "THE IEEE P1282 PROTOCOL PROVIDES SUPPORT FOR POSIX FILE SYSTEM SEMANTICS",
    "PLEASE CONTACT THE IEEE STANDARDS DEPARTMENT, PISCATAWAY, NJ, USA FOR THE P1282 SPECIFICATION",
];

fn field(signature: [u8; 2], data: &[u8]) -> Field {
    let len = u8::try_from(4 + data.len()).expect("because fields are kept below 256 bytes");
    let mut out = Vec::with_capacity(usize::from(len));
    out.extend_from_slice(&[signature[0], signature[1], len, 1]);
    out.extend_from_slice(data);
    out
}

/// The first field of a volume (SUSP, 5.3): there are fields, right after the identifiers.
pub fn sp() -> Field {
    field(*b"SP", &[0xbe, 0xef, 0])
}

/// Names the extension (SUSP, 5.5).
pub fn er() -> Field {
    let mut data: Vec<u8> =
        EXTENSION.iter().map(|text| u8::try_from(text.len()).expect("because the texts are short")).collect();
    data.push(1);
    EXTENSION.iter().for_each(|text| data.extend_from_slice(text.as_bytes()));
    field(*b"ER", &data)
}

/// Where more fields are (SUSP, 5.1): sector, offset and length.
pub fn ce(sector: u64, offset: u64, len: u64) -> Field {
    field(*b"CE", &[both32(sector), both32(offset), both32(len)].concat())
}

/// Mode, names, owner, group, serial (Rock Ridge, 4.1.1).
pub fn px(kind: u32, meta: &Meta, links: u32, serial: u32) -> Field {
    let mode = kind | u32::from(meta.mode);
    field(*b"PX", &[mode, links, meta.uid, meta.gid, serial].map(|number| both32(number.into())).concat())
}

/// The time of the last change (Rock Ridge, 4.1.6); the long form where the short one does not reach.
pub fn tf(seconds: i64) -> Field {
    if (time::SHORT.0..=time::SHORT.1).contains(&seconds) {
        field(*b"TF", &[&[TF_MODIFY][..], &time::short(seconds)].concat())
    } else {
        field(*b"TF", &[&[TF_MODIFY | TF_LONG][..], &time::long(seconds)].concat())
    }
}

/// A name (Rock Ridge, 4.1.4), in as many fields as it needs.
pub fn nm(name: &[u8]) -> impl Iterator<Item = Field> {
    let last = name.len().div_ceil(MAX_DATA).saturating_sub(1);
    name.chunks(MAX_DATA).enumerate().map(move |(at, part)| {
        let flags = if at < last { CONTINUE } else { 0 };
        field(*b"NM", &[&[flags], part].concat())
    })
}

/// A device (Rock Ridge, 4.1.2). Where one number of 32 bits can be understood in the old way, all readers agree on it; else
/// the first number is the major one, as Linux wants it.
pub fn pn(major: u32, minor: u32) -> Field {
    let (high, low) =
        if major < 1 << 12 && minor < 1 << 8 { (0, major << 8 | minor) } else { (major, minor) };
    field(*b"PN", &[both32(high.into()), both32(low.into())].concat())
}

/// Where a directory is that was moved from here (Rock Ridge, 4.1.5.1).
pub fn cl(sector: u64) -> Field {
    field(*b"CL", &both32(sector))
}

/// Where the directory is that a moved one belongs to (Rock Ridge, 4.1.5.2).
pub fn pl(sector: u64) -> Field {
    field(*b"PL", &both32(sector))
}

/// Hides a directory that is shown elsewhere (Rock Ridge, 4.1.5.3).
pub fn re() -> Field {
    field(*b"RE", &[])
}

/// The target of a symbolic link (Rock Ridge, 4.1.3), in as many fields as it needs. Names between slashes are components; an
/// empty one stands for two slashes together or one at the end.
pub fn sl(target: &[u8]) -> Vec<Field> {
    let mut links = Links { fields: Vec::new(), open: vec![0], split: false };
    let rest = target.strip_prefix(b"/");
    if rest.is_some() {
        links.component(ROOT, b"");
    }
    if rest.is_none_or(|rest| !rest.is_empty()) {
        for name in rest.unwrap_or(target).split(|byte| *byte == b'/') {
            match name {
                b"." => links.component(CURRENT, b""),
                b".." => links.component(PARENT, b""),
                _ => links.component(0, name),
            }
        }
    }
    links.fields.push(field(*b"SL", &links.open));
    links.fields
}

/// Fields of a symbolic link in the making. A field always ends within a component, if need be an empty one: libarchive forgets
/// the slash between two fields.
struct Links {
    fields: Vec<Field>,
    /// Flags and components of the next field.
    open: Vec<u8>,
    /// Whether the last component goes on.
    split: bool,
}

/// The most bytes of a field's flags and components, so that there is room for the empty one.
const MAX_LINK: usize = 1 + MAX_DATA - 2;

impl Links {
    fn component(&mut self, flags: u8, mut text: &[u8]) {
        loop {
            let room = MAX_LINK - self.open.len();
            // A component has two bytes before its text; one that is split must not begin without text.
            if room < 2 || (room == 2 && !text.is_empty()) {
                self.next_field();
                continue;
            }
            let (part, rest) = text.split_at(text.len().min(room - 2));
            self.split = !rest.is_empty();
            self.open.push(if self.split { flags | CONTINUE } else { flags });
            self.open.push(u8::try_from(part.len()).expect("because a part is shorter than a field"));
            self.open.extend_from_slice(part);
            if !self.split {
                return;
            }
            text = rest;
        }
    }

    fn next_field(&mut self) {
        if !self.split {
            self.open.extend_from_slice(&[CONTINUE, 0]);
        }
        self.open[0] = CONTINUE;
        self.fields.push(field(*b"SL", &self.open));
        self.open = vec![0];
    }
}

/// The file type of an entry.
pub fn kind(node: &Node) -> u32 {
    match node {
        Node::Dir => S_IFDIR,
        Node::File { .. } => S_IFREG,
        Node::Symlink(_) => S_IFLNK,
        Node::Char { .. } => S_IFCHR,
        Node::Block { .. } => S_IFBLK,
        Node::Fifo => S_IFIFO,
        Node::Socket => S_IFSOCK,
    }
}

/// The fields of an entry beside where it is: attributes, name, target, device.
pub fn describe(entry: &Entry, links: u32, serial: u32) -> Vec<Field> {
    let mut fields = vec![px(kind(&entry.node), &entry.meta, links, serial), tf(entry.meta.mtime)];
    fields.extend(nm(entry.name()));
    match &entry.node {
        Node::Symlink(target) => fields.extend(sl(target)),
        Node::Char { major, minor } | Node::Block { major, minor } => fields.push(pn(*major, *minor)),
        _ => {}
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_the_lengths_and_bytes_of_the_specification() {
        assert_eq!(sp(), b"SP\x07\x01\xbe\xef\0");
        assert_eq!(er().len(), 8 + EXTENSION.iter().map(|text| text.len()).sum::<usize>());
        assert_eq!(ce(1, 2, 3).len(), CE_LEN);
        assert_eq!(px(S_IFREG, &Meta::new(0o644, 0), 1, 2).len(), 44);
        assert_eq!(tf(0), b"TF\x0c\x01\x02\x46\x01\x01\0\0\0\0");
        assert_eq!(tf(time::SHORT.1 + 1), b"TF\x16\x01\x822156010100000000\0");
        assert_eq!(re(), b"RE\x04\x01");
        let names: Vec<Field> = nm(&[b'x'; 251]).collect();
        assert_eq!((names[0].len(), names[0][4], &names[1][..]), (255, CONTINUE, &b"NM\x06\x01\0x"[..]));
    }

    #[test]
    fn devices_have_the_old_form_where_it_says_all() {
        let numbers = |field: Field| (field[4..8].to_vec(), field[12..16].to_vec());
        assert_eq!(numbers(pn(8, 1)), (vec![0; 4], vec![1, 8, 0, 0]));
        assert_eq!(numbers(pn(259, 300)), (vec![3, 1, 0, 0], vec![44, 1, 0, 0]));
        assert_eq!(numbers(pn(4096, 0)), (vec![0, 16, 0, 0], vec![0; 4]));
    }

    #[test]
    fn targets_become_components() {
        assert_eq!(sl(b"/a/../.")[0], b"SL\x0e\x01\0\x08\0\0\x01a\x04\0\x02\0");
        assert_eq!(sl(b"/")[0], b"SL\x07\x01\0\x08\0");
        assert_eq!(sl(b"a//")[0], b"SL\x0c\x01\0\0\x01a\0\0\0\0");
        for len in 240..260 {
            for target in [vec![b'x'; len], b"../".repeat(len), [&vec![b'y'; len][..], b"/z"].concat()] {
                let fields = sl(&target);
                assert!(fields.iter().all(|field| field.len() <= 255));
                let (last, others) = fields.split_last().unwrap();
                assert!(last[4] == 0 && others.iter().all(|field| field[4] == CONTINUE));
            }
        }
    }
}
