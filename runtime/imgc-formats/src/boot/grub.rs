//! GRUB 2 without grub-install or grub-mkimage: its files, its images for every firmware, its boot sectors.
//!
//! ```text
//! options + home ─ place ─→ how firmware comes to it, where it finds its directory, which modules that takes
//! package ─┬─ config + install ─→ /boot/grub/{grub.cfg,i386-pc/*}     (files: overlay a filesystem)
//!          ├─ area + link + pe ─→ /EFI/BOOT/BOOTX64.EFI               (files for firmware: overlay an ESP)
//!          └─ area + elf + core ─→ boot.img · core.img                (image: knows no place)
//!                                        └─ stamp ─→ sector 0, gap, bios-boot partition, boot record, catalogue of a CD
//! ```
//!
//! Layouts hold for GRUB 2.06 and 2.12; fields that are patched are checked first, so that another version is refused rather
//! than broken. Where secure boot is asked for, nothing is made but the menu: images that others signed are placed (`signed`). The first image has the least that can read the menu's filesystem; everything else is loaded from there.

mod area;
mod config;
mod core;
mod elf;
mod env;
mod graphics;
mod home;
mod install;
mod link;
mod memdisk;
mod menu;
mod moddep;
mod options;
mod package;
mod pe;
mod place;
mod platform;
mod quote;
mod signed;
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

pub(crate) use self::area::Area;
use self::{
    options::Options,
    package::Package,
    place::{Form, Place},
};
use super::{Loader, LoaderJob, StampJob, options::EPOCH, start::without_fallback};

/// GRUB 2.
pub struct Grub;

static KIND: Kind = Kind {
    family: Family::Loader,
    name: "grub",
    doc: "GRUB 2 for BIOS and UEFI, from disks, CDs and networks. Its modules and its menu lie in `partition`, where it finds them on any \
          bus. A BIOS starts it from sector 0 with the core image behind it (`mbr`) or in a partition of the type `bios-boot` \
          (`gpt`), from the partition itself (`target=partition`), or as a CD where the partition is `iso9660`; UEFI starts an EFI \
          image in `esp`, or in `partition` if that is the ESP. Entries with `tries` are counted in `grubenv` beside the menu: a \
          started system says that it is good by `grub-editenv /boot/grub/grubenv set tries_NAME=good`, in whose NAME all but \
          letters and digits is `_`. Needs the files of GRUB 2.06 or 2.12, such as Debian's `grub-pc-bin` and `grub-efi-amd64-bin`; with \
          `secure-boot=#true` signed images instead, such as those of `shim-signed` and `grub-efi-amd64-signed`.",
    since: "0.1.0",
    options: &[
        Opt {
            name: "platform",
            ty: OptType::Choice(platform::PLATFORMS),
            default: Default::Text("i386-pc"),
            doc: "The firmware that starts it, in GRUB's words: `i386-pc` is a BIOS (`i386-pc-pxe` over a network), the others \
                  are UEFI. `arm64-efi` and `i386-efi` are made and compared, but not booted by our tests.",
            since: "0.1.0",
        },
        Opt {
            name: "target",
            ty: OptType::Choice(options::TARGETS),
            default: Default::Text("disk"),
            doc: "Where a BIOS starts it: from the first sector of the disk, or from that of the partition, with the core image as \
                  a file (`partition`): ext2, ext3, ext4, vfat.",
            since: "0.1.0",
        },
        Opt {
            name: "efi-path",
            ty: OptType::Text { max: 200 },
            default: Default::Absent,
            doc: "Where the EFI image lies instead of where firmware looks by itself (`/EFI/BOOT/BOOTX64.EFI` and its kin); the \
                  firmware must be told of it.",
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
            name: "config",
            ty: OptType::Texts,
            default: Default::Absent,
            doc: "Lines of GRUB's language that the first image runs before it reads anything: without `if` and the like.",
            since: "0.1.0",
        },
        Opt {
            name: "memdisk",
            ty: OptType::Texts,
            default: Default::Absent,
            doc: "Files of the source that the first image holds: GRUB sees them as `(memdisk)/PATH`.",
            since: "0.1.0",
        },
        Opt {
            name: "font",
            ty: OptType::Text { max: 200 },
            default: Default::Absent,
            doc: "A font (PF2) in the loader's partition: the menu is shown in graphics, where there are some.",
            since: "0.1.0",
        },
        Opt {
            name: "theme",
            ty: OptType::Text { max: 200 },
            default: Default::Absent,
            doc: "A theme (`theme.txt`) in the loader's partition, for a menu in graphics.",
            since: "0.1.0",
        },
        Opt {
            name: "secure-boot",
            ty: OptType::Bool,
            default: Default::Bool(false),
            doc: "Whether UEFI starts it with secure boot on: `shimx64.efi.signed` where firmware looks, `grubx64.efi.signed` beside it, \
                  and `mmx64.efi.signed` where the source has it. The modules are those of the signed image, `config` runs before the \
                  menu is read, and every kernel that the menu starts must be signed.",
            since: "0.1.0",
        },
        Opt {
            name: "id",
            ty: OptType::Uuid,
            default: Default::Derived,
            doc: "The name of a file by which an image for UEFI or a CD finds its directory: no other disk of the machine should \
                  have it.",
            since: "0.1.0",
        },
        EPOCH,
    ],
    traits: Traits::Loader(LoaderTraits {
        takes_source: true,
        needs_source: true,
        takes_menu: true,
        takes_esp: true,
    }),
};

impl Loader for Grub {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn products(&self, options: &Record, home: &LoaderHome) -> Products {
        let files = Products { files: true, ..Products::default() };
        // Mistakes in the options are reported beside this.
        let Ok(options) = Options::read(options) else { return files };
        match Place::of(&options, home).form {
            Form::Disk => Products { image: true, stamp: true, boot_code: true, ..files },
            Form::Partition => Products { image: true, stamp: true, own: true, ..files },
            Form::Cd => Products { image: true, stamp: true, boot_code: true, own: true, ..files },
            Form::Efi => {
                let catalog = home.own().is_some_and(place::is_cd);
                let signed = options.secure_boot;
                Products { esp_files: true, stamp: catalog, own: catalog, signed, ..files }
            }
            Form::Pxe | Form::NetEfi => files,
        }
    }

    fn check(&self, options: &Record) -> Vec<OptionProblem> {
        Options::read(options).err().unwrap_or_default()
    }

    fn check_home(&self, options: &Record, home: &LoaderHome) -> Vec<OptionProblem> {
        Options::read(options).map(|options| home::check(&options, home)).unwrap_or_default()
    }

    fn check_menu(&self, options: &Record, menu: &Menu, home: &LoaderHome) -> Vec<(usize, OptionProblem)> {
        let Ok(options) = Options::read(options) else { return Vec::new() };
        let mut found = menu::check(menu, options.platform);
        if options.secure_boot {
            found.extend(signed::check_menu(menu));
        }
        found.extend(env::check(menu, &Place::of(&options, home)));
        found
    }

    fn lint_menu(&self, _options: &Record, menu: &Menu) -> Vec<(usize, OptionProblem)> {
        without_fallback(menu, false).into_iter().collect()
    }

    fn paths(&self, options: &Record) -> Vec<(&'static str, String)> {
        let Ok(options) = Options::read(options) else { return Vec::new() };
        let named = [("font", options.font), ("theme", options.theme)];
        named.into_iter().filter_map(|(option, path)| Some((option, path?))).collect()
    }

    fn files(&self, job: &LoaderJob<'_>) -> Result<Tree, Failure> {
        let options = Options::for_step(job.options)?;
        if options.secure_boot {
            return install::menu_files(&Place::of(&options, job.home), job);
        }
        let package = Package::find(job, options.platform)?;
        install::files(&package, &Place::of(&options, job.home), job)
    }

    fn esp_files(&self, job: &LoaderJob<'_>) -> Result<Tree, Failure> {
        let options = Options::for_step(job.options)?;
        if options.secure_boot {
            return signed::esp_files(&Place::of(&options, job.home), job);
        }
        let package = Package::find(job, options.platform)?;
        install::esp_files(&package, &Place::of(&options, job.home), job)
    }

    fn image(&self, job: &LoaderJob<'_>) -> Result<Bytes, Failure> {
        let options = Options::for_step(job.options)?;
        let package = Package::find(job, options.platform)?;
        let place = Place::of(&options, job.home);
        let image = match place.form {
            Form::Disk => [core::boot_sector(&package)?, core::core(&package, &place)?].concat(),
            Form::Partition => core::boot_sector(&package)?,
            Form::Cd => core::hybrid_sector(&package)?,
            Form::Pxe | Form::Efi | Form::NetEfi => {
                return Err(Failure::Bug("GRUB has no image outside of filesystems there".into()));
            }
        };
        let mut out = BytesBuilder::new(job.store);
        out.put(0, &image)?;
        Ok(out.finish(image.len() as u64)?)
    }

    fn stamp(&self, job: &StampJob<'_>) -> Result<Vec<(u64, Patch)>, Failure> {
        stamp::stamp(&Options::for_step(job.options)?, job)
    }
}
