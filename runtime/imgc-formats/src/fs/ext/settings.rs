//! Settings: what the options mean, and which of them contradict one another.

use imgc_plan::{Data, Record, ids, kind::OptionProblem, units::parse_size};

use super::features::{self, Features, Surroundings};

/// Which of the three it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// Block maps, no journal.
    Ext2,
    /// Block maps and a journal.
    Ext3,
    /// Extents and a journal.
    Ext4,
}

impl Flavour {
    /// The name in a manifest.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ext2 => "ext2",
            Self::Ext3 => "ext3",
            Self::Ext4 => "ext4",
        }
    }
}

/// For whom it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Linux of today: as mke2fs of e2fsprogs 1.47 (Debian 12).
    Default,
    /// GNU Mach and the Hurd.
    Hurd,
    /// Linux and loaders since 2008: no checksums over metadata, no 64-bit block numbers.
    Compatible,
}

/// How large the journal is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Journal {
    /// None at all.
    None,
    /// By mke2fs's table.
    Auto,
    /// So many bytes.
    Size(u64),
}

/// Options with meaning, nothing left to look up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `s_volume_name`.
    pub label: Vec<u8>,
    /// `s_uuid`.
    pub uuid: [u8; 16],
    /// `s_hash_seed`.
    pub hash_seed: [u8; 16],
    /// Seconds since 1970.
    pub epoch: i64,
    /// Bytes of a block.
    pub block_size: u32,
    /// Bytes of an inode.
    pub inode_size: u32,
    /// Inodes in all, if given.
    pub inodes: Option<u64>,
    /// Bytes of the filesystem for each inode, if `inodes` is not given.
    pub bytes_per_inode: u64,
    /// Per cent of blocks for the superuser.
    pub reserved_percent: u64,
    /// The journal.
    pub journal: Journal,
    /// The features, all told.
    pub features: Features,
    /// `s_creator_os`.
    pub creator_os: u32,
    /// `s_default_mount_opts`.
    pub mount_opts: u32,
    /// `s_errors`.
    pub errors: u16,
}

/// Words of `s_default_mount_opts` and their bits (Linux, `fs/ext4/ext4.h`, `EXT4_DEFM_*`).
const MOUNT_BITS: &[(&str, u32)] = &[
    ("debug", 0x1),
    ("bsdgroups", 0x2),
    ("user-xattr", 0x4),
    ("acl", 0x8),
    ("uid16", 0x10),
    ("journal-data", 0x20),
    ("journal-data-ordered", 0x40),
    ("journal-data-writeback", 0x60),
    ("nobarrier", 0x100),
    ("block-validity", 0x200),
    ("discard", 0x400),
    ("nodelalloc", 0x800),
    ("none", 0),
];
/// Turns options into settings, and finds what cannot be.
pub fn parse(flavour: Flavour, options: &Record) -> (Settings, Vec<OptionProblem>) {
    let mut read = Reading { options, problems: Vec::new() };
    let profile = match read.text("profile") {
        "hurd" => Profile::Hurd,
        "compatible" => Profile::Compatible,
        _ => Profile::Default,
    };
    let hurd = match read.text("creator-os") {
        "" => profile == Profile::Hurd,
        word => word == "hurd",
    };
    let block_size = read.block_size();
    let inode_size = read.inode_size(if profile == Profile::Hurd { 128 } else { 256 }, block_size);
    let journal = read.journal(flavour, u64::from(block_size));
    let features = read.features(flavour, profile, inode_size, journal);
    read.problems.extend(features::check(features, &Surroundings { flavour, hurd, inode_size }));
    let settings = Settings {
        label: read.text("label").as_bytes().to_vec(),
        uuid: read.uuid("uuid"),
        hash_seed: read.uuid("hash-seed"),
        epoch: read.epoch(inode_size),
        block_size,
        inode_size,
        inodes: options.get("inodes").and_then(Data::as_u64),
        bytes_per_inode: read.number("bytes-per-inode", 16 << 10),
        reserved_percent: read.number("reserved-percent", 5),
        journal,
        features,
        creator_os: u32::from(hurd),
        mount_opts: read.mount_opts(),
        errors: match read.text("errors") {
            "remount-ro" => 2,
            "panic" => 3,
            _ => 1,
        },
    };
    if settings.label.len() > 16 || settings.label.contains(&0) {
        read.complain("label", "a label has at most 16 bytes and no NUL", "shorten it");
    }
    (settings, read.problems)
}

/// Options as they are read, and what was found wrong with them.
struct Reading<'a> {
    options: &'a Record,
    problems: Vec<OptionProblem>,
}

impl<'a> Reading<'a> {
    fn complain(&mut self, option: &'static str, message: impl Into<String>, help: &str) {
        let problem =
            OptionProblem { option: Some(option), message: message.into(), help: Some(help.into()) };
        self.problems.push(problem);
    }

    fn text(&self, name: &str) -> &'a str {
        self.options.get(name).and_then(Data::as_text).unwrap_or_default()
    }

    fn number(&self, name: &str, default: u64) -> u64 {
        self.options.get(name).and_then(Data::as_u64).unwrap_or(default)
    }

    fn words(&self, name: &str) -> Option<Vec<&'a str>> {
        let list = self.options.get(name)?.as_list()?;
        Some(list.iter().filter_map(Data::as_text).collect())
    }

    fn uuid(&mut self, name: &'static str) -> [u8; 16] {
        let text = self.text(name);
        if text.is_empty() {
            return [0; 16];
        }
        ids::uuid_bytes(text).unwrap_or_else(|| {
            self.complain(
                name,
                format!("`{text}` is not a UUID"),
                "write 32 hexadecimal digits as 8-4-4-4-12",
            );
            [0; 16]
        })
    }

    fn epoch(&mut self, inode_size: u32) -> i64 {
        let epoch = self.number("epoch", 0);
        if inode_size == 128 && epoch > i32::MAX as u64 {
            let message = format!("inodes of 128 bytes end in 2038, {epoch} is later");
            self.complain("epoch", message, "set `inode-size=256`");
        }
        i64::try_from(epoch).expect("because options are below 2^63")
    }

    fn block_size(&mut self) -> u32 {
        match self.number("block-size", 4096) {
            size @ (1024 | 2048 | 4096) => size as u32,
            size => {
                self.complain("block-size", format!("no block has {size} bytes"), "write 1KiB, 2KiB or 4KiB");
                4096
            }
        }
    }

    fn inode_size(&mut self, default: u32, block_size: u32) -> u32 {
        match self.number("inode-size", u64::from(default)) {
            size @ (128 | 256 | 512 | 1024) if size <= u64::from(block_size) => size as u32,
            size => {
                self.complain(
                    "inode-size",
                    format!("no inode has {size} bytes"),
                    "write 128, 256, 512 or 1024",
                );
                default
            }
        }
    }

    fn journal(&mut self, flavour: Flavour, block_size: u64) -> Journal {
        let text = self.text("journal");
        let journal = match text {
            "none" => Journal::None,
            "" | "auto" if flavour == Flavour::Ext2 => Journal::None,
            "" | "auto" => Journal::Auto,
            _ => match parse_size(text) {
                Ok(size) => Journal::Size(size),
                Err(message) => {
                    self.complain("journal", message, "write `auto`, `none`, or a size such as \"16MiB\"");
                    Journal::Auto
                }
            },
        };
        if flavour == Flavour::Ext2 && journal != Journal::None {
            self.complain("journal", "ext2 has no journal", "use `ext3` or `ext4`");
        }
        if let Journal::Size(size) = journal {
            // The least and the most that jbd2 and mke2fs take (e2fsprogs, `figure_journal_size`).
            let blocks = size / block_size;
            if !(1024..=10_240_000).contains(&blocks) || size % block_size != 0 {
                let message = format!("a journal has 1024 to 10240000 whole blocks of {block_size} bytes");
                self.complain("journal", message, "write `auto`, or a size in between");
                return Journal::Auto;
            }
        }
        journal
    }

    fn features(
        &mut self,
        flavour: Flavour,
        profile: Profile,
        inode_size: u32,
        journal: Journal,
    ) -> Features {
        let mut set = Features::base(flavour, profile);
        let words = self.words("features").unwrap_or_default();
        // Without being asked for, extra-isize only says what 256-byte inodes have anyway.
        if inode_size == 128 && !words.contains(&"extra-isize") {
            set = set.without(Features::EXTRA_ISIZE);
        }
        for word in words {
            let (name, take) = word.strip_prefix('-').map_or((word, false), |name| (name, true));
            match Features::of(name) {
                Some(Features::JOURNAL) => {
                    let help = "use the option `journal`: \"auto\", \"none\" or a size";
                    self.complain("features", "the journal is not set by a feature word", help);
                }
                Some(feature) if take => set = set.without(feature),
                Some(feature) => set = set.with(feature),
                None => {
                    self.complain("features", format!("there is no feature `{name}`"), "see the reference");
                }
            }
        }
        if journal == Journal::None { set } else { set.with(Features::JOURNAL) }
    }

    fn mount_opts(&mut self) -> u32 {
        let Some(words) = self.words("mount-options") else { return 0xC };
        words
            .iter()
            .fold(0, |bits, word| bits | MOUNT_BITS.iter().find(|row| row.0 == *word).map_or(0, |row| row.1))
    }
}
