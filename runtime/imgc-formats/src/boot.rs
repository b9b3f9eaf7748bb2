//! Boot loaders: one folder each. Installing one is placing files and stamping bytes, never running its installer.

mod grub;

use std::sync::Arc;

use imgc_image::{Bytes, Failure, Store, Tree, build::Patch};
use imgc_plan::{Kind, Record, kind::OptionProblem, layout::Layout, menu::Menu, step::LoaderHome};

/// The list: one line a kind.
pub static ALL: &[&dyn Loader] = &[&grub::Grub];

/// What a loader's steps read.
#[derive(Clone, Copy)]
pub struct LoaderJob<'a> {
    /// The options, each with its default.
    pub options: &'a Record,
    /// The files of its package or directory.
    pub source: Option<&'a Tree>,
    /// The menu.
    pub menu: Option<&'a Menu>,
    /// Where its files will lie.
    pub home: &'a LoaderHome,
    /// Reads the contents of `source`, and takes new ones.
    pub store: &'a dyn Store,
}

/// What a loader can do.
pub trait Loader: Send + Sync {
    /// Its description.
    fn kind(&self) -> &'static Kind;

    /// Finds what cannot be, before anything runs: combinations of options, menu entries that it cannot express.
    fn check(&self, options: &Record) -> Vec<OptionProblem>;

    /// As [`Loader::check`], for the menu: one problem for each entry that it cannot express, with the entry's index.
    fn check_menu(&self, options: &Record, menu: &Menu, home: &LoaderHome) -> Vec<(usize, OptionProblem)> {
        let _ = (options, menu, home);
        Vec::new()
    }

    /// The files that overlay the filesystem it belongs to; entries' times are `epoch` (an option of each loader).
    ///
    /// # Errors
    /// When the source lacks a file, with its name.
    fn files(&self, job: &LoaderJob<'_>) -> Result<Tree, Failure>;

    /// What lies outside of filesystems, in a form that does not depend on the place.
    ///
    /// # Errors
    /// When the source lacks a file or the image would be too large for the firmware.
    fn image(&self, job: &LoaderJob<'_>) -> Result<Bytes, Failure>;

    /// What is laid over the finished disk, as (offset, bytes). Must leave the table's bytes alone.
    ///
    /// # Errors
    /// When the image does not fit where it must lie: by how much, and what would.
    fn stamp(
        &self,
        options: &Record,
        table: &str,
        layout: &Layout,
        partition: &str,
        image: &Arc<Bytes>,
        store: &dyn Store,
    ) -> Result<Vec<(u64, Patch)>, Failure>;
}
