//! Entries, settings, places and binaries of systemd-boot.

use imgc_image::{Content, Entry, MemoryStore, Meta, Node, Store, TreeBuilder};
use imgc_plan::{
    Data,
    menu::{BootAction, MenuEntry},
    step::PartHome,
    tree::BytePath,
};

use super::*;
use crate::pe::tests::{image, put16, signed};

const ESP: &str = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";
const XBOOTLDR: &str = "bc13c2ff-59e6-4262-a352-b275fd6f7172";

fn linux(name: &str, tries: Option<u32>) -> MenuEntry {
    MenuEntry {
        name: name.into(),
        title: format!("The {name} one"),
        version: Some("6.1-2".into()),
        tries,
        actions: vec![
            BootAction::Linux { path: format!("/{name}/vmlinuz"), args: "quiet a=\"b c\"".into() },
            BootAction::Initrd { paths: vec!["/ucode".into(), "/initrd".into()] },
            BootAction::DeviceTree { path: "/board.dtb".into() },
        ],
        entries: vec![],
    }
}

fn menu(default: Option<&str>, entries: Vec<MenuEntry>) -> Menu {
    Menu { timeout: Some(1500), default: default.map(str::to_owned), consoles: vec![], entries }
}

fn part(name: &str, type_code: &str, filesystem: &str) -> PartHome {
    PartHome {
        name: name.into(),
        number: 1,
        type_code: type_code.into(),
        filesystem: filesystem.into(),
        options: Record::new(),
    }
}

fn disk(table: &str, own: PartHome, esp: Option<PartHome>) -> LoaderHome {
    LoaderHome::Disk { table: table.into(), own, esp }
}

fn source(store: &MemoryStore, files: &[(&str, Vec<u8>)]) -> Tree {
    let mut builder = TreeBuilder::new();
    for (path, bytes) in files {
        builder.push(Entry {
            path: BytePath(path.as_bytes().to_vec()),
            meta: Meta::new(0o644, 0),
            xattrs: Box::default(),
            link: None,
            node: Node::File {
                content: Content::Blob { id: store.put(bytes).expect("stored"), len: bytes.len() as u64 },
                dense: false,
            },
        });
    }
    builder.finish(0).expect("a tree")
}

/// Every file of a tree with its bytes.
fn texts(tree: &Tree, store: &MemoryStore) -> Vec<(String, String)> {
    let text = |entry: &Entry| match &entry.node {
        Node::File { content, .. } => {
            let bytes = content.to_bytes();
            let bytes = imgc_image::Reader::new(&bytes, store).read_all(1 << 20).expect("reads");
            Some((entry.path.to_string(), String::from_utf8_lossy(&bytes).into_owned()))
        }
        _ => None,
    };
    tree.entries().iter().filter_map(text).collect()
}

const BINARY: &str = "usr/lib/systemd/boot/efi/systemd-bootx64.efi";

fn install(options: &Record, menu: &Menu, home: &LoaderHome) -> (Vec<String>, Vec<(String, String)>) {
    let store = MemoryStore::default();
    let source = source(&store, &[(BINARY, image())]);
    let job = LoaderJob { options, source: Some(&source), menu: Some(menu), home, store: &store };
    let files = texts(&SystemdBoot.files(&job).expect("files"), &store);
    let products = SystemdBoot.products(options, home);
    let esp = match products.esp_files {
        true => texts(&SystemdBoot.esp_files(&job).expect("files"), &store),
        false => vec![],
    };
    (esp.iter().map(|(path, _)| path.clone()).collect(), [files, esp].concat())
}

fn text<'a>(files: &'a [(String, String)], path: &str) -> &'a str {
    let found = files.iter().find(|(known, _)| known == path);
    &found.unwrap_or_else(|| panic!("{path} is not among {files:?}")).1
}

#[test]
fn entries_that_count_are_named_so_and_nothing_is_the_default_by_name() {
    let home = disk("gpt", part("esp", ESP, "vfat"), None);
    let menu = menu(Some("new"), vec![linux("old", None), linux("new", Some(3)), linux("rescue", None)]);
    let (_, files) = install(&Record::new(), &menu, &home);
    let paths: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "/EFI/BOOT/BOOTX64.EFI",
            "/EFI/systemd/systemd-bootx64.efi",
            "/loader/entries/new+3.conf",
            "/loader/entries/old.conf",
            "/loader/entries/rescue.conf",
            "/loader/entries.srel",
            "/loader/loader.conf",
        ]
    );
    assert_eq!(
        text(&files, "/loader/entries/new+3.conf"),
        "title The new one\nversion 6.1-2\nsort-key 000\narchitecture x64\nlinux /new/vmlinuz\noptions quiet a=\"b c\"\n\
         initrd /ucode\ninitrd /initrd\ndevicetree /board.dtb\n"
    );
    // The next one in the menu's order is the fallback.
    assert!(text(&files, "/loader/entries/rescue.conf").contains("sort-key 001"));
    assert!(text(&files, "/loader/entries/old.conf").contains("sort-key 002"));
    assert_eq!(text(&files, "/loader/entries.srel"), "type1\n");
    let config = text(&files, "/loader/loader.conf");
    assert!(!config.contains("\ndefault"), "{config}");
    assert!(config.contains("\ntimeout 2\n"), "{config}");
}

#[test]
fn without_counting_the_order_stays_and_the_default_is_named() {
    let home = disk("mbr", part("esp", "ef", "vfat"), None);
    let both = vec![linux("old", None), linux("new", None)];
    let (_, files) = install(&Record::new(), &menu(Some("new"), both.clone()), &home);
    assert!(text(&files, "/loader/loader.conf").contains("\ndefault new.conf\n"));
    assert!(text(&files, "/loader/entries/old.conf").contains("sort-key 000"));
    for default in [None, Some("old")] {
        let (_, files) = install(&Record::new(), &menu(default, both.clone()), &home);
        assert!(!text(&files, "/loader/loader.conf").contains("default"));
    }
}

#[test]
fn settings_are_written_as_they_are_said() {
    let home = disk("gpt", part("esp", ESP, "vfat"), None);
    let menu = Menu { timeout: None, ..menu(None, vec![linux("a", None)]) };
    let options: Record = [
        ("console-mode", Data::from("max")),
        ("editor", Data::Bool(false)),
        ("auto-entries", Data::Bool(false)),
        ("auto-firmware", Data::Bool(false)),
        ("remember", Data::Bool(true)),
        ("removable", Data::Bool(false)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    let (_, files) = install(&options, &menu, &home);
    assert_eq!(
        text(&files, "/loader/loader.conf"),
        "# Made by imgc from the manifest's loader and menu.\ntimeout menu-force\nconsole-mode max\neditor no\nauto-entries no\n\
         auto-firmware no\ndefault @saved\n"
    );
    assert!(!files.iter().any(|(path, _)| path.contains("BOOTX64")), "{files:?}");
}

#[test]
fn kernels_may_lie_in_a_partition_of_their_own() {
    let home = disk("gpt", part("boot", XBOOTLDR, "vfat"), Some(part("esp", ESP, "vfat")));
    assert_eq!(SystemdBoot.check_home(&Record::new(), &home), []);
    let (esp, files) = install(&Record::new(), &menu(None, vec![linux("a", None)]), &home);
    assert_eq!(esp, ["/EFI/BOOT/BOOTX64.EFI", "/EFI/systemd/systemd-bootx64.efi", "/loader/loader.conf"]);
    assert_eq!(files.len(), 5, "{files:?}");
}

#[test]
fn places_where_firmware_does_not_look_are_refused() {
    let esp = || part("esp", ESP, "vfat");
    for (home, option, message, help) in [
        (LoaderHome::Network, None, "a network has none", "unified kernel image"),
        (disk("bare", esp(), None), None, "`bare` lists no partition", "`gpt` or `mbr`"),
        (disk("mbr", esp(), None), Some("partition"), "another type", "the type `esp`"),
        (disk("gpt", part("b", XBOOTLDR, "vfat"), None), Some("partition"), "another type", "with `esp`"),
        (disk("gpt", part("e", ESP, "ext4"), None), Some("partition"), "reads FAT", "make it `vfat`"),
        (
            disk("gpt", esp(), Some(part("e", "0f", "vfat"))),
            Some("esp"),
            "`e` is of another type",
            "the type `esp`",
        ),
        (
            disk("gpt", part("b", "0f", "vfat"), Some(esp())),
            Some("partition"),
            "`b` is neither",
            "`xbootldr`",
        ),
        (
            disk("gpt", part("b", XBOOTLDR, "ext4"), Some(esp())),
            Some("partition"),
            "`b` holds `ext4`",
            "`vfat`",
        ),
        (
            disk("mbr", part("b", "ea", "vfat"), Some(part("e", "ef", "vfat"))),
            Some("esp"),
            "GPT disks only",
            "leave `esp`",
        ),
    ] {
        let found = SystemdBoot.check_home(&Record::new(), &home);
        let hit = found.iter().any(|problem| {
            problem.option == option
                && problem.message.contains(message)
                && problem.help.as_ref().is_some_and(|text| text.contains(help))
        });
        assert!(hit, "{message}: {found:?}");
    }
}

#[test]
fn what_cannot_be_an_entry_is_named() {
    let with = |actions: Vec<BootAction>| MenuEntry { actions, version: None, ..linux("a", None) };
    let kernel = |path: &str, args: &str| BootAction::Linux { path: path.into(), args: args.into() };
    let initrd = |path: &str| BootAction::Initrd { paths: vec![path.into()] };
    let titled = |title: &str| MenuEntry { title: title.into(), ..linux("a", None) };
    for (entry, part) in [
        (with(vec![BootAction::Multiboot { path: "/k".into(), args: String::new() }]), "Multiboot"),
        (with(vec![BootAction::Exit]), "go back"),
        (with(vec![BootAction::FirmwareSetup]), "firmware's settings"),
        (with(vec![BootAction::Reboot]), "switch the machine off"),
        (with(vec![BootAction::PowerOff]), "switch the machine off"),
        (with(vec![]), "starts nothing"),
        (with(vec![kernel("/k", ""), kernel("/l", "")]), "starts more"),
        (with(vec![initrd("/i")]), "starts nothing"),
        (
            with(vec![BootAction::Chainload { path: "/x.efi".into(), args: String::new() }, initrd("/i")]),
            "beside a Linux",
        ),
        (with(vec![kernel("k", "")]), "absolute path"),
        (with(vec![kernel("/a\\b", "")]), "absolute path"),
        (with(vec![kernel("/k\nefi /x", "")]), "control characters"),
        (with(vec![kernel("/k", "a\noptions b")]), "control characters"),
        (with(vec![kernel("/k", "\"a b\"")]), "takes the quotes"),
        (with(vec![kernel("/k", ""), initrd("/my initrd")]), "a space ends it"),
        (titled(" a"), "spaces around"),
        (titled(""), "empty"),
        (titled("a\u{85}b"), "control characters"),
        (MenuEntry { version: Some("1\n2".into()), ..linux("a", None) }, "control characters"),
        (MenuEntry { name: "a+3".into(), ..linux("a", None) }, "name of an entry's file"),
        (MenuEntry { actions: vec![], entries: vec![linux("b", None)], ..linux("a", None) }, "no submenus"),
    ] {
        let found = SystemdBoot.check_menu(
            &Record::new(),
            &menu(None, vec![linux("z", None), entry]),
            &LoaderHome::Network,
        );
        assert!(
            found.iter().any(|(index, problem)| *index == 1 && problem.message.contains(part)),
            "{part}: {found:?}"
        );
    }
    let twice = menu(None, vec![linux("a", None), linux("A", None)]);
    let found = SystemdBoot.check_menu(&Record::new(), &twice, &LoaderHome::Network);
    assert!(found[0].0 == 1 && found[0].1.message.contains("case of letters"), "{found:?}");
}

#[test]
fn a_default_that_defeats_counting_cannot_be_asked_for() {
    let options: Record = [("remember".to_owned(), Data::Bool(true))].into();
    let counted = menu(None, vec![linux("a", Some(1))]);
    let found = SystemdBoot.check_menu(&options, &counted, &LoaderHome::Network);
    assert!(found[0].1.message.contains("none of its tries is left"), "{found:?}");
    let plain = menu(None, vec![linux("a", None)]);
    assert!(SystemdBoot.check_menu(&options, &plain, &LoaderHome::Network).is_empty());
    // Even if it were: the line is not written.
    assert!(!config::render(&Options::of(&options), Some(&counted)).contains("default"));
}

fn found(options: &[(&str, Data)], files: &[(&str, Vec<u8>)]) -> Result<u64, String> {
    let options: Record = options.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let store = MemoryStore::default();
    let source = source(&store, files);
    let home = disk("gpt", part("esp", ESP, "vfat"), None);
    let job = LoaderJob { options: &options, source: Some(&source), menu: None, home: &home, store: &store };
    match SystemdBoot.files(&job) {
        Ok(tree) => match &tree.get(b"EFI/BOOT/BOOTX64.EFI").expect("a file").node {
            Node::File { content, .. } => Ok(content.len()),
            other => panic!("{other:?}"),
        },
        Err(failure) => Err(failure.to_string()),
    }
}

#[test]
fn a_signed_application_is_preferred_and_can_be_asked_for() {
    let signed_name = format!("{BINARY}.signed");
    let secure = [("secure-boot", Data::Bool(true))];
    assert_eq!(found(&[], &[(BINARY, image())]), Ok(1024));
    assert_eq!(found(&secure, &[(BINARY, image()), (&signed_name, signed())]), Ok(1040));
    assert_eq!(found(&secure, &[("systemd-bootx64.efi", signed())]), Ok(1040));
    let unsigned = found(&secure, &[(BINARY, image())]).expect_err("refused");
    assert!(unsigned.contains("secure boot is asked for") && unsigned.contains("no signature"), "{unsigned}");
}

#[test]
fn what_is_no_systemd_boot_for_this_machine_is_refused() {
    let refused = |files: &[(&str, Vec<u8>)]| found(&[], files).expect_err("refused");
    assert!(refused(&[("a", vec![])]).contains("no file `systemd-bootx64.efi`"));
    assert!(refused(&[(BINARY, image()), ("b/systemd-bootx64.efi", image())]).contains("both"));
    assert!(refused(&[(BINARY, b"#!/bin/sh\n".to_vec())]).contains("no PE image"));
    let mut other = image();
    put16(&mut other, 0x44, 0xaa64);
    assert!(refused(&[(BINARY, other)]).contains("is for aa64, not for x64"));
    let mut driver = image();
    put16(&mut driver, 0x58 + 68, 11);
    assert!(refused(&[(BINARY, driver)]).contains("no EFI application"));
}
