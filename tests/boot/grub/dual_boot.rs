//! `examples/dual-boot` with an MBR: Debian's kernel under both firmwares from one disk.

use std::fs;

use imgc_tests::{
    imgc::{Bench, root},
    qemu::{Bus, Firmware, Firmware::Bios, Firmware::Uefi},
};

use super::start;

fn linux(image: &std::path::Path, firmware: Firmware, bus: Bus, message: &str) {
    let mut vm = start(image, firmware, bus);
    vm.reject("Kernel panic");
    vm.expect("Linux version 6");
    vm.expect(message);
    vm.expect(if firmware == Bios { "IMGC-DUAL-OK BIOS" } else { "IMGC-DUAL-OK UEFI" });
    assert_eq!(vm.exit(), 0, "{firmware:?} {bus:?}");
}

#[test]
fn linux_starts_from_an_mbr_disk() {
    let example = root().join("examples/dual-boot");
    let text = fs::read_to_string(example.join("image.kdl")).expect("readable");
    let mbr = text
        .replace("    gpt\n", "    mbr\n")
        .replace("    partition bios size=\"1MiB\" type=bios-boot\n", "");
    assert_eq!(text.lines().count(), mbr.lines().count() + 1, "the example changed");
    let bench = Bench::new();
    fs::write(bench.dir().join("image.kdl"), mbr).expect("written");
    fs::copy(example.join("imgc.lock"), bench.dir().join("imgc.lock")).expect("copied");
    let made = bench.build(&bench.dir().join("image.kdl"), &["-o", "out"]);
    let image = &made["dual.img"].path;
    linux(image, Bios, Bus::Nvme, "everywhere");
    linux(image, Uefi, Bus::Usb, "everywhere");
}
