//! Inodes as they are read.

use imgc_image::{Failure, Meta};

use super::{
    super::{
        inode::{EXTENTS_FLAG, OLD_SIZE, TYPE_DIR, TYPE_FILE},
        map::Shape,
    },
    Image, damaged, foreign, u16_at, u32_at,
};

/// `S_IFMT`.
const TYPE: u16 = 0o170_000;
/// `EXT4_ENCRYPT_FL`.
const ENCRYPTED: u32 = 0x800;
/// `EXT4_INLINE_DATA_FL`.
const INLINE: u32 = 0x1000_0000;

/// An inode that is in use.
#[derive(Clone, Debug)]
pub struct Inode {
    /// Its number.
    pub number: u32,
    /// `S_IF*`.
    pub kind: u16,
    /// Owner, permissions, time.
    pub meta: Meta,
    /// Length in bytes.
    pub size: u64,
    /// How many names it has.
    pub links: u16,
    /// `EXT4_*_FL`.
    pub flags: u32,
    /// `i_block`.
    pub map: [u8; 60],
    /// The block with its attributes; 0 if there is none.
    pub xattr_block: u64,
    /// What lies behind the large fields: attributes.
    pub tail: Vec<u8>,
}

impl Image<'_> {
    /// Reads an inode that something names.
    ///
    /// # Errors
    /// When there is none of this number, it is not in use, or makes no sense.
    pub fn inode(&self, number: u32) -> Result<Inode, Failure> {
        let raw = self.raw_inode(number)?;
        let mode = u16_at(&raw, 0);
        let kind = mode & TYPE;
        let known =
            [0o010_000, 0o020_000, TYPE_DIR, 0o060_000, TYPE_FILE, 0o120_000, 0o140_000].contains(&kind);
        if !known || u16_at(&raw, 0x1A) == 0 {
            return Err(damaged(format_args!("inode {number} is named, but not in use")));
        }
        let extra = self.extra(&raw).ok_or_else(|| {
            damaged(format_args!("the large fields of inode {number} are longer than the inode"))
        })?;
        let half = |low, high| u32::from(u16_at(&raw, low)) | u32::from(u16_at(&raw, high)) << 16;
        let (mtime, mtime_nanos) = time(&raw, extra);
        let long = kind == TYPE_FILE || (kind == TYPE_DIR && self.large_dirs());
        let high = |at: usize, there: bool| if there { u64::from(u32_at(&raw, at)) } else { 0 };
        let xattr_high = if self.hurd() { 0 } else { u64::from(u16_at(&raw, 0x76)) };
        let mut map = [0; 60];
        map.copy_from_slice(&raw[0x28..0x64]);
        let inode = Inode {
            number,
            kind,
            meta: Meta {
                mode: mode & 0o7777,
                uid: half(0x02, 0x78),
                gid: half(0x18, 0x7A),
                mtime,
                mtime_nanos,
            },
            size: u64::from(u32_at(&raw, 0x04)) | high(0x6C, long) << 32,
            links: u16_at(&raw, 0x1A),
            flags: u32_at(&raw, 0x20),
            map,
            xattr_block: u64::from(u32_at(&raw, 0x68)) | xattr_high << 32,
            tail: raw.get(OLD_SIZE + extra..).unwrap_or_default().to_vec(),
        };
        self.check_inode(&inode)?;
        Ok(inode)
    }

    fn check_inode(&self, inode: &Inode) -> Result<(), Failure> {
        let number = inode.number;
        if inode.flags & INLINE != 0 {
            return Err(foreign("contents inside of inodes", "make it without `inline_data`"));
        }
        if inode.flags & ENCRYPTED != 0 && matches!(inode.kind, TYPE_FILE | TYPE_DIR | 0o120_000) {
            return Err(foreign(
                format_args!("encrypted files (inode {number})"),
                "copy them while it is unlocked",
            ));
        }
        let shape = Shape { extents: inode.extents(), block_size: self.block_size };
        if inode.kind == TYPE_FILE && inode.size > shape.most_bytes() {
            return Err(damaged(format_args!("inode {number} is longer than any file can be")));
        }
        let whole = inode.size.is_multiple_of(self.block_size);
        if inode.kind == TYPE_DIR && (!whole || inode.size / self.block_size > self.blocks) {
            return Err(damaged(format_args!("inode {number} has a length that no directory has")));
        }
        Ok(())
    }

    /// Bytes of the fields behind the first 128; `None` when there is no room for as many as it says.
    fn extra(&self, raw: &[u8]) -> Option<usize> {
        if raw.len() <= OLD_SIZE {
            return Some(0);
        }
        let extra = usize::from(u16_at(raw, 0x80));
        Some(extra).filter(|extra| OLD_SIZE + extra <= raw.len() && extra % 4 == 0)
    }
}

impl Inode {
    /// Whether an extent tree maps it.
    pub fn extents(&self) -> bool {
        self.flags & EXTENTS_FLAG != 0
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.kind == TYPE_DIR
    }

    /// Major and minor number of a device (Linux, `old_decode_dev` and `new_decode_dev`).
    pub fn device(&self) -> (u32, u32) {
        match (u32_at(&self.map, 0), u32_at(&self.map, 4)) {
            (0, new) => (new >> 8 & 0xFFF, new & 0xFF | new >> 12 & 0xF_FF00),
            (old, _) => (old >> 8 & 0xFF, old & 0xFF),
        }
    }
}

/// Seconds and nanoseconds of the last change. The first word is signed; two bits more count whole spans of 2^32 (Linux,
/// `Documentation/filesystems/ext4/inodes.rst`, "Inode Timestamps").
fn time(raw: &[u8], extra: usize) -> (i64, u32) {
    let seconds = i64::from(u32_at(raw, 0x10) as i32);
    if extra < 0x8C - OLD_SIZE {
        return (seconds, 0);
    }
    let more = u32_at(raw, 0x88);
    (seconds + (i64::from(more & 3) << 32), (more >> 2).min(999_999_999))
}
