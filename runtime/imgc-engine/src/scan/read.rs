//! Reads what changed since it was read last, and makes the tree.

use std::{
    fs::File,
    io::Read,
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
};
use imgc_plan::{BlobId, step::Scan, tree::BytePath};
use rayon::prelude::*;

use super::{
    Look,
    index::{Index, Join, Row, dedup},
    is_racy, unreadable,
    walk::{Found, limit},
};
use crate::{
    os::{self, FileKind},
    store::{pack::SMALL, step::StepStore},
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

/// How much is read at once of a large file.
const PIECE: usize = 4 << 20;
/// Files from this size on are asked for their holes; reading a smaller one costs less than the two calls. Changes no output.
const ASK: u64 = 1 << 20;

/// How many bytes will be read for a look, given what is known.
pub fn to_read(look: &Look, known: &[Option<Row>]) -> u64 {
    let files = look
        .found
        .iter()
        .zip(known)
        .filter(|(found, row)| row.is_none() && found.status.kind == FileKind::File);
    files.map(|(found, _)| found.status.stamp.size).sum()
}

/// For each name that was found the row of the index that still holds; and rows of names that were not looked at.
///
/// # Errors
/// What the machine says of the store.
pub fn known(
    look: &Look,
    old: &Index,
    store: &StepStore<'_>,
) -> Result<(Vec<Option<Row>>, Vec<Row>), Failure> {
    store.shelf().add_packs(&old.packs);
    let mut join = Join::new(&old.rows);
    let (mut known, mut others) = (Vec::with_capacity(look.found.len()), Vec::new());
    for found in &look.found {
        let row = join.row(&found.path, |passed| others.push(passed.clone()));
        let same = row.filter(|row| row.trusted && row.stamp == found.status.stamp);
        let there = match same {
            Some(row) if row.in_pack() => store.shelf().is_packed(&row.id)?,
            _ => true,
        };
        known.push(same.filter(|_| there).cloned());
    }
    others.extend(join.rest().iter().cloned());
    Ok((known, others))
}

/// Makes the tree of what was looked at, and the index for the next time.
///
/// # Errors
/// Every file that cannot be read or changed meanwhile, at once; or that the store cannot take contents.
pub fn read(
    scan: &Scan,
    look: &Look,
    old: &Index,
    (known, others): (Vec<Option<Row>>, Vec<Row>),
    store: &StepStore<'_>,
    watch: Watch<'_>,
) -> Result<(Tree, Index), Failure> {
    let partial = !(scan.include.is_empty() && scan.exclude.is_empty());
    let mut index = Index { packs: Vec::new(), rows: Vec::new() };
    let reused = known.iter().flatten().any(Row::in_pack) || (partial && others.iter().any(Row::in_pack));
    if reused && old.packs.len() < MOST_PACKS {
        index.packs.clone_from(&old.packs);
    } else {
        gather_again(known.iter().flatten().filter(|row| row.in_pack()), store)?;
    }
    let rows = contents(look, known, store, watch)?;
    let tree = tree(scan, look, &rows)?;
    index.rows = rows.into_iter().flatten().collect();
    if partial {
        index.rows.extend(others);
        index.rows.sort_by(|a, b| imgc_image::tree::compare_paths(&a.path, &b.path));
    }
    Ok((tree, index))
}

/// Copies small contents out of many packs into the one of this step.
fn gather_again<'r>(rows: impl Iterator<Item = &'r Row>, store: &StepStore<'_>) -> Result<(), Failure> {
    use imgc_image::Blobs;
    for row in rows {
        let mut bytes = vec![0; usize::try_from(row.stamp.size).expect("because it is small")];
        store.read_at(&row.id, 0, &mut bytes)?;
        store.put_small([(row.id, bytes.as_slice())])?;
    }
    Ok(())
}

/// For each name that is a file its row: the known one, or one that is made by reading. `rows` are those known.
fn contents(
    look: &Look,
    mut rows: Vec<Option<Row>>,
    store: &StepStore<'_>,
    watch: Watch<'_>,
) -> Result<Vec<Option<Row>>, Failure> {
    let problems = Mutex::new(Vec::new());
    let complain =
        |problem: Problem| problems.lock().expect("because no holder of the lock panics").push(problem);
    let todo: Vec<usize> = (0..rows.len())
        .filter(|at| rows[*at].is_none() && look.found[*at].status.kind == FileKind::File)
        .collect();
    let read: Result<Vec<Vec<(usize, Row)>>, Failure> = todo
        .par_chunks(BATCH)
        .map(|batch| {
            let mut small = Batch::default();
            let mut made = Vec::with_capacity(batch.len());
            for at in batch {
                if watch.stop.load(Ordering::Relaxed) {
                    return Err(Failure::Interrupted);
                }
                match file(look, &look.found[*at], &mut small, watch) {
                    Ok(row) => made.push((*at, row)),
                    Err(Failure::Problems(found)) => found.into_iter().for_each(complain),
                    Err(failure) => return Err(failure),
                }
            }
            store.put_small(small.parts())?;
            Ok(made)
        })
        .collect();
    let read = read?;
    let problems = problems.into_inner().expect("because no holder of the lock panics");
    if !problems.is_empty() {
        return Err(limit(problems).into());
    }
    for (at, row) in read.into_iter().flatten() {
        rows[at] = Some(row);
    }
    Ok(rows)
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
fn file(look: &Look, found: &Found, small: &mut Batch, watch: Watch<'_>) -> Result<Row, Failure> {
    let path = host_path(look, found);
    let broken = |error: std::io::Error| Failure::from(unreadable(&path, &error, "source-unreadable"));
    let changed = || Failure::from(changed(&path));
    let file = os::open_no_follow(&path).map_err(broken)?;
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
    let trusted = !is_racy(&stamp, look.now);
    Ok(Row { path: found.path.clone(), stamp, trusted, id, runs: runs.into() })
}

/// The problem with a file that changed while it was read.
pub fn changed(path: &Path) -> Problem {
    Problem::new("source-changed", format!("`{}` changed while it was read", path.display()))
        .help("build again once nothing writes to it")
}

type Summary = (BlobId, u64, Vec<(u64, u64)>);

fn read_small(file: &File, size: u64, small: &mut Batch) -> std::io::Result<Summary> {
    let start = small.bytes.len();
    // One byte more than there should be, so that growth is seen.
    file.take(size + 1).read_to_end(&mut small.bytes)?;
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
) -> Result<std::io::Result<Summary>, Failure> {
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
            hasher.update_rayon(&buf[..hole]);
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
                let short = error.kind() == std::io::ErrorKind::UnexpectedEof;
                return Ok(if short { Ok((BlobId([0; 32]), 0, Vec::new())) } else { Err(error) });
            }
            hasher.update_rayon(part);
            finder.push(part);
            at += piece as u64;
            (watch.progress)(piece as u64);
        }
    }
    let (len, runs) = finder.finish();
    Ok(Ok((BlobId(*hasher.finalize().as_bytes()), len, runs)))
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

/// Makes the tree.
fn tree(scan: &Scan, look: &Look, rows: &[Option<Row>]) -> Result<Tree, Failure> {
    let mut builder = TreeBuilder::new();
    if look.single.is_none() && scan.include.is_empty() {
        builder.push(Entry {
            path: BytePath::default(),
            xattrs: xattrs(scan, &look.root)?,
            ..entry(scan, &look.top, Node::Dir)
        });
    }
    let mut links = Links::default();
    let xattrs: Result<Vec<Xattrs>, Failure> =
        look.found.par_iter().map(|found| xattrs(scan, &host_path(look, found))).collect();
    for ((found, row), xattrs) in look.found.iter().zip(rows).zip(xattrs?) {
        let node = match found.status.kind {
            FileKind::Dir => Node::Dir,
            FileKind::File => {
                let row = row.as_ref().expect("because every file has a row once all are read");
                Node::File { content: holes::content(row.id, row.stamp.size, &row.runs), dense: false }
            }
            FileKind::Symlink => Node::Symlink(found.target.clone().unwrap_or_default()),
            FileKind::Char { major, minor } => Node::Char { major, minor },
            FileKind::Block { major, minor } => Node::Block { major, minor },
            FileKind::Fifo => Node::Fifo,
            FileKind::Socket => Node::Socket,
        };
        let path = BytePath(found.path.to_vec());
        let mut entry = Entry { path, xattrs, ..entry(scan, &found.status, node) };
        if scan.keep.links && found.status.names > 1 && !entry.is_dir() {
            entry = links.join(&found.status, entry);
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

/// The extended attributes of a file, if the scan keeps them.
fn xattrs(scan: &Scan, host: &Path) -> Result<Xattrs, Failure> {
    if !scan.keep.xattrs {
        return Ok(Box::default());
    }
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

/// Adds this step's packs to an index.
pub fn with_packs(mut index: Index, packs: &[BlobId]) -> Index {
    index.packs.extend(packs);
    dedup(&mut index.packs);
    index
}
