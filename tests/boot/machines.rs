//! Every machine that the harness can make starts, and what can be done with it has its effect.

use std::{fs, path::PathBuf};

use imgc_tests::qemu::{Bus, Firmware, Kept, Machine};
use tempfile::TempDir;

use crate::loader::flat;

/// QEMU's exit codes: what the boot sectors write to port 0xf4.
const SECTOR: i32 = 35;
const ENTER: i32 = 37;
const OTHER_KEY: i32 = 39;

/// A disk of 1 MiB that starts with this boot sector.
fn disk(source: &str) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a directory");
    let mut bytes = flat(source, 0x7c00);
    bytes.resize(1 << 20, 0);
    let path = dir.path().join("disk.img");
    fs::write(&path, bytes).expect("written");
    (dir, path)
}

#[test]
fn a_bios_starts_from_every_bus() {
    let (_dir, image) = disk("sector.S");
    for bus in [Bus::Ide, Bus::Virtio, Bus::Nvme, Bus::Usb, Bus::Sata, Bus::Scsi] {
        let mut vm = Machine::bios(&image, "raw", bus).start();
        vm.expect("IMGC-SECTOR-OK");
        assert_eq!(vm.exit(), SECTOR, "{bus:?}");
    }
}

#[test]
fn a_disk_is_kept_from_boot_to_boot_and_its_image_stays_as_it_was() {
    let (_dir, image) = disk("counter.S");
    let before = fs::read(&image).expect("readable");
    for bus in [Bus::Virtio, Bus::Ide, Bus::Scsi] {
        let kept = Kept::new(&image, "raw");
        for boot in 1..=3 {
            let mut vm = Machine::new(Firmware::Bios).kept(&kept, bus).start();
            vm.expect(&format!("BOOT-{boot}-OF-THIS-DISK"));
            // The first ends QEMU itself, the others lose their power: what they wrote is there all the same.
            if boot == 1 {
                vm.press(&["enter"]);
                assert_eq!(vm.exit(), ENTER);
            } else {
                vm.stop();
            }
        }
    }
    let mut vm = Machine::bios(&image, "raw", Bus::Virtio).start();
    vm.expect("BOOT-1-OF-THIS-DISK");
    assert!(fs::read(&image).expect("readable") == before, "the image is never written to");
}

#[test]
fn a_screen_is_read_as_text_and_as_a_picture_and_keys_arrive() {
    let (dir, image) = disk("counter.S");
    let mut vm = Machine::bios(&image, "raw", Bus::Ide).start();
    vm.expect("BOOT-1");
    vm.expect_on_screen("^BOOT-1-OF|\nBOOT-1-OF-THIS-DISK\n");
    let picture = vm.picture();
    let file = dir.path().join("screen.png");
    picture.save(&file).expect("saved");
    vm.expect_picture(&file, 20);
    vm.press(&["a"]);
    assert_eq!(vm.exit(), OTHER_KEY);
    let mut other = Machine::new(Firmware::Bios).start();
    other.expect_on_screen("SeaBIOS");
    let difference = other.picture().difference(&picture);
    assert!(difference.is_none_or(|share| share > 0), "another screen is another picture: {difference:?}");
}

#[test]
fn a_bios_starts_from_the_network() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("loader.bin"), flat("sector.S", 0x7c00)).expect("written");
    let mut vm = Machine::new(Firmware::Bios).network(dir.path(), "loader.bin").start();
    vm.expect("IMGC-SECTOR-OK");
    assert_eq!(vm.exit(), SECTOR);
}

#[test]
fn uefi_comes_up_on_both_boards_and_with_secure_boot() {
    let (_dir, image) = disk("sector.S");
    for (firmware, bus) in
        [(Firmware::Uefi, Bus::Ide), (Firmware::UefiSecure, Bus::Sata), (Firmware::Uefi, Bus::Scsi)]
    {
        let mut vm = Machine::new(firmware).disk(&image, "raw", bus).start();
        vm.reject("IMGC-SECTOR-OK");
        vm.expect("BdsDxe: ");
    }
}

#[test]
fn uefi_asks_the_boot_server_by_its_own_means() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("no-image.efi"), "this is no EFI image").expect("written");
    let mut vm = Machine::new(Firmware::Uefi).network(dir.path(), "no-image.efi").start();
    vm.expect("NBP filename is no-image.efi");
    vm.expect("NBP filesize is 20 Bytes");
}
