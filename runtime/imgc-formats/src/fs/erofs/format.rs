//! The structures on disk: constants, and how they become bytes and come back.
//!
//! Source: Linux, `fs/erofs/erofs_fs.h` and `Documentation/filesystems/erofs.rst`. All numbers are little-endian.

/// Bytes of a block. Kernels before 6.4 mount only blocks of their page size.
pub const BLOCK: u64 = 4096;
/// `EROFS_SUPER_OFFSET`: where the superblock begins.
pub const SUPER_OFFSET: u64 = 1024;
/// `EROFS_SUPER_MAGIC_V1`.
pub const MAGIC: u32 = 0xE0F5_E1E2;
/// Bytes of the superblock.
pub const SUPER_SIZE: usize = 128;
/// Bytes of a slot: inode numbers count them from the start of the metadata.
pub const SLOT: u64 = 32;
/// Bytes of a compact inode.
pub const COMPACT: usize = 32;
/// Bytes of an extended inode.
pub const EXTENDED: usize = 64;
/// Bytes of a `erofs_dirent`.
pub const DIRENT: usize = 12;
/// `EROFS_NULL_ADDR`: a chunk that is all zero.
pub const NULL_ADDR: u32 = u32::MAX;

/// `EROFS_FEATURE_COMPAT_SB_CHKSUM`.
pub const COMPAT_SB_CHKSUM: u32 = 0x1;
/// `EROFS_FEATURE_COMPAT_MTIME`: times of inodes are those of last change.
pub const COMPAT_MTIME: u32 = 0x2;
/// `EROFS_FEATURE_INCOMPAT_ZERO_PADDING`: compressed pieces end where their blocks end.
pub const INCOMPAT_ZERO_PADDING: u32 = 0x1;
/// `EROFS_FEATURE_INCOMPAT_COMPR_CFGS`, and `BIG_PCLUSTER`, which has the same bit.
pub const INCOMPAT_COMPR_CFGS: u32 = 0x2;
/// `EROFS_FEATURE_INCOMPAT_CHUNKED_FILE`.
pub const INCOMPAT_CHUNKED_FILE: u32 = 0x4;

/// `EROFS_INODE_FLAT_PLAIN`.
pub const FLAT_PLAIN: u16 = 0;
/// `EROFS_INODE_COMPRESSED_FULL`.
pub const COMPRESSED_FULL: u16 = 1;
/// `EROFS_INODE_FLAT_INLINE`.
pub const FLAT_INLINE: u16 = 2;
/// `EROFS_INODE_COMPRESSED_COMPACT`.
pub const COMPRESSED_COMPACT: u16 = 3;
/// `EROFS_INODE_CHUNK_BASED`.
pub const CHUNK_BASED: u16 = 4;

/// `EROFS_CHUNK_FORMAT_BLKBITS_MASK`.
pub const CHUNK_BITS_MASK: u32 = 0x1F;
/// `EROFS_CHUNK_FORMAT_INDEXES`: eight bytes for a chunk instead of four.
pub const CHUNK_INDEXES: u32 = 0x20;

/// `Z_EROFS_ADVISE_COMPACTED_2B`.
pub const ADVISE_COMPACTED_2B: u16 = 0x1;
/// `Z_EROFS_ADVISE_BIG_PCLUSTER_1`: pieces may have several blocks.
pub const ADVISE_BIG_PCLUSTER_1: u16 = 0x2;
/// `Z_EROFS_LCLUSTER_TYPE_PLAIN`.
pub const TYPE_PLAIN: u16 = 0;
/// `Z_EROFS_LCLUSTER_TYPE_HEAD1`.
pub const TYPE_HEAD: u16 = 1;
/// `Z_EROFS_LCLUSTER_TYPE_NONHEAD`.
pub const TYPE_NONHEAD: u16 = 2;
/// `Z_EROFS_LI_D0_CBLKCNT`: the number is one of blocks, not a distance.
pub const D0_CBLKCNT: u16 = 1 << 11;

/// `Z_EROFS_COMPRESSION_LZ4`.
pub const ALGORITHM_LZ4: u8 = 0;
/// `Z_EROFS_COMPRESSION_ZSTD`, since Linux 6.10.
pub const ALGORITHM_ZSTD: u8 = 3;

/// File type bits of a mode (`stat.h`), with the types in directories (`FT_*`).
pub const TYPES: [(u16, u8); 7] = [
    (0o100_000, 1),
    (0o040_000, 2),
    (0o020_000, 3),
    (0o060_000, 4),
    (0o010_000, 5),
    (0o140_000, 6),
    (0o120_000, 7),
];

/// What the superblock says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Super {
    /// `checksum`, as found; made anew when written.
    pub checksum: u32,
    /// `feature_compat`.
    pub feature_compat: u32,
    /// `blkszbits`.
    pub blkszbits: u8,
    /// `root_nid`.
    pub root_nid: u16,
    /// `inos`.
    pub inos: u64,
    /// `build_time`.
    pub build_time: i64,
    /// `build_time_nsec`.
    pub build_time_nsec: u32,
    /// `blocks`.
    pub blocks: u32,
    /// `meta_blkaddr`.
    pub meta_blkaddr: u32,
    /// `xattr_blkaddr`.
    pub xattr_blkaddr: u32,
    /// `uuid`.
    pub uuid: [u8; 16],
    /// `volume_name`.
    pub volume_name: [u8; 16],
    /// `feature_incompat`.
    pub feature_incompat: u32,
    /// `available_compr_algs`, or `lz4_max_distance` without `COMPR_CFGS`.
    pub u1: u16,
}

impl Super {
    /// The first block: the superblock, what follows it, and its checksum (CRC-32C without the last inversion over all of the
    /// block from the superblock on, `erofs_superblock_csum_verify`).
    pub fn block(&self, configs: &[u8]) -> Vec<u8> {
        let mut block = vec![0; BLOCK as usize];
        let start = SUPER_OFFSET as usize;
        let mut put = |at: usize, bytes: &[u8]| block[start + at..][..bytes.len()].copy_from_slice(bytes);
        put(0, &MAGIC.to_le_bytes());
        put(8, &self.feature_compat.to_le_bytes());
        put(12, &[self.blkszbits]);
        put(14, &self.root_nid.to_le_bytes());
        put(16, &self.inos.to_le_bytes());
        put(24, &self.build_time.to_le_bytes());
        put(32, &self.build_time_nsec.to_le_bytes());
        put(36, &self.blocks.to_le_bytes());
        put(40, &self.meta_blkaddr.to_le_bytes());
        put(44, &self.xattr_blkaddr.to_le_bytes());
        put(48, &self.uuid);
        put(64, &self.volume_name);
        put(80, &self.feature_incompat.to_le_bytes());
        put(84, &self.u1.to_le_bytes());
        put(SUPER_SIZE, configs);
        let checksum = !crc32c::crc32c(&block[start..]);
        block[start + 4..start + 8].copy_from_slice(&checksum.to_le_bytes());
        block
    }

    /// Reads it; `None` when the magic is not there.
    pub fn decode(bytes: &[u8; SUPER_SIZE]) -> Option<Self> {
        (le32(bytes, 0) == MAGIC).then(|| Self {
            checksum: le32(bytes, 4),
            feature_compat: le32(bytes, 8),
            blkszbits: bytes[12],
            root_nid: le16(bytes, 14),
            inos: le64(bytes, 16),
            build_time: le64(bytes, 24) as i64,
            build_time_nsec: le32(bytes, 32),
            blocks: le32(bytes, 36),
            meta_blkaddr: le32(bytes, 40),
            xattr_blkaddr: le32(bytes, 44),
            uuid: bytes[48..64].try_into().expect("because these are 16 bytes"),
            volume_name: bytes[64..80].try_into().expect("because these are 16 bytes"),
            feature_incompat: le32(bytes, 80),
            u1: le16(bytes, 84),
        })
    }
}

/// `z_erofs_lz4_cfgs` with the length before it: the full window, and the most blocks of a piece.
pub fn lz4_config(most_blocks: u16) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[0..2].copy_from_slice(&14u16.to_le_bytes());
    bytes[2..4].copy_from_slice(&u16::MAX.to_le_bytes());
    bytes[4..6].copy_from_slice(&most_blocks.to_le_bytes());
    bytes
}

/// `z_erofs_zstd_cfgs` with the length before it: the only format that there is, and the window as a power of two, of which
/// the least that can be is 0.
pub fn zstd_config(window: u32) -> [u8; 8] {
    let mut bytes = [6, 0, 0, 0, 0, 0, 0, 0];
    bytes[3] = (window - super::zstandard::LEAST_WINDOW) as u8;
    bytes
}

/// What an inode says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disk {
    /// Whether it is an extended one.
    pub extended: bool,
    /// The data layout.
    pub layout: u16,
    /// `i_xattr_icount`.
    pub xattr_icount: u16,
    /// `i_mode`.
    pub mode: u16,
    /// `i_nlink`.
    pub nlink: u32,
    /// `i_size`.
    pub size: u64,
    /// `i_u`: what it means depends on the layout.
    pub u: u32,
    /// `i_ino`.
    pub ino: u32,
    /// `i_uid`.
    pub uid: u32,
    /// `i_gid`.
    pub gid: u32,
    /// `i_mtime`; only extended inodes have one.
    pub mtime: i64,
    /// `i_mtime_nsec`; only extended inodes have one.
    pub mtime_nsec: u32,
}

impl Disk {
    /// Bytes that it takes.
    pub fn len(&self) -> usize {
        if self.extended { EXTENDED } else { COMPACT }
    }

    /// As bytes. A compact one has 16-bit owners and link counts and a 32-bit size: see [`super::nodes`].
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len()];
        let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
        put(0, &(u16::from(self.extended) | self.layout << 1).to_le_bytes());
        put(2, &self.xattr_icount.to_le_bytes());
        put(4, &self.mode.to_le_bytes());
        put(16, &self.u.to_le_bytes());
        put(20, &self.ino.to_le_bytes());
        if self.extended {
            put(8, &self.size.to_le_bytes());
            put(24, &self.uid.to_le_bytes());
            put(28, &self.gid.to_le_bytes());
            put(32, &self.mtime.to_le_bytes());
            put(40, &self.mtime_nsec.to_le_bytes());
            put(44, &self.nlink.to_le_bytes());
        } else {
            put(6, &(self.nlink as u16).to_le_bytes());
            put(8, &(self.size as u32).to_le_bytes());
            put(24, &(self.uid as u16).to_le_bytes());
            put(26, &(self.gid as u16).to_le_bytes());
        }
        bytes
    }

    /// Whether the first two bytes of an inode are those of an extended one.
    pub fn is_extended(format: u16) -> bool {
        format & 1 == 1
    }

    /// Reads it from as many bytes as it has.
    pub fn decode(bytes: &[u8]) -> Self {
        let format = le16(bytes, 0);
        let extended = Self::is_extended(format);
        let mut disk = Self {
            extended,
            layout: format >> 1,
            xattr_icount: le16(bytes, 2),
            mode: le16(bytes, 4),
            u: le32(bytes, 16),
            ino: le32(bytes, 20),
            ..Self::default()
        };
        if extended {
            disk.size = le64(bytes, 8);
            (disk.uid, disk.gid) = (le32(bytes, 24), le32(bytes, 28));
            (disk.mtime, disk.mtime_nsec) = (le64(bytes, 32) as i64, le32(bytes, 40));
            disk.nlink = le32(bytes, 44);
        } else {
            disk.nlink = le16(bytes, 6).into();
            disk.size = le32(bytes, 8).into();
            (disk.uid, disk.gid) = (le16(bytes, 24).into(), le16(bytes, 26).into());
        }
        disk
    }

    /// Bytes of the attributes after it (`erofs_xattr_ibody_size`).
    pub fn xattr_len(&self) -> usize {
        if self.xattr_icount == 0 { 0 } else { 12 + 4 * (usize::from(self.xattr_icount) - 1) }
    }
}

/// A device number as `new_encode_dev` packs it (Linux, `include/linux/kdev_t.h`).
pub fn device(major: u32, minor: u32) -> u32 {
    minor & 0xFF | major << 8 | (minor & !0xFF) << 12
}

/// The major and minor number of a device.
pub fn device_parts(packed: u32) -> (u32, u32) {
    ((packed >> 8) & 0xFFF, packed & 0xFF | (packed >> 12) & 0xF_FF00)
}

/// A number of two bytes within a structure.
pub fn le16(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// A number of four bytes within a structure.
pub fn le32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("because four bytes are four bytes"))
}

/// A number of eight bytes within a structure.
pub fn le64(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("because eight bytes are eight bytes"))
}
