//! Extended attributes: in what an inode has left, the rest in one block that equal files share.

use std::collections::BTreeMap;

/// `h_magic` of a block and of the space in an inode (Linux, `fs/ext4/xattr.h`).
pub const MAGIC: u32 = 0xEA02_0000;
/// Bytes of an entry without its name.
pub const ENTRY: usize = 16;
/// Bytes of the header of a block.
pub const HEADER: usize = 32;
/// The most files that may share a block (`EXT4_XATTR_REFCOUNT_MAX`).
pub const MOST_SHARERS: u32 = 1024;

/// Name prefixes and the indexes that stand for them, longest first where one begins like another.
pub const PREFIXES: &[(&[u8], u8)] = &[
    (b"system.posix_acl_access", 2),
    (b"system.posix_acl_default", 3),
    (b"system.richacl", 8),
    (b"user.", 1),
    (b"trusted.", 4),
    (b"security.", 6),
    (b"system.", 7),
    (b"gnu.", 10),
];

/// An attribute's full name and its value, as a tree has them.
pub type Attribute = (Box<[u8]>, Box<[u8]>);

/// One attribute as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stored {
    index: u8,
    name: Vec<u8>,
    value: Vec<u8>,
}

/// The attributes of an inode, encoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoded {
    /// What fills the inode from the end of its large fields to its end; empty when there is nothing.
    pub inode: Vec<u8>,
    /// The block, without count and checksum; empty when there is none.
    pub block: Vec<u8>,
}

/// Encodes attributes into `room` bytes of an inode and a block of `block_size` bytes.
///
/// # Errors
/// A sentence without a full stop that says which attribute cannot be stored, and a hint.
pub fn encode(
    attributes: &[Attribute],
    room: usize,
    block_size: usize,
) -> Result<Encoded, (String, &'static str)> {
    if attributes.is_empty() {
        return Ok(Encoded::default());
    }
    let mut stored = Vec::with_capacity(attributes.len());
    for (name, value) in attributes {
        stored.push(convert(name, value)?);
    }
    // The kernel searches a block in this order.
    stored.sort_by(|a, b| (a.index, a.name.len(), &a.name).cmp(&(b.index, b.name.len(), &b.name)));
    let (inside, outside) = split(stored, room);
    if outside.iter().map(size).sum::<usize>() + HEADER + 4 > block_size {
        let bytes: usize = attributes.iter().map(|(name, value)| name.len() + value.len()).sum();
        return Err((
            format!(
                "{} extended attributes of {bytes} bytes do not fit into an inode and a block",
                attributes.len()
            ),
            "take some away, or choose a larger `block-size` or `inode-size`",
        ));
    }
    let mut encoded = Encoded::default();
    if !inside.is_empty() {
        encoded.inode = vec![0; room];
        encoded.inode[0..4].copy_from_slice(&MAGIC.to_le_bytes());
        fill(&mut encoded.inode[4..], 0, &inside, false);
    }
    if !outside.is_empty() {
        encoded.block = vec![0; block_size];
        encoded.block[0..4].copy_from_slice(&MAGIC.to_le_bytes());
        encoded.block[8..12].copy_from_slice(&1u32.to_le_bytes());
        let hash = fill(&mut encoded.block, HEADER, &outside, true);
        encoded.block[12..16].copy_from_slice(&hash.to_le_bytes());
    }
    Ok(encoded)
}

/// Bytes that an attribute takes: entry, name and value, each padded to 4.
fn size(attribute: &Stored) -> usize {
    ENTRY + attribute.name.len().next_multiple_of(4) + attribute.value.len().next_multiple_of(4)
}

/// Splits attributes into those that the inode holds (all, or as many as fit in order) and the rest.
fn split(stored: Vec<Stored>, room: usize) -> (Vec<Stored>, Vec<Stored>) {
    // The magic before the entries and four zero bytes after them.
    let mut free = room.saturating_sub(8);
    stored.into_iter().partition(|attribute| {
        let fits = size(attribute) <= free;
        if fits {
            free -= size(attribute);
        }
        fits
    })
}

/// Turns a full name and a value as of `getxattr` into what is stored.
fn convert(name: &[u8], value: &[u8]) -> Result<Stored, (String, &'static str)> {
    let shown = || String::from_utf8_lossy(name).into_owned();
    let found = PREFIXES.iter().find(|(prefix, index)| match index {
        2 | 3 | 8 => name == *prefix,
        _ => name.starts_with(prefix),
    });
    let Some((prefix, index)) = found else {
        return Err((
            format!("ext has no place for an extended attribute `{}`", shown()),
            "names begin with `user.`, `trusted.`, `security.` or `system.`",
        ));
    };
    let rest = &name[prefix.len()..];
    if *index == 7 && rest == b"data" {
        return Err((
            "the extended attribute `system.data` is where ext4 keeps small contents".into(),
            "take it away: it belongs to the filesystem that the file came from",
        ));
    }
    if (rest.is_empty() && !matches!(index, 2 | 3 | 8)) || rest.len() > 255 || rest.contains(&0) {
        return Err((format!("`{}` is not a name of an extended attribute", shown()), "take it away"));
    }
    let value = if matches!(index, 2 | 3) {
        acl(value).ok_or_else(|| {
            let message = format!("the value of `{}` is not a POSIX ACL of version 2", shown());
            (message, "give it in the form that getxattr shows")
        })?
    } else {
        value.to_vec()
    };
    Ok(Stored { index: *index, name: rest.to_vec(), value })
}

/// An ACL from the form of `getxattr` (Linux, `posix_acl_xattr.h`, version 2) to that on disk (`fs/ext4/acl.h`, version 1), which
/// has ids only for named users and groups.
fn acl(value: &[u8]) -> Option<Vec<u8>> {
    let (version, entries) = value.split_first_chunk::<4>()?;
    if u32::from_le_bytes(*version) != 2 || entries.len() % 8 != 0 || entries.is_empty() {
        return None;
    }
    let mut out = 1u32.to_le_bytes().to_vec();
    for entry in entries.chunks_exact(8) {
        let tag = u16::from_le_bytes([entry[0], entry[1]]);
        match tag {
            // ACL_USER, ACL_GROUP
            0x02 | 0x08 => out.extend_from_slice(entry),
            // ACL_USER_OBJ, ACL_GROUP_OBJ, ACL_MASK, ACL_OTHER
            0x01 | 0x04 | 0x10 | 0x20 => out.extend_from_slice(&entry[..4]),
            _ => return None,
        }
    }
    Some(out)
}

/// Writes entries from `start` on and values from the end down; value offsets count from the start of `space`. Gives the hash
/// of the block (`h_hash`); entries in an inode have no hashes.
fn fill(space: &mut [u8], start: usize, attributes: &[Stored], hashed: bool) -> u32 {
    let (mut at, mut end) = (start, space.len());
    let mut block_hash = 0u32;
    for attribute in attributes {
        let value = &attribute.value;
        end -= value.len().next_multiple_of(4);
        space[end..end + value.len()].copy_from_slice(value);
        let entry = &mut space[at..];
        entry[0] = attribute.name.len() as u8;
        entry[1] = attribute.index;
        let offset = if value.is_empty() { 0 } else { end as u16 };
        entry[2..4].copy_from_slice(&offset.to_le_bytes());
        entry[8..12].copy_from_slice(&(value.len() as u32).to_le_bytes());
        if hashed {
            let hash = entry_hash(&attribute.name, value);
            entry[12..16].copy_from_slice(&hash.to_le_bytes());
            block_hash = block_hash.rotate_left(16) ^ hash;
        }
        entry[ENTRY..ENTRY + attribute.name.len()].copy_from_slice(&attribute.name);
        at += ENTRY + attribute.name.len().next_multiple_of(4);
    }
    block_hash
}

/// `e_hash` over name and value. Bytes of the name count as signed, as in every kernel before 6.3 on common machines; later
/// ones accept that.
fn entry_hash(name: &[u8], value: &[u8]) -> u32 {
    let hash = name.iter().fold(0u32, |hash, byte| hash.rotate_left(5) ^ i32::from(*byte as i8) as u32);
    value.chunks(4).fold(hash, |hash, part| {
        let mut word = [0; 4];
        word[..part.len()].copy_from_slice(part);
        hash.rotate_left(16) ^ u32::from_le_bytes(word)
    })
}

/// The blocks of a tree's attributes: which inode has which, and how many share one.
#[derive(Debug, Default)]
pub struct Shared {
    /// Inode to number of its block.
    of_inode: BTreeMap<u32, u32>,
    /// How many inodes have each block.
    sharers: Vec<u32>,
    /// The last block with such bytes.
    by_bytes: BTreeMap<[u8; 32], u32>,
}

impl Shared {
    /// Notes that an inode has this block.
    pub fn note(&mut self, inode: u32, block: &[u8]) {
        let last = self.by_bytes.entry(*blake3::hash(block).as_bytes()).or_insert(u32::MAX);
        let shared = self.sharers.get_mut(*last as usize).filter(|sharers| **sharers < MOST_SHARERS);
        match shared {
            Some(sharers) => *sharers += 1,
            None => {
                *last = self.sharers.len() as u32;
                self.sharers.push(1);
            }
        }
        self.of_inode.insert(inode, *last);
    }

    /// The block of an inode, and how many share it.
    pub fn get(&self, inode: u32) -> Option<(u32, u32)> {
        self.of_inode.get(&inode).map(|block| (*block, self.sharers[*block as usize]))
    }

    /// How many blocks there are.
    pub fn len(&self) -> usize {
        self.sharers.len()
    }

    /// What was needed only to find equal blocks is dropped.
    pub fn seal(&mut self) {
        self.by_bytes = BTreeMap::new();
    }
}

/// Completes a block: how many share it, and its checksum, which depends on where it lies.
pub fn complete(block: &mut [u8], sharers: u32, at: u64, seed: Option<u32>) {
    block[4..8].copy_from_slice(&sharers.to_le_bytes());
    if let Some(seed) = seed {
        let sum = super::checksum::crc32c(super::checksum::crc32c(seed, &at.to_le_bytes()), block);
        block[16..20].copy_from_slice(&sum.to_le_bytes());
    }
}
