//! Descriptors: how a filesystem, table, loader, disk format or archive tells the compiler what it is.
//!
//! The compiler decodes options generically from these, so no kind's name occurs in it. Help, reference pages, schema
//! and "did you mean" come from the same place.

mod reference;

pub use reference::reference;
use serde::Serialize;

use crate::home::LoaderHome;

/// The disk format that writes bytes as they are. What an output makes of a tree is exported by it.
pub const PLAIN_FORMAT: &str = "raw";

/// The properties of a filesystem's node that mean the same for every kind, so that none has an option of such a name: what it
/// holds, and how long it is where it is in a file of its own.
pub const STRUCTURAL: &[&str] = &["tree", "size", "slack"];

/// The open families: each has one folder in the runtime, one list, and any number of kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Makes a partition's bytes of a tree, or of nothing.
    Filesystem,
    /// Makes a disk's bytes of a layout and its partitions' bytes.
    Table,
    /// Makes the files and stamps that let firmware start something.
    Loader,
    /// Makes an artifact of a disk's bytes.
    DiskFormat,
    /// Makes bytes of a tree, or a tree of bytes.
    Archive,
}

/// A kind's description of itself.
#[derive(Debug, Serialize)]
pub struct Kind {
    /// The family to which it belongs.
    pub family: Family,
    /// The node's name in a manifest, such as `ext4`.
    pub name: &'static str,
    /// One sentence that says what it is.
    pub doc: &'static str,
    /// The version of imgc that first had it.
    pub since: &'static str,
    /// The options, in the order in which the reference lists them.
    pub options: &'static [Opt],
    /// What only its family needs to say.
    pub traits: Traits,
}

/// What the compiler must know of a kind beyond its options.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Traits {
    /// A filesystem.
    Filesystem(FilesystemTraits),
    /// A partition table.
    Table(TableTraits),
    /// A boot loader.
    Loader(LoaderTraits),
    /// A disk format.
    DiskFormat(DiskFormatTraits),
    /// An archive.
    Archive(ArchiveTraits),
}

/// What the compiler must know of a filesystem.
#[derive(Debug, Serialize)]
pub struct FilesystemTraits {
    /// Whether it holds a tree (`false`: swap and the like, which take none).
    pub takes_tree: bool,
    /// Whether its length follows from its content alone (compressed and read-only ones): it is written first and placed then,
    /// so it gets no length, is never measured, and may be shorter than its partition.
    pub own_length: bool,
    /// Whether the start of its partition must be stamped into it ([`crate::step::Stamp`]), as FAT's hidden sectors. What is
    /// written is right for a start of 0, so that a filesystem in a file of its own needs no stamp.
    pub stamps_start: bool,
    /// Bytes at its start that it leaves to others, such as a partition table and boot code; 0 for most. One that leaves enough
    /// for the table may lie at the start of the disk, and does so when it comes first and is not listed.
    pub system_area: u64,
    /// Whether names that differ only in case are the same name.
    pub folds_case: bool,
    /// The partition type that a partition with it has unless the manifest gives one: a name that every table knows.
    pub default_type: &'static str,
}

/// What the compiler and the layout solver must know of a partition table.
#[derive(Debug, Serialize)]
pub struct TableTraits {
    /// Sectors at the start of the disk that no partition may use, for each sector size: (sector size, sectors).
    pub head: &'static [(u32, u64)],
    /// Sectors at the end of the disk that no partition may use, for each sector size.
    pub tail: &'static [(u32, u64)],
    /// The most entries: primary ones where there are logical ones, too. Without any, no partition is listed.
    pub slots: u32,
    /// Whether there are logical partitions, each of which needs a sector of its own before it.
    pub logical: bool,
    /// The largest sector number that a partition may start at or reach.
    pub max_sector: u64,
    /// Whether a partition that the table lists may begin in the sectors that the table itself uses.
    pub shares_head: bool,
    /// Whether partitions have names, and of how many UTF-16 units.
    pub name_units: Option<u32>,
    /// Whether partitions have GUIDs (`uuid` on a partition).
    pub uuids: bool,
    /// The option that is the disk's id, where systems name a partition by that and its number (Linux: `PARTUUID=`).
    pub disk_id: Option<&'static str>,
    /// Whether there is a bootable flag.
    pub bootable: bool,
    /// Attributes by name and bit, for `attributes`.
    pub attributes: &'static [(&'static str, u8)],
    /// Partition types by name. The code is what [`TableTraits::type_form`] says.
    pub types: &'static [(&'static str, &'static str)],
    /// How a type is written when it is not one of the names.
    pub type_form: TypeForm,
}

/// How a partition's type is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TypeForm {
    /// A GUID with hyphens.
    Guid,
    /// One byte as two hexadecimal digits, such as `83`.
    Byte,
}

/// What the compiler must know of a boot loader.
#[derive(Debug, Serialize)]
pub struct LoaderTraits {
    /// Whether it takes files from a package or directory (`source=`).
    pub takes_source: bool,
    /// Whether it makes nothing without them.
    pub needs_source: bool,
    /// Whether it shows a menu (`menu=`).
    pub takes_menu: bool,
    /// Whether some of its files may lie in a partition of their own, where firmware looks for them (`esp=`).
    pub takes_esp: bool,
}

/// What a loader makes with certain options for a certain home.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Products {
    /// Files that overlay its home ([`crate::step::Product::Files`]).
    pub files: bool,
    /// Files that overlay the partition in which firmware looks ([`crate::step::Product::EspFiles`]).
    pub esp_files: bool,
    /// What lies outside of filesystems ([`crate::step::Product::Image`]); it is laid over the disk by a stamp.
    pub image: bool,
    /// Whether bytes of the finished disk are changed: a boot sector, a list of blocks, a catalogue.
    pub stamp: bool,
    /// Whether its code goes into the disk's first sector, where there is room for one.
    pub boot_code: bool,
    /// Whether bytes of its home are among those that are changed.
    pub own: bool,
    /// Whether what its menu starts must be signed: it runs under secure boot.
    pub signed: bool,
}

/// What the compiler must know of a disk format.
#[derive(Debug, Serialize)]
pub struct DiskFormatTraits {
    /// The file name endings for which it is chosen when an output names no format, without the dot.
    pub endings: &'static [&'static str],
}

/// What the compiler must know of an archive.
#[derive(Debug, Serialize)]
pub struct ArchiveTraits {
    /// Whether a tree can be packed into it.
    pub packs: bool,
    /// Whether it can be unpacked into a tree.
    pub unpacks: bool,
}

/// One option of a kind: a property of its node, or a child node of the same name where it is a list.
#[derive(Debug, Serialize)]
pub struct Opt {
    /// Its name in a manifest.
    pub name: &'static str,
    /// Its type.
    pub ty: OptType,
    /// What it is when the manifest does not say.
    pub default: Default,
    /// One sentence: what it does, in which unit.
    pub doc: &'static str,
    /// The version of imgc that first had it.
    pub since: &'static str,
}

/// The type of an option and the limits that can be checked without knowing anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptType {
    /// `#true` or `#false` → [`crate::Data::Bool`].
    Bool,
    /// A whole number within limits → [`crate::Data::Int`].
    Int {
        /// The least that is allowed.
        min: i64,
        /// The most that is allowed.
        max: i64,
    },
    /// A size in bytes, written with a unit → [`crate::Data::Int`].
    Size {
        /// The least that is allowed, in bytes.
        min: u64,
        /// The most that is allowed, in bytes.
        max: u64,
    },
    /// Text of at most so many bytes → [`crate::Data::Text`].
    Text {
        /// The most bytes of UTF-8.
        max: u32,
    },
    /// One of a few words → [`crate::Data::Text`].
    Choice(&'static [&'static str]),
    /// A UUID or GUID with hyphens → [`crate::Data::Text`], lower case.
    Uuid,
    /// A 32-bit volume serial, written `1234-abcd` → [`crate::Data::Int`].
    Serial,
    /// Several of a few words, as arguments of a child node → [`crate::Data::List`] of Text.
    Words(&'static [&'static str]),
    /// Several texts, as arguments of a child node → [`crate::Data::List`] of Text.
    Texts,
}

/// What an option is when the manifest does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Default {
    /// It must be given.
    Required,
    /// It stays out of the record: the kind chooses by itself, as the option's doc says.
    Absent,
    /// This truth value.
    Bool(bool),
    /// This number or size.
    Int(i64),
    /// This text or word.
    Text(&'static str),
    /// An id derived from the seed, the node's place and the option's name: see [`crate::ids`].
    Derived,
    /// The epoch of the build, in seconds.
    Epoch,
    /// The sector size of the disk it is in; 512 where it is in none.
    SectorSize,
}

impl Kind {
    /// The option of this name.
    pub fn option(&self, name: &str) -> Option<&'static Opt> {
        self.options.iter().find(|option| option.name == name)
    }
}

/// A complaint of a kind about its options, found before anything runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionProblem {
    /// The option to blame; the node itself when `None`.
    pub option: Option<&'static str>,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

/// All kinds as the compiler sees them: descriptors, and pure checks over decoded options. The runtime implements it, the
/// driver hands it over.
pub trait Kinds {
    /// The descriptors of every kind of every family; [`PLAIN_FORMAT`] is among them.
    fn all(&self) -> &[&'static Kind];

    /// Finds combinations of options that cannot be; every option is there with its default, in its type.
    fn check(&self, family: Family, name: &str, options: &crate::Record) -> Vec<OptionProblem>;

    /// For a filesystem that has not its own length: why none with these options has this length in bytes, whatever it holds.
    fn check_len(&self, name: &str, options: &crate::Record, len: u64) -> Option<OptionProblem> {
        let _ = (name, options, len);
        None
    }

    /// For a loader: what it makes with these options there.
    fn products(&self, name: &str, options: &crate::Record, home: &LoaderHome) -> Products;

    /// For a loader: whether its stamp reads all of the disk, and so comes after those of all other loaders.
    fn seals(&self, name: &str) -> bool {
        let _ = name;
        false
    }

    /// For a loader: what makes it impossible there, before anything runs. The option to blame may be `partition` or `esp`, too.
    fn check_home(&self, name: &str, options: &crate::Record, home: &LoaderHome) -> Vec<OptionProblem>;

    /// For a loader: what it cannot express of a menu, with the index of the entry.
    fn check_menu(
        &self,
        name: &str,
        options: &crate::Record,
        menu: &crate::menu::Menu,
        home: &LoaderHome,
    ) -> Vec<(usize, OptionProblem)>;

    /// For a loader: the files of its partition that its options name, with the option.
    fn paths(&self, name: &str, options: &crate::Record) -> Vec<(&'static str, String)> {
        let _ = (name, options);
        Vec::new()
    }

    /// For a loader: what of a menu can be, but hardly is what was meant, with the index of the entry.
    fn lint_menu(
        &self,
        name: &str,
        options: &crate::Record,
        menu: &crate::menu::Menu,
    ) -> Vec<(usize, OptionProblem)> {
        let _ = (name, options, menu);
        Vec::new()
    }

    /// What of a partition can be, but firmware may not like, each with its code. The table is known by its name.
    fn lint_partition(
        &self,
        table: &str,
        part: &crate::step::PartHome,
    ) -> Vec<(&'static str, OptionProblem)> {
        let _ = (table, part);
        Vec::new()
    }

    /// The kind of this family and name.
    fn find(&self, family: Family, name: &str) -> Option<&'static Kind> {
        self.all().iter().copied().find(|kind| kind.family == family && kind.name == name)
    }
}
