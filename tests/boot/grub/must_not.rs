//! What must not boot does not, for the reason that was expected; what cannot boot is not built.

use std::{fs, os::unix::fs::FileExt};

use imgc_tests::qemu::{Bus, Firmware, Machine};

use super::{Project, menu};

const DISK: &str = r#"
    disk main {
        mbr
        partition root start="1MiB" size=fit slack="4MiB" { ext2 tree=root }
        loader { grub platform=i386-pc source=bios partition=root menu=boot {
            modules "MODULE"
        } }
    }
    output "grub.img" disk=main"#;

fn project(module: &str) -> Project {
    Project::new(&(menu("x") + &DISK.replace("MODULE", module)))
}

#[test]
fn a_disk_with_a_stamped_byte_wrong_does_not_start() {
    let project = project("ls");
    let image = project.build("grub.img");
    let disk = fs::File::options().write(true).open(&image).expect("there");
    // The highest byte of the core's sector: beyond the end of any disk.
    disk.write_all_at(&[0x7f], 0x5c + 7).expect("written");
    let mut vm = Machine::bios(&image, "raw", Bus::Ide).start();
    vm.reject("IMGC-MARKER");
    vm.expect_on_screen("GRUB (Geom|Read) Error");
}

#[test]
fn a_core_image_that_points_astray_does_not_start() {
    let project = project("ls");
    let image = project.build("grub.img");
    let disk = fs::File::options().read(true).write(true).open(&image).expect("there");
    let mut sector = [0];
    disk.read_exact_at(&mut sector, 512 + 0x1f4).expect("readable");
    assert_eq!(sector, [2], "the second sector of the core lies behind the first");
    disk.write_all_at(&[0x7f], 512 + 0x1f4 + 7).expect("written");
    let mut vm = Machine::bios(&image, "raw", Bus::Ide).start();
    vm.reject("IMGC-MARKER");
    vm.expect_on_screen(r"(?s)GRUB loading.*Read Error");
}

#[test]
fn an_esp_without_an_image_does_not_start() {
    let nodes = r#"
        disk main {
            gpt
            partition esp size=fit slack="4MiB" type=esp { vfat tree=root }
            loader { grub platform=x86_64-efi source=uefi partition=esp menu=boot efi-path="/EFI/imgc/grubx64.efi" }
        }
        output "grub.img" disk=main"#;
    let project = Project::new(&(menu("x") + nodes));
    let image = project.build("grub.img");
    let mut vm = Machine::new(Firmware::Uefi).disk(&image, "raw", Bus::Virtio).start();
    vm.reject("IMGC-MARKER");
    vm.expect("No bootable option or device was found|Shell>|UEFI Interactive Shell");
}

#[test]
fn what_cannot_start_is_not_built() {
    let complaint = |project: &Project| {
        let manifest = project.manifest();
        let output = project.bench.run(&["build", manifest.to_str().expect("text"), "-o", "out"], 1);
        String::from_utf8(output.stderr).expect("text")
    };
    let said = complaint(&project("no_such_module"));
    assert!(said.contains("no module `no_such_module`") && said.contains("image.kdl:"), "{said}");
    let lost = menu("x").replace("/boot/vmlinuz", "/boot/lost") + &DISK.replace("MODULE", "ls");
    let said = complaint(&Project::new(&lost));
    assert!(said.contains("/boot/lost") && said.contains("entry linux"), "{said}");
    let nowhere =
        menu("x") + &DISK.replace("MODULE", "ls").replace("i386-pc source=bios", "x86_64-efi source=uefi");
    let said = complaint(&Project::new(&nowhere));
    assert!(said.contains("FAT filesystems only"), "{said}");
}
