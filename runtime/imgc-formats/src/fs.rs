//! Filesystems: one folder each.

use imgc_image::{BytesBuilder, Failure, Problem, ReadAt, Tree};
use imgc_plan::{Kind, Record, kind::OptionProblem};

mod vfat;

/// The list: one line a kind.
pub static ALL: &[&dyn Filesystem] = &[&vfat::Vfat];

/// What a filesystem can do.
pub trait Filesystem: Send + Sync {
    /// Its description.
    fn kind(&self) -> &'static Kind;

    /// Finds combinations of options that cannot be, before anything runs. Every option is there with its default.
    fn check(&self, options: &Record) -> Vec<OptionProblem>;

    /// The least length in bytes at which [`Filesystem::write`] succeeds with this tree. `None` for kinds without trees.
    ///
    /// # Errors
    /// Everything in the tree that this filesystem cannot hold, at once.
    fn measure(&self, options: &Record, tree: Option<&Tree>) -> Result<u64, Failure>;

    /// Makes the filesystem: metadata by [`BytesBuilder::put`], contents by [`BytesBuilder::content`]. The caller ends the
    /// builder at `len`. Warnings (what was left out because the format cannot hold it) are returned.
    ///
    /// # Errors
    /// As [`Filesystem::measure`]; `tree-too-large` with by how much when `len` does not suffice.
    fn write(
        &self,
        options: &Record,
        tree: Option<&Tree>,
        len: u64,
        out: &mut BytesBuilder<'_>,
    ) -> Result<Vec<Problem>, Failure>;

    /// Bytes to lay over the finished filesystem once the partition's first sector is known, as (offset, bytes); only for
    /// kinds with `stamps_start`. `len` is the filesystem's length: automatic options follow from it.
    fn stamp(&self, options: &Record, len: u64, start_sector: u64) -> Vec<(u64, Vec<u8>)> {
        let _ = (options, len, start_sector);
        Vec::new()
    }

    /// The structures as text, offset by offset: goldens and `inspect` show it.
    ///
    /// # Errors
    /// When the bytes cannot be read, or are not this filesystem.
    fn dump(&self, image: &dyn ReadAt) -> Result<String, Failure>;
}
