//! Reading an image back, every field taken for hostile: for the dump.

use imgc_image::{Failure, Problem, ReadAt};

use super::{
    inode::EXTENTS_FLAG,
    map::{EXTENT_MAGIC, Run},
    superblock::{MAGIC, OFFSET, SIZE},
};

/// The most blocks of maps that are read for one inode: a map that names itself ends here.
const MOST_MAP_BLOCKS: usize = 1 << 20;

/// An image with what its superblock says.
pub struct Volume<'a> {
    image: &'a dyn ReadAt,
    /// The superblock.
    pub superblock: Vec<u8>,
    /// Bytes of a block.
    pub block_size: u64,
    /// `s_blocks_count`.
    pub blocks: u64,
    /// `s_first_data_block`.
    pub first: u64,
    /// Blocks of a group.
    pub per_group: u64,
    /// Inodes of a group.
    pub inodes_per_group: u32,
    /// Bytes of an inode.
    pub inode_size: u64,
    /// Bytes of a group descriptor.
    pub desc_size: u64,
}

/// Reads a little-endian number of 16 bits.
pub fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// Reads a little-endian number of 32 bits.
pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn damaged(what: &str) -> Failure {
    Problem::new("not-ext", format!("this is not an ext filesystem: {what}")).into()
}

impl<'a> Volume<'a> {
    /// Reads the superblock.
    ///
    /// # Errors
    /// When it cannot be read, is none, or makes no sense.
    pub fn open(image: &'a dyn ReadAt) -> Result<Self, Failure> {
        if image.len() < OFFSET + SIZE as u64 {
            return Err(damaged("it is too short"));
        }
        let mut sb = vec![0; SIZE];
        image.read_at(OFFSET, &mut sb)?;
        if u16_at(&sb, 0x38) != MAGIC {
            return Err(damaged("the superblock has no magic number"));
        }
        let log = u32_at(&sb, 0x18);
        let incompat = u32_at(&sb, 0x60);
        let bits64 = incompat & 0x80 != 0;
        let dynamic = u32_at(&sb, 0x4C) > 0;
        let high = if bits64 { u64::from(u32_at(&sb, 0x150)) << 32 } else { 0 };
        let volume = Self {
            image,
            block_size: 1024u64.checked_shl(log).unwrap_or(0),
            blocks: u64::from(u32_at(&sb, 0x04)) | high,
            first: u64::from(u32_at(&sb, 0x14)),
            per_group: u64::from(u32_at(&sb, 0x20)),
            inodes_per_group: u32_at(&sb, 0x28),
            inode_size: if dynamic { u64::from(u16_at(&sb, 0x58)) } else { 128 },
            desc_size: if bits64 { u64::from(u16_at(&sb, 0xFE)) } else { 32 },
            superblock: sb,
        };
        volume.check()?;
        Ok(volume)
    }

    fn check(&self) -> Result<(), Failure> {
        let sound = (1024..=65_536).contains(&self.block_size)
            && self.first < self.blocks
            && self.blocks.checked_mul(self.block_size).is_some_and(|len| len <= self.image.len())
            && (1..=8 * self.block_size).contains(&self.per_group)
            && (1..=8 * self.block_size).contains(&u64::from(self.inodes_per_group))
            && (128..=self.block_size).contains(&self.inode_size)
            && (32..=1024).contains(&self.desc_size)
            && self.groups() <= u64::from(u32::MAX);
        if sound { Ok(()) } else { Err(damaged("the superblock contradicts itself or the length")) }
    }

    /// Number of groups.
    pub fn groups(&self) -> u64 {
        (self.blocks - self.first).div_ceil(self.per_group)
    }

    /// Reads a block.
    ///
    /// # Errors
    /// When it is past the end or cannot be read.
    pub fn block(&self, number: u64) -> Result<Vec<u8>, Failure> {
        if number >= self.blocks {
            return Err(damaged(&format!("block {number} is past the end")));
        }
        let mut bytes = vec![0; self.block_size as usize];
        self.image.read_at(number * self.block_size, &mut bytes)?;
        Ok(bytes)
    }

    /// Reads a group descriptor, stretched to 64 bytes.
    ///
    /// # Errors
    /// As [`Volume::block`].
    pub fn descriptor(&self, group: u64) -> Result<Vec<u8>, Failure> {
        let at = (self.first + 1) * self.block_size + group * self.desc_size;
        let mut bytes = vec![0; self.desc_size as usize];
        if at + self.desc_size > self.image.len() {
            return Err(damaged("the group descriptors are past the end"));
        }
        self.image.read_at(at, &mut bytes)?;
        bytes.resize(bytes.len().max(64), 0);
        Ok(bytes)
    }

    /// Reads an inode, given its group's table and its index in it.
    ///
    /// # Errors
    /// As [`Volume::block`].
    pub fn inode(&self, table: u64, index: u32) -> Result<Vec<u8>, Failure> {
        let offset = u64::from(index) * self.inode_size;
        let block = self.block(table.saturating_add(offset / self.block_size))?;
        let at = (offset % self.block_size) as usize;
        Ok(block
            .get(at..at + self.inode_size as usize)
            .ok_or_else(|| damaged("an inode crosses a block"))?
            .to_vec())
    }

    /// The runs of an inode's blocks, and the blocks of its map.
    ///
    /// # Errors
    /// When the map is damaged.
    pub fn runs(&self, inode: &[u8]) -> Result<(Vec<Run>, Vec<u64>), Failure> {
        let mut mapping = Mapping { volume: self, runs: Vec::new(), own: Vec::new() };
        let root = &inode[0x28..0x64];
        if u32_at(inode, 0x20) & EXTENTS_FLAG != 0 {
            mapping.extents(root, 5)?;
        } else {
            let per = self.block_size / 4;
            for slot in 0..15 {
                let number = u64::from(u32_at(root, slot as usize * 4));
                let (start, level) = match slot {
                    0..12 => (slot, 0),
                    12 => (12, 1),
                    13 => (12 + per, 2),
                    _ => (12 + per + per * per, 3),
                };
                mapping.numbers(number, start, level)?;
            }
        }
        Ok((mapping.runs, mapping.own))
    }
}

/// A map as it is read.
struct Mapping<'v, 'a> {
    volume: &'v Volume<'a>,
    runs: Vec<Run>,
    own: Vec<u64>,
}

impl Mapping<'_, '_> {
    fn own(&mut self, number: u64) -> Result<Vec<u8>, Failure> {
        if self.own.len() >= MOST_MAP_BLOCKS {
            return Err(damaged("a file's map does not end"));
        }
        self.own.push(number);
        self.volume.block(number)
    }

    fn push(&mut self, run: Run) {
        match self.runs.last_mut() {
            Some(last)
                if last.logical + last.len == run.logical && last.physical + last.len == run.physical =>
            {
                last.len += run.len;
            }
            _ => self.runs.push(run),
        }
    }

    fn extents(&mut self, node: &[u8], depth_left: u16) -> Result<(), Failure> {
        let (count, depth) = (usize::from(u16_at(node, 2)), u16_at(node, 6));
        if u16_at(node, 0) != EXTENT_MAGIC || depth > depth_left || 12 * (count + 1) > node.len() {
            return Err(damaged("an extent tree is damaged"));
        }
        for record in node[12..].chunks_exact(12).take(count) {
            let logical = u64::from(u32_at(record, 0));
            if depth == 0 {
                let len = match u64::from(u16_at(record, 4)) {
                    // Longer than this means: not initialised.
                    len @ 0..=0x8000 => len,
                    len => len - 0x8000,
                };
                let physical = u64::from(u32_at(record, 8)) | u64::from(u16_at(record, 6)) << 32;
                self.push(Run { logical, physical, len });
            } else {
                let below = u64::from(u32_at(record, 4)) | u64::from(u16_at(record, 8)) << 32;
                let node = self.own(below)?;
                self.extents(&node, depth - 1)?;
            }
        }
        Ok(())
    }

    fn numbers(&mut self, number: u64, start: u64, level: u32) -> Result<(), Failure> {
        if number == 0 {
            return Ok(());
        }
        if level == 0 {
            self.push(Run { logical: start, physical: number, len: 1 });
            return Ok(());
        }
        let node = self.own(number)?;
        let reach = (self.volume.block_size / 4).pow(level - 1);
        for (slot, cell) in node.chunks_exact(4).enumerate() {
            self.numbers(u64::from(u32_at(cell, 0)), start + slot as u64 * reach, level - 1)?;
        }
        Ok(())
    }
}
