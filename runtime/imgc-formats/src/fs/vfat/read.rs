//! Reads a volume, whoever made it, every field taken for hostile.

use std::{cell::RefCell, collections::BTreeSet, io::Write};

use imgc_image::{Bytes, Content, Entry, Failure, Meta, Node, Problem, ReadAt, Tree, TreeBuilder};
use imgc_plan::{
    Data, Record,
    tree::{BytePath, check_name},
};

use super::{
    dump::{field, geometry_of, units},
    geometry::{Geometry, Width},
    names, time,
};
use crate::fs::{Run, Volume, runs::Runs};

/// The most entries of a volume: hostile ones could have more than fit into memory.
const MAX_ENTRIES: usize = 4 << 20;
/// Directories below paths of more bytes are refused.
const MAX_PATH: usize = 32 << 10;
/// The most bytes of a directory (FAT 1.03, section 6: 65536 entries).
const MAX_DIR: u64 = 2 << 20;
/// Bytes of the FAT that are kept at once, and the few more that an entry across the end takes.
const WINDOW: u64 = 64 << 10;
const SPARE: u64 = 4;

/// Opens a volume; `None` when it is no FAT.
pub fn open<'a>(image: &'a dyn ReadAt) -> Result<Option<Box<dyn Volume + 'a>>, Failure> {
    let mut boot = [0; 512];
    if image.len() < 512 {
        return Ok(None);
    }
    image.read_at(0, &mut boot)?;
    let Ok(geometry) = geometry_of(&boot) else { return Ok(None) };
    if geometry.fats == 0 || geometry.reserved == 0 || geometry.clusters == 0 {
        return Ok(None);
    }
    if geometry.sectors * geometry.sector > image.len() {
        return Err(damaged("it is longer than what holds it"));
    }
    Ok(Some(Box::new(Fat { image, geometry, boot, window: RefCell::default() })))
}

/// How many bits an entry of a volume's FAT has: 12, 16 or 32; `None` when it is no FAT.
///
/// # Errors
/// When it cannot be read.
pub fn fat_bits(image: &dyn ReadAt) -> std::io::Result<Option<u64>> {
    let mut boot = [0; 512];
    if image.len() < 512 {
        return Ok(None);
    }
    image.read_at(0, &mut boot)?;
    Ok(geometry_of(&boot).ok().map(|geometry| geometry.width.bits()))
}

fn damaged(why: impl std::fmt::Display) -> Failure {
    Problem::new("filesystem-damaged", format!("the FAT filesystem is damaged: {why}")).into()
}

/// A volume.
struct Fat<'a> {
    image: &'a dyn ReadAt,
    geometry: Geometry,
    boot: [u8; 512],
    /// A part of the FAT: where it starts, and its bytes.
    window: RefCell<(u64, Vec<u8>)>,
}

/// What a directory says of one name.
struct Found {
    name: Vec<u8>,
    dir: bool,
    first: u32,
    len: u32,
    mtime: i64,
}

impl Fat<'_> {
    /// What the FAT says of a cluster.
    fn next(&self, cluster: u32) -> Result<u32, Failure> {
        let bits = self.geometry.width.bits();
        let bit = u64::from(cluster) * bits;
        let at = bit / 8;
        let mut window = self.window.borrow_mut();
        let start = at - at % WINDOW;
        if window.1.is_empty() || window.0 != start {
            let end = (start + WINDOW + SPARE).min(self.geometry.fat_sectors * self.geometry.sector);
            let len =
                usize::try_from(end.saturating_sub(start)).map_err(|_| damaged("its FAT is too long"))?;
            let mut bytes = vec![0; len];
            self.image.read_at(self.geometry.fat_at(0) + start, &mut bytes)?;
            *window = (start, bytes);
        }
        let from = usize::try_from(at - start).expect("because a window is small");
        let len = usize::try_from(bits.div_ceil(8)).expect("because it is at most 4");
        let bytes = window.1.get(from..from + len).ok_or_else(|| damaged("its FAT ends too soon"))?;
        let value = field(bytes, 0, len);
        Ok(match self.geometry.width {
            Width::Fat12 if bit % 8 == 4 => value >> 4,
            Width::Fat12 => value & 0xfff,
            Width::Fat16 => value,
            Width::Fat32 => value & 0x0fff_ffff,
        })
    }

    /// Gives the first `len` bytes of a chain, cluster by cluster; without a length all of it, at most `MAX_DIR`.
    fn chain(
        &self,
        first: u32,
        len: Option<u64>,
        give: &mut dyn FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let size = self.geometry.cluster_bytes();
        let mut buf = vec![0; usize::try_from(size).map_err(|_| damaged("its clusters are too large"))?];
        self.places(first, len, &mut |at, now| {
            let part = &mut buf[..usize::try_from(now).expect("because a cluster fits into memory")];
            self.image.read_at(at, part)?;
            give(part)
        })
    }

    /// Gives where a chain's bytes lie, cluster by cluster, as (offset, length); as [`Fat::chain`].
    fn places(
        &self,
        first: u32,
        len: Option<u64>,
        give: &mut dyn FnMut(u64, u64) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let size = self.geometry.cluster_bytes();
        let (mut cluster, mut left) = (first, len.unwrap_or(MAX_DIR));
        let mut steps = 0;
        while left > 0 {
            let inside = cluster >= 2 && u64::from(cluster) < self.geometry.clusters + 2;
            if !inside && len.is_none() && steps > 0 {
                return Ok(());
            }
            if !inside || steps > self.geometry.clusters {
                return Err(damaged(format_args!("the chain from cluster {first} breaks")));
            }
            let now = left.min(size);
            give(self.geometry.cluster_at(cluster), now)?;
            left -= now;
            steps += 1;
            cluster = self.next(cluster)?;
        }
        Ok(())
    }

    /// The bytes of a directory; the root's when there is no cluster.
    fn listing(&self, first: Option<u32>) -> Result<Vec<u8>, Failure> {
        let geometry = &self.geometry;
        let first = match (first, geometry.width) {
            (Some(first), _) => first,
            (None, Width::Fat32) => field(&self.boot, 44, 4),
            (None, _) => {
                let mut bytes =
                    vec![0; usize::try_from(geometry.root_sectors * geometry.sector).unwrap_or(0)];
                self.image.read_at(geometry.root_at(), &mut bytes)?;
                return Ok(bytes);
            }
        };
        let mut bytes = Vec::new();
        self.chain(first, None, &mut |part| {
            bytes.extend_from_slice(part);
            Ok(())
        })?;
        Ok(bytes)
    }

    /// What is in a directory.
    fn names(&self, first: Option<u32>) -> Result<Vec<Found>, Failure> {
        let bytes = self.listing(first)?;
        let mut found = Vec::new();
        let mut long = Long::default();
        for entry in bytes.chunks_exact(32).take_while(|entry| entry[0] != 0) {
            match entry[11] {
                _ if entry[0] == 0xe5 => long = Long::default(),
                attr if attr & 0x3f == 0x0f => long.take(entry),
                attr if attr & 0x08 != 0 => long = Long::default(),
                attr => {
                    let name = std::mem::take(&mut long).of(entry).unwrap_or_else(|| short(entry));
                    // Each directory but the root holds itself and the one above.
                    if entry[..11] == *b".          " || entry[..11] == *b"..         " {
                        continue;
                    }
                    // Names have up to 255 units, which can be three times as many bytes.
                    check_name(&name[..name.len().min(255)]).map_err(damaged)?;
                    let half = |at| u16::from_le_bytes([entry[at], entry[at + 1]]);
                    // The upper half means something else before FAT32.
                    let high =
                        if self.geometry.width == Width::Fat32 { field(entry, 20, 2) << 16 } else { 0 };
                    found.push(Found {
                        name,
                        dir: attr & 0x10 != 0,
                        first: high | field(entry, 26, 2),
                        len: field(entry, 28, 4),
                        mtime: time::seconds(half(24), half(22)),
                    });
                }
            }
        }
        Ok(found)
    }

    /// The file at a path.
    fn file(&self, path: &[u8]) -> Result<Found, Failure> {
        let missing = || {
            let path = BytePath(path.to_vec());
            Problem::new("no-such-file", format!("there is no file {path} in the FAT filesystem"))
        };
        let mut parts = path.split(|byte| *byte == b'/').peekable();
        let mut dir = None;
        while let Some(part) = parts.next() {
            let found = self.names(dir)?.into_iter().find(|found| found.name == part).ok_or_else(missing)?;
            match (found.dir, parts.peek().is_some()) {
                (true, true) => dir = Some(found.first),
                (false, false) => return Ok(found),
                _ => break,
            }
        }
        Err(missing().into())
    }

    fn used(&self) -> Option<u64> {
        let clusters = self.geometry.clusters;
        let free = if self.geometry.width == Width::Fat32 {
            let mut info = [0; 512];
            self.image.read_at(u64::from(field(&self.boot, 48, 2)) * self.geometry.sector, &mut info).ok()?;
            (info[..4] == *b"RRaA")
                .then(|| u64::from(field(&info, 488, 4)))
                .filter(|free| *free <= clusters)?
        } else {
            let last = u32::try_from(clusters + 2).ok()?;
            (2..last).filter(|cluster| self.next(*cluster).is_ok_and(|next| next == 0)).count() as u64
        };
        Some((self.geometry.sectors * self.geometry.sector) - free * self.geometry.cluster_bytes())
    }
}

/// The pieces of a long name so far.
#[derive(Default)]
struct Long {
    units: Vec<u16>,
    /// The number of the piece that comes next, counted down; and the sum that every piece has.
    next: u8,
    sum: u8,
}

impl Long {
    fn take(&mut self, entry: &[u8]) {
        let number = entry[0] & 0x1f;
        if entry[0] & 0x40 != 0 {
            *self = Self { units: Vec::new(), next: number, sum: entry[13] };
        }
        if number == 0 || number != self.next || entry[13] != self.sum {
            *self = Self::default();
            return;
        }
        self.units.splice(0..0, units(entry)).for_each(drop);
        self.next -= 1;
    }

    /// The name, if it is whole and that of this short entry.
    fn of(self, entry: &[u8]) -> Option<Vec<u8>> {
        let short: names::Short = entry[..11].try_into().expect("because eleven bytes are eleven bytes");
        let whole = self.next == 0 && !self.units.is_empty() && self.sum == names::checksum(&short);
        whole.then(|| String::from_utf16_lossy(&self.units).into_bytes())
    }
}

/// The short name; bits of Windows NT say what is lower-case. Bytes beyond ASCII belong to a code page that nobody names: they
/// are kept as they are.
fn short(entry: &[u8]) -> Vec<u8> {
    let part = |bytes: &[u8], lower: bool| {
        let end = bytes.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1);
        if lower { bytes[..end].to_ascii_lowercase() } else { bytes[..end].to_vec() }
    };
    let mut name = part(&entry[..8], entry[12] & 0x08 != 0);
    // The first byte 0xe5 would mean that the entry is free.
    if name.first() == Some(&0x05) {
        name[0] = 0xe5;
    }
    let extension = part(&entry[8..11], entry[12] & 0x10 != 0);
    if !extension.is_empty() {
        name.push(b'.');
        name.extend(extension);
    }
    name
}

impl Volume for Fat<'_> {
    fn facts(&self) -> Record {
        let extended = if self.geometry.width == Width::Fat32 { 64 } else { 36 };
        let serial = field(&self.boot, extended + 3, 4);
        let label = self.boot[extended + 7..extended + 18].trim_ascii_end();
        let mut facts = Record::from([
            ("serial".to_owned(), Data::Text(format!("{:04x}-{:04x}", serial >> 16, serial & 0xffff))),
            ("block-size".to_owned(), Data::from(self.geometry.cluster_bytes())),
            ("len".to_owned(), Data::from(self.geometry.sectors * self.geometry.sector)),
        ]);
        if label != b"NO NAME" {
            facts.insert("label".into(), Data::Text(String::from_utf8_lossy(label).into_owned()));
        }
        if let Some(used) = self.used() {
            facts.insert("used".into(), Data::from(used));
        }
        facts
    }

    fn tree(&self) -> Result<Tree, Failure> {
        let mut builder = TreeBuilder::new();
        let mut seen = BTreeSet::new();
        let mut open = vec![(Vec::new(), None)];
        let mut count = 0;
        while let Some((path, first)) = open.pop() {
            for found in self.names(first)? {
                count += 1;
                let below = [&path[..], if path.is_empty() { b"" } else { b"/" }, &found.name].concat();
                if count > MAX_ENTRIES || below.len() > MAX_PATH {
                    return Err(damaged("it has more names, or longer paths, than any system makes"));
                }
                if found.dir {
                    if !seen.insert(found.first) {
                        return Err(damaged("a directory is in two places"));
                    }
                    open.push((below.clone(), Some(found.first)));
                }
                builder.push(entry(BytePath(below), &found));
            }
        }
        builder.finish(time::seconds(0, 0)).map_err(|path| damaged(format_args!("{path} is there twice")))
    }

    fn copy(&self, path: &[u8], out: &mut dyn Write) -> Result<(), Failure> {
        let found = self.file(path)?;
        self.chain(found.first, Some(found.len.into()), &mut |part| {
            out.write_all(part).map_err(Failure::machine("copying a file out"))
        })
    }

    fn extents(&self, path: &[u8]) -> Result<Vec<Run>, Failure> {
        let found = self.file(path)?;
        let mut runs = Runs::default();
        self.places(found.first, Some(found.len.into()), &mut |at, len| runs.push(at, len))?;
        Ok(runs.finish())
    }
}

fn entry(path: BytePath, found: &Found) -> Entry {
    let (mode, node) = match found.dir {
        true => (0o755, Node::Dir),
        false => {
            let content = Content::from(Bytes::zeros(found.len.into()));
            (0o644, Node::File { content, dense: false })
        }
    };
    Entry { path, meta: Meta::new(mode, found.mtime), xattrs: Box::default(), link: None, node }
}
