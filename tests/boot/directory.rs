//! A directory becomes a medium: `examples/iso-from-directory`, with kernels that GRUB finds and with a menu of the user's.

use std::{
    fs,
    path::{Path, PathBuf},
};

use imgc_tests::{
    imgc::{Bench, root},
    kernel::{KERNEL_DONE, kernel},
    qemu::{Bus, Firmware, Machine},
};

/// Builds the example of a directory with these files.
fn medium(files: &[(&str, &[u8])]) -> (Bench, PathBuf) {
    let bench = Bench::new();
    for (path, content) in files {
        let path = bench.dir().join("medium").join(path);
        fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        fs::write(path, content).expect("written");
    }
    let made = bench.build(&root().join("examples/iso-from-directory/image.kdl"), &["--set", "dir=medium"]);
    let path = bench.dir().join(&made["media.iso"].path);
    (bench, path)
}

fn boots(path: &Path, firmware: Firmware, bus: Bus, marker: &str) {
    let mut vm = Machine::new(firmware).disk(path, "raw", bus).start();
    vm.reject("error:").expect(marker);
    assert_eq!(vm.exit(), KERNEL_DONE, "{firmware:?} {bus:?}");
}

#[test]
fn kernels_of_a_directory_start_from_every_medium() {
    let (_bench, path) =
        medium(&[("boot/vmlinuz-6", &kernel()), ("boot/initrd.img-6", &[b'x'; 5000]), ("notes.txt", b"x")]);
    let marker = "IMGC-MARKER ok fw=.* initrd=0x0*1388 cmdline=BOOT_IMAGE=/boot/vmlinuz-6 console=ttyS0";
    for (firmware, bus) in [
        (Firmware::Bios, Bus::Cdrom),
        (Firmware::Bios, Bus::Usb),
        (Firmware::Uefi, Bus::Cdrom),
        (Firmware::Uefi, Bus::Usb),
    ] {
        boots(&path, firmware, bus, marker);
    }
}

#[test]
fn a_menu_in_the_directory_is_the_menu() {
    let menu = b"set timeout=0\nmenuentry mine { linux /vmlinuz of my own }\n";
    let (_bench, path) = medium(&[("vmlinuz", &kernel()), ("boot/grub/grub.cfg", menu)]);
    boots(&path, Firmware::Bios, Bus::Virtio, "IMGC-MARKER ok .* cmdline=BOOT_IMAGE=/vmlinuz of my own");
}
