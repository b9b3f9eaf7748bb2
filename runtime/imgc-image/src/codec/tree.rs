//! Decodes trees.

use std::cmp::Ordering;

use imgc_plan::{
    BlobId,
    tree::{BytePath, check_name},
};

use super::{DecodeError, Nested, bytes, cursor::Cursor};
use crate::tree::{Content, Entry, LinkGroup, Meta, Node, Tree, Xattr, compare_paths};

/// The fewest bytes that an entry takes: thirteen integers or so; a bound for allocations, not a rule of the format.
const LEAST_ENTRY: usize = 72;

/// Reads a tree: sorted, unique, every parent there and a directory, link groups numbered by first appearance.
pub fn decode(c: &mut Cursor<'_>, nested: &mut Nested<'_>) -> Result<Tree, DecodeError> {
    let count = c.count(LEAST_ENTRY)?;
    let mut entries: Vec<Entry> = Vec::with_capacity(count);
    let mut open: Vec<usize> = Vec::new();
    let mut groups: Vec<usize> = Vec::new();
    for at in 0..count {
        let entry = entry(c, nested)?;
        place(c, &entries, &mut open, &entry)?;
        join(c, &mut groups, at, &entries, &entry)?;
        if entry.is_dir() {
            open.push(at);
        }
        entries.push(entry);
    }
    if entries.is_empty() {
        return Err(c.wrong("a tree without a root"));
    }
    Ok(Tree::from_entries(entries))
}

/// Whether the entry comes after those before it, below an open directory. `open` keeps the directories around it.
fn place(c: &Cursor<'_>, entries: &[Entry], open: &mut Vec<usize>, entry: &Entry) -> Result<(), DecodeError> {
    let path = &entry.path.0;
    let Some(last) = entries.last() else {
        let is_root = path.is_empty() && entry.is_dir();
        return if is_root { Ok(()) } else { Err(c.wrong("the first entry is not the root")) };
    };
    if compare_paths(&last.path.0, path) != Ordering::Less {
        return Err(c.wrong("entries are not in order"));
    }
    let parent = crate::tree::parent(path).unwrap_or_default();
    while open.last().is_some_and(|top| entries[*top].path.0 != parent) {
        open.pop();
    }
    if open.is_empty() { Err(c.wrong("an entry has no directory above it")) } else { Ok(()) }
}

/// Whether the entry's link group is a new one with the next number, or agrees with its first name. `groups` holds for
/// each group the index of its first name.
fn join(
    c: &Cursor<'_>,
    groups: &mut Vec<usize>,
    at: usize,
    entries: &[Entry],
    entry: &Entry,
) -> Result<(), DecodeError> {
    let Some(group) = entry.link else { return Ok(()) };
    if entry.is_dir() {
        return Err(c.wrong("a directory with several names"));
    }
    let number = group.get() as usize;
    if number == groups.len() + 1 {
        groups.push(at);
        return Ok(());
    }
    let first = groups.get(number - 1).ok_or_else(|| c.wrong("link groups are not numbered in order"))?;
    let Entry { path: _, meta, xattrs, link: _, node } = &entries[*first];
    if *meta == entry.meta && *xattrs == entry.xattrs && *node == entry.node {
        Ok(())
    } else {
        Err(c.wrong("names of one file differ"))
    }
}

fn entry(c: &mut Cursor<'_>, nested: &mut Nested<'_>) -> Result<Entry, DecodeError> {
    let path = c.bytes()?;
    if !path.is_empty() && path.split(|byte| *byte == b'/').any(|name| check_name(name).is_err()) {
        return Err(c.wrong("a path that cannot be"));
    }
    let meta = Meta {
        mode: c.small()?,
        uid: c.small()?,
        gid: c.small()?,
        mtime: c.signed()?,
        mtime_nanos: c.small()?,
    };
    if meta.mode > 0o7777 || meta.mtime_nanos >= 1_000_000_000 {
        return Err(c.wrong("a mode or time that cannot be"));
    }
    let xattrs = xattrs(c)?;
    let link = LinkGroup::new(c.small()?);
    let node = node(c, nested)?;
    Ok(Entry { path: BytePath(path.to_vec()), meta, xattrs, link, node })
}

fn xattrs(c: &mut Cursor<'_>) -> Result<Box<[Xattr]>, DecodeError> {
    let mut found: Vec<Xattr> = Vec::new();
    for _ in 0..c.count(16)? {
        let (name, value) = (c.bytes()?, c.bytes()?);
        if found.last().is_some_and(|(last, _)| last.as_ref() >= name) {
            return Err(c.wrong("extended attributes are not in order"));
        }
        found.push((name.into(), value.into()));
    }
    Ok(found.into())
}

fn node(c: &mut Cursor<'_>, nested: &mut Nested<'_>) -> Result<Node, DecodeError> {
    Ok(match c.text()? {
        "dir" => Node::Dir,
        "file" => Node::File { content: content(c, nested)?, dense: c.bool()? },
        "symlink" => Node::Symlink(c.bytes()?.into()),
        "char" => Node::Char { major: c.small()?, minor: c.small()? },
        "block" => Node::Block { major: c.small()?, minor: c.small()? },
        "fifo" => Node::Fifo,
        "socket" => Node::Socket,
        _ => return Err(c.wrong("unknown kind of entry")),
    })
}

fn content(c: &mut Cursor<'_>, nested: &mut Nested<'_>) -> Result<Content, DecodeError> {
    match c.text()? {
        "blob" => Ok(Content::Blob { id: BlobId(c.digest()?), len: c.int()? }),
        "bytes" => Ok(Content::Bytes(std::sync::Arc::new(bytes::decode(c, nested)?))),
        _ => Err(c.wrong("unknown kind of content")),
    }
}
