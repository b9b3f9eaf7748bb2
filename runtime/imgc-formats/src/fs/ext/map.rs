//! Maps of files: which blocks hold which part, as extent trees (ext4) or trees of block numbers (ext2, ext3).

use imgc_image::Content;

use super::{checksum::crc32c, geometry::Cursor};

/// Blocks of a file that lie together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first block's place in the file.
    pub logical: u64,
    /// Its place in the filesystem.
    pub physical: u64,
    /// How many.
    pub len: u64,
}

/// The most blocks of an initialised extent (Linux, `EXT_INIT_MAX_LEN`).
const MOST_OF_EXTENT: u64 = 1 << 15;
/// Block numbers in an inode that point at data themselves (`EXT2_NDIR_BLOCKS`).
const DIRECT: u64 = 12;
/// `eh_magic`.
pub const EXTENT_MAGIC: u16 = 0xF30A;

/// How files of a filesystem are mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Extents, or block numbers.
    pub extents: bool,
    /// Bytes of a block.
    pub block_size: u64,
}

/// The parts of a content that need blocks, in blocks, as (first, number), sorted and merged.
pub fn ranges(content: &Content, dense: bool, block_size: u64, out: &mut Vec<(u64, u64)>) {
    out.clear();
    let len = content.len();
    if len == 0 {
        return;
    }
    if dense || matches!(content, Content::Blob { .. }) {
        out.push((0, len.div_ceil(block_size)));
        return;
    }
    for (at, len) in content.data_runs() {
        let (from, to) = (at / block_size, (at + len).div_ceil(block_size));
        match out.last_mut() {
            Some((first, number)) if *first + *number >= from => *number = to - *first,
            _ => out.push((from, to - from)),
        }
    }
}

impl Shape {
    /// The most bytes that a file can have: logical block numbers have 32 bits; block maps reach as far as their three levels.
    pub fn most_bytes(self) -> u64 {
        let per = self.block_size / 4;
        let blocks = if self.extents {
            u64::from(u32::MAX)
        } else {
            (DIRECT + per + per * per + per * per * per).min(u64::from(u32::MAX))
        };
        blocks * self.block_size
    }

    /// Takes blocks for the parts of a file.
    pub fn allocate(self, ranges: &[(u64, u64)], cursor: &mut Cursor<'_>, runs: &mut Vec<Run>) {
        runs.clear();
        for &(first, number) in ranges {
            let mut done = 0;
            while done < number {
                let most = if self.extents { MOST_OF_EXTENT } else { u64::MAX };
                let (physical, len) = cursor.run((number - done).min(most));
                let run = Run { logical: first + done, physical, len };
                done += len;
                match runs.last_mut() {
                    Some(last)
                        if last.logical + last.len == run.logical
                            && last.physical + last.len == run.physical
                            && last.len + run.len <= most =>
                    {
                        last.len += run.len;
                    }
                    _ => runs.push(run),
                }
            }
        }
    }

    /// How many blocks the map itself needs beside the inode.
    pub fn map_blocks(self, runs: &[Run]) -> u64 {
        if self.extents {
            extent_blocks(runs.len() as u64, self.block_size)
        } else {
            self.number_blocks(runs)
        }
    }

    /// Counts blocks of block numbers: those in whose reach any block is mapped.
    fn number_blocks(self, runs: &[Run]) -> u64 {
        let per = self.block_size / 4;
        let reach = [per, per * per, per * per * per];
        let mut start = DIRECT;
        let mut count = 0;
        for (level, size) in reach.iter().enumerate() {
            // Within this tree, each level's nodes are counted by how often their number changes.
            for unit in &reach[..=level] {
                let mut last = None;
                for run in runs {
                    let from = run.logical.max(start);
                    let to = (run.logical + run.len).min(start + size);
                    if from < to {
                        let (a, b) = ((from - start) / unit, (to - 1 - start) / unit);
                        count += b - a + 1 - u64::from(last == Some(a));
                        last = Some(b);
                    }
                }
            }
            start += size;
        }
        count
    }

    /// Builds the map: gives the 60 bytes of `i_block`; `block` takes each block of the map and says where it lies.
    /// `seed` is the seed of checksums in extent blocks, if there are any.
    ///
    /// # Errors
    /// Those of `block`.
    pub fn build<E>(
        self,
        runs: &[Run],
        seed: Option<u32>,
        block: &mut dyn FnMut(&[u8]) -> Result<u64, E>,
    ) -> Result<[u8; 60], E> {
        if self.extents { self.build_extents(runs, seed, block) } else { self.build_numbers(runs, block) }
    }

    fn build_extents<E>(
        self,
        runs: &[Run],
        seed: Option<u32>,
        block: &mut dyn FnMut(&[u8]) -> Result<u64, E>,
    ) -> Result<[u8; 60], E> {
        let most = entries_per_block(self.block_size) as usize;
        let mut records: Vec<(u32, [u8; 12])> = runs.iter().map(extent).collect();
        let mut depth = 0;
        let mut buffer = vec![0; self.block_size as usize];
        while records.len() > 4 {
            let mut above = Vec::with_capacity(records.len().div_ceil(most));
            for part in records.chunks(most) {
                buffer.fill(0);
                fill_node(&mut buffer, part, most, depth);
                let tail = 12 * (most + 1);
                if let Some(seed) = seed {
                    let sum = crc32c(seed, &buffer[..tail]);
                    buffer[tail..tail + 4].copy_from_slice(&sum.to_le_bytes());
                }
                above.push(index(part[0].0, block(&buffer)?));
            }
            records = above;
            depth += 1;
        }
        let mut root = [0; 60];
        fill_node(&mut root, &records, 4, depth);
        Ok(root)
    }

    fn build_numbers<E>(
        self,
        runs: &[Run],
        block: &mut dyn FnMut(&[u8]) -> Result<u64, E>,
    ) -> Result<[u8; 60], E> {
        let per = self.block_size / 4;
        let mut numbers = Numbers { runs, at: 0, per, block };
        let mut root = [0; 60];
        for (slot, cell) in root.chunks_exact_mut(4).enumerate() {
            let slot = slot as u64;
            let (start, level) = match slot {
                0..DIRECT => (slot, 0),
                12 => (DIRECT, 1),
                13 => (DIRECT + per, 2),
                _ => (DIRECT + per + per * per, 3),
            };
            cell.copy_from_slice(&numbers.subtree(start, level)?.to_le_bytes());
        }
        Ok(root)
    }
}

/// Extents or indexes in a block of an extent tree: a header of 12 bytes, records of 12 bytes, a checksum of 4.
fn entries_per_block(block_size: u64) -> u64 {
    (block_size - 12) / 12
}

fn extent_blocks(extents: u64, block_size: u64) -> u64 {
    let (mut nodes, mut blocks) = (extents, 0);
    while nodes > 4 {
        nodes = nodes.div_ceil(entries_per_block(block_size));
        blocks += nodes;
    }
    blocks
}

/// `struct ext4_extent`: ee_block, ee_len, ee_start_hi, ee_start_lo.
fn extent(run: &Run) -> (u32, [u8; 12]) {
    let mut record = [0; 12];
    let logical = run.logical as u32;
    record[0..4].copy_from_slice(&logical.to_le_bytes());
    record[4..6].copy_from_slice(&(run.len as u16).to_le_bytes());
    record[6..8].copy_from_slice(&((run.physical >> 32) as u16).to_le_bytes());
    record[8..12].copy_from_slice(&(run.physical as u32).to_le_bytes());
    (logical, record)
}

/// `struct ext4_extent_idx`: ei_block, ei_leaf_lo, ei_leaf_hi.
fn index(logical: u32, physical: u64) -> (u32, [u8; 12]) {
    let mut record = [0; 12];
    record[0..4].copy_from_slice(&logical.to_le_bytes());
    record[4..8].copy_from_slice(&(physical as u32).to_le_bytes());
    record[8..10].copy_from_slice(&((physical >> 32) as u16).to_le_bytes());
    (logical, record)
}

/// `struct ext4_extent_header` and its records.
fn fill_node(node: &mut [u8], records: &[(u32, [u8; 12])], most: usize, depth: u16) {
    node[0..2].copy_from_slice(&EXTENT_MAGIC.to_le_bytes());
    node[2..4].copy_from_slice(&(records.len() as u16).to_le_bytes());
    node[4..6].copy_from_slice(&(most as u16).to_le_bytes());
    node[6..8].copy_from_slice(&depth.to_le_bytes());
    for (cell, (_, record)) in node[12..].chunks_exact_mut(12).zip(records) {
        cell.copy_from_slice(record);
    }
}

/// Builds trees of block numbers, children before parents, over runs in ascending order.
struct Numbers<'a, E> {
    runs: &'a [Run],
    /// The first run that is not yet behind.
    at: usize,
    per: u64,
    block: &'a mut dyn FnMut(&[u8]) -> Result<u64, E>,
}

impl<E> Numbers<'_, E> {
    /// The block number that stands for the part of the file from `start` on, with `level` levels below it; 0 for a hole.
    fn subtree(&mut self, start: u64, level: u32) -> Result<u32, E> {
        while self.runs.get(self.at).is_some_and(|run| run.logical + run.len <= start) {
            self.at += 1;
        }
        let Some(run) = self.runs.get(self.at) else { return Ok(0) };
        let reach = self.per.pow(level);
        if run.logical >= start + reach {
            return Ok(0);
        }
        if level == 0 {
            return Ok((run.physical + (start - run.logical)) as u32);
        }
        let mut node = vec![0; self.per as usize * 4];
        for (slot, cell) in node.chunks_exact_mut(4).enumerate() {
            let number = self.subtree(start + slot as u64 * (reach / self.per), level - 1)?;
            cell.copy_from_slice(&number.to_le_bytes());
        }
        Ok((self.block)(&node)? as u32)
    }
}
