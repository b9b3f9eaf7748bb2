//! An image as a tree.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
};

use imgc_image::{Bytes, Content, Entry, Failure, LinkGroup, Meta, Node, Problem, Tree, TreeBuilder};
use imgc_plan::{
    Data, Record, ids,
    tree::{BytePath, check_name},
};

use super::{
    super::format::{DIRENT, TYPES, device_parts},
    Image, Inode, damaged,
};
use crate::fs::Volume;

/// Longer paths are not followed: a hostile image could nest without end.
const LONGEST_PATH: usize = 64 << 10;
/// The most bytes of a symbolic link's target.
const MOST_TARGET: u64 = 64 << 10;

impl Image<'_> {
    /// All names with their inodes, the root first, each directory before what it holds.
    ///
    /// # Errors
    /// When it is damaged, or a directory has two places.
    pub fn walk(&self) -> Result<Vec<(BytePath, Inode)>, Failure> {
        let root = self.inode(self.sb.root_nid.into())?;
        if root.disk.mode & 0o170_000 != 0o040_000 {
            return Err(damaged("its root is not a directory"));
        }
        let most = self.io.len() / DIRENT as u64;
        let mut seen = BTreeSet::from([root.nid]);
        let mut open = vec![(BytePath::default(), root.clone())];
        let mut found = vec![(BytePath::default(), root)];
        while let Some((path, dir)) = open.pop() {
            for (name, nid, kind) in self.names(&dir, most - found.len() as u64)? {
                if name == b"." || name == b".." {
                    continue;
                }
                let path = below(&path, &name)?;
                let inode = self.inode(nid)?;
                let is_dir = inode.disk.mode & 0o170_000 == 0o040_000;
                if !TYPES.contains(&(inode.disk.mode & 0o170_000, kind)) {
                    return Err(damaged(format!("the type of {path} in its directory is wrong")));
                }
                if is_dir {
                    if !seen.insert(nid) {
                        return Err(damaged(format!("the directory {path} is somewhere else, too")));
                    }
                    open.push((path.clone(), inode.clone()));
                }
                found.push((path, inode));
            }
            if found.len() as u64 > most {
                return Err(damaged("there are more names than there is room for"));
            }
        }
        Ok(found)
    }

    /// The inode at a path.
    ///
    /// # Errors
    /// When there is none, or a directory on the way is damaged.
    pub fn find(&self, path: &[u8]) -> Result<Inode, Failure> {
        let mut inode = self.inode(self.sb.root_nid.into())?;
        for part in path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()) {
            let is_dir = inode.disk.mode & 0o170_000 == 0o040_000;
            let found = if is_dir { self.lookup(&inode, part)? } else { None };
            inode = self.inode(found.ok_or_else(|| no_file(path))?)?;
        }
        Ok(inode)
    }

    fn node(&self, inode: &Inode) -> Result<Node, Failure> {
        let (major, minor) = device_parts(inode.disk.u);
        Ok(match inode.disk.mode & 0o170_000 {
            0o100_000 => Node::File { content: Content::from(Bytes::zeros(inode.disk.size)), dense: false },
            0o040_000 => Node::Dir,
            0o020_000 => Node::Char { major, minor },
            0o060_000 => Node::Block { major, minor },
            0o010_000 => Node::Fifo,
            0o140_000 => Node::Socket,
            0o120_000 if inode.disk.size <= MOST_TARGET => {
                let mut target = Vec::new();
                self.copy(inode, &mut target)?;
                Node::Symlink(target.into())
            }
            _ => return Err(damaged(format!("inode {} has a type that makes no sense", inode.nid))),
        })
    }

    fn entry(&self, path: BytePath, inode: &Inode, link: Option<LinkGroup>) -> Result<Entry, Failure> {
        let (mtime, mtime_nanos) = self.time(inode);
        let xattrs = self.xattrs(inode)?;
        Ok(Entry {
            path,
            meta: Meta {
                mode: inode.disk.mode & 0o7777,
                uid: inode.disk.uid,
                gid: inode.disk.gid,
                mtime,
                mtime_nanos,
            },
            xattrs: xattrs.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            link,
            node: self.node(inode)?,
        })
    }
}

fn below(path: &BytePath, name: &[u8]) -> Result<BytePath, Failure> {
    check_name(name).map_err(damaged)?;
    if path.0.len() + name.len() >= LONGEST_PATH {
        return Err(damaged("a path is too long"));
    }
    let slash: &[u8] = if path.0.is_empty() { b"" } else { b"/" };
    Ok(BytePath([&path.0, slash, name].concat()))
}

fn no_file(path: &[u8]) -> Failure {
    let message = format!("there is no file {} in the erofs", BytePath(path.to_vec()));
    Problem::new("no-such-file", message).into()
}

impl Volume for Image<'_> {
    fn facts(&self) -> Record {
        let len = u64::from(self.sb.blocks) * self.block;
        let label = self.sb.volume_name.split(|byte| *byte == 0).next().unwrap_or_default();
        Record::from([
            ("label".into(), Data::Text(String::from_utf8_lossy(label).into_owned())),
            ("uuid".into(), Data::Text(uuid_text(&self.sb.uuid))),
            ("block-size".into(), Data::from(self.block)),
            ("len".into(), Data::from(len)),
            ("used".into(), Data::from(len)),
        ])
    }

    fn tree(&self) -> Result<Tree, Failure> {
        let found = self.walk()?;
        let mut names: BTreeMap<u64, u32> = BTreeMap::new();
        for (_, inode) in &found {
            *names.entry(inode.nid).or_default() += 1;
        }
        let linked = names.iter().filter(|(_, names)| **names > 1).map(|(nid, _)| *nid);
        let groups: BTreeMap<u64, LinkGroup> =
            linked.zip(1..).filter_map(|(nid, group)| Some((nid, LinkGroup::new(group)?))).collect();
        let mut builder = TreeBuilder::new();
        for (path, inode) in found {
            builder.push(self.entry(path, &inode, groups.get(&inode.nid).copied())?);
        }
        builder.finish(self.sb.build_time).map_err(|path| damaged(format!("{path} is there twice")))
    }

    fn copy(&self, path: &[u8], out: &mut dyn Write) -> Result<(), Failure> {
        let inode = self.find(path)?;
        if inode.disk.mode & 0o170_000 != 0o100_000 {
            return Err(no_file(path));
        }
        Image::copy(self, &inode, out)
    }
}

/// A UUID as text, whatever its version.
pub fn uuid_text(bytes: &[u8; 16]) -> String {
    let text = ids::uuid_text(*bytes);
    // The two places that `ids` overwrites with version and variant.
    let digits = |at: usize| format!("{:02x}", bytes[at]);
    format!("{}{}{}{}{}", &text[..14], digits(6), &text[16..19], digits(8), &text[21..])
}
