//! Partition tables: one folder each.
//!
//! Both kinds share [`record`], the 16 bytes of a partition in an MBR (GPT protects itself with one), [`place`], which points
//! at the partitions' bytes, and [`listing`], the form of a dump.

use std::sync::Arc;

use imgc_image::{Bytes, BytesBuilder, Failure, ReadAt};
use imgc_plan::{Kind, Record, kind::OptionProblem, layout::Layout};

mod bare;
pub mod gpt;
pub mod mbr;

mod listed;
mod listing;
mod place;
mod record;
#[cfg(test)]
mod testing;

pub use listed::Listed;

/// The list: one line a kind.
pub static ALL: &[&dyn Table] = &[&gpt::Gpt, &mbr::Mbr, &bare::Bare];

/// What a partition table can do.
pub trait Table: Send + Sync {
    /// Its description; its rules for the layout solver are in the traits.
    fn kind(&self) -> &'static Kind;

    /// Finds combinations of options that cannot be, before anything runs.
    fn check(&self, options: &Record) -> Vec<OptionProblem>;

    /// Makes the disk: the table's own sectors by [`BytesBuilder::put`], partitions by [`BytesBuilder::nest`] at their starts.
    /// `parts` has one place for each partition of the layout, in its order. The caller ends the builder at the layout's length.
    ///
    /// # Errors
    /// When the table cannot say what the layout asks (names too long, and the like).
    fn write(
        &self,
        options: &Record,
        layout: &Layout,
        parts: &[Option<Arc<Bytes>>],
        out: &mut BytesBuilder<'_>,
    ) -> Result<(), Failure>;

    /// The structures as text, offset by offset.
    ///
    /// # Errors
    /// When the bytes cannot be read, or hold no such table.
    fn dump(&self, disk: &dyn ReadAt) -> Result<String, Failure>;

    /// The partitions that a disk's table lists, by number, whoever made it; `None` when there is no such table. Trusts
    /// nothing.
    ///
    /// # Errors
    /// When there is such a table, but damaged; or the bytes cannot be read.
    fn read(&self, disk: &dyn ReadAt) -> Result<Option<Vec<Listed>>, Failure> {
        let _ = disk;
        Ok(None)
    }
}
