//! GRUB as imgc installs it, on disks that other tools made, with a kernel that tells what it was given.

use std::{fs, path::Path, process::Command};

use imgc_plan::menu::{BootAction, Console, Menu, MenuEntry};
use imgc_tests::{
    imgc::root,
    qemu::{Bus, DOWN, ENTER, Machine, Vm},
    tools::{assemble, run, tool},
};

use crate::disk::Disk;

/// What QEMU's exit code is when the stub, or the boot sector, has told all.
const STUB_DONE: i32 = 33;
const SECTOR_DONE: i32 = 35;

/// The kernel that tells what it was given.
pub fn stub() -> Vec<u8> {
    flat("stub.S", 0x10_0000)
}

/// A source beside this file, assembled and linked to this address.
pub fn flat(source: &str, base: u32) -> Vec<u8> {
    let dir = tempfile::tempdir().expect("a directory");
    let output = dir.path().join("flat");
    assemble(&root().join("tests/boot").join(source), base, &dir.path().join("object"), &output);
    fs::read(output).expect("readable")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("plain");
    fs::write(&file, bytes).expect("written");
    run(Command::new(tool("gzip", "gzip")).args(["-9", "-n", "-c"]).arg(&file))
}

fn multiboot(path: &str, args: &str) -> BootAction {
    BootAction::Multiboot { path: path.into(), args: args.into() }
}

fn module(path: &str, args: &str) -> BootAction {
    BootAction::Module { path: path.into(), args: args.into() }
}

fn menu(timeout: u64, default: &str, entries: &[(&str, &str, Vec<BootAction>)]) -> Menu {
    let entry = |(name, title, actions): &(&str, &str, Vec<BootAction>)| MenuEntry {
        name: (*name).into(),
        title: (*title).into(),
        actions: actions.clone(),
        ..MenuEntry::default()
    };
    Menu {
        timeout: Some(timeout),
        default: Some(default.into()),
        consoles: vec![Console::Screen, Console::Serial { speed: 115_200 }],
        entries: entries.iter().map(entry).collect(),
    }
}

fn start(image: &Path, bus: Bus) -> Vm {
    let mut vm = Machine::bios(image, "raw", bus).start();
    vm.reject("error: ").reject("grub rescue>");
    vm
}

#[test]
fn every_bus_table_and_filesystem_starts_the_default() {
    let files = [("/boot/kernel", stub()), ("/boot/a module", b"content".to_vec())];
    let actions = vec![multiboot("/boot/kernel", "root=x"), module("/boot/a module", "m -s")];
    let other = vec![multiboot("/boot/kernel", "the wrong one")];
    let menu = menu(0, "second", &[("first", "First", other), ("second", "Second", actions)]);
    for (table, filesystem, buses) in [
        ("mbr", "ext2", &[Bus::Ide, Bus::Virtio, Bus::Usb][..]),
        ("gpt", "ext4", &[Bus::Nvme, Bus::Ide]),
        ("gpt", "vfat", &[Bus::Virtio]),
    ] {
        let disk = Disk::with_grub(table, filesystem, &menu, &files);
        for bus in buses {
            let mut vm = start(&disk.path(), *bus);
            vm.expect(r"IMGC-STUB multiboot1 \[root=x\] \[m -s\]\nIMGC-STUB-OK");
            assert_eq!(vm.exit(), STUB_DONE, "{table} {filesystem} {bus:?}");
        }
    }
}

#[test]
fn entries_are_chosen_by_keys_and_words_arrive_as_they_are_written() {
    let odd = r#"$(task-create) ${root} $root "b  c" x="a b" #no {;} |&<>*?[] %d ~"#;
    let odd_seen = r#"$(task-create) ${root} $root "b  c" "x=a b" #no {;} |&<>*?[] %d ~"#;
    let title = r#"It's "odd" $(reboot) \ } ;"#;
    let entries = [
        ("plain", "Plain", vec![multiboot("/kernel", "")]),
        ("odd", title, vec![multiboot("/kernel.gz", odd), module("/module", "$(task-resume)")]),
        (
            "two",
            "Version 2",
            vec![
                BootAction::Multiboot2 { path: "/kernel.gz".into(), args: "two".into() },
                module("/module", "m2"),
            ],
        ),
        ("sector", "Sector", vec![BootAction::Chainload { path: "/sector".into(), args: String::new() }]),
    ];
    let files = [
        ("/kernel", stub()),
        ("/kernel.gz", gzip(&stub())),
        ("/module", b"content".to_vec()),
        ("/sector", flat("sector.S", 0x7c00)),
    ];
    let disk = Disk::with_grub("mbr", "ext2", &menu(60_000, "plain", &entries), &files);
    for (downs, seen, code) in [
        (
            1,
            regex::escape(&format!("IMGC-STUB multiboot1 [{odd_seen}] [$(task-resume)]\nIMGC-STUB-OK")),
            STUB_DONE,
        ),
        (2, regex::escape("IMGC-STUB multiboot2 [two] [m2]\nIMGC-STUB-OK"), STUB_DONE),
        (3, "IMGC-SECTOR-OK".to_owned(), SECTOR_DONE),
    ] {
        let mut vm = start(&disk.path(), Bus::Ide);
        vm.expect(&regex::escape(title));
        vm.expect("Sector");
        vm.send(&DOWN.repeat(downs)).send(ENTER);
        vm.expect(&seen);
        assert_eq!(vm.exit(), code);
    }
}

#[test]
fn the_command_line_can_look_around_and_start_something() {
    let entries = [("plain", "Plain", vec![multiboot("/kernel", "")])];
    let disk = Disk::with_grub("gpt", "ext4", &menu(60_000, "plain", &entries), &[("/kernel", stub())]);
    let mut vm = start(&disk.path(), Bus::Virtio);
    vm.expect("Plain");
    vm.send("c").expect("grub>");
    vm.send("ls (hd0,gpt2)/boot/grub/\r").expect("i386-pc/");
    // The partition for GRUB's image holds no filesystem: GRUB tries all that it has, and none is missing.
    vm.send("ls (hd0,gpt1)\r").expect("[Nn]o known filesystem|unknown filesystem");
    vm.send("multiboot /kernel by hand\r").send("boot\r");
    vm.expect(r"IMGC-STUB multiboot1 \[by hand\]");
    assert_eq!(vm.exit(), STUB_DONE);
}
