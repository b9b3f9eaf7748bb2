//! Options: descriptors for the compiler, and the settings that they become.

use imgc_plan::{
    Data, Family, Kind, Opt, OptType, Record, ids,
    kind::{Default, FilesystemTraits, OptionProblem, Traits},
};

use super::format::BLOCK;

const SINCE: &str = "0.1.0";
/// `Z_EROFS_PCLUSTER_MAX_SIZE` (Linux, `fs/erofs/erofs_fs.h`).
const MOST_CLUSTER: u64 = 1 << 20;
/// Larger ones save next to nothing, and readers hold a chunk in memory.
const MOST_CHUNK: u64 = 16 << 20;
/// Chunks of `dedupe` unless told: a compromise between what is found to be equal and how scattered files become.
const USUAL_CHUNK: u64 = 64 << 10;
/// The level of `lz4hc` unless told, as that of the reference library.
const USUAL_LEVEL: u64 = 9;

const fn opt(name: &'static str, ty: OptType, default: Default, doc: &'static str) -> Opt {
    Opt { name, ty, default, doc, since: SINCE }
}

/// The descriptor.
pub static KIND: Kind = Kind {
    family: Family::Filesystem,
    name: "erofs",
    doc: "The enhanced read-only filesystem of Linux: small metadata, tails of files beside their inodes, LZ4 on request. It \
          is as long as its content.",
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
            OptType::Choice(&["none", "lz4", "lz4hc"]),
            Default::Text("none"),
            "How files are compressed: not at all, fast, or slowly to less; every kernel since 5.4 reads both.",
        ),
        opt(
            "level",
            OptType::Int { min: 1, max: 12 },
            Default::Absent,
            "How hard `lz4hc` tries, from 1 to 12; 9 unless told.",
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
    pub compress: Option<Effort>,
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
    if level.is_some() && compress != "lz4hc" {
        complain("level", "only `lz4hc` has levels", "take it away, or set `compress=lz4hc`");
    }
    for (name, size) in [("cluster-size", cluster), ("chunk-size", chunk)] {
        if size.is_some_and(|size| !size.is_power_of_two() || size < BLOCK) {
            complain(name, "this is not a power of two of at least 4KiB", "choose 4KiB, 8KiB, 16KiB, …");
        }
    }
    if cluster.is_some_and(|size| size > BLOCK) && !matches!(compress, "lz4" | "lz4hc") {
        complain("cluster-size", "nothing is compressed, so there are no clusters", "set `compress`, too");
    }
    if chunk.is_some() && !dedupe {
        complain("chunk-size", "chunks are what `dedupe` shares", "set `dedupe=#true`, too");
    }
    if dedupe && matches!(compress, "lz4" | "lz4hc") {
        complain(
            "dedupe",
            "compressed files are not made of chunks",
            "choose one of `dedupe` and `compress`",
        );
    }
    let settings = Settings {
        label,
        uuid: uuid.unwrap_or_default(),
        epoch: number("epoch").map_or(0, |epoch| epoch as i64),
        compress: match compress {
            "lz4" => Some(Effort::Fast),
            "lz4hc" => Some(Effort::Deep(1 << (level.unwrap_or(USUAL_LEVEL).clamp(1, 12) - 1))),
            _ => None,
        },
        cluster_blocks: cluster.unwrap_or(BLOCK).clamp(BLOCK, MOST_CLUSTER) / BLOCK,
        chunk_bits: dedupe.then(|| chunk.unwrap_or(USUAL_CHUNK).max(BLOCK).ilog2()),
    };
    (settings, problems)
}
