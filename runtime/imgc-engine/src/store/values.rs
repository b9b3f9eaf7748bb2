//! Values in the store: zstd over their canonical encoding, checked against their names whenever they are read.

use std::{
    collections::BTreeMap,
    io::{self, BufWriter, Read, Write},
    sync::{Arc, Mutex, Weak},
};

use imgc_image::{Bytes, Value, codec};
use imgc_plan::ValueId;

use crate::store::{home::Room, shelf::Shelf};

const MAGIC: &[u8] = b"imgc value v1\n";

/// Reads and writes values; Bytes that several values point at are one in memory.
pub struct Values<'a> {
    shelf: &'a Shelf<'a>,
    alive: Mutex<BTreeMap<ValueId, Weak<Bytes>>>,
}

impl<'a> Values<'a> {
    /// Over a store.
    pub fn new(shelf: &'a Shelf<'a>) -> Self {
        Self { shelf, alive: Mutex::default() }
    }

    fn remember(&self, id: ValueId, bytes: &Arc<Bytes>) {
        let mut alive = self.alive.lock().expect("because no holder of the lock panics");
        alive.insert(id, Arc::downgrade(bytes));
    }

    /// Stores a value and those that it points at. Gives its name, and theirs.
    ///
    /// # Errors
    /// When the store cannot take it.
    pub fn save(&self, value: &Value) -> io::Result<(ValueId, Vec<ValueId>)> {
        let mut nested = Vec::new();
        for bytes in codec::nested(value) {
            let (id, below) = self.save(&Value::Bytes(bytes))?;
            nested.push(id);
            nested.extend(below);
        }
        nested.sort_unstable();
        nested.dedup();
        let id = self.write(value)?;
        if let Value::Bytes(bytes) = value {
            self.remember(id, bytes);
        }
        Ok((id, nested))
    }

    /// Packs a value's encoding while it is made; it is as long as the value is large.
    fn write(&self, value: &Value) -> io::Result<ValueId> {
        let home = self.shelf.home();
        let mut temp = home.temp()?;
        let id = {
            let mut file = BufWriter::with_capacity(256 << 10, &mut temp.file);
            file.write_all(MAGIC)?;
            // Level 1: the encoding is mostly zero bytes of integers; more effort would only cost time.
            let mut packer = zstd::stream::write::Encoder::new(&mut file, 1)?;
            let id = codec::encode_to(value, &mut packer).map_err(|error| home.explain(&error))?;
            packer.finish().and_then(Write::flush).map_err(|error| home.explain(&error))?;
            id
        };
        if !home.place(Room::Values, &id.hex()).exists() {
            home.publish(temp, Room::Values, &id.hex())?;
        }
        Ok(id)
    }

    /// Reads a value. `None` when it, or one that it points at, is missing or damaged; damage is moved away and said.
    ///
    /// # Errors
    /// What the machine says.
    pub fn load(&self, id: &ValueId) -> io::Result<Option<Value>> {
        self.load_at(id, 0)
    }

    fn load_at(&self, id: &ValueId, depth: usize) -> io::Result<Option<Value>> {
        let home = self.shelf.home();
        // Nothing that imgc makes nests deeper than a few levels (a disk in an image on a disk).
        let Some(packed) = home.get(Room::Values, &id.hex())?.filter(|_| depth < 64) else { return Ok(None) };
        let Some(encoding) = unpack(&packed, id) else {
            self.shelf.say(home.set_aside(Room::Values, &id.hex()));
            return Ok(None);
        };
        let mut failed = None;
        let decoded = codec::decode(&encoding, &mut |inner| {
            let alive = self.alive.lock().expect("because no holder of the lock panics").get(inner).cloned();
            if let Some(bytes) = alive.and_then(|weak| weak.upgrade()) {
                return Some(bytes);
            }
            match self.load_at(inner, depth + 1) {
                Ok(Some(Value::Bytes(bytes))) => Some(bytes),
                Ok(_) => None,
                Err(error) => {
                    failed = Some(error);
                    None
                }
            }
        });
        if let Some(error) = failed {
            return Err(error);
        }
        if let Ok(Value::Bytes(bytes)) = &decoded {
            self.remember(*id, bytes);
        }
        Ok(decoded.ok())
    }
}

/// The encoding of a stored value; `None` when it is not that of this name.
pub fn unpack(packed: &[u8], id: &ValueId) -> Option<Vec<u8>> {
    let mut encoding = Vec::new();
    zstd::stream::read::Decoder::new(packed.strip_prefix(MAGIC)?).ok()?.read_to_end(&mut encoding).ok()?;
    (blake3::hash(&encoding).as_bytes() == &id.0).then_some(encoding)
}

/// Whether a stored value is sound.
pub fn is_sound(packed: &[u8], id: &ValueId) -> bool {
    unpack(packed, id).is_some()
}
