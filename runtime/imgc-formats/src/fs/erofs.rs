//! EROFS: the read-only filesystem of Linux, plain, in shared chunks, or compressed with LZ4 or Zstandard.
//!
//! ```text
//! superblock | blocks of data, directory or compressed piece, inode after inode | shared attributes | inodes, each with its
//! attributes, then its tail, its chunks or its indexes
//! ```
//!
//! A tree becomes [`nodes`]; [`mod@data`] gives contents their blocks and only points at them, compressed ones through
//! [`squeeze`], [`lz4`] and [`zstandard`]; [`place`] gives inodes their slots, which are their numbers; [`mod@write`] puts them. Sizes are known
//! when contents are, so nothing is planned twice: the filesystem is as long as it becomes. [`read`] opens what anyone made.
//!
//! Sources: Linux `fs/erofs/erofs_fs.h`, `Documentation/filesystems/erofs.rst`, and what erofs-utils 1.5 and
//! Linux 6.1 accept; of Zstandard, what erofs-utils 1.8 and Linux 6.12 accept.

mod data;
mod directory;
mod dump;
mod format;
mod lz4;
mod nodes;
mod options;
mod place;
mod read;
mod sparse;
mod squeeze;
#[cfg(test)]
mod tests;
mod write;
mod xattr;
mod zstandard;

use imgc_image::{BytesBuilder, Failure, Problem, ReadAt, Tree, TreeBuilder};
use imgc_plan::{Kind, Record, kind::OptionProblem};

use self::{nodes::Nodes, options::Settings, read::Image};
use super::{Filesystem, Volume};

/// The kind.
pub struct Erofs;

impl Filesystem for Erofs {
    fn kind(&self) -> &'static Kind {
        &options::KIND
    }

    fn check(&self, options: &Record) -> Vec<OptionProblem> {
        options::parse(options).1
    }

    /// Always 0, as the length that [`Filesystem::write`] is given: it is known only when contents are compressed.
    fn measure(&self, options: &Record, tree: Option<&Tree>) -> Result<u64, Failure> {
        let settings = settings(options)?;
        Nodes::new(&settings, tree.unwrap_or(&no_tree(&settings)))?;
        Ok(0)
    }

    fn write(
        &self,
        options: &Record,
        tree: Option<&Tree>,
        _len: u64,
        out: &mut BytesBuilder<'_>,
    ) -> Result<Vec<Problem>, Failure> {
        let settings = settings(options)?;
        let empty = no_tree(&settings);
        let nodes = Nodes::new(&settings, tree.unwrap_or(&empty))?;
        write::write(&settings, &nodes, out)?;
        Ok(Vec::new())
    }

    fn dump(&self, image: &dyn ReadAt) -> Result<String, Failure> {
        dump::dump(image)
    }

    fn open<'a>(&self, image: &'a dyn ReadAt) -> Result<Option<Box<dyn Volume + 'a>>, Failure> {
        Ok(Image::open(image)?.map(|image| Box::new(image) as Box<dyn Volume + 'a>))
    }
}

/// The settings; what [`Filesystem::check`] would find is an error here.
fn settings(options: &Record) -> Result<Settings, Failure> {
    let (settings, problems) = options::parse(options);
    if problems.is_empty() {
        return Ok(settings);
    }
    let problem = |found: OptionProblem| {
        let problem = Problem::new("option-unfit", found.message);
        found.help.map_or(problem.clone(), |help| problem.help(help))
    };
    Err(problems.into_iter().map(problem).collect::<Vec<_>>().into())
}

/// What is made when there is no tree: an empty root.
fn no_tree(settings: &Settings) -> Tree {
    TreeBuilder::new().finish(settings.epoch).expect("because nothing cannot clash")
}
