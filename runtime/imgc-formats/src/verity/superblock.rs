//! The superblock of a hash device: which data it is of, and how it was hashed.

use super::BLOCK;

/// The most bytes of salt that a superblock holds (cryptsetup, "Verity On-Disk Format").
pub const MAX_SALT: usize = 256;

/// Bytes of the superblock itself; the rest of its block is zero.
const LEN: usize = 512;

const SIGNATURE: &[u8; 8] = b"verity\0\0";

/// Where its fields lie, in bytes, with the names of the specification; all numbers are little-endian.
mod at {
    pub const VERSION: usize = 8;
    pub const HASH_TYPE: usize = 12;
    pub const UUID: usize = 16;
    pub const ALGORITHM: usize = 32;
    pub const DATA_BLOCK_SIZE: usize = 64;
    pub const HASH_BLOCK_SIZE: usize = 68;
    pub const DATA_BLOCKS: usize = 72;
    pub const SALT_SIZE: usize = 80;
    pub const SALT: usize = 88;
}

/// What a superblock says that is not the same in all of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superblock {
    /// The UUID of the hash device.
    pub uuid: [u8; 16],
    /// How many blocks the data has.
    pub data_blocks: u64,
    /// What is hashed before every block.
    pub salt: Vec<u8>,
}

impl Superblock {
    /// The superblock as it lies at the start of the hash device; `None` when the salt is too long.
    pub fn encode(&self) -> Option<Vec<u8>> {
        let Self { uuid, data_blocks, salt } = self;
        let salt_size = u16::try_from(salt.len()).ok().filter(|_| salt.len() <= MAX_SALT)?;
        let block = u32::try_from(BLOCK).ok()?;
        let mut out = vec![0; LEN];
        let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, SIGNATURE);
        put(at::VERSION, &1u32.to_le_bytes());
        // 1: the salt is hashed before the block, as all but the first kernels with dm-verity do; 0 was Chrome OS's.
        put(at::HASH_TYPE, &1u32.to_le_bytes());
        put(at::UUID, uuid);
        put(at::ALGORITHM, b"sha256");
        put(at::DATA_BLOCK_SIZE, &block.to_le_bytes());
        put(at::HASH_BLOCK_SIZE, &block.to_le_bytes());
        put(at::DATA_BLOCKS, &data_blocks.to_le_bytes());
        put(at::SALT_SIZE, &salt_size.to_le_bytes());
        put(at::SALT, salt);
        Some(out)
    }

    /// Reads one that [`Superblock::encode`] made; `None` when it is anything else.
    pub fn decode(block: &[u8]) -> Option<Self> {
        let found = block.get(..LEN)?;
        let number = |at: usize| Some(u64::from_le_bytes(found.get(at..at + 8)?.try_into().ok()?));
        let size = u16::from_le_bytes(found.get(at::SALT_SIZE..at::SALT_SIZE + 2)?.try_into().ok()?);
        let size = Some(usize::from(size)).filter(|size| *size <= MAX_SALT)?;
        let read = Self {
            uuid: found.get(at::UUID..at::UUID + 16)?.try_into().ok()?,
            data_blocks: number(at::DATA_BLOCKS)?,
            salt: found.get(at::SALT..at::SALT + size)?.to_vec(),
        };
        Some(read).filter(|read| read.encode().as_deref() == Some(found))
    }
}
