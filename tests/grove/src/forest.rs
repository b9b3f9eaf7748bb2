//! Grows trees by chance: names of any bytes, sizes around block boundaries, links, attributes, holes, devices, deep paths.

use std::sync::Arc;

use imgc_image::{
    BytesBuilder, Content, Entry, LinkGroup, MemoryStore, Meta, Node, Store, Tree, TreeBuilder, tree::Xattr,
};
use imgc_plan::tree::BytePath;

use crate::{
    random::{Random, noise, prose},
    soil::{Names, Soil},
};

/// 2020-09-13 12:26:40 UTC: the time of directories that nobody made.
pub const EPOCH: i64 = 1_600_000_000;

/// The longest path, so that tools can extract it below a directory of theirs.
const LONGEST: usize = 1500;

/// Entries, and a store with their contents.
#[derive(Default)]
pub struct Grove {
    /// The contents.
    pub store: MemoryStore,
    /// The entries, in the order in which they were made.
    pub entries: Vec<Entry>,
}

impl Grove {
    /// A tree of so many entries, by chance.
    pub fn grown(seed: u64, count: usize, soil: &Soil) -> Self {
        let store = MemoryStore::default();
        let entries = grow(&store, seed, count, soil);
        Self { store, entries }
    }

    /// A file with this in it.
    pub fn node(&self, bytes: &[u8]) -> Node {
        node(&self.store, bytes)
    }

    /// A file of `len` bytes with these pieces in it, which do not overlap.
    pub fn sparse(&self, len: u64, pieces: &[(u64, &[u8])], dense: bool) -> Node {
        sparse(&self.store, len, pieces, dense)
    }

    /// Adds an entry with the attributes that entries have when nobody says any.
    pub fn add(&mut self, path: impl AsRef<[u8]>, node: Node) {
        self.entries.push(entry(path.as_ref(), node));
    }

    /// The tree.
    pub fn tree(&self) -> Tree {
        tree(&self.entries)
    }
}

/// So many entries by chance, with their contents in a store.
pub fn grow(store: &MemoryStore, seed: u64, count: usize, soil: &Soil) -> Vec<Entry> {
    let mut random = Random(seed);
    let mut dirs: Vec<Vec<u8>> = vec![Vec::new()];
    let mut several: Vec<Entry> = Vec::new();
    let mut entries = Vec::with_capacity(count);
    for number in 0..count {
        // Half of the time below the last directory, so that some become deep.
        let above = if random.once_in(2) { dirs.len() - 1 } else { random.index(dirs.len()) };
        let above = if dirs[above].len() > LONGEST - 300 { Vec::new() } else { dirs[above].clone() };
        let name = name(&mut random, number, soil);
        let path = if above.is_empty() { name } else { [above, name].join(&b'/') };
        let made = chance(store, &mut random, path, soil, &mut several);
        if made.is_dir() {
            dirs.push(made.path.0.clone());
        }
        entries.push(made);
    }
    entries
}

fn chance(
    store: &MemoryStore,
    random: &mut Random,
    path: Vec<u8>,
    soil: &Soil,
    several: &mut Vec<Entry>,
) -> Entry {
    let path = BytePath(path);
    if !several.is_empty() && random.once_in(12) {
        return Entry { path, ..several[random.index(several.len())].clone() };
    }
    let node = if random.once_in(7) { Node::Dir } else { chance_node(store, random, soil) };
    let meta = chance_meta(random, &node, soil);
    let xattrs = chance_xattrs(random, &node, soil);
    let mut made = Entry { path, meta, xattrs, link: None, node };
    let may = soil.odd_links || matches!(made.node, Node::File { .. });
    if soil.links && may && !made.is_dir() && several.len() < 40 && random.once_in(6) {
        made.link = LinkGroup::new(1 + several.len() as u32);
        several.push(made.clone());
    }
    made
}

fn chance_node(store: &MemoryStore, random: &mut Random, soil: &Soil) -> Node {
    match random.below(12) {
        0 if soil.minors > 0 => {
            let (major, minor) = (1 + random.below(4095) as u32, random.below(soil.minors.into()) as u32);
            if random.once_in(2) { Node::Char { major, minor } } else { Node::Block { major, minor } }
        }
        1 if soil.pipes => Node::Fifo,
        2 if soil.sockets => Node::Socket,
        3 if soil.target > 0 => {
            let most = soil.target;
            let len = [1, 58, 59, 60, 61, 255, 256, 1000, most - 1, most][random.index(10)].clamp(1, most);
            Node::Symlink(b"up/../".iter().copied().cycle().take(len).collect())
        }
        4 => chance_sparse(store, random),
        _ => {
            let block = soil.block;
            let around = [0, 1, block, 2 * block, 3 * block, 12 * block, 48 << 10, 1 << 17, 268 << 10];
            let len = (random.one_of(&around) + random.below(3)).saturating_sub(1) as usize;
            // Few seeds: some contents are equal.
            let seed = random.below(5);
            node(store, &if random.once_in(2) { noise(len, seed) } else { prose(len, seed) })
        }
    }
}

fn chance_sparse(store: &MemoryStore, random: &mut Random) -> Node {
    let pieces: Vec<(u64, Vec<u8>)> = (0..random.below(12))
        .map(|n| {
            let piece = noise(1 + random.index(9000), random.next());
            (n * 30_000 + random.below(20_000), piece)
        })
        .collect();
    let pieces: Vec<(u64, &[u8])> = pieces.iter().map(|(at, piece)| (*at, &piece[..])).collect();
    sparse(store, 360_000 + random.below(5000), &pieces, random.once_in(3))
}

/// A file with this in it.
pub fn node(store: &MemoryStore, bytes: &[u8]) -> Node {
    let len = bytes.len() as u64;
    let content = match len {
        0 => Content::empty(),
        _ => Content::Blob { id: store.put(bytes).expect("memory takes it"), len },
    };
    Node::File { content, dense: false }
}

/// A file of `len` bytes with these pieces in it, which do not overlap.
pub fn sparse(store: &MemoryStore, len: u64, pieces: &[(u64, &[u8])], dense: bool) -> Node {
    let mut out = BytesBuilder::new(store);
    for (at, piece) in pieces {
        out.put(*at, piece).expect("memory takes it");
    }
    Node::File { content: Content::Bytes(Arc::new(out.finish(len).expect("pieces apart"))), dense }
}

/// The tree of these entries; directories that are missing are added.
pub fn tree(entries: &[Entry]) -> Tree {
    let mut builder = TreeBuilder::new();
    entries.iter().for_each(|entry| builder.push(entry.clone()));
    builder.finish(EPOCH).expect("every path once, and below directories")
}

/// An entry with the attributes that entries have when nobody says any.
pub fn entry(path: &[u8], node: Node) -> Entry {
    let mode = if node == Node::Dir { 0o755 } else { 0o644 };
    let (path, meta) = (BytePath(path.to_vec()), Meta::new(mode, EPOCH));
    Entry { path, meta, xattrs: Box::default(), link: None, node }
}

/// A name: short, long, of any bytes where there are such; unique by its number.
fn name(random: &mut Random, number: usize, soil: &Soil) -> Vec<u8> {
    match (random.below(8), soil.names) {
        (0, Names::Bytes) => {
            let mut bytes = noise(1 + random.index(255), random.next());
            bytes.iter_mut().filter(|byte| matches!(**byte, 0 | b'/')).for_each(|byte| *byte = b'x');
            bytes.extend_from_slice(number.to_string().as_bytes());
            bytes.split_off(bytes.len().saturating_sub(soil.longest))
        }
        (1, Names::Bytes) => [format!("latin{number}").as_bytes(), b"\xe9\xff \\"].concat(),
        // mtools writes `_` for what lies beyond the first 65,536 letters.
        (0 | 1, Names::Text) => format!("ñandú-{number}-日本語").into_bytes(),
        (2, _) => {
            let mut bytes = number.to_string().into_bytes();
            bytes.resize(soil.longest, b'l');
            bytes
        }
        (3, _) => format!("FILE{number}.BIN").into_bytes(),
        (4, _) => format!(".dot {number}.tar.gz").into_bytes(),
        _ => format!("n{number}").into_bytes(),
    }
}

fn chance_meta(random: &mut Random, node: &Node, soil: &Soil) -> Meta {
    let (first, last) = soil.times;
    let span = (last - first) as u64;
    let time = first + random.below(span) as i64;
    let mut meta = Meta::new(0, time - time.rem_euclid(soil.tick));
    if soil.nanos {
        meta.mtime_nanos = random.below(1_000_000_000) as u32;
    }
    // A plain user must be able to look into what a tool extracted.
    meta.mode = match node {
        Node::Symlink(_) => 0o777,
        Node::Dir if soil.owners => random.below(0o1000) as u16 | 0o700,
        Node::Dir => 0o755,
        _ if soil.owners => random.below(0o10_000) as u16 | 0o600,
        _ => 0o644,
    };
    if soil.owners {
        meta.uid = random.one_of(&[0, 1000, 65_535, 65_536, u32::MAX - 1]);
        meta.gid = random.below(1 << 31) as u32;
    }
    meta
}

fn chance_xattrs(random: &mut Random, node: &Node, soil: &Soil) -> Box<[Xattr]> {
    if soil.xattrs.is_empty() {
        return Box::default();
    }
    let count = random.one_of(&[0, 0, 0, 1, 2, 5]);
    (0..count)
        .map(|n| {
            let prefix = random.one_of(soil.xattrs);
            // Linux lets only files and directories have attributes of users.
            let is_free = matches!(node, Node::Dir | Node::File { .. });
            let prefix = if prefix == "user." && !is_free { "trusted." } else { prefix };
            let value = noise(random.index(soil.value), random.below(9));
            (format!("{prefix}name{n}").into_bytes().into(), value.into())
        })
        .collect()
}
