//! A filesystem as a tree.

use std::{collections::BTreeSet, io::Write};

use imgc_image::{Bytes, Content, Entry, Failure, LinkGroup, Node, Problem, Tree, TreeBuilder};
use imgc_plan::{Data, Record, ids::uuid_layout, tree::BytePath};

use super::{
    super::inode::{FAST_SYMLINK, ROOT, TYPE_FILE},
    Image, Step, damaged,
    inode::Inode,
};
use crate::fs::{
    Run, Volume,
    runs::{Runs, not_in_place},
};

/// The most bytes of all paths, targets and attributes together: many names of one inode could have more than the image.
const MOST_TEXT: usize = 1 << 30;
/// Contents are copied through a buffer of so many bytes.
const BUFFER: usize = 64 << 10;

impl Volume for Image<'_> {
    fn facts(&self) -> Record {
        let sb = &self.superblock;
        let label = sb[0x78..0x88].split(|byte| *byte == 0).next().unwrap_or_default();
        let mut uuid = [0; 16];
        uuid.copy_from_slice(&sb[0x68..0x78]);
        let mut facts = Record::from([
            ("label".into(), Data::Text(String::from_utf8_lossy(label).into_owned())),
            ("uuid".into(), Data::Text(uuid_layout(uuid))),
            ("block-size".into(), Data::from(self.block_size)),
            ("len".into(), Data::from(self.blocks * self.block_size)),
        ]);
        if let Some(free) = self.free() {
            facts.insert("used".into(), Data::from((self.blocks - free) * self.block_size));
        }
        facts
    }

    fn tree(&self) -> Result<Tree, Failure> {
        let root = self.root()?;
        let mut walk = Walk {
            image: self,
            builder: TreeBuilder::new(),
            seen: BTreeSet::from([ROOT]),
            text: 0,
            blocks: 0,
            open: vec![(Vec::new(), root.clone())],
        };
        walk.entry(Vec::new(), &root)?;
        while let Some((path, directory)) = walk.open.pop() {
            walk.directory(&path, &directory)?;
        }
        walk.builder.finish(0).map_err(|path| damaged(format_args!("{path} is there twice")))
    }

    fn copy(&self, path: &[u8], out: &mut dyn Write) -> Result<(), Failure> {
        let file = self.file(path)?;
        let (mut buf, mut done) = (vec![0; BUFFER], 0);
        self.map(&file.map, file.extents(), file.size.div_ceil(self.block_size), &mut |step| {
            let Step::Piece(piece) = step else { return Ok(()) };
            let start = piece.logical * self.block_size;
            zeros(out, &mut buf, start - done)?;
            let len = (piece.len * self.block_size).min(file.size - start);
            done = start + len;
            if !piece.written {
                return zeros(out, &mut buf, len);
            }
            let mut copied = 0;
            while copied < len {
                let now = usize::try_from(len - copied).map_or(BUFFER, |left| left.min(BUFFER));
                self.read(piece.physical, copied, &mut buf[..now])?;
                out.write_all(&buf[..now]).map_err(Failure::machine("copying a file out"))?;
                copied += now as u64;
            }
            Ok(())
        })?;
        zeros(out, &mut buf, file.size - done)
    }

    fn extents(&self, path: &[u8]) -> Result<Vec<Run>, Failure> {
        let file = self.file(path)?;
        let blocks = file.size.div_ceil(self.block_size);
        let (mut runs, mut next) = (Runs::default(), 0);
        self.map(&file.map, file.extents(), blocks, &mut |step| {
            let Step::Piece(piece) = step else { return Ok(()) };
            if !piece.written {
                return Err(not_in_place(path, "a part of it was never written"));
            }
            if piece.logical != next {
                return Err(not_in_place(path, "it has holes"));
            }
            next += piece.len;
            let len = piece.len * self.block_size;
            runs.push(piece.physical * self.block_size, len.min(file.size - piece.logical * self.block_size))
        })?;
        if next == blocks { Ok(runs.finish()) } else { Err(not_in_place(path, "it has holes")) }
    }
}

/// Writes so many zeros.
fn zeros(out: &mut dyn Write, buf: &mut [u8], len: u64) -> Result<(), Failure> {
    let mut left = len;
    if left > 0 {
        buf.fill(0);
    }
    while left > 0 {
        let now = usize::try_from(left).map_or(buf.len(), |left| left.min(buf.len()));
        out.write_all(&buf[..now]).map_err(Failure::machine("copying a file out"))?;
        left -= now as u64;
    }
    Ok(())
}

impl Image<'_> {
    fn root(&self) -> Result<Inode, Failure> {
        let root = self.inode(ROOT)?;
        if root.is_dir() { Ok(root) } else { Err(damaged("its root is not a directory")) }
    }

    /// The file at a path.
    fn file(&self, path: &[u8]) -> Result<Inode, Failure> {
        let missing = || {
            let path = BytePath(path.to_vec());
            Problem::new("no-such-file", format!("there is no file {path} in the ext filesystem"))
        };
        let mut found = self.root()?;
        for part in path.split(|byte| *byte == b'/') {
            let mut number = None;
            if found.is_dir() {
                self.names(&found, &mut |name, inode| {
                    number = (name == part).then_some(inode);
                    Ok(number.is_none())
                })?;
            }
            found = self.inode(number.ok_or_else(missing)?)?;
        }
        if found.kind == TYPE_FILE { Ok(found) } else { Err(missing().into()) }
    }

    fn target(&self, link: &Inode) -> Result<Box<[u8]>, Failure> {
        let wrong = || damaged(format_args!("the symbolic link of inode {} makes no sense", link.number));
        let len = usize::try_from(link.size).ok().filter(|len| (1..self.block_size as usize).contains(len));
        let len = len.ok_or_else(wrong)?;
        let mut target = vec![0; len];
        if len <= FAST_SYMLINK {
            target.copy_from_slice(&link.map[..len]);
        } else {
            let mut read = false;
            self.map(&link.map, link.extents(), 1, &mut |step| match step {
                Step::Piece(piece) if piece.written => {
                    read = true;
                    self.read(piece.physical, 0, &mut target)
                }
                _ => Ok(()),
            })?;
            if !read {
                return Err(wrong());
            }
        }
        if target.contains(&0) { Err(wrong()) } else { Ok(target.into()) }
    }
}

/// A walk over all directories.
struct Walk<'w, 'a> {
    image: &'w Image<'a>,
    builder: TreeBuilder,
    /// Directories that were met.
    seen: BTreeSet<u32>,
    /// Bytes of paths, targets and attributes so far.
    text: usize,
    /// Blocks of directories so far: more than there are is a lie.
    blocks: u64,
    /// Directories that were not entered yet.
    open: Vec<(Vec<u8>, Inode)>,
}

impl Walk<'_, '_> {
    fn directory(&mut self, path: &[u8], directory: &Inode) -> Result<(), Failure> {
        let image = self.image;
        self.blocks += directory.size / image.block_size;
        if self.blocks > image.blocks {
            return Err(damaged("directories share blocks"));
        }
        image.names(directory, &mut |name, number| {
            let below = [path, if path.is_empty() { b"" } else { b"/" }, name].concat();
            let inode = image.inode(number)?;
            if inode.is_dir() {
                if !self.seen.insert(number) {
                    return Err(damaged(format_args!("the directory of inode {number} is in two places")));
                }
                self.open.push((below.clone(), inode.clone()));
            }
            self.entry(below, &inode)?;
            Ok(true)
        })
    }

    fn entry(&mut self, path: Vec<u8>, inode: &Inode) -> Result<(), Failure> {
        let image = self.image;
        let device = |make: fn(u32, u32) -> Node| {
            let (major, minor) = inode.device();
            make(major, minor)
        };
        let node = match inode.kind {
            TYPE_FILE => Node::File { content: Content::from(Bytes::zeros(inode.size)), dense: false },
            0o120_000 => Node::Symlink(image.target(inode)?),
            0o020_000 => device(|major, minor| Node::Char { major, minor }),
            0o060_000 => device(|major, minor| Node::Block { major, minor }),
            0o010_000 => Node::Fifo,
            0o140_000 => Node::Socket,
            _ => Node::Dir,
        };
        let xattrs = image.xattrs(inode)?;
        let attributes: usize = xattrs.iter().map(|(name, value)| name.len() + value.len()).sum();
        let target = if let Node::Symlink(target) = &node { target.len() } else { 0 };
        self.text += path.len() + attributes + target;
        if self.text > MOST_TEXT {
            return Err(damaged("its paths and attributes have more than 1 GiB"));
        }
        // Names of one inode are one file; groups are numbered anew later, and those of one name dropped.
        let link = if inode.is_dir() || inode.links < 2 { None } else { LinkGroup::new(inode.number) };
        self.builder.push(Entry { path: BytePath(path), meta: inode.meta, xattrs, link, node });
        Ok(())
    }
}
