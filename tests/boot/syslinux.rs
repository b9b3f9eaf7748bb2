//! The SYSLINUX family from manifest to marker, and rEFInd: every disk of `syslinux/image.kdl`, with the kernel that says what it
//! was given; the installer of SYSLINUX as the judge of what is stamped.

mod example;
mod network;
mod oracle;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use imgc_tests::{
    imgc::{Artifact, Bench, root},
    kernel::{KERNEL_DONE, kernel},
    qemu::{Bus, DOWN, ENTER, Firmware, Machine, Vm},
};

use crate::loader::{flat, stub};

/// What QEMU's exit code is when the multiboot kernel, or the boot sector, has told all; and when the machine is off or reset.
const STUB_DONE: i32 = 33;
const SECTOR_DONE: i32 = 35;
const OFF: i32 = 0;

/// One build of all disks for all tests here, as packages are fetched.
struct Disks {
    made: BTreeMap<String, Artifact>,
    bench: Bench,
}

impl Disks {
    fn all() -> &'static Self {
        static MADE: OnceLock<Disks> = OnceLock::new();
        MADE.get_or_init(|| {
            let bench = Bench::new();
            let files = bench.dir().join("files");
            fs::create_dir(&files).expect("a directory");
            let contents = [
                ("kernel", kernel()),
                ("initrd", vec![7; 5000]),
                ("stub", stub()),
                ("sector", flat("sector.S", 0x7c00)),
            ];
            for (name, bytes) in contents {
                fs::write(files.join(name), bytes).expect("written");
            }
            let set = format!("files={}", files.display());
            let out = bench.out().to_string_lossy().into_owned();
            let manifest = root().join("tests/boot/syslinux/image.kdl");
            let made = bench.build(&manifest, &["-o", &out, "--set", &set]);
            Self { made, bench }
        })
    }

    fn image(&self, name: &str) -> PathBuf {
        let found = self.made.get(name).map(|artifact| artifact.path.clone());
        found.unwrap_or_else(|| panic!("there is no {name}"))
    }

    /// A copy that a test may change.
    fn copy(&self, name: &str, as_name: &str) -> PathBuf {
        let copy = self.bench.dir().join(as_name);
        fs::copy(self.image(name), &copy).expect("copied");
        copy
    }
}

fn bios(name: &str, bus: Bus) -> Vm {
    Machine::bios(&Disks::all().image(name), "raw", bus).start()
}

/// Waits until the kernel has said all.
fn expect_kernel(mut vm: Vm, firmware: &str, initrd: u32, cmdline: &str) {
    vm.expect(&format!(
        "IMGC-MARKER ok fw={firmware} stub=. initrd=0x{initrd:08X} cmdline={}",
        regex::escape(cmdline)
    ));
    assert_eq!(vm.exit(), KERNEL_DONE);
}

/// Two initrds of 5000 bytes, each from a multiple of four bytes on.
const ONCE: (u32, &str) = (10_000, "BOOT_IMAGE=/boot/kernel once a=\"b c\"");

#[test]
fn every_table_and_filesystem_starts_the_default() {
    for (name, buses) in [
        ("fat12-mbr.img", &[Bus::Ide][..]),
        ("fat12-gpt.img", &[Bus::Virtio]),
        ("fat16-gpt.img", &[Bus::Ide]),
        ("fat32-mbr.img", &[Bus::Usb, Bus::Virtio]),
        ("bare.img", &[Bus::Ide]),
        ("ext4.img", &[Bus::Virtio, Bus::Nvme]),
        ("iso.iso", &[Bus::Cdrom, Bus::Usb, Bus::Ide]),
    ] {
        for bus in buses {
            expect_kernel(bios(name, *bus), "bios", ONCE.0, ONCE.1);
        }
    }
}

#[test]
fn a_prompt_starts_the_default_or_what_is_typed() {
    let mut vm = bios("ext2.img", Bus::Ide);
    vm.expect("boot: ");
    expect_kernel(vm, "bios", 0, "BOOT_IMAGE=/boot/kernel second");
    let mut vm = bios("ext2.img", Bus::Ide);
    vm.expect("boot: ");
    vm.send("first\r");
    expect_kernel(vm, "bios", 0, "BOOT_IMAGE=/boot/kernel first");
}

#[test]
fn entries_of_menus_are_chosen_by_keys() {
    let choose = |name: &str, bus: Bus, downs: usize| {
        let mut vm = bios(name, bus);
        vm.expect("A multiboot kernel");
        vm.expect("More & more");
        vm.send(&DOWN.repeat(downs)).send(ENTER);
        vm
    };
    let kernel =
        regex::escape("IMGC-STUB multiboot1 [/boot/stub a=b -s] [/boot/initrd m1] [/boot/kernel m2 x]");
    for (name, bus) in [("fat16-mbr.img", Bus::Ide), ("iso-gpt.iso", Bus::Cdrom)] {
        let mut vm = choose(name, bus, 0);
        vm.expect(&format!("{kernel}\nIMGC-STUB-OK"));
        assert_eq!(vm.exit(), STUB_DONE);
    }
    let mut vm = choose("fat16-mbr.img", Bus::Ide, 1);
    vm.expect("IMGC-SECTOR-OK");
    assert_eq!(vm.exit(), SECTOR_DONE);
    // The graphical menu shows itself on the serial port, too.
    for (name, downs) in [("fat16-mbr.img", 2), ("fat32-gpt.img", 3)] {
        assert_eq!(choose(name, Bus::Ide, downs).exit(), OFF, "{name}");
    }
    let mut vm = choose("iso-gpt.iso", Bus::Usb, 4);
    vm.expect("Deep");
    vm.send(ENTER).expect("Deepest");
    vm.send(ENTER);
    expect_kernel(vm, "bios", 0, "BOOT_IMAGE=/boot/kernel deepest");
}

#[test]
fn firmware_of_today_starts_it_too() {
    for (name, cmdline) in [
        ("efi.img", "BOOT_IMAGE=/boot/kernel second x=y"),
        ("refind.img", "second x=y initrd=\\boot\\initrd"),
    ] {
        let vm = Machine::new(Firmware::Uefi).disk(&Disks::all().image(name), "raw", Bus::Virtio).start();
        let initrd = if name == "efi.img" { 5000 } else { 0 };
        expect_kernel(vm, "uefi", initrd, cmdline);
    }
}

/// Where the extents of `ldlinux.sys` stand: 494 bytes behind its start (measured with 6.04).
const MAP: u64 = 494;

fn find(image: &Path, mark: &[u8]) -> u64 {
    let bytes = fs::read(image).expect("readable");
    let found = bytes.windows(mark.len()).step_by(512).position(|window| window == mark);
    512 * found.expect("the mark is there") as u64
}

#[test]
fn one_byte_of_the_sector_map_wrong_and_it_does_not_start() {
    let image = Disks::all().copy("fat16-gpt.img", "astray.img");
    let core = find(&image, b"\r\nSYSLINUX 6.04 ");
    let disk = fs::File::options().read(true).write(true).open(&image).expect("there");
    let mut first = [0; 1];
    disk.read_exact_at(&mut first, core + MAP).expect("readable");
    disk.write_all_at(&[first[0] ^ 1], core + MAP).expect("written");
    let mut vm = Machine::bios(&image, "raw", Bus::Ide).start();
    vm.reject("IMGC-MARKER");
    vm.expect_on_screen("Load error - ");
}

#[test]
fn a_partition_that_is_not_marked_is_refused_and_would_not_start() {
    let image = Disks::all().copy("fat12-mbr.img", "unmarked.img");
    let disk = fs::File::options().write(true).open(&image).expect("there");
    disk.write_all_at(&[0], 446).expect("written");
    let mut vm = Machine::bios(&image, "raw", Bus::Ide).start();
    vm.reject("IMGC-MARKER");
    vm.expect_on_screen("Missing operating system|Boot failed|No bootable");
    let bench = Bench::new();
    let manifest = bench.dir().join("image.kdl");
    let text = fs::read_to_string(root().join("tests/boot/syslinux/image.kdl")).expect("readable");
    fs::write(&manifest, text.replace(" bootable=#true", "")).expect("written");
    fs::copy(root().join("tests/boot/syslinux/imgc.lock"), bench.dir().join("imgc.lock")).expect("copied");
    let files = Disks::all().bench.dir().join("files");
    let set = format!("files={}", files.display());
    let path = manifest.to_str().expect("text");
    let said = bench.run(&["build", path, "-o", "out", "--only", "fat12-mbr.img", "--set", &set], 1);
    let said = String::from_utf8(said.stderr).expect("text");
    assert!(said.contains("`boot` is not") && said.contains("`bootable=#true`"), "{said}");
}
