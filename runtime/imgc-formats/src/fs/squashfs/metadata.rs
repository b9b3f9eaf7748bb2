//! Metadata blocks: 8 KiB of structures, compressed one by one, so that a place is (block, offset within).

use std::io;

use imgc_image::BytesBuilder;
use rayon::prelude::*;

use super::{
    codec::Pool,
    format::{METADATA, METADATA_RAW},
};

/// A place in a sequence of metadata blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where the block's header is, in bytes from the start of the sequence.
    pub block: u64,
    /// The offset in the unpacked block.
    pub offset: u16,
}

impl Place {
    /// As inodes are referred to.
    pub fn reference(self) -> u64 {
        self.block << 16 | u64::from(self.offset)
    }

    /// The place that is referred to.
    pub fn referred(reference: u64) -> Self {
        Self { block: reference >> 16, offset: reference as u16 }
    }
}

/// A sequence of metadata blocks in the making.
pub struct Metadata<'p> {
    pool: &'p Pool,
    buffer: Vec<u8>,
    packed: Vec<u8>,
}

impl<'p> Metadata<'p> {
    /// Starts a sequence.
    pub fn new(pool: &'p Pool) -> Self {
        Self { pool, buffer: Vec::with_capacity(METADATA), packed: Vec::new() }
    }

    /// Where the next byte goes.
    pub fn place(&self) -> Place {
        let offset = u16::try_from(self.buffer.len()).expect("because a full block is packed at once");
        Place { block: self.packed.len() as u64, offset }
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// When the compressor fails.
    pub fn write(&mut self, mut data: &[u8]) -> io::Result<()> {
        while !data.is_empty() {
            let (now, later) = data.split_at(data.len().min(METADATA - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            data = later;
            if self.buffer.len() == METADATA {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.packed.extend(pack(self.pool, &self.buffer)?);
        self.buffer.clear();
        Ok(())
    }

    /// Ends it and gives the packed blocks.
    ///
    /// # Errors
    /// As [`Metadata::write`].
    pub fn finish(mut self) -> io::Result<Vec<u8>> {
        if !self.buffer.is_empty() {
            self.flush()?;
        }
        Ok(self.packed)
    }
}

/// One block with its header.
fn pack(pool: &Pool, data: &[u8]) -> io::Result<Vec<u8>> {
    let packed = pool.pack(data)?;
    let raw = if packed.is_none() { METADATA_RAW } else { 0 };
    let body = packed.as_deref().unwrap_or(data);
    let len = u16::try_from(body.len()).expect("because a metadata block has at most 8 KiB");
    Ok([&(len | raw).to_le_bytes(), body].concat())
}

/// Where the next bytes of the image go.
pub struct Output<'o, 's> {
    /// The image.
    pub bytes: &'o mut BytesBuilder<'s>,
    /// How long it is so far.
    pub at: u64,
}

impl Output<'_, '_> {
    /// Adds bytes.
    ///
    /// # Errors
    /// When the store cannot take them.
    pub fn put(&mut self, data: &[u8]) -> io::Result<()> {
        self.bytes.put(self.at, data)?;
        self.at += data.len() as u64;
        Ok(())
    }

    /// Adds a table: its blocks, and then where each of them is. Gives where that list (after `head`) starts.
    ///
    /// # Errors
    /// When the compressor fails, or the store cannot take it.
    pub fn table(&mut self, pool: &Pool, data: &[u8], head: &[u8]) -> io::Result<u64> {
        let blocks: io::Result<Vec<Vec<u8>>> =
            data.par_chunks(METADATA).map(|chunk| pack(pool, chunk)).collect();
        let mut list = head.to_vec();
        for block in blocks? {
            list.extend(self.at.to_le_bytes());
            self.put(&block)?;
        }
        let start = self.at;
        self.put(&list)?;
        Ok(start)
    }
}
