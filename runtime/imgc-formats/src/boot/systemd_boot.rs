//! systemd-boot: an EFI application that shows the entries it finds as files (UAPI Group, "Boot Loader Specification").
//!
//! ```text
//! package ── binary ─→ /EFI/BOOT/BOOTX64.EFI, /EFI/systemd/…   ┐ where firmware looks (esp)
//! options ── config ─→ /loader/loader.conf                     ┘
//! menu    ── entry  ─→ /loader/entries/NAME[+TRIES].conf         beside the kernels (partition)
//! ```
//!
//! `loader.conf` has a line `default` only when no entry counts its tries: systemd-boot starts what that line names also when no
//! try is left, so with both an image would never fall back. What starts first is then first in the order of the sort keys.

mod binary;
mod config;
mod entry;
mod home;
mod options;

use imgc_image::{Failure, Problem, Tree};
use imgc_plan::{
    Family, Kind, Opt, OptType, Record,
    kind::{Default, LoaderTraits, OptionProblem, Products, Traits},
    menu::Menu,
    step::LoaderHome,
};

use self::options::Options;
use super::{Loader, LoaderJob, files::Files, options::EPOCH, start::without_fallback};

/// systemd-boot.
pub struct SystemdBoot;

static KIND: Kind = Kind {
    family: Family::Loader,
    name: "systemd-boot",
    doc: "systemd-boot for UEFI machines: entries are files, and it counts their tries. It also lists unified kernel images in \
          `/EFI/Linux`, of which a name such as `new+3.efi` has 3 tries. `partition` is an EFI system partition, or, on a GPT disk, \
          one of type `xbootldr` with `esp` naming the EFI system partition.",
    since: "0.1.0",
    options: &[
        Opt {
            name: "arch",
            ty: OptType::Choice(options::ARCHES),
            default: Default::Text("x64"),
            doc: "The architecture of the firmware, in UEFI's words.",
            since: "0.1.0",
        },
        Opt {
            name: "console-mode",
            ty: OptType::Choice(options::CONSOLE_MODES),
            default: Default::Absent,
            doc: "The text mode of the screen: 80x25 (`0`), 80x50 (`1`), the firmware's first other one (`2`), a suitable one (`auto`), \
                  the largest (`max`), or as the firmware left it (`keep`, which is also what happens when absent).",
            since: "0.1.0",
        },
        Opt {
            name: "editor",
            ty: OptType::Bool,
            default: Default::Bool(true),
            doc: "Whether whoever sees the menu can change command lines.",
            since: "0.1.0",
        },
        Opt {
            name: "auto-entries",
            ty: OptType::Bool,
            default: Default::Bool(true),
            doc: "Whether other systems that are found (Windows, an EFI shell) are shown, too.",
            since: "0.1.0",
        },
        Opt {
            name: "auto-firmware",
            ty: OptType::Bool,
            default: Default::Bool(true),
            doc: "Whether an entry for the firmware's own settings is shown where the firmware can be told to enter them.",
            since: "0.1.0",
        },
        Opt {
            name: "remember",
            ty: OptType::Bool,
            default: Default::Bool(false),
            doc: "Whether the entry that was started last starts by itself; not with entries that count their tries.",
            since: "0.1.0",
        },
        Opt {
            name: "removable",
            ty: OptType::Bool,
            default: Default::Bool(true),
            doc: "Whether it is put at `/EFI/BOOT/BOOTX64.EFI`, too, where firmware looks that knows nothing of the disk.",
            since: "0.1.0",
        },
        Opt {
            name: "secure-boot",
            ty: OptType::Bool,
            default: Default::Bool(false),
            doc: "Whether it, and what its menu starts, must be signed, so that firmware with secure boot starts them.",
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

impl Loader for SystemdBoot {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn products(&self, options: &Record, home: &LoaderHome) -> Products {
        let esp_files = matches!(home, LoaderHome::Disk { esp: Some(_), .. });
        let signed = Options::of(options).secure_boot;
        Products { files: true, esp_files, signed, ..Products::default() }
    }

    fn check(&self, _options: &Record) -> Vec<OptionProblem> {
        Vec::new()
    }

    fn check_home(&self, _options: &Record, home: &LoaderHome) -> Vec<OptionProblem> {
        home::check(home)
    }

    fn check_menu(&self, options: &Record, menu: &Menu, _home: &LoaderHome) -> Vec<(usize, OptionProblem)> {
        entry::check(&Options::of(options), menu)
    }

    fn lint_menu(&self, _options: &Record, menu: &Menu) -> Vec<(usize, OptionProblem)> {
        // What stands before the default comes after all others.
        without_fallback(menu, true).into_iter().collect()
    }

    fn files(&self, job: &LoaderJob<'_>) -> Result<Tree, Failure> {
        let options = Options::of(job.options);
        let mut files = Files::new(job.store, options.epoch);
        if let Some(menu) = job.menu {
            entries(&options, menu, &mut files)?;
        }
        // What the entries are, for tools that add some (Boot Loader Specification, "The Boot Partition").
        files.write("loader/entries.srel", b"type1\n")?;
        if !self.products(job.options, job.home).esp_files {
            firmware_files(job, &options, &mut files)?;
        }
        files.finish()
    }

    fn esp_files(&self, job: &LoaderJob<'_>) -> Result<Tree, Failure> {
        let options = Options::of(job.options);
        let mut files = Files::new(job.store, options.epoch);
        firmware_files(job, &options, &mut files)?;
        files.finish()
    }
}

fn entries(options: &Options, menu: &Menu, files: &mut Files<'_>) -> Result<(), Failure> {
    let problems = entry::check(options, menu);
    if !problems.is_empty() {
        let problems = problems.into_iter().map(|(_, found)| Problem::new("loader-entry", found.message));
        return Err(Failure::Problems(problems.collect()));
    }
    for file in entry::render(options, menu) {
        files.write(&format!("loader/entries/{}", file.name), file.text.as_bytes())?;
    }
    Ok(())
}

/// The application and its settings.
fn firmware_files(job: &LoaderJob<'_>, options: &Options, files: &mut Files<'_>) -> Result<(), Failure> {
    let arch = options.arch;
    let binary = binary::find(job, options)?;
    if options.removable {
        files.point(&format!("EFI/BOOT/BOOT{}.EFI", arch.to_ascii_uppercase()), binary);
    }
    files.point(&format!("EFI/systemd/systemd-boot{arch}.efi"), binary);
    let text = config::render(options, job.menu);
    files.write("loader/loader.conf", text.as_bytes())
}

#[cfg(test)]
mod tests;
