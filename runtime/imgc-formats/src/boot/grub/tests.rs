//! Tests of the whole loader: what they share. Debian's package and grub-mkimage are the outside truth.

mod counting;
mod efi;
mod homes;
mod hostile;
mod install;
mod menu;
mod oracle;
mod secure;
mod stamping;

use std::{path::Path, process::Command, sync::Arc};

use imgc_image::{Bytes, Content, Entry, Failure, MemoryStore, Meta, Node, Reader, Tree, TreeBuilder};
use imgc_plan::{
    Data, Record,
    menu::{BootAction, Console, Menu, MenuEntry},
    step::{LoaderHome, PartHome},
    tree::BytePath,
};

use super::{super::LoaderJob, Grub};
use crate::boot::Loader;

/// Where the packages put their files.
const PACKAGES: &str = "/usr/lib/grub";
const PACKAGE: &str = "/usr/lib/grub/i386-pc";

/// A store with a package in it.
struct Fixture {
    store: MemoryStore,
    source: Tree,
}

impl Fixture {
    /// Debian's package for a BIOS as it is installed.
    fn debian() -> Self {
        Self::installed("i386-pc", "grub-pc-bin")
    }

    /// Debian's package for a platform as it is installed.
    fn installed(platform: &str, package: &str) -> Self {
        let dir = Path::new(PACKAGES).join(platform);
        assert!(dir.is_dir(), "{} is missing: install the Debian package {package}", dir.display());
        let mut files = Vec::new();
        for entry in std::fs::read_dir(dir).expect("readable") {
            let entry = entry.expect("readable");
            let name = entry.file_name().into_string().expect("text");
            if entry.path().is_file() {
                let bytes = std::fs::read(entry.path()).expect("readable");
                files.push((format!("usr/lib/grub/{platform}/{name}"), bytes));
            }
        }
        Self::of(files)
    }

    /// A small package of our own making: its bytes never change.
    fn synthetic() -> Self {
        Self::of(synthetic_files())
    }

    fn of(files: Vec<(String, Vec<u8>)>) -> Self {
        let store = MemoryStore::default();
        let mut builder = TreeBuilder::new();
        for (path, bytes) in files {
            let id = imgc_image::Store::put(&store, &bytes).expect("stored");
            let content = Content::Blob { id, len: bytes.len() as u64 };
            builder.push(Entry {
                path: BytePath(path.into_bytes()),
                // Attributes that must not reach the image.
                meta: Meta { mode: 0o4751, uid: 7, gid: 8, mtime: 9, mtime_nanos: 1 },
                xattrs: Box::default(),
                link: None,
                node: Node::File { content, dense: false },
            });
        }
        Self { store, source: builder.finish(9).expect("a tree") }
    }

    fn image(&self, options: &Record, home: &LoaderHome) -> Result<Vec<u8>, Failure> {
        let job = LoaderJob { options, source: Some(&self.source), menu: None, home, store: &self.store };
        Grub.image(&job).map(|bytes| self.read(&bytes))
    }

    fn files(&self, options: &Record, menu: &Menu) -> Result<Tree, Failure> {
        self.files_at(options, menu, &home("mbr", 1, "ext2"))
    }

    fn files_at(&self, options: &Record, menu: &Menu, home: &LoaderHome) -> Result<Tree, Failure> {
        let job =
            LoaderJob { options, source: Some(&self.source), menu: Some(menu), home, store: &self.store };
        Grub.files(&job)
    }

    fn esp_files(&self, options: &Record, home: &LoaderHome) -> Result<Tree, Failure> {
        let job = LoaderJob { options, source: Some(&self.source), menu: None, home, store: &self.store };
        Grub.esp_files(&job)
    }

    fn read(&self, bytes: &Bytes) -> Vec<u8> {
        Reader::new(bytes, &self.store).read_all(1 << 30).expect("readable")
    }

    /// The bytes of a file of a tree.
    fn bytes(&self, tree: &Tree, path: &str) -> Vec<u8> {
        let entry = tree.get(path.as_bytes()).unwrap_or_else(|| panic!("{path} is missing"));
        let Node::File { content, .. } = &entry.node else { panic!("{path} is no file") };
        self.read(&content.to_bytes())
    }

    /// The text of a file of a tree.
    fn text(&self, tree: &Tree, path: &str) -> String {
        String::from_utf8(self.bytes(tree, path)).expect("text")
    }
}

/// Files that pass every check: a kernel of 16 bytes, two modules.
fn synthetic_files() -> Vec<(String, Vec<u8>)> {
    let mut kernel = vec![0; 52 + 40];
    kernel[..6].copy_from_slice(b"\x7fELF\x01\x01");
    (kernel[16], kernel[18], kernel[32], kernel[46], kernel[48]) = (2, 3, 52, 40, 1);
    for (at, field) in [(4, 1_u32), (8, 2), (12, 0x9000), (16, 92), (20, 16)] {
        kernel[52 + at..][..4].copy_from_slice(&field.to_le_bytes());
    }
    kernel.extend(b"kernel of sixteen"[..16].iter());
    let mut boot = vec![0x42; 512];
    boot[0x5a..0x68].copy_from_slice(&[0, 0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0xff, 0x42, 0xeb, 5]);
    boot[0x1fe..].copy_from_slice(&[0x55, 0xaa]);
    let mut diskboot = vec![0x43; 512];
    diskboot[0x1f4..].copy_from_slice(&[2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20, 8]);
    let mut decompress = vec![0x44; 64];
    decompress[..0x14].fill(0);
    decompress[0] = 0xea;
    // Text that compresses, but not at once: what the encoder decides shows in the pinned digest.
    let line = |seed: u32| format!("{:08x} module of {seed} ", seed.wrapping_mul(2_654_435_761));
    let module = |name: &str| (0..1000).map(line).chain([name.to_owned()]).collect::<String>().into_bytes();
    [
        ("kernel.img", kernel),
        ("boot.img", boot),
        ("diskboot.img", diskboot),
        ("lzma_decompress.img", decompress),
        ("moddep.lst", b"ext2: fshelp\nfshelp:\nbiosdisk:\npart_msdos:\n".to_vec()),
        ("biosdisk.mod", module("biosdisk")),
        ("ext2.mod", module("ext2")),
        ("fshelp.mod", module("fshelp")),
        ("part_msdos.mod", module("part_msdos")),
    ]
    .map(|(name, bytes)| (format!("i386-pc/{name}"), bytes))
    .into()
}

fn part(name: &str, number: u32, filesystem: &str, type_code: &str) -> PartHome {
    PartHome {
        name: name.into(),
        number,
        type_code: type_code.into(),
        filesystem: filesystem.into(),
        options: Record::new(),
    }
}

fn home(table: &str, partition: u32, filesystem: &str) -> LoaderHome {
    LoaderHome::Disk { table: table.into(), own: part("root", partition, filesystem, ""), esp: None }
}

fn options(pairs: &[(&str, Data)]) -> Record {
    pairs.iter().map(|(name, data)| ((*name).to_owned(), data.clone())).collect()
}

fn texts(words: &[&str]) -> Data {
    Data::List(words.iter().map(|word| Data::from(*word)).collect())
}

/// The menu of `examples/lites`, shortened.
fn lites() -> Menu {
    let multiboot = |args: &str| BootAction::Multiboot { path: "/boot/gnumach".into(), args: args.into() };
    let module = BootAction::Module {
        path: "/boot/lites_server".into(),
        args: "lites_server ${boot-args} $(task-create)".into(),
    };
    let entry = |name: &str, title: &str, actions: &[BootAction]| MenuEntry {
        name: name.into(),
        title: title.into(),
        actions: actions.to_vec(),
        ..MenuEntry::default()
    };
    Menu {
        timeout: Some(5000),
        default: Some("lites".into()),
        consoles: vec![Console::Screen, Console::Serial { speed: 115_200 }],
        entries: vec![
            entry("lites", "Lites on GNU Mach", &[multiboot("root=device:hd0s1 console=com0"), module]),
            entry("kernel", "GNU Mach (no Lites)", &[multiboot("")]),
        ],
    }
}

/// Runs a tool that must be there and succeed.
fn run(tool: &str, package: &str, args: &[&str]) {
    let output = Command::new(tool).args(args).output();
    let output =
        output.unwrap_or_else(|error| panic!("{tool}: {error}: install the Debian package {package}"));
    assert!(output.status.success(), "{tool} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn message(failure: Failure) -> String {
    match failure {
        Failure::Problems(problems) => {
            problems.iter().map(|p| format!("{}: {} ({:?})\n", p.code, p.message, p.help)).collect()
        }
        other => panic!("not the manifest's fault: {other}"),
    }
}

fn nested(bytes: &[u8], store: &MemoryStore) -> Arc<Bytes> {
    let id = imgc_image::Store::put(store, bytes).expect("stored");
    Arc::new(Bytes::blob(id, bytes.len() as u64))
}
