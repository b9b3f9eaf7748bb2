//! Directories: one block or a list of blocks, or a hash tree of one or two levels above leaves (`dir_index`).
//!
//! ```text
//! block 0: . and .. , then the root of the index | index nodes, if there are two levels | leaves, sorted by hash
//! ```

use super::{
    checksum::crc32c,
    hash::{NameHash, half_md4},
};

/// Half-MD4 (`s_def_hash_version`, `DX_HASH_HALF_MD4`).
pub const HASH_VERSION: u8 = 1;
/// Bytes of an entry without its name.
const HEAD: usize = 8;
/// Bytes of the fake entry at the end of a block that holds its checksum.
const TAIL: usize = 12;
/// The type that marks it (`EXT4_FT_DIR_CSUM`).
const TAIL_TYPE: u8 = 0xDE;

/// How directories of a filesystem are made.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Bytes of a block.
    pub block_size: usize,
    /// Whether blocks end with a checksum.
    pub csum: bool,
    /// Whether large ones are indexed.
    pub indexed: bool,
    /// Whether entries know the type.
    pub filetype: bool,
    /// The seed of the hashes.
    pub hash_seed: [u8; 16],
}

/// An entry of a directory.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// The name.
    pub name: &'a [u8],
    /// The inode.
    pub inode: u32,
    /// The type, as `EXT4_FT_*`.
    pub kind: u8,
}

/// The directory that entries are in.
#[derive(Clone, Copy, Debug)]
pub struct Home {
    /// Its inode.
    pub inode: u32,
    /// The inode of its parent.
    pub parent: u32,
    /// The seed of checksums of its inode.
    pub seed: u32,
    /// Blocks that it has at least (`lost+found`).
    pub least_blocks: u64,
}

/// What a directory became.
#[derive(Debug)]
pub struct Made {
    /// Its blocks, one after the other.
    pub bytes: Vec<u8>,
    /// Whether it has an index.
    pub indexed: bool,
}

/// Bytes of an entry with a name of this length.
const fn record(len: usize) -> usize {
    (HEAD + len).next_multiple_of(4)
}

impl Style {
    /// Bytes of a block that entries may use.
    fn room(&self) -> usize {
        self.block_size - if self.csum { TAIL } else { 0 }
    }

    /// How many blocks these names need, and whether they will be indexed: what [`Style::make`] makes.
    pub fn blocks<'a>(&self, names: impl Iterator<Item = &'a [u8]> + Clone, least: u64) -> u64 {
        let linear = self.linear_blocks(names.clone());
        if linear > 1 && self.indexed && least <= 1 {
            let hashed = self.sorted(names);
            let leaves = self.leaves(&hashed).len();
            if let Some(nodes) = self.index_nodes(leaves) {
                return (1 + nodes + leaves) as u64;
            }
        }
        (linear as u64).max(least)
    }

    fn linear_blocks<'a>(&self, names: impl Iterator<Item = &'a [u8]>) -> usize {
        let (mut blocks, mut used) = (1, record(1) + record(2));
        for name in names {
            if used + record(name.len()) > self.room() {
                blocks += 1;
                used = 0;
            }
            used += record(name.len());
        }
        blocks
    }

    /// Hashes with the length of each name and its place, in the order of the hashes.
    fn sorted<'a>(&self, names: impl Iterator<Item = &'a [u8]>) -> Vec<(NameHash, u32, u16)> {
        let mut hashed: Vec<_> = names
            .enumerate()
            .map(|(at, name)| (half_md4(name, &self.hash_seed), at as u32, name.len() as u16))
            .collect();
        hashed.sort_unstable();
        hashed
    }

    /// Where each leaf starts among the sorted names.
    fn leaves(&self, hashed: &[(NameHash, u32, u16)]) -> Vec<usize> {
        let mut starts = Vec::new();
        let mut used = usize::MAX / 2;
        for (at, (_, _, len)) in hashed.iter().enumerate() {
            let size = record(usize::from(*len));
            if used + size > self.room() {
                starts.push(at);
                used = 0;
            }
            used += size;
        }
        starts
    }

    /// Entries of an index block whose fake directory entries take `head` bytes.
    fn limit(&self, head: usize) -> usize {
        (self.block_size - head - if self.csum { 8 } else { 0 }) / 8
    }

    /// Index nodes between root and leaves; `None` when two levels do not reach.
    fn index_nodes(&self, leaves: usize) -> Option<usize> {
        if leaves <= self.limit(ROOT_HEAD) {
            return Some(0);
        }
        Some(leaves.div_ceil(self.limit(NODE_HEAD))).filter(|nodes| *nodes <= self.limit(ROOT_HEAD))
    }

    /// Makes the blocks of a directory.
    pub fn make(&self, home: &Home, items: &[Item<'_>]) -> Made {
        let names = items.iter().map(|item| item.name);
        if self.indexed && home.least_blocks <= 1 && self.linear_blocks(names.clone()) > 1 {
            let hashed = self.sorted(names);
            let starts = self.leaves(&hashed);
            if let Some(nodes) = self.index_nodes(starts.len()) {
                return Made { bytes: self.tree(home, items, &hashed, &starts, nodes), indexed: true };
            }
        }
        Made { bytes: self.list(home, items), indexed: false }
    }

    fn dots<'a>(&self, home: &Home) -> [Item<'a>; 2] {
        [Item { name: b".", inode: home.inode, kind: 2 }, Item { name: b"..", inode: home.parent, kind: 2 }]
    }

    fn list(&self, home: &Home, items: &[Item<'_>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut block = Leaf::new(self);
        for item in self.dots(home).iter().chain(items) {
            if !block.fits(item) {
                bytes.extend_from_slice(&block.end(home.seed));
                block = Leaf::new(self);
            }
            block.push(item);
        }
        bytes.extend_from_slice(&block.end(home.seed));
        while ((bytes.len() / self.block_size) as u64) < home.least_blocks {
            bytes.extend_from_slice(&Leaf::new(self).end(home.seed));
        }
        bytes
    }

    fn tree(
        &self,
        home: &Home,
        items: &[Item<'_>],
        hashed: &[(NameHash, u32, u16)],
        starts: &[usize],
        nodes: usize,
    ) -> Vec<u8> {
        let mut bytes = vec![0; (1 + nodes) * self.block_size];
        // An index entry is the least hash below it, with bit 0 set where names of that hash began before.
        let least = |at: usize| {
            let hash = hashed[at].0.major;
            hash | u32::from(at > 0 && hashed[at - 1].0.major == hash)
        };
        let leaves: Vec<(u32, u32)> =
            starts.iter().enumerate().map(|(n, at)| (least(*at), (1 + nodes + n) as u32)).collect();
        let mut top = leaves.clone();
        if nodes > 0 {
            let limit = self.limit(NODE_HEAD);
            top.clear();
            for (n, part) in leaves.chunks(limit).enumerate() {
                let node = &mut bytes[(1 + n) * self.block_size..(2 + n) * self.block_size];
                node[4..6].copy_from_slice(&(self.block_size as u16).to_le_bytes());
                self.fill_index(node, NODE_HEAD, part, home.seed);
                top.push((part[0].0, (1 + n) as u32));
            }
        }
        self.fill_root(&mut bytes[..self.block_size], home, nodes > 0, &top);
        for (n, start) in starts.iter().enumerate() {
            let end = starts.get(n + 1).copied().unwrap_or(hashed.len());
            let mut leaf = Leaf::new(self);
            for (_, at, _) in &hashed[*start..end] {
                leaf.push(&items[*at as usize]);
            }
            bytes.extend_from_slice(&leaf.end(home.seed));
        }
        bytes
    }

    /// `struct dx_root`.
    fn fill_root(&self, root: &mut [u8], home: &Home, two_levels: bool, entries: &[(u32, u32)]) {
        let [dot, dotdot] = self.dots(home);
        self.entry(&mut root[..12], &dot);
        self.entry(&mut root[12..self.block_size], &dotdot);
        root[28] = HASH_VERSION;
        root[29] = 8;
        root[30] = u8::from(two_levels);
        self.fill_index(root, ROOT_HEAD, entries, home.seed);
    }

    /// `struct dx_countlimit`, the entries and the checksum behind the last possible one.
    fn fill_index(&self, node: &mut [u8], head: usize, entries: &[(u32, u32)], seed: u32) {
        let limit = self.limit(head);
        for (n, (hash, block)) in entries.iter().enumerate() {
            let cell = &mut node[head + 8 * n..head + 8 * n + 8];
            cell[..4].copy_from_slice(&hash.to_le_bytes());
            cell[4..].copy_from_slice(&block.to_le_bytes());
        }
        node[head..head + 2].copy_from_slice(&(limit as u16).to_le_bytes());
        node[head + 2..head + 4].copy_from_slice(&(entries.len() as u16).to_le_bytes());
        if self.csum {
            let tail = head + 8 * limit;
            let sum = crc32c(crc32c(seed, &node[..head + 8 * entries.len()]), &[0; 8]);
            node[tail + 4..tail + 8].copy_from_slice(&sum.to_le_bytes());
        }
    }

    /// Writes an entry that fills `space`.
    fn entry(&self, space: &mut [u8], item: &Item<'_>) {
        let len = space.len() as u16;
        space[0..4].copy_from_slice(&item.inode.to_le_bytes());
        space[4..6].copy_from_slice(&len.to_le_bytes());
        space[6] = item.name.len() as u8;
        space[7] = if self.filetype { item.kind } else { 0 };
        space[HEAD..HEAD + item.name.len()].copy_from_slice(item.name);
    }
}

/// Bytes before the index entries of a root: two entries of 12 bytes and `dx_root_info`.
const ROOT_HEAD: usize = 32;
/// Bytes before the index entries of a node: an unused entry.
const NODE_HEAD: usize = 8;

/// A block of entries in the making.
struct Leaf<'s> {
    style: &'s Style,
    bytes: Vec<u8>,
    /// Where the last entry starts, and where it would end at the least.
    last: usize,
    used: usize,
}

impl<'s> Leaf<'s> {
    fn new(style: &'s Style) -> Self {
        Self { style, bytes: vec![0; style.block_size], last: 0, used: 0 }
    }

    fn fits(&self, item: &Item<'_>) -> bool {
        self.used + record(item.name.len()) <= self.style.room()
    }

    fn push(&mut self, item: &Item<'_>) {
        let end = self.used + record(item.name.len());
        self.style.entry(&mut self.bytes[self.used..end], item);
        self.last = self.used;
        self.used = end;
    }

    /// Stretches the last entry to the end and adds the checksum.
    fn end(mut self, seed: u32) -> Vec<u8> {
        let room = self.style.room();
        let len = (room - self.last) as u16;
        self.bytes[self.last + 4..self.last + 6].copy_from_slice(&len.to_le_bytes());
        if self.style.csum {
            let sum = crc32c(seed, &self.bytes[..room]);
            let tail = &mut self.bytes[room..];
            tail[4] = TAIL as u8;
            tail[7] = TAIL_TYPE;
            tail[8..].copy_from_slice(&sum.to_le_bytes());
        }
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const STYLE: Style =
        Style { block_size: 1024, csum: true, indexed: true, filetype: true, hash_seed: [3; 16] };

    fn word(bytes: &[u8], at: usize) -> u32 {
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
    }

    /// The index entries of a node, as (hash, block).
    fn entries(node: &[u8], head: usize) -> Vec<(u32, u32)> {
        let count = usize::from(u16::from_le_bytes([node[head + 2], node[head + 3]]));
        let cell =
            |n: usize| (if n == 0 { 0 } else { word(node, head + 8 * n) }, word(node, head + 8 * n + 4));
        (0..count).map(cell).collect()
    }

    fn leaf_has(leaf: &[u8], name: &[u8]) -> bool {
        let mut at = 0;
        while at < leaf.len() {
            let (len, size) =
                (usize::from(leaf[at + 6]), usize::from(u16::from_le_bytes([leaf[at + 4], leaf[at + 5]])));
            if word(leaf, at) != 0 && &leaf[at + 8..at + 8 + len] == name {
                return true;
            }
            at += size;
        }
        false
    }

    /// Looks a name up as the kernel does: down by hash, then on while the next leaf goes on with the same hash.
    fn look_up(bytes: &[u8], name: &[u8]) -> bool {
        let block = |n: u32| &bytes[n as usize * 1024..(n as usize + 1) * 1024];
        let hash = half_md4(name, &STYLE.hash_seed).major;
        let mut leaves = entries(block(0), ROOT_HEAD);
        if block(0)[30] == 1 {
            leaves = leaves
                .iter()
                .flat_map(|(hash, node)| {
                    let mut below = entries(block(*node), NODE_HEAD);
                    below[0].0 = *hash;
                    below
                })
                .collect();
        }
        let mut at = leaves.partition_point(|entry| entry.0 <= hash) - 1;
        loop {
            if leaf_has(block(leaves[at].1), name) {
                return true;
            }
            at += 1;
            if leaves.get(at).is_none_or(|next| next.0 != hash | 1) {
                return false;
            }
        }
    }

    fn finds_all(names: &[String], two_levels: bool) {
        let items: Vec<Item<'_>> = names
            .iter()
            .zip(20..)
            .map(|(name, inode)| Item { name: name.as_bytes(), inode, kind: 1 })
            .collect();
        let made = STYLE.make(&Home { inode: 12, parent: 2, seed: 7, least_blocks: 1 }, &items);
        assert!(made.indexed);
        assert_eq!(made.bytes[30] == 1, two_levels);
        assert_eq!(made.bytes.len() as u64, 1024 * STYLE.blocks(items.iter().map(|item| item.name), 1));
        for name in names {
            assert!(look_up(&made.bytes, name.as_bytes()), "{name}");
        }
        assert!(!look_up(&made.bytes, b"not there"));
    }

    #[test]
    fn every_name_is_found_by_its_hash_in_one_and_two_levels() {
        finds_all(&(0..300).map(|n| format!("name {n}")).collect::<Vec<_>>(), false);
        finds_all(&(0..9000).map(|n| format!("name {n}")).collect::<Vec<_>>(), true);
    }

    #[test]
    fn names_of_one_hash_in_two_leaves_are_found() {
        let mut by_hash = BTreeMap::<u32, Vec<String>>::new();
        for n in 0..400_000 {
            let name = format!("{n:0250}");
            by_hash.entry(half_md4(name.as_bytes(), &STYLE.hash_seed).major).or_default().push(name);
        }
        let names: Vec<String> = by_hash.into_values().filter(|names| names.len() > 1).flatten().collect();
        assert!(names.len() > 20, "{} names share a hash", names.len());
        finds_all(&names, false);
    }
}
