//! The options of `exfat`: their descriptors, their checks, and what they mean.

use imgc_plan::{
    Data, Opt, OptType, Record, ids,
    kind::{Default, OptionProblem},
};

/// The most bytes in a cluster (exFAT 1.00, section 3.1.15).
pub const MAX_CLUSTER: u64 = 32 << 20;

/// The most UTF-16 units in a label (exFAT 1.00, section 7.3.1).
const MAX_LABEL: usize = 11;

/// The most bytes that are worth aligning to: the erase units of flash memory.
const MAX_ALIGN: u64 = 64 << 20;

/// Characters that a label cannot have beside controls: those of names (exFAT 1.00, sections 7.3.2 and 7.7.3).
const NOT_IN_LABELS: &str = "\"*/:<>?\\|";

/// The descriptors, in the order of the reference.
pub static OPTIONS: [Opt; 6] = [
    opt(
        "label",
        OptType::Text { max: 33 },
        Default::Absent,
        "The volume label: up to 11 UTF-16 units. When absent, none.",
    ),
    opt(
        "cluster-size",
        OptType::Size { min: 512, max: MAX_CLUSTER },
        Default::Absent,
        "Bytes in a cluster, a power of two of sectors. When absent, 4 KiB up to 256 MiB, 32 KiB up to 32 GiB, then 128 KiB, \
         and more from 256 TiB on.",
    ),
    opt(
        "align",
        OptType::Size { min: 512, max: MAX_ALIGN },
        Default::Absent,
        "The FAT and the first cluster start at multiples of this, a power of two of sectors; on flash memory the size of an \
         erase unit. When absent, the cluster size.",
    ),
    opt("serial", OptType::Serial, Default::Derived, "The volume serial number, written `1234-abcd`."),
    opt(
        "guid",
        OptType::Uuid,
        Default::Absent,
        "The volume's GUID. When absent, none, as mkfs.exfat leaves it: fsck.exfat 1.2.0 does not know the entry, and would delete it.",
    ),
    opt(
        "sector-size",
        OptType::Size { min: 512, max: 4096 },
        Default::SectorSize,
        "Bytes in a sector: 512, 1024, 2048 or 4096.",
    ),
];

const fn opt(name: &'static str, ty: OptType, default: Default, doc: &'static str) -> Opt {
    Opt { name, ty, default, doc, since: "0.1.0" }
}

/// The options as the writer uses them.
#[derive(Clone, Debug)]
pub struct Options {
    /// The label.
    pub label: Vec<u16>,
    /// Bytes in a cluster, when asked for.
    pub cluster: Option<u64>,
    /// What the FAT and the clusters are aligned to in bytes, when asked for.
    pub align: Option<u64>,
    /// The serial number.
    pub serial: u32,
    /// The GUID as it is stored.
    pub guid: Option<[u8; 16]>,
    /// Bytes in a sector.
    pub sector: u64,
}

impl Options {
    /// Takes decoded options; those that [`check`] would refuse become something harmless.
    pub fn of(record: &Record) -> Self {
        let number = |name: &str| record.get(name).and_then(Data::as_u64);
        let text = |name: &str| record.get(name).and_then(Data::as_text);
        let sector = number("sector-size").filter(|size| is_sector(*size)).unwrap_or(512);
        Self {
            label: text("label").unwrap_or_default().encode_utf16().take(MAX_LABEL).collect(),
            cluster: number("cluster-size").filter(|size| is_multiple(*size, sector, MAX_CLUSTER)),
            align: number("align").filter(|size| is_multiple(*size, sector, MAX_ALIGN)),
            serial: number("serial").and_then(|value| u32::try_from(value).ok()).unwrap_or(0),
            guid: text("guid").and_then(ids::guid_bytes),
            sector,
        }
    }
}

fn is_sector(size: u64) -> bool {
    matches!(size, 512 | 1024 | 2048 | 4096)
}

fn is_multiple(size: u64, sector: u64, most: u64) -> bool {
    size.is_power_of_two() && (sector..=most).contains(&size)
}

/// Finds what cannot be, before anything runs.
pub fn check(record: &Record) -> Vec<OptionProblem> {
    let number = |name: &str| record.get(name).and_then(Data::as_u64);
    let text = |name: &str| record.get(name).and_then(Data::as_text);
    let mut problems = Vec::new();
    let mut complain = |option, message: String, help: String| {
        problems.push(OptionProblem { option: Some(option), message, help: Some(help) });
    };
    if let Some((message, help)) = text("label").and_then(label_problem) {
        complain("label", message, help);
    }
    let asked = number("sector-size").unwrap_or(512);
    if !is_sector(asked) {
        let message = format!("exFAT has no sectors of {asked} bytes");
        complain("sector-size", message, "use 512, 1024, 2048 or 4096".into());
    }
    let sector = Options::of(record).sector;
    for (option, most) in [("cluster-size", MAX_CLUSTER), ("align", MAX_ALIGN)] {
        if let Some(size) = number(option).filter(|size| !is_multiple(*size, sector, most)) {
            let message = format!("{size} bytes are not a power of two of sectors of {sector} bytes");
            complain(option, message, format!("use a power of two from {sector} to {most} bytes"));
        }
    }
    if text("guid").is_some_and(|guid| ids::guid_bytes(guid).is_none_or(|bytes| bytes == [0; 16])) {
        let help = "write 8-4-4-4-12 hexadecimal digits, not all of them 0".into();
        complain("guid", "this GUID cannot be a volume's".into(), help);
    }
    problems
}

/// What is wrong with a label, and what would make it right.
fn label_problem(label: &str) -> Option<(String, String)> {
    let units = label.encode_utf16().count();
    if units > MAX_LABEL {
        let message = format!("exFAT labels have at most {MAX_LABEL} UTF-16 units; this one has {units}");
        return Some((message, "shorten it".into()));
    }
    let bad = label.chars().find(|c| NOT_IN_LABELS.contains(*c) || *c < ' ')?;
    let message = format!("exFAT labels cannot have `{}`", bad.escape_debug());
    Some((message, "leave it out".into()))
}
