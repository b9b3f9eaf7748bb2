//! Geometry: how many groups, where their bitmaps and inode tables lie, which blocks are taken before any file.
//!
//! ```text
//! group with a superblock:    | superblock | descriptors | room for more descriptors | ... |
//! flex-bg, first of 16:       ... | 16 block bitmaps | 16 inode bitmaps | 16 inode tables | data |
//! without flex-bg, each:      ... | block bitmap | inode bitmap | inode table | data |
//! ```

use super::{features::Features, settings::Settings};

/// Groups whose metadata lies together: 2^4, mke2fs's default (`s_log_groups_per_flex`).
pub const LOG_FLEX: u32 = 4;
/// The first inode that is not reserved (`s_first_ino`); by custom `lost+found`.
pub const FIRST_INODE: u32 = 11;
/// One inode in so many of the tree's is left free at least, unless their number is given. Changing it changes bytes.
const SPARE_INODES: u64 = 8;
/// Data blocks that the last group must at least have to be worth its metadata (mke2fs: 50).
const LEAST_LAST_GROUP: u64 = 50;

/// Where everything fixed lies. Block numbers are those of the filesystem.
#[derive(Clone, Debug)]
pub struct Geometry {
    /// Bytes of a block.
    pub block_size: u64,
    /// `s_first_data_block`: 1 where the superblock fills block 1.
    pub first: u64,
    /// `s_blocks_count`: may be less than was offered when the last group would be too small.
    pub blocks: u64,
    /// Blocks of a group.
    pub per_group: u64,
    /// Number of groups.
    pub groups: u32,
    /// Inodes of a group.
    pub inodes_per_group: u32,
    /// Blocks of a group's inode table.
    pub table_blocks: u64,
    /// Blocks of the group descriptors.
    pub desc_blocks: u64,
    /// `s_reserved_gdt_blocks`.
    pub reserved_gdt: u64,
    /// Whether there is an inode that owns the room for more descriptors, even if there is none yet.
    pub resize_inode: bool,
    /// Bytes of a group descriptor.
    pub desc_size: u32,
    /// Whether only few groups have a superblock.
    sparse: bool,
    /// Where each group's bitmaps and table lie.
    pub places: Vec<Place>,
    /// What is taken before any file, as [start, end), sorted and merged.
    pub taken: Vec<(u64, u64)>,
}

/// Where a group's bitmaps and inode table lie.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The block bitmap.
    pub block_bitmap: u64,
    /// The inode bitmap.
    pub inode_bitmap: u64,
    /// The first block of the inode table.
    pub inode_table: u64,
}

/// Whether a number is a power of 3, 5 or 7: the groups with copies of the superblock, if only few have them.
pub fn power_of_3_5_7(number: u32) -> bool {
    let power = |base: u32| {
        let mut rest = number.max(1);
        while rest.is_multiple_of(base) {
            rest /= base;
        }
        rest == 1
    };
    power(3) || power(5) || power(7)
}

/// Why there is no geometry for so many blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// At least so many blocks are needed.
    Blocks(u64),
    /// No number of blocks will do: more than block numbers or group descriptors can reach.
    TooLarge,
}

impl Geometry {
    /// Plans `blocks` blocks with at least `inodes` inodes that the tree needs.
    ///
    /// # Errors
    /// The least number of blocks that is worth trying next, or that it is too large.
    pub fn new(settings: &Settings, blocks: u64, inodes: u64) -> Result<Self, Unfit> {
        let block_size = u64::from(settings.block_size);
        let first = u64::from(block_size == 1024);
        let per_group = 8 * block_size;
        let bits64 = settings.features.has(Features::BITS64);
        // 48 bits are what extents and inodes have room for.
        if blocks >= 1 << if bits64 { 48 } else { 32 } {
            return Err(Unfit::TooLarge);
        }
        if blocks < first + 8 {
            return Err(Unfit::Blocks(first + 8));
        }
        let mut geometry = Self {
            block_size,
            first,
            blocks,
            per_group,
            groups: 0,
            inodes_per_group: 0,
            table_blocks: 0,
            desc_blocks: 0,
            reserved_gdt: 0,
            resize_inode: false,
            desc_size: if bits64 { 64 } else { 32 },
            sparse: settings.features.has(Features::SPARSE_SUPER),
            places: Vec::new(),
            taken: Vec::new(),
        };
        loop {
            geometry.size_groups(settings, inodes)?;
            let rest = (geometry.blocks - first) % per_group;
            if geometry.groups == 1 || rest == 0 || rest >= geometry.least_last_group() {
                break;
            }
            geometry.blocks -= rest;
        }
        geometry.place_all(settings.features.has(Features::FLEX_BG))?;
        Ok(geometry)
    }

    /// Sets what follows from the number of blocks.
    fn size_groups(&mut self, settings: &Settings, needed: u64) -> Result<(), Unfit> {
        let groups = (self.blocks - self.first).div_ceil(self.per_group);
        self.groups = u32::try_from(groups).map_err(|_| Unfit::TooLarge)?;
        let most = u64::from(u32::MAX);
        let inode_size = u64::from(settings.inode_size);
        let derived = (self.blocks * self.block_size / settings.bytes_per_inode).min(most);
        // A bitmap is one block, and tables are to leave half of the blocks to files.
        let most_per_group = self.per_group.min(self.per_group / 2 * self.block_size / inode_size);
        let derived = derived.min(groups * most_per_group);
        // A system that starts from it wants to make files, too.
        let spare = needed + needed / SPARE_INODES;
        let inodes = settings.inodes.unwrap_or(derived.max(spare)).max(needed).max(16);
        // The table ends with its last block, its bitmap with a byte.
        let step = (self.block_size / inode_size).max(8);
        let per_group = inodes.div_ceil(groups).next_multiple_of(step);
        if per_group > most_per_group {
            return Err(Unfit::Blocks(
                self.first + (inodes.div_ceil(most_per_group) - 1) * self.per_group + 1,
            ));
        }
        // Inode numbers have 32 bits.
        let per_group = per_group.min(most / groups / step * step);
        if groups * per_group < needed.max(16) {
            return Err(Unfit::TooLarge);
        }
        self.inodes_per_group = per_group as u32;
        self.table_blocks = per_group * inode_size / self.block_size;
        let per_block = self.block_size / u64::from(self.desc_size);
        self.desc_blocks = groups.div_ceil(per_block);
        self.reserved_gdt = 0;
        // The inode that owns the room has block numbers of 32 bits.
        self.resize_inode = settings.features.has(Features::RESIZE_INODE) && self.blocks <= most;
        if self.resize_inode {
            // Room to grow a thousandfold, as mke2fs does, as far as one indirect block reaches.
            let grown = (self.blocks * 1024).min(most) - self.first;
            let wanted = grown.div_ceil(self.per_group).div_ceil(per_block);
            self.reserved_gdt = wanted.saturating_sub(self.desc_blocks).min(self.block_size / 4);
        }
        if self.super_blocks() + 2 + self.table_blocks + 1 > self.per_group {
            return Err(Unfit::TooLarge);
        }
        Ok(())
    }

    /// Blocks of superblock, descriptors and room for more where a group has them.
    fn super_blocks(&self) -> u64 {
        1 + self.desc_blocks + self.reserved_gdt
    }

    fn least_last_group(&self) -> u64 {
        let copy = if self.has_super(self.groups - 1) { self.super_blocks() } else { 0 };
        copy + 2 + self.table_blocks + LEAST_LAST_GROUP
    }

    /// The least number of blocks of which one more group would be kept than now.
    pub fn next_group(&self) -> u64 {
        let start = self.first + u64::from(self.groups) * self.per_group;
        let copy = if self.has_super(self.groups) { self.super_blocks() } else { 0 };
        // The inodes spread over one group more.
        let groups = u64::from(self.groups);
        let table = self.table_blocks * groups / (groups + 1);
        (start + copy + 2 + table + LEAST_LAST_GROUP).max(self.blocks + 1)
    }

    /// Whether a group has a superblock and descriptors: all, or 0, 1 and the powers of 3, 5 and 7.
    pub fn has_super(&self, group: u32) -> bool {
        !self.sparse || group <= 1 || power_of_3_5_7(group)
    }

    /// The first block of a group.
    pub fn group_start(&self, group: u32) -> u64 {
        self.first + u64::from(group) * self.per_group
    }

    /// The number of blocks in a group: only the last one can have fewer.
    pub fn group_blocks(&self, group: u32) -> u64 {
        self.per_group.min(self.blocks - self.group_start(group))
    }

    /// The group of a block.
    pub fn group_of(&self, block: u64) -> u32 {
        ((block - self.first) / self.per_group) as u32
    }

    /// Inodes in all.
    pub fn inodes(&self) -> u64 {
        u64::from(self.groups) * u64::from(self.inodes_per_group)
    }

    /// The end of the superblock area of a group.
    fn super_end(&self, group: u32) -> u64 {
        self.group_start(group) + if self.has_super(group) { self.super_blocks() } else { 0 }
    }

    fn place_all(&mut self, flex: bool) -> Result<(), Unfit> {
        let step = if flex { 1 << LOG_FLEX } else { 1 };
        let mut metadata = Vec::new();
        self.places.reserve_exact(self.groups as usize);
        let mut from = 0;
        while from < self.groups {
            let to = from.saturating_add(step).min(self.groups);
            self.place_flex(from, to, &mut metadata);
            from = to;
        }
        let end = metadata.iter().map(|(_, end)| *end).max().unwrap_or(0);
        if end > self.blocks {
            return Err(Unfit::Blocks(end));
        }
        for group in 0..self.groups {
            if self.has_super(group) {
                metadata.push((self.group_start(group), self.super_end(group)));
            }
        }
        metadata.sort_unstable();
        for (start, end) in metadata {
            match self.taken.last_mut() {
                Some(last) if last.1 == start => last.1 = end,
                _ => self.taken.push((start, end)),
            }
        }
        Ok(())
    }

    /// Places the metadata of groups `from..to` one after the other from the start of the first.
    fn place_flex(&mut self, from: u32, to: u32, metadata: &mut Vec<(u64, u64)>) {
        let mut next = self.super_end(from);
        let mut take = |this: &Self, blocks: u64| {
            let start = this.skip_supers(next, blocks);
            next = start + blocks;
            metadata.push((start, next));
            start
        };
        let block_bitmaps: Vec<u64> = (from..to).map(|_| take(self, 1)).collect();
        let inode_bitmaps: Vec<u64> = (from..to).map(|_| take(self, 1)).collect();
        for (block_bitmap, inode_bitmap) in block_bitmaps.into_iter().zip(inode_bitmaps) {
            let inode_table = take(self, self.table_blocks);
            self.places.push(Place { block_bitmap, inode_bitmap, inode_table });
        }
    }

    /// The first place from `at` on where `blocks` blocks meet no superblock area.
    fn skip_supers(&self, mut at: u64, blocks: u64) -> u64 {
        loop {
            let last = self.group_of(at + blocks - 1);
            let hit = (self.group_of(at)..=last).rev().find(|group| {
                self.super_end(*group) > at
                    && self.group_start(*group) < at + blocks
                    && self.has_super(*group)
            });
            match hit {
                Some(group) => at = self.super_end(group),
                None => return at,
            }
        }
    }

    /// Blocks of a group that are taken before any file.
    pub fn taken_in(&self, group: u32) -> impl Iterator<Item = (u64, u64)> + '_ {
        let (from, to) = (self.group_start(group), self.group_start(group) + self.group_blocks(group));
        let start = self.taken.partition_point(|(_, end)| *end <= from);
        self.taken[start..]
            .iter()
            .take_while(move |(at, _)| *at < to)
            .map(move |(at, end)| ((*at).max(from), (*end).min(to)))
    }

    /// Whether other groups' bitmaps or tables lie in this group, so that a kernel cannot guess its bitmap.
    pub fn hosts_others(&self, group: u32) -> bool {
        let own = self.places[group as usize];
        let (from, to) = (self.group_start(group), self.group_start(group) + self.group_blocks(group));
        let inside = |block: u64, len: u64| block.min(to).max(from)..(block + len).min(to).max(from);
        let size = |range: std::ops::Range<u64>| range.end - range.start;
        let mut mine = size(inside(own.block_bitmap, 1)) + size(inside(own.inode_bitmap, 1));
        mine += size(inside(own.inode_table, self.table_blocks));
        mine += if self.has_super(group) { self.super_blocks() } else { 0 };
        self.taken_in(group).map(|(start, end)| end - start).sum::<u64>() > mine
    }
}

/// Hands out free blocks in ascending order; past the end it goes on, so that one sees how much is missing.
#[derive(Clone, Debug)]
pub struct Cursor<'g> {
    geometry: &'g Geometry,
    /// The next block that may be free.
    next: u64,
    /// The first entry of `taken` that ends after `next`.
    ahead: usize,
}

impl<'g> Cursor<'g> {
    /// Starts at the first free block.
    pub fn new(geometry: &'g Geometry) -> Self {
        Self { geometry, next: geometry.first, ahead: 0 }
    }

    /// Takes the next free blocks that lie together, at most `want` (which is not 0): (first, number).
    pub fn run(&mut self, want: u64) -> (u64, u64) {
        while let Some(&(start, end)) = self.geometry.taken.get(self.ahead) {
            if self.next < start {
                let (first, len) = (self.next, want.min(start - self.next));
                self.next += len;
                return (first, len);
            }
            self.next = self.next.max(end);
            self.ahead += 1;
        }
        let first = self.next;
        self.next += want;
        (first, want)
    }

    /// Takes one block.
    pub fn one(&mut self) -> u64 {
        self.run(1).0
    }

    /// Takes so many blocks, wherever they lie.
    pub fn skip(&mut self, mut blocks: u64) {
        while blocks > 0 {
            blocks -= self.run(blocks).1;
        }
    }

    /// Blocks before this one are taken; after it only those of the geometry.
    pub fn frontier(&self) -> u64 {
        self.next
    }

    /// How many blocks were handed out that are not there.
    pub fn missing(&self) -> u64 {
        self.next.saturating_sub(self.geometry.blocks)
    }
}
