//! Walks the hierarchy that says most, and makes a tree of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use imgc_image::{Bytes, Content, Entry, Failure, LinkGroup, Meta, Node, Tree, TreeBuilder};
use imgc_plan::tree::{BytePath, check_name};

use super::{
    super::{
        record::{ASSOCIATED, MULTI_EXTENT, Record},
        rock, time,
    },
    Rock, Source, Spots, damaged, fields, find_skip,
};

/// The most bytes of all paths together: in hostile images directories can be very deep.
const MOST_PATHS: usize = 1 << 30;

/// Which names count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    /// Those of Rock Ridge, so many bytes after each identifier.
    Rock(usize),
    /// Those of Joliet.
    Joliet,
    /// Plain ones.
    Plain,
}

/// What makes two names with the same serial one file: everything that is said of it.
type Same = (u32, [u32; 4], (i64, u32), Vec<(u64, u64)>, Option<Vec<u8>>, Option<(u32, u32)>);

/// A walk.
struct Scan<'s, 'a> {
    source: &'s Source<'a>,
    names: Names,
    builder: TreeBuilder,
    spots: Spots,
    groups: BTreeMap<Same, u32>,
    seen: BTreeSet<u64>,
    paths: usize,
    /// Directories that were not entered yet: path, block, length.
    open: Vec<(Vec<u8>, u64, u64)>,
}

/// A file of a directory: one record, or several of one identifier.
struct File {
    record: Record,
    sections: Vec<(u64, u64)>,
}

/// Reads the tree, and where contents lie.
///
/// # Errors
/// When the image is damaged.
pub fn scan(source: &Source<'_>) -> Result<(Tree, Spots), Failure> {
    let primary = &source.primary.root;
    let own = source.directory_at(primary.block)?;
    let joliet = source.descriptors.iter().find(|descriptor| descriptor.joliet);
    let (names, root) = match (find_skip(source, &own)?, joliet) {
        (Some(skip), _) => (Names::Rock(skip), primary),
        (None, Some(joliet)) => (Names::Joliet, &joliet.root),
        (None, None) => (Names::Plain, primary),
    };
    let mut scan = Scan {
        source,
        names,
        builder: TreeBuilder::new(),
        spots: Spots::new(),
        groups: BTreeMap::new(),
        seen: BTreeSet::new(),
        paths: 0,
        open: vec![(Vec::new(), root.block, root.len)],
    };
    let rock = scan.rock(&own, true)?;
    let meta = scan.meta(&own, &rock, true);
    scan.push(Vec::new(), meta, None, Node::Dir);
    while let Some((path, block, len)) = scan.open.pop() {
        scan.directory(&path, block, len)?;
    }
    let tree = scan.builder.finish(0).map_err(|path| damaged(format!("{path} is there twice")))?;
    Ok((tree, scan.spots))
}

impl Scan<'_, '_> {
    /// What Rock Ridge says of a record, if it is what counts. The root's first record has nothing to leave out (SUSP, 5.3).
    fn rock(&self, record: &Record, root: bool) -> Result<Rock, Failure> {
        match self.names {
            Names::Rock(skip) => Rock::of(&fields(self.source, &record.fields, if root { 0 } else { skip })?),
            _ => Ok(Rock::default()),
        }
    }

    fn directory(&mut self, path: &[u8], block: u64, len: u64) -> Result<(), Failure> {
        if !self.seen.insert(block) {
            return Err(damaged(format!("the directory at block {block} is in two places, or in itself")));
        }
        let records = self.source.directory(block, len)?;
        let mut records = records.into_iter().map(|(_, record)| record).peekable();
        while let Some(record) = records.next() {
            if record.is_dot() || record.flags & ASSOCIATED != 0 {
                continue;
            }
            let mut file = File { sections: vec![self.section(&record)?], record };
            while file.record.flags & MULTI_EXTENT != 0 {
                let same = records.next_if(|next| next.id == file.record.id);
                let next = same.ok_or_else(|| damaged("a file has no last section"))?;
                file.sections.push(self.section(&next)?);
                file.record.flags = next.flags;
            }
            self.entry(path, &file)?;
        }
        Ok(())
    }

    /// The bytes of a record's section, which must lie in the image.
    fn section(&self, record: &Record) -> Result<(u64, u64), Failure> {
        if record.interleaved {
            return Err(damaged("a file is interleaved, which is not supported"));
        }
        if record.len == 0 {
            return Ok((0, 0));
        }
        let start = record.block * self.source.block;
        let end = start + record.len;
        if end > self.source.image.len() {
            return Err(damaged(format!("the content of a file is past its end, at byte {end}")));
        }
        Ok((start, record.len))
    }

    fn entry(&mut self, above: &[u8], file: &File) -> Result<(), Failure> {
        let record = &file.record;
        let rock = self.rock(record, false)?;
        if rock.hidden {
            return Ok(());
        }
        let name = rock.name.clone().unwrap_or_else(|| self.name(record));
        check_name(&name).map_err(|why| damaged(format!("the name {}: {why}", name.escape_ascii())))?;
        let path = if above.is_empty() { name } else { [above, b"/", &name].concat() };
        self.paths += path.len();
        if self.paths > MOST_PATHS {
            return Err(damaged("its paths have more than 1 GiB"));
        }
        let mut directory = record.is_dir().then_some((record.block, record.len));
        if let Some(block) = rock.moved_to {
            directory = Some((block, self.source.directory_at(block)?.len));
        }
        let meta = self.meta(record, &rock, directory.is_some());
        if let Some((block, len)) = directory {
            self.push(path.clone(), meta, None, Node::Dir);
            self.open.push((path, block, len));
            return Ok(());
        }
        let node = node(&rock, file)?;
        let link = self.group(&rock, file);
        if matches!(node, Node::File { .. }) {
            self.spots.insert(path.clone(), file.sections.clone());
        }
        self.push(path, meta, link, node);
        Ok(())
    }

    fn push(&mut self, path: Vec<u8>, meta: Meta, link: Option<LinkGroup>, node: Node) {
        self.builder.push(Entry { path: BytePath(path), meta, xattrs: Box::default(), link, node });
    }

    /// Names of more than one with the same serial are one file, if everything else is the same, too.
    fn group(&mut self, rock: &Rock, file: &File) -> Option<LinkGroup> {
        let (attributes, serial) = (rock.attributes?, rock.serial?);
        if attributes[1] < 2 {
            return None;
        }
        let next = u32::try_from(self.groups.len() + 1).ok()?;
        let time = rock.time.unwrap_or_default();
        let same = (serial, attributes, time, file.sections.clone(), rock.target.clone(), rock.device);
        LinkGroup::new(*self.groups.entry(same).or_insert(next))
    }

    /// Attributes; where there are none, those that an import gives.
    fn meta(&self, record: &Record, rock: &Rock, directory: bool) -> Meta {
        let usual = if directory { 0o755 } else { 0o644 };
        let [mode, _, uid, gid] = rock.attributes.unwrap_or([usual, 1, 0, 0]);
        let (mtime, mtime_nanos) =
            rock.time.unwrap_or_else(|| (time::read_short(&record.stamp).unwrap_or(0), 0));
        let mode = u16::try_from(mode & 0o7777).expect("because it was masked");
        Meta { mode, uid, gid, mtime, mtime_nanos }
    }

    /// A name by its identifier alone: without version, and without a dot at the end.
    fn name(&self, record: &Record) -> Vec<u8> {
        let mut name = if self.names == Names::Joliet {
            let units = record.id.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            let decoded = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
            decoded.collect::<String>().into_bytes()
        } else {
            record.id.clone()
        };
        if let Some(version) = name.iter().rposition(|byte| *byte == b';').filter(|at| *at > 0) {
            name.truncate(version);
        }
        if self.names != Names::Joliet && name.len() > 1 && name.last() == Some(&b'.') {
            name.pop();
        }
        name
    }
}

/// What an entry is that is no directory.
fn node(rock: &Rock, file: &File) -> Result<Node, Failure> {
    let kind = rock.attributes.map_or(rock::S_IFREG, |[mode, ..]| mode & rock::S_IFMT);
    let device = || rock.device.ok_or_else(|| damaged("a device has no number"));
    Ok(match kind {
        rock::S_IFREG => {
            let len = file.sections.iter().map(|(_, len)| len).sum();
            Node::File { content: Content::Bytes(Arc::new(Bytes::zeros(len))), dense: false }
        }
        rock::S_IFLNK => {
            let target = rock.target.as_deref().ok_or_else(|| damaged("a symbolic link has no target"))?;
            Node::Symlink(target.into())
        }
        rock::S_IFCHR => device().map(|(major, minor)| Node::Char { major, minor })?,
        rock::S_IFBLK => device().map(|(major, minor)| Node::Block { major, minor })?,
        rock::S_IFIFO => Node::Fifo,
        rock::S_IFSOCK => Node::Socket,
        _ => return Err(damaged(format!("an entry has the file type 0{kind:o}"))),
    })
}
