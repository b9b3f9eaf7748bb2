//! Where contents of local sources lie: by name, with the stamp that the file must still have.

use std::path::PathBuf;

use imgc_plan::BlobId;

use super::{
    Look,
    index::{Index, Join},
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
        Self { root: look.root.clone(), single: look.single.is_some(), rows, names }
    }

    /// The row of a file with this content.
    pub fn find(&self, id: &BlobId) -> Option<usize> {
        let at = self.names.partition_point(|(name, _)| name < id);
        self.names.get(at).filter(|(name, _)| name == id).map(|(_, row)| *row)
    }

    /// A file's path and the stamp that it must have.
    pub fn row(&self, row: usize) -> (PathBuf, os::Stamp) {
        let (path, stamp) = &self.rows[row];
        if self.single {
            return (self.root.clone(), *stamp);
        }
        // What was a path of this host a moment ago is one still.
        let path = os::path(path).map_or_else(|_| self.root.clone(), |path| self.root.join(path));
        (path, *stamp)
    }
}
