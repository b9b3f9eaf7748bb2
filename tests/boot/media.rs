//! CDs under both firmwares and on every bus: with GRUB, with images of one's own by El Torito; and catalogues that are wrong.

use std::{
    fs,
    path::{Path, PathBuf},
};

use imgc_tests::{
    imgc::Bench,
    kernel::{KERNEL_DONE, kernel},
    qemu::{Bus, Firmware, Machine},
    tools::file,
};

use crate::loader::flat;

/// What QEMU's exit code is when `eltorito.S` has told all.
const CD_DONE: i32 = 37;

/// A CD for both firmwares that is a disk with a GPT, too.
const MEDIUM: &str = r#"
image medium
tree root {
    copy "loader.bin" to="/boot/loader.bin" dense=#true
    // The catalogue and this file have the same content as long as nothing is stamped.
    file "/zeros" size="2KiB"
}
tree efi { copy "kernel.efi" to="/EFI/BOOT/BOOTX64.EFI" }
disk medium {
    gpt
    partition iso size=fit listed=#false { iso9660 volume-id="MEDIUM" tree=root }
    partition esp size=fit type=esp { vfat tree=efi }
    loader { media-checksum partition=iso }
    loader { el-torito partition=iso esp=esp platform=efi }
    loader { el-torito partition=iso image="/boot/loader.bin" boot-info-table=#true }
}
output "medium.iso" disk=medium
"#;

/// The same with GRUB, and with this table.
const GRUB: &str = r#"
image grub
source pc { dir "/usr/lib/grub/i386-pc" }
source efi { dir "/usr/lib/grub/x86_64-efi" }
tree root {
    copy "kernel.efi" to="/boot/vmlinuz"
    file "/boot/initrd" size="5KiB"
}
menu boot timeout="0s" {
    console serial speed=115200
    entry kernel title="Kernel" {
        linux "/boot/vmlinuz" "from=medium"
        initrd "/boot/initrd"
    }
}
disk medium {
    TABLE
    partition esp size=fit type=esp { vfat }
    loader { grub platform="x86_64-efi" source=efi partition=iso esp=esp menu=boot }
    loader { grub platform=i386-pc source=pc partition=iso menu=boot }
    loader { media-checksum partition=iso }
}
output "medium.iso" disk=medium
"#;

/// Builds a manifest.
fn build(manifest: &str) -> (Bench, PathBuf) {
    let bench = Bench::new();
    fs::write(bench.dir().join("image.kdl"), manifest).expect("written");
    fs::write(bench.dir().join("loader.bin"), flat("eltorito.S", 0)).expect("written");
    fs::write(bench.dir().join("kernel.efi"), kernel()).expect("written");
    let made = bench.build(&bench.dir().join("image.kdl"), &[]);
    let path = bench.dir().join(&made["medium.iso"].path);
    (bench, path)
}

/// Builds the medium, and says where its catalogue lies.
fn medium() -> (Bench, PathBuf, usize) {
    let (bench, path) = build(MEDIUM);
    let bytes = fs::read(&path).expect("the medium");
    let pointer = bytes[17 * 2048 + 0x47..][..4].try_into().expect("four bytes");
    (bench, path, u32::from_le_bytes(pointer) as usize * 2048)
}

fn uefi(path: &Path, bus: Bus) {
    let mut vm = Machine::new(Firmware::Uefi).disk(path, "raw", bus).start();
    vm.expect("IMGC-MARKER ok fw=uefi ");
    assert_eq!(vm.exit(), KERNEL_DONE, "{bus:?}");
}

#[test]
fn one_medium_starts_as_cd_and_as_disk() {
    let (_bench, path, _) = medium();
    let mut vm = Machine::bios(&path, "raw", Bus::Cdrom).start();
    vm.reject("IMGC-CD-BAD");
    vm.expect("IMGC-CD-OK");
    assert_eq!(vm.exit(), CD_DONE);
    for bus in [Bus::Cdrom, Bus::Usb, Bus::Virtio, Bus::Ide] {
        uefi(&path, bus);
    }
}

#[test]
fn grub_starts_a_medium_on_every_bus_under_both_firmwares() {
    file("/usr/lib/grub/i386-pc/kernel.img", "grub-pc-bin");
    file("/usr/lib/grub/x86_64-efi/kernel.img", "grub-efi-amd64-bin");
    let hidden = "gpt\n    partition iso size=fit listed=#false { iso9660 volume-id=\"GRUB\" tree=root }";
    let (_bench, path) = build(&GRUB.replace("TABLE", hidden));
    for firmware in [Firmware::Bios, Firmware::Uefi] {
        for bus in [Bus::Cdrom, Bus::Usb, Bus::Virtio, Bus::Ide] {
            grub(firmware, bus, &path);
        }
    }
    let listed =
        "mbr\n    partition iso start=\"0B\" size=fit type=\"17\" bootable=#true { iso9660 tree=root }";
    let (_bench, path) = build(&GRUB.replace("TABLE", listed).replace("type=esp", "type=\"ef\""));
    grub(Firmware::Bios, Bus::Cdrom, &path);
    grub(Firmware::Bios, Bus::Usb, &path);
    grub(Firmware::Uefi, Bus::Virtio, &path);
}

/// Starts the medium with GRUB up to its kernel.
fn grub(firmware: Firmware, bus: Bus, path: &Path) {
    let mut vm = Machine::new(firmware).disk(path, "raw", bus).start();
    let name = if firmware == Firmware::Bios { "bios" } else { "uefi" };
    vm.reject("grub rescue>").reject("error: file");
    vm.expect(&format!("IMGC-MARKER ok fw={name} .*initrd=0x0*1400 cmdline=.*from=medium"));
    assert_eq!(vm.exit(), KERNEL_DONE, "{firmware:?} {bus:?}");
}

/// A copy of the medium with one byte changed.
fn spoilt(bench: &Bench, path: &Path, at: usize, byte: u8) -> PathBuf {
    let mut bytes = fs::read(path).expect("the medium");
    assert_ne!(bytes[at], byte);
    bytes[at] = byte;
    let copy = bench.dir().join("spoilt.iso");
    fs::write(&copy, bytes).expect("written");
    copy
}

#[test]
fn catalogues_and_tables_that_are_wrong_do_not_start() {
    let (bench, path, catalog) = medium();
    // A BIOS looks at the key of the validation entry.
    let copy = spoilt(&bench, &path, catalog + 30, 0);
    let mut vm = Machine::bios(&copy, "raw", Bus::Cdrom).start();
    vm.reject("IMGC-CD");
    vm.expect_on_screen("Boot failed: Could not read from CDROM");
    vm.stop();
    // UEFI sums it up.
    let copy = spoilt(&bench, &path, catalog + 5, 1);
    let mut vm = Machine::new(Firmware::Uefi).disk(&copy, "raw", Bus::Cdrom).start();
    vm.reject("IMGC-MARKER");
    vm.expect("BdsDxe: failed to load Boot0001 .*: Not Found");
    vm.stop();
    // The image looks at its table.
    let image =
        fs::read(&path).expect("the medium")[catalog + 40..catalog + 44].try_into().expect("four bytes");
    let image = u32::from_le_bytes(image) as usize * 2048;
    let copy = spoilt(&bench, &path, image + 20, 0x77);
    let mut vm = Machine::bios(&copy, "raw", Bus::Cdrom).start();
    vm.reject("IMGC-CD-OK");
    vm.expect("IMGC-CD-BAD");
}
