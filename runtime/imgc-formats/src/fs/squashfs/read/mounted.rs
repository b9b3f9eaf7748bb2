//! An image as a volume: its entries, and contents copied out.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
    io,
};

use imgc_image::{
    Bytes, Content, Entry, Failure, LinkGroup, Meta, Node, Problem, Tree, TreeBuilder, tree::compare_paths,
};
use imgc_plan::{Data, Record, tree::BytePath};

use super::{
    super::{
        super::Volume,
        format::{DATA_RAW, NONE, PADDING, inode},
    },
    Body, Budget, Image, Inode, Listing, damaged,
};

/// The longest path that is read, in bytes: eight times what Linux can name at once (`PATH_MAX`).
const MAX_PATH: usize = 32 << 10;
/// How much the names, targets and attributes of a tree may take, in bytes.
const MAX_TREE: u64 = 2 << 30;

/// A volume.
pub struct Mounted<'a> {
    image: Image<'a>,
    /// Files by path with references to their inodes, in canonical order; made when first needed.
    files: OnceCell<Vec<(BytePath, u64)>>,
}

impl<'a> Mounted<'a> {
    /// The volume of an image.
    pub fn new(image: Image<'a>) -> Self {
        Self { image, files: OnceCell::new() }
    }

    fn find(&self, path: &[u8]) -> Result<u64, Failure> {
        let files = match self.files.get() {
            Some(files) => files,
            None => {
                let files = Scan::of(&self.image)?.files;
                self.files.get_or_init(|| files)
            }
        };
        let place = files.binary_search_by(|(known, _)| compare_paths(&known.0, path));
        place.map(|place| files[place].1).map_err(|_| {
            let path = BytePath(path.to_vec());
            Problem::new("file-not-found", format!("there is no file {path} in the squashfs")).into()
        })
    }
}

impl Volume for Mounted<'_> {
    fn facts(&self) -> Record {
        let sb = &self.image.sb;
        let len = sb.bytes_used.next_multiple_of(PADDING).min(self.image.bytes.len());
        // What does not fit into a number of the record is no length that any disk has.
        let size = |bytes: u64| Data::Int(i64::try_from(bytes).unwrap_or(i64::MAX));
        Record::from([
            ("block-size".to_owned(), size(sb.block_size.into())),
            ("len".to_owned(), size(len)),
            ("used".to_owned(), size(sb.bytes_used)),
            ("compress".to_owned(), Data::from(self.image.method.name())),
        ])
    }

    fn tree(&self) -> Result<Tree, Failure> {
        let scan = Scan::of(&self.image)?;
        let files = scan.files;
        let tree = scan.tree.finish(0).map_err(|path| damaged(format_args!("{path} is there twice")))?;
        self.files.get_or_init(|| files);
        Ok(tree)
    }

    fn copy(&self, path: &[u8], out: &mut dyn io::Write) -> Result<(), Failure> {
        let inode = self.image.inode(self.find(path)?)?;
        copy(&self.image, inode, out)
    }
}

/// A walk through all directories.
struct Scan<'i, 'a> {
    image: &'i Image<'a>,
    tree: TreeBuilder,
    files: Vec<(BytePath, u64)>,
    /// Directories still to be read.
    open: Vec<(BytePath, u64)>,
    /// Directories by reference: none is read twice, so that there are no circles.
    seen: BTreeSet<u64>,
    /// Groups of names by reference to the inode.
    groups: BTreeMap<u64, LinkGroup>,
    memory: Budget,
    listings: Budget,
}

impl<'i, 'a> Scan<'i, 'a> {
    fn of(image: &'i Image<'a>) -> Result<Self, Failure> {
        let sb = &image.sb;
        let tables = [sb.fragment_table_start, sb.lookup_table_start, sb.id_table_start];
        let lists = tables.into_iter().filter(|start| *start >= sb.directory_table_start).min();
        let end = lists.map(|list| image.first_block(list, sb.directory_table_start)).transpose()?;
        let listings = image.metadata_len(sb.directory_table_start, end.unwrap_or(sb.id_table_start))?;
        let mut scan = Self {
            image,
            tree: TreeBuilder::new(),
            files: Vec::new(),
            open: Vec::new(),
            seen: BTreeSet::new(),
            groups: BTreeMap::new(),
            memory: Budget::new(MAX_TREE),
            listings: Budget::new(listings),
        };
        scan.add(BytePath::default(), sb.root_inode, inode::DIR)?;
        while let Some((path, reference)) = scan.open.pop() {
            scan.read(&path, reference)?;
        }
        scan.files.sort_by(|(a, _), (b, _)| compare_paths(&a.0, &b.0));
        Ok(scan)
    }

    /// Reads a directory.
    fn read(&mut self, path: &BytePath, reference: u64) -> Result<(), Failure> {
        let Body::Dir { block, offset, size, .. } = self.image.inode(reference)?.body else { return Ok(()) };
        // No listing is part of another, so together they are no longer than what holds them.
        self.listings.take(u64::from(size.saturating_sub(3)))?;
        let mut listing = Listing::new(self.image, block, offset, size)?;
        while let Some(found) = listing.next()? {
            let mut below = path.0.clone();
            if !below.is_empty() {
                below.push(b'/');
            }
            below.extend(&found.name);
            self.add(BytePath(below), found.reference, found.kind)?;
        }
        Ok(())
    }

    fn add(&mut self, path: BytePath, reference: u64, kind: u16) -> Result<(), Failure> {
        if path.0.len() > MAX_PATH {
            return Err(damaged("a path is longer than any system can name"));
        }
        let inode = self.image.inode(reference)?;
        if inode.kind != kind {
            return Err(damaged(format_args!("{path} is of two kinds, {kind} and {}", inode.kind)));
        }
        self.memory.take(256 + 2 * path.0.len() as u64)?;
        let xattrs = self.image.xattrs(inode.xattr, &mut self.memory)?;
        let node = node(&inode);
        let mut link = None;
        if let Node::Dir = node {
            if !self.seen.insert(reference) {
                return Err(damaged(format_args!("{path} is a directory that is somewhere else, too")));
            }
            self.open.push((path.clone(), reference));
        } else {
            let next = u32::try_from(self.groups.len() + 1).ok().and_then(LinkGroup::new);
            let next = next.ok_or_else(|| damaged("it has more than 2^32 files"))?;
            link = Some(*self.groups.entry(reference).or_insert(next));
        }
        if let Node::File { .. } = node {
            self.files.push((path.clone(), reference));
        }
        if let Node::Symlink(target) = &node {
            self.memory.take(target.len() as u64)?;
        }
        let meta = Meta {
            mode: inode.mode,
            uid: self.image.id(inode.ids.0)?,
            gid: self.image.id(inode.ids.1)?,
            mtime: inode.mtime.into(),
            mtime_nanos: 0,
        };
        self.tree.push(Entry { path, meta, xattrs: xattrs.into(), link, node });
        Ok(())
    }
}

impl Image<'_> {
    /// Where the first block of a table is; at least `least`, or the list itself when the table is empty.
    fn first_block(&self, list: u64, least: u64) -> Result<u64, Failure> {
        let empty = list == self.sb.fragment_table_start && self.sb.fragments == 0;
        if empty {
            return Ok(list);
        }
        let first = u64::from_le_bytes(self.array(list)?);
        if first < least || first > list {
            return Err(damaged("its tables are not where they can be"));
        }
        Ok(first)
    }
}

fn node(inode: &Inode<'_, '_>) -> Node {
    match &inode.body {
        Body::Dir { .. } => Node::Dir,
        Body::File { size, .. } => Node::File { content: Content::from(Bytes::zeros(*size)), dense: false },
        Body::Symlink(target) => Node::Symlink(target.as_slice().into()),
        Body::Device(number) => {
            let (major, minor) = (number >> 8 & 0xfff, number & 0xff | number >> 12 & 0xfff00);
            if inode.kind == inode::CHAR { Node::Char { major, minor } } else { Node::Block { major, minor } }
        }
        Body::Plain if inode.kind == inode::FIFO => Node::Fifo,
        Body::Plain => Node::Socket,
    }
}

fn copy(image: &Image<'_>, inode: Inode<'_, '_>, out: &mut dyn io::Write) -> Result<(), Failure> {
    let Body::File { start, size, fragment, offset, .. } = inode.body else {
        return Err(Failure::Bug("only files are listed as files".into()));
    };
    let mut sizes = inode.rest;
    let block_size = u64::from(image.sb.block_size);
    let zeros = vec![0; image.sb.block_size as usize];
    let mut give = |data: &[u8]| out.write_all(data).map_err(Failure::machine("copying a file out"));
    let (mut at, mut left) = (start, size);
    while left >= block_size || left > 0 && fragment == NONE {
        let len = left.min(block_size) as usize;
        let stored = sizes.u32()?;
        if stored == 0 {
            give(&zeros[..len])?;
        } else {
            let data = image.block(at, stored, len)?;
            if data.len() != len {
                return Err(damaged(format_args!("the block at {at} is too short")));
            }
            give(&data)?;
        }
        at = at.saturating_add(u64::from(stored & !DATA_RAW));
        left -= len as u64;
    }
    if left > 0 {
        let (at, stored) = image.fragment(fragment)?;
        let data = image.block(at, stored, image.sb.block_size as usize)?;
        let from = offset as usize;
        let part = data.get(from..from.saturating_add(left as usize));
        give(part.ok_or_else(|| damaged(format_args!("the fragment at {at} is too short")))?)?;
    }
    Ok(())
}
