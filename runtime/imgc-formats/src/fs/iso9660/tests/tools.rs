//! Options, trees and images for tests, and the tools that look at them.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

pub use imgc_grove::{Random, noise};
use imgc_image::{
    Bytes, BytesBuilder, Content, Entry, Failure, LinkGroup, MemoryStore, Meta, Node, Problem, Reader, Store,
    Tree, TreeBuilder,
};
use imgc_plan::{BlobId, Data, Record, kind::Default, tree::BytePath};
use tempfile::TempDir;

use super::super::Iso9660;
use crate::{
    fs::Filesystem,
    testing::{in_place, run, write_sparse},
};

/// 2001-09-09 01:46:40 UTC.
pub const TIME: i64 = 1_000_000_000;

/// All options with their defaults, then these.
pub fn options(pairs: &[(&str, Data)]) -> Record {
    let defaults = Iso9660.kind().options.iter().filter_map(|option| {
        let value = match option.default {
            Default::Int(value) => Data::Int(value),
            Default::Text(text) => Data::from(text),
            Default::Bool(value) => Data::Bool(value),
            Default::Epoch => Data::Int(TIME),
            _ => return None,
        };
        Some((option.name.to_owned(), value))
    });
    let given = pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    defaults.chain(given).collect()
}

pub fn entry(path: impl AsRef<[u8]>, node: Node) -> Entry {
    let mode = if node == Node::Dir { 0o755 } else { 0o644 };
    Entry {
        path: BytePath(path.as_ref().to_vec()),
        meta: Meta::new(mode, TIME),
        xattrs: Box::default(),
        link: None,
        node,
    }
}

pub fn symlink(path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Entry {
    entry(path, Node::Symlink(target.as_ref().into()))
}

pub fn linked(entry: Entry, group: u32) -> Entry {
    Entry { link: LinkGroup::new(group), ..entry }
}

pub fn content(store: &MemoryStore, bytes: &[u8]) -> Content {
    match bytes {
        b"" => Content::empty(),
        _ => Content::Blob { id: store.put(bytes).expect("stored"), len: bytes.len() as u64 },
    }
}

pub fn file(store: &MemoryStore, path: impl AsRef<[u8]>, bytes: &[u8]) -> Entry {
    entry(path, Node::File { content: content(store, bytes), dense: false })
}

/// A file of `len` bytes with these pieces in it.
pub fn sparse(store: &MemoryStore, path: &str, len: u64, pieces: &[(u64, &[u8])]) -> Entry {
    let mut out = BytesBuilder::new(store);
    pieces.iter().for_each(|(at, piece)| out.put(*at, piece).expect("stored"));
    let bytes = Arc::new(out.finish(len).expect("made"));
    entry(path, Node::File { content: Content::Bytes(bytes), dense: false })
}

pub fn tree(entries: impl IntoIterator<Item = Entry>) -> Tree {
    let mut builder = TreeBuilder::new();
    entries.into_iter().for_each(|entry| builder.push(entry));
    builder.finish(TIME).expect("a tree")
}

pub fn make(
    options: &Record,
    tree: &Tree,
    store: &MemoryStore,
) -> Result<(Arc<Bytes>, Vec<Problem>), Failure> {
    let mut out = BytesBuilder::new(store);
    let warnings = Iso9660.write(options, Some(tree), 0, &mut out)?;
    let len = out.chosen_len().expect("the writer says its length");
    assert_eq!(Iso9660.measure(options, Some(tree)).expect("measured"), len);
    Ok((Arc::new(out.finish(len).expect("pieces lie where they should")), warnings))
}

pub fn made(options: &Record, tree: &Tree, store: &MemoryStore) -> Arc<Bytes> {
    make(options, tree, store).expect("made").0
}

pub fn problems(result: Result<(Arc<Bytes>, Vec<Problem>), Failure>) -> Vec<Problem> {
    match result {
        Err(Failure::Problems(problems)) => problems,
        other => panic!("it was not refused: {other:?}"),
    }
}

pub fn all(bytes: &Bytes, store: &MemoryStore) -> Vec<u8> {
    Reader::new(bytes, store).read_all(1 << 30).expect("reads")
}

pub fn digest(bytes: &Bytes, store: &MemoryStore) -> String {
    BlobId::of(&all(bytes, store)).hex()
}

pub fn dump(bytes: &Bytes, store: &MemoryStore) -> String {
    Iso9660.dump(&Reader::new(bytes, store)).expect("dumped")
}

/// A tree without what a reader cannot give: contents but for their length.
pub fn shape(tree: &Tree) -> Vec<Entry> {
    let mut entries = tree.entries().to_vec();
    for entry in &mut entries {
        if let Node::File { content, dense } = &mut entry.node {
            (*content, *dense) = (Content::Bytes(Arc::new(Bytes::zeros(content.len()))), false);
        }
    }
    entries
}

/// Our reader gives back the tree, and every content.
pub fn same_by_us(bytes: &Bytes, tree: &Tree, store: &MemoryStore) {
    let reader = Reader::new(bytes, store);
    let volume = Iso9660.open(&reader).expect("opens").expect("is ISO 9660");
    let found = volume.tree().expect("a tree");
    let (found, wanted) = (found.entries(), shape(tree));
    for (found, wanted) in found.iter().zip(&wanted) {
        assert_eq!(found, wanted);
    }
    assert_eq!(found.len(), wanted.len());
    for entry in tree.entries() {
        if let Node::File { content, .. } = &entry.node {
            let mut copy = Vec::new();
            volume.copy(&entry.path.0, &mut copy).expect("copies");
            let content = all(&content.to_bytes(), store);
            assert!(copy == content, "{} has another content", entry.path);
            let there = in_place(volume.as_ref(), &reader, &entry.path.0);
            assert!(there == content, "{} lies elsewhere", entry.path);
        }
    }
}

/// A volume as a file.
pub struct Image {
    dir: TempDir,
}

impl Image {
    pub fn new(bytes: &Arc<Bytes>, store: &MemoryStore) -> Self {
        let dir = TempDir::new().expect("a directory");
        write_sparse(bytes, store, &dir.path().join("image.iso")).expect("written");
        Self { dir }
    }

    pub fn path(&self) -> PathBuf {
        self.dir.path().join("image.iso")
    }

    /// What xorriso prints on its standard output.
    pub fn xorriso(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("xorriso");
        command.args(["-report_about", "SORRY", "-abort_on", "SORRY", "-hardlinks", "on", "-osirrox", "on"]);
        command.args(["-indev", self.path().to_str().expect("UTF-8")]).args(arguments);
        run("xorriso", command.env("LC_ALL", "C").env("TZ", "UTC"))
    }

    /// What isoinfo prints.
    pub fn isoinfo(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("isoinfo");
        command.args(arguments).arg("-i").arg(self.path());
        run("genisoimage", command.env("LC_ALL", "C.UTF-8").env("TZ", "UTC"))
    }

    /// Everything, extracted by xorriso.
    pub fn extract(&self) -> PathBuf {
        let to = self.dir.path().join("root");
        self.xorriso(&["-extract", "/", to.to_str().expect("UTF-8")]);
        // Directories come out with their own modes; the temporary directory must be removable.
        run("coreutils", Command::new("chmod").args(["u+rwx"]).arg(&to));
        to
    }
}

/// A path below a directory.
pub fn below(dir: &Path, path: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    dir.join(std::ffi::OsStr::from_bytes(path))
}
