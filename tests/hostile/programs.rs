//! Programs that loaders and archives take from packages: GRUB's modules and images, applications of EFI.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use imgc_formats::{archive, boot::LoaderJob, loader};
use imgc_grove::{Random, noise, options::options};
use imgc_image::{Bytes, Content, Entry, Failure, MemoryStore, Meta, Node, Reader, Store, Tree, TreeBuilder};
use imgc_plan::{
    Record,
    menu::{BootAction, Menu, MenuEntry},
    step::{Keep, LoaderHome, PartHome},
    tree::BytePath,
};
use imgc_tests::{
    imgc::{Bench, root},
    kernel::kernel,
    tools::file,
};

use crate::{
    bounds,
    bytes::{changed, near, places},
    mend,
};

const USUAL: u64 = 120;

/// What parts begin with that are looked for within a file: headers of EFI and ELF, SYSLINUX in its installer.
const MARKS: &[&[u8]] =
    &[b"PE\0\0", b"\x7fELF", b"\r\nSYSLINUX ", b"\xeb\x58\x90SYSLINUX", b"\xfe\x02\xb2\x3e"];

/// Files in a store, each with its content at hand.
struct Files {
    store: MemoryStore,
    all: BTreeMap<String, Vec<u8>>,
    nodes: BTreeMap<String, Node>,
}

impl Files {
    fn new(all: BTreeMap<String, Vec<u8>>) -> Self {
        let store = MemoryStore::default();
        let nodes = all.iter().map(|(path, bytes)| (path.clone(), node(&store, bytes))).collect();
        Self { store, all, nodes }
    }

    /// What is installed in a directory, without what lies below it.
    fn installed(first: &str, package: &str) -> Self {
        let first = file(first, package);
        let entries = fs::read_dir(first.parent().expect("a directory")).expect("readable");
        let paths = entries.map(|entry| entry.expect("readable").path()).filter(|path| path.is_file());
        let name = |path: &Path| path.file_name().expect("a name").to_str().expect("text").to_owned();
        Self::new(paths.map(|path| (name(&path), fs::read(path).expect("readable"))).collect())
    }

    /// A tree of them; one may be other than it is.
    fn tree(&self, other: Option<(&str, &[u8])>) -> Tree {
        let mut builder = TreeBuilder::new();
        for (path, good) in &self.nodes {
            let bad = other.filter(|(name, _)| name == path).map(|(_, bytes)| node(&self.store, bytes));
            builder.push(Entry {
                path: BytePath(path.as_bytes().to_vec()),
                meta: Meta::new(0o644, 0),
                xattrs: Box::default(),
                link: None,
                node: bad.unwrap_or_else(|| good.clone()),
            });
        }
        builder.finish(0).expect("a tree")
    }

    /// One of these files, changed.
    fn spoilt<'a>(&self, names: &[&'a str], random: &mut Random) -> (&'a str, Vec<u8>) {
        let name = random.one_of(names);
        (name, changed(&self.all[name], mend::nothing, random))
    }
}

fn node(store: &MemoryStore, bytes: &[u8]) -> Node {
    let id = store.put(bytes).expect("stored");
    Node::File { content: Content::Blob { id, len: bytes.len() as u64 }, dense: false }
}

fn part(name: &str, number: u32, filesystem: &str) -> PartHome {
    let options = Record::new();
    PartHome { name: name.into(), number, type_code: String::new(), filesystem: filesystem.into(), options }
}

/// Everything that a loader makes of a source; what it does not make, it says.
fn make(name: &str, text: &str, source: &Tree, store: &MemoryStore) -> Vec<Result<(), Failure>> {
    let kind = loader(name).expect("a loader");
    let actions = vec![BootAction::Linux { path: "/vmlinuz".into(), args: "quiet".into() }];
    let entry = MenuEntry { name: "a".into(), title: "A".into(), actions, ..MenuEntry::default() };
    let menu = Menu { timeout: Some(0), default: None, consoles: vec![], entries: vec![entry] };
    let own = part("root", 2, if name == "grub" { "ext2" } else { "vfat" });
    let esp = (name != "syslinux").then(|| part("esp", 1, "vfat"));
    let home = LoaderHome::Disk { table: "gpt".into(), own, esp };
    let options = options(kind.kind(), text);
    let job = LoaderJob { options: &options, source: Some(source), menu: Some(&menu), home: &home, store };
    let products = kind.products(&options, &home);
    let mut made = Vec::new();
    if products.files {
        made.push(kind.files(&job).map(drop));
    }
    if products.esp_files {
        made.push(kind.esp_files(&job).map(drop));
    }
    if products.image {
        made.push(kind.image(&job).map(drop));
    }
    made
}

/// A loader with one of these files of its package changed.
fn survives(name: &str, text: &str, files: &Files, spoil: &[&str]) {
    let good = make(name, text, &files.tree(None), &files.store);
    assert!(!good.is_empty(), "{name} makes nothing");
    good.into_iter().for_each(|made| made.expect("a valid package is taken"));
    let places: BTreeMap<&str, Vec<usize>> =
        spoil.iter().map(|name| (*name, places(&files.all[*name], MARKS))).collect();
    bounds::run(&format!("{name} {text}"), USUAL, |random| {
        let (bad, mut bytes) = files.spoilt(spoil, random);
        if random.once_in(2) {
            bytes = near(&files.all[bad], &places[bad], random);
        }
        let _ = make(name, text, &files.tree(Some((bad, &bytes))), &files.store);
    });
}

#[test]
fn modules_of_grub_for_a_bios() {
    let files = Files::installed("/usr/lib/grub/i386-pc/kernel.img", "grub-pc-bin");
    let spoil = [
        "boot.img",
        "diskboot.img",
        "lzma_decompress.img",
        "kernel.img",
        "moddep.lst",
        "fs.mod",
        "ext2.mod",
        "fshelp.mod",
        "part_gpt.mod",
        "biosdisk.mod",
        "normal.mod",
    ];
    let spoil: Vec<&str> = spoil.into_iter().filter(|name| files.all.contains_key(*name)).collect();
    survives("grub", "platform=i386-pc", &files, &spoil);
}

#[test]
fn modules_of_grub_for_uefi() {
    let files = Files::installed("/usr/lib/grub/x86_64-efi/kernel.img", "grub-efi-amd64-bin");
    let spoil = ["kernel.img", "moddep.lst", "ext2.mod", "fshelp.mod", "part_gpt.mod", "search_fs_file.mod"];
    survives("grub", "platform=x86_64-efi", &files, &spoil);
}

#[test]
fn the_installer_of_syslinux() {
    let bench = Bench::new();
    let manifest = root().join("tests/boot/syslinux/image.kdl");
    let made = bench.build(&manifest, &["--only", "loader.tar", "--set", "files=none"]);
    let archive = fs::read(bench.dir().join(&made["loader.tar"].path)).expect("readable");
    let (store, len) = (MemoryStore::default(), archive.len() as u64);
    let bytes = Arc::new(Bytes::blob(store.put(&archive).expect("stored"), len));
    let tar = imgc_formats::archive("tar").expect("an archive");
    let tree = tar.unpack(&bytes, Keep::default(), 0, &store).expect("a valid archive");
    let files = tree.entries().iter().filter_map(|entry| {
        let Node::File { content, .. } = &entry.node else { return None };
        let bytes = Reader::new(&content.to_bytes(), &store).read_all(1 << 24).expect("readable");
        Some((entry.path.to_string().trim_start_matches('/').to_owned(), bytes))
    });
    let files = Files::new(files.collect());
    survives("syslinux", "", &files, &["usr/bin/syslinux"]);
}

const STUB: &str = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub";

#[test]
fn systemd_boot() {
    let files = Files::installed(STUB, "systemd-boot-efi");
    survives("systemd-boot", "", &files, &["systemd-bootx64.efi"]);
}

#[test]
fn parts_of_unified_kernel_images() {
    let kind = archive("uki").expect("an archive");
    let osrel = b"ID=hostile\nVERSION_ID=1\n".to_vec();
    let stub = fs::read(file(STUB, "systemd-boot-efi")).expect("readable");
    let parts = [("stub", stub), ("linux", kernel()), ("initrd", noise(5000, 1)), ("osrel", osrel)];
    let files = Files::new(parts.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect());
    let options = options(kind.kind(), "cmdline=quiet");
    let pack = |tree: &Tree| kind.pack(&options, tree, &files.store);
    pack(&files.tree(None)).expect("valid parts are taken");
    bounds::run("uki", USUAL * 4, |random| {
        let (bad, bytes) = files.spoilt(&["stub", "linux", "osrel"], random);
        let _ = pack(&files.tree(Some((bad, &bytes))));
    });
}
