//! UEFI without GRUB: systemd-boot, unified kernel images and a kernel that firmware starts by itself, from every bus; counting down
//! to the fallback; secure boot.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use imgc_tests::{
    build::{Artifacts, build_manifest},
    imgc::root,
    kernel::{KERNEL_DONE, kernel},
    qemu::{Bus, Firmware, Kept, Machine, Vm},
    tools::{file, run, tool},
};
use tempfile::TempDir;

/// Where firmware finds disks besides CDs.
const BUSES: [Bus; 3] = [Bus::Virtio, Bus::Nvme, Bus::Usb];

/// The disks of `uefi/image.kdl`, around the kernel that stands in for Linux.
fn build(sets: &[(&str, &str)]) -> Artifacts {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("kernel");
    fs::write(&path, kernel()).expect("written");
    let sets = [&[("kernel", path.to_str().expect("text"))], sets].concat();
    build_manifest(&root().join("tests/boot/uefi/image.kdl"), &sets)
}

fn disk(name: &str) -> PathBuf {
    static MADE: OnceLock<Artifacts> = OnceLock::new();
    MADE.get_or_init(|| build(&[])).file(name)
}

/// Waits for the kernel, and for the command line that it was given at its end of the log.
fn told(mut vm: Vm, told: &str) {
    vm.expect(&format!(r"IMGC-MARKER ok fw=uefi stub=E initrd=0x[0-9A-F]{{8}} cmdline={told}\n"));
    assert_eq!(vm.exit(), KERNEL_DONE, "{told}");
}

fn starts_from(image: &Path, buses: &[Bus], cmdline: &str) {
    for bus in buses {
        told(Machine::new(Firmware::Uefi).disk(image, "raw", *bus).start(), cmdline);
    }
}

#[test]
fn systemd_boot_starts_a_kernel_with_its_initrd_from_every_bus() {
    starts_from(&disk("sdboot.img"), &BUSES, r"initrd=\\initrd by=systemd-boot");
}

#[test]
fn a_unified_kernel_image_starts_from_every_bus() {
    starts_from(&disk("uki.img"), &BUSES, "by=new-uki");
}

#[test]
fn firmware_starts_a_kernel_by_itself_from_every_bus() {
    starts_from(&disk("direct.img"), &BUSES, "");
}

#[test]
fn the_default_of_a_menu_on_an_mbr_disk_is_an_efi_application() {
    starts_from(&disk("sdboot-mbr.img"), &[Bus::Virtio], "by=chainload");
}

#[test]
fn kernels_in_a_partition_of_their_own_are_found() {
    starts_from(&disk("xbootldr.img"), &[Bus::Virtio], r"initrd=\\initrd by=systemd-boot");
}

#[test]
fn systemd_boot_starts_from_a_cd_that_is_a_stick_too() {
    starts_from(&disk("cd.iso"), &[Bus::Cdrom, Bus::Usb], r"initrd=\\initrd by=systemd-boot");
}

/// Boots the same disk again and again; each time this must have been started.
fn in_turn(image: &Path, cmdlines: &[&str]) {
    let kept = Kept::new(image, "raw");
    for cmdline in cmdlines {
        told(Machine::new(Firmware::Uefi).kept(&kept, Bus::Virtio).start(), cmdline);
    }
}

#[test]
fn an_entry_is_tried_as_often_as_it_says_then_the_next_one_starts() {
    in_turn(&disk("counted.img"), &["by=new", "by=new", "by=old", "by=old"]);
}

#[test]
fn a_unified_kernel_image_is_tried_as_often_as_its_name_says() {
    in_turn(&disk("type2.img"), &["by=new-uki", "by=new-uki", "by=old-uki"]);
}

#[test]
fn files_for_another_architecture_lie_where_its_firmware_looks() {
    let esp = format!("{}@@1M", disk("arm.img").display());
    let mut mcopy = Command::new(tool("mcopy", "mtools"));
    let application = run(mcopy.args(["-i", &esp, "::/EFI/BOOT/BOOTAA64.EFI", "-"]));
    let at = u32::from_le_bytes(application[0x3c..0x40].try_into().expect("four bytes")) as usize;
    assert_eq!(application[at..at + 6], *b"PE\0\0\x64\xaa");
    let mut mtype = Command::new(tool("mtype", "mtools"));
    let entry = run(mtype.args(["-i", &esp, "::/loader/entries/only.conf"]));
    assert!(String::from_utf8_lossy(&entry).contains("architecture aa64\n"));
}

/// Where Debian's OVMF has a key with which everybody can sign, and variables of a machine that trusts it.
const KEY: &str = "/usr/share/ovmf/PkKek-1-snakeoil.key";
const CERTIFICATE: &str = "/usr/share/ovmf/PkKek-1-snakeoil.pem";
const VARIABLES: &str = "/usr/share/OVMF/OVMF_VARS_4M.snakeoil.fd";

/// A machine with secure boot that trusts that key.
fn secure(image: &Path, dir: &TempDir) -> Vm {
    let variables = dir.path().join("variables");
    fs::copy(file(VARIABLES, "ovmf"), &variables).expect("copied");
    Machine::new(Firmware::UefiSecure).variables(&variables).disk(image, "raw", Bus::Virtio).start()
}

#[test]
fn secure_boot_starts_what_was_signed_and_nothing_else() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name).to_str().expect("text").to_owned();
    let key = ["rsa", "-passin", "pass:snakeoil", "-in", KEY, "-out"];
    file(KEY, "ovmf");
    run(Command::new(tool("openssl", "openssl")).args(key).arg(path("key")));
    let sign = ["--detached", "--cert", CERTIFICATE, "--key", &path("key"), "--output", &path("signature")];
    run(Command::new(tool("sbsign", "sbsigntool")).args(sign).arg(disk("new.efi")));
    let signed = build(&[("signature", &path("signature"))]);
    run(Command::new(tool("sbverify", "sbsigntool"))
        .args(["--cert", CERTIFICATE])
        .arg(signed.file("new.efi")));
    told(secure(&signed.file("uki.img"), &dir), "by=new-uki");
    let images = [disk("uki.img"), disk("sdboot.img"), disk("direct.img")];
    for image in images {
        let mut vm = secure(&image, &dir);
        vm.reject("IMGC-MARKER");
        vm.expect("Access Denied");
        vm.expect("No bootable option or device was found");
    }
}
