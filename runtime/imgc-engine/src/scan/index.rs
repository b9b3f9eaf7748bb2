//! The stat index of a local directory: what each file held when it had which stamp. One file, sorted, replaced as a whole.

use std::{cmp::Ordering, collections::BTreeMap, io, path::Path};

use imgc_image::tree::compare_paths;
use imgc_plan::BlobId;

use crate::{
    os::{self, Stamp},
    store::{
        home::{Home, Room, seal, unseal},
        pack::SMALL,
    },
};

const FIRST: &str = "imgc stat index v1\n";

/// What is known of one file's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its path below the root.
    pub path: Box<[u8]>,
    /// Its state when it was read.
    pub stamp: Stamp,
    /// Whether a later state would have shown another stamp.
    pub trusted: bool,
    /// The name of its content.
    pub id: BlobId,
    /// The runs of data in it, as (start, length); what lies between is a hole.
    pub runs: Box<[(u64, u64)]>,
}

impl Row {
    /// Whether its content is in a pack: it is small and not all holes.
    pub fn in_pack(&self) -> bool {
        self.stamp.size <= SMALL as u64 && !self.runs.is_empty()
    }
}

/// What is known of a directory's files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// Packs of the store that hold the small ones.
    pub packs: Vec<BlobId>,
    /// The rows, in canonical order.
    pub rows: Vec<Row>,
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
        let index = Self::unseal(&bytes);
        if index.is_none() {
            say(home.set_aside(Room::Scans, &name));
        }
        Ok(index)
    }

    /// Reads the bytes of an index; `None` when they are damaged.
    pub fn unseal(bytes: &[u8]) -> Option<Self> {
        let mut r = Reader(unseal(FIRST, bytes)?);
        let packs = (0..r.int()?).map(|_| r.array().map(BlobId)).collect::<Option<_>>()?;
        let rows = (0..r.int()?).map(|_| r.row()).collect::<Option<_>>()?;
        r.0.is_empty().then_some(Self { packs, rows })
    }

    /// Stores the index of a directory.
    ///
    /// # Errors
    /// When the store cannot take it.
    pub fn save(&self, home: &Home, root: &Path) -> io::Result<()> {
        let mut out = Vec::with_capacity(64 + self.rows.len() * 160);
        out.extend((self.packs.len() as u64).to_le_bytes());
        self.packs.iter().for_each(|id| out.extend(id.0));
        out.extend((self.rows.len() as u64).to_le_bytes());
        for Row { path, stamp: Stamp { dev, ino, size, mtime, ctime }, trusted, id, runs } in &self.rows {
            out.extend((path.len() as u64).to_le_bytes());
            out.extend(path.iter());
            [*dev, *ino, *size].iter().for_each(|value| out.extend(value.to_le_bytes()));
            for (seconds, nanos) in [mtime, ctime] {
                out.extend(seconds.to_le_bytes());
                out.extend(nanos.to_le_bytes());
            }
            out.push(u8::from(*trusted));
            out.extend(id.0);
            out.extend((runs.len() as u64).to_le_bytes());
            runs.iter().flat_map(|(at, len)| [at, len]).for_each(|value| out.extend(value.to_le_bytes()));
        }
        home.put(Room::Scans, &name(root), &seal(FIRST, &out))
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
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

    fn row(&mut self) -> Option<Row> {
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
        let runs = (0..self.int()?).map(|_| Some((self.int()?, self.int()?))).collect::<Option<_>>()?;
        Some(Row { path: path.into(), stamp, trusted, id, runs })
    }
}

/// Walks rows and names, both sorted, side by side: for each name the row of the same path.
pub struct Join<'a> {
    rows: &'a [Row],
    at: usize,
}

impl<'a> Join<'a> {
    /// Starts at the first row.
    pub fn new(rows: &'a [Row]) -> Self {
        Self { rows, at: 0 }
    }

    /// The row of this path, which must not be before that of the last call. Rows that are passed go to `passed`.
    pub fn row(&mut self, path: &[u8], mut passed: impl FnMut(&'a Row)) -> Option<&'a Row> {
        while let Some(row) = self.rows.get(self.at) {
            match compare_paths(&row.path, path) {
                Ordering::Less => passed(row),
                Ordering::Equal => {
                    self.at += 1;
                    return Some(row);
                }
                Ordering::Greater => return None,
            }
            self.at += 1;
        }
        None
    }

    /// The rows that no name reached.
    pub fn rest(self) -> &'a [Row] {
        &self.rows[self.at..]
    }
}

/// Keeps the first of equal names.
pub fn dedup(ids: &mut Vec<BlobId>) {
    let mut seen = BTreeMap::new();
    ids.retain(|id| seen.insert(*id, ()).is_none());
}
