//! Boots in a row on one disk: entries whose tries are used up, kernels that do not start, systems that said that they are good.

use std::{fs, path::Path, process::Command};

use imgc_tests::{
    qemu::{Bus, Firmware, Firmware::Bios, Firmware::Uefi, Kept, Machine},
    tools::{run, tool},
};

use super::Project;

/// A menu whose new entry may be started so often, and loads this kernel.
fn menu(tries: u32, kernel: &str) -> String {
    format!(
        "menu boot timeout=\"0s\" default=new-1 {{\n console serial speed=115200\n\
         entry other {{ linux \"/boot/vmlinuz\" \"the wrong one\" }}\n\
         entry new-1 tries={tries} {{ linux \"/boot/{kernel}\" \"new\" }}\n\
         entry newer tries=1 {{ linux \"/boot/vmlinuz\" \"newer\" }}\n\
         entry old {{ linux \"/boot/vmlinuz\" \"old\" }}\n}}\n"
    )
}

const BIOS_EXT4: &str = r#"
    disk main {
        mbr
        partition root start="1MiB" size=fit slack="4MiB" { ext4 tree=root }
        loader { grub platform=i386-pc source=bios partition=root menu=boot }
    }
    output "grub.img" disk=main"#;

const BOTH_FAT: &str = r#"
    disk main {
        mbr
        partition esp start="1MiB" size=fit slack="4MiB" type=esp { vfat tree=root }
        loader { grub platform=i386-pc source=bios partition=esp menu=boot }
        loader { grub platform=x86_64-efi source=uefi partition=esp menu=boot }
    }
    output "grub.img" disk=main"#;

/// Boots it so often, and gives what was started each time.
fn started(image: &Path, firmware: Firmware, bus: Bus, boots: usize) -> Vec<String> {
    let kept = Kept::new(image, "raw");
    (0..boots)
        .map(|_| {
            let mut vm = Machine::new(firmware).kept(&kept, bus).start();
            vm.reject("grub rescue>").reject("grub>");
            let line = vm.expect("IMGC-MARKER ok [^\n]*\n");
            vm.exit();
            line.trim_end().rsplit(' ').next().expect("a word").to_owned()
        })
        .collect()
}

#[test]
fn tries_are_counted_down_to_the_fallback() {
    let image = Project::new(&(menu(2, "vmlinuz") + BIOS_EXT4));
    let image = image.build("grub.img");
    assert_eq!(started(&image, Bios, Bus::Virtio, 5), ["new", "new", "newer", "old", "old"]);
}

#[test]
fn tries_are_counted_under_uefi() {
    let project = Project::new(&(menu(1, "vmlinuz") + BOTH_FAT));
    let image = project.build("grub.img");
    // The kernel ends QEMU at once, and with OVMF's virtio what was written last is lost then.
    assert_eq!(started(&image, Uefi, Bus::Sata, 3), ["new", "newer", "old"]);
    bless(&image, project.bench.dir());
    assert_eq!(started(&image, Bios, Bus::Ide, 3), ["new", "new", "new"]);
}

/// What a started system does that is good: GRUB's own tool changes the block, which is written back to where it lies.
fn bless(image: &Path, dir: &Path) {
    let block = dir.join("grubenv");
    let part = format!("{}@@1M", image.display());
    let mtools = |name: &str| {
        let mut command = Command::new(tool(name, "mtools"));
        command.env("MTOOLS_SKIP_CHECK", "1");
        command
    };
    run(mtools("mcopy").args(["-n", "-i", &part, "::/boot/grub/grubenv"]).arg(&block));
    let mut editenv = Command::new(tool("grub-editenv", "grub-common"));
    run(editenv.arg(&block).args(["set", "tries_new_1=good"]));
    assert_eq!(fs::metadata(&block).expect("there").len(), 1024);
    run(mtools("mcopy").args(["-o", "-i", &part]).arg(&block).arg("::/boot/grub/grubenv"));
}

#[test]
fn a_kernel_that_cannot_be_loaded_costs_a_try_and_the_next_is_started() {
    let image = Project::new(&(menu(1, "garbage") + BIOS_EXT4));
    let image = image.build("grub.img");
    // The first boot finds no kernel and goes on; the second passes over the entry.
    assert_eq!(started(&image, Bios, Bus::Virtio, 2), ["newer", "old"]);
}
