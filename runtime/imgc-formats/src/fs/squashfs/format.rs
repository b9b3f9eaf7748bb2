//! SquashFS 4.0 as it lies on disk: constants and the superblock (Linux `fs/squashfs/squashfs_fs.h`).

/// "hsqs", the first bytes.
pub const MAGIC: u32 = 0x7371_7368;
/// Where the superblock ends, in bytes.
pub const SUPERBLOCK: u64 = 96;
/// The most bytes that a metadata block unpacks to.
pub const METADATA: usize = 8192;
/// In a metadata block's header: it is stored as it is.
pub const METADATA_RAW: u16 = 1 << 15;
/// In the size of a data block or fragment: it is stored as it is.
pub const DATA_RAW: u32 = 1 << 24;
/// "There is no such table."
pub const NO_TABLE: u64 = u64::MAX;
/// "No fragment" and "no extended attributes".
pub const NONE: u32 = u32::MAX;
/// What a directory's size counts beyond its listing: `.` and `..`, as the kernel pretends.
pub const DIRECTORY_EXTRA: u32 = 3;
/// The most names under one header of a directory listing (`SQUASHFS_DIR_COUNT`).
pub const DIRECTORY_RUN: usize = 256;
/// The most ids: their count is 16 bits wide in the superblock.
pub const MAX_IDS: usize = 65_535;
/// An image's length is a multiple of this, so that a loop device or partition takes it whole; as mksquashfs pads.
pub const PADDING: u64 = 4096;
/// The longest target that Linux follows: `PATH_MAX` without the NUL byte; the kernel refuses images with longer ones.
pub const MAX_TARGET: usize = 4095;

/// The prefixes of names of extended attributes, by their number in `type` (`SQUASHFS_XATTR_USER` and so on).
pub const PREFIXES: [&[u8]; 3] = [b"user.", b"trusted.", b"security."];
/// In an attribute's `type`: its value is a reference to where it lies (`SQUASHFS_XATTR_VALUE_OOL`).
pub const OUT_OF_LINE: u16 = 1 << 8;

/// Kinds of inodes; extended ones are 7 more.
pub mod inode {
    /// A directory.
    pub const DIR: u16 = 1;
    /// A file.
    pub const FILE: u16 = 2;
    /// A symbolic link.
    pub const SYMLINK: u16 = 3;
    /// A block device.
    pub const BLOCK: u16 = 4;
    /// A character device.
    pub const CHAR: u16 = 5;
    /// A named pipe.
    pub const FIFO: u16 = 6;
    /// A socket.
    pub const SOCKET: u16 = 7;
    /// What makes a basic kind an extended one.
    pub const EXTENDED: u16 = 7;
}

/// Bits of the superblock's `flags`.
pub mod flag {
    /// Inodes are not compressed.
    pub const RAW_INODES: u16 = 1 << 0;
    /// Data is not compressed.
    pub const RAW_DATA: u16 = 1 << 1;
    /// Fragments are not compressed.
    pub const RAW_FRAGMENTS: u16 = 1 << 3;
    /// There are no fragments.
    pub const NO_FRAGMENTS: u16 = 1 << 4;
    /// Ends of large files are in fragments, too.
    pub const ALWAYS_FRAGMENTS: u16 = 1 << 5;
    /// Equal contents are stored once.
    pub const DUPLICATES: u16 = 1 << 6;
    /// There is a table from inode numbers to inodes.
    pub const EXPORTABLE: u16 = 1 << 7;
    /// Extended attributes are not compressed.
    pub const RAW_XATTRS: u16 = 1 << 8;
    /// Extended attributes were left out on purpose.
    pub const NO_XATTRS: u16 = 1 << 9;
    /// The compressor's options follow the superblock.
    pub const COMPRESSOR_OPTIONS: u16 = 1 << 10;
    /// Ids are not compressed.
    pub const RAW_IDS: u16 = 1 << 11;
    /// The bits and how a dump calls them.
    pub const NAMES: [(u16, &str); 11] = [
        (RAW_INODES, "raw-inodes"),
        (RAW_DATA, "raw-data"),
        (RAW_FRAGMENTS, "raw-fragments"),
        (NO_FRAGMENTS, "no-fragments"),
        (ALWAYS_FRAGMENTS, "always-fragments"),
        (DUPLICATES, "duplicates"),
        (EXPORTABLE, "exportable"),
        (RAW_XATTRS, "raw-xattrs"),
        (NO_XATTRS, "no-xattrs"),
        (COMPRESSOR_OPTIONS, "compressor-options"),
        (RAW_IDS, "raw-ids"),
    ];
}

/// `struct squashfs_super_block`; little-endian. The specification explains the fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Superblock {
    pub inodes: u32,
    pub mkfs_time: u32,
    pub block_size: u32,
    pub fragments: u32,
    pub compression: u16,
    pub flags: u16,
    pub no_ids: u16,
    pub root_inode: u64,
    pub bytes_used: u64,
    pub id_table_start: u64,
    pub xattr_id_table_start: u64,
    pub inode_table_start: u64,
    pub directory_table_start: u64,
    pub fragment_table_start: u64,
    pub lookup_table_start: u64,
}

impl Superblock {
    /// The 96 bytes.
    pub fn encode(&self) -> Vec<u8> {
        let log = self.block_size.trailing_zeros() as u16;
        let mut out = Vec::with_capacity(96);
        for word in [MAGIC, self.inodes, self.mkfs_time, self.block_size, self.fragments] {
            out.extend(word.to_le_bytes());
        }
        for half in [self.compression, log, self.flags, self.no_ids, 4, 0] {
            out.extend(half.to_le_bytes());
        }
        for long in [
            self.root_inode,
            self.bytes_used,
            self.id_table_start,
            self.xattr_id_table_start,
            self.inode_table_start,
            self.directory_table_start,
            self.fragment_table_start,
            self.lookup_table_start,
        ] {
            out.extend(long.to_le_bytes());
        }
        out
    }

    /// Reads it; `None` when the magic or the version is another. What the fields say is not checked.
    pub fn decode(bytes: &[u8; 96]) -> Option<Self> {
        let half = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let word = |at: usize| u32::from(half(at)) | u32::from(half(at + 2)) << 16;
        let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        if (word(0), half(28), half(30)) != (MAGIC, 4, 0) {
            return None;
        }
        Some(Self {
            inodes: word(4),
            mkfs_time: word(8),
            block_size: word(12),
            fragments: word(16),
            compression: half(20),
            flags: half(24),
            no_ids: half(26),
            root_inode: long(32),
            bytes_used: long(40),
            id_table_start: long(48),
            xattr_id_table_start: long(56),
            inode_table_start: long(64),
            directory_table_start: long(72),
            fragment_table_start: long(80),
            lookup_table_start: long(88),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_superblock_reads_back() {
        let sb = Superblock {
            inodes: 1,
            mkfs_time: 2,
            block_size: 4096,
            fragments: 3,
            compression: 6,
            flags: 7,
            no_ids: 8,
            root_inode: 9,
            bytes_used: 10,
            id_table_start: 11,
            xattr_id_table_start: 12,
            inode_table_start: 13,
            directory_table_start: 14,
            fragment_table_start: 15,
            lookup_table_start: u64::MAX,
        };
        let bytes: [u8; 96] = sb.encode().try_into().expect("96 bytes");
        assert_eq!(Superblock::decode(&bytes), Some(sb));
        assert_eq!(Superblock::decode(&[0; 96]), None);
    }
}
