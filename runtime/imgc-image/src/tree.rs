//! A tree: a filesystem's worth of entries, with everything that can be said of a file.

use std::{num::NonZeroU32, sync::Arc};

use imgc_plan::{BlobId, Canon, Canonical, ValueId, tree::BytePath};

use crate::bytes::Bytes;

/// Entries in canonical order: by names along the path, so that a directory comes right before what it holds and the
/// root (whose path is empty) first. Every parent is there and is a directory; paths are unique.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    entries: Vec<Entry>,
}

/// One name in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it is; empty for the root.
    pub path: BytePath,
    /// Owner, mode, time.
    pub meta: Meta,
    /// Extended attributes sorted by name, full names (`user.x`, `security.capability`, `system.posix_acl_access` in the
    /// form of `getxattr`).
    pub xattrs: Box<[Xattr]>,
    /// Names with the same group are one file. All of them have equal meta, xattrs and content. `None`: only this name.
    pub link: Option<LinkGroup>,
    /// What it is.
    pub node: Node,
}

/// An extended attribute: its full name and its value.
pub type Xattr = (Box<[u8]>, Box<[u8]>);

/// A group of names for one file, unique within a tree.
pub type LinkGroup = NonZeroU32;

/// What every entry has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Permission bits with set-id and sticky bits, at most 0o7777.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Time of last change, in seconds since 1970.
    pub mtime: i64,
    /// Nanoseconds of that time, below 10^9.
    pub mtime_nanos: u32,
}

impl Meta {
    /// 0:0, with this mode, at this time.
    pub fn new(mode: u16, mtime: i64) -> Self {
        Self { mode, uid: 0, gid: 0, mtime, mtime_nanos: 0 }
    }
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A directory.
    Dir,
    /// A file.
    File {
        /// What is in it. Runs that it does not cover are holes, if the file is not dense.
        content: Content,
        /// Whether holes must be allocated all the same.
        dense: bool,
    },
    /// A symbolic link to this.
    Symlink(Box<[u8]>),
    /// A character device.
    Char {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    Block {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// A socket's name.
    Socket,
}

/// What is in a file: nearly always one whole blob, so that form is small.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The first bytes of a blob, nearly always all of them.
    Blob {
        /// Its name.
        id: BlobId,
        /// How many bytes of it.
        len: u64,
    },
    /// Anything else: empty, with holes, made of pieces.
    Bytes(Arc<Bytes>),
}

impl Content {
    /// Nothing.
    pub fn empty() -> Self {
        Self::Bytes(Arc::new(Bytes::default()))
    }

    /// The length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Blob { len, .. } => *len,
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same as Bytes.
    pub fn to_bytes(&self) -> Arc<Bytes> {
        match self {
            Self::Blob { id, len } => Arc::new(Bytes::blob(*id, *len)),
            Self::Bytes(bytes) => Arc::clone(bytes),
        }
    }

    /// The runs that are not holes, as (start, length), sorted and merged where they touch.
    pub fn data_runs(&self) -> Vec<(u64, u64)> {
        match self {
            Self::Blob { len: 0, .. } => Vec::new(),
            Self::Blob { len, .. } => vec![(0, *len)],
            Self::Bytes(bytes) => {
                let mut runs: Vec<(u64, u64)> = Vec::new();
                for extent in bytes.extents() {
                    match runs.last_mut() {
                        Some((at, len)) if *at + *len == extent.at => *len += extent.len,
                        _ => runs.push((extent.at, extent.len)),
                    }
                }
                runs
            }
        }
    }
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Self {
        match (bytes.extents(), bytes.refs()) {
            ([only], [crate::bytes::Ref::Blob(id)])
                if only.offset == 0 && only.at == 0 && only.len == bytes.len() =>
            {
                Self::Blob { id: *id, len: only.len }
            }
            _ => Self::Bytes(Arc::new(bytes)),
        }
    }
}

impl Entry {
    /// The last name of the path; empty for the root.
    pub fn name(&self) -> &[u8] {
        self.path.0.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
    }

    /// The path of the directory that holds it; `None` for the root.
    pub fn parent(&self) -> Option<&[u8]> {
        parent(&self.path.0)
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        matches!(self.node, Node::Dir)
    }
}

/// The path of the directory that holds this path; `None` for the root.
pub fn parent(path: &[u8]) -> Option<&[u8]> {
    if path.is_empty() {
        return None;
    }
    Some(path.iter().rposition(|byte| *byte == b'/').map_or(&[][..], |slash| &path[..slash]))
}

/// Compares paths by names along the way: `a/b` before `a-b`, as `a` ends sooner than `a-b`.
pub fn compare_paths(a: &[u8], b: &[u8]) -> std::cmp::Ordering {
    let key = |byte: &u8| if *byte == b'/' { 0 } else { u16::from(*byte) + 1 };
    a.iter().map(key).cmp(b.iter().map(key))
}

impl Tree {
    /// Takes entries that the decoder checked.
    pub(crate) fn from_entries(entries: Vec<Entry>) -> Self {
        Self { entries }
    }

    /// The entries, in canonical order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The index of the entry at this path.
    pub fn find(&self, path: &[u8]) -> Option<usize> {
        self.entries.binary_search_by(|entry| compare_paths(&entry.path.0, path)).ok()
    }

    /// The entry at this path.
    pub fn get(&self, path: &[u8]) -> Option<&Entry> {
        self.find(path).map(|index| &self.entries[index])
    }

    /// For each entry the index of its parent (the root's is its own).
    pub fn parents(&self) -> Vec<u32> {
        let index = |at: usize| u32::try_from(at).expect("because a tree has fewer than 2^32 entries");
        let mut open: Vec<usize> = Vec::new();
        let mut parents = Vec::with_capacity(self.entries.len());
        for (at, entry) in self.entries.iter().enumerate() {
            while let Some(&top) = open.last() {
                let above = &self.entries[top].path.0;
                if is_below(&entry.path.0, above) {
                    break;
                }
                open.pop();
            }
            parents.push(index(open.last().copied().unwrap_or(0)));
            if entry.is_dir() {
                open.push(at);
            }
        }
        parents
    }

    /// The name of this value: see `specs/digests.md`.
    pub fn value_id(&self) -> ValueId {
        let mut c = Canon::new("imgc tree v1");
        c.add(self);
        c.into()
    }

    /// Takes the entries out.
    pub fn into_entries(self) -> Vec<Entry> {
        self.entries
    }
}

/// Collects entries in any order and makes a tree of them.
#[derive(Clone, Debug, Default)]
pub struct TreeBuilder {
    entries: Vec<Entry>,
}

impl TreeBuilder {
    /// Starts with nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry; xattrs are sorted here.
    pub fn push(&mut self, mut entry: Entry) {
        entry.xattrs.sort();
        self.entries.push(entry);
    }

    /// Makes room for so many entries more.
    pub fn reserve(&mut self, entries: usize) {
        self.entries.reserve_exact(entries);
    }

    /// Sorts, adds missing parents (and the root) with mode 0755 at `epoch`, numbers the link groups anew by first
    /// appearance, drops groups of one name.
    ///
    /// # Errors
    /// The path that is there twice, or whose parent is not a directory.
    pub fn finish(self, epoch: i64) -> Result<Tree, BytePath> {
        let mut entries = self.entries;
        // In place: a tree of millions is not held twice. Equal paths are refused, so their order does not matter.
        entries.sort_unstable_by(|a, b| compare_paths(&a.path.0, &b.path.0));
        let missing = missing_parents(&entries)?;
        if !missing.is_empty() {
            entries.extend(missing.into_iter().map(|path| directory(path, epoch)));
            entries.sort_unstable_by(|a, b| compare_paths(&a.path.0, &b.path.0));
        }
        entries.shrink_to_fit();
        number_links(&mut entries);
        Ok(Tree { entries })
    }
}

fn directory(path: BytePath, epoch: i64) -> Entry {
    Entry { path, meta: Meta::new(0o755, epoch), xattrs: Box::default(), link: None, node: Node::Dir }
}

/// The directories that sorted entries need above them and that are not among them.
fn missing_parents(entries: &[Entry]) -> Result<Vec<BytePath>, BytePath> {
    let mut missing = Vec::new();
    // The directories around the last entry, outermost first.
    let mut open: Vec<&[u8]> = Vec::new();
    let mut last: Option<&BytePath> = None;
    for entry in entries {
        let path: &[u8] = &entry.path.0;
        if last.is_some_and(|last| last.0 == path) || (path.is_empty() && !entry.is_dir()) {
            return Err(entry.path.clone());
        }
        while open.last().is_some_and(|above| !is_below(path, above)) {
            open.pop();
        }
        if open.is_empty() && !path.is_empty() {
            missing.push(BytePath::default());
            open.push(&[]);
        }
        let from = open.last().map_or(0, |above| if above.is_empty() { 0 } else { above.len() + 1 });
        for (slash, _) in path.iter().enumerate().skip(from).filter(|(_, byte)| **byte == b'/') {
            let above = &path[..slash];
            // Had it been a directory it would be open; a file of that name sorts right before.
            if last.is_some_and(|last| last.0 == above) {
                return Err(BytePath(above.to_vec()));
            }
            missing.push(BytePath(above.to_vec()));
            open.push(above);
        }
        if entry.is_dir() {
            open.push(path);
        }
        last = Some(&entry.path);
    }
    if entries.is_empty() {
        missing.push(BytePath::default());
    }
    Ok(missing)
}

/// Whether a path lies below a directory's.
fn is_below(path: &[u8], dir: &[u8]) -> bool {
    dir.is_empty() || (path.starts_with(dir) && path.get(dir.len()) == Some(&b'/'))
}

fn number_links(entries: &mut [Entry]) {
    let mut groups = std::collections::BTreeMap::<LinkGroup, (u32, u32)>::new();
    let mut next = 1;
    for group in entries.iter().filter_map(|entry| entry.link) {
        groups.entry(group).or_insert((0, 0)).0 += 1;
    }
    for entry in entries {
        entry.link = entry.link.and_then(|group| {
            let (names, number) = groups.get_mut(&group)?;
            if *names < 2 {
                return None;
            }
            if *number == 0 {
                *number = next;
                next += 1;
            }
            LinkGroup::new(*number)
        });
    }
}

impl Canonical for Tree {
    fn canon(&self, c: &mut Canon) {
        let Ok(()) = self.canon_by(c, |_| Ok::<(), std::convert::Infallible>(()));
    }
}

impl Tree {
    /// The canonical encoding, with a pause after each entry.
    pub(crate) fn canon_by<E>(
        &self,
        c: &mut Canon,
        mut pause: impl FnMut(&mut Canon) -> Result<(), E>,
    ) -> Result<(), E> {
        let Self { entries } = self;
        c.int(entries.len() as u64);
        for entry in entries {
            c.add(entry);
            pause(c)?;
        }
        Ok(())
    }
}

impl Canonical for Entry {
    fn canon(&self, c: &mut Canon) {
        let Self { path, meta: Meta { mode, uid, gid, mtime, mtime_nanos }, xattrs, link, node } = self;
        c.add(path).add(mode).add(uid).add(gid).add(mtime).add(mtime_nanos);
        c.int(xattrs.len() as u64);
        for (name, value) in xattrs {
            c.bytes(name).bytes(value);
        }
        c.int(link.map_or(0, |group| u64::from(group.get())));
        match node {
            Node::Dir => c.text("dir"),
            Node::File { content, dense } => c.text("file").add(content).add(dense),
            Node::Symlink(target) => c.text("symlink").bytes(target),
            Node::Char { major, minor } => c.text("char").add(major).add(minor),
            Node::Block { major, minor } => c.text("block").add(major).add(minor),
            Node::Fifo => c.text("fifo"),
            Node::Socket => c.text("socket"),
        };
    }
}

impl Canonical for Content {
    fn canon(&self, c: &mut Canon) {
        match self {
            Self::Blob { id, len } => c.text("blob").add(id).int(*len),
            Self::Bytes(bytes) => c.text("bytes").add(bytes.as_ref()),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> Entry {
        Entry {
            path: BytePath(path.as_bytes().to_vec()),
            meta: Meta::new(0o644, 0),
            xattrs: Box::default(),
            link: None,
            node: Node::File { content: Content::empty(), dense: false },
        }
    }

    fn paths(tree: &Tree) -> Vec<String> {
        tree.entries().iter().map(|entry| entry.path.to_string()).collect()
    }

    #[test]
    fn missing_parents_are_made_and_order_follows_names() {
        let mut builder = TreeBuilder::new();
        for path in ["a-b", "a/b/c", "a/b-c", "z"] {
            builder.push(file(path));
        }
        let tree = builder.finish(7).expect("a tree");
        assert_eq!(paths(&tree), ["/", "/a", "/a/b", "/a/b/c", "/a/b-c", "/a-b", "/z"]);
        assert_eq!(tree.parents(), [0, 0, 1, 2, 1, 0, 0]);
        assert_eq!(tree.find(b"a/b-c"), Some(4));
        assert_eq!(tree.get(b"a").map(|entry| entry.meta.mtime), Some(7));
    }

    #[test]
    fn a_path_twice_or_below_a_file_is_refused() {
        for pair in [["a", "a"], ["a", "a/b"], ["a/b", "a/b/c/d"]] {
            let mut builder = TreeBuilder::new();
            for path in pair {
                builder.push(file(path));
            }
            assert!(builder.finish(0).is_err(), "{pair:?}");
        }
    }

    #[test]
    fn link_groups_are_numbered_by_appearance_and_single_ones_dropped() {
        let mut builder = TreeBuilder::new();
        for (path, group) in [("a", 9), ("b", 5), ("c", 9), ("d", 7), ("e", 5)] {
            builder.push(Entry { link: LinkGroup::new(group), ..file(path) });
        }
        let tree = builder.finish(0).expect("a tree");
        let groups: Vec<Option<u32>> = tree.entries().iter().map(|e| e.link.map(NonZeroU32::get)).collect();
        assert_eq!(groups, [None, Some(1), Some(2), Some(1), None, Some(2)]);
    }
}
