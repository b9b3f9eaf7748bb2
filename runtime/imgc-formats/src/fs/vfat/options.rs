//! The options of `vfat`: their descriptors, their checks, and what they mean.

use imgc_plan::{
    Data, Opt, OptType, Record,
    kind::{Default, OptionProblem},
};

use super::geometry::Width;

/// The most bytes in a cluster that every system in use reads.
pub const MAX_CLUSTER: u64 = 64 << 10;

/// Characters that a label cannot have beside lower-case ones and controls (FAT 1.03, section 6.1).
const NOT_IN_LABELS: &[u8] = b"\"*+,./:;<=>?[\\]|";

/// The descriptors, in the order of the reference.
pub static OPTIONS: [Opt; 10] = [
    opt(
        "fat",
        OptType::Choice(&["auto", "12", "16", "32"]),
        Default::Text("auto"),
        "Bits of a FAT entry. `auto`: 32 from 512 MiB on; below that 16, or 12 where there are fewer than 4085 clusters of 2 KiB.",
    ),
    opt(
        "cluster-size",
        OptType::Size { min: 512, max: MAX_CLUSTER },
        Default::Absent,
        "Bytes in a cluster, a power of two of sectors. When absent, FAT12 and FAT16 have 2 KiB, more where the size needs it; \
         FAT32 has one sector up to 260 MiB, 4 KiB up to 8 GiB, 8 KiB up to 16 GiB, 16 KiB up to 32 GiB, then 32 KiB, and less \
         where a FAT of the wanted width would have too few clusters.",
    ),
    opt(
        "label",
        OptType::Text { max: 11 },
        Default::Absent,
        "The volume label: up to 11 upper-case ASCII characters. When absent, none.",
    ),
    opt("serial", OptType::Serial, Default::Derived, "The volume serial number, written `1234-abcd`."),
    opt(
        "sector-size",
        OptType::Size { min: 512, max: 4096 },
        Default::SectorSize,
        "Bytes in a sector: 512, 1024, 2048 or 4096.",
    ),
    opt(
        "reserved-sectors",
        OptType::Int { min: 1, max: 65535 },
        Default::Absent,
        "Sectors before the first FAT. When absent, 1 for FAT12 and FAT16, 32 for FAT32, and as many more as put the first cluster \
         at a multiple of the cluster size.",
    ),
    opt("fats", OptType::Int { min: 1, max: 2 }, Default::Int(2), "Copies of the FAT."),
    opt(
        "root-entries",
        OptType::Int { min: 16, max: 65535 },
        Default::Absent,
        "Entries in the root directory of FAT12 and FAT16, which cannot grow; a long name takes several. 512 when absent.",
    ),
    opt(
        "media",
        OptType::Int { min: 0xf0, max: 0xff },
        Default::Int(0xf8),
        "The media descriptor: 248 for disks, 240 for floppies.",
    ),
    opt(
        "epoch",
        OptType::Int { min: i64::MIN, max: i64::MAX },
        Default::Epoch,
        "The time of the volume label, in seconds since 1970.",
    ),
];

const fn opt(name: &'static str, ty: OptType, default: Default, doc: &'static str) -> Opt {
    Opt { name, ty, default, doc, since: "0.1.0" }
}

/// The options as the writer uses them.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The width that was asked for.
    pub fat: Option<Width>,
    /// Bytes in a cluster, when asked for.
    pub cluster: Option<u64>,
    /// The label, padded with spaces.
    pub label: Option<[u8; 11]>,
    /// The serial number.
    pub serial: u32,
    /// Bytes in a sector.
    pub sector: u64,
    /// Sectors before the first FAT, when asked for.
    pub reserved: Option<u64>,
    /// Copies of the FAT.
    pub fats: u64,
    /// Entries in the root directory of FAT12 and FAT16.
    pub root_entries: u64,
    /// The media descriptor.
    pub media: u8,
    /// The time of the label.
    pub epoch: i64,
}

impl Options {
    /// Takes decoded options; those that [`check`] would refuse become something harmless.
    pub fn of(record: &Record) -> Self {
        let number = |name: &str| record.get(name).and_then(Data::as_u64);
        let text = |name: &str| record.get(name).and_then(Data::as_text);
        let sector = number("sector-size").filter(|size| is_sector(*size)).unwrap_or(512);
        let label = text("label").filter(|label| !label.is_empty()).map(|label| {
            let mut padded = [b' '; 11];
            let len = label.len().min(11);
            padded[..len].copy_from_slice(&label.as_bytes()[..len]);
            padded
        });
        Self {
            fat: match text("fat") {
                Some("12") => Some(Width::Fat12),
                Some("16") => Some(Width::Fat16),
                Some("32") => Some(Width::Fat32),
                _ => None,
            },
            cluster: number("cluster-size").filter(|size| is_cluster(*size, sector)),
            label,
            serial: number("serial").and_then(|value| u32::try_from(value).ok()).unwrap_or(0),
            sector,
            reserved: number("reserved-sectors").filter(|count| (1..=65535).contains(count)),
            fats: number("fats").unwrap_or(2).clamp(1, 2),
            root_entries: number("root-entries").unwrap_or(512).clamp(1, 65535),
            media: number("media").and_then(|value| u8::try_from(value).ok()).unwrap_or(0xf8),
            epoch: match record.get("epoch") {
                Some(Data::Int(epoch)) => *epoch,
                _ => 0,
            },
        }
    }
}

fn is_sector(size: u64) -> bool {
    matches!(size, 512 | 1024 | 2048 | 4096)
}

fn is_cluster(size: u64, sector: u64) -> bool {
    size.is_power_of_two() && (sector..=MAX_CLUSTER.min(128 * sector)).contains(&size)
}

/// Finds what cannot be, before anything runs.
pub fn check(record: &Record) -> Vec<OptionProblem> {
    let number = |name: &str| record.get(name).and_then(Data::as_u64);
    let mut problems = Vec::new();
    let mut complain = |option, message: String, help: String| {
        problems.push(OptionProblem { option: Some(option), message, help: Some(help) });
    };
    let asked = number("sector-size").unwrap_or(512);
    if !is_sector(asked) {
        complain(
            "sector-size",
            format!("FAT has no sectors of {asked} bytes"),
            "use 512, 1024, 2048 or 4096".into(),
        );
    }
    let options = Options::of(record);
    let sector = options.sector;
    if let Some(cluster) = number("cluster-size").filter(|size| !is_cluster(*size, sector)) {
        complain(
            "cluster-size",
            format!("a cluster of {cluster} bytes is not a power of two of sectors of {sector} bytes"),
            format!("use a power of two from {sector} to {} bytes", MAX_CLUSTER.min(128 * sector)),
        );
    }
    if let Some(help) = record.get("label").and_then(Data::as_text).and_then(label_problem) {
        complain("label", "FAT cannot hold this label".into(), help);
    }
    let fat32 = options.fat == Some(Width::Fat32);
    if fat32 && number("reserved-sectors").is_some_and(|count| count < 8) {
        complain(
            "reserved-sectors",
            "FAT32 keeps its boot sectors and their copies in the first 8 sectors".into(),
            "use 8 or more; 32 is usual".into(),
        );
    }
    if let Some(count) = number("root-entries") {
        if fat32 {
            let help = "drop `root-entries`".into();
            complain("root-entries", "the root directory of FAT32 grows as it needs".into(), help);
        } else if count % (sector / 32) != 0 {
            let right = count.next_multiple_of(sector / 32);
            let message = format!("{count} entries do not fill whole sectors of {sector} bytes");
            complain("root-entries", message, format!("use {right}"));
        }
    }
    if number("media").is_some_and(|media| media != 0xf0 && !(0xf8..=0xff).contains(&media)) {
        complain("media", "FAT has no such media descriptor".into(), "use 240, or 248 to 255".into());
    }
    problems
}

/// What would make a label right.
fn label_problem(label: &str) -> Option<String> {
    let bad = |byte: &u8| !(b' '..=b'~').contains(byte) || NOT_IN_LABELS.contains(byte);
    if let Some(byte) = label.bytes().find(bad) {
        let what = if byte.is_ascii_graphic() {
            format!("`{}`", char::from(byte))
        } else {
            "characters beyond ASCII".into()
        };
        return Some(format!("leave {what} out"));
    }
    if label.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return Some(format!(
            "write \"{}\": DOS and Windows do not find lower-case labels",
            label.to_ascii_uppercase()
        ));
    }
    (label.starts_with(' ') || label.ends_with(' ')).then(|| format!("write \"{}\"", label.trim()))
}
