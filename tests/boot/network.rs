//! Machines that start from a directory that imgc made: PXELINUX, GRUB, iPXE and one EFI application over QEMU's own TFTP, and over HTTP.
//!
//! With the kernel that says what it was given; `examples/netboot` has Debian's.

mod http;
mod variables;

use std::{fs, path::PathBuf, process::Command, sync::OnceLock};

use imgc_tests::{
    build::{Artifacts, build_manifest},
    imgc::root,
    kernel::{KERNEL_DONE, kernel},
    qemu::{Firmware, Machine, Vm},
    tools::{run, tool},
};

/// The directory of `network/image.kdl`, around the kernel that stands in for Linux.
fn served() -> PathBuf {
    static MADE: OnceLock<Artifacts> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("kernel");
        fs::write(&path, kernel()).expect("written");
        let sets = [("kernel", path.to_str().expect("text"))];
        build_manifest(&root().join("tests/boot/network/image.kdl"), &sets)
    });
    made.file("served")
}

fn start(firmware: Firmware, bootfile: &str) -> Vm {
    let mut vm = Machine::new(firmware).network(&served(), bootfile).start();
    vm.reject("error: ").reject("grub rescue>").reject("That did not start");
    vm
}

/// Waits for the kernel; `given` is how much initrd it has, and its command line to its end.
fn told(mut vm: Vm, firmware: &str, given: (u32, &str)) {
    let (initrd, cmdline) = given;
    vm.expect(&format!(r"IMGC-MARKER ok fw={firmware} stub=. initrd=0x{initrd:08X} cmdline={cmdline}\n"));
    assert_eq!(vm.exit(), KERNEL_DONE, "{cmdline}");
}

#[test]
fn pxelinux_starts_the_menus_default() {
    told(
        start(Firmware::Bios, "pxelinux.0"),
        "bios",
        (5000, "BOOT_IMAGE=boot/kernel by=menu initrd=boot/initrd"),
    );
}

#[test]
fn grub_starts_it_under_both_firmwares() {
    let given = || (5000, "BOOT_IMAGE=[^ ]*/boot/kernel by=menu");
    told(start(Firmware::Bios, "boot/grub/i386-pc/core.0"), "bios", given());
    told(start(Firmware::Uefi, "boot/grub/x86_64-efi/core.efi"), "uefi", given());
}

#[test]
fn ipxe_reads_the_script_at_the_root_and_below() {
    for script in ["boot.ipxe", "net/ipxe/autoexec.ipxe"] {
        told(start(Firmware::Bios, script), "bios", (5000, "initrd=initrd by=menu"));
    }
}

#[test]
fn an_efi_application_of_the_tree_is_started_by_firmware_itself() {
    told(start(Firmware::Uefi, "linux.efi"), "uefi", (0, "by=uki"));
}

#[test]
fn the_archive_of_a_tree_holds_what_its_directory_holds() {
    let dir = served();
    let archive = dir.with_file_name("served.tar");
    let unpacked = tempfile::tempdir().expect("a directory");
    let mut tar = Command::new(tool("tar", "tar"));
    run(tar.arg("-xf").arg(archive).args(["--no-same-owner", "-C"]).arg(unpacked.path()));
    run(Command::new(tool("diff", "diffutils")).arg("-r").arg(&dir).arg(unpacked.path()));
}
