//! iPXE: the menu as a script of its language, and its programs for machines whose firmware has none.
//!
//! A machine's own network boot (or a network card's iPXE) loads one of the programs, which loads the script; firmware
//! that is iPXE already loads the script at once. All paths in it are relative to it, so the tree can lie anywhere on a server, and
//! be served by TFTP as well as by HTTP.

mod script;

use imgc_image::{Failure, Problem, Tree};
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

/// iPXE.
pub struct Ipxe;

/// Where its files are to be had.
const HELP: &str = "Debian's package `ipxe` has iPXE's programs; without `source` only the script is made";

/// Its programs that firmware starts from a network: over a BIOS's own driver, and for UEFI with drivers of its own and with
/// the firmware's.
const PROGRAMS: [&str; 3] = ["undionly.kpxe", "ipxe.efi", "snponly.efi"];

static KIND: Kind = Kind {
    family: Family::Loader,
    name: "ipxe",
    doc: "iPXE over a network, for BIOS and UEFI: the menu as a script, `boot.ipxe`, and the programs `undionly.kpxe`, `ipxe.efi` and \
          `snponly.efi` where `source` has them. A DHCP server names a program to firmware, and the script to iPXE (its user \
          class is `iPXE`). The menu is shown on the consoles that the program was built with.",
    since: "0.1.0",
    options: &[
        opt(
            "directory",
            OptType::Text { max: 200 },
            Default::Text("/"),
            "The directory of the tree for the script and the programs.",
        ),
        opt(
            "script",
            OptType::Text { max: 100 },
            Default::Text("boot.ipxe"),
            "The script's name. iPXE for UEFI looks for `autoexec.ipxe` by itself, beside its program, since 1.21.",
        ),
        EPOCH,
    ],
    traits: Traits::Loader(LoaderTraits {
        takes_source: true,
        needs_source: false,
        takes_menu: true,
        takes_esp: false,
    }),
};

/// The options, checked.
struct Options {
    /// Without a slash at its end.
    directory: String,
    script: String,
    epoch: i64,
}

impl Options {
    fn read(record: &Record) -> Result<Self, Vec<OptionProblem>> {
        let text =
            |name: &str, default: &'static str| record.get(name).and_then(Data::as_text).unwrap_or(default);
        let epoch = epoch(record);
        let directory = directory("directory", text("directory", "/"));
        let script = script_name(text("script", "boot.ipxe"));
        match (directory, script) {
            (Ok(directory), Ok(script)) => Ok(Self { directory, script, epoch }),
            (directory, script) => Err(directory.err().into_iter().chain(script.err()).collect()),
        }
    }

    /// How the script's directory is left for the root of the tree.
    fn up(&self) -> String {
        "../".repeat(self.directory.matches('/').count())
    }
}

fn script_name(name: &str) -> Result<String, OptionProblem> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if !name.is_empty() && name.chars().all(plain) && !name.starts_with('.') {
        return Ok(name.to_owned());
    }
    let help = "a file's name of letters, digits and `.`, `_`, `-`, such as `boot.ipxe`".to_owned();
    let message = format!("the script cannot be named `{}`", name.escape_debug());
    Err(OptionProblem { option: Some("script"), message, help: Some(help) })
}

impl Loader for Ipxe {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn products(&self, _options: &Record, home: &LoaderHome) -> Products {
        Products { files: matches!(home, LoaderHome::Network), ..Products::default() }
    }

    fn check(&self, options: &Record) -> Vec<OptionProblem> {
        Options::read(options).err().unwrap_or_default()
    }

    fn check_home(&self, _options: &Record, home: &LoaderHome) -> Vec<OptionProblem> {
        if matches!(home, LoaderHome::Network) {
            return Vec::new();
        }
        let message = "iPXE starts machines over a network, not from a disk".to_owned();
        let help = "put the `loader` into the tree that a server gives out".to_owned();
        vec![OptionProblem { option: None, message, help: Some(help) }]
    }

    fn check_menu(&self, _options: &Record, menu: &Menu, _home: &LoaderHome) -> Vec<(usize, OptionProblem)> {
        script::check(menu)
    }

    fn files(&self, job: &LoaderJob<'_>) -> Result<Tree, Failure> {
        let options = Options::read(job.options).map_err(|problems| {
            Failure::Problems(problems.into_iter().map(as_problem).collect::<Vec<Problem>>())
        })?;
        let menu = job.need_menu("iPXE")?;
        let text = script::render(menu, &options.up())?;
        let mut files = Files::new(job.store, options.epoch);
        let below = |name: &str| format!("{}/{name}", options.directory);
        files.write(&below(&options.script), text.as_bytes())?;
        if job.source.is_some() {
            let supply = Supply::of(job, HELP)?;
            let mut any = false;
            for name in PROGRAMS {
                if let Some(program) = supply.maybe(name, "ipxe")? {
                    files.point(&below(name), program);
                    any = true;
                }
            }
            if !any {
                let message =
                    format!("the loader's source has none of iPXE's programs: {}", PROGRAMS.join(", "));
                return Err(Problem::new("loader-file-missing", message).help(HELP).into());
            }
        }
        files.finish()
    }
}

#[cfg(test)]
mod tests;
