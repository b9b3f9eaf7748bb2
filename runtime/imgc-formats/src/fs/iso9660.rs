//! ISO 9660 with Joliet and Rock Ridge: optical media, and what firmware and hypervisors take for them.
//!
//! A tree becomes two hierarchies of directories with [`names`] that each can hold; [`plan`] says at which sector
//! everything lies; [`mod@write`] emits it. Contents are only pointed at, equal ones once. Reading order: [`options`];
//! [`survey`], [`contents`], [`hierarchy`]; [`record`], [`rock`], [`directory`]; [`descriptor`], [`path_table`]; [`plan`],
//! [`mod@write`]; [`udf`]; [`read`] and [`dump`].
//!
//! Sources: ECMA-119 (2nd edition; sections without a name mean it), ISO 9660:1999, Joliet (Microsoft, 1995), IEEE P1281
//! (SUSP 1.12) and P1282 (Rock Ridge 1.12), and what `fs/isofs` of Linux takes.

mod contents;
mod descriptor;
mod directory;
mod dump;
mod hierarchy;
mod names;
mod options;
mod path_table;
mod plan;
mod read;
mod record;
mod rock;
mod survey;
#[cfg(test)]
mod tests;
mod time;
mod udf;
mod write;

use imgc_image::{BytesBuilder, Failure, Problem, ReadAt, Tree, TreeBuilder};
use imgc_plan::{
    Family, Kind, Record,
    kind::{FilesystemTraits, OptionProblem, Traits},
};

use self::{options::Options, plan::Plan};
use super::{Filesystem, Volume};

/// ISO 9660.
pub struct Iso9660;

static KIND: Kind = Kind {
    family: Family::Filesystem,
    name: "iso9660",
    doc: "ISO 9660 with Rock Ridge and Joliet: read-only, for optical media and what stands for them. Its length follows from its \
          content. It holds no extended attributes.",
    since: "0.1.0",
    options: &options::OPTIONS,
    traits: Traits::Filesystem(FilesystemTraits {
        takes_tree: true,
        own_length: true,
        stamps_start: false,
        system_area: 32768,
        folds_case: false,
        default_type: "basic-data",
    }),
};

impl Filesystem for Iso9660 {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn check(&self, options: &Record) -> Vec<OptionProblem> {
        options::check(options)
    }

    fn measure(&self, options: &Record, tree: Option<&Tree>) -> Result<u64, Failure> {
        let options = Options::of(options);
        let empty = no_tree(&options);
        Ok(Plan::new(options, tree.unwrap_or(&empty))?.len())
    }

    fn write(
        &self,
        options: &Record,
        tree: Option<&Tree>,
        _len: u64,
        out: &mut BytesBuilder<'_>,
    ) -> Result<Vec<Problem>, Failure> {
        let options = Options::of(options);
        let empty = no_tree(&options);
        let plan = Plan::new(options, tree.unwrap_or(&empty))?;
        write::write(&plan, out)?;
        Ok(plan.survey.losses)
    }

    fn dump(&self, image: &dyn ReadAt) -> Result<String, Failure> {
        dump::dump(image)
    }

    fn open<'a>(&self, image: &'a dyn ReadAt) -> Result<Option<Box<dyn Volume + 'a>>, Failure> {
        read::open(image)
    }
}

/// What is made when there is no tree: an empty root.
fn no_tree(options: &Options) -> Tree {
    TreeBuilder::new().finish(options.epoch).expect("because nothing cannot clash")
}
