//! GRUB 2 without grub-install or grub-mkimage: its files, its core image, its boot sector.
//!
//! ```text
//! package ──┬─ config + install ─→ /boot/grub/{grub.cfg,i386-pc/*}   (files: overlay a filesystem)
//!           └─ moddep + elf + core ─→ boot.img · core.img            (image: knows no place)
//!                                          └─ stamp ─→ sector 0, gap or bios-boot partition
//! ```
//!
//! Layouts hold for GRUB 2.06; fields that are patched are checked first, so that another version is refused rather
//! than broken. The core image has the least that can read the menu's filesystem; everything else is loaded from there.

mod config;
mod core;
mod elf;
mod install;
mod menu;
mod moddep;
mod options;
mod package;
mod quote;
mod stamp;

#[cfg(test)]
mod tests;

use imgc_image::{Bytes, BytesBuilder, Failure, Tree, build::Patch};
use imgc_plan::{
    Family, Kind, Opt, OptType, Record,
    kind::{Default, LoaderTraits, OptionProblem, Products, Traits},
    menu::Menu,
    step::LoaderHome,
};

use self::{options::Options, package::Package};
use super::{Loader, LoaderJob, StampJob};

/// GRUB 2.
pub struct Grub;

static KIND: Kind = Kind {
    family: Family::Loader,
    name: "grub",
    doc: "GRUB 2: a boot sector and a core image outside of filesystems, modules and a menu inside one.",
    since: "0.1.0",
    options: &[
        Opt {
            name: "platform",
            ty: OptType::Choice(options::PLATFORMS),
            default: Default::Text("i386-pc"),
            doc: "The firmware that starts it, in GRUB's words: `i386-pc` is a BIOS.",
            since: "0.1.0",
        },
        Opt {
            name: "directory",
            ty: OptType::Text { max: 200 },
            default: Default::Text("/boot/grub"),
            doc: "The directory for `grub.cfg` and the modules, on the partition that the loader belongs to.",
            since: "0.1.0",
        },
        Opt {
            name: "modules",
            ty: OptType::Texts,
            default: Default::Absent,
            doc: "Modules that are put into the core image beside those that it needs to read its directory.",
            since: "0.1.0",
        },
        Opt {
            name: "install-modules",
            ty: OptType::Choice(options::INSTALL),
            default: Default::Text("needed"),
            doc: "Which modules are copied into the directory: those that the menu needs and those that make GRUB's \
                  command line useful (`needed`), or all that the package has (`all`, about 3 MiB).",
            since: "0.1.0",
        },
        Opt {
            name: "epoch",
            ty: OptType::Int { min: 0, max: i64::MAX },
            default: Default::Epoch,
            doc: "The time of its files, in seconds since 1970.",
            since: "0.1.0",
        },
    ],
    traits: Traits::Loader(LoaderTraits { takes_source: true, takes_menu: true, takes_esp: false }),
};

impl Loader for Grub {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn products(&self, _options: &Record, _home: &LoaderHome) -> Products {
        Products { files: true, esp_files: false, image: true, stamp: true }
    }

    fn check(&self, options: &Record) -> Vec<OptionProblem> {
        Options::read(options).err().unwrap_or_default()
    }

    fn check_menu(&self, options: &Record, menu: &Menu, home: &LoaderHome) -> Vec<(usize, OptionProblem)> {
        let _ = (options, home);
        menu::check(menu)
    }

    fn files(&self, job: &LoaderJob<'_>) -> Result<Tree, Failure> {
        let options = Options::for_step(job.options)?;
        let package = Package::find(job, options.platform)?;
        install::files(&options, &package, job)
    }

    fn image(&self, job: &LoaderJob<'_>) -> Result<Bytes, Failure> {
        let options = Options::for_step(job.options)?;
        let package = Package::find(job, options.platform)?;
        let image = core::image(&options, &package, job.home)?;
        let mut out = BytesBuilder::new(job.store);
        out.put(0, &image)?;
        Ok(out.finish(image.len() as u64)?)
    }

    fn stamp(&self, job: &StampJob<'_>) -> Result<Vec<(u64, Patch)>, Failure> {
        Options::for_step(job.options)?;
        let (Some(table), Some(image)) = (job.home.table(), job.image) else {
            return Err(Failure::Bug("GRUB's stamp has no image or no disk".into()));
        };
        stamp::stamp(table, job.layout, image, job.store)
    }
}
