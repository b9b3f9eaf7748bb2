//! Nodes: what a tree asks of any geometry: inode numbers, link counts, sizes of directories, shared attribute blocks.
//!
//! About 30 bytes for an entry beside the tree; nothing of it depends on where blocks will lie.

use std::collections::BTreeMap;

use imgc_image::{Entry, LinkGroup, Node, Problem, Tree};

use super::{
    directory::Style,
    features::Features,
    geometry::FIRST_INODE,
    inode::{EXTRA_SIZE, FAST_SYMLINK, OLD_SIZE, ROOT, kind},
    map::{Shape, ranges},
    settings::Settings,
    xattr::{self, Encoded, Shared},
};
use crate::found::Found;

/// The most names of one file, and the most of a directory unless `dir-nlink` (Linux, `EXT4_LINK_MAX`).
const MOST_LINKS: u32 = 65_000;
/// The name of the directory for what fsck finds.
pub const LOST_FOUND: &[u8] = b"lost+found";

/// A tree as inodes.
pub struct Nodes<'t> {
    /// The entries of the tree.
    pub entries: &'t [Entry],
    /// The parent of each entry.
    parents: Vec<u32>,
    /// The inode of each entry; names of one file have the same.
    inode_of: Vec<u32>,
    /// The first entry of each inode after [`FIRST_INODE`].
    first_of: Vec<u32>,
    /// How many names each inode has, from inode 0 on.
    links: Vec<u32>,
    /// Where the children of each entry start in `children`.
    child_start: Vec<u32>,
    /// The entries that each directory holds, directory after directory.
    children: Vec<u32>,
    /// Blocks of each entry that is a directory.
    dir_blocks: Vec<u32>,
    /// The entry that is `lost+found`, if the tree has one.
    pub lost_found: Option<usize>,
    /// Attribute blocks.
    pub xattrs: Shared,
}

impl<'t> Nodes<'t> {
    /// Plans a tree.
    ///
    /// # Errors
    /// Everything in it that this filesystem cannot hold.
    pub fn new(settings: &Settings, tree: &'t Tree) -> Result<Self, Vec<Problem>> {
        let entries = tree.entries();
        let lost_found = tree.find(LOST_FOUND);
        let mut nodes = Self {
            entries,
            parents: tree.parents(),
            inode_of: vec![0; entries.len()],
            first_of: Vec::new(),
            links: vec![0; FIRST_INODE as usize + 1],
            child_start: Vec::new(),
            children: Vec::new(),
            dir_blocks: vec![0; entries.len()],
            lost_found,
            xattrs: Shared::default(),
        };
        let mut found = Found::default();
        nodes.number();
        nodes.list_children();
        nodes.check(settings, &mut found);
        if !found.is_empty() {
            return Err(found.end());
        }
        nodes.size_directories(&style(settings));
        Ok(nodes)
    }

    /// Gives inode numbers in the order of the tree, and counts names.
    fn number(&mut self) {
        let mut groups: BTreeMap<LinkGroup, u32> = BTreeMap::new();
        for (at, entry) in self.entries.iter().enumerate() {
            let known = entry.link.filter(|_| !entry.is_dir()).and_then(|group| groups.get(&group).copied());
            let number = match known {
                Some(number) => number,
                None if at == 0 => ROOT,
                None if Some(at) == self.lost_found => FIRST_INODE,
                None => {
                    self.first_of.push(at as u32);
                    self.links.push(0);
                    FIRST_INODE + self.first_of.len() as u32
                }
            };
            if let Some(group) = entry.link.filter(|_| known.is_none() && !entry.is_dir()) {
                groups.insert(group, number);
            }
            self.inode_of[at] = number;
            // A directory also names itself, and is named by each directory in it.
            self.links[number as usize] += if entry.is_dir() { 2 } else { 1 };
            if entry.is_dir() && at > 0 {
                let parent = self.inode_of[self.parents[at] as usize];
                self.links[parent as usize] += 1;
            }
        }
        if self.lost_found.is_none() {
            self.links[FIRST_INODE as usize] = 2;
            self.links[ROOT as usize] += 1;
        }
    }

    /// Sorts entries by the directory that holds them (a counting sort: stable, linear).
    fn list_children(&mut self) {
        let mut start = vec![0u32; self.entries.len() + 1];
        for parent in self.parents.iter().skip(1) {
            start[*parent as usize + 1] += 1;
        }
        for at in 1..start.len() {
            start[at] += start[at - 1];
        }
        let mut next = start.clone();
        self.children = vec![0; self.entries.len().saturating_sub(1)];
        for (at, parent) in self.parents.iter().enumerate().skip(1) {
            let slot = &mut next[*parent as usize];
            self.children[*slot as usize] = at as u32;
            *slot += 1;
        }
        self.child_start = start;
    }

    fn check(&mut self, settings: &Settings, found: &mut Found) {
        let shape = shape(settings);
        let room = xattr_room(settings);
        for at in 0..self.entries.len() {
            let entry = &self.entries[at];
            check_name(entry, at, found);
            if Some(at) == self.lost_found && !entry.is_dir() {
                let message = "`/lost+found` is not a directory";
                found.push(Problem::new("lost-found", message).help("leave that name to fsck"));
            }
            if !self.is_first(at) {
                continue;
            }
            check_node(settings, shape, entry, found);
            self.check_links(settings, at, found);
            check_time(settings, entry, found);
            match xattr::encode(&entry.xattrs, room, settings.block_size as usize) {
                Ok(encoded) if encoded.block.is_empty() => {}
                Ok(encoded) => self.xattrs.note(self.inode_of[at], &encoded.block),
                Err((message, help)) => {
                    found.push(Problem::new("xattr-unfit", format!("{}: {message}", entry.path)).help(help));
                }
            }
        }
        self.xattrs.seal();
    }

    fn check_links(&self, settings: &Settings, at: usize, found: &mut Found) {
        let (entry, links) = (&self.entries[at], self.links[self.inode_of[at] as usize]);
        let free = entry.is_dir() && settings.features.has(Features::DIR_NLINK);
        if links > MOST_LINKS && !free {
            let message = format!("{} has {links} links, {MOST_LINKS} are the most", entry.path);
            let help = if entry.is_dir() { "use `ext4`, or spread the directories" } else { "copy the file" };
            found.push(Problem::new("too-many-links", message).help(help));
        }
    }

    fn size_directories(&mut self, style: &Style) {
        for at in 0..self.entries.len() {
            if self.entries[at].is_dir() {
                let least = self.least_blocks(at, style.block_size as u64);
                let own = (at == 0 && self.lost_found.is_none()).then_some(LOST_FOUND);
                let names = own.into_iter().chain(self.children(at).map(|child| self.entries[child].name()));
                self.dir_blocks[at] = style.blocks(names, least) as u32;
            }
        }
    }

    /// Blocks that a directory has at least: `lost+found` has room from the first day, so that fsck need not find it.
    pub fn least_blocks(&self, at: usize, block_size: u64) -> u64 {
        if Some(at) == self.lost_found { lost_found_blocks(block_size) } else { 1 }
    }

    /// The entries that a directory holds.
    pub fn children(&self, at: usize) -> impl Iterator<Item = usize> + Clone + '_ {
        let range = self.child_start[at] as usize..self.child_start[at + 1] as usize;
        self.children[range].iter().map(|child| *child as usize)
    }

    /// Whether an entry is the first name of its inode.
    fn is_first(&self, at: usize) -> bool {
        let inode = self.inode_of[at];
        inode <= FIRST_INODE || self.first_of[(inode - FIRST_INODE - 1) as usize] as usize == at
    }

    /// The inode of an entry.
    pub fn inode(&self, at: usize) -> u32 {
        self.inode_of[at]
    }

    /// The inode of the directory that holds an entry.
    pub fn parent_inode(&self, at: usize) -> u32 {
        self.inode_of[self.parents[at] as usize]
    }

    /// The entries that are an inode's first name, with the inode, for inodes after [`FIRST_INODE`].
    pub fn ordinary(&self) -> impl Iterator<Item = (u32, usize)> + '_ {
        self.first_of.iter().zip(FIRST_INODE + 1..).map(|(at, inode)| (inode, *at as usize))
    }

    /// How many names an inode has.
    pub fn links(&self, inode: u32) -> u32 {
        self.links[inode as usize]
    }

    /// The last inode that is used: as many must be there.
    pub fn last_inode(&self) -> u32 {
        FIRST_INODE + self.first_of.len() as u32
    }

    /// The parts of an entry's inode that need blocks, as (first, number).
    pub fn ranges(&self, at: usize, block_size: u64, out: &mut Vec<(u64, u64)>) {
        out.clear();
        match &self.entries[at].node {
            Node::Dir => out.push((0, u64::from(self.dir_blocks[at]))),
            Node::File { content, dense } => ranges(content, *dense, block_size, out),
            Node::Symlink(target) if target.len() > FAST_SYMLINK => out.push((0, 1)),
            _ => {}
        }
    }

    /// The type of an entry as directories name it.
    pub fn type_byte(&self, at: usize) -> u8 {
        kind(&self.entries[at].node).1
    }
}

/// How directories are made with these settings.
pub fn style(settings: &Settings) -> Style {
    Style {
        block_size: settings.block_size as usize,
        csum: settings.features.has(Features::METADATA_CSUM),
        indexed: settings.features.has(Features::DIR_INDEX),
        filetype: settings.features.has(Features::FILETYPE),
        hash_seed: settings.hash_seed,
    }
}

/// How files are mapped with these settings.
pub fn shape(settings: &Settings) -> Shape {
    Shape { extents: settings.features.has(Features::EXTENTS), block_size: u64::from(settings.block_size) }
}

/// Bytes for attributes in an inode.
pub fn xattr_room(settings: &Settings) -> usize {
    (settings.inode_size as usize).saturating_sub(OLD_SIZE + usize::from(EXTRA_SIZE))
}

/// An entry's attributes, encoded. They were checked when the nodes were planned.
pub fn encode_xattrs(settings: &Settings, entry: &Entry) -> Encoded {
    xattr::encode(&entry.xattrs, xattr_room(settings), settings.block_size as usize)
        .expect("because Nodes::new found that they fit")
}

/// Blocks of `lost+found`: 16 KiB, but no more than an inode points at itself (mke2fs, `create_lost_and_found`).
pub fn lost_found_blocks(block_size: u64) -> u64 {
    (16384 / block_size).min(12)
}

fn check_name(entry: &Entry, at: usize, found: &mut Found) {
    let name = entry.name();
    let fine = !matches!(name, b"" | b"." | b"..") && name.len() <= 255 && !name.contains(&0);
    if at > 0 && !fine {
        let message =
            format!("{}: a name has 1 to 255 bytes without NUL, and is not `.` or `..`", entry.path);
        found.push(Problem::new("name-unfit", message).help("rename it"));
    }
}

fn check_node(settings: &Settings, shape: Shape, entry: &Entry, found: &mut Found) {
    match &entry.node {
        Node::File { content, dense } => {
            let most = most_file(settings, shape);
            let len = content.len();
            let mut blocks = Vec::new();
            if len <= most {
                ranges(content, *dense, shape.block_size, &mut blocks);
            }
            if len > most || !counts(settings, shape, &blocks) {
                let message = format!("{} has {len} bytes, more than a file can have here", entry.path);
                let help = "choose a larger `block-size`, or `ext4` with its features";
                found.push(Problem::new("file-too-large", message).help(help));
            }
        }
        Node::Symlink(target) => {
            let most = settings.block_size as usize - 1;
            if target.is_empty() || target.len() > most || target.contains(&0) {
                let message =
                    format!("{}: a symbolic link's target has 1 to {most} bytes without NUL", entry.path);
                found.push(Problem::new("symlink-unfit", message).help("shorten the target"));
            }
        }
        Node::Char { major, minor } | Node::Block { major, minor }
            if *major >= 1 << 12 || *minor >= 1 << 20 =>
        {
            let message = format!("{}: device {major}:{minor} is out of range", entry.path);
            let help = "a major is below 4096, a minor below 1048576";
            found.push(Problem::new("device-unfit", message).help(help));
        }
        _ => {}
    }
}

/// The most bytes of a file: what the map reaches, 2 GiB less one without `large-file`.
fn most_file(settings: &Settings, shape: Shape) -> u64 {
    if settings.features.has(Features::LARGE_FILE) {
        shape.most_bytes()
    } else {
        shape.most_bytes().min((1 << 31) - 1)
    }
}

/// Whether a file's blocks can be counted: in sectors of 512 bytes with 48 bits if `huge-file`, else with 32.
fn counts(settings: &Settings, shape: Shape, blocks: &[(u64, u64)]) -> bool {
    let data: u64 = blocks.iter().map(|(_, number)| number).sum();
    // More than any map needs: each block of it names at least two.
    let all = data + data / 64 + 2 * blocks.len() as u64 + 8;
    let bits = if settings.features.has(Features::HUGE_FILE) { 48 } else { 32 };
    all * (shape.block_size / 512) < 1 << bits
}

fn check_time(settings: &Settings, entry: &Entry, found: &mut Found) {
    let time = entry.meta.mtime;
    let from = i64::from(i32::MIN);
    let (to, help) = if settings.inode_size as usize == OLD_SIZE {
        (i64::from(i32::MAX), "set `inode-size=256`, or another time")
    } else {
        (from + (1 << 34) - 1, "set another time")
    };
    if !(from..=to).contains(&time) {
        let message = format!("{}: the time {time} is not within {from} to {to}", entry.path);
        found.push(Problem::new("time-unfit", message).help(help));
    }
}
