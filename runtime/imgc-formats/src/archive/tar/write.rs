//! Packs a tree in the PAX form: what a header cannot say stands in records before it (POSIX.1-2017, `pax`).

use std::collections::BTreeMap;

use imgc_image::{Bytes, Content, Entry, Failure, LinkGroup, Node, Problem, Store, Tree};
use imgc_plan::tree::BytePath;

use super::{
    super::{coding::Squeeze, packer::Packer},
    acl,
    header::{BLOCK, Header, MAX_OCTAL_7, MAX_OCTAL_11, split_name},
    pax,
};

/// Packs.
///
/// # Errors
/// Everything that the format cannot hold, at once; when contents cannot be read or the store cannot take the archive.
pub fn pack(squeeze: Squeeze, tree: &Tree, store: &dyn Store) -> Result<Bytes, Failure> {
    let problems: Vec<Problem> = tree.entries().iter().filter_map(refusal).collect();
    if !problems.is_empty() {
        return Err(problems.into());
    }
    let mut out = Packer::new(squeeze, store)?;
    let mut first_names: BTreeMap<LinkGroup, &BytePath> = BTreeMap::new();
    // Sockets have no type in an archive.
    for entry in tree.entries().iter().filter(|entry| !matches!(entry.node, Node::Socket)) {
        let first = entry.link.and_then(|group| match first_names.get(&group) {
            Some(first) => Some(*first),
            None => {
                first_names.insert(group, &entry.path);
                None
            }
        });
        write_entry(entry, first, &mut out)?;
    }
    // Two blocks of zeros end an archive.
    out.zeros(2 * BLOCK)?;
    Ok(out.finish()?)
}

/// Why an entry cannot be in the archive.
fn refusal(entry: &Entry) -> Option<Problem> {
    let path = &entry.path;
    match &entry.node {
        Node::Char { major, minor } | Node::Block { major, minor }
            if u64::from(*major.max(minor)) > MAX_OCTAL_7 =>
        {
            let message =
                format!("tar holds device numbers up to {MAX_OCTAL_7}, and {path} has {major}:{minor}");
            Some(Problem::new("unsupported-entry", message).help("use smaller numbers"))
        }
        _ => None,
    }
}

/// Writes one entry; `first` is the name that the archive already has for the same file.
fn write_entry(entry: &Entry, first: Option<&BytePath>, out: &mut Packer<'_>) -> Result<(), Failure> {
    let header = header(entry, first);
    let records = records(&header, entry, first.is_some());
    if !records.is_empty() {
        out.put(&extended(&header.name, records.len()).encode())?;
        out.put(&records)?;
        out.pad(BLOCK as u64)?;
    }
    let clipped = |value: u64, most: u64| if value > most { 0 } else { value };
    let fitting = Header {
        uid: clipped(header.uid, MAX_OCTAL_7),
        gid: clipped(header.gid, MAX_OCTAL_7),
        size: clipped(header.size, MAX_OCTAL_11),
        mtime: if u64::try_from(header.mtime).is_ok_and(|time| time <= MAX_OCTAL_11) {
            header.mtime
        } else {
            0
        },
        ..header
    };
    out.put(&fitting.encode())?;
    if let (Node::File { content, .. }, None) = (&entry.node, first) {
        out.content(content)?;
        out.pad(BLOCK as u64)?;
    }
    Ok(())
}

/// What the entry would say if headers could hold everything.
fn header(entry: &Entry, first: Option<&BytePath>) -> Header {
    let mut name = if entry.path.0.is_empty() { b".".to_vec() } else { entry.path.0.clone() };
    let empty = Content::empty();
    let (typeflag, content, linkname, (devmajor, devminor)) = match (&entry.node, first) {
        (_, Some(first)) => (b'1', &empty, first.0.as_slice(), (0, 0)),
        (Node::Dir, _) => (b'5', &empty, &b""[..], (0, 0)),
        (Node::File { content, .. }, _) => (b'0', content, &b""[..], (0, 0)),
        (Node::Symlink(target), _) => (b'2', &empty, target.as_ref(), (0, 0)),
        (Node::Char { major, minor }, _) => (b'3', &empty, &b""[..], (*major, *minor)),
        (Node::Block { major, minor }, _) => (b'4', &empty, &b""[..], (*major, *minor)),
        (Node::Fifo | Node::Socket, _) => (b'6', &empty, &b""[..], (0, 0)),
    };
    if entry.is_dir() {
        name.push(b'/');
    }
    Header {
        name,
        mode: entry.meta.mode,
        uid: entry.meta.uid.into(),
        gid: entry.meta.gid.into(),
        size: content.len(),
        mtime: entry.meta.mtime,
        typeflag,
        linkname: linkname.to_vec(),
        devmajor: devmajor.into(),
        devminor: devminor.into(),
    }
}

/// The records that an entry needs, in a fixed order; another name for a file already there repeats no attributes.
fn records(header: &Header, entry: &Entry, linked: bool) -> Vec<u8> {
    let mut body = Vec::new();
    let long_name = !header.name.is_ascii() || split_name(&header.name).is_none();
    let long_link = !header.linkname.is_ascii() || header.linkname.len() > 100;
    let binary = |bytes: &[u8]| std::str::from_utf8(bytes).is_err();
    if (long_name && binary(&header.name)) || (long_link && binary(&header.linkname)) {
        pax::push(&mut body, b"hdrcharset", b"BINARY");
    }
    if long_name {
        pax::push(&mut body, b"path", &header.name);
    }
    if long_link {
        pax::push(&mut body, b"linkpath", &header.linkname);
    }
    if header.size > MAX_OCTAL_11 {
        pax::push(&mut body, b"size", header.size.to_string().as_bytes());
    }
    for (key, id) in [(&b"uid"[..], header.uid), (b"gid", header.gid)] {
        if id > MAX_OCTAL_7 {
            pax::push(&mut body, key, id.to_string().as_bytes());
        }
    }
    let plain_time = u64::try_from(header.mtime).is_ok_and(|time| time <= MAX_OCTAL_11);
    if !plain_time || entry.meta.mtime_nanos != 0 {
        let value = pax::time_value(header.mtime, entry.meta.mtime_nanos);
        pax::push(&mut body, b"mtime", value.as_bytes());
    }
    if !linked {
        for (name, value) in &entry.xattrs {
            pax::push(&mut body, &pax::xattr_key(name), value);
            if let Some((key, text)) = acl::record(name, value) {
                pax::push(&mut body, key, text.as_bytes());
            }
        }
    }
    body
}

/// The header before records. Its name is for readers that do not know it; its attributes mean nothing.
fn extended(name: &[u8], len: usize) -> Header {
    let last = name.split(|byte| *byte == b'/').rfind(|part| !part.is_empty()).unwrap_or(b".");
    let shown: Vec<u8> = last.iter().copied().filter(u8::is_ascii_graphic).take(80).collect();
    Header {
        name: [b"PaxHeaders/", shown.as_slice()].concat(),
        mode: 0o644,
        uid: 0,
        gid: 0,
        size: len as u64,
        mtime: 0,
        typeflag: b'x',
        linkname: Vec::new(),
        devmajor: 0,
        devminor: 0,
    }
}
