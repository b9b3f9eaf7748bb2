//! Where contents of local sources lie: by name, with the stamp that the file must still have.

use std::{fs::File, path::PathBuf, sync::Mutex};

use imgc_plan::BlobId;

use super::{
    Look,
    index::{Index, Join},
    near::Near,
};
use crate::{os, store::pack::SMALL};

/// A table of local files that are referenced, not copied.
#[derive(Debug)]
pub struct Local {
    root: PathBuf,
    single: bool,
    rows: Vec<(Box<[u8]>, os::Stamp)>,
    /// Rows by content, sorted.
    names: Vec<(BlobId, usize)>,
    /// Places among the files at which nobody is now.
    near: Mutex<Vec<Near>>,
}

impl Local {
    /// The files of an index that are as they were seen just now. Small ones are in packs and left out.
    pub fn new(look: &Look, index: &Index) -> Self {
        let mut join = Join::new(index.rows());
        let seen = look.found.iter().map(|found| {
            let row = (found.status.kind == os::FileKind::File).then(|| join.row(&found.path, |_| {}))??;
            (row.stamp == found.status.stamp).then_some(row.seen.id)
        });
        Self::of(look, seen)
    }

    /// The files of a look, given the content of each that is known.
    pub fn of(look: &Look, contents: impl Iterator<Item = Option<BlobId>>) -> Self {
        let (mut rows, mut names) = (Vec::new(), Vec::new());
        for (found, id) in look.found.iter().zip(contents) {
            let stamp = found.status.stamp;
            if let Some(id) = id.filter(|_| stamp.size > SMALL as u64) {
                names.push((id, rows.len()));
                rows.push((found.path.clone(), stamp));
            }
        }
        names.sort_unstable();
        let (root, single) = (look.root.clone(), look.single.is_some());
        Self { root, single, rows, names, near: Mutex::default() }
    }

    /// The row of a file with this content.
    pub fn find(&self, id: &BlobId) -> Option<usize> {
        let at = self.names.partition_point(|(name, _)| name < id);
        self.names.get(at).filter(|(name, _)| name == id).map(|(_, row)| *row)
    }

    /// Where a file is.
    pub fn path(&self, row: usize) -> PathBuf {
        if self.single {
            return self.root.clone();
        }
        // What was a path of this host a moment ago is one still.
        os::path(&self.rows[row].0).map_or_else(|_| self.root.clone(), |path| self.root.join(path))
    }

    /// Opens a file; `None` when it is not there as it was.
    pub fn open(&self, row: usize) -> Option<File> {
        let (path, stamp) = &self.rows[row];
        let file = if self.single {
            os::open_no_follow(&self.root)
        } else {
            let spare = || self.near.lock().expect("because no holder of the lock panics");
            let mut near = spare().pop().unwrap_or_else(|| Near::new(&self.root));
            let file = near.open(path);
            spare().push(near);
            file
        };
        let file = file.ok()?;
        let now = file.metadata().ok()?;
        (os::status(&now).stamp == *stamp).then_some(file)
    }

    /// Those of these files that are not as they were. Rows that follow one another are found sooner.
    pub fn changed<'r>(&'r self, rows: impl Iterator<Item = usize> + 'r) -> impl Iterator<Item = usize> + 'r {
        let mut near = Near::new(&self.root);
        rows.filter(move |row| {
            let (path, stamp) = &self.rows[*row];
            let now = if self.single {
                std::fs::symlink_metadata(&self.root).map(|meta| os::status(&meta))
            } else {
                near.status(path)
            };
            !now.is_ok_and(|now| now.stamp == *stamp)
        })
    }
}
