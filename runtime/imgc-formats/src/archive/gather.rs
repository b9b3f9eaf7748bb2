//! Collects unpacked entries into a tree: contents into one blob, hostile paths refused, attributes normalised.

use std::{
    collections::BTreeMap,
    io::{self, Read},
    num::NonZeroU32,
    ops::Range,
    sync::Arc,
};

use imgc_image::{
    BlobWriter, BytesBuilder, Content, Entry, Failure, Meta, Node, Problem, Store, Tree, TreeBuilder,
};
use imgc_plan::{BlobId, step::Keep, tree::BytePath};

use super::stream::{StoreFault, broken};

/// Aligned runs of zeros of this many bytes become holes, as in every import; a shorter rest at the end is data.
const HOLE: usize = 4096;

/// The most names, so that an archive of nothing but headers cannot fill the memory.
const MAX_NAMES: usize = 4 << 20;

/// The most bytes of names, link targets and attributes together, for the same reason.
const MAX_HELD: u64 = 1 << 30;

/// The most mistakes that are collected before giving up.
const MAX_PROBLEMS: usize = 20;

/// The longest path in bytes: `PATH_MAX` of Linux.
const MAX_PATH: usize = 4096;

/// One file of an archive, whatever its names.
pub struct Item {
    /// Owner, mode and time as the archive has them.
    pub meta: Meta,
    /// Extended attributes by full name.
    pub xattrs: Vec<Xattr>,
    /// What it is.
    pub what: What,
}

/// An extended attribute: its full name and its value.
pub type Xattr = (Box<[u8]>, Box<[u8]>);

/// What an item is.
pub enum What {
    /// A file: made by [`Gather::content`].
    File(Stored),
    /// Anything but a file, or a file without content.
    Node(Node),
}

/// Content on its way into the pack.
pub struct Stored {
    len: u64,
    runs: Range<usize>,
}

/// Bytes of a file that lie in the pack.
struct Run {
    at: u64,
    len: u64,
    offset: u64,
}

/// Entries in the making. Later entries replace earlier ones of the same path, as tar and dpkg have it.
pub struct Gather<'s> {
    keep: Keep,
    epoch: i64,
    store: &'s dyn Store,
    pack: Option<Box<dyn BlobWriter + 's>>,
    packed: u64,
    runs: Vec<Run>,
    items: Vec<Item>,
    names: BTreeMap<Vec<u8>, usize>,
    held: u64,
    problems: Vec<Problem>,
}

impl<'s> Gather<'s> {
    /// Starts with nothing.
    pub fn new(keep: Keep, epoch: i64, store: &'s dyn Store) -> Self {
        Self {
            keep,
            epoch,
            store,
            pack: None,
            packed: 0,
            runs: Vec::new(),
            items: Vec::new(),
            names: BTreeMap::new(),
            held: 0,
            problems: Vec::new(),
        }
    }

    /// Takes a file's content from a reader: all contents go into one blob, without their holes.
    ///
    /// # Errors
    /// `UnexpectedEof` when the reader ends sooner, what the reader says, or [`StoreFault`].
    pub fn content(&mut self, input: &mut dyn Read, len: u64) -> io::Result<Stored> {
        let first = self.runs.len();
        let mut buf = [0; 16 * HOLE];
        let mut at = 0;
        while at < len {
            let now = usize::try_from(len - at).map_or(buf.len(), |left| left.min(buf.len()));
            input.read_exact(&mut buf[..now])?;
            for block in buf[..now].chunks(HOLE) {
                if block.len() < HOLE || block.iter().any(|byte| *byte != 0) {
                    self.store_block(first, at, block)?;
                }
                at += block.len() as u64;
            }
        }
        Ok(Stored { len, runs: first..self.runs.len() })
    }

    /// Appends a block to the pack and to the run before it where they touch. Runs before `first` are other files'.
    fn store_block(&mut self, first: usize, at: u64, block: &[u8]) -> io::Result<()> {
        let pack = match &mut self.pack {
            Some(pack) => pack,
            none => none.insert(self.store.create().map_err(StoreFault::wrap)?),
        };
        pack.write_all(block).map_err(StoreFault::wrap)?;
        let len = block.len() as u64;
        match self.runs[first..].last_mut() {
            Some(last) if last.at + last.len == at => last.len += len,
            _ => self.runs.push(Run { at, len, offset: self.packed }),
        }
        self.packed += len;
        Ok(())
    }

    /// Adds an item under a path as the archive writes it.
    ///
    /// # Errors
    /// When there are too many mistakes or entries to go on. Single mistakes are kept for [`Gather::finish`].
    pub fn add(&mut self, path: &[u8], item: Item) -> Result<(), Failure> {
        let attributes: usize = item.xattrs.iter().map(|(name, value)| name.len() + value.len()).sum();
        let target = match &item.what {
            What::Node(Node::Symlink(target)) => target.len(),
            _ => 0,
        };
        self.items.push(item);
        self.name(path, self.items.len() - 1, attributes + target)
    }

    /// Adds another name for what is already there.
    ///
    /// # Errors
    /// As [`Gather::add`].
    pub fn link(&mut self, path: &[u8], target: &[u8]) -> Result<(), Failure> {
        let found = clean(target).and_then(|target| match self.names.get(&target) {
            Some(item) if !self.is_dir(*item) => Ok(*item),
            Some(_) => Err(format!("it is a hard link to the directory {}", BytePath(target))),
            None => Err(format!("it is a hard link to {}, which does not come before it", BytePath(target))),
        });
        match found {
            Ok(item) => self.name(path, item, 0),
            Err(why) => self.complain(path, &why),
        }
    }

    fn is_dir(&self, item: usize) -> bool {
        matches!(self.items[item].what, What::Node(Node::Dir))
    }

    fn name(&mut self, raw: &[u8], item: usize, extra: usize) -> Result<(), Failure> {
        self.held += (raw.len() + extra) as u64;
        if self.names.len() >= MAX_NAMES || self.held > MAX_HELD {
            let message =
                "the archive has more than 4194304 entries, or more than 1 GiB of names and attributes";
            self.problems.push(broken(message));
            return Err(std::mem::take(&mut self.problems).into());
        }
        match clean(raw).and_then(|path| self.fits(&path, item).map(|()| path)) {
            Ok(path) => {
                self.names.insert(path, item);
                Ok(())
            }
            Err(why) => self.complain(raw, &why),
        }
    }

    /// Whether an item may stand at this path, given what came before.
    fn fits(&self, path: &[u8], item: usize) -> Result<(), String> {
        if path.is_empty() && !self.is_dir(item) {
            return Err("the root of the tree is not a directory there".into());
        }
        for (slash, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            if let Some(above) = self.names.get(&path[..slash]).filter(|above| !self.is_dir(**above)) {
                let above_path = BytePath(path[..slash].to_vec());
                return Err(match &self.items[*above].what {
                    What::Node(Node::Symlink(_)) => format!("it lies below the symbolic link {above_path}"),
                    _ => format!("it lies below {above_path}, which is not a directory"),
                });
            }
        }
        let below = [path, b"/"].concat();
        let holds =
            || self.names.range(below.clone()..).next().is_some_and(|(next, _)| next.starts_with(&below));
        if !path.is_empty() && !self.is_dir(item) && holds() {
            return Err("it would replace a directory that has entries".into());
        }
        Ok(())
    }

    fn complain(&mut self, raw: &[u8], why: &str) -> Result<(), Failure> {
        self.problems.push(broken(format!("the entry {} is refused: {why}", show(raw))));
        if self.problems.len() < MAX_PROBLEMS {
            return Ok(());
        }
        Err(std::mem::take(&mut self.problems).into())
    }

    /// Ends the pack and makes the tree.
    ///
    /// # Errors
    /// All mistakes that were found.
    pub fn finish(mut self) -> Result<Tree, Failure> {
        if !self.problems.is_empty() {
            return Err(self.problems.into());
        }
        let pack = match self.pack.take() {
            Some(pack) => Some(pack.finish().map_err(Failure::machine("storing unpacked files"))?.0),
            None => None,
        };
        let mut builder = TreeBuilder::new();
        for (path, item) in &self.names {
            builder.push(self.entry(path, *item, pack)?);
        }
        builder.finish(self.epoch).map_err(|path| {
            Failure::Bug(format!("the unpacked entry {path} is there twice or not below a directory"))
        })
    }

    fn entry(&self, path: &[u8], index: usize, pack: Option<BlobId>) -> Result<Entry, Failure> {
        let Item { meta, xattrs, what } = &self.items[index];
        let node = match what {
            What::Node(node) => node.clone(),
            What::File(Stored { len, runs }) => {
                let mut out = BytesBuilder::new(self.store);
                for run in &self.runs[runs.clone()] {
                    out.blob(run.at, pack.expect("because runs lie in the pack"), run.offset, run.len);
                }
                // Never `Content::from`: a part that starts at the pack's first byte is not the whole blob.
                Node::File { content: Content::Bytes(Arc::new(out.finish(*len)?)), dense: false }
            }
        };
        let number = u32::try_from(index + 1).expect("because there are at most MAX_NAMES");
        Ok(Entry {
            path: BytePath(path.to_vec()),
            meta: self.normal(*meta, &node),
            xattrs: if self.keep.xattrs { xattrs.clone().into() } else { Box::default() },
            link: if self.keep.links { NonZeroU32::new(number) } else { None },
            node,
        })
    }

    /// Drops what is not kept. A symbolic link's own mode means nothing; it is always the one that Linux shows.
    fn normal(&self, meta: Meta, node: &Node) -> Meta {
        let mode = match node {
            Node::Symlink(_) => 0o777,
            _ if self.keep.mode => meta.mode,
            Node::Dir => 0o755,
            Node::File { .. } if meta.mode & 0o100 != 0 => 0o755,
            _ => 0o644,
        };
        let (uid, gid) = if self.keep.owner { (meta.uid, meta.gid) } else { (0, 0) };
        let (mtime, mtime_nanos) =
            if self.keep.mtime { (meta.mtime, meta.mtime_nanos) } else { (self.epoch, 0) };
        Meta { mode, uid, gid, mtime, mtime_nanos }
    }
}

/// A raw path for a message.
pub fn show(raw: &[u8]) -> String {
    let mut text = String::from("`");
    imgc_plan::tree::write_escaped(raw, &mut text).expect("because a String takes everything");
    text.push('`');
    text
}

/// A raw path as a path of the tree: `./`, doubled and trailing slashes go; what would leave the tree is refused.
fn clean(raw: &[u8]) -> Result<Vec<u8>, String> {
    if raw.first() == Some(&b'/') {
        return Err("its path is absolute".into());
    }
    if raw.len() > MAX_PATH {
        return Err(format!("its path has more than {MAX_PATH} bytes"));
    }
    let mut path = Vec::with_capacity(raw.len());
    for name in raw.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".") {
        if name == b".." {
            return Err("its path leads out of the tree by `..`".into());
        }
        imgc_plan::tree::check_name(name)?;
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name);
    }
    Ok(path)
}
