//! A loader of one's own: a boot sector, stages outside of filesystems, files, and numbers stamped into all of them.
//!
//! ```text
//! source ─┬─ files ─→ the home's filesystem
//!         └─ boot sector · stages ─→ image (knows no place) ─→ first sector · gap, offset or partition
//!                                                stamps ─→ where things came to lie, as numbers at offsets
//! ```
//!
//! What belongs to others stays: the table's bytes, a FAT's fields, whatever is there already. An image that a CD starts from is
//! the kind `el-torito`.

mod boot;
mod image;
mod place;
mod spec;
mod stamp;

#[cfg(test)]
mod tests;

use imgc_image::{Bytes, Failure, Tree, build::Patch};
use imgc_plan::{
    Family, Kind, OptType, Record,
    kind::{Default, LoaderTraits, OptionProblem, Products, Traits},
    step::LoaderHome,
};

use self::spec::{BootAt, Spec, Thing};
use super::{
    Loader, LoaderJob, StampJob,
    files::Files,
    options::{EPOCH, opt},
    supply::Supply,
};

/// A loader of one's own.
pub struct Custom;

/// What people are told when a file is missing.
const HELP: &str = "paths are those of the loader's source, as `stage2.bin`";

static KIND: Kind = Kind {
    family: Family::Loader,
    name: "custom",
    doc: "A loader of one's own: a boot sector, stages outside of filesystems, files, and numbers stamped into them. Paths without `/` at \
          the start are those of its source.",
    since: "0.1.0",
    options: &[
        opt(
            "boot",
            OptType::Text { max: 255 },
            Default::Absent,
            "The path of the boot sector. The disk's signature and table, and a FAT's fields, stay as they are.",
        ),
        opt(
            "boot-at",
            OptType::Choice(spec::BOOT_AT),
            Default::Text("disk"),
            "Where the boot sector goes: to the start of the `disk` or of the `partition`.",
        ),
        opt(
            "stages",
            OptType::Texts,
            Default::Absent,
            "Files that lie outside of filesystems: `\"PATH at=gap\"` between the table and the first partition, `\"PATH at=32KiB\"` at a \
             byte of the disk, `\"PATH in=NAME\"` at the start of a partition that holds no filesystem.",
        ),
        opt(
            "files",
            OptType::Texts,
            Default::Absent,
            "Files that lie in the loader's partition: `\"PATH to=/IMAGE/PATH\"`.",
        ),
        opt(
            "stamps",
            OptType::Texts,
            Default::Absent,
            "Numbers, little-endian: `\"in=PATH offset=0x5c width=u64 value=PATH.lba\"`. A PATH names the boot sector, a stage, or with a `/` at \
             the start a file of the partition; a value is its `lba` or `sectors` in sectors of the disk, its `offset` or `bytes`, or that of \
             `disk`, `partition` (the loader's) or `partition:NAME`. Widths are `u8`, `u16`, `u32`, `u64`; `plus=N` adds to the value.",
        ),
        EPOCH,
    ],
    traits: Traits::Loader(LoaderTraits {
        takes_source: true,
        needs_source: true,
        takes_menu: false,
        takes_esp: false,
    }),
};

impl Loader for Custom {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn products(&self, options: &Record, _home: &LoaderHome) -> Products {
        let Ok(spec) = Spec::read(options) else { return Products::default() };
        let image = spec.boot.is_some() || !spec.stages.is_empty();
        let stamp = image || !spec.stamps.is_empty();
        let in_file = spec.stamps.iter().any(|stamp| matches!(stamp.target, Thing::File(_)));
        let boot_at = |place| spec.boot.is_some() && spec.boot_at == place;
        let (boot_code, own) = (boot_at(BootAt::Disk), in_file || boot_at(BootAt::Partition));
        Products { files: !spec.files.is_empty(), image, stamp, boot_code, own, ..Products::default() }
    }

    fn check(&self, options: &Record) -> Vec<OptionProblem> {
        Spec::read(options).err().unwrap_or_default()
    }

    fn check_home(&self, options: &Record, home: &LoaderHome) -> Vec<OptionProblem> {
        let Ok(spec) = Spec::read(options) else { return Vec::new() };
        let problem = |option: &'static str, message: String, help: &str| OptionProblem {
            option: Some(option),
            message,
            help: Some(help.to_owned()),
        };
        let Some(own) = home.own() else {
            let message = "a network has no boot sector and no stages".to_owned();
            return vec![problem("boot", message, "copy the files into the tree that is served")];
        };
        match (&spec.boot, spec.boot_at) {
            (Some(_), BootAt::Partition) if !boot::has_room(&own.filesystem) => {
                let message = format!("`{}` leaves no room for a boot sector at its start", own.filesystem);
                vec![problem("boot-at", message, "`vfat`, `ext2`, `ext3` and `ext4` do")]
            }
            _ => Vec::new(),
        }
    }

    fn files(&self, job: &LoaderJob<'_>) -> Result<Tree, Failure> {
        let spec = Spec::for_step(job.options)?;
        let supply = Supply::of(job, HELP)?;
        let mut files = Files::new(job.store, spec.epoch);
        let mut problems = Vec::new();
        for file in &spec.files {
            match supply.at(&file.path) {
                // Stamps change its sectors, so it must not share them with an equal file.
                Ok(content) if spec.is_stamped(&file.to) => {
                    files.write_dense(&file.to, &supply.read(&file.path, content)?)?;
                }
                Ok(content) => files.point(&file.to, content),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { files.finish() } else { Err(problems.into()) }
    }

    fn image(&self, job: &LoaderJob<'_>) -> Result<Bytes, Failure> {
        let spec = Spec::for_step(job.options)?;
        image::image(&spec, &Supply::of(job, HELP)?, job.store)
    }

    fn stamp(&self, job: &StampJob<'_>) -> Result<Vec<(u64, Patch)>, Failure> {
        stamp::stamp(&Spec::for_step(job.options)?, job)
    }
}
