//! Nodes: a tree as inodes, before anything has a place.

use std::collections::BTreeMap;

use imgc_image::{Entry, LinkGroup, Node, Problem, Tree};

use super::{
    directory,
    format::{BLOCK, COMPACT, Disk, EXTENDED, TYPES, device},
    options::Settings,
    xattr::{self, Pool},
};
use crate::found::Found;

/// The most bytes of a symbolic link's target: with the NUL after it they fill a page of the kernel.
const MOST_TARGET: usize = BLOCK as usize - 1;

/// One inode. There is one for each of millions of files, so it is small.
pub struct Inode<'t> {
    /// Its first entry.
    pub entry: &'t Entry,
    /// How many names it has.
    pub nlink: u32,
    /// Whether it is an extended one.
    pub extended: bool,
    /// How long its attributes are, as it says it.
    xattr_icount: u16,
    /// For a directory: the inode of the directory that holds it (the root's is its own).
    parent: u32,
    /// For a directory: the last entry in it, and so by [`Nodes::before`] all of them; 0: none.
    last: u32,
}

/// A tree as inodes.
pub struct Nodes<'t> {
    entries: &'t [Entry],
    /// The inodes, in the order of their first entries: the root first.
    pub inodes: Vec<Inode<'t>>,
    /// The inode of each entry.
    inode_of: Vec<u32>,
    /// For each entry the one before it in its directory; 0: none, for that is the root.
    before: Vec<u32>,
    /// The attributes.
    pub pool: Pool,
}

impl<'t> Nodes<'t> {
    /// Takes a tree apart.
    ///
    /// # Errors
    /// Everything in it that this filesystem cannot hold.
    pub fn new(settings: &Settings, tree: &'t Tree) -> Result<Self, Vec<Problem>> {
        let entries = tree.entries();
        let mut nodes = Self {
            entries,
            inodes: Vec::new(),
            inode_of: Vec::with_capacity(entries.len()),
            before: vec![0; entries.len()],
            pool: Pool::default(),
        };
        let mut found = Found::default();
        let mut groups: BTreeMap<LinkGroup, u32> = BTreeMap::new();
        for (entry, parent) in entries.iter().zip(tree.parents()) {
            check(entry, &mut found);
            let known = entry.link.and_then(|group| groups.get(&group).copied());
            let own = known.unwrap_or_else(|| nodes.add(entry, &mut found));
            if let Some(group) = entry.link {
                groups.insert(group, own);
            }
            let at = index(nodes.inode_of.len());
            nodes.inode_of.push(own);
            nodes.join(at, own, parent);
        }
        if let Err(message) = nodes.pool.seal() {
            found.push(Problem::new("xattr-unfit", message).help("take some away"));
        }
        for inode in &mut nodes.inodes {
            inode.extended = needs_extended(settings, inode);
            if found.is_empty() {
                // It can say that: `Pool::count` refused more.
                inode.xattr_icount = xattr::icount(nodes.pool.body(&inode.entry.xattrs).len());
            }
        }
        let problems = found.end();
        if problems.is_empty() { Ok(nodes) } else { Err(problems) }
    }

    fn add(&mut self, entry: &'t Entry, found: &mut Found) -> u32 {
        if let Err(wrong) = self.pool.count(&entry.xattrs) {
            for (message, help) in wrong {
                let message = format!("{}: {message}", entry.path);
                found.push(Problem::new("xattr-unfit", message).help(help));
            }
        }
        self.inodes.push(Inode { entry, nlink: 0, extended: false, xattr_icount: 0, parent: 0, last: 0 });
        index(self.inodes.len() - 1)
    }

    /// Puts an entry into its directory and counts the names.
    fn join(&mut self, at: u32, own: u32, parent: u32) {
        let is_dir = self.entries[at as usize].is_dir();
        self.inodes[own as usize].nlink += if is_dir { 2 } else { 1 };
        if at == 0 {
            return;
        }
        let above = self.inode_of[parent as usize];
        let last = &mut self.inodes[above as usize].last;
        self.before[at as usize] = std::mem::replace(last, at);
        if is_dir {
            self.inodes[own as usize].parent = above;
            self.inodes[above as usize].nlink += 1;
        }
    }

    /// The names in a directory, sorted, with the inode of each.
    pub fn names(&self, inode: usize) -> Vec<(&'t [u8], u32)> {
        let own = &self.inodes[inode];
        let known = |at: u32| (at != 0).then_some(at);
        let children = std::iter::successors(known(own.last), |at| known(self.before[*at as usize]));
        let mut names: Vec<(&[u8], u32)> = children
            .map(|at| (self.entries[at as usize].name(), self.inode_of[at as usize]))
            .chain([(&b"."[..], index(inode)), (&b".."[..], own.parent)])
            .collect();
        names.sort_unstable();
        names
    }

    /// Bytes of a directory.
    pub fn dir_len(&self, inode: usize) -> u64 {
        directory::split(self.names(inode).into_iter().map(|(name, _)| name.len())).1
    }
}

impl Inode<'_> {
    /// Bytes of the inode and its attributes.
    pub fn head_len(&self) -> u64 {
        (if self.extended { EXTENDED } else { COMPACT } + xattr::len(self.xattr_icount)) as u64
    }

    /// Its type and what it is called in directories.
    pub fn kind(&self) -> (u16, u8) {
        TYPES[match &self.entry.node {
            Node::File { .. } => 0,
            Node::Dir => 1,
            Node::Char { .. } => 2,
            Node::Block { .. } => 3,
            Node::Fifo => 4,
            Node::Socket => 5,
            Node::Symlink(_) => 6,
        }]
    }

    /// What it says on disk, but for its size, its layout and where its data is.
    pub fn disk(&self, number: u32) -> Disk {
        let meta = &self.entry.meta;
        Disk {
            extended: self.extended,
            xattr_icount: self.xattr_icount,
            mode: self.kind().0 | meta.mode,
            nlink: self.nlink,
            u: match self.entry.node {
                Node::Char { major, minor } | Node::Block { major, minor } => device(major, minor),
                _ => 0,
            },
            ino: number + 1,
            uid: meta.uid,
            gid: meta.gid,
            mtime: meta.mtime,
            mtime_nsec: meta.mtime_nanos,
            ..Disk::default()
        }
    }
}

/// Whether a compact inode cannot hold it: it has no time of its own, and short fields.
fn needs_extended(settings: &Settings, inode: &Inode<'_>) -> bool {
    let meta = &inode.entry.meta;
    let size = match &inode.entry.node {
        Node::File { content, .. } => content.len(),
        _ => 0,
    };
    let short = |value: u32| u16::try_from(value).is_ok();
    meta.mtime != settings.epoch
        || meta.mtime_nanos != 0
        || !short(meta.uid)
        || !short(meta.gid)
        || !short(inode.nlink)
        || u32::try_from(size).is_err()
}

fn index(at: usize) -> u32 {
    u32::try_from(at).expect("because a tree has fewer than 2^32 entries")
}

fn check(entry: &Entry, found: &mut Found) {
    let name = entry.name();
    let fine = !matches!(name, b"" | b"." | b"..") && name.len() <= 255 && !name.contains(&0);
    if !fine && !entry.path.0.is_empty() {
        let message =
            format!("{}: a name has 1 to 255 bytes without NUL, and is not `.` or `..`", entry.path);
        found.push(Problem::new("name-unfit", message).help("rename it"));
    }
    match &entry.node {
        Node::Symlink(target) if target.is_empty() || target.len() > MOST_TARGET || target.contains(&0) => {
            let message =
                format!("{}: a symbolic link's target has 1 to {MOST_TARGET} bytes without NUL", entry.path);
            found.push(Problem::new("symlink-unfit", message).help("shorten the target"));
        }
        Node::Char { major, minor } | Node::Block { major, minor }
            if *major >= 1 << 12 || *minor >= 1 << 20 =>
        {
            let message = format!("{}: device {major}:{minor} is out of range", entry.path);
            let help = "a major is below 4096, a minor below 1048576";
            found.push(Problem::new("device-unfit", message).help(help));
        }
        Node::File { content, .. } if content.len() > BLOCK << 32 => {
            let message =
                format!("{} has {} bytes, more than a file can have here", entry.path, content.len());
            found.push(Problem::new("file-too-large", message).help("a file has at most 16 TiB"));
        }
        _ => {}
    }
}
