//! Steps: the dozen or so things that can be done on the way from sources to artifacts. A closed set: meaning is decided here.

mod verity;

use serde::Serialize;
pub use verity::Verity;

pub use crate::home::{LoaderHome, PartHome};
use crate::{
    data::Record,
    digest::{Canon, Canonical, StepId},
    kind::Family,
    layout::DiskSpec,
    menu::Menu,
    tree::TreeOp,
};

/// One step of a plan.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// What it is, as a digest: see [`StepId`].
    pub id: StepId,
    /// What people call it, such as `write root (ext4)`. Outside every digest.
    pub label: String,
    /// What it does.
    pub op: Op,
    /// What it reads, in the order that the operation expects.
    pub inputs: Vec<Input>,
}

/// A value that a step reads: the output of an earlier step, or one fact of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Input {
    /// Index of the step in the plan; always less than that of the reader.
    pub step: usize,
    /// For Facts: which fact ([`crate::Data::pick`]). For Bytes: `len`, the length in bytes as an Int. Only the fact's digest
    /// enters the reader's key, so the rest of the value can change without running the reader again.
    pub pick: Option<String>,
}

impl Input {
    /// The whole output of a step.
    pub fn of(step: usize) -> Self {
        Self { step, pick: None }
    }

    /// One fact of a step's output; of Bytes, `len`.
    pub fn fact(step: usize, path: impl Into<String>) -> Self {
        Self { step, pick: Some(path.into()) }
    }
}

/// When a step runs: `plan --gather` runs those of [`Stage::Gather`] and what they need. A filesystem that decides its own
/// length is needed where a partition fits it, so it is written then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Finds out what the sources hold and what fits.
    Gather,
    /// Makes bytes of it.
    Make,
}

/// What a step does. Inputs and output of each are in its struct's doc.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "step")]
pub enum Op {
    /// Reads local files.
    Scan(Scan),
    /// Fetches pinned bytes.
    Fetch(Fetch),
    /// Makes a tree of an archive.
    Unpack(Unpack),
    /// Makes a tree of trees.
    Compose(Compose),
    /// Makes an archive of a tree.
    Archive(Archive),
    /// Finds how much room a filesystem needs.
    Measure(Measure),
    /// Finds where partitions lie.
    Place(Place),
    /// Makes a filesystem.
    Write(Write),
    /// Makes a loader's files or image.
    Loader(Loader),
    /// Lays bytes that depend on the place over bytes that do not.
    Stamp(Stamp),
    /// Keeps the hashes of read-only bytes.
    Verity(Verity),
    /// Makes a disk of partitions.
    Assemble(Assemble),
    /// Makes an artifact.
    Export(Export),
    /// Makes a directory as an artifact.
    ExportTree(ExportTree),
}

/// No inputs → Tree: the entries of a local directory, or one file under its own name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Scan {
    /// The directory or file, relative to the manifest's directory or absolute.
    pub path: String,
    /// Whether it must be a directory or a file.
    pub what: ScanWhat,
    /// Globs over relative paths of which only these are read (with all below them); empty: everything.
    pub include: Vec<String>,
    /// Globs over relative paths that are left out (with all below them).
    pub exclude: Vec<String>,
    /// Attributes that are taken from the host instead of being normalised.
    pub keep: Keep,
    /// The time of normalised entries, in seconds since 1970.
    pub epoch: i64,
}

/// What a scan expects at its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScanWhat {
    /// A directory: the tree is what it holds.
    Dir,
    /// A file: the tree is that one entry.
    File,
}

/// Attributes that an import takes over from the source. Everything else is normalised: owner 0:0, mode 0755 for
/// directories and for files that their owner may execute, else 0644, mtime = epoch, no xattrs, no link groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Keep {
    /// Owner and group.
    pub owner: bool,
    /// All twelve mode bits.
    pub mode: bool,
    /// Times.
    pub mtime: bool,
    /// Extended attributes.
    pub xattrs: bool,
    /// Which names are the same file.
    pub links: bool,
}

impl Keep {
    /// Everything, as archives are unpacked that carry their own attributes.
    pub const ALL: Self = Self { owner: true, mode: true, mtime: true, xattrs: true, links: true };
}

/// No inputs → Bytes with exactly this size and SHA-256.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fetch {
    /// The path below a mirror's base, such as `pool/main/g/grub2/grub-pc-bin_2.06-13_amd64.deb`.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256, 64 hexadecimal digits.
    pub sha256: String,
    /// The base that the manifest names, if it does. Outside every digest, as is the mirror of the host.
    pub mirror: Option<String>,
    /// What people call it: package and version. Outside every digest.
    pub name: String,
}

/// `[Bytes]` → Tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unpack {
    /// The archive kind's name, such as `deb`.
    pub kind: String,
    /// Attributes that are taken from the archive.
    pub keep: Keep,
    /// The time of normalised entries, in seconds since 1970.
    pub epoch: i64,
}

/// `[Tree or Bytes, …]` → Tree: applies the operations to an empty tree; they name inputs by index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Compose {
    /// The operations, in order.
    pub ops: Vec<TreeOp>,
    /// The time of entries that say none, in seconds since 1970.
    pub epoch: i64,
}

/// `[Tree, fact, …]` → Bytes. Texts of the options may hold marks ([`crate::late`]) of inputs that are facts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Archive {
    /// The archive kind's name, such as `cpio`.
    pub kind: String,
    /// Its options.
    pub options: Record,
}

/// `[Tree]` → Facts `{ len }`: the least length in bytes that the filesystem can have with this tree and the slack that the
/// options ask for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Measure {
    /// The filesystem kind's name.
    pub kind: String,
    /// Its options.
    pub options: Record,
}

/// `[Int fact, …]` → Facts: the layout ([`crate::layout::Layout::to_data`]). The inputs are the lengths of the partitions that
/// fit their content, in the order of those partitions in the specification: of a [`Measure`], or of the Bytes of a [`Write`]
/// that decides its length. A filesystem in a file of its own is the one partition of a disk without a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// What is asked for.
    pub disk: DiskSpec,
}

/// `[Int fact length, Tree?]` → Bytes of that length. For kinds whose length follows from their content
/// ([`crate::kind::FilesystemTraits::own_length`]): `[Tree?]` → Bytes of the length that it comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Write {
    /// The filesystem kind's name.
    pub kind: String,
    /// Its options.
    pub options: Record,
}

/// `[Tree source?, fact, …]` → Tree of files ([`Product::Files`], [`Product::EspFiles`]) or Bytes of an image ([`Product::Image`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Loader {
    /// The loader kind's name.
    pub kind: String,
    /// Its options.
    pub options: Record,
    /// What is made.
    pub product: Product,
    /// The menu, if the loader shows one. Its arguments may hold marks ([`crate::late`]) of inputs that are facts.
    pub menu: Option<Menu>,
    /// Where its files will lie.
    pub home: LoaderHome,
}

/// Which of a loader's products a step makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Product {
    /// The files that overlay its home.
    Files,
    /// The files that overlay the partition in which firmware looks for them.
    EspFiles,
    /// What lies outside of filesystems.
    Image,
}

/// For a filesystem: `[Bytes, Int fact start sector]` → Bytes. For a loader: `[Bytes of the disk, Facts layout, Bytes image?]` → Bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stamp {
    /// Whose stamp: [`Family::Filesystem`] or [`Family::Loader`].
    pub family: Family,
    /// The kind's name.
    pub kind: String,
    /// Its options.
    pub options: Record,
    /// For a loader: where its files lie.
    pub home: Option<LoaderHome>,
    /// For a loader: what it must not change.
    pub seals: Vec<Seal>,
}

/// A partition whose bytes something has read, so that no stamp may change them any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seal {
    /// Its name.
    pub part: String,
    /// The name of the partition that keeps its hashes, which may be the same.
    pub hashes: String,
}

/// `[Facts layout, Bytes of a partition, …, Text fact GUID, …]` → Bytes of the disk. Bytes may be shorter than their partition, whose rest is zero; longer
/// ones (of kinds that decide their length) are a mistake of the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Assemble {
    /// The table kind's name.
    pub kind: String,
    /// Its options.
    pub options: Record,
    /// The names of the partitions whose bytes are the inputs after the first; other partitions stay zero.
    pub parts: Vec<String>,
    /// The names of the partitions whose GUIDs are the inputs after those; they replace what the layout says.
    pub guids: Vec<String>,
}

/// `[Bytes]` → an artifact in the output directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Export {
    /// The disk format kind's name.
    pub kind: String,
    /// Its options.
    pub options: Record,
    /// The file's name in the output directory.
    pub file: String,
}

/// `[Tree]` → a directory in the output directory, with the files of the tree. What the machine's own filesystems give to anybody
/// is there: names, contents, links, whether a file can be executed, times. Owners, devices and attributes are not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExportTree {
    /// The directory's name in the output directory.
    pub name: String,
}

impl Op {
    /// The step kind's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Scan(_) => "scan",
            Self::Fetch(_) => "fetch",
            Self::Unpack(_) => "unpack",
            Self::Compose(_) => "compose",
            Self::Archive(_) => "archive",
            Self::Measure(_) => "measure",
            Self::Place(_) => "place",
            Self::Write(_) => "write",
            Self::Loader(_) => "loader",
            Self::Stamp(_) => "stamp",
            Self::Verity(_) => "verity",
            Self::Assemble(_) => "assemble",
            Self::Export(_) => "export",
            Self::ExportTree(_) => "export-tree",
        }
    }

    /// The open-family kind whose code this step runs, if it runs one.
    pub fn kind(&self) -> Option<(Family, &str)> {
        match self {
            Self::Unpack(Unpack { kind, .. }) | Self::Archive(Archive { kind, .. }) => {
                Some((Family::Archive, kind))
            }
            Self::Measure(Measure { kind, .. }) | Self::Write(Write { kind, .. }) => {
                Some((Family::Filesystem, kind))
            }
            Self::Loader(Loader { kind, .. }) => Some((Family::Loader, kind)),
            Self::Stamp(Stamp { family, kind, .. }) => Some((*family, kind)),
            Self::Assemble(Assemble { kind, .. }) => Some((Family::Table, kind)),
            Self::Export(Export { kind, .. }) => Some((Family::DiskFormat, kind)),
            Self::Scan(_)
            | Self::Fetch(_)
            | Self::Compose(_)
            | Self::Place(_)
            | Self::Verity(_)
            | Self::ExportTree(_) => None,
        }
    }

    /// When it runs.
    pub fn stage(&self) -> Stage {
        match self {
            Self::Scan(_)
            | Self::Fetch(_)
            | Self::Unpack(_)
            | Self::Compose(_)
            | Self::Archive(_)
            | Self::Loader(_)
            | Self::Measure(_)
            | Self::Place(_) => Stage::Gather,
            Self::Verity(op) => op.stage(),
            Self::Write(_) | Self::Stamp(_) | Self::Assemble(_) | Self::Export(_) | Self::ExportTree(_) => {
                Stage::Make
            }
        }
    }

    /// Whether it gives facts for people, which a report has also when they come from the cache.
    pub fn gives_facts(&self) -> bool {
        match self {
            Self::Measure(_) | Self::Place(_) => true,
            Self::Verity(op) => op.gives_facts(),
            _ => false,
        }
    }

    /// Whether it touches the machine outside of the store, so that it is never answered from the action cache by its key alone.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Scan(_) | Self::Fetch(_) | Self::Export(_) | Self::ExportTree(_))
    }

    /// The name of the artifact that it makes, if it makes one.
    pub fn artifact(&self) -> Option<&str> {
        match self {
            Self::Export(Export { file, .. }) => Some(file),
            Self::ExportTree(ExportTree { name }) => Some(name),
            _ => None,
        }
    }

    /// The step's definition with the ids of the steps that feed it.
    pub fn id(&self, inputs: &[(StepId, Option<String>)]) -> StepId {
        let mut c = Canon::new("imgc step v1");
        c.add(self).add(inputs);
        c.into()
    }
}

impl Canonical for Op {
    fn canon(&self, c: &mut Canon) {
        c.text(self.name());
        match self {
            Self::Scan(Scan { path, what, include, exclude, keep, epoch }) => {
                let what = match what {
                    ScanWhat::Dir => "dir",
                    ScanWhat::File => "file",
                };
                c.text(path).text(what).add(include).add(exclude).add(keep).add(epoch)
            }
            Self::Fetch(Fetch { path: _, size, sha256, mirror: _, name: _ }) => c.int(*size).text(sha256),
            Self::Unpack(Unpack { kind, keep, epoch }) => c.text(kind).add(keep).add(epoch),
            Self::Compose(Compose { ops, epoch }) => c.add(ops).add(epoch),
            Self::Archive(Archive { kind, options }) => c.text(kind).add(options),
            Self::Measure(Measure { kind, options }) => c.text(kind).add(options),
            Self::Place(Place { disk }) => c.add(disk),
            Self::Write(Write { kind, options }) => c.text(kind).add(options),
            Self::Loader(Loader { kind, options, product, menu, home }) => {
                let product = match product {
                    Product::Files => "files",
                    Product::EspFiles => "esp-files",
                    Product::Image => "image",
                };
                c.text(kind).add(options).text(product).add(menu).add(home)
            }
            Self::Stamp(Stamp { family, kind, options, home, seals }) => {
                let family = match family {
                    Family::Filesystem => "filesystem",
                    Family::Table => "table",
                    Family::Loader => "loader",
                    Family::DiskFormat => "disk-format",
                    Family::Archive => "archive",
                };
                c.text(family).text(kind).add(options).add(home).add(seals)
            }
            Self::Verity(op) => c.add(op),
            Self::Assemble(Assemble { kind, options, parts, guids }) => {
                c.text(kind).add(options).add(parts).add(guids)
            }
            Self::Export(Export { kind, options, file }) => c.text(kind).add(options).text(file),
            Self::ExportTree(ExportTree { name }) => c.text(name),
        };
    }
}

impl Canonical for Seal {
    fn canon(&self, c: &mut Canon) {
        let Self { part, hashes } = self;
        c.text(part).text(hashes);
    }
}

impl Canonical for Keep {
    fn canon(&self, c: &mut Canon) {
        let Self { owner, mode, mtime, xattrs, links } = self;
        c.add(owner).add(mode).add(mtime).add(xattrs).add(links);
    }
}
