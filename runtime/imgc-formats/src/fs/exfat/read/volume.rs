//! A volume as a tree.

use std::{collections::BTreeSet, io::Write};

use imgc_image::{Bytes, Content, Entry, Failure, Meta, Node, Problem, Tree, TreeBuilder};
use imgc_plan::{
    Data as Value, Record,
    tree::{BytePath, check_name},
};

use super::{File, Image, Item, damaged, foreign};
use crate::fs::{
    Run, Volume,
    runs::{Runs, not_in_place},
};

/// Longer paths are not followed: a hostile volume could nest without end.
const LONGEST_PATH: usize = 64 << 10;

/// So many bytes of paths are kept in memory: many names at the end of long paths could be more than the volume has.
const MOST_PATHS: usize = 1 << 30;

impl Image<'_> {
    /// All files and directories but the root, each directory before what it holds.
    ///
    /// # Errors
    /// When it is damaged, or a directory has two places.
    pub fn walk(&self) -> Result<Vec<(BytePath, File)>, Failure> {
        let mut found = Vec::new();
        let mut seen = BTreeSet::from([self.boot.root]);
        let mut open = vec![(BytePath::default(), self.root())];
        // Directories that lie over one another could take as long as their number times their length.
        let mut budget = self.boot.clusters;
        let mut paths = 0;
        while let Some((path, data)) = open.pop() {
            if !data.open {
                let clusters = data.len.div_ceil(self.boot.cluster());
                budget = budget.checked_sub(clusters).ok_or_else(|| damaged("directories share clusters"))?;
            }
            self.items(&data, &mut |item| {
                let Item::File(file) = item else { return Ok(true) };
                let path = below(&path, &file.name)?;
                self.check(&path, &file)?;
                paths += path.0.len();
                if paths > MOST_PATHS {
                    return Err(foreign("more than 1 GiB of paths"));
                }
                if file.is_dir() {
                    if file.data.len > 0 && !seen.insert(file.data.first) {
                        return Err(damaged(format!("the directory {path} is somewhere else, too")));
                    }
                    open.push((path.clone(), file.data));
                }
                found.push((path, file));
                if found.len() as u64 > self.most_items() {
                    return Err(damaged("there are more names than there is room for"));
                }
                Ok(true)
            })?;
        }
        Ok(found)
    }

    /// The file at a path.
    fn file(&self, path: &[u8]) -> Result<File, Failure> {
        self.find(path)?.filter(|file| !file.is_dir()).ok_or_else(|| {
            let message = format!("there is no file {} in the exfat", BytePath(path.to_vec()));
            Problem::new("no-such-file", message).into()
        })
    }

    /// Whether a file's clusters can be there.
    fn check(&self, path: &BytePath, file: &File) -> Result<(), Failure> {
        let count = file.data.len.div_ceil(self.boot.cluster());
        let last = file.data.first.checked_add(count);
        let wrong = match (count, last) {
            (0, _) => false,
            (_, Some(end)) if file.data.contiguous => {
                !self.boot.has(file.data.first) || !self.boot.has(end - 1)
            }
            (_, Some(_)) => !self.boot.has(file.data.first) || count > self.boot.clusters,
            (_, None) => true,
        };
        if wrong { Err(damaged(format!("the clusters of {path} are not there"))) } else { Ok(()) }
    }
}

fn below(path: &BytePath, name: &str) -> Result<BytePath, Failure> {
    check_name(name.as_bytes())
        .map_err(|why| foreign(&format!("a name that cannot be in a tree ({why})")))?;
    if path.0.len() + name.len() >= LONGEST_PATH {
        return Err(damaged("a path is too long"));
    }
    let slash: &[u8] = if path.0.is_empty() { b"" } else { b"/" };
    Ok(BytePath([&path.0, slash, name.as_bytes()].concat()))
}

fn entry(path: BytePath, file: &File) -> Entry {
    let (mtime, mtime_nanos) = file.mtime;
    let (mode, node) = if file.is_dir() {
        (0o755, Node::Dir)
    } else {
        (0o644, Node::File { content: Content::from(Bytes::zeros(file.data.len)), dense: false })
    };
    let meta = Meta { mtime_nanos, ..Meta::new(mode, mtime) };
    Entry { path, meta, xattrs: Box::default(), link: None, node }
}

impl Volume for Image<'_> {
    fn facts(&self) -> Record {
        let serial = self.boot.serial;
        Record::from([
            ("label".into(), Value::Text(self.about.label.clone())),
            ("serial".into(), Value::Text(format!("{:04x}-{:04x}", serial >> 16, serial & 0xffff))),
            ("block-size".into(), Value::from(self.boot.cluster())),
            ("len".into(), Value::from(self.boot.sectors * self.boot.sector)),
            ("used".into(), Value::from(self.about.used * self.boot.cluster())),
        ])
    }

    /// The root has no time of its own here: it gets that of the first day that exFAT knows.
    fn tree(&self) -> Result<Tree, Failure> {
        const FIRST: i64 = 315_532_800;
        let mut builder = TreeBuilder::new();
        for (path, file) in self.walk()? {
            builder.push(entry(path, &file));
        }
        builder.finish(FIRST).map_err(|path| damaged(format!("{path} is there twice")))
    }

    fn copy(&self, path: &[u8], out: &mut dyn Write) -> Result<(), Failure> {
        self.copy_data(&self.file(path)?.data, out)
    }

    fn extents(&self, path: &[u8]) -> Result<Vec<Run>, Failure> {
        let data = self.file(path)?.data;
        if data.valid < data.len {
            let unwritten = data.len - data.valid;
            return Err(not_in_place(path, &format!("its last {unwritten} bytes were never written")));
        }
        let (mut runs, mut left) = (Runs::default(), data.len);
        self.runs(&data, &mut |first, count| {
            let len = left.min(count * self.boot.cluster());
            left -= len;
            runs.push(self.boot.cluster_at(first), len).map(|()| true)
        })?;
        Ok(runs.finish())
    }
}
