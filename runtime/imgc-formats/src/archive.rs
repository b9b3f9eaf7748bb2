//! Archives: bytes of a tree, trees of bytes; one folder each.

use std::sync::Arc;

use imgc_image::{Bytes, Failure, Problem, Store, Tree};
use imgc_plan::{Kind, Record, kind::OptionProblem, step::Keep};

mod coding;
mod cpio;
mod deb;
mod gather;
mod packer;
mod stream;
mod tar;
mod uki;

/// The list: one line a kind.
pub static ALL: &[&dyn Archive] = &[&cpio::Cpio, &tar::Tar, &deb::Deb, &uki::Uki];

/// What an archive can do.
pub trait Archive: Send + Sync {
    /// Its description.
    fn kind(&self) -> &'static Kind;

    /// Finds combinations of options that cannot be, before anything runs.
    fn check(&self, options: &Record) -> Vec<OptionProblem>;

    /// Packs a tree. Without compression contents are pointed at, not copied. Warnings come back beside the bytes.
    ///
    /// # Errors
    /// Everything that the format cannot hold, at once.
    fn pack(
        &self,
        options: &Record,
        tree: &Tree,
        store: &dyn Store,
    ) -> Result<(Bytes, Vec<Problem>), Failure>;

    /// Unpacks into a tree; attributes that are not kept are normalised to 0:0, 0755/0644 and `epoch`. Hostile input is
    /// refused: paths that leave the tree, entries below links, sizes that do not add up, bombs.
    ///
    /// # Errors
    /// What is wrong with the archive, and at which entry.
    fn unpack(&self, bytes: &Arc<Bytes>, keep: Keep, epoch: i64, store: &dyn Store) -> Result<Tree, Failure>;
}
