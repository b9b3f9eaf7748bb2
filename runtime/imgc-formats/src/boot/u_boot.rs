//! The menu for U-Boot: `extlinux.conf`, which it looks for on every disk. Its own program is none of ours: it lies in flash, or at an
//! offset of the disk (`partition … listed=#false { raw … }`).

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
    options::{epoch, opt},
};

/// The menu for U-Boot.
pub struct UBoot;

/// Filesystems that U-Boot reads as it is usually built for boards that boot this way.
const READ: [&str; 4] = ["vfat", "ext2", "ext3", "ext4"];

static KIND: Kind = Kind {
    family: Family::Loader,
    name: "u-boot",
    doc: "The menu for a U-Boot that is there already: `extlinux.conf`. U-Boot itself, where it lies on the disk, is a partition with \
          `listed=#false` that holds its file at an offset.",
    since: "0.1.0",
    options: &[
        opt(
            "directory",
            OptType::Choice(&["/extlinux", "/boot/extlinux"]),
            Default::Text("/extlinux"),
            "The directory for `extlinux.conf`: U-Boot looks in these two.",
        ),
        opt(
            "epoch",
            OptType::Int { min: 0, max: i64::MAX },
            Default::Epoch,
            "The time of its file, in seconds since 1970.",
        ),
    ],
    traits: Traits::Loader(LoaderTraits {
        takes_source: false,
        needs_source: false,
        takes_menu: true,
        takes_esp: false,
    }),
};

fn place(record: &Record) -> Result<String, OptionProblem> {
    directory("directory", record.get("directory").and_then(Data::as_text).unwrap_or("/extlinux"))
}

impl Loader for UBoot {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn products(&self, _options: &Record, _home: &LoaderHome) -> Products {
        Products { files: true, ..Products::default() }
    }

    fn check(&self, options: &Record) -> Vec<OptionProblem> {
        place(options).err().into_iter().collect()
    }

    fn check_home(&self, _options: &Record, home: &LoaderHome) -> Vec<OptionProblem> {
        let problem = |message: String, help: &str| OptionProblem {
            option: Some("partition"),
            message,
            help: Some(help.to_owned()),
        };
        match home.own() {
            None => {
                let message = "U-Boot looks for `extlinux.conf` on disks".to_owned();
                vec![problem(message, "for a network, use `syslinux`: U-Boot reads `pxelinux.cfg/default`")]
            }
            Some(own) if !READ.contains(&own.filesystem.as_str()) => {
                let message = format!("U-Boot need not be able to read `{}`", own.filesystem);
                vec![problem(message, "use `vfat`, `ext2`, `ext3` or `ext4`")]
            }
            Some(_) => Vec::new(),
        }
    }

    fn check_menu(&self, _options: &Record, menu: &Menu, _home: &LoaderHome) -> Vec<(usize, OptionProblem)> {
        config::check(menu)
    }

    fn files(&self, job: &LoaderJob<'_>) -> Result<Tree, Failure> {
        let directory = place(job.options).map_err(as_problem)?;
        let epoch = epoch(job.options);
        let menu = job.need_menu("U-Boot")?;
        let mut files = Files::new(job.store, epoch);
        files.write(&format!("{directory}/extlinux.conf"), config::render(menu)?.as_bytes())?;
        files.finish()
    }
}
