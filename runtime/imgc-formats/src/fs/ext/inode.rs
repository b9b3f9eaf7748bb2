//! Inodes as they lie on disk.

use imgc_image::{Entry, Node};

use super::checksum::{crc32c, inode_seed};

/// The root directory (`EXT4_ROOT_INO`).
pub const ROOT: u32 = 2;
/// The inode that owns the room for more group descriptors (`EXT4_RESIZE_INO`).
pub const RESIZE: u32 = 7;
/// The journal (`EXT4_JOURNAL_INO`).
pub const JOURNAL: u32 = 8;

/// `EXT4_INDEX_FL`: a directory with a hash tree.
pub const INDEX_FLAG: u32 = 0x1000;
/// `EXT4_EXTENTS_FL`: mapped by extents.
pub const EXTENTS_FLAG: u32 = 0x8_0000;
/// The largest `i_extra_isize` that we fill: up to and with `i_projid`.
pub const EXTRA_SIZE: u16 = 32;
/// Bytes of the fields that every inode has (`EXT2_GOOD_OLD_INODE_SIZE`).
pub const OLD_SIZE: usize = 128;
/// The longest target that lies in the inode itself, in `i_block` with a NUL behind it.
pub const FAST_SYMLINK: usize = 59;

/// `S_IFREG`.
pub const TYPE_FILE: u16 = 0o100_000;
/// `S_IFDIR`.
pub const TYPE_DIR: u16 = 0o040_000;

/// An inode's fields, before they are encoded.
#[derive(Clone, Debug)]
pub struct Inode {
    /// Type and permissions.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Length in bytes.
    pub size: u64,
    /// All its times, in seconds since 1970.
    pub time: i64,
    /// Nanoseconds of them.
    pub nanos: u32,
    /// How many names it has.
    pub links: u16,
    /// Blocks of the filesystem that it owns, maps and attributes included.
    pub blocks: u64,
    /// `EXT4_*_FL`.
    pub flags: u32,
    /// `i_block`.
    pub map: [u8; 60],
    /// The block with its attributes; 0 if there is none.
    pub xattr_block: u64,
    /// What lies behind the large fields: attributes.
    pub tail: Vec<u8>,
}

impl Inode {
    /// Root's, of this type and mode, at this time.
    pub fn plain(mode: u16, time: i64) -> Self {
        Self {
            mode,
            uid: 0,
            gid: 0,
            size: 0,
            time,
            nanos: 0,
            links: 1,
            blocks: 0,
            flags: 0,
            map: [0; 60],
            xattr_block: 0,
            tail: Vec::new(),
        }
    }

    /// With what an entry says of owner, mode, type and time.
    pub fn of(entry: &Entry) -> Self {
        let meta = &entry.meta;
        let mut inode = Self::plain(kind(&entry.node).0 | meta.mode & 0o7777, meta.mtime);
        (inode.uid, inode.gid, inode.nanos) = (meta.uid, meta.gid, meta.mtime_nanos);
        inode
    }
}

/// The type bits of the mode, and the type in a directory entry (`EXT4_FT_*`).
pub fn kind(node: &Node) -> (u16, u8) {
    match node {
        Node::File { .. } => (TYPE_FILE, 1),
        Node::Dir => (TYPE_DIR, 2),
        Node::Char { .. } => (0o020_000, 3),
        Node::Block { .. } => (0o060_000, 4),
        Node::Fifo => (0o010_000, 5),
        Node::Socket => (0o140_000, 6),
        Node::Symlink(_) => (0o120_000, 7),
    }
}

/// A device's number in `i_block`: 8 + 8 bits in the first word if they suffice, else 12 + 20 bits in the second (Linux,
/// `old_encode_dev` and `new_encode_dev`).
pub fn device(major: u32, minor: u32) -> [u8; 60] {
    let mut map = [0; 60];
    if major < 256 && minor < 256 {
        map[0..4].copy_from_slice(&(major << 8 | minor).to_le_bytes());
    } else {
        let number = (minor & 0xFF) | major << 8 | (minor & !0xFF) << 12;
        map[4..8].copy_from_slice(&number.to_le_bytes());
    }
    map
}

/// How inodes of a filesystem are encoded.
#[derive(Clone, Copy, Debug)]
pub struct Encoder {
    /// Bytes of an inode.
    pub size: usize,
    /// Bytes of a block.
    pub block_size: u64,
    /// The seed of checksums, if there are any.
    pub csum: Option<u32>,
    /// What generation numbers are made of.
    pub hash_seed: [u8; 16],
    /// Whether the creator is the Hurd, whose inodes have an author.
    pub hurd: bool,
}

impl Encoder {
    /// The generation number of an inode: the same for the same seed, so that NFS handles of two images differ.
    pub fn generation(&self, number: u32) -> u32 {
        crc32c(crc32c(!0, &self.hash_seed), &number.to_le_bytes())
    }

    /// The seed of checksums in what belongs to an inode; 0 if there are none.
    pub fn seed(&self, number: u32) -> u32 {
        self.csum.map_or(0, |seed| inode_seed(seed, number, self.generation(number)))
    }

    /// Encodes an inode into its place in the table (`struct ext4_inode`).
    pub fn encode(&self, number: u32, inode: &Inode, out: &mut [u8]) {
        let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
        let sectors = inode.blocks * (self.block_size / 512);
        let time = (inode.time as u32).to_le_bytes();
        put(0x00, &inode.mode.to_le_bytes());
        put(0x02, &(inode.uid as u16).to_le_bytes());
        put(0x04, &(inode.size as u32).to_le_bytes());
        for at in [0x08, 0x0C, 0x10] {
            put(at, &time);
        }
        put(0x18, &(inode.gid as u16).to_le_bytes());
        put(0x1A, &inode.links.to_le_bytes());
        put(0x1C, &(sectors as u32).to_le_bytes());
        put(0x20, &inode.flags.to_le_bytes());
        put(0x28, &inode.map);
        put(0x64, &self.generation(number).to_le_bytes());
        put(0x68, &(inode.xattr_block as u32).to_le_bytes());
        put(0x6C, &((inode.size >> 32) as u32).to_le_bytes());
        put(0x78, &((inode.uid >> 16) as u16).to_le_bytes());
        put(0x7A, &((inode.gid >> 16) as u16).to_le_bytes());
        if self.hurd {
            put(0x7C, &inode.uid.to_le_bytes());
        } else {
            put(0x74, &((sectors >> 32) as u16).to_le_bytes());
            put(0x76, &((inode.xattr_block >> 32) as u16).to_le_bytes());
        }
        if self.size > OLD_SIZE {
            // Two bits more of the seconds (to the year 2446), then the nanoseconds.
            let epoch = ((inode.time - i64::from(inode.time as i32)) >> 32) as u32 & 3;
            let extra = (epoch | inode.nanos << 2).to_le_bytes();
            put(0x80, &EXTRA_SIZE.to_le_bytes());
            for at in [0x84, 0x88, 0x8C, 0x94] {
                put(at, &extra);
            }
            put(0x90, &time);
            put(OLD_SIZE + usize::from(EXTRA_SIZE), &inode.tail);
        }
        if self.csum.is_some() {
            let sum = crc32c(self.seed(number), &out[..self.size]);
            out[0x7C..0x7E].copy_from_slice(&(sum as u16).to_le_bytes());
            if self.size > OLD_SIZE {
                out[0x82..0x84].copy_from_slice(&((sum >> 16) as u16).to_le_bytes());
            }
        }
    }
}
