//! File entries and the identifiers in directories (4/14.9, 4/14.4).

use std::io;

use imgc_image::{BytesBuilder, Entry, Node};

use super::{
    super::{contents::SECTOR, directory::View},
    PARTITION,
    field::Fields,
    layout::{Layout, id_len},
    name,
};

/// Bytes of a file identifier descriptor before its name.
pub const ID: usize = 38;

/// Bytes of a file entry before its attributes and contents.
const HEAD: usize = 176;

/// The most bytes that a file entry holds by itself.
pub const EMBEDDED: usize = SECTOR as usize - HEAD;

/// The most bytes of one extent: 30 bits, and whole blocks but for the last (4/14.14.1.1).
const MAX_EXTENT: u64 = (1 << 30) - SECTOR;

/// Tags of descriptors (4/7.2.1).
const FILE_IDENTIFIER: u16 = 257;
const FILE_ENTRY: u16 = 261;
const ATTRIBUTES: u16 = 262;

/// The number of the root, and the first that others may have (UDF 2.3.6.7, 3.2.1.1).
const ROOT_ID: u64 = 0;
pub const FIRST_ID: u64 = 16;

/// The unique number of a file.
fn unique(serial: u32) -> u64 {
    if serial == 1 { ROOT_ID } else { FIRST_ID + u64::from(serial) }
}

/// Writes the file entries, then what is in directories.
///
/// # Errors
/// When the store cannot take it.
pub fn write(layout: &Layout, view: &View<'_, '_>, out: &mut BytesBuilder<'_>) -> io::Result<()> {
    let mut next = 1;
    for (at, serial) in view.survey.serials.iter().enumerate() {
        // Other names of a file that was met have its serial.
        if *serial == next {
            let mut sector = file_entry(layout, view, at);
            sector.resize(SECTOR as usize, 0);
            out.put((PARTITION + Layout::entry(*serial)) * SECTOR, &sector)?;
            next += 1;
        }
    }
    let dirs = view.survey.entries.iter().enumerate().filter(|(_, entry)| entry.is_dir());
    for ((at, _), dir) in dirs.zip(&layout.dirs) {
        let mut bytes = Vec::new();
        let above = view.survey.parents.get(at).map_or(0, |parent| *parent as usize);
        // It holds itself in the root (4/8.6).
        push_id(&mut bytes, dir.block, view.survey.serials[above], 0x0a, &[]);
        for child in &dir.children {
            let entry = &view.survey.entries[*child as usize];
            let name = name::of(entry).expect("because the layout found no name that cannot be");
            let kind = if entry.is_dir() { 0x02 } else { 0 };
            push_id(&mut bytes, dir.block, view.survey.serials[*child as usize], kind, &name);
        }
        out.put((PARTITION + dir.block) * SECTOR, &bytes)?;
    }
    Ok(())
}

/// Adds an identifier to a directory that starts at `block`.
fn push_id(out: &mut Vec<u8>, block: u64, serial: u32, kind: u8, name: &[u8]) {
    let mut id = Fields::new(usize::try_from(id_len(name)).expect("because names are short"));
    id.u16(16, 1).put(18, &[kind, u8::try_from(name.len()).expect("because names are short")]);
    id.long(20, SECTOR as u32, narrow(Layout::entry(serial))).put(ID, name);
    let location = block + out.len() as u64 / SECTOR;
    out.extend(id.tagged(FILE_IDENTIFIER, narrow(location)));
}

fn narrow(block: u64) -> u32 {
    u32::try_from(block).expect("because the plan checked that the volume has fewer than 2^32 sectors")
}

/// What a file entry holds: how its contents are told, where they are.
enum Body {
    /// Extents of blocks (`short_ad`): contents, and how many bytes they are.
    Extents(Vec<(u64, u64)>),
    /// The contents themselves.
    Embedded(Vec<u8>),
}

fn file_entry(layout: &Layout, view: &View<'_, '_>, at: usize) -> Vec<u8> {
    let entry = &view.survey.entries[at];
    let serial = view.survey.serials[at];
    let block = Layout::entry(serial);
    let attributes = device(entry, block);
    let body = body(layout, view, at);
    let (descriptors, len, blocks) = match &body {
        Body::Embedded(bytes) => (bytes.clone(), bytes.len() as u64, 0),
        Body::Extents(extents) => {
            let words = extents.iter().flat_map(|(block, len)| [narrow(*len), narrow(*block)]);
            let len = extents.iter().map(|(_, len)| len).sum();
            let blocks = extents.iter().map(|(_, len)| len.div_ceil(SECTOR)).sum();
            (words.flat_map(u32::to_le_bytes).collect(), len, blocks)
        }
    };
    let mut out = Fields::new(HEAD + attributes.len() + descriptors.len());
    // The tag of the information control block (4/14.6): strategy 4, one entry.
    let embedded = if matches!(body, Body::Embedded(_)) { 3 } else { 0 };
    out.u16(20, 4).u16(24, 1).put(27, &[kind(&entry.node)]).u16(34, embedded | special_bits(entry.meta.mode));
    out.u32(36, entry.meta.uid).u32(40, entry.meta.gid).u32(44, permissions(entry.meta.mode));
    // A directory is not named by itself here, as in POSIX.
    let links = view.survey.links[at] - u32::from(entry.is_dir());
    out.u16(48, u16::try_from(links).unwrap_or(u16::MAX));
    out.u64(56, len).u64(64, blocks);
    for at in [72, 84, 96] {
        out.time(at, entry.meta.mtime, entry.meta.mtime_nanos); // access, modification, attributes
    }
    out.u32(108, 1).writer(128).u64(160, unique(serial));
    out.u32(168, narrow(attributes.len() as u64)).u32(172, narrow(descriptors.len() as u64));
    out.put(HEAD, &attributes).put(HEAD + attributes.len(), &descriptors);
    out.tagged(FILE_ENTRY, narrow(block))
}

fn body(layout: &Layout, view: &View<'_, '_>, at: usize) -> Body {
    match &view.survey.entries[at].node {
        Node::Dir => {
            let dir = &layout.dirs[layout.dir_of[at] as usize];
            Body::Extents(pieces(dir.block, dir.len))
        }
        Node::File { content, .. } => {
            let start = view.contents.start(at).map_or(0, |sector| sector - PARTITION);
            Body::Extents(pieces(start, content.len()))
        }
        Node::Symlink(target) => {
            Body::Embedded(name::target(target).expect("because the layout found no target that cannot be"))
        }
        _ => Body::Embedded(Vec::new()),
    }
}

/// Extents of so many bytes from a block on.
fn pieces(start: u64, len: u64) -> Vec<(u64, u64)> {
    let starts = (0..len).step_by(usize::try_from(MAX_EXTENT).expect("because it has 30 bits"));
    starts.map(|done| (start + done / SECTOR, (len - done).min(MAX_EXTENT))).collect()
}

/// The type of a file (4/14.6.6).
fn kind(node: &Node) -> u8 {
    match node {
        Node::Dir => 4,
        Node::File { .. } => 5,
        Node::Block { .. } => 6,
        Node::Char { .. } => 7,
        Node::Fifo => 9,
        Node::Socket => 10,
        Node::Symlink(_) => 12,
    }
}

/// The bits set-user-ID, set-group-ID and sticky (4/14.6.8).
fn special_bits(mode: u16) -> u16 {
    (mode >> 11 & 1) << 6 | (mode >> 10 & 1) << 7 | (mode >> 9 & 1) << 8
}

/// Permissions (4/14.9.5): five bits each for others, group and owner: execute, write, read, change attributes, delete. Who may
/// write may do the last two.
fn permissions(mode: u16) -> u32 {
    let bits = |mode: u16| {
        let write = mode >> 1 & 1;
        u32::from(mode & 1 | write << 1 | (mode >> 2 & 1) << 2 | write << 3 | write << 4)
    };
    bits(mode) | bits(mode >> 3) << 5 | bits(mode >> 6) << 10
}

/// The attribute that says which device a file is (4/14.10.1, 4/14.10.7), behind the header that they begin with.
fn device(entry: &Entry, block: u64) -> Vec<u8> {
    let (Node::Char { major, minor } | Node::Block { major, minor }) = entry.node else { return Vec::new() };
    // The head: where attributes of implementations and applications would begin, which is behind the only one.
    let mut head = Fields::new(24);
    head.u32(16, 48).u32(20, 48);
    let mut out = head.tagged(ATTRIBUTES, narrow(block));
    let mut device = Fields::new(24);
    device.u32(0, 12).put(4, &[1]).u32(8, 24).u32(16, major).u32(20, minor);
    out.extend(device.bare());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_three_groups_of_five() {
        assert_eq!(permissions(0o000), 0);
        assert_eq!(permissions(0o001), 1);
        assert_eq!(permissions(0o754), 0b11111_00101_00100);
        assert_eq!(special_bits(0o4000), 1 << 6);
        assert_eq!(special_bits(0o2000), 1 << 7);
        assert_eq!(special_bits(0o1777), 1 << 8);
    }

    #[test]
    fn long_files_have_several_extents() {
        assert_eq!(pieces(7, 0), []);
        assert_eq!(pieces(7, MAX_EXTENT), [(7, MAX_EXTENT)]);
        let last = 7 + 2 * MAX_EXTENT / SECTOR;
        assert_eq!(pieces(7, 2 * MAX_EXTENT + 1)[2], (last, 1));
    }
}
