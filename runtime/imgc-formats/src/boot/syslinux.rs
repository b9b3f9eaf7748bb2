//! SYSLINUX and its kin without their installers: SYSLINUX on FAT, EXTLINUX on ext, ISOLINUX on CDs, PXELINUX from a server.
//!
//! ```text
//! supply ─┬─ embedded ─→ core · boot sector      cut out of the installer where no plain file is to be had
//!         ├─ config + modules + install ─→ /boot/syslinux/{ldlinux.sys,*.c32,syslinux.cfg}   (files)
//!         └─ MBR code · boot sector ─→ image     (knows no place)
//!                                          └─ stamp: where ldlinux.sys lies ─→ boot sector, ldlinux.sys; sector 0
//! ```
//!
//! Which of them it is, the filesystem of its home decides. Structures are those of version 6 (measured with 6.04); every
//! field that is patched is checked first, so that another version is refused rather than broken.

mod config;
mod core;
mod embedded;
mod home;
mod image;
mod install;
mod iso;
mod menu;
mod modules;
mod options;
mod stamp;

#[cfg(test)]
mod tests;

use imgc_image::{Bytes, Failure, Tree, build::Patch};
use imgc_plan::{
    Family, Kind, OptType, Record,
    kind::{Default, LoaderTraits, OptionProblem, Products, Traits},
    menu::Menu,
    step::LoaderHome,
};

use self::options::{Options, Variant};
use super::{
    Loader, LoaderJob, StampJob,
    options::{EPOCH, opt},
};

/// SYSLINUX, EXTLINUX, ISOLINUX and PXELINUX.
pub struct Syslinux;

/// Where its files are to be had.
const PACKAGES: &str = "Debian's packages are `syslinux`, `isolinux`, `pxelinux` and `syslinux-efi` for the loader itself and \
                        `syslinux-common` for its modules; join them in a tree and give `tree=` in place of `source=`";

static KIND: Kind = Kind {
    family: Family::Loader,
    name: "syslinux",
    doc: "SYSLINUX 6: as SYSLINUX on `vfat`, EXTLINUX on `ext2`, `ext3` and `ext4`, ISOLINUX on `iso9660`, PXELINUX from a network.",
    since: "0.1.0",
    options: &[
        opt(
            "platform",
            OptType::Choice(options::PLATFORMS),
            Default::Text("bios"),
            "The firmware that starts it. `efi64` (x86-64) has all files in the partition in which firmware looks, the kernels among them.",
        ),
        opt(
            "ui",
            OptType::Choice(options::UIS),
            Default::Text("menu"),
            "What shows the menu: a text screen (`menu`), a graphical one (`vesamenu`), or nothing but a prompt (`none`).",
        ),
        opt(
            "directory",
            OptType::Text { max: 200 },
            Default::Absent,
            "The directory for its files. When absent: `/boot/syslinux` for a BIOS, `/EFI/BOOT` for `efi64`, the top of the tree for a network.",
        ),
        opt(
            "modules",
            OptType::Texts,
            Default::Absent,
            "Modules that are copied beside those that the menu needs, such as `hdt`.",
        ),
        opt(
            "mbr",
            OptType::Bool,
            Default::Bool(true),
            "Whether its code goes into the disk's first sector: there it starts the partition that is marked (`bootable`, or the \
             attribute `legacy-boot` on GPT), and on an ISO the loader itself when the medium is no CD.",
        ),
        EPOCH,
    ],
    traits: Traits::Loader(LoaderTraits {
        takes_source: true,
        needs_source: true,
        takes_menu: true,
        takes_esp: false,
    }),
};

impl Loader for Syslinux {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn products(&self, options: &Record, home: &LoaderHome) -> Products {
        let files = Products { files: true, ..Products::default() };
        let Ok(options) = Options::read(options) else { return files };
        let on_disk = Variant::of(options.platform, home).is_ok_and(Variant::is_stamped);
        let boot_code = on_disk && options.mbr;
        Products { image: on_disk, stamp: on_disk, boot_code, own: on_disk, ..files }
    }

    fn check(&self, options: &Record) -> Vec<OptionProblem> {
        Options::read(options).err().unwrap_or_default()
    }

    fn check_home(&self, options: &Record, home: &LoaderHome) -> Vec<OptionProblem> {
        Options::read(options).map(|options| home::check(&options, home)).unwrap_or_default()
    }

    fn check_menu(&self, options: &Record, menu: &Menu, home: &LoaderHome) -> Vec<(usize, OptionProblem)> {
        let Ok(options) = Options::read(options) else { return Vec::new() };
        Variant::of(options.platform, home)
            .map(|variant| menu::check(&options, variant, menu))
            .unwrap_or_default()
    }

    fn files(&self, job: &LoaderJob<'_>) -> Result<Tree, Failure> {
        let options = Options::for_step(job.options)?;
        install::files(&options, options.variant(job.home)?, job)
    }

    fn image(&self, job: &LoaderJob<'_>) -> Result<Bytes, Failure> {
        let options = Options::for_step(job.options)?;
        image::image(&options, options.variant(job.home)?, job)
    }

    fn stamp(&self, job: &StampJob<'_>) -> Result<Vec<(u64, Patch)>, Failure> {
        let options = Options::for_step(job.options)?;
        match options.variant(job.home)? {
            Variant::Isolinux => iso::stamp(&options, job),
            variant => stamp::stamp(&options, variant, job),
        }
    }
}
