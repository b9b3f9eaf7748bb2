//! The only door to content: blobs are named by BLAKE3; where their bytes are is the store's business.

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    sync::{Arc, Mutex},
};

use imgc_plan::BlobId;

/// Reads blobs.
pub trait Blobs: Send + Sync {
    /// Fills `buf` from the blob at `offset`.
    ///
    /// # Errors
    /// `NotFound` when nobody has the blob, `UnexpectedEof` past its end, `InvalidData` when what was found is not it.
    fn read_at(&self, id: &BlobId, offset: u64, buf: &mut [u8]) -> io::Result<()>;

    /// The open file and offset at which the blob's bytes lie, so that an export can let the kernel copy them;
    /// `None` when they are not in a file, or an open would not pay.
    ///
    /// # Errors
    /// As [`Blobs::read_at`].
    fn place(&self, id: &BlobId) -> io::Result<Option<Place>> {
        let _ = id;
        Ok(None)
    }
}

/// Where a blob's bytes lie.
#[derive(Clone, Debug)]
pub struct Place {
    /// The open file.
    pub file: Arc<File>,
    /// The offset of the blob's first byte in it.
    pub offset: u64,
}

/// Receives the bytes of one new blob.
pub trait BlobWriter: io::Write + Send {
    /// Ends the blob and gives its name and length.
    ///
    /// # Errors
    /// When it cannot be stored.
    fn finish(self: Box<Self>) -> io::Result<(BlobId, u64)>;
}

/// Reads blobs and takes new ones.
pub trait Store: Blobs {
    /// Starts a new blob.
    ///
    /// # Errors
    /// When there is no room for it.
    fn create(&self) -> io::Result<Box<dyn BlobWriter + '_>>;

    /// Stores bytes that are already in memory.
    ///
    /// # Errors
    /// As [`Store::create`].
    fn put(&self, bytes: &[u8]) -> io::Result<BlobId> {
        let mut writer = self.create()?;
        writer.write_all(bytes)?;
        Ok(writer.finish()?.0)
    }
}

/// A store in memory, for tests and for small work.
#[derive(Debug, Default)]
pub struct MemoryStore {
    blobs: Mutex<BTreeMap<BlobId, Arc<Vec<u8>>>>,
}

impl Blobs for MemoryStore {
    fn read_at(&self, id: &BlobId, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let blob = {
            let blobs = self.blobs.lock().expect("because no holder of the lock panics");
            Arc::clone(
                blobs.get(id).ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("{id:?}")))?,
            )
        };
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let end = start.checked_add(buf.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buf.copy_from_slice(blob.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

impl Store for MemoryStore {
    fn create(&self) -> io::Result<Box<dyn BlobWriter + '_>> {
        Ok(Box::new(MemoryWriter { store: self, bytes: Vec::new() }))
    }
}

struct MemoryWriter<'s> {
    store: &'s MemoryStore,
    bytes: Vec<u8>,
}

impl io::Write for MemoryWriter<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl BlobWriter for MemoryWriter<'_> {
    fn finish(self: Box<Self>) -> io::Result<(BlobId, u64)> {
        let id = BlobId::of(&self.bytes);
        let len = self.bytes.len() as u64;
        self.store
            .blobs
            .lock()
            .expect("because no holder of the lock panics")
            .insert(id, Arc::new(self.bytes));
        Ok((id, len))
    }
}
