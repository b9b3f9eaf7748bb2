//! Packs: without compression contents are pointed at, with it everything is streamed into one blob.

use std::io;

use imgc_image::{Bytes, BytesBuilder, Content, Reader, Store};

use super::coding::{Encoder, Squeeze};

/// Bytes of content that are read at once when they are compressed.
const READ: usize = 128 << 10;

/// An archive in the making, from its start to its end.
pub struct Packer<'s> {
    store: &'s dyn Store,
    sink: Sink<'s>,
    at: u64,
}

enum Sink<'s> {
    Plain(BytesBuilder<'s>),
    Coded(Encoder<'s>),
}

impl<'s> Packer<'s> {
    /// Starts an archive.
    ///
    /// # Errors
    /// When the store or the compressor cannot start.
    pub fn new(squeeze: Squeeze, store: &'s dyn Store) -> io::Result<Self> {
        let sink = match Encoder::new(squeeze, || store.create())? {
            Some(encoder) => Sink::Coded(encoder),
            None => Sink::Plain(BytesBuilder::new(store)),
        };
        Ok(Self { store, sink, at: 0 })
    }

    /// Appends bytes of our own making.
    ///
    /// # Errors
    /// When the store cannot take them.
    pub fn put(&mut self, data: &[u8]) -> io::Result<()> {
        match &mut self.sink {
            Sink::Plain(out) => out.put(self.at, data)?,
            Sink::Coded(out) => out.put(data)?,
        }
        self.at += data.len() as u64;
        Ok(())
    }

    /// Appends zeros up to the next multiple of `align`, at most 1 KiB of them.
    ///
    /// # Errors
    /// As [`Packer::put`].
    pub fn pad(&mut self, align: u64) -> io::Result<()> {
        let len = self.at.next_multiple_of(align) - self.at;
        self.zeros(usize::try_from(len).expect("because alignments are small"))
    }

    /// Appends at most 1 KiB of zeros.
    ///
    /// # Errors
    /// As [`Packer::put`].
    pub fn zeros(&mut self, len: usize) -> io::Result<()> {
        match &mut self.sink {
            // What nobody puts is zero.
            Sink::Plain(_) => {}
            Sink::Coded(out) => out.put(&[0; 1024][..len])?,
        }
        self.at += len as u64;
        Ok(())
    }

    /// Appends a file's content.
    ///
    /// # Errors
    /// When it cannot be read (only with compression), or the store cannot take it.
    pub fn content(&mut self, content: &Content) -> io::Result<()> {
        match &mut self.sink {
            Sink::Plain(out) => out.content(self.at, content, 0, content.len()),
            Sink::Coded(out) => {
                let bytes = content.to_bytes();
                let reader = Reader::new(&bytes, self.store);
                let mut buf = vec![0; READ];
                let mut done = 0;
                while done < bytes.len() {
                    let now = usize::try_from(bytes.len() - done).map_or(READ, |left| left.min(READ));
                    reader.read_at(done, &mut buf[..now])?;
                    out.put(&buf[..now])?;
                    done += now as u64;
                }
            }
        }
        self.at += content.len();
        Ok(())
    }

    /// Ends the archive.
    ///
    /// # Errors
    /// When the store cannot take it.
    pub fn finish(self) -> io::Result<Bytes> {
        match self.sink {
            Sink::Plain(out) => out.finish(self.at),
            Sink::Coded(out) => {
                let (id, len) = out.finish()?.finish()?;
                Ok(Bytes::blob(id, len))
            }
        }
    }
}
