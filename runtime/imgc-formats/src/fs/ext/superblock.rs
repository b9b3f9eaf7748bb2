//! The superblock, group descriptors and the journal's superblock as they lie on disk.

use super::{
    checksum::{crc16, crc32c, filesystem_seed},
    directory::HASH_VERSION,
    features::Features,
    geometry::{FIRST_INODE, Geometry, LOG_FLEX},
    inode,
    settings::Settings,
};

/// `s_magic`.
pub const MAGIC: u16 = 0xEF53;
/// Bytes of a superblock.
pub const SIZE: usize = 1024;
/// Where the first superblock lies, in bytes.
pub const OFFSET: u64 = 1024;
/// `EXT2_FLAGS_SIGNED_HASH`: bytes of names count as signed when they are hashed.
const SIGNED_HASH: u32 = 1;

/// What the superblock says that is known only at the end.
#[derive(Clone, Copy, Debug)]
pub struct Totals {
    /// Blocks that are free.
    pub free_blocks: u64,
    /// Inodes that are free.
    pub free_inodes: u64,
    /// The journal's `i_block` and length in bytes, if there is one: kept in case its inode is lost.
    pub journal: Option<([u8; 60], u64)>,
}

/// Encodes the superblock for one of the groups that have it (`struct ext4_super_block`).
pub fn superblock(settings: &Settings, geometry: &Geometry, totals: &Totals, group: u32) -> [u8; SIZE] {
    let mut out = [0; SIZE];
    let features = final_features(settings, geometry, totals);
    sizes(settings, geometry, totals, &mut out);
    identity(settings, &mut out);
    put_halves(&mut out, &[(0x5A, group as u16), (0xCE, geometry.reserved_gdt as u16)]);
    let [compat, incompat, ro_compat] = features.bits();
    put_words(&mut out, &[(0x5C, compat), (0x60, incompat), (0x64, ro_compat)]);
    if let Some((map, size)) = &totals.journal {
        put_words(&mut out, &[(0xE0, inode::JOURNAL), (0x148, (size >> 32) as u32), (0x14C, *size as u32)]);
        // s_jnl_backup_type: EXT3_JNL_BACKUP_BLOCKS, for the case that the journal's inode is lost.
        out[0xFD] = 1;
        out[0x10C..0x148].copy_from_slice(map);
    }
    if features.has(Features::BITS64) {
        put_halves(&mut out, &[(0xFE, geometry.desc_size as u16)]);
    }
    if features.has(Features::FLEX_BG) {
        out[0x174] = LOG_FLEX as u8;
    }
    if features.has(Features::CSUM_SEED) {
        put_words(&mut out, &[(0x270, filesystem_seed(&settings.uuid))]);
    }
    if features.has(Features::METADATA_CSUM) {
        out[0x175] = 1;
        let sum = crc32c(!0, &out[..0x3FC]);
        put_words(&mut out, &[(0x3FC, sum)]);
    }
    out
}

/// The features less those for which this filesystem turned out too small or too large.
fn final_features(settings: &Settings, geometry: &Geometry, totals: &Totals) -> Features {
    let mut features = settings.features;
    if !geometry.resize_inode {
        features = features.without(Features::RESIZE_INODE);
    }
    if totals.journal.is_none() {
        features = features.without(Features::JOURNAL);
    }
    features
}

fn put_words(out: &mut [u8], words: &[(usize, u32)]) {
    for (at, word) in words {
        out[*at..at + 4].copy_from_slice(&word.to_le_bytes());
    }
}

fn put_halves(out: &mut [u8], halves: &[(usize, u16)]) {
    for (at, half) in halves {
        out[*at..at + 2].copy_from_slice(&half.to_le_bytes());
    }
}

/// Numbers and sizes of blocks, groups and inodes.
fn sizes(settings: &Settings, geometry: &Geometry, totals: &Totals, out: &mut [u8]) {
    let (hundreds, rest) = (geometry.blocks / 100, geometry.blocks % 100);
    let reserved = hundreds * settings.reserved_percent + rest * settings.reserved_percent / 100;
    let log_block = (geometry.block_size / 1024).trailing_zeros();
    let words = [
        (0x00, geometry.inodes() as u32),
        (0x04, geometry.blocks as u32),
        (0x08, reserved as u32),
        (0x0C, totals.free_blocks as u32),
        (0x10, totals.free_inodes as u32),
        (0x14, geometry.first as u32),
        (0x18, log_block),
        (0x1C, log_block),
        (0x20, geometry.per_group as u32),
        (0x24, geometry.per_group as u32),
        (0x28, geometry.inodes_per_group),
        (0x54, FIRST_INODE),
        (0x150, (geometry.blocks >> 32) as u32),
        (0x154, (reserved >> 32) as u32),
        (0x158, (totals.free_blocks >> 32) as u32),
    ];
    put_words(out, &words);
    put_halves(out, &[(0x58, settings.inode_size as u16)]);
    if settings.inode_size as usize > inode::OLD_SIZE {
        put_halves(out, &[(0x15C, inode::EXTRA_SIZE), (0x15E, inode::EXTRA_SIZE)]);
    }
}

/// Names, times and what else does not depend on the geometry.
fn identity(settings: &Settings, out: &mut [u8]) {
    let epoch = settings.epoch as u32;
    let words = [
        (0x30, epoch),
        (0x40, epoch),
        (0x48, settings.creator_os),
        // s_rev_level: inodes of any size, features
        (0x4C, 1),
        (0x100, settings.mount_opts),
        (0x108, epoch),
        (0x160, SIGNED_HASH),
    ];
    put_words(out, &words);
    // s_max_mnt_count is -1: never checked merely for its age. s_state is 1: clean.
    put_halves(out, &[(0x36, 0xFFFF), (0x38, MAGIC), (0x3A, 1), (0x3C, settings.errors)]);
    out[0x68..0x78].copy_from_slice(&settings.uuid);
    out[0x78..0x78 + settings.label.len()].copy_from_slice(&settings.label);
    out[0xEC..0xFC].copy_from_slice(&settings.hash_seed);
    out[0xFC] = HASH_VERSION;
    for at in [0x274, 0x276, 0x277] {
        out[at] = (settings.epoch >> 32) as u8;
    }
}

/// `EXT4_BG_INODE_UNINIT`: the inode bitmap and table were never written.
pub const INODE_UNINIT: u16 = 1;
/// `EXT4_BG_BLOCK_UNINIT`: the block bitmap was never written.
pub const BLOCK_UNINIT: u16 = 2;
/// `EXT4_BG_INODE_ZEROED`: the unused part of the inode table is zero.
pub const INODE_ZEROED: u16 = 4;

/// A group descriptor's fields, before they are encoded.
#[derive(Clone, Copy, Debug, Default)]
pub struct Group {
    /// Free blocks.
    pub free_blocks: u32,
    /// Free inodes.
    pub free_inodes: u32,
    /// Directories.
    pub dirs: u32,
    /// Inodes at the end of the table that were never used.
    pub unused_inodes: u32,
    /// `EXT4_BG_*`.
    pub flags: u16,
    /// Checksum of the block bitmap.
    pub block_csum: u32,
    /// Checksum of the inode bitmap.
    pub inode_csum: u32,
}

/// Encodes a group descriptor (`struct ext4_group_desc`).
pub fn descriptor(settings: &Settings, geometry: &Geometry, number: u32, group: &Group, out: &mut [u8]) {
    let place = &geometry.places[number as usize];
    let words = [(0x00, place.block_bitmap), (0x04, place.inode_bitmap), (0x08, place.inode_table)];
    let halves = [
        (0x0C, group.free_blocks),
        (0x0E, group.free_inodes),
        (0x10, group.dirs),
        (0x18, group.block_csum),
        (0x1A, group.inode_csum),
        (0x1C, group.unused_inodes),
    ];
    for (at, word) in words {
        out[at..at + 4].copy_from_slice(&(word as u32).to_le_bytes());
    }
    for (at, half) in halves {
        out[at..at + 2].copy_from_slice(&(half as u16).to_le_bytes());
    }
    out[0x12..0x14].copy_from_slice(&group.flags.to_le_bytes());
    if out.len() >= 64 {
        for (at, word) in words {
            out[at + 0x20..at + 0x24].copy_from_slice(&((word >> 32) as u32).to_le_bytes());
        }
        // The upper halves lie in another order than the lower ones.
        for (at, half) in [0x2C, 0x2E, 0x30, 0x38, 0x3A, 0x32].into_iter().zip(halves) {
            out[at..at + 2].copy_from_slice(&((half.1 >> 16) as u16).to_le_bytes());
        }
    }
    let sum = descriptor_csum(settings, number, out);
    out[0x1E..0x20].copy_from_slice(&sum.to_le_bytes());
}

/// `bg_checksum`, over the number of the group and the descriptor without the checksum itself.
fn descriptor_csum(settings: &Settings, number: u32, out: &[u8]) -> u16 {
    if settings.features.has(Features::METADATA_CSUM) {
        let seed = filesystem_seed(&settings.uuid);
        let sum = crc32c(crc32c(seed, &number.to_le_bytes()), &out[..0x1E]);
        crc32c(crc32c(sum, &[0, 0]), &out[0x20..]) as u16
    } else if settings.features.has(Features::UNINIT_BG) {
        let sum = crc16(crc16(crc16(!0, &settings.uuid), &number.to_le_bytes()), &out[..0x1E]);
        crc16(sum, &out[0x20..])
    } else {
        0
    }
}

/// Encodes the journal's superblock, version 2 (Linux, `include/linux/jbd2.h`, `journal_superblock_s`; big-endian).
pub fn journal_superblock(settings: &Settings, blocks: u64) -> [u8; SIZE] {
    let mut out = [0; SIZE];
    let words = [
        (0x00, 0xC03B_3998),
        (0x04, 4),
        (0x0C, settings.block_size),
        (0x10, blocks as u32),
        (0x14, 1),
        (0x18, 1),
        (0x40, 1),
    ];
    for (at, word) in words {
        out[at..at + 4].copy_from_slice(&u32::to_be_bytes(word));
    }
    out[0x30..0x40].copy_from_slice(&settings.uuid);
    if settings.features.has(Features::METADATA_CSUM) {
        // JBD2_FEATURE_INCOMPAT_CSUM_V3, checksum type CRC-32C
        out[0x28..0x2C].copy_from_slice(&0x10u32.to_be_bytes());
        out[0x50] = 4;
        let sum = crc32c(!0, &out);
        out[0xFC..0x100].copy_from_slice(&sum.to_be_bytes());
    }
    out
}
