//! What a manifest can say of a squashfs.

use imgc_plan::{
    Data, Opt, OptType, Record,
    kind::{Default, OptionProblem},
};

use super::codec::{Method, Squeeze};

/// The options, as the reference lists them.
pub const OPTIONS: [Opt; 9] = [
    Opt {
        name: "compress",
        ty: OptType::Choice(&["gzip", "xz", "zstd", "lz4", "none"]),
        default: Default::Text("zstd"),
        doc: "How blocks are compressed; the kernel that mounts it must know it. With `none` the contents of files are pointed at, not copied.",
        since: "0.1.0",
    },
    Opt {
        name: "level",
        ty: OptType::Int { min: 0, max: 22 },
        default: Default::Absent,
        doc: "How hard `compress` tries: gzip 1 to 12, xz 0 to 9, zstd 1 to 22. When absent: gzip 9, xz 6, zstd 15.",
        since: "0.1.0",
    },
    Opt {
        name: "block-size",
        ty: OptType::Size { min: 4 << 10, max: 1 << 20 },
        default: Default::Int(128 << 10),
        doc: "How much of a file is compressed together, a power of two: larger is smaller on disk, and slower to read at random places.",
        since: "0.1.0",
    },
    Opt {
        name: "fragments",
        ty: OptType::Bool,
        default: Default::Bool(true),
        doc: "Whether files shorter than a block are compressed together.",
        since: "0.1.0",
    },
    Opt {
        name: "tail-packing",
        ty: OptType::Bool,
        default: Default::Bool(false),
        doc: "Whether the ends of longer files are compressed together, too: smaller on disk, slower to read.",
        since: "0.1.0",
    },
    Opt {
        name: "duplicates",
        ty: OptType::Bool,
        default: Default::Bool(true),
        doc: "Whether equal contents are stored once.",
        since: "0.1.0",
    },
    Opt {
        name: "xattrs",
        ty: OptType::Bool,
        default: Default::Bool(true),
        doc: "Whether extended attributes are kept: those that start with `user.`, `trusted.` or `security.`; others cannot be.",
        since: "0.1.0",
    },
    Opt {
        name: "exportable",
        ty: OptType::Bool,
        default: Default::Bool(true),
        doc: "Whether it can be exported over NFS (a table of 8 bytes for each inode, compressed).",
        since: "0.1.0",
    },
    Opt {
        name: "epoch",
        ty: OptType::Int { min: 0, max: u32::MAX as i64 },
        default: Default::Epoch,
        doc: "When the filesystem says that it was made, in seconds since 1970.",
        since: "0.1.0",
    },
];

/// The options, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How blocks are compressed.
    pub squeeze: Squeeze,
    /// Bytes in a block: a power of two from 4 KiB to 1 MiB.
    pub block_size: u32,
    /// Whether short files share blocks.
    pub fragments: bool,
    /// Whether ends of long files do so, too.
    pub tail_packing: bool,
    /// Whether equal contents are stored once.
    pub duplicates: bool,
    /// Whether extended attributes are kept.
    pub xattrs: bool,
    /// Whether there is an export table.
    pub exportable: bool,
    /// When it was made, in seconds since 1970.
    pub epoch: u32,
}

impl Options {
    /// Reads a record; what [`check`] complains about is brought within limits.
    pub fn of(options: &Record) -> Self {
        let flag = |name: &str, default| options.get(name).and_then(Data::as_bool).unwrap_or(default);
        let number = |name: &str| options.get(name).and_then(Data::as_u64);
        let method = Method::named(options.get("compress").and_then(Data::as_text).unwrap_or("zstd"));
        let (least, most, usual) = method.levels();
        let level =
            number("level").map_or(usual, |level| u32::try_from(level).unwrap_or(most).clamp(least, most));
        let size = number("block-size").unwrap_or(128 << 10).clamp(4 << 10, 1 << 20);
        Self {
            squeeze: Squeeze { method, level },
            block_size: 1 << size.ilog2(),
            fragments: flag("fragments", true),
            tail_packing: flag("tail-packing", false),
            duplicates: flag("duplicates", true),
            xattrs: flag("xattrs", true),
            exportable: flag("exportable", true),
            epoch: number("epoch").map_or(0, |epoch| u32::try_from(epoch).unwrap_or(u32::MAX)),
        }
    }
}

/// Finds combinations that cannot be.
pub fn check(options: &Record) -> Vec<OptionProblem> {
    let decoded = Options::of(options);
    let mut problems = Vec::new();
    let mut problem = |option, message: String, help: &str| {
        problems.push(OptionProblem { option: Some(option), message, help: Some(help.to_owned()) });
    };
    if let Some(level) = options.get("level").and_then(Data::as_u64) {
        let method = decoded.squeeze.method;
        let (least, most, usual) = method.levels();
        if most == 0 {
            let message = format!("`level` says how hard to compress, but {} has no levels", method.name());
            problem("level", message, "drop `level`, or set `compress` to gzip, xz or zstd");
        } else if !(u64::from(least)..=u64::from(most)).contains(&level) {
            let help = format!("{} has {least} to {most}; {usual} is usual", method.name());
            problem("level", format!("{} has no level {level}", method.name()), &help);
        }
    }
    let size = options.get("block-size").and_then(Data::as_u64);
    if let Some(size) = size.filter(|size| *size != u64::from(decoded.block_size)) {
        let message = format!("a block cannot have {size} bytes");
        problem("block-size", message, "choose a power of two from 4KiB to 1MiB; 128KiB is usual");
    }
    if decoded.tail_packing && !decoded.fragments {
        let message = "`tail-packing` puts ends of files into fragments, but `fragments` is off".to_owned();
        problem("tail-packing", message, "drop one of the two");
    }
    if options.get("epoch").is_some_and(|epoch| *epoch != Data::Int(decoded.epoch.into())) {
        let message = "a squashfs can only be made from 1970 to 2106".to_owned();
        problem("epoch", message, "set `epoch` to 0 to 4294967295 seconds since 1970");
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blamed(pairs: &[(&str, Data)]) -> Vec<&'static str> {
        let record = pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        check(&record).into_iter().filter_map(|problem| problem.option).collect()
    }

    #[test]
    fn what_cannot_be_is_found() {
        assert_eq!(blamed(&[]), [""; 0]);
        assert_eq!(blamed(&[("compress", "gzip".into()), ("level", Data::Int(12))]), [""; 0]);
        assert_eq!(blamed(&[("compress", "gzip".into()), ("level", Data::Int(13))]), ["level"]);
        assert_eq!(blamed(&[("compress", "zstd".into()), ("level", Data::Int(0))]), ["level"]);
        assert_eq!(blamed(&[("compress", "lz4".into()), ("level", Data::Int(1))]), ["level"]);
        assert_eq!(blamed(&[("compress", "none".into()), ("level", Data::Int(1))]), ["level"]);
        assert_eq!(blamed(&[("block-size", Data::Int(12 << 10))]), ["block-size"]);
        assert_eq!(blamed(&[("tail-packing", true.into()), ("fragments", false.into())]), ["tail-packing"]);
        assert_eq!(blamed(&[("epoch", Data::Int(-1))]), ["epoch"]);
        assert_eq!(blamed(&[("epoch", Data::Int(1 << 32)), ("level", Data::Int(0))]), ["level", "epoch"]);
    }
}
