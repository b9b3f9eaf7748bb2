//! dm-verity: the hash device of read-only bytes, and what must be known to open it.
//!
//! Format version 1 as cryptsetup's `veritysetup format` writes it (cryptsetup, "Verity On-Disk Format"; Linux,
//! `Documentation/admin-guide/device-mapper/verity.rst`): a superblock, then the levels of the tree from the top one down to
//! the hashes of the data. SHA-256, blocks of 4096 bytes on both sides. The superblock can be left out, and the whole can lie
//! right behind the data:
//!
//! ```text
//! data, whole blocks | superblock, filled up to a block | top level … hashes of the data
//!                    ^ hash offset
//! ```

mod append;
mod superblock;
#[cfg(test)]
mod tests;
mod tree;

pub use append::{append, grown_len, left_len};
use imgc_image::{Blobs, Bytes, Failure, Problem, Reader};
use imgc_plan::{Data, Record, ids::uuid_layout};
pub use superblock::MAX_SALT;
use superblock::Superblock;
pub use tree::write;

/// Bytes of a block of data and of hashes: what every kernel can open, whatever its pages are.
pub const BLOCK: u64 = 4096;

/// Bytes of a SHA-256.
const DIGEST: usize = 32;

/// Hashes in a block.
const PER_BLOCK: u64 = BLOCK / DIGEST as u64;

/// What distinguishes hash devices of the same data.
#[derive(Clone, Copy, Debug)]
pub struct Params<'a> {
    /// Bytes that are hashed before every block, at most [`MAX_SALT`].
    pub salt: &'a [u8],
    /// The UUID of the hash device; `None`: without a superblock, which would hold it.
    pub uuid: Option<[u8; 16]>,
}

/// What a finished hash device is beside its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Device<'a> {
    /// Bytes that were hashed before every block.
    pub salt: &'a [u8],
    /// Whether it begins with a superblock.
    pub superblock: bool,
    /// Whether it lies right behind its data.
    pub appended: bool,
}

/// The length in bytes of the hash device of so much data; `None` when it is more than 8 EiB.
pub fn hash_len(data_len: u64, superblock: bool) -> Option<u64> {
    let blocks = u64::from(superblock) + levels(data_len.div_ceil(BLOCK)).iter().sum::<u64>();
    blocks.checked_mul(BLOCK).filter(|len| i64::try_from(*len).is_ok())
}

/// The blocks of each level, the hashes of the data first. None for a single block, whose hash is the root hash.
fn levels(data_blocks: u64) -> Vec<u64> {
    let mut levels = Vec::new();
    let mut below = data_blocks;
    while below > 1 {
        below = below.div_ceil(PER_BLOCK);
        levels.push(below);
    }
    levels
}

/// The facts of a finished hash device: `root_hash` and `salt` (hexadecimal digits), `hash_offset` (where it lies, in bytes from the
/// start of what it lies in), `data_blocks`, `hash_len` (bytes), and the GUIDs that the Discoverable Partitions Specification
/// asks for: `data_guid` is the first, `hash_guid` the last 128 bits of the root hash.
///
/// # Errors
/// When contents cannot be read; a hash device that is none, or of other data, is a mistake of ours.
pub fn facts(data: &Bytes, hashes: &Bytes, device: &Device<'_>, blobs: &dyn Blobs) -> Result<Data, Failure> {
    let Device { salt, superblock, appended } = *device;
    let wrong = || Failure::Bug("a hash device is not of the data that it is used with".into());
    let blocks = data.len() / BLOCK;
    if !data.len().is_multiple_of(BLOCK) || hash_len(data.len(), superblock) != Some(hashes.len()) {
        return Err(wrong());
    }
    let mut block = vec![0; 4096];
    let reader = Reader::new(hashes, blobs);
    if superblock {
        reader.read_at(0, &mut block)?;
        let found = Superblock::decode(&block).ok_or_else(wrong)?;
        if found.data_blocks != blocks || found.salt != salt {
            return Err(wrong());
        }
    }
    match blocks {
        0 => return Err(wrong()),
        1 => Reader::new(data, blobs).read_at(0, &mut block)?,
        _ => reader.read_at(if superblock { BLOCK } else { 0 }, &mut block)?,
    }
    let root = tree::hash(salt, &block);
    let guid = |half: &[u8]| <[u8; 16]>::try_from(half).map(uuid_layout);
    let (data_guid, hash_guid) = (guid(&root[..16]), guid(&root[16..]));
    let (Ok(data_guid), Ok(hash_guid)) = (data_guid, hash_guid) else {
        return Err(Failure::Bug("half of a SHA-256 has 16 bytes".into()));
    };
    Ok(Data::Map(Record::from([
        ("root_hash".into(), Data::Text(hex(&root))),
        ("salt".into(), Data::Text(hex(salt))),
        ("hash_offset".into(), if appended { data.len() } else { 0 }.into()),
        ("data_blocks".into(), blocks.into()),
        ("hash_len".into(), hashes.len().into()),
        ("data_guid".into(), Data::Text(data_guid)),
        ("hash_guid".into(), Data::Text(hash_guid)),
    ])))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How many blocks the data has.
///
/// # Errors
/// When there is no data, when it is not whole blocks, or when nobody could address its hashes.
fn data_blocks(data: &Bytes) -> Result<u64, Problem> {
    let len = data.len();
    if len == 0 {
        return Err(Problem::new("verity-of-nothing", "there is nothing here whose hashes could be kept"));
    }
    if !len.is_multiple_of(BLOCK) {
        let message = format!(
            "dm-verity protects blocks of {BLOCK} bytes, and this filesystem has {len} bytes, which is not whole blocks"
        );
        let help = "choose a size or a block size of the filesystem that is a multiple of \"4KiB\"";
        return Err(Problem::new("verity-unaligned", message).help(help));
    }
    if grown_len(len, true).is_none() {
        return Err(Problem::new(
            "verity-too-large",
            format!("the hashes of {len} bytes would fit on no disk"),
        ));
    }
    Ok(len / BLOCK)
}
