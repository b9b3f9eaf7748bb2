//! rEFInd: its program and its menu in the partition in which firmware looks; kernels are EFI applications there.

mod config;

use imgc_image::{Failure, Tree};
use imgc_plan::{
    Data, Family, Kind, OptType, Record,
    kind::{Default, LoaderTraits, OptionProblem, Products, Traits},
    menu::Menu,
    step::LoaderHome,
};

use super::{
    Loader, LoaderJob,
    files::{Files, as_problem, directory},
    options::{EPOCH, epoch, opt},
    supply::Supply,
};

/// rEFInd.
pub struct Refind;

/// Where its files are to be had.
const HELP: &str = "Debian's package is `refind`";

/// The program for x86-64, as packages have it.
const PROGRAM: &str = "refind_x64.efi";

static KIND: Kind = Kind {
    family: Family::Loader,
    name: "refind",
    doc: "rEFInd for UEFI on x86-64. It starts what firmware starts: kernels with an EFI stub, and other loaders; all of them lie in \
          its own partition, the one in which firmware looks.",
    since: "0.1.0",
    options: &[
        opt(
            "directory",
            OptType::Text { max: 200 },
            Default::Text("/EFI/BOOT"),
            "The directory for its files. In `/EFI/BOOT` its program is called `BOOTX64.EFI`, which firmware starts by itself.",
        ),
        opt(
            "textonly",
            OptType::Bool,
            Default::Bool(true),
            "Whether its menu is plain text, which is all that it needs. Its icons are not copied.",
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

/// The options, checked.
struct Options {
    directory: String,
    textonly: bool,
    epoch: i64,
}

impl Options {
    fn read(record: &Record) -> Result<Self, OptionProblem> {
        let text = record.get("directory").and_then(Data::as_text).unwrap_or("/EFI/BOOT");
        let textonly = !matches!(record.get("textonly"), Some(Data::Bool(false)));
        let epoch = epoch(record);
        Ok(Self { directory: directory("directory", text)?, textonly, epoch })
    }
}

impl Loader for Refind {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn products(&self, _options: &Record, _home: &LoaderHome) -> Products {
        Products { files: true, ..Products::default() }
    }

    fn check(&self, options: &Record) -> Vec<OptionProblem> {
        Options::read(options).err().into_iter().collect()
    }

    fn check_home(&self, _options: &Record, home: &LoaderHome) -> Vec<OptionProblem> {
        let problem = |message: String, help: &str| OptionProblem {
            option: Some("partition"),
            message,
            help: Some(help.to_owned()),
        };
        match home.own() {
            None => {
                let message = "rEFInd is not started from a network".to_owned();
                vec![problem(message, "use GRUB, PXELINUX or iPXE")]
            }
            Some(own) if own.filesystem != "vfat" => {
                let message = format!("firmware cannot read `{}`", own.filesystem);
                vec![problem(message, "name the partition with `vfat` in which firmware looks")]
            }
            Some(_) => Vec::new(),
        }
    }

    fn check_menu(&self, _options: &Record, menu: &Menu, _home: &LoaderHome) -> Vec<(usize, OptionProblem)> {
        config::check(menu)
    }

    fn files(&self, job: &LoaderJob<'_>) -> Result<Tree, Failure> {
        let Options { directory, textonly, epoch } = Options::read(job.options).map_err(as_problem)?;
        let supply = Supply::of(job, HELP)?;
        let menu = job.need_menu("rEFInd")?;
        let text = config::render(menu, textonly)?;
        let program = if directory.eq_ignore_ascii_case("/EFI/BOOT") { "BOOTX64.EFI" } else { PROGRAM };
        let mut files = Files::new(job.store, epoch);
        files.point(&format!("{directory}/{program}"), supply.find(PROGRAM, "refind")?);
        files.write(&format!("{directory}/refind.conf"), text.as_bytes())?;
        files.finish()
    }
}
