//! `examples/live-iso`: a live system from CDs and disks under both firmwares, and what it keeps.

use std::path::Path;

use imgc_tests::{
    build::{Artifacts, imgc_build},
    qemu::{Bus, Firmware, Kept, Machine, Vm},
};

fn live() -> Artifacts {
    imgc_build("live-iso", &[("message", "IMGC-MESSAGE from the squashfs")])
}

/// Up to the line that the system on the squashfs prints.
fn lives(mut vm: Vm, boot: u32) {
    vm.reject("grub rescue>").reject("Kernel panic");
    vm.expect(&format!("IMGC-MESSAGE from the squashfs\r?\nIMGC-LIVE-OK boot {boot}, 1 squashfs"));
    assert_eq!(vm.exit(), 0);
}

/// A CD at a SCSI controller: the kernel of the example has no driver for the drive of UEFI machines.
fn scsi_cd(firmware: Firmware, path: &Path) -> Machine {
    let drive = format!("file={},if=none,format=raw,media=cdrom,readonly=on,id=cd", path.display());
    Machine::new(firmware).args(&[
        "-device",
        "virtio-scsi-pci,id=scsi",
        "-drive",
        &drive,
        "-device",
        "scsi-cd,bus=scsi.0,drive=cd,bootindex=0",
    ])
}

#[test]
fn the_live_system_starts_from_cds_and_disks() {
    let made = live();
    let path = made.file("live.iso");
    lives(Machine::bios(&path, "raw", Bus::Cdrom).start(), 1);
    lives(scsi_cd(Firmware::Uefi, &path).start(), 1);
    lives(Machine::bios(&path, "raw", Bus::Ide).start(), 1);
    // A disk keeps what the system writes.
    let kept = Kept::new(&path, "raw");
    lives(Machine::new(Firmware::Bios).kept(&kept, Bus::Virtio).start(), 1);
    lives(Machine::new(Firmware::Uefi).kept(&kept, Bus::Virtio).start(), 2);
}
