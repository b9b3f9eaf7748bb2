//! Firmware × bus × filesystem × table.

use std::{fs, os::unix::fs::FileExt, path::Path};

use imgc_tests::{
    imgc::root,
    qemu::{Bus, Firmware, Firmware::Bios, Firmware::Uefi},
    tools::assemble,
};

use super::{Project, boots, menu, start};

fn built(nodes: &str, words: &str, machines: &[(Firmware, Bus)]) {
    let project = Project::new(&format!("{}{nodes}\noutput \"grub.img\" disk=main", menu(words)));
    boots(&project.build("grub.img"), machines, words);
}

#[test]
fn one_gpt_disk_starts_under_both_firmwares_on_every_bus() {
    let disk = r#"
        disk main {
            gpt
            partition bios size="1MiB" type=bios-boot
            partition esp size="2MiB" type=esp { vfat }
            partition root size=fit slack="4MiB" type=linux { ext4 tree=root }
            loader { grub platform=i386-pc source=bios partition=root menu=boot }
            loader { grub platform=x86_64-efi source=uefi partition=root esp=esp menu=boot }
        }"#;
    let bios = [Bus::Virtio, Bus::Ide, Bus::Nvme, Bus::Usb].map(|bus| (Bios, bus));
    let uefi = [Bus::Virtio, Bus::Nvme, Bus::Usb, Bus::Sata].map(|bus| (Uefi, bus));
    built(disk, "gpt", &[bios, uefi].concat());
}

#[test]
fn one_mbr_disk_with_an_esp_starts_under_both_firmwares() {
    let disk = r#"
        disk main {
            mbr
            partition esp start="1MiB" size="2MiB" type=esp { vfat }
            partition root size=fit slack="4MiB" { ext2 tree=root }
            loader { grub platform=i386-pc source=bios partition=root menu=boot }
            loader { grub platform=x86_64-efi source=uefi partition=root esp=esp menu=boot }
        }"#;
    built(disk, "mbr", &[(Bios, Bus::Virtio), (Bios, Bus::Usb), (Uefi, Bus::Virtio)]);
}

#[test]
fn a_single_fat_partition_starts_under_both_firmwares_with_graphics() {
    let disk = r#"
        disk main {
            mbr
            partition esp start="1MiB" size=fit slack="4MiB" type=esp { vfat tree=root }
            loader { grub platform=i386-pc source=bios partition=esp menu=boot font="/boot/unicode.pf2" }
            loader { grub platform=x86_64-efi source=uefi partition=esp menu=boot font="/boot/unicode.pf2" }
        }"#;
    built(disk, "fat", &[(Bios, Bus::Ide), (Uefi, Bus::Usb)]);
}

#[test]
fn read_only_and_foreign_filesystems_are_homes_too() {
    let disk = |filesystem: &str| {
        format!(
            r#"
            disk main {{
                gpt
                partition bios size="1MiB" type=bios-boot
                partition esp size="2MiB" type=esp {{ vfat }}
                partition root size={filesystem} tree=root }}
                loader {{ grub platform=i386-pc source=bios partition=root menu=boot directory="/grub" }}
                loader {{
                    grub platform=x86_64-efi source=uefi partition=root esp=esp menu=boot directory="/grub" {{
                        config "set x=y"
                        modules "test"
                    }}
                }}
            }}"#
        )
    };
    built(
        &disk("fit type=linux { squashfs compress=gzip"),
        "squashfs",
        &[(Bios, Bus::Virtio), (Uefi, Bus::Nvme)],
    );
    built(&disk("\"8MiB\" type=basic-data { exfat"), "exfat", &[(Bios, Bus::Nvme)]);
    built(&disk("fit slack=\"4MiB\" type=linux { ext3"), "ext3", &[(Bios, Bus::Ide)]);
}

#[test]
fn a_disk_without_a_table_starts_from_its_filesystem() {
    for filesystem in ["vfat", "ext4", "ext2"] {
        let disk = format!(
            r#"
            disk main {{
                bare
                partition root size=fit slack="4MiB" {{ {filesystem} tree=root }}
                loader {{ grub platform=i386-pc target=partition source=bios partition=root menu=boot }}
            }}"#
        );
        built(&disk, filesystem, &[(Bios, Bus::Virtio)]);
    }
}

#[test]
fn a_partition_starts_from_its_own_boot_record() {
    for filesystem in ["vfat", "ext2"] {
        let nodes = format!(
            r#"
            disk main {{
                mbr
                partition other start="1MiB" size="1MiB" type=linux
                partition root size=fit slack="4MiB" bootable=#true {{ {filesystem} tree=root }}
                loader {{ grub platform=i386-pc target=partition source=bios partition=root menu=boot }}
            }}
            output "grub.img" disk=main"#
        );
        let project = Project::new(&(menu("record") + &nodes));
        let image = project.build("grub.img");
        let disk = fs::File::options().write(true).open(&image).expect("there");
        disk.write_all_at(&mbr(project.bench.dir()), 0).expect("written");
        boots(&image, &[(Bios, Bus::Ide)], "record");
    }
}

/// The code of a master boot record that is none of GRUB's.
fn mbr(dir: &Path) -> Vec<u8> {
    let (object, flat) = (dir.join("object"), dir.join("mbr"));
    assemble(&root().join("tests/boot/mbr.S"), 0x7c00, &object, &flat);
    let code = fs::read(flat).expect("readable");
    assert_eq!(code.len(), 440);
    code
}

#[test]
fn a_hybrid_mbr_starts() {
    let disk = r#"
        disk main {
            gpt { hybrid "root" }
            partition bios size="1MiB" type=bios-boot
            partition root size=fit slack="4MiB" type=linux { ext4 tree=root }
            loader { grub platform=i386-pc source=bios partition=root menu=boot }
        }"#;
    built(disk, "hybrid", &[(Bios, Bus::Virtio)]);
}

#[test]
fn an_iso_starts_from_a_drive_and_as_a_stick() {
    for table in ["gpt", "mbr", "bare"] {
        let listed = if table == "bare" { "" } else { "type=esp" };
        let disk = format!(
            r#"
            disk main {{
                {table}
                partition iso size=fit listed=#false {{ iso9660 tree=root }}
                partition esp size="2MiB" {listed} {{ vfat }}
                loader {{ grub platform=i386-pc source=bios partition=iso menu=boot }}
                loader {{ grub platform=x86_64-efi source=uefi partition=iso esp=esp menu=boot }}
            }}"#
        );
        let machines = match table {
            "gpt" => &[(Bios, Bus::Cdrom), (Bios, Bus::Usb), (Uefi, Bus::Cdrom), (Uefi, Bus::Usb)][..],
            "mbr" => &[(Bios, Bus::Virtio), (Uefi, Bus::Virtio)],
            _ => &[(Bios, Bus::Cdrom), (Bios, Bus::Ide)],
        };
        built(&disk, table, machines);
    }
}

#[test]
fn entries_of_submenus_are_chosen_and_efi_images_get_their_words() {
    let nodes = r#"
        menu boot timeout="600s" {
            console screen
            console serial speed=115200
            entry plain title="Plain" { linux "/boot/vmlinuz" "plain" }
            submenu more title="More" {
                entry first title="First" { reboot }
                entry image title="Image" version="1.2" { chainload "/boot/vmlinuz" "as an image" }
            }
        }
        disk main {
            gpt
            partition esp size=fit slack="4MiB" type=esp { vfat tree=root }
            loader { grub platform=x86_64-efi source=uefi partition=esp menu=boot }
        }
        output "grub.img" disk=main"#;
    let project = Project::new(nodes);
    let mut vm = start(&project.build("grub.img"), Uefi, Bus::Virtio);
    vm.expect("Plain");
    vm.expect("More");
    // By the keyboard: the firmware listens at the serial port, too.
    vm.press(&["down", "enter"]);
    vm.expect(r"Image \(1\.2\)");
    vm.press(&["down", "enter"]);
    vm.expect("IMGC-MARKER ok fw=uefi stub=E initrd=0x00000000 cmdline=.*as an image");
}
