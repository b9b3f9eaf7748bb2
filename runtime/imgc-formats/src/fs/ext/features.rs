//! Feature words: their bits, what each kind and profile starts with, and which cannot stand together.

use imgc_plan::kind::OptionProblem;

use super::settings::{Flavour, Profile};

/// A set of features, as bits of our own numbering ([`TABLE`] says where each lies in the superblock).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features(u32);

/// The superblock field that holds a feature's bit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Compat,
    Incompat,
    RoCompat,
}

macro_rules! features {
    ($($const:ident $index:literal $word:literal $field:ident $bit:literal $doc:literal;)*) => {
        impl Features {
            $(#[doc = $doc] pub const $const: Self = Self(1 << $index);)*
        }
        /// Word, set, field and bit of every feature (Linux, `fs/ext4/ext4.h`, `EXT4_FEATURE_*`).
        const TABLE: &[(&str, Features, Field, u32)] =
            &[$(($word, Features::$const, Field::$field, $bit),)*];
        /// What the `features` option takes: a feature's word, or the word after a `-` to take it away.
        pub const WORDS: &[&str] = &[$($word, concat!("-", $word),)*];
    };
}

features! {
    JOURNAL 0 "has-journal" Compat 0x4 "A journal; set by the option `journal`.";
    EXT_ATTR 1 "ext-attr" Compat 0x8 "Extended attributes may be there.";
    RESIZE_INODE 2 "resize-inode" Compat 0x10 "Room for a larger group descriptor table.";
    DIR_INDEX 3 "dir-index" Compat 0x20 "Directories of more than a block are hash trees.";
    FILETYPE 4 "filetype" Incompat 0x2 "Directory entries know the type.";
    EXTENTS 5 "extents" Incompat 0x40 "Files are mapped by extent trees.";
    BITS64 6 "64bit" Incompat 0x80 "Block numbers of 64 bits.";
    FLEX_BG 7 "flex-bg" Incompat 0x200 "Metadata of 16 groups lies together.";
    CSUM_SEED 8 "metadata-csum-seed" Incompat 0x2000 "The seed of checksums is stored.";
    SPARSE_SUPER 9 "sparse-super" RoCompat 0x1 "Few groups have copies of the superblock.";
    LARGE_FILE 10 "large-file" RoCompat 0x2 "Files of 2 GiB and more.";
    HUGE_FILE 11 "huge-file" RoCompat 0x8 "Block counts of 48 bits.";
    UNINIT_BG 12 "uninit-bg" RoCompat 0x10 "Group descriptors have a CRC-16.";
    DIR_NLINK 13 "dir-nlink" RoCompat 0x20 "More than 65000 subdirectories.";
    EXTRA_ISIZE 14 "extra-isize" RoCompat 0x40 "Room for the large inode fields is guaranteed.";
    METADATA_CSUM 15 "metadata-csum" RoCompat 0x400 "CRC-32C on all metadata.";
}

impl Features {
    /// Whether all of `other` are in it.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether group descriptors have a checksum of either sort, and so may say "not initialised".
    pub const fn group_csum(self) -> bool {
        self.has(Self::METADATA_CSUM) || self.has(Self::UNINIT_BG)
    }

    /// Both sets.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This set without the other.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The feature of this word.
    pub fn of(word: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.0 == word).map(|row| row.1)
    }

    /// The three words of the superblock: `s_feature_compat`, `_incompat`, `_ro_compat`.
    pub fn bits(self) -> [u32; 3] {
        let field = |field| {
            TABLE.iter().filter(|row| row.2 == field && self.has(row.1)).fold(0, |bits, row| bits | row.3)
        };
        [field(Field::Compat), field(Field::Incompat), field(Field::RoCompat)]
    }

    /// The names of the set bits of a superblock, and what bits remain unknown.
    pub fn names(bits: [u32; 3]) -> (Vec<&'static str>, [u32; 3]) {
        let mut rest = bits;
        let mut names = Vec::new();
        for (word, _, field, bit) in TABLE {
            let slot = match field {
                Field::Compat => &mut rest[0],
                Field::Incompat => &mut rest[1],
                Field::RoCompat => &mut rest[2],
            };
            if *slot & bit != 0 {
                names.push(*word);
                *slot &= !bit;
            }
        }
        (names, rest)
    }

    /// What a kind with a profile starts with: mke2fs.conf of e2fsprogs 1.47 for `default`.
    pub fn base(flavour: Flavour, profile: Profile) -> Self {
        let ext2 = Self::EXT_ATTR
            .with(Self::RESIZE_INODE)
            .with(Self::DIR_INDEX)
            .with(Self::FILETYPE)
            .with(Self::SPARSE_SUPER)
            .with(Self::LARGE_FILE);
        let ext4 = ext2
            .with(Self::EXTENTS)
            .with(Self::FLEX_BG)
            .with(Self::HUGE_FILE)
            .with(Self::DIR_NLINK)
            .with(Self::EXTRA_ISIZE);
        match (flavour, profile) {
            // The Hurd neither knows file types in directories nor keeps hash trees up to date.
            (_, Profile::Hurd) => ext2.without(Self::FILETYPE).without(Self::DIR_INDEX),
            (Flavour::Ext2 | Flavour::Ext3, _) => ext2,
            (Flavour::Ext4, Profile::Compatible) => ext4.with(Self::UNINIT_BG),
            (Flavour::Ext4, Profile::Default) => ext4.with(Self::BITS64).with(Self::METADATA_CSUM),
        }
    }
}

/// What the features are checked against.
pub struct Surroundings {
    /// The kind.
    pub flavour: Flavour,
    /// Whether the creator is the Hurd.
    pub hurd: bool,
    /// Bytes of an inode.
    pub inode_size: u32,
}

/// Finds features that cannot be with this kind, with the other options or with one another.
pub fn check(features: Features, around: &Surroundings) -> Vec<OptionProblem> {
    let mut problems = Vec::new();
    let mut complain = |message: String, help: &str| {
        problems.push(OptionProblem { option: Some("features"), message, help: Some(help.into()) });
    };
    only_ext4(features, around.flavour, &mut complain);
    if around.hurd {
        for word in ["filetype", "huge-file", "metadata-csum", "extents"] {
            if Features::of(word).is_some_and(|feature| features.has(feature)) {
                complain(format!("the Hurd does not know `{word}`"), "leave it out, or the Hurd");
            }
        }
    }
    if around.inode_size == 128 {
        for word in ["metadata-csum", "extra-isize"] {
            if Features::of(word).is_some_and(|feature| features.has(feature)) {
                let message = format!("inodes of 128 bytes have no room for what `{word}` needs");
                complain(
                    message,
                    "set `inode-size=256`, or take the feature away with a `-` before its word",
                );
            }
        }
    }
    if features.has(Features::BITS64) && !features.has(Features::EXTENTS) {
        complain("`64bit` needs `extents`".into(), "take both or neither: `-64bit` `-extents`");
    }
    if features.has(Features::UNINIT_BG.with(Features::METADATA_CSUM)) {
        complain("`metadata-csum` replaces `uninit-bg`".into(), "write `-metadata-csum` for the older one");
    }
    if features.has(Features::CSUM_SEED) && !features.has(Features::METADATA_CSUM) {
        complain("`metadata-csum-seed` needs `metadata-csum`".into(), "take both or neither");
    }
    if features.has(Features::RESIZE_INODE) && !features.has(Features::SPARSE_SUPER) {
        complain("`resize-inode` needs `sparse-super`".into(), "write `-resize-inode`, too");
    }
    problems
}

/// Complains of what only ext4 drivers know.
fn only_ext4(features: Features, flavour: Flavour, complain: &mut impl FnMut(String, &str)) {
    if flavour == Flavour::Ext4 {
        return;
    }
    let base = Features::base(Flavour::Ext2, Profile::Default).with(Features::JOURNAL);
    for (word, feature, ..) in TABLE {
        if features.has(*feature) && !base.has(*feature) {
            complain(format!("{} has no `{word}`", flavour.name()), "use `ext4` in its place");
        }
    }
}
