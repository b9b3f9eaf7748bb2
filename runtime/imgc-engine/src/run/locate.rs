//! Finds files of a loader's partitions in a finished disk: the one place where loaders and filesystems meet.

use std::sync::Arc;

use imgc_formats::boot::Locate;
use imgc_image::{Bytes, BytesBuilder, Failure, Reader, Store};
use imgc_plan::{
    layout::Layout,
    step::{LoaderHome, PartHome},
};

/// A disk whose filesystems are known.
#[derive(Clone, Copy)]
pub struct OnDisk<'a> {
    /// Its bytes.
    pub disk: &'a Arc<Bytes>,
    /// Where its partitions lie.
    pub layout: &'a Layout,
    /// Which of them hold files of the loader, and in which filesystems.
    pub home: &'a LoaderHome,
    /// Reads the disk.
    pub store: &'a dyn Store,
}

impl OnDisk<'_> {
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
        let runs = volume.extents(path)?;
        Ok(runs.into_iter().map(|run| (part.start + run.offset, run.len)).collect())
    }
}
