//! What QEMU is told, word by word.

use std::path::{Path, PathBuf};

use imgc_plan::test::{Bus, Chipset, Firmware, MachineSpec, Medium};

use super::{Beside, quoted, words};
use crate::{Accel, Display, Error, Flash, Forward, Image, Machine, Serial, Writes};

fn said(machine: &Machine) -> String {
    let flash = Flash { code: PathBuf::from("/fw/code.fd"), variables: PathBuf::from("/fw/vars.fd") };
    let flash = (machine.spec.firmware != Firmware::Bios).then_some(&flash);
    let beside = Beside { accel: Accel::Tcg, flash, qmp: None, served: None };
    quoted(Path::new("qemu"), &words(machine, &beside).expect("a machine"))
}

fn machine(firmware: Firmware, medium: Medium, bus: Option<Bus>) -> Machine {
    Machine::new(MachineSpec::new(firmware, medium, bus, None))
        .image(Image::new(Path::new("/i/disk.img"), "raw"))
}

const HEAD: &str = "qemu -nodefaults -no-user-config";
const BOARD: &str = "-cpu max -smp 1 -m 512M -vga std -rtc base=utc -boot strict=off -no-reboot";
const TAIL: &str = "-device isa-debug-exit,iobase=0xf4,iosize=0x04 -display none -serial stdio";

#[test]
fn a_bios_machine_with_a_disk() {
    assert_eq!(
        said(&machine(Firmware::Bios, Medium::Disk, None)),
        format!(
            "{HEAD} -machine pc -accel tcg {BOARD} \
             -drive if=none,id=d0,format=raw,snapshot=on,file=/i/disk.img \
             -device virtio-blk-pci,drive=d0,bootindex=0 {TAIL}"
        )
    );
}

#[test]
fn a_machine_with_secure_boot() {
    assert_eq!(
        said(&machine(Firmware::UefiSecure, Medium::Usb, None)),
        format!(
            "{HEAD} -machine q35,smm=on -accel tcg {BOARD} \
             -global driver=cfi.pflash01,property=secure,value=on \
             -drive if=pflash,unit=0,format=raw,readonly=on,file=/fw/code.fd \
             -drive if=pflash,unit=1,format=raw,snapshot=on,file=/fw/vars.fd \
             -device qemu-xhci,id=usb -drive if=none,id=d0,format=raw,snapshot=on,file=/i/disk.img \
             -device usb-storage,drive=d0,bus=usb.0,bootindex=0 {TAIL}"
        )
    );
}

#[test]
fn each_bus_and_medium_has_its_device() {
    use Firmware::{Bios, Uefi};
    use Medium::{Cdrom, Disk};
    for (firmware, medium, bus, device) in [
        (Bios, Disk, Some(Bus::Nvme), "-device nvme,drive=d0,serial=imgc,bootindex=0"),
        (Bios, Disk, Some(Bus::Ide), "-device ide-hd,drive=d0,bus=ide.0,bootindex=0"),
        (Bios, Disk, Some(Bus::Sata), "-device ide-hd,drive=d0,bus=sata.0,bootindex=0"),
        (Uefi, Disk, Some(Bus::Sata), "-device ide-hd,drive=d0,bus=ide.0,bootindex=0"),
        (Uefi, Disk, Some(Bus::Scsi), "-device scsi-hd,drive=d0,bus=scsi.0,bootindex=0"),
        (Bios, Cdrom, None, "-device ide-cd,drive=d0,bus=ide.1,bootindex=0"),
        (Uefi, Cdrom, None, "-device ide-cd,drive=d0,bus=ide.0,bootindex=0"),
        (Uefi, Cdrom, Some(Bus::Scsi), "-device scsi-cd,drive=d0,bus=scsi.0,bootindex=0"),
    ] {
        let said = said(&machine(firmware, medium, bus));
        assert!(said.contains(device), "{said}");
        assert_eq!(said.contains("media=cdrom,readonly=on"), medium == Cdrom, "{said}");
    }
}

#[test]
fn a_machine_that_starts_from_the_network() {
    let mut machine = machine(Firmware::Uefi, Medium::Network, None);
    machine.spec.bootfile = Some("EFI/BOOT/BOOTX64.EFI".into());
    let efi = said(&machine);
    assert!(
        efi.contains(
            "-m 1024M -vga std -rtc base=utc -boot strict=off -no-reboot -drive if=pflash,unit=0,format=raw,\
             readonly=on,file=/fw/code.fd -drive if=pflash,unit=1,format=raw,snapshot=on,file=/fw/vars.fd -netdev \
             user,id=boot,restrict=on,tftp=/i/disk.img,bootfile=EFI/BOOT/BOOTX64.EFI -device \
             virtio-net-pci,netdev=boot,bootindex=0,romfile="
        ),
        "{efi}"
    );
    machine.spec.firmware = Firmware::Bios;
    machine.spec.bootfile = None;
    let bios = said(&machine);
    assert!(bios.contains("bootfile=disk.img -device virtio-net-pci,netdev=boot,bootindex=0 "), "{bios}");
}

#[test]
fn what_a_person_asks_for() {
    let mut machine = machine(Firmware::Bios, Medium::Disk, None);
    machine.image = Some(Image::new(Path::new("/i/a, b's.qcow2"), "qcow2"));
    machine.writes = Writes::Through;
    machine.serial = Serial::Terminal;
    machine.display = Display::Vnc("127.0.0.1:1".into());
    machine.network = true;
    machine.forwards = vec!["2222:22".parse::<Forward>().expect("ports")];
    machine.gdb = Some(1234);
    machine.restarts = true;
    machine.spec.sector_size = 4096;
    machine.spec.extra = vec!["-name".into(), "two words".into()];
    let said = said(&machine);
    assert!(!said.contains("-no-reboot"), "{said}");
    assert!(
        said.ends_with(
            r#"-drive 'if=none,id=d0,format=qcow2,snapshot=off,file=/i/a,, b'\''s.qcow2' -device virtio-blk-pci,drive=d0,bootindex=0,logical_block_size=4096,physical_block_size=4096 -device isa-debug-exit,iobase=0xf4,iosize=0x04 -netdev user,id=net,hostfwd=tcp:127.0.0.1:2222-:22 -device virtio-net-pci,netdev=net,romfile= -vnc 127.0.0.1:1 -serial mon:stdio -gdb tcp:127.0.0.1:1234 -name 'two words'"#
        ),
        "{said}"
    );
}

#[test]
fn what_cannot_be_is_said_before_qemu_is() {
    let beside = Beside { accel: Accel::Tcg, flash: None, qmp: None, served: None };
    let mut sectors = machine(Firmware::Bios, Medium::Disk, Some(Bus::Ide));
    sectors.spec.sector_size = 4096;
    let mut board = machine(Firmware::Bios, Medium::Disk, Some(Bus::Ide));
    board.spec.chipset = Chipset::Q35;
    for (machine, help) in [(sectors, "nvme"), (board, "bus=sata")] {
        let error = words(&machine, &beside).expect_err("no such machine");
        assert!(matches!(&error, Error::Impossible { help: said, .. } if said.contains(help)), "{error}");
    }
}
