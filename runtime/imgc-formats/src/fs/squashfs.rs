//! SquashFS 4.0: a read-only filesystem, compressed (Linux `Documentation/filesystems/squashfs.rst`).
//!
//! ```text
//! superblock | compressor's options | blocks and fragments | inodes | listings | fragment table | export table | ids | attributes
//! ```
//! Reading order: [`options`], [`format`](mod@format), [`codec`]; [`survey`] and [`duplicates`] say what there is; [`data`] writes contents, [`metadata`],
//! [`directory`], [`inode`] and [`xattr`] the rest; [`mod@write`] joins them. [`read`] and [`dump`] trust nothing that they read.

mod codec;
mod data;
mod directory;
mod dump;
mod duplicates;
mod format;
mod inode;
mod metadata;
mod options;
mod read;
mod survey;
#[cfg(test)]
mod tests;
mod write;
mod xattr;

use imgc_image::{BytesBuilder, Failure, Problem, ReadAt, Tree, TreeBuilder};
use imgc_plan::{
    Family, Kind, Record,
    kind::{FilesystemTraits, OptionProblem, Traits},
};

use self::options::Options;
use super::{Filesystem, Volume};

/// The kind `squashfs`.
pub struct Squashfs;

static KIND: Kind = Kind {
    family: Family::Filesystem,
    name: "squashfs",
    doc: "SquashFS 4.0: a compressed, read-only filesystem for root filesystems of live media, appliances and containers.",
    since: "0.1.0",
    options: &options::OPTIONS,
    traits: Traits::Filesystem(FilesystemTraits {
        takes_tree: true,
        own_length: true,
        stamps_start: false,
        system_area: 0,
        folds_case: false,
        default_type: "linux",
    }),
};

impl Filesystem for Squashfs {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn check(&self, options: &Record) -> Vec<OptionProblem> {
        options::check(options)
    }

    fn measure(&self, _options: &Record, _tree: Option<&Tree>) -> Result<u64, Failure> {
        Err(Failure::Bug("a squashfs cannot be measured: its length is known when it is written".into()))
    }

    fn write(
        &self,
        options: &Record,
        tree: Option<&Tree>,
        _len: u64,
        out: &mut BytesBuilder<'_>,
    ) -> Result<Vec<Problem>, Failure> {
        let options = Options::of(options);
        let empty = TreeBuilder::new().finish(options.epoch.into()).expect("because nothing cannot clash");
        let tree = tree.filter(|tree| !tree.entries().is_empty()).unwrap_or(&empty);
        write::write(&options, tree, out)
    }

    fn dump(&self, image: &dyn ReadAt) -> Result<String, Failure> {
        dump::dump(image)
    }

    fn open<'a>(&self, image: &'a dyn ReadAt) -> Result<Option<Box<dyn Volume + 'a>>, Failure> {
        Ok(read::Image::open(image)?.map(|image| Box::new(read::Mounted::new(image)) as Box<dyn Volume + 'a>))
    }
}
