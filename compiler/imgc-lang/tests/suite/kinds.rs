//! Kinds that stand in for the runtime's: enough of each family to see every rule of the compiler at work.

use imgc_plan::{
    Data, Family, Kind, Opt, OptType, Record,
    kind::{
        ArchiveTraits, Default, DiskFormatTraits, FilesystemTraits, Kinds, LoaderTraits, OptionProblem,
        Products, TableTraits, Traits, TypeForm,
    },
    menu::{BootAction, Menu},
    step::LoaderHome,
};

/// All of them.
pub struct Fake;

const fn opt(name: &'static str, ty: OptType, default: Default) -> Opt {
    Opt { name, ty, default, doc: "An option of a test.", since: "0.1" }
}

const fn kind(name: &'static str, family: Family, options: &'static [Opt], traits: Traits) -> Kind {
    Kind { family, name, doc: "A kind of a test.", since: "0.1", options, traits }
}

const fn filesystem(takes_tree: bool, stamps_start: bool, default_type: &'static str) -> Traits {
    Traits::Filesystem(FilesystemTraits {
        takes_tree,
        own_length: false,
        stamps_start,
        system_area: 0,
        folds_case: false,
        default_type,
    })
}

const fn own_length(stamps_start: bool, system_area: u64) -> Traits {
    let default_type = "linux";
    Traits::Filesystem(FilesystemTraits {
        takes_tree: true,
        own_length: true,
        stamps_start,
        system_area,
        folds_case: false,
        default_type,
    })
}

static EXT: &[Opt] = &[
    opt("label", OptType::Text { max: 16 }, Default::Text("")),
    opt("uuid", OptType::Uuid, Default::Derived),
    opt("epoch", OptType::Int { min: i64::MIN, max: i64::MAX }, Default::Epoch),
    opt("profile", OptType::Choice(&["default", "hurd"]), Default::Text("default")),
    opt("reserved", OptType::Int { min: 0, max: 50 }, Default::Int(5)),
    opt("journal", OptType::Size { min: 1 << 20, max: 1 << 30 }, Default::Absent),
    opt("features", OptType::Words(&["casefold", "encrypt", "verity"]), Default::Absent),
];
static EXT2: Kind = kind("ext2", Family::Filesystem, EXT, filesystem(true, false, "linux"));
static EXT4: Kind = kind("ext4", Family::Filesystem, EXT, filesystem(true, false, "linux"));
static VFAT: Kind = kind(
    "vfat",
    Family::Filesystem,
    &[
        opt("fat", OptType::Choice(&["auto", "12", "16", "32"]), Default::Text("auto")),
        opt("label", OptType::Text { max: 11 }, Default::Text("NO NAME")),
        opt("serial", OptType::Serial, Default::Derived),
        opt("sector-size", OptType::Int { min: 512, max: 4096 }, Default::SectorSize),
    ],
    filesystem(true, true, "basic-data"),
);
static SWAP: Kind = kind(
    "swap",
    Family::Filesystem,
    &[
        opt("uuid", OptType::Uuid, Default::Derived),
        opt("pages", OptType::Int { min: 1, max: 1000 }, Default::Required),
    ],
    filesystem(false, false, "swap"),
);
/// Its length follows from what it holds.
static PACKED: Kind = kind(
    "packed",
    Family::Filesystem,
    &[opt("compress", OptType::Choice(&["none", "zstd"]), Default::Text("none"))],
    own_length(false, 0),
);
/// As [`PACKED`], and it wants to know where it lies.
static HYBRID: Kind = kind("hybrid", Family::Filesystem, &[], own_length(true, 0));
static DISC: Kind = kind("disc", Family::Filesystem, &[], own_length(false, 32 << 10));
static GPT: Kind = kind(
    "gpt",
    Family::Table,
    &[opt("uuid", OptType::Uuid, Default::Derived)],
    Traits::Table(TableTraits {
        head: &[(512, 34), (4096, 6)],
        tail: &[(512, 33), (4096, 5)],
        slots: 128,
        logical: false,
        max_sector: u64::MAX,
        shares_head: false,
        name_units: Some(36),
        uuids: true,
        disk_id: None,
        bootable: false,
        attributes: &[("required", 0), ("legacy-boot", 2)],
        types: &[
            ("linux", "0fc63daf-8483-4772-8e79-3d69d8477de4"),
            ("swap", "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f"),
            ("bios-boot", "21686148-6449-6e6f-744e-656564454649"),
            ("basic-data", "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7"),
        ],
        type_form: TypeForm::Guid,
    }),
);
static MBR: Kind = kind(
    "mbr",
    Family::Table,
    &[opt("serial", OptType::Serial, Default::Derived)],
    Traits::Table(TableTraits {
        head: &[(512, 1)],
        tail: &[(512, 0)],
        slots: 4,
        logical: true,
        max_sector: u32::MAX as u64,
        shares_head: true,
        name_units: None,
        uuids: false,
        disk_id: Some("serial"),
        bootable: true,
        attributes: &[],
        types: &[("linux", "83"), ("swap", "82"), ("basic-data", "0c")],
        type_form: TypeForm::Byte,
    }),
);
static BARE: Kind = kind(
    "bare",
    Family::Table,
    &[],
    Traits::Table(TableTraits {
        head: &[(512, 0), (4096, 0)],
        tail: &[(512, 0), (4096, 0)],
        slots: 0,
        logical: false,
        max_sector: u64::MAX,
        shares_head: false,
        name_units: None,
        uuids: false,
        disk_id: None,
        bootable: false,
        attributes: &[],
        types: &[],
        type_form: TypeForm::Byte,
    }),
);
static GRUB: Kind = kind(
    "grub",
    Family::Loader,
    &[
        opt("platform", OptType::Choice(&["i386-pc", "i386-pc-pxe"]), Default::Required),
        opt("modules", OptType::Texts, Default::Absent),
        opt("epoch", OptType::Int { min: 0, max: i64::MAX }, Default::Epoch),
    ],
    Traits::Loader(LoaderTraits {
        takes_source: true,
        needs_source: true,
        takes_menu: true,
        takes_esp: true,
    }),
);
static IPXE: Kind = kind(
    "ipxe",
    Family::Loader,
    &[opt("prefix", OptType::Text { max: 8 }, Default::Absent)],
    Traits::Loader(LoaderTraits {
        takes_source: true,
        needs_source: false,
        takes_menu: true,
        takes_esp: false,
    }),
);
static RAW: Kind = kind(
    "raw",
    Family::DiskFormat,
    &[],
    Traits::DiskFormat(DiskFormatTraits { endings: &["img", "raw", "iso"] }),
);
static QCOW2: Kind = kind(
    "qcow2",
    Family::DiskFormat,
    &[
        opt("compress", OptType::Choice(&["none", "zlib", "zstd"]), Default::Text("none")),
        opt("cluster-size", OptType::Size { min: 512, max: 2 << 20 }, Default::Int(64 << 10)),
        opt("lazy-refcounts", OptType::Bool, Default::Bool(false)),
    ],
    Traits::DiskFormat(DiskFormatTraits { endings: &["qcow2"] }),
);
static CPIO: Kind = kind(
    "cpio",
    Family::Archive,
    &[opt("compress", OptType::Choice(&["none", "gzip", "zstd"]), Default::Text("none"))],
    Traits::Archive(ArchiveTraits { packs: true, unpacks: false }),
);
static DEB: Kind =
    kind("deb", Family::Archive, &[], Traits::Archive(ArchiveTraits { packs: false, unpacks: true }));

static ALL: &[&Kind] = &[
    &EXT2, &EXT4, &VFAT, &SWAP, &PACKED, &HYBRID, &DISC, &GPT, &MBR, &BARE, &GRUB, &IPXE, &RAW, &QCOW2,
    &CPIO, &DEB,
];

fn problem(option: &'static str, message: &str, help: &str) -> Vec<OptionProblem> {
    vec![OptionProblem { option: Some(option), message: message.into(), help: Some(help.into()) }]
}

impl Kinds for Fake {
    fn all(&self) -> &[&'static Kind] {
        ALL
    }

    fn check(&self, _family: Family, name: &str, options: &Record) -> Vec<OptionProblem> {
        let text = |name: &str| options.get(name).and_then(Data::as_text).unwrap_or_default();
        if name == "vfat" && text("label").contains(char::is_lowercase) {
            return problem("label", "a label has no lower case", "write it in capitals");
        }
        let cluster = options.get("cluster-size").and_then(Data::as_u64).unwrap_or(512);
        if name == "qcow2" && !cluster.is_power_of_two() {
            return problem("cluster-size", "a cluster is a power of two", "write \"64KiB\"");
        }
        Vec::new()
    }

    fn check_len(&self, name: &str, _options: &Record, len: u64) -> Option<OptionProblem> {
        let too_short = name == "vfat" && len < 64 << 10;
        too_short.then(|| problem("", "a FAT has 64 KiB", "make it \"64KiB\" or larger").remove(0))
    }

    fn products(&self, name: &str, options: &Record, home: &LoaderHome) -> Products {
        if matches!(home, LoaderHome::Network) {
            let platform = options.get("platform").and_then(Data::as_text);
            return Products {
                files: name == "ipxe" || platform == Some("i386-pc-pxe"),
                ..Products::default()
            };
        }
        let esp_files = matches!(home, LoaderHome::Disk { esp: Some(_), .. });
        let boot_code = home.own().is_some_and(|own| own.filesystem == "ext2") && !esp_files;
        let signed = options.get("secure-boot").and_then(Data::as_bool) == Some(true);
        let own = name == "ipxe";
        Products { files: true, esp_files, image: true, stamp: true, boot_code, own, signed }
    }

    fn seals(&self, name: &str) -> bool {
        name == "ipxe"
    }

    fn check_home(&self, _name: &str, options: &Record, home: &LoaderHome) -> Vec<OptionProblem> {
        match home.own() {
            Some(own) if own.filesystem == "packed" => {
                problem("partition", "this loader cannot read `packed`", "use ext2")
            }
            None if options.contains_key("prefix") => {
                problem("prefix", "a server has no prefix", "leave it out")
            }
            _ => Vec::new(),
        }
    }

    fn check_menu(
        &self,
        _name: &str,
        _options: &Record,
        menu: &Menu,
        _home: &LoaderHome,
    ) -> Vec<(usize, OptionProblem)> {
        let chains = |action: &BootAction| matches!(action, BootAction::Chainload { .. });
        let entries = menu.entries.iter().enumerate().filter(|(_, entry)| entry.actions.iter().any(chains));
        let found = |index| {
            let message = "this loader starts no other loader".to_owned();
            (index, OptionProblem { option: None, message, help: None })
        };
        entries.map(|(index, _)| found(index)).collect()
    }
}
