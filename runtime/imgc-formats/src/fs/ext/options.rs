//! Options: the descriptors that the compiler, the reference and completions read.

use imgc_plan::{
    Family, Kind, Opt, OptType,
    kind::{Default, FilesystemTraits, Traits},
};

use super::features;

const SINCE: &str = "0.1.0";

const fn opt(name: &'static str, ty: OptType, default: Default, doc: &'static str) -> Opt {
    Opt { name, ty, default, doc, since: SINCE }
}

const LABEL: Opt =
    opt("label", OptType::Text { max: 16 }, Default::Text(""), "The volume's name, at most 16 bytes.");
const UUID: Opt = opt("uuid", OptType::Uuid, Default::Derived, "The filesystem's UUID.");
const HASH_SEED: Opt =
    opt("hash-seed", OptType::Uuid, Default::Derived, "The seed of the hashes in directories, as a UUID.");
const EPOCH: Opt = opt(
    "epoch",
    OptType::Int { min: 0, max: (1 << 34) - (1 << 31) - 1 },
    Default::Epoch,
    "The time in the superblock and of `lost+found`, in seconds since 1970.",
);
const BLOCK_SIZE: Opt = opt(
    "block-size",
    OptType::Size { min: 1024, max: 4096 },
    Default::Int(4096),
    "Bytes of a block: 1KiB, 2KiB or 4KiB; also small filesystems have 4KiB unless told (dm-verity needs it).",
);
const INODE_SIZE: Opt = opt(
    "inode-size",
    OptType::Int { min: 128, max: 1024 },
    Default::Absent,
    "Bytes of an inode: 128 (no times after 2038, no parts of a second), 256, 512 or 1024; 256 unless told, 128 with profile hurd.",
);
const INODES: Opt = opt(
    "inodes",
    OptType::Int { min: 16, max: u32::MAX as i64 },
    Default::Absent,
    "The number of inodes, rounded up to fill the groups' tables; by `bytes-per-inode` unless told.",
);
const BYTES_PER_INODE: Opt = opt(
    "bytes-per-inode",
    OptType::Size { min: 1024, max: 64 << 20 },
    Default::Int(16 << 10),
    "One inode for so many bytes of the filesystem; never fewer than the tree needs and an eighth more.",
);
const RESERVED: Opt = opt(
    "reserved-percent",
    OptType::Int { min: 0, max: 50 },
    Default::Int(5),
    "Per cent of the blocks that only the superuser can fill; 5 as with mke2fs.",
);
const JOURNAL: Opt = opt(
    "journal",
    OptType::Text { max: 24 },
    Default::Text("auto"),
    "`auto` (mke2fs's size, or a smaller one where the tree needs the room; none below 2048 blocks), `none`, or a size such as \"16MiB\".",
);
const NO_JOURNAL: Opt = opt(
    "journal",
    OptType::Choice(&["none"]),
    Default::Text("none"),
    "ext2 has none; ext3 is ext2 with one.",
);
const FEATURES: Opt = opt(
    "features",
    OptType::Words(features::WORDS),
    Default::Absent,
    "Features to add, or with a `-` before the word to take away from what the kind and profile start with.",
);
const MOUNT_OPTIONS: Opt = opt(
    "mount-options",
    OptType::Words(MOUNT_WORDS),
    Default::Absent,
    "Default mount options in the superblock; user-xattr and acl unless told.",
);
const ERRORS: Opt = opt(
    "errors",
    OptType::Choice(&["continue", "remount-ro", "panic"]),
    Default::Text("continue"),
    "What a kernel does when it finds the filesystem damaged.",
);
const CREATOR_OS: Opt = opt(
    "creator-os",
    OptType::Choice(&["linux", "hurd"]),
    Default::Absent,
    "The system that is named as the maker: linux unless told, hurd with profile hurd.",
);

const MOUNT_WORDS: &[&str] = &[
    "debug",
    "bsdgroups",
    "user-xattr",
    "acl",
    "uid16",
    "journal-data",
    "journal-data-ordered",
    "journal-data-writeback",
    "nobarrier",
    "block-validity",
    "discard",
    "nodelalloc",
    "none",
];

const TRAITS: Traits = Traits::Filesystem(FilesystemTraits {
    takes_tree: true,
    own_length: false,
    stamps_start: false,
    system_area: 0,
    folds_case: false,
    default_type: "linux",
});

macro_rules! kind {
    ($static:ident, $name:literal, $doc:literal, $($own:expr),*) => {
        #[doc = concat!("The descriptor of ", $name, ".")]
        pub static $static: Kind = Kind {
            family: Family::Filesystem,
            name: $name,
            doc: $doc,
            since: SINCE,
            options: &[
                LABEL, UUID, HASH_SEED, EPOCH, $($own,)* BLOCK_SIZE, INODE_SIZE, INODES, BYTES_PER_INODE, RESERVED,
                FEATURES, MOUNT_OPTIONS, ERRORS, CREATOR_OS,
            ],
            traits: TRAITS,
        };
    };
}

kind!(
    EXT2,
    "ext2",
    "The second extended filesystem: no journal, read by nearly every loader and kernel.",
    opt(
        "profile",
        OptType::Choice(&["default", "hurd"]),
        Default::Text("default"),
        "For whom: Linux, or GNU Mach and the Hurd (128-byte inodes, no file types or hash trees in directories).",
    ),
    NO_JOURNAL
);
kind!(EXT3, "ext3", "The third extended filesystem: ext2 with a journal.", JOURNAL);
kind!(
    EXT4,
    "ext4",
    "The fourth extended filesystem: extents, checksums, a journal.",
    opt(
        "profile",
        OptType::Choice(&["default", "compatible"]),
        Default::Text("default"),
        "For whom: Linux of today (e2fsprogs 1.47), or old kernels and loaders (no metadata-csum, no 64bit).",
    ),
    JOURNAL
);
