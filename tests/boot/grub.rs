//! GRUB from manifest to marker: every form of it that firmware starts, with the kernel that says what it was given.
//!
//! The packages are those that are installed, so nothing is fetched.

mod arm64;
mod counted;
mod dual_boot;
mod matrix;
mod must_not;
mod network;

use std::{
    fs,
    path::{Path, PathBuf},
};

use imgc_tests::{
    imgc::Bench,
    kernel::{KERNEL_DONE, kernel},
    qemu::{Bus, Firmware, Machine, Vm},
    tools::file,
};

/// A manifest and what it was built in.
pub struct Project {
    /// Where it was built.
    pub bench: Bench,
}

impl Project {
    /// A manifest with these nodes: sources of GRUB and of the files (`vmlinuz`, `initrd` of 5000 bytes, `garbage`, `unicode.pf2`)
    /// are there already.
    pub fn new(nodes: &str) -> Self {
        let bench = Bench::new();
        let files = bench.dir().join("files");
        fs::create_dir(&files).expect("a directory");
        fs::write(files.join("vmlinuz"), kernel()).expect("written");
        fs::write(files.join("initrd"), vec![7; 5000]).expect("written");
        fs::write(files.join("garbage"), b"no kernel").expect("written");
        let font = file("/usr/share/grub/unicode.pf2", "grub-common");
        fs::copy(font, files.join("unicode.pf2")).expect("copied");
        let package = |kernel: &str, package: &str| {
            let kernel = file(kernel, package);
            kernel.parent().expect("a directory").to_str().expect("text").to_owned()
        };
        let bios = package("/usr/lib/grub/i386-pc/kernel.img", "grub-pc-bin");
        let uefi = package("/usr/lib/grub/x86_64-efi/kernel.img", "grub-efi-amd64-bin");
        let text = format!(
            "image grub-test\nsource bios {{ dir \"{bios}\" }}\nsource uefi {{ dir \"{uefi}\" }}\n\
             source files {{ dir \"files\" }}\ntree root {{ copy source=files to=\"/boot/\" }}\n{nodes}\n"
        );
        fs::write(bench.dir().join("image.kdl"), text).expect("written");
        Self { bench }
    }

    /// Its manifest.
    pub fn manifest(&self) -> PathBuf {
        self.bench.dir().join("image.kdl")
    }

    /// Builds it and gives the artifact.
    pub fn build(&self, name: &str) -> PathBuf {
        let out = self.bench.out().to_string_lossy().into_owned();
        let made = self.bench.build(&self.manifest(), &["-o", &out]);
        made.get(name).unwrap_or_else(|| panic!("the build made {:?}", made.keys())).path.clone()
    }
}

/// A menu that starts the kernel at once with this command line.
pub fn menu(words: &str) -> String {
    format!(
        "menu boot timeout=\"0s\" {{\n console screen\n console serial speed=115200\n entry linux {{\n\
         linux \"/boot/vmlinuz\" \"{words}\"\n initrd \"/boot/initrd\"\n }}\n}}\n"
    )
}

/// Starts the image; GRUB must not complain.
pub fn start(image: &Path, firmware: Firmware, bus: Bus) -> Vm {
    let mut vm = Machine::new(firmware).disk(image, "raw", bus).start();
    vm.reject("error: ").reject("grub rescue>").reject("grub>");
    vm
}

/// Waits until the kernel has said all, and that is what it was given.
pub fn expect_kernel(mut vm: Vm, firmware: Firmware, words: &str) {
    let (name, door) = match firmware {
        Firmware::Bios => ("bios", "P"),
        _ => ("uefi", "Q"),
    };
    let initrd = format!("{:08X}", 5000);
    vm.expect(&format!(
        "IMGC-MARKER ok fw={name} stub={door} initrd=0x{initrd} cmdline=BOOT_IMAGE=[^ ]*/boot/vmlinuz {words}\n"
    ));
    assert_eq!(vm.exit(), KERNEL_DONE);
}

/// Boots the image on each of these.
pub fn boots(image: &Path, machines: &[(Firmware, Bus)], words: &str) {
    for (firmware, bus) in machines {
        expect_kernel(start(image, *firmware, *bus), *firmware, words);
    }
}
