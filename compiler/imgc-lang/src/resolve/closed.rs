//! A manifest without anything left to look up or to choose.

use std::collections::BTreeMap;

use imgc_plan::{
    Kind, Record,
    kind::{FilesystemTraits, Products},
    layout::{DiskSpec, PartSize},
    menu::Menu,
    step::LoaderHome,
};

use super::{cycles::Item, test::Test};
use crate::{decode::Spanned, diagnostic::Span, model::tree::Op};

/// A closed manifest; sources stay as the model has them. Numbers are indices into its lists.
#[derive(Debug)]
pub struct Closed {
    /// The image's name.
    pub name: String,
    /// The time of everything that says none.
    pub epoch: i64,
    /// Its trees.
    pub trees: Vec<Tree>,
    /// Its archives.
    pub archives: Vec<Archive>,
    /// Its disks.
    pub disks: Vec<Disk>,
    /// Its outputs.
    pub outputs: Vec<Output>,
    /// The facts that its texts name.
    pub facts: BTreeMap<String, Fact>,
    /// What is expected of its outputs.
    pub tests: Vec<Test>,
    /// Trees and archives in an order in which each comes after what it needs.
    pub order: Vec<Item>,
}

/// A kind with all its options.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// The kind.
    pub kind: &'static Kind,
    /// Its options, each with its default.
    pub options: Record,
}

/// A tree.
#[derive(Debug)]
pub struct Tree {
    /// Its name.
    pub name: String,
    /// Where it is named.
    pub span: Span,
    /// What composes it.
    pub ops: Vec<Spanned<Op<usize, Loader>>>,
}

/// An archive.
#[derive(Debug)]
pub struct Archive {
    /// Its name.
    pub name: String,
    /// Where it is named.
    pub span: Span,
    /// What is packed.
    pub tree: usize,
    /// How.
    pub made: Made,
}

/// What a tree becomes that is to be a file.
#[derive(Debug)]
pub enum Made {
    /// An archive.
    Packed(Chosen),
    /// A filesystem.
    Filesystem {
        /// Which filesystem.
        content: Content,
        /// How long it is; without meaning for kinds that decide that by themselves.
        size: PartSize,
        /// The hashes behind it.
        hashes: Option<HashTree>,
    },
}

/// A disk.
#[derive(Debug)]
pub struct Disk {
    /// Its name.
    pub name: String,
    /// Where it is named.
    pub span: Span,
    /// What is asked of it.
    pub spec: DiskSpec,
    /// Its table.
    pub table: Chosen,
    /// What is in its partitions, in the order of the specification.
    pub parts: Vec<Part>,
    /// What starts from it.
    pub loaders: Vec<Installed>,
}

/// A partition, as far as the specification does not say it.
#[derive(Debug)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// Where it is named.
    pub span: Span,
    /// What its type was called.
    pub type_name: Option<&'static str>,
    /// What is in it.
    pub content: Option<Content>,
    /// The hashes in it.
    pub hashes: Option<Hashes>,
    /// The partition of hashes from whose root hash it takes its GUID.
    pub guid: Option<usize>,
}

/// The hashes of a partition, by dm-verity.
#[derive(Debug)]
pub struct Hashes {
    /// Which partition's; the one that they are in: they lie behind its filesystem.
    pub of: usize,
    /// How they are made.
    pub tree: HashTree,
}

/// How hashes are made, by dm-verity.
#[derive(Debug)]
pub struct HashTree {
    /// What is hashed before every block.
    pub salt: Vec<u8>,
    /// The UUID of the hash device; `None`: it has no superblock.
    pub uuid: Option<String>,
    /// Where they are asked for.
    pub span: Span,
}

/// A filesystem.
#[derive(Debug)]
pub struct Content {
    /// Which.
    pub kind: Chosen,
    /// What it asks of the compiler.
    pub traits: &'static FilesystemTraits,
    /// What it holds.
    pub tree: Option<usize>,
    /// Where it is named.
    pub span: Span,
}

/// A loader of a disk.
#[derive(Debug)]
pub struct Installed {
    /// Which.
    pub loader: Loader,
    /// Whether it comes after all others.
    pub seals: bool,
    /// The partition that holds its files.
    pub partition: usize,
    /// The partition in which firmware looks for files, where it is another.
    pub esp: Option<usize>,
}

/// A loader.
#[derive(Debug)]
pub struct Loader {
    /// Which.
    pub kind: Chosen,
    /// What it makes.
    pub products: Products,
    /// Where its files come from.
    pub source: Option<usize>,
    /// The tree that has its own files, in place of a source.
    pub tree: Option<usize>,
    /// What it shows.
    pub menu: Option<Menu>,
    /// Where the menu's entries are named, by index.
    pub entries: Vec<Span>,
    /// The files in its partition that its options name, and where they are named.
    pub paths: Vec<(String, Span)>,
    /// The place of its files.
    pub home: LoaderHome,
    /// Where it is named.
    pub span: Span,
}

/// An artifact.
#[derive(Debug)]
pub struct Output {
    /// The file's name.
    pub file: String,
    /// Where it is named.
    pub span: Span,
    /// What is in it.
    pub of: Of,
    /// How it is written.
    pub format: Chosen,
    /// Whether it is published only once it passed its tests.
    pub tested: bool,
}

/// What an output is of.
#[derive(Debug)]
pub enum Of {
    /// A disk.
    Disk(usize),
    /// An archive.
    Archive(usize),
    /// A tree in a file of its own.
    Tree {
        /// What it holds.
        tree: usize,
        /// What it becomes.
        made: Made,
    },
    /// A tree in a directory.
    Directory(usize),
}

/// A fact that a text names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Known before anything runs.
    Known(String),
    /// Said by the hashes in a partition of a disk, under a name.
    Hashes(usize, usize, &'static str),
    /// Said by the hashes behind the filesystem in an archive, under a name.
    Archive(usize, &'static str),
    /// Said by the layout of a disk, under a path.
    Layout(usize, String),
}
