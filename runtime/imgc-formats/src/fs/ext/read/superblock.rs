//! The superblock and the group descriptors as they are read.

use std::cell::RefCell;

use imgc_image::{Failure, ReadAt};

use super::{
    super::{
        geometry::power_of_3_5_7,
        settings::Flavour,
        superblock::{MAGIC, OFFSET, SIZE},
    },
    damaged, foreign, u16_at, u32_at,
};

/// `EXT2_FEATURE_INCOMPAT_META_BG`: group descriptors lie in their groups.
const META_BG: u32 = 0x10;
/// `EXT4_FEATURE_INCOMPAT_64BIT`.
const BITS64: u32 = 0x80;
/// `EXT4_FEATURE_INCOMPAT_LARGEDIR`: directories of 4 GiB and more.
const LARGE_DIR: u32 = 0x4000;
/// `EXT4_FEATURE_COMPAT_SPARSE_SUPER2`: two groups with copies, named in the superblock.
const SPARSE_SUPER2: u32 = 0x200;
/// `EXT4_FEATURE_RO_COMPAT_BIGALLOC`: bitmaps count clusters of several blocks.
const BIGALLOC: u32 = 0x200;
/// What an ext2 or ext3 of Linux has at the most: filetype, recover and meta_bg; sparse_super, large_file and btree_dir
/// (libblkid, `superblocks/ext.c`).
const OLD: [u32; 2] = [0x2 | 0x4 | META_BG, 0x7];
/// `s_feature_incompat` that can be read: filetype, meta_bg, extents, 64bit, mmp, flex_bg, ea_inode, csum_seed, largedir,
/// encrypt (where it is not used), casefold.
const READABLE: u32 =
    0x2 | META_BG | 0x40 | BITS64 | 0x100 | 0x200 | 0x400 | 0x2000 | LARGE_DIR | 0x1_0000 | 0x2_0000;
/// Those that cannot, and what would help.
const UNREADABLE: &[(u32, &str, &str)] = &[
    (0x1, "compression", "copy its files into one without"),
    (0x4, "changes in its journal that were not written back", "mount and unmount it, or run e2fsck, first"),
    (0x8, "only a journal, which belongs to another filesystem", "inspect that one"),
    (0x1000, "data in directory entries", "make it without `dirdata`"),
    (0x8000, "contents inside of inodes", "make it without `inline_data`"),
];
/// The most groups: 512 TiB with blocks of 4 KiB.
const MOST_GROUPS: u64 = 1 << 22;

/// A filesystem whose superblock and descriptors make sense.
pub struct Image<'a> {
    io: &'a dyn ReadAt,
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
    desc_size: u64,
    /// `s_feature_compat`, `_incompat`, `_ro_compat`.
    features: [u32; 3],
    /// Where each group's inode table starts.
    tables: Vec<u64>,
    /// The block of an inode table that was read last.
    recent: RefCell<(u64, Vec<u8>)>,
}

impl<'a> Image<'a> {
    /// Reads superblock and descriptors; `None` when this is no ext filesystem.
    ///
    /// # Errors
    /// When it is, but damaged, or has what is not understood.
    pub fn open(io: &'a dyn ReadAt) -> Result<Option<Self>, Failure> {
        if io.len() < OFFSET + SIZE as u64 {
            return Ok(None);
        }
        let mut sb = vec![0; SIZE];
        io.read_at(OFFSET, &mut sb)?;
        if u16_at(&sb, 0x38) != MAGIC {
            return Ok(None);
        }
        // Revision 0 has no features and inodes of 128 bytes.
        let dynamic = u32_at(&sb, 0x4C) > 0;
        let features = if dynamic { [0x5C, 0x60, 0x64].map(|at| u32_at(&sb, at)) } else { [0; 3] };
        check_features(features[1])?;
        let bits64 = features[1] & BITS64 != 0;
        let high = if bits64 { u64::from(u32_at(&sb, 0x150)) << 32 } else { 0 };
        let mut image = Self {
            io,
            block_size: 1024u64.checked_shl(u32_at(&sb, 0x18)).unwrap_or(0),
            blocks: u64::from(u32_at(&sb, 0x04)) | high,
            first: u64::from(u32_at(&sb, 0x14)),
            per_group: u64::from(u32_at(&sb, 0x20)),
            inodes_per_group: u32_at(&sb, 0x28),
            inode_size: if dynamic { u64::from(u16_at(&sb, 0x58)) } else { 128 },
            desc_size: if bits64 { u64::from(u16_at(&sb, 0xFE)) } else { 32 },
            features,
            tables: Vec::new(),
            recent: RefCell::default(),
            superblock: sb,
        };
        image.check()?;
        image.tables = image.read_tables()?;
        Ok(Some(image))
    }

    fn check(&self) -> Result<(), Failure> {
        // With clusters a group has as many of them as its bitmap has bits.
        let most_blocks =
            if self.features[2] & BIGALLOC == 0 { 8 * self.block_size } else { u64::from(u32::MAX) };
        let least_desc = if self.features[1] & BITS64 == 0 { 32 } else { 64 };
        let sound = (1024..=65_536).contains(&self.block_size)
            && self.first <= 1
            && self.first < self.blocks
            && (1..=most_blocks).contains(&self.per_group)
            && (1..=8 * self.block_size).contains(&u64::from(self.inodes_per_group))
            && (128..=self.block_size).contains(&self.inode_size)
            && self.inode_size.is_power_of_two()
            && (least_desc..=1024).contains(&self.desc_size)
            && self.desc_size.is_power_of_two();
        if !sound {
            return Err(damaged("the superblock contradicts itself"));
        }
        if self.blocks.checked_mul(self.block_size).is_none_or(|len| len > self.io.len()) {
            return Err(damaged("it is longer than what holds it"));
        }
        if self.groups() > MOST_GROUPS {
            return Err(foreign(format!("{} groups", self.groups()), "make it with larger blocks"));
        }
        if u64::from(self.inodes()) != self.groups() * u64::from(self.inodes_per_group) {
            return Err(damaged("its groups have another number of inodes than it says"));
        }
        Ok(())
    }

    /// Reads where the inode tables lie, and checks all places of all descriptors.
    fn read_tables(&self) -> Result<Vec<u64>, Failure> {
        let table = (u64::from(self.inodes_per_group) * self.inode_size).div_ceil(self.block_size);
        let mut tables = Vec::new();
        let (per, size) = (self.block_size / self.desc_size, self.desc_size as usize);
        for number in 0..self.groups().div_ceil(per) {
            let block = self.block(self.descriptor_block(number))?;
            let groups = per.min(self.groups() - number * per) as usize;
            for (at, descriptor) in block.chunks_exact(size).take(groups).enumerate() {
                let place = |at: usize| self.number_in(descriptor, at);
                let inside = |start: u64, len: u64| start > 0 && start.saturating_add(len) <= self.blocks;
                if !inside(place(0), 1) || !inside(place(4), 1) || !inside(place(8), table) {
                    let group = number * per + at as u64;
                    return Err(damaged(format_args!(
                        "the bitmaps or inodes of group {group} are past its end"
                    )));
                }
                tables.push(place(8));
            }
        }
        Ok(tables)
    }

    /// A number of a descriptor whose upper half lies 32 bytes on, if there is one.
    fn number_in(&self, descriptor: &[u8], at: usize) -> u64 {
        let high = if self.desc_size >= 64 { u64::from(u32_at(descriptor, at + 0x20)) << 32 } else { 0 };
        u64::from(u32_at(descriptor, at)) | high
    }

    /// The block that holds so many-eth block of descriptors (Linux, `fs/ext4/super.c`, `descriptor_loc`).
    fn descriptor_block(&self, number: u64) -> u64 {
        let first_meta = u64::from(u32_at(&self.superblock, 0x104));
        if self.features[1] & META_BG == 0 || number < first_meta {
            // Behind the superblock, which fills block 1 where blocks have 1 KiB.
            return u64::from(self.block_size == 1024) + 1 + number;
        }
        let group = number * (self.block_size / self.desc_size);
        let early = self.block_size == 1024 && self.first == 0 && number == 0;
        self.first + group * self.per_group + u64::from(self.has_super(group)) + u64::from(early)
    }

    /// Whether a group starts with a copy of the superblock.
    fn has_super(&self, group: u64) -> bool {
        if self.features[0] & SPARSE_SUPER2 != 0 {
            let copies = [0x24C, 0x250].map(|at| u64::from(u32_at(&self.superblock, at)));
            return group == 0 || copies.contains(&group);
        }
        let sparse = self.features[2] & 1 != 0;
        !sparse || group <= 1 || power_of_3_5_7(u32::try_from(group).unwrap_or(0))
    }

    /// Number of groups.
    pub fn groups(&self) -> u64 {
        (self.blocks - self.first).div_ceil(self.per_group)
    }

    /// Number of inodes.
    fn inodes(&self) -> u32 {
        u32_at(&self.superblock, 0)
    }

    /// What Linux would mount it as, going by its features.
    pub fn flavour(&self) -> Flavour {
        let [compat, incompat, ro_compat] = self.features;
        match incompat & !OLD[0] != 0 || ro_compat & !OLD[1] != 0 {
            true => Flavour::Ext4,
            false if compat & 0x4 != 0 => Flavour::Ext3,
            false => Flavour::Ext2,
        }
    }

    /// Whether the upper halves of directories' lengths count.
    pub fn large_dirs(&self) -> bool {
        self.features[1] & LARGE_DIR != 0
    }

    /// Whether the Hurd made it, whose inodes have other fields where Linux has upper halves.
    pub fn hurd(&self) -> bool {
        u32_at(&self.superblock, 0x48) == 1
    }

    /// How many blocks are free, as far as that is said in blocks and makes sense.
    pub fn free(&self) -> Option<u64> {
        let high = if self.features[1] & BITS64 != 0 { u32_at(&self.superblock, 0x158) } else { 0 };
        let free = u64::from(u32_at(&self.superblock, 0x0C)) | u64::from(high) << 32;
        Some(free).filter(|free| *free <= self.blocks && self.features[2] & BIGALLOC == 0)
    }

    /// Fills `buf` from the start of a block on, which may be the first of several.
    ///
    /// # Errors
    /// When that is past the end or cannot be read.
    pub fn read(&self, block: u64, offset: u64, buf: &mut [u8]) -> Result<(), Failure> {
        let at = block.checked_mul(self.block_size).and_then(|at| at.checked_add(offset));
        let inside = |at: &u64| {
            at.checked_add(buf.len() as u64).is_some_and(|end| end <= self.blocks * self.block_size)
        };
        let at = at.filter(inside).ok_or_else(|| damaged(format_args!("block {block} is past its end")))?;
        Ok(self.io.read_at(at, buf)?)
    }

    /// Reads a block.
    ///
    /// # Errors
    /// As [`Image::read`].
    pub fn block(&self, number: u64) -> Result<Vec<u8>, Failure> {
        let mut bytes = vec![0; self.block_size as usize];
        self.read(number, 0, &mut bytes)?;
        Ok(bytes)
    }

    /// Reads a group descriptor, stretched to 64 bytes.
    ///
    /// # Errors
    /// As [`Image::read`].
    pub fn descriptor(&self, group: u64) -> Result<Vec<u8>, Failure> {
        let per = self.block_size / self.desc_size;
        let block = self.block(self.descriptor_block(group / per))?;
        let at = (group % per * self.desc_size) as usize;
        let mut bytes = block[at..at + self.desc_size as usize].to_vec();
        bytes.resize(bytes.len().max(64), 0);
        Ok(bytes)
    }

    /// The byte at which an inode lies.
    ///
    /// # Errors
    /// When there is none of this number.
    pub fn inode_at(&self, number: u32) -> Result<u64, Failure> {
        let index = number.checked_sub(1).filter(|index| *index < self.inodes());
        let index = index.ok_or_else(|| damaged(format_args!("there is no inode {number}")))?;
        let (group, index) = (index / self.inodes_per_group, index % self.inodes_per_group);
        Ok(self.tables[group as usize] * self.block_size + u64::from(index) * self.inode_size)
    }

    /// Reads an inode as it lies there.
    ///
    /// # Errors
    /// When there is none of this number, or it cannot be read.
    pub fn raw_inode(&self, number: u32) -> Result<Vec<u8>, Failure> {
        let at = self.inode_at(number)?;
        let mut recent = self.recent.borrow_mut();
        if recent.1.is_empty() || recent.0 != at / self.block_size {
            *recent = (at / self.block_size, self.block(at / self.block_size)?);
        }
        let start = (at % self.block_size) as usize;
        Ok(recent.1[start..start + self.inode_size as usize].to_vec())
    }

    /// The first inode that a directory may name, apart from the root's.
    pub fn first_inode(&self) -> u32 {
        let dynamic = u32_at(&self.superblock, 0x4C) > 0;
        if dynamic { u32_at(&self.superblock, 0x54) } else { super::super::geometry::FIRST_INODE }
    }
}

fn check_features(incompat: u32) -> Result<(), Failure> {
    if let Some((_, what, help)) = UNREADABLE.iter().find(|(bit, ..)| incompat & bit != 0) {
        return Err(foreign(what, help));
    }
    match incompat & !READABLE {
        0 => Ok(()),
        bits => Err(foreign(format_args!("the features {bits:#x}"), "make it with fewer features")),
    }
}
