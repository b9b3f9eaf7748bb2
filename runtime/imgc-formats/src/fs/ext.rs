//! ext2, ext3 and ext4: one writer, three kinds.
//!
//! A tree becomes [`nodes`] (inodes, without places); [`geometry`] says where a filesystem of some length has room;
//! [`place`] puts one into the other and finds the least length; [`write`] does the same again and emits what it finds, so both
//! agree. File contents are only pointed at. Reading order: [`options`], [`settings`] and [`features`]; [`geometry`]; [`nodes`],
//! [`directory`] with [`hash`], [`xattr`], [`map`]; [`place`]; [`inode`] and [`superblock`] with [`checksum`]; [`mod@write`] and [`groups`]; [`read`]
//! and [`dump`] read it all back.
//!
//! Sources: Linux `Documentation/filesystems/ext4/`, and what e2fsprogs 1.47 makes and accepts.

mod checksum;
mod directory;
mod dump;
mod features;
mod geometry;
mod groups;
mod hash;
mod inode;
mod map;
mod nodes;
mod options;
mod place;
mod read;
mod settings;
mod sink;
mod superblock;
#[cfg(test)]
mod tests;
mod write;
mod xattr;

use imgc_image::{BytesBuilder, Failure, Problem, ReadAt, Tree, TreeBuilder};
use imgc_plan::{Kind, Record, kind::OptionProblem, units::approximate_size};

use self::{
    nodes::Nodes,
    place::Within,
    settings::{Flavour, Settings},
};
use super::{Filesystem, Volume};
use crate::loss::{self, Loss};

/// One of the three.
pub struct Ext {
    flavour: Flavour,
    kind: &'static Kind,
}

/// ext2.
pub static EXT2: Ext = Ext { flavour: Flavour::Ext2, kind: &options::EXT2 };
/// ext3.
pub static EXT3: Ext = Ext { flavour: Flavour::Ext3, kind: &options::EXT3 };
/// ext4.
pub static EXT4: Ext = Ext { flavour: Flavour::Ext4, kind: &options::EXT4 };

impl Filesystem for Ext {
    fn kind(&self) -> &'static Kind {
        self.kind
    }

    fn check(&self, options: &Record) -> Vec<OptionProblem> {
        settings::parse(self.flavour, options).1
    }

    fn check_len(&self, options: &Record, len: u64) -> Option<Problem> {
        let settings = self.settings(options).ok()?;
        let empty = no_tree(&settings);
        let nodes = Nodes::new(&settings, &empty).ok()?;
        let block_size = u64::from(settings.block_size);
        match place::within(&settings, &nodes, len / block_size) {
            Within::Plan(_) => None,
            Within::Needs(blocks) => Some(too_large(blocks * block_size, len)),
            Within::Never => Some(self.never()),
        }
    }

    fn measure(&self, options: &Record, tree: Option<&Tree>) -> Result<u64, Failure> {
        let settings = self.settings(options)?;
        let empty = no_tree(&settings);
        let nodes = Nodes::new(&settings, tree.unwrap_or(&empty))?;
        self.check_inodes(&settings, &nodes)?;
        let plan = place::least(&settings, &nodes).ok_or_else(|| self.never())?;
        Ok(plan.geometry.blocks * plan.geometry.block_size)
    }

    fn write(
        &self,
        options: &Record,
        tree: Option<&Tree>,
        len: u64,
        out: &mut BytesBuilder<'_>,
    ) -> Result<Vec<Problem>, Failure> {
        let settings = self.settings(options)?;
        let empty = no_tree(&settings);
        let nodes = Nodes::new(&settings, tree.unwrap_or(&empty))?;
        self.check_inodes(&settings, &nodes)?;
        let block_size = u64::from(settings.block_size);
        match place::within(&settings, &nodes, len / block_size) {
            Within::Plan(plan) => write::write(&settings, &nodes, &plan, out)?,
            Within::Needs(blocks) => return Err(too_large(blocks * block_size, len).into()),
            Within::Never => return Err(self.never().into()),
        }
        Ok(warnings(&settings, &nodes))
    }

    fn dump(&self, image: &dyn ReadAt) -> Result<String, Failure> {
        dump::dump(image)
    }

    fn open<'a>(&self, image: &'a dyn ReadAt) -> Result<Option<Box<dyn Volume + 'a>>, Failure> {
        let found = read::Image::open(image)?.filter(|found| found.flavour() == self.flavour);
        Ok(found.map(|found| Box::new(found) as Box<dyn Volume + 'a>))
    }
}

impl Ext {
    /// The settings; what [`Filesystem::check`] would find is an error here.
    fn settings(&self, options: &Record) -> Result<Settings, Failure> {
        let (settings, problems) = settings::parse(self.flavour, options);
        if problems.is_empty() {
            return Ok(settings);
        }
        let problem = |found: OptionProblem| {
            let problem = Problem::new("option-unfit", found.message);
            found.help.map_or(problem.clone(), |help| problem.help(help))
        };
        Err(problems.into_iter().map(problem).collect::<Vec<_>>().into())
    }

    fn check_inodes(&self, settings: &Settings, nodes: &Nodes<'_>) -> Result<(), Failure> {
        let needed = u64::from(nodes.last_inode());
        match settings.inodes {
            Some(inodes) if inodes < needed => {
                let message = format!("the tree needs {needed} inodes, `inodes` gives {inodes}");
                Err(Problem::new("too-few-inodes", message).help("raise it or leave it out").into())
            }
            _ => Ok(()),
        }
    }

    fn never(&self) -> Problem {
        let message = format!("{} cannot be so large with these options", self.kind.name);
        Problem::new("filesystem-too-large", message).help("choose 4KiB blocks, or `ext4` with `64bit`")
    }
}

/// What is made when there is no tree: an empty root.
fn no_tree(settings: &Settings) -> Tree {
    TreeBuilder::new().finish(settings.epoch).expect("because nothing cannot clash")
}

fn too_large(needed: u64, len: u64) -> Problem {
    let missing = needed - len;
    let message = format!(
        "the tree needs {} ({needed} bytes), {} ({missing} bytes) more than there are",
        approximate_size(needed),
        approximate_size(missing)
    );
    Problem::new("tree-too-large", message).help("make it larger, or use `size=fit`")
}

/// What is left out: inodes of 128 bytes have whole seconds.
fn warnings(settings: &Settings, nodes: &Nodes<'_>) -> Vec<Problem> {
    if settings.inode_size as usize > inode::OLD_SIZE {
        return Vec::new();
    }
    let nanos = Loss {
        code: "nanoseconds-dropped",
        what: "a time with parts of a second",
        lost: |entry| entry.meta.mtime_nanos != 0,
    };
    loss::warnings("an inode of 128 bytes", &[nanos], nodes.entries)
}
