//! The sink: blocks of metadata on their way into the store, in large pieces.

use std::io;

use imgc_image::BytesBuilder;

/// Blocks of metadata are handed on when so many bytes lie together.
const CHUNK: usize = 1 << 20;

/// Gathers blocks that follow one another and puts them together.
pub struct Sink<'w, 's> {
    /// Where they go.
    pub out: &'w mut BytesBuilder<'s>,
    block_size: u64,
    start: u64,
    pending: Vec<u8>,
}

impl<'w, 's> Sink<'w, 's> {
    /// Starts with nothing gathered.
    pub fn new(out: &'w mut BytesBuilder<'s>, block_size: u64) -> Self {
        Self { out, block_size, start: 0, pending: Vec::new() }
    }

    /// Puts blocks at this block.
    ///
    /// # Errors
    /// When the store cannot take them.
    pub fn put(&mut self, block: u64, bytes: &[u8]) -> io::Result<()> {
        let at = block * self.block_size;
        if at != self.start + self.pending.len() as u64 || self.pending.len() >= CHUNK {
            self.flush()?;
            self.start = at;
        }
        self.pending.extend_from_slice(bytes);
        Ok(())
    }

    /// Hands on what was gathered.
    ///
    /// # Errors
    /// As [`Sink::put`].
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.put(self.start, &self.pending)?;
        self.pending.clear();
        Ok(())
    }
}
