//! The files that GRUB gets.

use std::collections::BTreeSet;

use imgc_plan::Record;

use super::*;

/// The names in GRUB's directory for the platform.
fn names(tree: &Tree) -> BTreeSet<String> {
    let files = tree.entries().iter().filter(|entry| !entry.is_dir());
    let names = files.filter_map(|entry| entry.path.0.strip_prefix(b"boot/grub/i386-pc/"));
    names.map(|name| String::from_utf8(name.to_vec()).expect("text")).collect()
}

#[test]
fn needed_modules_are_there_with_all_that_they_need() {
    let debian = Fixture::debian();
    let tree = debian.files(&Record::new(), &lites()).expect("made");
    let names = names(&tree);
    for module in
        ["normal", "multiboot", "gzio", "gcry_crc", "crypto", "serial", "ext2", "fshelp", "ls", "reboot"]
    {
        assert!(names.contains(&format!("{module}.mod")), "{module}: {names:?}");
    }
    assert!(!names.contains("zfs.mod") && !names.contains("kernel.img"), "{names:?}");
    let moddep = debian.text(&tree, "boot/grub/i386-pc/moddep.lst");
    for line in moddep.lines() {
        for module in line.replace(':', " ").split_whitespace() {
            assert!(names.contains(&format!("{module}.mod")), "{line}");
        }
    }
}

#[test]
fn lists_name_only_modules_that_are_there() {
    let debian = Fixture::debian();
    let tree = debian.files(&Record::new(), &lites()).expect("made");
    let names = names(&tree);
    let mut lines = 0;
    for list in
        ["command.lst", "crypto.lst", "fs.lst", "partmap.lst", "parttool.lst", "terminal.lst", "video.lst"]
    {
        for line in debian.text(&tree, &format!("boot/grub/i386-pc/{list}")).lines() {
            let module = line.rsplit(':').next().expect("a word").trim();
            assert!(names.contains(&format!("{module}.mod")), "{list}: {line}");
            lines += 1;
        }
    }
    assert!(lines > 40, "{lines}");
    assert_eq!(debian.text(&tree, "boot/grub/i386-pc/fs.lst"), "ext2\nfat\niso9660\n");
}

#[test]
fn all_modules_are_there_when_asked_for() {
    let debian = Fixture::debian();
    let tree = debian.files(&options(&[("install-modules", "all".into())]), &lites()).expect("made");
    let names = names(&tree);
    let modules = debian.source.entries().iter().filter(|entry| entry.path.0.ends_with(b".mod"));
    for entry in modules {
        assert!(names.contains(std::str::from_utf8(entry.name()).expect("text")), "{}", entry.path);
    }
    assert!(names.contains("efiemu32.o") && names.contains("moddep.lst") && !names.contains("boot.img"));
}

#[test]
fn attributes_are_normal_and_the_directory_is_the_option() {
    let debian = Fixture::debian();
    let options = options(&[("directory", "/grub".into()), ("epoch", Data::Int(12345))]);
    let tree = debian.files(&options, &lites()).expect("made");
    assert!(tree.get(b"grub/grub.cfg").is_some() && tree.get(b"boot").is_none());
    for entry in tree.entries() {
        let mode = if entry.is_dir() { 0o755 } else { 0o644 };
        assert_eq!(entry.meta, Meta::new(mode, 12345), "{}", entry.path);
    }
    let image = debian.image(&options, &home("gpt", 2, "ext4")).expect("made");
    assert!(image.len() < 31 << 10, "{}", image.len());
}

#[test]
fn contents_are_pointed_at_not_copied() {
    let debian = Fixture::debian();
    let tree = debian.files(&Record::new(), &lites()).expect("made");
    let content = |tree: &Tree, path: &[u8]| match &tree.get(path).expect("there").node {
        Node::File { content, .. } => content.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        content(&tree, b"boot/grub/i386-pc/normal.mod"),
        content(&debian.source, b"usr/lib/grub/i386-pc/normal.mod")
    );
}
