//! What one step sees of the store: it reads everything, and what it writes is noted for its action.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use imgc_image::{BlobWriter, Blobs, Place, Store};
use imgc_plan::BlobId;
use rayon::prelude::*;

use crate::{
    scan::local::Local,
    store::{
        home::{Room, Temp},
        pack::{PackWriter, SMALL},
        shelf::{Found, Shelf},
    },
};

/// How many local sources one task looks at again.
const LOOKS: usize = 512;

/// A step's view of the store.
pub struct StepStore<'a> {
    shelf: &'a Shelf<'a>,
    /// Set when the build is interrupted: reading and writing fail from then on, so that every step ends soon.
    stop: &'a AtomicBool,
    writing: Mutex<Writing>,
    /// Local sources that were read, by the address of their table and row: looked at again when the step is done.
    touched: Mutex<Touched>,
}

#[derive(Default)]
struct Writing {
    pack: Option<PackWriter>,
    packs: Vec<BlobId>,
    blobs: BTreeSet<BlobId>,
}

#[derive(Default)]
struct Touched {
    tables: Vec<Arc<Local>>,
    rows: BTreeSet<(usize, usize)>,
}

/// What a step wrote into the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Packs of small contents.
    pub packs: Vec<BlobId>,
    /// Other contents.
    pub blobs: Vec<BlobId>,
}

impl<'a> StepStore<'a> {
    /// A view for one step.
    pub fn new(shelf: &'a Shelf<'a>, stop: &'a AtomicBool) -> Self {
        Self { shelf, stop, writing: Mutex::default(), touched: Mutex::default() }
    }

    /// Where contents are found.
    pub fn shelf(&self) -> &'a Shelf<'a> {
        self.shelf
    }

    fn go_on(&self) -> io::Result<()> {
        // Not `ErrorKind::Interrupted`: that asks callers to try again.
        if self.stop.load(Ordering::Relaxed) { Err(io::Error::other("interrupted")) } else { Ok(()) }
    }

    fn writing(&self) -> MutexGuard<'_, Writing> {
        self.writing.lock().expect("because no holder of the lock panics")
    }

    /// Adds small contents to the step's pack, all under one lock.
    ///
    /// # Errors
    /// When the store cannot take them.
    pub fn put_small<'b>(&self, contents: impl IntoIterator<Item = (BlobId, &'b [u8])>) -> io::Result<()> {
        let mut writing = self.writing();
        for (id, bytes) in contents {
            let pack = match &mut writing.pack {
                Some(pack) => pack,
                none => none.insert(PackWriter::new(self.shelf.home())?),
            };
            pack.add(self.shelf.home(), id, bytes)?;
            if pack.is_full() {
                self.end_pack(&mut writing)?;
            }
        }
        Ok(())
    }

    fn end_pack(&self, writing: &mut Writing) -> io::Result<()> {
        if let Some(pack) = writing.pack.take() {
            let id = pack.finish(self.shelf.home())?;
            // Its table is read when something is looked for in it: not while trees are large.
            self.shelf.take_pack(id);
            writing.packs.push(id);
        }
        Ok(())
    }

    /// Ends it: what was written can be found by others now.
    ///
    /// # Errors
    /// When the store cannot take the last pack.
    pub fn finish(&self) -> io::Result<Written> {
        let mut writing = self.writing();
        self.end_pack(&mut writing)?;
        let blobs = std::mem::take(&mut writing.blobs).into_iter().collect();
        Ok(Written { packs: std::mem::take(&mut writing.packs), blobs })
    }

    /// Looks again at every local source that was read since this was asked last: those that changed meanwhile are noted at the shelf.
    pub fn look_again(&self) {
        let touched =
            std::mem::take(&mut *self.touched.lock().expect("because no holder of the lock panics"));
        let rows: Vec<(usize, usize)> = touched.rows.iter().copied().collect();
        rows.par_chunks(LOOKS).flat_map_iter(|rows| rows.chunk_by(|one, next| one.0 == next.0)).for_each(
            |rows| {
                let table = &touched.tables[rows[0].0];
                for row in table.changed(rows.iter().map(|(_, row)| *row)) {
                    self.shelf.note_changed(table.path(row).display().to_string());
                }
            },
        );
    }

    fn find(&self, id: &BlobId) -> io::Result<Found> {
        let found = self.shelf.find(id)?;
        if let Found::Local(_, table, row) = &found {
            let mut touched = self.touched.lock().expect("because no holder of the lock panics");
            let known = touched.tables.iter().position(|known| Arc::ptr_eq(known, table));
            let at = known.unwrap_or_else(|| {
                touched.tables.push(Arc::clone(table));
                touched.tables.len() - 1
            });
            touched.rows.insert((at, *row));
        }
        Ok(found)
    }
}

impl Blobs for StepStore<'_> {
    fn read_at(&self, id: &BlobId, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.go_on()?;
        {
            let writing = self.writing();
            if let Some((pack, (at, len))) =
                writing.pack.as_ref().and_then(|pack| Some((pack, pack.find(id)?)))
            {
                if offset.checked_add(buf.len() as u64).is_none_or(|end| end > len) {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                return pack.read_at(at + offset, buf);
            }
        }
        self.find(id)?.read_at(offset, buf)
    }

    fn place(&self, id: &BlobId) -> io::Result<Option<Place>> {
        if self.writing().pack.as_ref().is_some_and(|pack| pack.find(id).is_some()) {
            return Ok(None);
        }
        Ok(match self.find(id)? {
            Found::Pack(..) => None,
            Found::Store(file) | Found::Local(file, ..) => Some(Place { file, offset: 0 }),
        })
    }
}

impl Store for StepStore<'_> {
    fn create(&self) -> io::Result<Box<dyn BlobWriter + '_>> {
        Ok(Box::new(Writer {
            store: self,
            hasher: blake3::Hasher::new(),
            buffer: Vec::new(),
            flushed: 0,
            temp: None,
        }))
    }

    fn put(&self, bytes: &[u8]) -> io::Result<BlobId> {
        if bytes.len() <= SMALL {
            let id = BlobId::of(bytes);
            self.put_small([(id, bytes)])?;
            return Ok(id);
        }
        let mut writer = self.create()?;
        writer.write_all(bytes)?;
        Ok(writer.finish()?.0)
    }
}

/// Receives one blob: in memory while it is small, then in a file of its own.
struct Writer<'a> {
    store: &'a StepStore<'a>,
    hasher: blake3::Hasher,
    buffer: Vec<u8>,
    flushed: u64,
    temp: Option<Temp>,
}

/// How much is gathered before it is hashed and written.
const GATHER: usize = 1 << 20;

impl Writer<'_> {
    fn flush_buffer(&mut self) -> io::Result<()> {
        let home = self.store.shelf.home();
        let temp = match &mut self.temp {
            Some(temp) => temp,
            none => none.insert(home.temp()?),
        };
        self.hasher.update(&self.buffer);
        temp.file.write_all(&self.buffer).map_err(|error| home.explain(&error))?;
        self.flushed += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

impl Write for Writer<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.store.go_on()?;
        self.buffer.extend_from_slice(buf);
        if self.buffer.len() >= GATHER {
            self.flush_buffer()?;
        }
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl BlobWriter for Writer<'_> {
    fn finish(mut self: Box<Self>) -> io::Result<(BlobId, u64)> {
        if self.temp.is_none() && self.buffer.len() <= SMALL {
            let id = BlobId::of(&self.buffer);
            self.store.put_small([(id, self.buffer.as_slice())])?;
            return Ok((id, self.buffer.len() as u64));
        }
        self.flush_buffer()?;
        let id = BlobId(*self.hasher.finalize().as_bytes());
        let temp = self.temp.take().expect("because the buffer was flushed to it");
        self.store.shelf.home().publish(temp, Room::Blobs, &id.hex())?;
        self.store.shelf.take_blob(id);
        self.store.writing().blobs.insert(id);
        Ok((id, self.flushed))
    }
}
