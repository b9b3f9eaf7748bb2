//! Options, trees and images for tests, and the tools that look at them.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::{ffi::OsStrExt, fs::MetadataExt, fs::PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

pub use imgc_grove::{Random, noise, prose};
use imgc_image::{
    Bytes, BytesBuilder, Content, Entry, Failure, LinkGroup, MemoryStore, Meta, Node, Reader, Store, Tree,
    TreeBuilder,
};
use imgc_plan::{
    Data, Record, ids,
    kind::{Default, OptType},
    tree::BytePath,
    units::parse_size,
};
use tempfile::TempDir;

use super::super::{Erofs, options::KIND, read, xattr::Attributes};
use crate::{fs::Filesystem, testing};

/// 2020-09-13 12:26:40 UTC.
pub const EPOCH: i64 = 1_600_000_000;

/// All options with their defaults, then those in `text`, as `name=value` with spaces between.
pub fn options(text: &str) -> Record {
    let mut record = Record::new();
    for option in KIND.options {
        let data = match option.default {
            Default::Absent | Default::Required | Default::SectorSize => continue,
            Default::Bool(value) => Data::Bool(value),
            Default::Int(value) => Data::Int(value),
            Default::Text(value) => Data::from(value),
            Default::Derived => Data::Text(ids::uuid_text(ids::derive("test", "", "node", option.name))),
            Default::Epoch => Data::Int(EPOCH),
        };
        record.insert(option.name.into(), data);
    }
    for word in text.split_whitespace() {
        let (option, value) = word.split_once('=').unwrap();
        let data = match KIND.option(option).unwrap_or_else(|| panic!("there is no {option}")).ty {
            OptType::Int { .. } => Data::Int(value.parse().unwrap()),
            OptType::Size { .. } => Data::from(parse_size(value).unwrap()),
            OptType::Bool => Data::Bool(value == "true"),
            _ => Data::from(value),
        };
        record.insert(option.into(), data);
    }
    record
}

/// Makes a tree.
#[derive(Default)]
pub struct Grove {
    pub store: MemoryStore,
    builder: TreeBuilder,
}

impl Grove {
    pub fn add(&mut self, path: impl AsRef<[u8]>, node: Node) -> &mut Self {
        let mode = if matches!(node, Node::Dir) { 0o755 } else { 0o644 };
        self.entry(Entry { meta: Meta::new(mode, EPOCH), ..entry(path.as_ref(), node) })
    }

    pub fn entry(&mut self, entry: Entry) -> &mut Self {
        self.builder.push(entry);
        self
    }

    pub fn file(&mut self, path: impl AsRef<[u8]>, content: &[u8]) -> &mut Self {
        let node = self.node(content);
        self.add(path, node)
    }

    pub fn node(&self, content: &[u8]) -> Node {
        let content = Content::Blob { id: self.store.put(content).unwrap(), len: content.len() as u64 };
        Node::File { content, dense: false }
    }

    /// A file of `len` bytes with these pieces in it.
    pub fn sparse(&self, len: u64, pieces: &[(u64, &[u8])], dense: bool) -> Node {
        let mut out = BytesBuilder::new(&self.store);
        for (at, piece) in pieces {
            out.put(*at, piece).unwrap();
        }
        Node::File { content: Content::Bytes(Arc::new(out.finish(len).unwrap())), dense }
    }

    /// A tree by chance.
    pub fn grown(seed: u64, count: usize) -> Self {
        let soil = imgc_grove::Soil { target: 3000, value: 400, ..imgc_grove::Soil::UNIX };
        let imgc_grove::Grove { store, entries } = imgc_grove::Grove::grown(seed, count, &soil);
        let mut grove = Self { store, builder: TreeBuilder::new() };
        entries.into_iter().for_each(|entry| grove.builder.push(entry));
        grove
    }

    pub fn tree(&mut self) -> Tree {
        std::mem::take(&mut self.builder).finish(EPOCH).unwrap()
    }

    /// Writes what was added, has it checked, reads it back, and gives it.
    pub fn image(&mut self, text: &str) -> Image {
        let tree = self.tree();
        let image = Image::write(&options(text), &tree, &self.store).unwrap();
        image.fsck(text);
        image.compare(&tree, &self.store);
        image
    }
}

pub fn entry(path: &[u8], node: Node) -> Entry {
    Entry {
        path: BytePath(path.to_vec()),
        meta: Meta::new(0o644, EPOCH),
        xattrs: Box::default(),
        link: None,
        node,
    }
}

pub fn boxed(xattrs: &[(&[u8], &[u8])]) -> Box<Attributes> {
    xattrs.iter().map(|(name, value)| (Box::from(*name), Box::from(*value))).collect()
}

/// A filesystem as a file.
pub struct Image {
    dir: TempDir,
    pub bytes: Arc<Bytes>,
}

impl Image {
    pub fn write(options: &Record, tree: &Tree, store: &MemoryStore) -> Result<Self, Failure> {
        let mut out = BytesBuilder::new(store);
        let warnings = Erofs.write(options, Some(tree), 0, &mut out)?;
        assert!(warnings.is_empty());
        let len = out.chosen_len().expect("the length was said");
        assert_eq!(len % 4096, 0);
        let bytes = Arc::new(out.finish(len).unwrap());
        let dir = TempDir::new().unwrap();
        testing::write_sparse(&bytes, store, &dir.path().join("image")).expect("written");
        Ok(Self { dir, bytes })
    }

    pub fn path(&self) -> PathBuf {
        self.dir.path().join("image")
    }

    /// fsck.erofs unpacks everything and finds no errors.
    pub fn fsck(&self, what: &str) {
        let text = tool("fsck.erofs", &["-d3", "--extract", self.path().to_str().unwrap()]);
        assert!(text.trim_end().ends_with("No errors found"), "{what}: {text}");
        assert!(!text.contains("<W>") && !text.contains("<E>"), "{what}: {text}");
    }

    /// What dump.erofs says of a path.
    pub fn describe(&self, path: &str) -> String {
        tool("dump.erofs", &[&format!("--path={path}"), self.path().to_str().unwrap()])
    }

    /// Our reader gives back the tree with every attribute and every content.
    pub fn compare(&self, tree: &Tree, store: &MemoryStore) {
        let reader = Reader::new(&self.bytes, store);
        let volume = Erofs.open(&reader).unwrap().expect("an erofs");
        let back = volume.tree().unwrap();
        assert_eq!(back.entries().len(), tree.entries().len());
        for (is, should) in back.entries().iter().zip(tree.entries()) {
            assert_eq!((&is.path, is.meta, &is.xattrs), (&should.path, should.meta, &should.xattrs));
            assert_eq!(is.link.is_some(), should.link.is_some(), "{}", is.path);
            match (&is.node, &should.node) {
                (Node::File { content: found, .. }, Node::File { content, .. }) => {
                    assert_eq!(found.len(), content.len(), "{}", is.path);
                    if content.len() < 64 << 20 {
                        let mut out = Vec::new();
                        volume.copy(&is.path.0, &mut out).unwrap();
                        let bytes = content.to_bytes();
                        let whole = Reader::new(&bytes, store).read_all(64 << 20).unwrap();
                        assert!(out == whole, "{} has another content", is.path);
                    }
                }
                (is, should) => assert_eq!(is, should),
            }
        }
        assert_eq!(groups(&back), groups(tree));
    }

    /// What fsck.erofs extracts is the tree. It does not restore owners for plain users, nor set-id bits, links or attributes.
    pub fn extract(&self, tree: &Tree, store: &MemoryStore) {
        let to = self.dir.path().join("extracted");
        let extract = format!("--extract={}", to.to_str().unwrap());
        let image = self.path();
        let args = [&extract, "--preserve-perms", "--no-preserve-owner", image.to_str().unwrap()];
        tool("fsck.erofs", &args);
        let reader = Reader::new(&self.bytes, store);
        let volume = read::Image::open(&reader).unwrap().expect("an erofs");
        let mut count = 0;
        for entry in tree.entries() {
            let path = to.join(Path::new(std::ffi::OsStr::from_bytes(&entry.path.0)));
            let found = fs::symlink_metadata(&path).unwrap_or_else(|error| panic!("{}: {error}", entry.path));
            count += 1;
            match &entry.node {
                Node::File { content, .. } => {
                    assert!(found.is_file());
                    let bytes = content.to_bytes();
                    let whole = Reader::new(&bytes, store).read_all(64 << 20).unwrap();
                    let expected = without_holes(&volume, &entry.path, &whole);
                    assert!(fs::read(&path).unwrap() == expected, "{} has another content", entry.path);
                }
                Node::Symlink(target) => {
                    assert_eq!(fs::read_link(&path).unwrap().as_os_str().as_bytes(), &**target);
                    continue;
                }
                Node::Dir => assert!(found.is_dir()),
                _ => {}
            }
            let time = (found.mtime(), found.mtime_nsec());
            assert_eq!(time, (entry.meta.mtime, entry.meta.mtime_nanos.into()), "{}", entry.path);
            assert_eq!(
                found.permissions().mode() & 0o777,
                u32::from(entry.meta.mode) & 0o777,
                "{}",
                entry.path
            );
        }
        assert_eq!(count, tree.entries().len());
    }
}

/// A content as fsck.erofs 1.5 extracts it: it leaves holes out instead of going past them.
fn without_holes(volume: &read::Image<'_>, path: &BytePath, whole: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let inode = volume.find(&path.0).unwrap();
    volume
        .runs(&inode, &mut |run| {
            if run.place != read::Place::Hole {
                out.extend_from_slice(&whole[run.from as usize..(run.from + run.len) as usize]);
            }
            Ok(())
        })
        .unwrap();
    out
}

/// The paths of each file that has several.
fn groups(tree: &Tree) -> Vec<Vec<BytePath>> {
    let mut groups: BTreeMap<LinkGroup, Vec<BytePath>> = BTreeMap::new();
    for entry in tree.entries() {
        if let Some(group) = entry.link {
            groups.entry(group).or_default().push(entry.path.clone());
        }
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort();
    groups
}

/// Runs a tool of erofs-utils, which lie where not every user's PATH leads.
pub fn tool(name: &str, args: &[&str]) -> String {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    testing::run("erofs-utils", Command::new(name).args(args).env("PATH", path).env("LC_ALL", "C.UTF-8"))
}
