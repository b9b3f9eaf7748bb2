//! Finds files of a loader's partitions in a finished disk: the one place where loaders and filesystems meet.

use std::{cell::RefCell, sync::Arc};

use imgc_formats::boot::Locate;
use imgc_image::{Bytes, BytesBuilder, Failure, Reader, Store};
use imgc_plan::{
    layout::Layout,
    step::{LoaderHome, PartHome},
    tree::BytePath,
};

/// A disk whose filesystems are known. Remembers which files were looked for.
pub struct OnDisk<'a> {
    disk: &'a Arc<Bytes>,
    layout: &'a Layout,
    home: &'a LoaderHome,
    store: &'a dyn Store,
    found: RefCell<Vec<Found>>,
}

/// A file that was looked for.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its partition.
    pub part: String,
    /// Its path.
    pub path: BytePath,
    /// Where its bytes lie on the disk, as (first byte, length), in file order.
    pub runs: Vec<(u64, u64)>,
}

impl<'a> OnDisk<'a> {
    /// The disk's bytes, where its partitions lie, which of them hold files of the loader, and what reads it.
    pub fn new(disk: &'a Arc<Bytes>, layout: &'a Layout, home: &'a LoaderHome, store: &'a dyn Store) -> Self {
        Self { disk, layout, home, store, found: RefCell::default() }
    }

    /// The files that were looked for.
    pub fn found(&self) -> Vec<Found> {
        self.found.borrow().clone()
    }

    /// The bytes of one as they are.
    ///
    /// # Errors
    /// When they cannot be put together.
    pub fn bytes(&self, found: &Found) -> Result<Bytes, Failure> {
        let mut out = BytesBuilder::new(self.store);
        let mut len = 0;
        for (at, run) in &found.runs {
            out.section(len, self.disk, *at, *run);
            len += run;
        }
        out.finish(len).map_err(Failure::from)
    }

    /// What reads the disk.
    pub fn store(&self) -> &'a dyn Store {
        self.store
    }

    fn home_of(&self, partition: &str) -> Option<&PartHome> {
        [self.home.own(), self.home.firmware()].into_iter().flatten().find(|home| home.name == partition)
    }
}

impl Locate for OnDisk<'_> {
    fn runs(&self, partition: &str, path: &[u8]) -> Result<Vec<(u64, u64)>, Failure> {
        let none = || Failure::Bug(format!("the loader has no files in a partition `{partition}`"));
        let (home, part) = (self.home_of(partition).ok_or_else(none)?, self.layout.part(partition));
        let part = part.ok_or_else(none)?;
        let kind = imgc_formats::filesystem(&home.filesystem).ok_or_else(none)?;
        let mut section = BytesBuilder::new(self.store);
        section.section(0, self.disk, part.start, part.len);
        let section = section.finish(part.len)?;
        let reader = Reader::new(&section, self.store);
        let unreadable = || {
            let message = format!("no filesystem `{}` is to be found in `{partition}`", home.filesystem);
            Failure::Bug(message)
        };
        let volume = kind.open(&reader)?.ok_or_else(unreadable)?;
        let path = path.strip_prefix(b"/").unwrap_or(path);
        let runs = volume.extents(path)?.into_iter().map(|run| (part.start + run.offset, run.len));
        let runs: Vec<(u64, u64)> = runs.collect();
        let found = Found { part: partition.into(), path: BytePath(path.to_vec()), runs: runs.clone() };
        self.found.borrow_mut().push(found);
        Ok(runs)
    }
}
