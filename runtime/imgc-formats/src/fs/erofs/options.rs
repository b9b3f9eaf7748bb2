//! Options: descriptors for the compiler, and the settings that they become.

use imgc_plan::{
    Data, Family, Kind, Opt, OptType, Record, ids,
    kind::{Default, FilesystemTraits, OptionProblem, Traits},
};

use super::{
    format::{ALGORITHM_LZ4, ALGORITHM_ZSTD, BLOCK},
    zstandard::MOST_WINDOW,
};

const SINCE: &str = "0.1.0";
/// `Z_EROFS_PCLUSTER_MAX_SIZE` (Linux, `fs/erofs/erofs_fs.h`).
const MOST_CLUSTER: u64 = 1 << 20;
/// Larger ones save next to nothing, and readers hold a chunk in memory.
const MOST_CHUNK: u64 = 16 << 20;
/// Chunks of `dedupe` unless told: a compromise between what is found to be equal and how scattered files become.
const USUAL_CHUNK: u64 = 64 << 10;
/// The level unless told: of `lz4hc` as that of the reference library, of `zstd` what a few tries for each piece still allow.
const USUAL_LEVEL: u64 = 9;
/// A window of `zstd` is so many of the largest pieces, as mkfs.erofs has it: kernels set memory aside for it.
const WINDOW_PIECES: u64 = 8;

const fn opt(name: &'static str, ty: OptType, default: Default, doc: &'static str) -> Opt {
    Opt { name, ty, default, doc, since: SINCE }
}

/// The descriptor.
pub static KIND: Kind = Kind {
    family: Family::Filesystem,
    name: "erofs",
    doc: "The enhanced read-only filesystem of Linux: small metadata, tails of files beside their inodes, LZ4 or Zstandard \
          on request. It is as long as its content.",
    since: SINCE,
    options: &[
        opt("label", OptType::Text { max: 16 }, Default::Text(""), "The volume's name, at most 16 bytes."),
        opt("uuid", OptType::Uuid, Default::Derived, "The filesystem's UUID."),
        opt(
            "epoch",
            OptType::Int { min: 0, max: u32::MAX as i64 },
            Default::Epoch,
            "The build time in the superblock, in seconds since 1970: the time of entries whose inodes hold none.",
        ),
        opt(
            "compress",
            OptType::Choice(&["none", "lz4", "lz4hc", "zstd"]),
            Default::Text("none"),
            "How files are compressed: not at all, fast, or slowly to less; every kernel since 5.4 reads `lz4` and `lz4hc`. \
             `zstd` is smaller again: it needs Linux 6.10 or later, built with `EROFS_FS_ZIP_ZSTD`, and erofs-utils 1.8; older \
             kernels refuse to mount it.",
        ),
        opt(
            "level",
            OptType::Int { min: 1, max: 22 },
            Default::Absent,
            "How hard `lz4hc` (1 to 12) or `zstd` (1 to 22) tries; 9 unless told.",
        ),
        opt(
            "cluster-size",
            OptType::Size { min: BLOCK, max: MOST_CLUSTER },
            Default::Int(BLOCK as i64),
            "The most bytes that a piece of a file is compressed into, a power of two: larger is smaller in all, and slower to \
             read here and there. More than 4KiB needs Linux 5.13.",
        ),
        opt(
            "dedupe",
            OptType::Bool,
            Default::Bool(false),
            "Store equal chunks of files once; reads all contents, and needs Linux 5.15. Files that are equal as a whole share \
             their blocks in any case.",
        ),
        opt(
            "chunk-size",
            OptType::Size { min: BLOCK, max: MOST_CHUNK },
            Default::Absent,
            "Bytes of a chunk of `dedupe`, a power of two; 64KiB unless told.",
        ),
    ],
    traits: Traits::Filesystem(FilesystemTraits {
        takes_tree: true,
        own_length: true,
        stamps_start: false,
        system_area: 0,
        folds_case: false,
        default_type: "linux",
    }),
};

/// How hard the encoder tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// One look for each position.
    Fast,
    /// So many looks for each position, and one position ahead.
    Deep(u32),
}

/// How files are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// LZ4 blocks.
    Lz4(Effort),
    /// Zstandard frames, at a level, with windows of 2^`window` bytes.
    Zstd { level: i32, window: u32 },
}

impl Method {
    /// Its number in the superblock and in inodes.
    pub fn number(self) -> u8 {
        match self {
            Self::Lz4(_) => ALGORITHM_LZ4,
            Self::Zstd { .. } => ALGORITHM_ZSTD,
        }
    }
}

/// Options with meaning, nothing left to look up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `volume_name`.
    pub label: Vec<u8>,
    /// `uuid`.
    pub uuid: [u8; 16],
    /// `build_time`, in seconds since 1970.
    pub epoch: i64,
    /// How files are compressed.
    pub compress: Option<Method>,
    /// The most blocks of a compressed piece.
    pub cluster_blocks: u64,
    /// The size of shared chunks as a power of two, with `dedupe`.
    pub chunk_bits: Option<u32>,
}

/// Turns options into settings, and finds what cannot be.
pub fn parse(options: &Record) -> (Settings, Vec<OptionProblem>) {
    let mut problems = Vec::new();
    let mut complain = |option, message: &str, help: &str| {
        problems.push(OptionProblem {
            option: Some(option),
            message: message.into(),
            help: Some(help.into()),
        });
    };
    let text = |name: &str| options.get(name).and_then(Data::as_text).unwrap_or_default();
    let number = |name: &str| options.get(name).and_then(Data::as_u64);
    let compress = text("compress");
    let packs = !matches!(compress, "" | "none");
    let dedupe = options.get("dedupe").and_then(Data::as_bool).unwrap_or(false);
    let (level, cluster, chunk) = (number("level"), number("cluster-size"), number("chunk-size"));
    let label = text("label").as_bytes().to_vec();
    let uuid = ids::uuid_bytes(text("uuid"));
    if label.len() > 16 || label.contains(&0) {
        complain("label", "a label has at most 16 bytes and no NUL", "shorten it");
    }
    if uuid.is_none() {
        complain("uuid", "this is not a UUID", "write it as 8-4-4-4-12 hexadecimal digits");
    }
    match level {
        Some(_) if !matches!(compress, "lz4hc" | "zstd") => {
            let help = "take it away, or set `compress=lz4hc` or `compress=zstd`";
            complain("level", "only `lz4hc` and `zstd` have levels", help);
        }
        Some(13..) if compress == "lz4hc" => {
            complain("level", "`lz4hc` has the levels 1 to 12", "take 12, or set `compress=zstd`");
        }
        _ => {}
    }
    for (name, size) in [("cluster-size", cluster), ("chunk-size", chunk)] {
        if size.is_some_and(|size| !size.is_power_of_two() || size < BLOCK) {
            complain(name, "this is not a power of two of at least 4KiB", "choose 4KiB, 8KiB, 16KiB, …");
        }
    }
    if cluster.is_some_and(|size| size > BLOCK) && !packs {
        complain("cluster-size", "nothing is compressed, so there are no clusters", "set `compress`, too");
    }
    if chunk.is_some() && !dedupe {
        complain("chunk-size", "chunks are what `dedupe` shares", "set `dedupe=#true`, too");
    }
    if dedupe && packs {
        complain(
            "dedupe",
            "compressed files are not made of chunks",
            "choose one of `dedupe` and `compress`",
        );
    }
    let cluster = cluster.unwrap_or(BLOCK).clamp(BLOCK, MOST_CLUSTER);
    let settings = Settings {
        label,
        uuid: uuid.unwrap_or_default(),
        epoch: number("epoch").map_or(0, |epoch| epoch as i64),
        compress: method(compress, level.unwrap_or(USUAL_LEVEL), cluster),
        cluster_blocks: cluster / BLOCK,
        chunk_bits: dedupe.then(|| chunk.unwrap_or(USUAL_CHUNK).max(BLOCK).ilog2()),
    };
    (settings, problems)
}

fn method(compress: &str, level: u64, cluster: u64) -> Option<Method> {
    Some(match compress {
        "lz4" => Method::Lz4(Effort::Fast),
        "lz4hc" => Method::Lz4(Effort::Deep(1 << (level.clamp(1, 12) - 1))),
        "zstd" => Method::Zstd {
            level: level.clamp(1, 22) as i32,
            window: (WINDOW_PIECES * cluster).ilog2().min(MOST_WINDOW),
        },
        _ => return None,
    })
}
