//! Boot loaders: one folder each. Installing one is placing files and stamping bytes, never running its installer.

pub mod application;
mod custom;
pub mod eltorito;
mod files;
pub(crate) mod grub;
mod ipxe;
mod limine;
mod media_checksum;
mod options;
mod refind;
mod start;
mod supply;
mod syslinux;
mod systemd_boot;
mod u_boot;

use std::sync::Arc;

use imgc_image::{Bytes, Failure, Problem, Store, Tree, build::Patch};
use imgc_plan::{
    Kind, Record,
    kind::{OptionProblem, Products},
    layout::Layout,
    menu::Menu,
    step::LoaderHome,
};

/// The list: one line a kind.
#[rustfmt::skip]
pub static ALL: &[&dyn Loader] = &[
    &grub::Grub,
    &systemd_boot::SystemdBoot,
    &syslinux::Syslinux,
    &limine::Limine,
    &refind::Refind,
    &ipxe::Ipxe,
    &u_boot::UBoot,
    &custom::Custom,
    &eltorito::ElTorito,
    &media_checksum::MediaChecksum,
];

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

impl<'a> LoaderJob<'a> {
    /// The menu, for a loader that is nothing without one; `loader` is its name for people.
    fn need_menu(&self, loader: &str) -> Result<&'a Menu, Problem> {
        let missing = || Problem::new("menu-missing", format!("{loader} needs a menu")).help("add `menu=`");
        self.menu.ok_or_else(missing)
    }
}

/// What a loader's stamp reads.
#[derive(Clone, Copy)]
pub struct StampJob<'a> {
    /// The options, each with its default.
    pub options: &'a Record,
    /// Where its files lie.
    pub home: &'a LoaderHome,
    /// Where the partitions lie.
    pub layout: &'a Layout,
    /// The disk as it is, with the stamps of the loaders before this one.
    pub disk: &'a Arc<Bytes>,
    /// What [`Loader::image`] made, if it makes one.
    pub image: Option<&'a Arc<Bytes>>,
    /// Where files lie on the disk.
    pub files: &'a dyn Locate,
    /// Reads the disk, and takes new bytes.
    pub store: &'a dyn Store,
}

/// Finds files in the filesystems of a finished disk, whoever wrote them.
pub trait Locate {
    /// Where the bytes of a regular file of a partition lie, in file order and as they are in the file, as (first byte on the disk, length).
    ///
    /// # Errors
    /// When there is no such file, or its bytes do not lie on the disk as they are (compressed, inline, a hole).
    fn runs(&self, partition: &str, path: &[u8]) -> Result<Vec<(u64, u64)>, Failure>;
}

/// Finds nothing: for loaders that look for no files.
#[derive(Clone, Copy, Debug)]
pub struct NoFiles;

impl Locate for NoFiles {
    fn runs(&self, _partition: &str, path: &[u8]) -> Result<Vec<(u64, u64)>, Failure> {
        let path = imgc_plan::tree::BytePath(path.to_vec());
        Err(Failure::Bug(format!("nothing can be found here, and `{path}` was looked for")))
    }
}

/// What a loader can do.
pub trait Loader: Send + Sync {
    /// Its description.
    fn kind(&self) -> &'static Kind;

    /// What it makes with these options there.
    fn products(&self, options: &Record, home: &LoaderHome) -> Products;

    /// Finds what cannot be, before anything runs: combinations of options.
    fn check(&self, options: &Record) -> Vec<OptionProblem>;

    /// As [`Loader::check`], for the place: tables that it cannot start from, filesystems that it cannot read. The option to
    /// blame may be `partition` or `esp`, too.
    fn check_home(&self, options: &Record, home: &LoaderHome) -> Vec<OptionProblem> {
        let _ = (options, home);
        Vec::new()
    }

    /// As [`Loader::check`], for the menu: one problem for each entry that it cannot express, with the entry's index.
    fn check_menu(&self, options: &Record, menu: &Menu, home: &LoaderHome) -> Vec<(usize, OptionProblem)> {
        let _ = (options, menu, home);
        Vec::new()
    }

    /// As [`Loader::check_menu`], for what can be, but hardly is what was meant.
    fn lint_menu(&self, options: &Record, menu: &Menu) -> Vec<(usize, OptionProblem)> {
        let _ = (options, menu);
        Vec::new()
    }

    /// The files in its partition that its options name, each with the option. They must be there, whoever put them there.
    fn paths(&self, options: &Record) -> Vec<(&'static str, String)> {
        let _ = options;
        Vec::new()
    }

    /// Whether its stamp reads all of the disk, and so comes after those of all other loaders.
    fn seals(&self) -> bool {
        false
    }

    /// The files that overlay its home; entries' times are `epoch` (an option of each loader).
    ///
    /// # Errors
    /// When the source lacks a file, with its name.
    fn files(&self, job: &LoaderJob<'_>) -> Result<Tree, Failure> {
        Err(not_made(self.kind(), "files", job.home))
    }

    /// The files that overlay the partition in which firmware looks.
    ///
    /// # Errors
    /// As [`Loader::files`].
    fn esp_files(&self, job: &LoaderJob<'_>) -> Result<Tree, Failure> {
        Err(not_made(self.kind(), "files for firmware", job.home))
    }

    /// What lies outside of filesystems, in a form that does not depend on the place.
    ///
    /// # Errors
    /// When the source lacks a file or the image would be too large for the firmware.
    fn image(&self, job: &LoaderJob<'_>) -> Result<Bytes, Failure> {
        Err(not_made(self.kind(), "image", job.home))
    }

    /// What is laid over the finished disk, as (offset, bytes). Must leave the table's bytes alone.
    ///
    /// # Errors
    /// When something does not fit where it must lie: by how much, and what would.
    fn stamp(&self, job: &StampJob<'_>) -> Result<Vec<(u64, Patch)>, Failure> {
        Err(not_made(self.kind(), "stamp", job.home))
    }
}

/// A plan that asks for what [`Loader::products`] does not say is our mistake.
fn not_made(kind: &Kind, what: &str, home: &LoaderHome) -> Failure {
    Failure::Bug(format!("`{}` makes no {what} for {home:?}", kind.name))
}
