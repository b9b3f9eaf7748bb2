//! The options of `qcow2`: their descriptor, what cannot be combined, and what they mean.

use imgc_image::Failure;
use imgc_plan::{
    Data, Family, Kind, Opt, OptType, Record,
    kind::{Default, DiskFormatTraits, OptionProblem, Traits},
};

use super::codec::Method;

pub(super) static KIND: Kind = Kind {
    family: Family::DiskFormat,
    name: "qcow2",
    doc: "QEMU's copy-on-write format: only what is used takes room, compressed if wanted.",
    since: "0.1",
    options: &[
        opt(
            "compress",
            OptType::Choice(&["none", "zlib", "zstd"]),
            Default::Text("none"),
            "How each cluster is compressed; `zstd` needs QEMU 5.1 or later to read it.",
        ),
        opt(
            "level",
            OptType::Int { min: 1, max: 22 },
            Default::Absent,
            "How hard to compress: 1 to 12 for `zlib` (4 when absent), 1 to 22 for `zstd` (3 when absent).",
        ),
        opt(
            "cluster-size",
            OptType::Size { min: 512, max: 2 << 20 },
            Default::Int(64 << 10),
            "The unit of allocation: a power of two from 512B to 2MiB.",
        ),
        opt(
            "compat",
            OptType::Choice(&["0.10", "1.1"]),
            Default::Text("1.1"),
            "The oldest QEMU that can read it: `0.10` writes version 2 of the format, `1.1` version 3.",
        ),
        opt(
            "preallocation",
            OptType::Choice(&["off", "metadata", "falloc", "full"]),
            Default::Text("off"),
            "`metadata` gives every cluster its place; `falloc` also reserves the host's space, `full` also writes it.",
        ),
        opt(
            "lazy-refcounts",
            OptType::Bool,
            Default::Bool(false),
            "Whether a running QEMU may delay updates of reference counts: faster writes, a check after a crash.",
        ),
        opt(
            "refcount-bits",
            OptType::Int { min: 1, max: 64 },
            Default::Int(16),
            "The width of a reference count: a power of two from 1 to 64.",
        ),
        opt(
            "extended-l2",
            OptType::Bool,
            Default::Bool(false),
            "Whether clusters have 32 subclusters; for large clusters under overlays. Needs QEMU 5.2 or later.",
        ),
    ],
    traits: Traits::DiskFormat(DiskFormatTraits { endings: &["qcow2"] }),
};

const fn opt(name: &'static str, ty: OptType, default: Default, doc: &'static str) -> Opt {
    Opt { name, ty, default, doc, since: "0.1" }
}

/// What is written for the clusters without data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Preallocation {
    Off,
    Metadata,
    Falloc,
    Full,
}

/// The options, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub method: Option<Method>,
    /// log2 of the cluster size in bytes: 9 to 21.
    pub cluster_bits: u32,
    /// Version 3 of the header (`compat` 1.1), or 2.
    pub v3: bool,
    pub preallocation: Preallocation,
    pub lazy_refcounts: bool,
    /// log2 of the width of a refcount in bits: 0 to 6.
    pub refcount_order: u32,
    pub extended_l2: bool,
}

impl Options {
    /// Decodes options that the compiler has checked.
    ///
    /// # Errors
    /// [`Failure::Bug`] when they were not.
    pub(super) fn new(record: &Record) -> Result<Self, Failure> {
        if let Some(problem) = check(record).into_iter().next() {
            return Err(Failure::Bug(format!(
                "qcow2 got options that were not checked: {}",
                problem.message
            )));
        }
        let level = record.get("level").and_then(Data::as_u64).and_then(|level| i32::try_from(level).ok());
        let method = match text(record, "compress", "none") {
            "zlib" => Some(Method::Deflate(level.unwrap_or(4))),
            "zstd" => Some(Method::Zstd(level.unwrap_or(3))),
            _ => None,
        };
        let preallocation = match text(record, "preallocation", "off") {
            "metadata" => Preallocation::Metadata,
            "falloc" => Preallocation::Falloc,
            "full" => Preallocation::Full,
            _ => Preallocation::Off,
        };
        Ok(Self {
            method,
            cluster_bits: number(record, "cluster-size", 64 << 10).trailing_zeros(),
            v3: text(record, "compat", "1.1") == "1.1",
            preallocation,
            lazy_refcounts: truth(record, "lazy-refcounts"),
            refcount_order: number(record, "refcount-bits", 16).trailing_zeros(),
            extended_l2: truth(record, "extended-l2"),
        })
    }
}

fn text<'r>(record: &'r Record, name: &str, default: &'static str) -> &'r str {
    record.get(name).and_then(Data::as_text).unwrap_or(default)
}

fn number(record: &Record, name: &str, default: u64) -> u64 {
    record.get(name).and_then(Data::as_u64).unwrap_or(default)
}

fn truth(record: &Record, name: &str) -> bool {
    record.get(name).and_then(Data::as_bool).unwrap_or(false)
}

/// Finds what the format, or QEMU, cannot do.
pub(super) fn check(record: &Record) -> Vec<OptionProblem> {
    let mut problems = Vec::new();
    let mut wrong = |option, message: String, help: &str| {
        problems.push(OptionProblem { option: Some(option), message, help: Some(help.into()) });
    };
    let compress = text(record, "compress", "none");
    let cluster = number(record, "cluster-size", 64 << 10);
    let bits = number(record, "refcount-bits", 16);
    if !cluster.is_power_of_two() || !(512..=2 << 20).contains(&cluster) {
        let message = format!("a cluster of {cluster} bytes cannot be: it is a power of two");
        wrong("cluster-size", message, "use 512B, 1KiB, 2KiB, and so on up to 2MiB; most images use 64KiB");
    }
    if !bits.is_power_of_two() || bits > 64 {
        let message = format!("a reference count cannot have {bits} bits");
        wrong("refcount-bits", message, "use 1, 2, 4, 8, 16, 32 or 64");
    }
    check_level(record, compress, &mut wrong);
    let preallocation = text(record, "preallocation", "off");
    if compress != "none" && preallocation != "off" {
        let message = format!("`{preallocation}` cannot be combined with `compress={compress}`");
        wrong("preallocation", message, "leave out `preallocation`, or leave out `compress`");
    }
    if text(record, "compat", "1.1") == "0.10" {
        check_old(record, compress, bits, &mut wrong);
    }
    if truth(record, "extended-l2") && cluster < 16 << 10 {
        let message = format!("subclusters need clusters of at least 16KiB, not {cluster} bytes");
        wrong("extended-l2", message, "set `cluster-size=\"128KiB\"`, or leave out `extended-l2`");
    }
    problems
}

fn check_level(record: &Record, compress: &str, wrong: &mut impl FnMut(&'static str, String, &str)) {
    let Some(level) = record.get("level").and_then(Data::as_u64) else { return };
    if compress == "none" {
        let message = "there is nothing that a level could apply to: nothing is compressed".into();
        wrong("level", message, "add `compress=zlib` or `compress=zstd`, or leave out `level`");
    } else if compress == "zlib" && level > 12 {
        let message = format!("zlib has no level {level}");
        wrong("level", message, "use 1 to 12, or `compress=zstd`, which has levels up to 22");
    }
}

fn check_old(record: &Record, compress: &str, bits: u64, wrong: &mut impl FnMut(&'static str, String, &str)) {
    let help = "leave out `compat`, so that it is \"1.1\", or leave this out";
    let mut refuse = |option, what: &str| {
        wrong(option, format!("{what} not exist in version 2 of the format (`compat=\"0.10\"`)"), help);
    };
    if compress == "zstd" {
        refuse("compress", "compression with zstd does");
    }
    if truth(record, "lazy-refcounts") {
        refuse("lazy-refcounts", "lazy reference counts do");
    }
    if bits != 16 {
        refuse("refcount-bits", "reference counts of another width than 16 bits do");
    }
    if truth(record, "extended-l2") {
        refuse("extended-l2", "subclusters do");
    }
}
