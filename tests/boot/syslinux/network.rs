//! PXELINUX: the files that the loader makes for a server, served by QEMU's own TFTP.

use std::{fs, process::Command};

use imgc_formats::{boot::LoaderJob, loader};
use imgc_image::{Content, Entry, MemoryStore, Meta, Node, Reader, Store, Tree, TreeBuilder};
use imgc_plan::{
    Record,
    menu::{BootAction, Console, Menu, MenuEntry},
    step::LoaderHome,
    tree::BytePath,
};
use imgc_tests::{
    kernel::kernel,
    qemu::{Firmware, Machine},
    tools::{run, tool},
};

use super::{Disks, expect_kernel};

/// The files of packages that PXELINUX needs, out of the archive of all.
fn packages(store: &MemoryStore) -> Tree {
    let mut builder = TreeBuilder::new();
    let modules = "usr/lib/syslinux/modules/bios";
    for path in [
        "usr/lib/PXELINUX/pxelinux.0".to_owned(),
        format!("{modules}/ldlinux.c32"),
        format!("{modules}/menu.c32"),
        format!("{modules}/libutil.c32"),
    ] {
        let mut tar = Command::new(tool("tar", "tar"));
        let bytes = run(tar.arg("-xOf").arg(Disks::all().image("loader.tar")).arg(&path));
        let id = store.put(&bytes).expect("stored");
        builder.push(Entry {
            path: BytePath(path.into_bytes()),
            meta: Meta::new(0o644, 0),
            xattrs: Box::default(),
            link: None,
            node: Node::File { content: Content::Blob { id, len: bytes.len() as u64 }, dense: false },
        });
    }
    builder.finish(0).expect("a tree")
}

#[test]
fn a_server_starts_it() {
    let store = MemoryStore::default();
    let action = BootAction::Linux { path: "/boot/kernel".into(), args: "from a server".into() };
    let actions = vec![action, BootAction::Initrd { paths: vec!["/boot/initrd".into()] }];
    let entry = MenuEntry { name: "a".into(), title: "A".into(), actions, ..MenuEntry::default() };
    let consoles = vec![Console::Serial { speed: 115_200 }];
    let menu = Menu { timeout: Some(1000), default: None, consoles, entries: vec![entry] };
    let (options, home) = (Record::new(), LoaderHome::Network);
    let syslinux = loader("syslinux").expect("a loader");
    assert!(syslinux.check_home(&options, &home).is_empty());
    assert!(syslinux.check_menu(&options, &menu, &home).is_empty());
    let source = packages(&store);
    let job =
        LoaderJob { options: &options, source: Some(&source), menu: Some(&menu), home: &home, store: &store };
    let dir = tempfile::tempdir().expect("a directory");
    for entry in syslinux.files(&job).expect("made").entries() {
        let path = dir.path().join(entry.path.to_string().trim_start_matches('/'));
        match &entry.node {
            Node::File { content, .. } => {
                let bytes = Reader::new(&content.to_bytes(), &store).read_all(1 << 24).expect("readable");
                fs::write(path, bytes).expect("written");
            }
            _ => fs::create_dir_all(path).expect("made"),
        }
    }
    fs::create_dir(dir.path().join("boot")).expect("made");
    fs::write(dir.path().join("boot/kernel"), kernel()).expect("written");
    fs::write(dir.path().join("boot/initrd"), vec![7; 5000]).expect("written");
    let vm = Machine::new(Firmware::Bios).network(dir.path(), "pxelinux.0").start();
    expect_kernel(vm, "bios", 5000, "BOOT_IMAGE=boot/kernel from a server");
}
