//! Reads Bytes at any place, and walks them flat.

use std::{io, sync::Arc};

use imgc_plan::BlobId;

use crate::{
    blob::Blobs,
    bytes::{Bytes, Ref},
};

/// Random reading: a disk, a partition, a file.
pub trait ReadAt: Send + Sync {
    /// Fills `buf` from `offset` on.
    ///
    /// # Errors
    /// `UnexpectedEof` past the end, otherwise what the content's place says.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()>;

    /// The length in bytes.
    fn len(&self) -> u64;

    /// Whether there is nothing to read.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Reads Bytes through a store.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    bytes: &'a Bytes,
    blobs: &'a dyn Blobs,
}

impl<'a> Reader<'a> {
    /// A reader of these Bytes.
    pub fn new(bytes: &'a Bytes, blobs: &'a dyn Blobs) -> Self {
        Self { bytes, blobs }
    }

    /// Fills `buf` from `offset` on.
    ///
    /// # Errors
    /// As [`ReadAt::read_at`].
    pub fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        read(self.bytes, self.blobs, offset, buf)
    }

    /// Everything at once.
    ///
    /// # Errors
    /// `InvalidInput` when it is longer than `limit` bytes, otherwise as [`ReadAt::read_at`].
    pub fn read_all(&self, limit: u64) -> io::Result<Vec<u8>> {
        let len = self.bytes.len();
        if len > limit {
            let message = format!("{len} bytes are more than the {limit} that are read into memory");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let mut buf = vec![0; usize::try_from(len).map_err(|_| io::ErrorKind::OutOfMemory)?];
        self.read_at(0, &mut buf)?;
        Ok(buf)
    }
}

impl ReadAt for Reader<'_> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        read(self.bytes, self.blobs, offset, buf)
    }

    fn len(&self) -> u64 {
        self.bytes.len()
    }
}

impl ReadAt for [u8] {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let end = start.checked_add(buf.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buf.copy_from_slice(self.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.as_slice().read_at(offset, buf)
    }

    fn len(&self) -> u64 {
        self.as_slice().len() as u64
    }
}

fn read(bytes: &Bytes, blobs: &dyn Blobs, offset: u64, buf: &mut [u8]) -> io::Result<()> {
    let end = offset.checked_add(buf.len() as u64).ok_or(io::ErrorKind::UnexpectedEof)?;
    if end > bytes.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let index = |at: u64| usize::try_from(at - offset).expect("because it lies within a buffer in memory");
    let mut done = offset;
    for run in &bytes.extents()[bytes.touching(offset, end)] {
        let from = run.at.max(offset);
        let to = run.end().min(end);
        buf[index(done)..index(from)].fill(0);
        let part = &mut buf[index(from)..index(to)];
        let start = run.offset + (from - run.at);
        match bytes.source(run) {
            Ref::Blob(id) => blobs.read_at(id, start, part)?,
            Ref::Bytes(inner) => read(inner, blobs, start, part)?,
        }
        done = to;
    }
    buf[index(done)..].fill(0);
    Ok(())
}

/// A run of a flat walk. What lies between two runs is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Where it starts.
    pub at: u64,
    /// How long it is.
    pub len: u64,
    /// The blob that holds it.
    pub blob: BlobId,
    /// Where it starts in the blob.
    pub offset: u64,
}

/// Walks the runs of Bytes in order, nested ones flattened.
pub struct Walk {
    /// Bytes that are being walked, innermost last: next run, window, and where offset 0 of them would lie.
    stack: Vec<Frame>,
}

struct Frame {
    bytes: Arc<Bytes>,
    next: usize,
    from: u64,
    to: u64,
    /// What is added to a position in `bytes` (wrapping: the origin may lie before the start).
    shift: u64,
}

impl Walk {
    /// Walks all of it.
    pub fn new(bytes: &Arc<Bytes>) -> Self {
        Self { stack: vec![Frame { bytes: Arc::clone(bytes), next: 0, from: 0, to: bytes.len(), shift: 0 }] }
    }
}

impl Iterator for Walk {
    type Item = Leaf;

    fn next(&mut self) -> Option<Leaf> {
        loop {
            let frame = self.stack.last_mut()?;
            let Some(run) = frame.bytes.extents().get(frame.next).filter(|run| run.at < frame.to).copied()
            else {
                self.stack.pop();
                continue;
            };
            frame.next += 1;
            let from = run.at.max(frame.from);
            let to = run.end().min(frame.to);
            if from >= to {
                continue;
            }
            let at = from.wrapping_add(frame.shift);
            let offset = run.offset + (from - run.at);
            match frame.bytes.source(&run) {
                Ref::Blob(id) => return Some(Leaf { at, len: to - from, blob: *id, offset }),
                Ref::Bytes(inner) => {
                    let inner = Arc::clone(inner);
                    let (from, to) = (offset, offset + (to - from));
                    let next = inner.touching(from, to).start;
                    self.stack.push(Frame { bytes: inner, next, from, to, shift: at.wrapping_sub(offset) });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        blob::{MemoryStore, Store},
        build::BytesBuilder,
    };

    #[test]
    fn a_walk_flattens_sections_of_sections() {
        let store = MemoryStore::default();
        let id = store.put(b"0123456789").expect("stored");
        let mut inner = BytesBuilder::new(&store);
        inner.blob(2, id, 0, 6);
        let inner = Arc::new(inner.finish(10).expect("made"));
        let mut outer = BytesBuilder::new(&store);
        outer.section(0, &inner, 4, 6);
        outer.nest(10, &inner);
        let outer = Arc::new(outer.finish(20).expect("made"));
        let leaves: Vec<Leaf> = Walk::new(&outer).collect();
        assert_eq!(
            leaves,
            [Leaf { at: 0, len: 4, blob: id, offset: 2 }, Leaf { at: 12, len: 6, blob: id, offset: 0 }]
        );
        let mut buf = [b'x'; 20];
        Reader::new(&outer, &store).read_at(0, &mut buf).expect("reads");
        assert_eq!(&buf, b"2345\x00\x00\x00\x00\x00\x00\x00\x00012345\x00\x00");
    }
}
