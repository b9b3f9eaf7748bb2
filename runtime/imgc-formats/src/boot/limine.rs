//! Limine for UEFI, from files that the user supplies: its program and its menu in the partition in which firmware looks.
//!
//! No Debian release of today has Limine, so only what needs none of its files to be proved is here: placing them and writing
//! `limine.conf`, in the words that version 8 and later know. Limine for a BIOS is not: its installer writes a
//! program's halves and their places into the first sector, which could not be shown to start.

mod config;

use imgc_image::{Failure, Tree};
use imgc_plan::{
    Data, Family, Kind, OptType, Record,
    kind::{Default, LoaderTraits, OptionProblem, Products, Traits},
    menu::Menu,
    step::LoaderHome,
};

use self::config::Protocol;
use super::{
    Loader, LoaderJob,
    files::{Files, as_problem, directory},
    options::{EPOCH, epoch, opt},
    supply::Supply,
};

/// Limine.
pub struct Limine;

/// Where its files are to be had.
const HELP: &str = "Limine's releases have `BOOTX64.EFI`: give a directory that holds it as `source=`";

/// The program for the only platform there is.
const PROGRAM: &str = "BOOTX64.EFI";

static KIND: Kind = Kind {
    family: Family::Loader,
    name: "limine",
    doc: "Limine 8 or later for UEFI on x86-64, from files of the user: `BOOTX64.EFI`, and `limine.conf` of the menu. It reads `vfat` and \
          `iso9660`.",
    since: "0.1.0",
    options: &[
        opt(
            "directory",
            OptType::Text { max: 200 },
            Default::Text("/EFI/BOOT"),
            "The directory for its files, in the partition in which firmware looks. `limine.conf` is found beside the program.",
        ),
        opt(
            "protocol",
            OptType::Choice(&["multiboot", "limine"]),
            Default::Text("multiboot"),
            "How kernels of `multiboot` and `multiboot2` entries are started: by those protocols, or by Limine's own.",
        ),
        EPOCH,
    ],
    traits: Traits::Loader(LoaderTraits {
        takes_source: true,
        needs_source: true,
        takes_menu: true,
        takes_esp: true,
    }),
};

/// The options, checked.
struct Options {
    directory: String,
    protocol: Protocol,
    epoch: i64,
}

impl Options {
    fn read(record: &Record) -> Result<Self, OptionProblem> {
        let text = |name: &str, default: &'static str| {
            record.get(name).and_then(Data::as_text).unwrap_or(default).to_owned()
        };
        let protocol =
            if text("protocol", "multiboot") == "limine" { Protocol::Limine } else { Protocol::Multiboot };
        let epoch = epoch(record);
        Ok(Self { directory: directory("directory", &text("directory", "/EFI/BOOT"))?, protocol, epoch })
    }
}

impl Loader for Limine {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn products(&self, _options: &Record, _home: &LoaderHome) -> Products {
        Products { esp_files: true, ..Products::default() }
    }

    fn check(&self, options: &Record) -> Vec<OptionProblem> {
        Options::read(options).err().into_iter().collect()
    }

    fn check_home(&self, _options: &Record, home: &LoaderHome) -> Vec<OptionProblem> {
        let problem = |option: &'static str, message: String, help: &str| OptionProblem {
            option: Some(option),
            message,
            help: Some(help.to_owned()),
        };
        let (Some(own), Some(firmware)) = (home.own(), home.firmware()) else {
            let message = "Limine is laid out on disks only".to_owned();
            return vec![problem("partition", message, "copy its files into the tree that is served")];
        };
        let mut problems = Vec::new();
        let is_same = own.name == firmware.name;
        if !matches!(own.filesystem.as_str(), "vfat" | "iso9660") {
            let message = format!("Limine cannot read `{}`", own.filesystem);
            problems.push(problem("partition", message, "it reads `vfat` and `iso9660`"));
        }
        if firmware.filesystem != "vfat" {
            let option = if is_same { "partition" } else { "esp" };
            let message = format!("firmware cannot read `{}`", firmware.filesystem);
            problems.push(problem(option, message, "name a partition with `vfat` in `esp=`"));
        }
        if !is_same && own.number == 0 {
            let message = format!("Limine finds a partition by its number, and `{}` has none", own.name);
            problems.push(problem("partition", message, "leave `listed=#false` out"));
        }
        problems
    }

    fn check_menu(&self, _options: &Record, menu: &Menu, _home: &LoaderHome) -> Vec<(usize, OptionProblem)> {
        config::check(menu)
    }

    fn esp_files(&self, job: &LoaderJob<'_>) -> Result<Tree, Failure> {
        let options = Options::read(job.options).map_err(as_problem)?;
        let supply = Supply::of(job, HELP)?;
        let menu = job.need_menu("Limine")?;
        let resource = match (job.home.own(), job.home.firmware()) {
            (Some(own), Some(firmware)) if own.name != firmware.name => format!("boot({})", own.number),
            _ => "boot()".to_owned(),
        };
        let text = config::render(menu, &resource, options.protocol)?;
        let mut files = Files::new(job.store, options.epoch);
        files.point(&format!("{}/{PROGRAM}", options.directory), supply.find(PROGRAM, "x86_64")?);
        files.write(&format!("{}/limine.conf", options.directory), text.as_bytes())?;
        files.finish()
    }
}
