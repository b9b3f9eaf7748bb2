//! Reads what changed since it was read last, and makes the tree.

use std::{
    fs::File,
    io::{self, Read},
    num::NonZeroU32,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use imgc_image::{
    Entry, Failure, Meta, Node, Problem, Tree, TreeBuilder,
    holes::{self, HoleFinder},
    tree::compare_paths,
};
use imgc_plan::{BlobId, step::Scan, tree::BytePath};
use rayon::prelude::*;

use super::{
    Look,
    index::{Index, Join, Row, Seen, dedup},
    is_racy,
    near::Near,
    unreadable,
    walk::{Found, limit},
};
use crate::{
    os::{self, FileKind},
    store::{home::Home, pack::SMALL, step::StepStore},
};

/// How a reader tells how far it is and hears that it should stop.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// Called with bytes that are done since the last call; from any thread.
    pub progress: &'a (dyn Fn(u64) + Sync),
    /// Set when the build is interrupted.
    pub stop: &'a AtomicBool,
}

/// Files that one task reads before it gives their contents to the pack.
const BATCH: usize = 64;

/// With more packs than this, small contents are gathered anew.
const MOST_PACKS: usize = 8;

/// After so many names the memory of those that are done is given back.
const RELEASE: usize = 1 << 16;

/// How much is read at once of a large file.
const PIECE: usize = 4 << 20;
/// Files from this size on are asked for their holes; reading a smaller one costs less than the two calls. Changes no output.
const ASK: u64 = 1 << 20;

/// What an index tells of a look.
pub struct Known {
    /// For each name that was found what still holds of its content.
    pub seen: Vec<Option<Seen>>,
    /// Rows of names that were not looked at, where the scan is of a part.
    pub others: Vec<Row<Box<[u8]>>>,
    /// The packs that hold the small ones.
    packs: Vec<BlobId>,
}

impl Known {
    /// How many bytes will be read for the rest.
    pub fn to_read(&self, look: &Look) -> u64 {
        let files = look.found.iter().zip(&self.seen);
        let files = files.filter(|(found, seen)| seen.is_none() && found.status.kind == FileKind::File);
        files.map(|(found, _)| found.status.stamp.size).sum()
    }

    /// Stores the index for the next time, once everything is read. Gives its packs.
    ///
    /// # Errors
    /// When the store cannot take it.
    pub fn save(&self, look: &Look, home: &Home, written: &[BlobId]) -> io::Result<Vec<BlobId>> {
        let mut packs = [&self.packs, written].concat();
        dedup(&mut packs);
        let found = look.found.iter().zip(&self.seen);
        let found = || found.clone().filter_map(|(found, seen)| Some((found, seen.as_ref()?)));
        let mut ours = found().map(|(found, seen)| (&*found.path, found.status.stamp, seen)).peekable();
        let mut others =
            self.others.iter().map(|Row { path, stamp, seen }| (&**path, *stamp, seen)).peekable();
        let rows = std::iter::from_fn(|| match (ours.peek(), others.peek()) {
            (Some(own), Some(other)) if compare_paths(other.0, own.0).is_lt() => others.next(),
            (Some(_), _) => ours.next(),
            (None, _) => others.next(),
        });
        Index::save(home, &look.root, &packs, found().count() + self.others.len(), rows)?;
        Ok(packs)
    }
}

/// What an index still tells of what was looked at. Small contents that lie in too many packs are gathered anew.
///
/// # Errors
/// What the machine says of the store.
pub fn known(scan: &Scan, look: &Look, old: &Index, store: &StepStore<'_>) -> Result<Known, Failure> {
    store.shelf().add_packs(&old.packs);
    let is_part = !(scan.include.is_empty() && scan.exclude.is_empty());
    let mut join = Join::new(old.rows());
    let (mut seen, mut others) = (Vec::with_capacity(look.found.len()), Vec::new());
    let mut keep = |row: Row<&[u8]>| {
        if is_part {
            others.push(row.own());
        }
    };
    for Found { path, status, target: _ } in &look.found {
        let row = join.row(path, &mut keep);
        let same = row.map(|row| (row.stamp, row.seen));
        let same = same.filter(|(stamp, seen)| seen.trusted && *stamp == status.stamp);
        let there = match &same {
            Some((stamp, seen)) if seen.in_pack(stamp.size) => store.shelf().is_packed(&seen.id)?,
            _ => true,
        };
        seen.push(same.filter(|_| there).map(|(_, seen)| seen));
    }
    join.rest().for_each(keep);
    let mut known = Known { seen, others, packs: Vec::new() };
    let packed = || {
        let files = look.found.iter().zip(&known.seen);
        let files = files.filter_map(|(found, seen)| Some((found.status.stamp.size, seen.as_ref()?)));
        files.filter(|(size, seen)| seen.in_pack(*size))
    };
    let is_reused =
        packed().next().is_some() || known.others.iter().any(|row| row.seen.in_pack(row.stamp.size));
    if is_reused && old.packs.len() < MOST_PACKS {
        known.packs.clone_from(&old.packs);
    } else {
        gather_again(packed(), store)?;
    }
    Ok(known)
}

/// Copies small contents out of many packs into the one of this step.
fn gather_again<'r>(
    contents: impl Iterator<Item = (u64, &'r Seen)>,
    store: &StepStore<'_>,
) -> Result<(), Failure> {
    use imgc_image::Blobs;
    for (size, Seen { id, .. }) in contents {
        let mut bytes = vec![0; usize::try_from(size).expect("because it is small")];
        store.read_at(id, 0, &mut bytes)?;
        store.put_small([(*id, bytes.as_slice())])?;
    }
    Ok(())
}

/// Reads every file of which nothing is known.
///
/// # Errors
/// Every file that cannot be read or changed meanwhile, at once; or that the store cannot take contents.
pub fn read(look: &Look, known: &mut Known, store: &StepStore<'_>, watch: Watch<'_>) -> Result<(), Failure> {
    let problems = Mutex::new(Vec::new());
    let complain =
        |problem: Problem| problems.lock().expect("because no holder of the lock panics").push(problem);
    let batches = look.found.par_chunks(BATCH).zip(known.seen.par_chunks_mut(BATCH));
    batches.try_for_each(|(batch, seen)| {
        let (mut small, mut near) = (Batch::default(), Near::new(&look.root));
        let files = batch.iter().zip(seen);
        for (found, seen) in
            files.filter(|(found, seen)| seen.is_none() && found.status.kind == FileKind::File)
        {
            if watch.stop.load(Ordering::Relaxed) {
                return Err(Failure::Interrupted);
            }
            match file(look, found, &mut near, &mut small, watch) {
                Ok(content) => *seen = Some(content),
                Err(Failure::Problems(found)) => found.into_iter().for_each(complain),
                Err(failure) => return Err(failure),
            }
        }
        Ok(store.put_small(small.parts())?)
    })?;
    let problems = problems.into_inner().expect("because no holder of the lock panics");
    if problems.is_empty() { Ok(()) } else { Err(limit(problems).into()) }
}

/// Small contents on their way into the pack.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    ends: Vec<(BlobId, usize)>,
    /// Room for a piece of a large file, kept from file to file.
    piece: Vec<u8>,
}

impl Batch {
    fn parts(&self) -> impl Iterator<Item = (BlobId, &[u8])> {
        let mut start = 0;
        self.ends.iter().map(move |(id, end)| {
            let part = &self.bytes[start..*end];
            start = *end;
            (*id, part)
        })
    }
}

fn host_path(look: &Look, found: &Found) -> PathBuf {
    if look.single.is_some() {
        return look.root.clone();
    }
    os::path(&found.path).map_or_else(|_| look.root.clone(), |path| look.root.join(path))
}

/// Reads one file.
fn file(
    look: &Look,
    found: &Found,
    near: &mut Near,
    small: &mut Batch,
    watch: Watch<'_>,
) -> Result<Seen, Failure> {
    let broken =
        |error: io::Error| Failure::from(unreadable(&host_path(look, found), &error, "source-unreadable"));
    let changed = || Failure::from(changed(&host_path(look, found)));
    let file = match look.single {
        Some(_) => os::open_no_follow(&look.root),
        None => near.open(&found.path),
    };
    let file = file.map_err(broken)?;
    let state = |file: &File| file.metadata().map(|meta| os::status(&meta).stamp);
    let stamp = found.status.stamp;
    if state(&file).map_err(broken)? != stamp {
        return Err(changed());
    }
    let (id, len, runs) = if stamp.size <= SMALL as u64 {
        read_small(&file, stamp.size, small).map_err(broken)?
    } else {
        read_large(&file, stamp.size, &mut small.piece, watch)?.map_err(broken)?
    };
    (watch.progress)(if stamp.size <= SMALL as u64 { len } else { 0 });
    if len != stamp.size || state(&file).map_err(broken)? != stamp {
        return Err(changed());
    }
    Ok(Seen::new(id, len, &runs, !is_racy(&stamp, look.now)))
}

/// The problem with a file that changed while it was read.
pub fn changed(path: &Path) -> Problem {
    Problem::new("source-changed", format!("`{}` changed while it was read", path.display()))
        .help("build again once nothing writes to it")
}

type Summary = (BlobId, u64, Vec<(u64, u64)>);

fn read_small(file: &File, size: u64, small: &mut Batch) -> io::Result<Summary> {
    let start = small.bytes.len();
    // One byte more than there should be, so that growth is seen; a read that stops before it has met the end.
    let room = usize::try_from(size).expect("because it is small") + 1;
    small.bytes.resize(start + room, 0);
    let (mut file, mut got) = (file, 0);
    while got == 0 || got + 1 < room {
        match file.read(&mut small.bytes[start + got..]) {
            Ok(0) => break,
            Ok(len) => got += len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    small.bytes.truncate(start + got);
    let bytes = &small.bytes[start..];
    let id = BlobId::of(bytes);
    let mut finder = HoleFinder::new();
    finder.push(bytes);
    let (len, runs) = finder.finish();
    if runs.is_empty() {
        small.bytes.truncate(start);
    } else {
        small.ends.push((id, small.bytes.len()));
    }
    Ok((id, len, runs))
}

/// Reads a large file; what the system says are holes is not read where asking may pay. The outer error says that the
/// build is interrupted.
fn read_large(
    file: &File,
    size: u64,
    buf: &mut Vec<u8>,
    watch: Watch<'_>,
) -> Result<io::Result<Summary>, Failure> {
    let mut hasher = blake3::Hasher::new();
    let mut finder = HoleFinder::new();
    let room = usize::try_from(size).unwrap_or(PIECE).min(PIECE);
    if buf.len() < room {
        buf.resize(room, 0);
    }
    let mut at = 0;
    while at < size {
        let asked = if size < ASK { Ok(Some((at, size))) } else { os::data_after(file, at) };
        let (start, end) = match asked {
            Ok(Some((start, end))) => (start.min(size), end.min(size)),
            Ok(None) => (size, size),
            Err(_) => (at, size),
        };
        for hole in pieces(at, start) {
            buf[..hole].fill(0);
            hash(&mut hasher, &buf[..hole]);
            (watch.progress)(hole as u64);
        }
        finder.skip(start.saturating_sub(at));
        at = start.max(at);
        for piece in pieces(at, end) {
            if watch.stop.load(Ordering::Relaxed) {
                return Err(Failure::Interrupted);
            }
            let part = &mut buf[..piece];
            if let Err(error) = os::read_at(file, at, part) {
                // Shorter than it was: the caller sees that the length is not right.
                let short = error.kind() == io::ErrorKind::UnexpectedEof;
                return Ok(if short { Ok((BlobId([0; 32]), 0, Vec::new())) } else { Err(error) });
            }
            hash(&mut hasher, part);
            finder.push(part);
            at += piece as u64;
            (watch.progress)(piece as u64);
        }
    }
    let (len, runs) = finder.finish();
    Ok(Ok((BlobId(*hasher.finalize().as_bytes()), len, runs)))
}

/// Pieces from this size on are hashed on all cores. Below it the other cores have files of their own, and handing work to them
/// costs more than doing it.
const SHARED: usize = 512 << 10;

fn hash(hasher: &mut blake3::Hasher, part: &[u8]) {
    if part.len() < SHARED {
        hasher.update(part);
    } else {
        hasher.update_rayon(part);
    }
}

/// The lengths of the pieces from one offset to another.
fn pieces(from: u64, to: u64) -> impl Iterator<Item = usize> {
    let mut left = to.saturating_sub(from);
    std::iter::from_fn(move || {
        let piece = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        left -= piece as u64;
        (piece > 0).then_some(piece)
    })
}

/// Makes the tree of what was looked at and read.
///
/// # Errors
/// Every file whose extended attributes cannot be read.
pub fn tree(scan: &Scan, mut look: Look, mut left: Vec<Option<Seen>>) -> Result<Tree, Failure> {
    let attributes: Result<Vec<Xattrs>, Failure> = if scan.keep.xattrs {
        look.found.par_iter().map(|found| xattrs(&host_path(&look, found))).collect()
    } else {
        Ok(Vec::new())
    };
    let mut attributes = attributes?;
    let mut builder = TreeBuilder::new();
    if look.single.is_none() && scan.include.is_empty() {
        let xattrs = if scan.keep.xattrs { xattrs(&look.root)? } else { Xattrs::default() };
        builder.push(Entry { xattrs, ..entry(scan, &look.top, Node::Dir) });
    }
    let mut links = Links::default();
    // From the end, so that what was looked at goes while the tree comes: neither is held whole beside the other.
    while let (Some(Found { path, status, target }), Some(seen)) = (look.found.pop(), left.pop()) {
        if look.found.len().is_multiple_of(RELEASE) {
            look.found.shrink_to_fit();
            left.shrink_to_fit();
        }
        let node = match status.kind {
            FileKind::Dir => Node::Dir,
            FileKind::File => {
                let seen = seen.expect("because every file is known once all are read");
                let size = status.stamp.size;
                let content = match &seen.holed {
                    Some(runs) => holes::content(seen.id, size, runs),
                    None => holes::content(seen.id, size, &[(0, size)][..usize::from(size > 0)]),
                };
                Node::File { content, dense: false }
            }
            FileKind::Symlink => Node::Symlink(target.unwrap_or_default()),
            FileKind::Char { major, minor } => Node::Char { major, minor },
            FileKind::Block { major, minor } => Node::Block { major, minor },
            FileKind::Fifo => Node::Fifo,
            FileKind::Socket => Node::Socket,
        };
        let xattrs = attributes.pop().unwrap_or_default();
        let mut entry = Entry { path: BytePath(path.into()), xattrs, ..entry(scan, &status, node) };
        if scan.keep.links && status.names > 1 && !entry.is_dir() {
            entry = links.join(&status, entry);
        }
        builder.push(entry);
    }
    builder
        .finish(scan.epoch)
        .map_err(|path| Failure::Bug(format!("a scan gave {path} twice or below a file")))
}

/// Which names are one file.
#[derive(Default)]
struct Links {
    groups: std::collections::BTreeMap<(u64, u64), (NonZeroU32, Entry)>,
}

impl Links {
    /// Puts a name into its group; what is said of the file is what its first name said.
    fn join(&mut self, status: &os::Status, entry: Entry) -> Entry {
        let next = u32::try_from(self.groups.len() + 1).ok().and_then(NonZeroU32::new);
        let next = next.expect("because a tree has fewer than 2^32 entries");
        let path = entry.path.clone();
        let (group, first) =
            self.groups.entry((status.stamp.dev, status.stamp.ino)).or_insert_with(|| (next, entry));
        Entry { path, link: Some(*group), ..first.clone() }
    }
}

type Xattrs = Box<[imgc_image::tree::Xattr]>;

/// The extended attributes of a file.
fn xattrs(host: &Path) -> Result<Xattrs, Failure> {
    let found = os::xattrs(host).map_err(|error| unreadable(host, &error, "source-unreadable"))?;
    Ok(found.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
}

/// An entry with the attributes that the scan keeps; the others are normal. Its path and extended attributes are the caller's.
fn entry(scan: &Scan, status: &os::Status, node: Node) -> Entry {
    let normal = match node {
        Node::Dir => 0o755,
        Node::Symlink(_) => 0o777,
        Node::File { .. } if status.mode & 0o100 != 0 => 0o755,
        _ => 0o644,
    };
    let is_link = matches!(node, Node::Symlink(_));
    let mut meta = Meta::new(if scan.keep.mode && !is_link { status.mode } else { normal }, scan.epoch);
    if scan.keep.owner {
        (meta.uid, meta.gid) = (status.uid, status.gid);
    }
    if scan.keep.mtime {
        (meta.mtime, meta.mtime_nanos) = status.stamp.mtime;
    }
    Entry { path: BytePath::default(), meta, xattrs: Box::default(), link: None, node }
}
