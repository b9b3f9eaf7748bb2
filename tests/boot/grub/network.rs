//! GRUB from a network: the files that the loader makes for a server, served by QEMU's own TFTP.

use std::{fs, path::Path};

use imgc_formats::{boot::LoaderJob, loader};
use imgc_image::{Content, Entry, MemoryStore, Meta, Node, Reader, Store, Tree, TreeBuilder};
use imgc_plan::{
    Data, Record,
    menu::{BootAction, Console, Menu, MenuEntry},
    step::LoaderHome,
    tree::BytePath,
};
use imgc_tests::{
    kernel::kernel,
    qemu::{Firmware, Machine},
    tools::file,
};

use super::expect_kernel;

/// Puts what a server must give out into a directory.
fn serve(platform: &str, dir: &Path) {
    let store = MemoryStore::default();
    let action = BootAction::Linux { path: "/boot/vmlinuz".into(), args: "network".into() };
    let actions = vec![action, BootAction::Initrd { paths: vec!["/boot/initrd".into()] }];
    let entry = MenuEntry { name: "a".into(), title: "A".into(), actions, ..MenuEntry::default() };
    let consoles = vec![Console::Serial { speed: 115_200 }];
    let menu = Menu { timeout: Some(0), default: None, consoles, entries: vec![entry] };
    let options = Record::from([("platform".to_owned(), Data::from(platform))]);
    let grub = loader("grub").expect("a loader");
    assert!(grub.check_home(&options, &LoaderHome::Network).is_empty());
    assert!(grub.check_menu(&options, &menu, &LoaderHome::Network).is_empty());
    let source = package(platform, &store);
    let job = LoaderJob {
        options: &options,
        source: Some(&source),
        menu: Some(&menu),
        home: &LoaderHome::Network,
        store: &store,
    };
    for entry in grub.files(&job).expect("made").entries() {
        let path = dir.join(entry.path.to_string().trim_start_matches('/'));
        match &entry.node {
            Node::File { content, .. } => {
                let bytes = Reader::new(&content.to_bytes(), &store).read_all(1 << 24).expect("readable");
                fs::write(path, bytes).expect("written");
            }
            _ => fs::create_dir_all(path).expect("made"),
        }
    }
    fs::write(dir.join("boot/vmlinuz"), kernel()).expect("written");
    fs::write(dir.join("boot/initrd"), vec![7; 5000]).expect("written");
}

fn package(platform: &str, store: &MemoryStore) -> Tree {
    let (name, package) = match platform {
        "i386-pc-pxe" => ("i386-pc", "grub-pc-bin"),
        name => (name, "grub-efi-amd64-bin"),
    };
    let kernel = file(&format!("/usr/lib/grub/{name}/kernel.img"), package);
    let mut builder = TreeBuilder::new();
    for entry in fs::read_dir(kernel.parent().expect("a directory")).expect("readable") {
        let path = entry.expect("readable").path();
        if !path.is_file() {
            continue;
        }
        let bytes = fs::read(&path).expect("readable");
        let id = store.put(&bytes).expect("stored");
        builder.push(Entry {
            path: BytePath(path.file_name().expect("a name").as_encoded_bytes().to_vec()),
            meta: Meta::new(0o644, 0),
            xattrs: Box::default(),
            link: None,
            node: Node::File { content: Content::Blob { id, len: bytes.len() as u64 }, dense: false },
        });
    }
    builder.finish(0).expect("a tree")
}

#[test]
fn a_server_starts_both_firmwares() {
    for (platform, firmware, name) in [
        ("i386-pc-pxe", Firmware::Bios, "boot/grub/i386-pc/core.0"),
        ("x86_64-efi", Firmware::Uefi, "boot/grub/x86_64-efi/core.efi"),
    ] {
        let dir = tempfile::tempdir().expect("a directory");
        serve(platform, dir.path());
        let vm = Machine::new(firmware).network(dir.path(), name).start();
        expect_kernel(vm, firmware, "network");
    }
}
