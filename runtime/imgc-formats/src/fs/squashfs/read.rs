//! Reads a squashfs that anyone may have made. Every number in it is doubted; no block unpacks to more than it may.

mod inode;
mod listing;
mod mounted;
mod xattr;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use imgc_image::{Failure, Problem, ReadAt};

pub use self::{
    inode::{Body, Inode, read as read_inode},
    listing::Listing,
    mounted::Mounted,
};
use super::{
    codec::{Method, unpack},
    format::{DATA_RAW, METADATA, METADATA_RAW, NONE, Superblock},
};

/// How many unpacked metadata blocks are kept (8 MiB).
const KEPT: usize = 1024;

/// An open image.
pub struct Image<'a> {
    bytes: &'a dyn ReadAt,
    /// The superblock, checked.
    pub sb: Superblock,
    /// How blocks are compressed.
    pub method: Method,
    /// Owners and groups.
    pub ids: Vec<u32>,
    kept: Mutex<BTreeMap<u64, Unpacked>>,
}

/// An unpacked metadata block, and where the next one is.
type Unpacked = (Arc<[u8]>, u64);

/// A complaint about an image.
pub fn damaged(what: impl std::fmt::Display) -> Failure {
    Problem::new("filesystem-damaged", format!("the squashfs is damaged: {what}"))
        .help("make it again, or fetch it again")
        .into()
}

impl<'a> Image<'a> {
    /// Opens an image; `None` when it is no squashfs.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or is compressed in a way that is not known here.
    pub fn open(bytes: &'a dyn ReadAt) -> Result<Option<Self>, Failure> {
        let mut head = [0; 96];
        if bytes.len() < head.len() as u64 {
            return Ok(None);
        }
        bytes.read_at(0, &mut head)?;
        let Some(sb) = Superblock::decode(&head) else { return Ok(None) };
        let method = check(&sb, bytes.len())?;
        let mut image = Self { bytes, sb, method, ids: Vec::new(), kept: Mutex::default() };
        let mut ids = Vec::with_capacity(sb.no_ids.into());
        for id in 0..u32::from(sb.no_ids) {
            ids.push(image.table_entry(sb.id_table_start, id, 4)?.u32()?);
        }
        image.ids = ids;
        Ok(Some(image))
    }

    /// The bytes from `at` on, which must all be used by the filesystem.
    fn bytes(&self, at: u64, len: usize) -> Result<Vec<u8>, Failure> {
        if at.checked_add(len as u64).is_none_or(|end| end > self.sb.bytes_used) {
            return Err(damaged(format_args!("{len} bytes at {at} are not in it")));
        }
        let mut buf = vec![0; len];
        self.bytes.read_at(at, &mut buf)?;
        Ok(buf)
    }

    /// The metadata block at this place.
    fn metadata(&self, at: u64) -> Result<Unpacked, Failure> {
        let mut kept = self.kept.lock().map_err(|_| Failure::Bug("a reader of metadata panicked".into()))?;
        if let Some(known) = kept.get(&at) {
            return Ok(known.clone());
        }
        let (len, raw) = self.metadata_header(at)?;
        let body = self.bytes(at + 2, len)?;
        let plain = if raw {
            body
        } else {
            unpack(self.method, &body, METADATA)
                .map_err(|error| damaged(format_args!("the metadata at {at} does not unpack ({error})")))?
        };
        let unpacked = (plain.into(), at + 2 + len as u64);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(at, unpacked.clone());
        Ok(unpacked)
    }

    /// What the metadata block at this place unpacks to.
    pub fn metadata_at(&self, at: u64) -> Result<Arc<[u8]>, Failure> {
        Ok(self.metadata(at)?.0)
    }

    /// The length of the metadata block at this place, and whether it is stored as it is.
    fn metadata_header(&self, at: u64) -> Result<(usize, bool), Failure> {
        let header = u16::from_le_bytes(self.array(at)?);
        let len = usize::from(header & !METADATA_RAW);
        if len == 0 || len > METADATA {
            return Err(damaged(format_args!("the metadata at {at} would have {len} bytes")));
        }
        Ok((len, header & METADATA_RAW != 0))
    }

    /// The most bytes to which the metadata between two places unpacks.
    pub fn metadata_len(&self, mut at: u64, end: u64) -> Result<u64, Failure> {
        let mut blocks = 0;
        while at < end {
            at += 2 + self.metadata_header(at)?.0 as u64;
            blocks += 1;
        }
        Ok(blocks * METADATA as u64)
    }

    fn array<const N: usize>(&self, at: u64) -> Result<[u8; N], Failure> {
        let bytes = self.bytes(at, N)?;
        bytes.try_into().map_err(|_| Failure::Bug("a read of another length than asked for".into()))
    }

    /// A cursor at an entry of a table of entries of `size` bytes; `list` is where the places of its blocks are.
    pub fn table_entry(&self, list: u64, index: u32, size: u32) -> Result<Cursor<'_, 'a>, Failure> {
        let per_block = METADATA as u32 / size;
        let slot = list.checked_add(u64::from(index / per_block) * 8);
        let slot = slot.ok_or_else(|| damaged("a table lies beyond its end"))?;
        let block = u64::from_le_bytes(self.array(slot)?);
        Cursor::new(self, block, list, u64::from(index % per_block * size))
    }

    /// The unpacked block or fragment at this place; `size` as it is on disk, `len` as it must be at most.
    pub fn block(&self, at: u64, size: u32, len: usize) -> Result<Vec<u8>, Failure> {
        let stored = size & !DATA_RAW;
        if stored > self.sb.block_size {
            return Err(damaged(format_args!("the block at {at} would have {stored} bytes")));
        }
        let body = self.bytes(at, stored as usize)?;
        let plain = if size & DATA_RAW != 0 {
            body
        } else {
            unpack(self.method, &body, len)
                .map_err(|error| damaged(format_args!("the block at {at} does not unpack ({error})")))?
        };
        if plain.len() > len {
            return Err(damaged(format_args!("the block at {at} is too long")));
        }
        Ok(plain)
    }

    /// Where a fragment is, and its size as it is on disk.
    pub fn fragment(&self, index: u32) -> Result<(u64, u32), Failure> {
        if index >= self.sb.fragments {
            return Err(damaged(format_args!("there is no fragment {index}")));
        }
        let mut entry = self.table_entry(self.sb.fragment_table_start, index, 16)?;
        Ok((entry.u64()?, entry.u32()?))
    }

    /// The owner or group at this place of the table.
    pub fn id(&self, index: u16) -> Result<u32, Failure> {
        self.ids
            .get(usize::from(index))
            .copied()
            .ok_or_else(|| damaged(format_args!("there is no id {index}")))
    }

    /// The inode that a reference points at.
    pub fn inode(&self, reference: u64) -> Result<Inode<'_, 'a>, Failure> {
        let block = self.sb.inode_table_start + (reference >> 16);
        let cursor = Cursor::new(self, block, self.sb.directory_table_start, reference & 0xffff)?;
        inode::read(cursor)
    }

    /// The extended attributes of this number.
    pub fn xattrs(&self, number: u32, budget: &mut Budget) -> Result<xattr::Set, Failure> {
        if number == NONE { Ok(Vec::new()) } else { xattr::read(self, number, budget) }
    }
}

/// Checks what everything else relies on.
fn check(sb: &Superblock, len: u64) -> Result<Method, Failure> {
    let method = match sb.compression {
        1 => Method::Gzip,
        4 => Method::Xz,
        5 => Method::Lz4,
        6 => Method::Zstd,
        other => {
            let name = [(2, "lzma"), (3, "lzo")].into_iter().find(|(number, _)| *number == other);
            let name = name.map_or("an unknown compressor", |(_, name)| name);
            let problem = Problem::new(
                "squashfs-compressor",
                format!("the squashfs is compressed with {name}, which cannot be read"),
            );
            return Err(problem.help("make it again with gzip, xz, zstd or lz4").into());
        }
    };
    if !sb.block_size.is_power_of_two() || !(4 << 10..=1 << 20).contains(&sb.block_size) {
        return Err(damaged(format_args!("its blocks would have {} bytes", sb.block_size)));
    }
    if sb.bytes_used > len {
        return Err(damaged(format_args!("it has {} bytes, {len} are there", sb.bytes_used)));
    }
    let tables = [
        sb.inode_table_start,
        sb.directory_table_start,
        sb.id_table_start,
        // There are always ids, so something comes after the listings.
        sb.bytes_used,
    ];
    if !tables.is_sorted() || tables[0] < 96 || sb.no_ids == 0 {
        return Err(damaged("its tables are not where they can be"));
    }
    Ok(method)
}

/// What may still be read into memory: a small image can describe more than any machine holds.
pub struct Budget {
    left: u64,
}

impl Budget {
    /// So many bytes.
    pub fn new(bytes: u64) -> Self {
        Self { left: bytes }
    }

    /// Takes some.
    ///
    /// # Errors
    /// When there are not so many left.
    pub fn take(&mut self, bytes: u64) -> Result<(), Failure> {
        let left = self.left.checked_sub(bytes);
        self.left = left.ok_or_else(|| damaged("it describes more than can be meant"))?;
        Ok(())
    }
}

/// Reads metadata from a place on, from block to block.
#[derive(Clone)]
pub struct Cursor<'i, 'a> {
    image: &'i Image<'a>,
    start: u64,
    block: Arc<[u8]>,
    at: usize,
    next: u64,
    end: u64,
}

impl<'i, 'a> Cursor<'i, 'a> {
    /// A cursor at an offset in the block at `block`; blocks at `end` and beyond are not read.
    pub fn new(image: &'i Image<'a>, block: u64, end: u64, offset: u64) -> Result<Self, Failure> {
        if block >= end {
            return Err(damaged(format_args!("there is no metadata at {block}")));
        }
        let (data, next) = image.metadata(block)?;
        let at = usize::try_from(offset).unwrap_or(usize::MAX);
        if at > data.len() {
            return Err(damaged(format_args!("the metadata at {block} ends before {offset}")));
        }
        Ok(Self { image, start: block, block: data, at, next, end })
    }

    /// Where it is: the block, and the offset in it. At the end of a block, that is the start of the next.
    pub fn place(&self) -> (u64, usize) {
        if self.at == self.block.len() { (self.next, 0) } else { (self.start, self.at) }
    }

    /// Fills `buf` with what comes next.
    pub fn fill(&mut self, mut buf: &mut [u8]) -> Result<(), Failure> {
        while !buf.is_empty() {
            let rest = self.block.get(self.at..).unwrap_or_default();
            if rest.is_empty() {
                *self = Self::new(self.image, self.next, self.end, 0)?;
                if self.block.is_empty() {
                    return Err(damaged("a metadata block is empty"));
                }
                continue;
            }
            let len = rest.len().min(buf.len());
            let (now, later) = buf.split_at_mut(len);
            now.copy_from_slice(&rest[..len]);
            self.at += len;
            buf = later;
        }
        Ok(())
    }

    /// The next bytes; there are never more than 64 KiB and a bit.
    pub fn bytes(&mut self, len: usize) -> Result<Vec<u8>, Failure> {
        let mut buf = vec![0; len];
        self.fill(&mut buf)?;
        Ok(buf)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Failure> {
        let mut buf = [0; N];
        self.fill(&mut buf)?;
        Ok(buf)
    }

    /// The next two bytes as a number.
    pub fn u16(&mut self) -> Result<u16, Failure> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    /// The next four bytes as a number.
    pub fn u32(&mut self) -> Result<u32, Failure> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// The next eight bytes as a number.
    pub fn u64(&mut self) -> Result<u64, Failure> {
        Ok(u64::from_le_bytes(self.array()?))
    }
}
