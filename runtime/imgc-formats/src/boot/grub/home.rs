//! Which homes GRUB cannot start from or read, before anything runs.

use imgc_plan::{
    Data,
    kind::OptionProblem,
    step::{LoaderHome, PartHome},
};

use super::{
    options::{Options, problem},
    place::{Form, Place, SMALL, filesystem_module, is_cd, table_module},
    platform::Platform,
};

/// The type of a partition in which UEFI looks, on GPT and MBR disks (UEFI 2.10, sections 5.3.3 and 5.2.2).
const ESP_TYPES: [&str; 2] = ["c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "ef"];

/// What GRUB's `squash4` unpacks (GRUB 2.06, `grub-core/fs/squash4.c`; tried).
const SQUASHFS: [&str; 4] = ["none", "gzip", "lzo", "xz"];

/// Everything that cannot be.
pub fn check(options: &Options, home: &LoaderHome) -> Vec<OptionProblem> {
    let mut found = Vec::new();
    let place = Place::of(options, home);
    let LoaderHome::Disk { table, own, esp } = home else {
        if options.secure_boot {
            let message =
                "a signed GRUB that is fetched over a network looks for its menu where its maker chose";
            let help = "copy the signed images and a `grub.cfg` into the tree, or leave `secure-boot` out";
            found.push(problem("secure-boot", message.to_owned(), help));
        }
        return found;
    };
    if options.platform == Platform::I386PcPxe {
        let message = "GRUB for PXE is fetched over a network, and this is a disk".to_owned();
        found.push(problem("platform", message, "`platform=i386-pc` starts from disks and CDs"));
        return found;
    }
    if table_module(table).is_none() {
        let message = format!("GRUB cannot read a disk with the table `{table}`");
        found.push(problem("partition", message, "`gpt` and `mbr` are read by all its platforms"));
    }
    if filesystem_module(&own.filesystem).is_none() {
        let message = format!("GRUB cannot read its files from a partition with `{}`", own.filesystem);
        found.push(problem("partition", message, SMALL));
    }
    let compress = own.options.get("compress").and_then(Data::as_text).unwrap_or("none");
    if own.filesystem == "squashfs" && !SQUASHFS.contains(&compress) {
        let message = format!("GRUB cannot read a squashfs that is compressed with `{compress}`");
        found.push(problem(
            "partition",
            message,
            "`compress=gzip` and `compress=xz` are read by all versions of GRUB",
        ));
    }
    // A filesystem at the start of the disk can be named by the disk.
    if own.number == 0 && table != "bare" && !is_cd(own) {
        let message = format!("GRUB finds partitions by the table, which does not list `{}`", own.name);
        found.push(problem("partition", message, "leave `listed=#false` out"));
    }
    if options.platform.is_efi() {
        check_esp(esp.as_ref(), own, &mut found);
    } else if let Some(esp) = esp {
        let message = format!("GRUB for a BIOS has no files for `{}`", esp.name);
        found.push(problem("esp", message, "leave `esp` out"));
    }
    match place.form {
        Form::Disk if table == "bare" => {
            let message = "a disk without a table has no room for GRUB's core image".to_owned();
            found.push(problem("partition", message, "`target=partition` puts it into the filesystem"));
        }
        Form::Partition if !has_boot_record(&own.filesystem) => {
            let message = format!("a partition with `{}` has no room for GRUB's boot sector", own.filesystem);
            found.push(problem("target", message, "ext2, ext3, ext4 and vfat have"));
        }
        Form::Cd if options.in_partition => {
            let message = "GRUB for a CD is a file of it and has no `target`".to_owned();
            found.push(problem("target", message, "leave `target` out"));
        }
        _ => {}
    }
    found
}

fn check_esp(esp: Option<&PartHome>, own: &PartHome, found: &mut Vec<OptionProblem>) {
    let (option, part) = esp.map_or(("partition", own), |esp| ("esp", esp));
    if part.filesystem != "vfat" {
        let message = format!(
            "UEFI starts files from FAT filesystems only, and `{}` holds `{}`",
            part.name, part.filesystem
        );
        found.push(problem(option, message, "name a partition with `vfat` and `type=esp` with `esp=`"));
    } else if part.number > 0 && !ESP_TYPES.contains(&part.type_code.to_ascii_lowercase().as_str()) {
        let message = format!("UEFI does not look into `{}`, as it is not of the type `esp`", part.name);
        found.push(problem(option, message, "give that partition `type=esp`"));
    }
}

/// Whether the filesystem leaves its first sector, or all of it but what it says of itself there, to boot code.
fn has_boot_record(filesystem: &str) -> bool {
    matches!(filesystem, "ext2" | "ext3" | "ext4" | "vfat")
}
