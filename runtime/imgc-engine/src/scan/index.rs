//! The stat index of a local directory: what each file held when it had which stamp. One file, sorted, replaced as a whole.
//!
//! Rows are read where they lie in the file's bytes: a directory of a million files is not taken apart to be looked at.

use std::{
    cmp::Ordering,
    collections::BTreeMap,
    io::{self, Write},
    path::Path,
};

use imgc_image::tree::compare_paths;
use imgc_plan::BlobId;

use crate::{
    os::{self, Stamp},
    store::{
        home::{Home, Room, unseal},
        pack::SMALL,
    },
};

const FIRST: &str = "imgc stat index v1\n";

/// What is known of one file's content. There is one for each file of a scan, so it is small.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The name of the content.
    pub id: BlobId,
    /// The runs of data in it where there are holes, as (start, length); `None`: all of it is data.
    pub holed: Option<Box<[(u64, u64)]>>,
    /// Whether a later state of the file would have shown another stamp.
    pub trusted: bool,
}

impl Seen {
    /// Of a content with these runs of data.
    pub fn new(id: BlobId, size: u64, runs: &[(u64, u64)], trusted: bool) -> Self {
        let whole = if size == 0 { runs.is_empty() } else { runs == [(0, size)] };
        Self { id, holed: (!whole).then(|| runs.into()), trusted }
    }

    /// The runs of data of a content of this size.
    pub fn runs(&self, size: u64) -> Vec<(u64, u64)> {
        match &self.holed {
            Some(runs) => runs.to_vec(),
            None if size == 0 => Vec::new(),
            None => vec![(0, size)],
        }
    }

    /// Whether a content of this size is in a pack: it is small and not all holes.
    pub fn in_pack(&self, size: u64) -> bool {
        size <= SMALL as u64 && size > 0 && self.holed.as_ref().is_none_or(|runs| !runs.is_empty())
    }
}

/// A file of the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<P> {
    /// Its path below the root.
    pub path: P,
    /// Its state when it was read.
    pub stamp: Stamp,
    /// What was in it then.
    pub seen: Seen,
}

impl Row<&[u8]> {
    /// The row with a path of its own.
    pub fn own(self) -> Row<Box<[u8]>> {
        Row { path: self.path.into(), stamp: self.stamp, seen: self.seen }
    }
}

/// What is known of a directory's files.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// Packs of the store that hold the small ones.
    pub packs: Vec<BlobId>,
    /// The bytes of the file, where the rows start in them, and how many there are.
    bytes: Vec<u8>,
    from: usize,
    count: u64,
}

/// The index's name in the store: a host's path never enters anything else.
pub fn name(root: &Path) -> String {
    BlobId::of(&os::bytes(root.as_os_str())).hex()
}

impl Index {
    /// Reads the index of a directory. One that is damaged is moved away, said, and as good as none.
    ///
    /// # Errors
    /// What the machine says.
    pub fn load(home: &Home, root: &Path, say: &dyn Fn(String)) -> io::Result<Option<Self>> {
        let name = name(root);
        let Some(bytes) = home.get(Room::Scans, &name)? else { return Ok(None) };
        let index = Self::unseal(bytes);
        if index.is_none() {
            say(home.set_aside(Room::Scans, &name));
        }
        Ok(index)
    }

    /// Takes the bytes of an index; `None` when they are damaged.
    pub fn unseal(bytes: Vec<u8>) -> Option<Self> {
        let body = unseal(FIRST, &bytes)?;
        let mut r = Reader(body);
        let packs = (0..r.int()?).map(|_| r.array().map(BlobId)).collect::<Option<_>>()?;
        let count = r.int()?;
        let from = FIRST.len() + (body.len() - r.0.len());
        for _ in 0..count {
            r.row()?;
        }
        r.0.is_empty().then_some(())?;
        Some(Self { packs, bytes, from, count })
    }

    /// The rows, in canonical order.
    pub fn rows(&self) -> impl Iterator<Item = Row<&[u8]>> {
        let mut r = Reader(self.bytes.get(self.from..).unwrap_or_default());
        (0..self.count).map_while(move |_| r.row())
    }

    /// Stores the index of a directory: so many rows, in canonical order.
    ///
    /// # Errors
    /// When the store cannot take it.
    pub fn save<'r>(
        home: &Home,
        root: &Path,
        packs: &[BlobId],
        count: usize,
        rows: impl Iterator<Item = (&'r [u8], Stamp, &'r Seen)>,
    ) -> io::Result<()> {
        let mut temp = home.temp()?;
        let mut out = Sealing {
            file: &mut temp.file,
            hash: blake3::Hasher::new(),
            pending: Vec::with_capacity(TOGETHER + (4 << 10)),
        };
        let sealed = out.index(packs, count, rows);
        sealed.map_err(|error| home.explain(&error))?;
        home.publish(temp, Room::Scans, &name(root)).map(|_| ())
    }
}

/// How much is hashed and written at once.
const TOGETHER: usize = 256 << 10;

/// Writes what [`crate::store::home::unseal`] reads, without holding it.
struct Sealing<'f> {
    file: &'f mut std::fs::File,
    hash: blake3::Hasher,
    pending: Vec<u8>,
}

impl Sealing<'_> {
    fn flush(&mut self) -> io::Result<()> {
        self.hash.update(&self.pending);
        self.file.write_all(&self.pending)?;
        self.pending.clear();
        Ok(())
    }

    fn index<'r>(
        &mut self,
        packs: &[BlobId],
        count: usize,
        rows: impl Iterator<Item = (&'r [u8], Stamp, &'r Seen)>,
    ) -> io::Result<()> {
        self.pending.extend(FIRST.as_bytes());
        self.pending.extend((packs.len() as u64).to_le_bytes());
        packs.iter().for_each(|id| self.pending.extend(id.0));
        self.pending.extend((count as u64).to_le_bytes());
        for (path, stamp, seen) in rows {
            add_row(&mut self.pending, path, stamp, seen);
            if self.pending.len() >= TOGETHER {
                self.flush()?;
            }
        }
        self.flush()?;
        self.file.write_all(self.hash.finalize().as_bytes())
    }
}

fn add_row(out: &mut Vec<u8>, path: &[u8], stamp: Stamp, seen: &Seen) {
    let Stamp { dev, ino, size, mtime, ctime } = stamp;
    let Seen { id, holed: _, trusted } = seen;
    out.extend((path.len() as u64).to_le_bytes());
    out.extend(path);
    [dev, ino, size].iter().for_each(|value| out.extend(value.to_le_bytes()));
    for (seconds, nanos) in [mtime, ctime] {
        out.extend(seconds.to_le_bytes());
        out.extend(nanos.to_le_bytes());
    }
    out.push(u8::from(*trusted));
    out.extend(id.0);
    let runs = seen.runs(size);
    out.extend((runs.len() as u64).to_le_bytes());
    runs.iter().flat_map(|(at, len)| [at, len]).for_each(|value| out.extend(value.to_le_bytes()));
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (found, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*found)
    }

    fn int(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn moment(&mut self) -> Option<os::Moment> {
        Some((self.array().map(i64::from_le_bytes)?, self.array().map(u32::from_le_bytes)?))
    }

    fn row(&mut self) -> Option<Row<&'a [u8]>> {
        let len = usize::try_from(self.int()?).ok()?;
        let (path, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        let stamp = Stamp {
            dev: self.int()?,
            ino: self.int()?,
            size: self.int()?,
            mtime: self.moment()?,
            ctime: self.moment()?,
        };
        let trusted = self.array::<1>()? == [1];
        let id = BlobId(self.array()?);
        let seen = match self.int()? {
            1 => Seen::new(id, stamp.size, &[(self.int()?, self.int()?)], trusted),
            count => {
                let runs =
                    (0..count).map(|_| Some((self.int()?, self.int()?))).collect::<Option<Vec<_>>>()?;
                Seen::new(id, stamp.size, &runs, trusted)
            }
        };
        Some(Row { path, stamp, seen })
    }
}

/// Walks rows and names, both sorted, side by side: for each name the row of the same path.
pub struct Join<'a, I: Iterator<Item = Row<&'a [u8]>>> {
    rows: std::iter::Peekable<I>,
}

impl<'a, I: Iterator<Item = Row<&'a [u8]>>> Join<'a, I> {
    /// Starts at the first row.
    pub fn new(rows: I) -> Self {
        Self { rows: rows.peekable() }
    }

    /// The row of this path, which must not be before that of the last call. Rows that are passed go to `passed`.
    pub fn row(&mut self, path: &[u8], mut passed: impl FnMut(Row<&'a [u8]>)) -> Option<Row<&'a [u8]>> {
        loop {
            let row = self.rows.next_if(|row| compare_paths(row.path, path) != Ordering::Greater)?;
            if row.path == path {
                return Some(row);
            }
            passed(row);
        }
    }

    /// The rows that no name reached.
    pub fn rest(self) -> impl Iterator<Item = Row<&'a [u8]>> {
        self.rows
    }
}

/// Keeps the first of equal names.
pub fn dedup(ids: &mut Vec<BlobId>) {
    let mut seen = BTreeMap::new();
    ids.retain(|id| seen.insert(*id, ()).is_none());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_and_damage_shows() {
        let dir = tempfile::tempdir().expect("a directory");
        let home = Home::open(dir.path()).expect("a store");
        let root = Path::new("/some/where");
        let stamp = |size| Stamp { dev: 1, ino: 2, size, mtime: (-3, 4), ctime: (5, 6) };
        let seen = |size, runs: &[(u64, u64)]| (stamp(size), Seen::new(BlobId([9; 32]), size, runs, true));
        let rows = [
            ("a", seen(0, &[])),
            ("a/b", seen(10, &[(0, 10)])),
            ("a-b", seen(20_000, &[])),
            ("c", seen(20_000, &[(0, 4096), (8192, 11_808)])),
        ];
        let packs = [BlobId([1; 32])];
        let all = rows.iter().map(|(path, (stamp, seen))| (path.as_bytes(), *stamp, seen));
        Index::save(&home, root, &packs, rows.len(), all).expect("saved");
        let say = |said: String| panic!("{said}");
        let index = Index::load(&home, root, &say).expect("read").expect("there");
        assert_eq!(index.packs, packs);
        assert_eq!(index.rows().count(), rows.len());
        for (row, (path, (stamp, seen))) in index.rows().zip(&rows) {
            assert_eq!((row.path, row.stamp, &row.seen), (path.as_bytes(), *stamp, seen));
        }
        assert_eq!(rows[3].1.1.runs(20_000), [(0, 4096), (8192, 11_808)]);
        assert_eq!(rows[1].1.1.runs(10), [(0, 10)]);
        let packed = rows.each_ref().map(|(_, (stamp, seen))| seen.in_pack(stamp.size));
        assert_eq!(packed, [false, true, false, false]);
        for at in 0..index.bytes.len() {
            let mut damaged = index.bytes.clone();
            damaged[at] ^= 1;
            assert!(Index::unseal(damaged).is_none(), "{at}");
        }
    }
}
