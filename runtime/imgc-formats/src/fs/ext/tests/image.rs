//! Options, trees and images for tests, and the tools that look at them.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

pub use imgc_grove::{Random, noise};
use imgc_image::{
    Bytes, BytesBuilder, Content, Entry, Failure, MemoryStore, Meta, Node, Problem, Store, Tree, TreeBuilder,
};
use imgc_plan::{
    Data, Record, ids,
    kind::{Default, OptType},
    tree::BytePath,
    units::parse_size,
};
use tempfile::TempDir;

use crate::{
    fs::{Filesystem, ext::xattr::Attribute},
    registry::filesystem,
    testing::write_sparse,
};

/// 2020-09-13 12:26:40 UTC.
pub const EPOCH: i64 = 1_600_000_000;

/// The kind of this name.
pub fn kind(name: &str) -> &'static dyn Filesystem {
    filesystem(name).unwrap()
}

/// All options with their defaults, then those in `text`, as `name=value` with spaces between; `features=a,b` is a list.
pub fn options(name: &str, text: &str) -> Record {
    let mut record = Record::new();
    for option in kind(name).kind().options {
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
        let data =
            match kind(name).kind().option(option).unwrap_or_else(|| panic!("{name} has no {option}")).ty {
                OptType::Int { .. } => Data::Int(value.parse().unwrap()),
                OptType::Size { .. } => Data::from(parse_size(value).unwrap()),
                OptType::Words(_) => Data::List(value.split(',').map(Data::from).collect()),
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
        self.with(path, node, Meta::new(0o644, EPOCH), &[])
    }

    pub fn with(
        &mut self,
        path: impl AsRef<[u8]>,
        node: Node,
        meta: Meta,
        xattrs: &[(&[u8], &[u8])],
    ) -> &mut Self {
        self.entry(Entry { meta, xattrs: boxed(xattrs), ..entry(path.as_ref(), node) })
    }

    pub fn entry(&mut self, entry: Entry) -> &mut Self {
        self.builder.push(entry);
        self
    }

    pub fn dir(&mut self, path: impl AsRef<[u8]>) -> &mut Self {
        self.with(path, Node::Dir, Meta::new(0o755, EPOCH), &[])
    }

    pub fn file(&mut self, path: impl AsRef<[u8]>, content: &[u8]) -> &mut Self {
        let node = self.node(content);
        self.add(path, node)
    }

    pub fn node(&self, content: &[u8]) -> Node {
        Node::File { content: self.content(content), dense: false }
    }

    pub fn content(&self, content: &[u8]) -> Content {
        Content::Blob { id: self.store.put(content).unwrap(), len: content.len() as u64 }
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
        let imgc_grove::Grove { store, entries } =
            imgc_grove::Grove::grown(seed, count, &imgc_grove::Soil::UNIX);
        let mut grove = Self { store, builder: TreeBuilder::new() };
        entries.into_iter().for_each(|entry| grove.builder.push(entry));
        grove
    }

    pub fn tree(&mut self) -> Tree {
        std::mem::take(&mut self.builder).finish(EPOCH).unwrap()
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

pub fn boxed(xattrs: &[(&[u8], &[u8])]) -> Box<[Attribute]> {
    xattrs.iter().map(|(name, value)| (Box::from(*name), Box::from(*value))).collect()
}

/// A filesystem as a file.
pub struct Image {
    dir: TempDir,
    pub bytes: Arc<Bytes>,
    pub warnings: Vec<Problem>,
}

pub fn write(
    name: &str,
    options: &Record,
    tree: &Tree,
    len: u64,
    store: &MemoryStore,
) -> Result<Image, Failure> {
    let mut out = BytesBuilder::new(store);
    let warnings = kind(name).write(options, Some(tree), len, &mut out)?;
    let bytes = Arc::new(out.finish(len).unwrap());
    let dir = TempDir::new().unwrap();
    write_sparse(&bytes, store, &dir.path().join("image")).expect("written");
    Ok(Image { dir, bytes, warnings })
}

/// Measures, writes at that length, and lets e2fsck look.
pub fn fitted(name: &str, text: &str, grove: &mut Grove) -> (Image, Tree) {
    let (options, tree) = (options(name, text), grove.tree());
    let len = kind(name).measure(&options, Some(&tree)).unwrap();
    let image = write(name, &options, &tree, len, &grove.store).unwrap();
    image.fsck(&format!("{name} {text} {len}"));
    (image, tree)
}

impl Image {
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("image")
    }

    /// e2fsck has nothing to say.
    pub fn fsck(&self, what: &str) {
        fsck(&self.path(), what);
    }

    pub fn debugfs(&self, request: &str) -> String {
        run("debugfs", &["-R", request, self.path().to_str().unwrap()]).1
    }
}

/// Runs e2fsck -fn; anything but silence about the state is a failure.
pub fn fsck(path: &Path, what: &str) {
    let (code, text) = run("e2fsck", &["-fn", path.to_str().unwrap()]);
    let strange = text.lines().any(|line| {
        let known = line.starts_with("Pass ")
            || line.starts_with("e2fsck ")
            || line.contains(" files (")
            || line.is_empty();
        !known
    });
    assert!(code == 0 && !strange, "{what}: e2fsck says {code}: {text}");
}

/// Runs a tool: its exit code, and what it printed.
pub fn run(tool: &str, arguments: &[&str]) -> (i32, String) {
    let output = Command::new(tool)
        .args(arguments)
        .env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
        .env("LC_ALL", "C")
        .output()
        .unwrap_or_else(|error| {
            let package = if tool.starts_with("grub") { "grub-common" } else { "e2fsprogs" };
            panic!("{tool} (package {package}) does not run: {error}")
        });
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned())
}
