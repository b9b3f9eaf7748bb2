//! The kind `el-torito`: an entry for an image of one's own, or for a partition that firmware reads by itself.

use imgc_image::{Failure, Problem, Tree, TreeBuilder, build::Patch};
use imgc_plan::{
    Data, Family, Kind, Opt, OptType, Record,
    kind::{Default, LoaderTraits, OptionProblem, Products, Traits},
    step::LoaderHome,
    tree::BytePath,
};

use super::{
    super::{Loader, LoaderJob, StampJob, options::epoch},
    EFI, Entry, Image, X86, add, boot_info, catalog, efi_sectors, home_problem, image, info,
};

/// The kind `el-torito`.
pub struct ElTorito;

/// Sectors of 512 bytes that a BIOS loads unless it is told otherwise: a sector of the CD, as every tool says.
const BIOS_SECTORS: u16 = 4;

static KIND: Kind = Kind {
    family: Family::Loader,
    name: "el-torito",
    doc: "An entry in the boot catalogue of a CD, for a loader of one's own: a file of its `iso9660` partition, or the partition `esp`, \
          is what firmware starts from the CD.",
    since: "0.1.0",
    options: &[
        Opt {
            name: "platform",
            ty: OptType::Choice(&["bios", "efi"]),
            default: Default::Text("bios"),
            doc: "The firmware that starts it. A BIOS loads the image as it is; EFI takes it for a FAT filesystem with `/EFI/BOOT`.",
            since: "0.1.0",
        },
        Opt {
            name: "image",
            ty: OptType::Text { max: 1024 },
            default: Default::Absent,
            doc: "The path of the file in its partition. Where `boot-info-table` changes it, it should be `dense`: other files with the same \
                  content would change, too.",
            since: "0.1.0",
        },
        Opt {
            name: "load-segment",
            ty: OptType::Int { min: 0, max: 0xffff },
            default: Default::Int(0),
            doc: "The segment to which a BIOS loads the image; 0 means 0x7c0.",
            since: "0.1.0",
        },
        Opt {
            name: "sectors",
            ty: OptType::Int { min: 0, max: 0xffff },
            default: Default::Absent,
            doc: "How many sectors of 512 bytes a BIOS loads, 4 unless given. For EFI the length of the image unless given; 0 means all up \
                  to the end of the medium.",
            since: "0.1.0",
        },
        Opt {
            name: "boot-info-table",
            ty: OptType::Bool,
            default: Default::Bool(false),
            doc: "Whether bytes 8 to 63 of the image are replaced by a table that says where it lies, as ISOLINUX and GRUB want it.",
            since: "0.1.0",
        },
        Opt {
            name: "epoch",
            ty: OptType::Int { min: i64::MIN, max: i64::MAX },
            default: Default::Epoch,
            doc: "The time of the catalogue's file, in seconds since 1970.",
            since: "0.1.0",
        },
    ],
    traits: Traits::Loader(LoaderTraits {
        takes_source: false,
        needs_source: false,
        takes_menu: false,
        takes_esp: true,
    }),
};

/// The options as the stamp uses them.
struct Options {
    platform: u8,
    image: Option<Result<BytePath, String>>,
    load_segment: u16,
    sectors: Option<u16>,
    table: bool,
}

impl Options {
    fn of(record: &Record) -> Self {
        let word = |name: &str| {
            record.get(name).and_then(Data::as_u64).and_then(|number| u16::try_from(number).ok())
        };
        let efi = record.get("platform").and_then(Data::as_text) == Some("efi");
        let path = |text: &str| match BytePath::absolute(text.as_bytes()) {
            Ok(path) if path.0.is_empty() => Err("the image is a file".to_owned()),
            path => path,
        };
        Self {
            platform: if efi { EFI } else { X86 },
            image: record.get("image").and_then(Data::as_text).map(path),
            load_segment: word("load-segment").unwrap_or(0),
            sectors: word("sectors"),
            table: record.get("boot-info-table").and_then(Data::as_bool).unwrap_or(false),
        }
    }

    fn check(&self) -> Vec<OptionProblem> {
        let mut problems = Vec::new();
        if let Some(Err(message)) = &self.image {
            let help = "write a path such as \"/boot/loader.bin\"";
            problems.push(problem(Some("image"), message.clone(), help));
        }
        if self.table && (self.image.is_none() || self.platform == EFI) {
            let message = "only an image file that a BIOS loads has room for the table".to_owned();
            problems.push(problem(Some("boot-info-table"), message, "leave it out"));
        }
        if self.load_segment > 0 && self.platform == EFI {
            let message = "EFI loads its image to no segment".to_owned();
            problems.push(problem(Some("load-segment"), message, "leave it out"));
        }
        problems
    }
}

fn problem(option: Option<&'static str>, message: String, help: &str) -> OptionProblem {
    OptionProblem { option, message, help: Some(help.to_owned()) }
}

impl Loader for ElTorito {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn products(&self, _options: &Record, _home: &LoaderHome) -> Products {
        Products { files: true, stamp: true, own: true, ..Products::default() }
    }

    fn check(&self, options: &Record) -> Vec<OptionProblem> {
        Options::of(options).check()
    }

    fn check_home(&self, options: &Record, home: &LoaderHome) -> Vec<OptionProblem> {
        let options = Options::of(options);
        let LoaderHome::Disk { esp, .. } = home else {
            return vec![problem(None, "a network has no boot catalogue".into(), "leave the loader out")];
        };
        let mut problems: Vec<OptionProblem> = home_problem(home).into_iter().collect();
        match (&options.image, esp) {
            (None, None) => {
                let message = "it is not said what firmware starts".to_owned();
                problems.push(problem(None, message, "add `image=\"/PATH\"`, or `esp=` with `platform=efi`"));
            }
            (Some(_), Some(_)) => {
                let message = "an entry names a file or a partition, not both".to_owned();
                problems.push(problem(Some("esp"), message, "leave `image` or `esp` out"));
            }
            (None, Some(_)) if options.platform == X86 => {
                let message = "a BIOS loads a file, not a partition".to_owned();
                problems.push(problem(Some("esp"), message, "add `platform=efi`"));
            }
            _ => {}
        }
        problems
    }

    fn files(&self, job: &LoaderJob<'_>) -> Result<Tree, Failure> {
        let epoch = epoch(job.options);
        let mut files = TreeBuilder::new();
        job.home.own().and_then(|own| catalog(own, epoch)).into_iter().for_each(|entry| files.push(entry));
        files
            .finish(epoch)
            .map_err(|path| Failure::Bug(format!("the catalogue's path {path} is there twice")))
    }

    fn stamp(&self, job: &StampJob<'_>) -> Result<Vec<(u64, Patch)>, Failure> {
        let options = Options::of(job.options);
        let Some(path) = &options.image else { return partition(job, &options) };
        let path = path.as_ref().map_err(|message| Problem::new("loader-option", message.clone()))?;
        let image = image(job, &path.0)?;
        let sectors = match options.platform {
            X86 => BIOS_SECTORS,
            _ => efi_sectors(image.bytes.len() as u64),
        };
        let mut pieces = add(job, &entry(&options, sectors, image.first))?;
        if options.table {
            pieces.push(table(&image)?);
        }
        Ok(pieces)
    }
}

fn table(image: &Image) -> Result<(u64, Patch), Failure> {
    Ok((image.first + info::TABLE as u64, Patch::Data(boot_info(image)?.to_vec())))
}

/// The entry for a partition: firmware reads it where it lies.
fn partition(job: &StampJob<'_>, options: &Options) -> Result<Vec<(u64, Patch)>, Failure> {
    let name = job.home.firmware().map(|home| home.name.as_str()).unwrap_or_default();
    let part = job.layout.part(name);
    let part = part.ok_or_else(|| Failure::Bug(format!("the layout has no partition `{name}`")))?;
    add(job, &entry(options, efi_sectors(part.len), part.start))
}

fn entry(options: &Options, sectors: u16, first: u64) -> Entry {
    Entry {
        platform: options.platform,
        load_segment: options.load_segment,
        sectors: options.sectors.unwrap_or(sectors),
        first,
    }
}
