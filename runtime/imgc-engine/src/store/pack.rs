//! Packs: many small contents in one file, so that none of them costs an open.
//!
//! A pack is a blob like any other. Its bytes are the contents one after the other, then a table sorted by name (32 bytes
//! name, 8 bytes offset, 4 bytes length, little-endian), then 8 bytes offset of the table, 8 bytes count, 16 bytes magic.

use std::{fs::File, io, io::Write};

use imgc_plan::BlobId;

use crate::{
    os,
    store::home::{Home, Room, Temp},
};

/// Contents up to this many bytes go into packs. An open, read and close for each of many
/// files costs more than copying so little once. Changes no output.
pub const SMALL: usize = 16 << 10;

/// A pack is closed when it has grown to this many bytes, so that a damaged one is made again without much ado and unused
/// ones can be collected.
const FULL: u64 = 256 << 20;

const MAGIC: &[u8; 16] = b"imgc pack v1\0\0\0\0";
const ROW: usize = 32 + 8 + 4;
const FOOT: usize = 8 + 8 + 16;

/// A pack that can be read.
#[derive(Debug)]
pub struct Pack {
    file: File,
    /// The table as it is in the file.
    table: Vec<u8>,
}

impl Pack {
    /// Opens a pack whose bytes were checked against its name. `None` when it is not a pack.
    ///
    /// # Errors
    /// What the machine says.
    pub fn open(file: File) -> io::Result<Option<Self>> {
        let len = file.metadata()?.len();
        let Some(foot_at) = len.checked_sub(FOOT as u64) else { return Ok(None) };
        let mut foot = [0; FOOT];
        os::read_at(&file, foot_at, &mut foot)?;
        let table_at = number(&foot[..8]);
        let rows = number(&foot[8..16]);
        let bytes = rows.checked_mul(ROW as u64);
        if &foot[16..] != MAGIC || bytes.and_then(|bytes| bytes.checked_add(table_at)) != Some(foot_at) {
            return Ok(None);
        }
        let mut table = vec![0; usize::try_from(foot_at - table_at).map_err(|_| io::ErrorKind::OutOfMemory)?];
        os::read_at(&file, table_at, &mut table)?;
        Ok(Some(Self { file, table }))
    }

    /// Where a content lies, as (offset, length).
    pub fn find(&self, id: &BlobId) -> Option<(u64, u64)> {
        let row = |at: usize| &self.table[at * ROW..(at + 1) * ROW];
        let (mut low, mut high) = (0, self.table.len() / ROW);
        while low < high {
            let middle = low.midpoint(high);
            let found = row(middle);
            match found[..32].cmp(&id.0[..]) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Some((number(&found[32..40]), number(&found[40..44]))),
            }
        }
        None
    }

    /// Reads a part of it.
    ///
    /// # Errors
    /// What the machine says.
    pub fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        os::read_at(&self.file, offset, buf)
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// A pack in the making. What was added can be read at once.
#[derive(Debug)]
pub struct PackWriter {
    temp: Temp,
    hasher: blake3::Hasher,
    /// What is not in the file yet, and where it will be.
    buffer: Vec<u8>,
    flushed: u64,
    table: Table,
}

/// What is in a pack in the making, found by name. A million of them take 60 MB in two pieces, which go back to the system
/// as a whole; a tree of nodes would leave holes in the memory that nothing large fits into.
#[derive(Debug, Default)]
struct Table {
    /// Name, offset and length, in the order in which they came.
    rows: Vec<(BlobId, u64, u32)>,
    /// Rows from 1 on, each at the first free place from the one that its name says; 0: free. Never more than half full.
    places: Vec<u32>,
}

impl Table {
    /// The place of a name, or the free one where it would be; there is one.
    fn place(&self, id: &BlobId) -> usize {
        let [a, b, c, d, ..] = id.0;
        let mask = self.places.len() - 1;
        let mut place = u32::from_le_bytes([a, b, c, d]) as usize & mask;
        while self.row(place).is_some_and(|row| row.0 != *id) {
            place = (place + 1) & mask;
        }
        place
    }

    fn row(&self, place: usize) -> Option<&(BlobId, u64, u32)> {
        self.rows.get((self.places[place] as usize).checked_sub(1)?)
    }

    fn find(&self, id: &BlobId) -> Option<(u64, u32)> {
        if self.places.is_empty() {
            return None;
        }
        self.row(self.place(id)).map(|(_, at, len)| (*at, *len))
    }

    fn insert(&mut self, id: BlobId, at: u64, len: u32) {
        if self.rows.len() * 2 >= self.places.len() {
            self.places = vec![0; (self.places.len() * 2).max(1024)];
            for row in 0..self.rows.len() {
                self.settle(row);
            }
        }
        self.rows.push((id, at, len));
        self.settle(self.rows.len() - 1);
    }

    fn settle(&mut self, row: usize) {
        let place = self.place(&self.rows[row].0);
        self.places[place] =
            u32::try_from(row + 1).expect("because a full pack has fewer than 2^32 contents");
    }

    /// The rows by name.
    fn sorted(mut self) -> Vec<(BlobId, u64, u32)> {
        self.places = Vec::new();
        self.rows.sort_unstable_by_key(|(id, ..)| *id);
        self.rows
    }
}

impl PackWriter {
    /// Starts a pack.
    ///
    /// # Errors
    /// What the machine says.
    pub fn new(home: &Home) -> io::Result<Self> {
        let temp = home.temp()?;
        Ok(Self {
            temp,
            hasher: blake3::Hasher::new(),
            buffer: Vec::new(),
            flushed: 0,
            table: Table::default(),
        })
    }

    /// Whether it should be ended.
    pub fn is_full(&self) -> bool {
        self.flushed + self.buffer.len() as u64 >= FULL
    }

    /// Adds a content of at most [`SMALL`] bytes.
    ///
    /// # Errors
    /// What the machine says.
    pub fn add(&mut self, home: &Home, id: BlobId, bytes: &[u8]) -> io::Result<()> {
        let at = self.flushed + self.buffer.len() as u64;
        let len = u32::try_from(bytes.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        if self.table.find(&id).is_some() {
            return Ok(());
        }
        self.buffer.extend_from_slice(bytes);
        self.table.insert(id, at, len);
        if self.buffer.len() >= 1 << 20 { self.flush(home) } else { Ok(()) }
    }

    fn flush(&mut self, home: &Home) -> io::Result<()> {
        self.hasher.update(&self.buffer);
        self.temp.file.write_all(&self.buffer).map_err(|error| home.explain(&error))?;
        self.flushed += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Where a content lies, as (offset, length).
    pub fn find(&self, id: &BlobId) -> Option<(u64, u64)> {
        self.table.find(id).map(|(at, len)| (at, u64::from(len)))
    }

    /// Reads a part of what was added.
    ///
    /// # Errors
    /// What the machine says.
    pub fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        match offset.checked_sub(self.flushed).map(|at| usize::try_from(at).unwrap_or(usize::MAX)) {
            // A content is never split: it is in the buffer as a whole, or in the file.
            Some(at) => {
                let end = at.checked_add(buf.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
                buf.copy_from_slice(self.buffer.get(at..end).ok_or(io::ErrorKind::UnexpectedEof)?);
                Ok(())
            }
            None => os::read_at(&self.temp.file, offset, buf),
        }
    }

    /// Ends it: publishes it as a blob and gives its name.
    ///
    /// # Errors
    /// What the machine says.
    pub fn finish(mut self, home: &Home) -> io::Result<BlobId> {
        let at = self.flushed + self.buffer.len() as u64;
        let foot = [&at.to_le_bytes()[..], &(self.table.rows.len() as u64).to_le_bytes(), MAGIC].concat();
        for (id, offset, len) in std::mem::take(&mut self.table).sorted() {
            for part in [&id.0[..], &offset.to_le_bytes(), &len.to_le_bytes()] {
                self.buffer.extend_from_slice(part);
            }
            if self.buffer.len() >= 1 << 20 {
                self.flush(home)?;
            }
        }
        self.buffer.extend_from_slice(&foot);
        self.flush(home)?;
        let id = BlobId(*self.hasher.finalize().as_bytes());
        home.publish(self.temp, Room::Blobs, &id.hex())?;
        Ok(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_found_while_it_is_made_and_later() {
        let dir = tempfile::tempdir().expect("a directory");
        let home = Home::open(dir.path()).expect("a store");
        let mut writer = PackWriter::new(&home).expect("started");
        let contents: Vec<Vec<u8>> =
            (0..3000u32).map(|at| at.to_le_bytes().repeat(1 + at as usize % 300)).collect();
        for bytes in &contents {
            writer.add(&home, BlobId::of(bytes), bytes).expect("added");
        }
        let check = |find: &dyn Fn(&BlobId) -> Option<(u64, u64)>,
                     read: &dyn Fn(u64, &mut [u8]) -> io::Result<()>| {
            for bytes in &contents {
                let (at, len) = find(&BlobId::of(bytes)).expect("there");
                let mut buf = vec![0; usize::try_from(len).expect("small")];
                read(at, &mut buf).expect("read");
                assert_eq!(&buf, bytes);
            }
            assert_eq!(find(&BlobId([0; 32])), None);
        };
        check(&|id| writer.find(id), &|at, buf| writer.read_at(at, buf));
        let id = writer.finish(&home).expect("finished");
        let path = home.place(Room::Blobs, &id.hex());
        assert_eq!(BlobId::of(&std::fs::read(&path).expect("read")), id);
        let again = Pack::open(File::open(path).expect("there")).expect("read").expect("a pack");
        check(&|id| again.find(id), &|at, buf| again.read_at(at, buf));
    }

    #[test]
    fn what_is_no_pack_is_not_taken_for_one() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("x");
        let foot = |table: u64, rows: u64| [&table.to_le_bytes()[..], &rows.to_le_bytes(), MAGIC].concat();
        for bytes in [vec![], vec![0; 100], foot(0, 1), foot(u64::MAX, 1), foot(0, u64::MAX), foot(1, 0)] {
            std::fs::write(&path, &bytes).expect("written");
            assert!(Pack::open(File::open(&path).expect("there")).expect("read").is_none(), "{bytes:?}");
        }
    }
}
