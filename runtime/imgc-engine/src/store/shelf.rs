//! Finds contents: in packs, in the store, in local sources. Locators live here, outside of every digest.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs::File,
    io::{self, Read},
    sync::{Arc, Mutex, MutexGuard, RwLock},
};

use imgc_image::{Blobs, Place};
use imgc_plan::BlobId;

use crate::{
    os,
    scan::local::Local,
    store::{
        home::{Home, Room},
        pack::Pack,
    },
};

/// How many files are kept open: well below the 1024 that systems allow a process by default.
const OPEN: usize = 256;

/// All contents that a run can reach.
pub struct Shelf<'a> {
    home: &'a Home,
    say: &'a (dyn Fn(String) + Sync),
    packs: RwLock<Vec<Arc<Pack>>>,
    /// Packs that nobody needed yet. Held while they are loaded, so that nobody else misses what is in them.
    waiting: Mutex<Vec<BlobId>>,
    locals: RwLock<Vec<Arc<Local>>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Blobs of the store whose bytes were checked against their names, or written, in this run.
    sound: BTreeSet<BlobId>,
    known_packs: BTreeSet<BlobId>,
    open: BTreeMap<BlobId, Arc<File>>,
    /// The open ones in the order in which they were opened.
    order: VecDeque<BlobId>,
    /// Local sources that are not as they were when they were read first.
    changed: BTreeSet<String>,
}

/// Where a content was found.
pub enum Found {
    /// In a pack, at this offset, so long.
    Pack(Arc<Pack>, u64, u64),
    /// In a file of the store.
    Store(Arc<File>),
    /// In a local source: the table and the row.
    Local(Arc<File>, Arc<Local>, usize),
}

impl<'a> Shelf<'a> {
    /// An empty shelf over a store. Damage is told to `say`.
    pub fn new(home: &'a Home, say: &'a (dyn Fn(String) + Sync)) -> Self {
        Self {
            home,
            say,
            packs: RwLock::default(),
            waiting: Mutex::default(),
            locals: RwLock::default(),
            state: Mutex::default(),
        }
    }

    /// The store.
    pub fn home(&self) -> &'a Home {
        self.home
    }

    /// Says something worth a line in the log.
    pub fn say(&self, what: String) {
        (self.say)(what);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("because no holder of the lock panics")
    }

    /// Names packs of the store in which contents may be; they are loaded when something is looked for.
    pub fn add_packs(&self, packs: &[BlobId]) {
        let mut waiting = self.waiting.lock().expect("because no holder of the lock panics");
        let mut state = self.state();
        waiting.extend(packs.iter().filter(|id| state.known_packs.insert(**id)));
    }

    /// Notes a pack that was just written: also one that was known before and lost. It is loaded when something is looked for.
    pub fn take_pack(&self, id: BlobId) {
        let mut waiting = self.waiting.lock().expect("because no holder of the lock panics");
        let mut state = self.state();
        state.known_packs.insert(id);
        state.sound.insert(id);
        waiting.push(id);
    }

    /// Takes a table of local sources.
    pub fn take_local(&self, local: Local) {
        self.locals.write().expect("because no holder of the lock panics").push(Arc::new(local));
    }

    /// Notes a blob that was just written.
    pub fn take_blob(&self, id: BlobId) {
        self.state().sound.insert(id);
    }

    /// Local sources that were found changed, by path.
    pub fn changed(&self) -> Vec<String> {
        self.state().changed.iter().cloned().collect()
    }

    /// Notes a local source that is not as it was.
    pub fn note_changed(&self, path: String) {
        self.state().changed.insert(path);
    }

    /// Whether a content can be read: it is there, and what the store holds of it is sound.
    ///
    /// # Errors
    /// What the machine says, but not that it is missing.
    pub fn has(&self, id: &BlobId) -> io::Result<bool> {
        if self.in_pack(id)?.is_some() || self.local(id).is_some() {
            return Ok(true);
        }
        Ok(self.in_store(id)?.is_some())
    }

    /// Finds a content.
    ///
    /// # Errors
    /// `NotFound` when nobody has it, otherwise what the machine says.
    pub fn find(&self, id: &BlobId) -> io::Result<Found> {
        if let Some((pack, at, len)) = self.in_pack(id)? {
            return Ok(Found::Pack(pack, at, len));
        }
        let Some((table, row)) = self.local(id) else {
            let found = self.in_store(id)?.map(Found::Store);
            let missing = || format!("the content {} is nowhere", id.hex());
            return found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, missing()));
        };
        if let Some(file) = self.cached(id) {
            return Ok(Found::Local(file, table, row));
        }
        if let Some(file) = table.open(row) {
            let file = Arc::new(file);
            self.keep(*id, &file);
            return Ok(Found::Local(file, table, row));
        }
        // It is not what it was; perhaps the store has a copy of what it was.
        if let Some(file) = self.in_store(id)? {
            return Ok(Found::Store(file));
        }
        let path = table.path(row).display().to_string();
        let error = io::Error::new(io::ErrorKind::InvalidData, format!("{path} changed while it was used"));
        self.note_changed(path);
        Err(error)
    }

    /// Whether a pack of the store holds a content.
    ///
    /// # Errors
    /// What the machine says.
    pub fn is_packed(&self, id: &BlobId) -> io::Result<bool> {
        Ok(self.in_pack(id)?.is_some())
    }

    fn in_pack(&self, id: &BlobId) -> io::Result<Option<(Arc<Pack>, u64, u64)>> {
        self.load_waiting()?;
        let packs = self.packs.read().expect("because no holder of the lock panics");
        Ok(packs.iter().rev().find_map(|pack| pack.find(id).map(|(at, len)| (Arc::clone(pack), at, len))))
    }

    fn load_waiting(&self) -> io::Result<()> {
        let mut waiting = self.waiting.lock().expect("because no holder of the lock panics");
        for id in std::mem::take(&mut *waiting) {
            let Some(file) = self.in_store(&id)? else { continue };
            let pack = Pack::open(File::try_clone(&file)?)?;
            let Some(pack) = pack else { continue };
            self.packs.write().expect("because no holder of the lock panics").push(Arc::new(pack));
        }
        Ok(())
    }

    fn local(&self, id: &BlobId) -> Option<(Arc<Local>, usize)> {
        let locals = self.locals.read().expect("because no holder of the lock panics");
        locals.iter().rev().find_map(|local| local.find(id).map(|row| (Arc::clone(local), row)))
    }

    fn cached(&self, id: &BlobId) -> Option<Arc<File>> {
        self.state().open.get(id).cloned()
    }

    fn keep(&self, id: BlobId, file: &Arc<File>) {
        let mut state = self.state();
        if state.open.insert(id, Arc::clone(file)).is_none() {
            state.order.push_back(id);
        }
        let old = if state.order.len() > OPEN { state.order.pop_front() } else { None };
        let closed = old.and_then(|old| state.open.remove(&old));
        drop(state);
        // Closing a file takes the system a while: not under the lock.
        drop(closed);
    }

    /// Opens a blob of the store; the first time its bytes are checked. A damaged one is moved away and is not there.
    fn in_store(&self, id: &BlobId) -> io::Result<Option<Arc<File>>> {
        if let Some(file) = self.cached(id) {
            return Ok(Some(file));
        }
        let file = match File::open(self.home.place(Room::Blobs, &id.hex())) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => Arc::new(file?),
        };
        let sound = self.state().sound.contains(id);
        if !sound {
            if hash(&file)? != *id {
                self.say(self.home.set_aside(Room::Blobs, &id.hex()));
                return Ok(None);
            }
            self.state().sound.insert(*id);
        }
        self.keep(*id, &file);
        Ok(Some(file))
    }
}

/// BLAKE3 of a file, on one thread: callers may hold a lock, and must not be made to do another's work meanwhile.
fn hash(mut file: &File) -> io::Result<BlobId> {
    let mut hasher = blake3::Hasher::new();
    let mut buf = vec![0; 1 << 20];
    loop {
        match file.read(&mut buf)? {
            0 => return Ok(BlobId(*hasher.finalize().as_bytes())),
            len => hasher.update(&buf[..len]),
        };
    }
}

impl Found {
    /// Fills `buf` from the content at `offset`.
    ///
    /// # Errors
    /// `UnexpectedEof` past its end, otherwise what the machine says.
    pub fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        match self {
            Self::Pack(pack, at, len) => {
                let end = offset.checked_add(buf.len() as u64);
                if end.is_none_or(|end| end > *len) {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                pack.read_at(at + offset, buf)
            }
            Self::Store(file) | Self::Local(file, ..) => os::read_at(file, offset, buf),
        }
    }
}

impl Blobs for Shelf<'_> {
    fn read_at(&self, id: &BlobId, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.find(id)?.read_at(offset, buf)
    }

    fn place(&self, id: &BlobId) -> io::Result<Option<Place>> {
        Ok(match self.find(id)? {
            // The kernel's copy does not pay for what is as small as what is in packs.
            Found::Pack(..) => None,
            Found::Store(file) | Found::Local(file, ..) => Some(Place { file, offset: 0 }),
        })
    }
}
