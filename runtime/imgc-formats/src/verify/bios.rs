//! What a BIOS finds on a disk: the code in sector 0, and whatever that starts.

use super::{
    core::{self, HYBRID_SECTOR, KERNEL_SECTOR},
    disk::{Disk, Part, SECTOR, has, number, read},
    grub,
    report::{Firmware, Medium, Trail},
    syslinux,
};

/// Where the code of a disk's first sector ends, and where that of a boot sector begins behind the fields of a FAT32.
const CODE_END: usize = 440;
const FAT_CODE: usize = 0x5a;

/// What GRUB's `boot.img` says.
const GRUB: &[u8] = b"GRUB \0Geom\0Hard Disk\0Read\0 Error";
/// What SYSLINUX's codes for sector 0 say: `isohdpfx.bin`, `gptmbr.bin`, `mbr.bin`; the last says what most makers' say.
const ISOHYBRID: &[u8] = b"isolinux.bin missing or corrupt";
const GPT_MBR: &[u8] = b"Missing OS";
const MBR: &[u8] = b"issing operating system";
/// What code says that starts nothing (mkfs.fat, and our own).
const NOTHING: [&[u8]; 2] = [b"not a bootable disk", b"is not bootable"];

/// What a BIOS would do with the disk; `None` when nothing there claims to be for one.
pub(super) fn check(disk: &Disk<'_>) -> Option<Trail> {
    let sector = read(disk.image, 0, 512)?;
    let code_from = if disk.has_table() { 0 } else { FAT_CODE };
    let code = &sector[code_from..CODE_END];
    if code.iter().all(|byte| *byte == 0) || NOTHING.iter().any(|mark| has(&sector, mark)) {
        return None;
    }
    let mut trail = Trail::new(Firmware::Bios, Medium::Disk);
    if sector[510..] != [0x55, 0xaa] {
        trail.error(
            "sector 0",
            "it holds code, but does not end with 55 aa, so no BIOS starts it",
            "write 55 aa at byte 510",
        );
    }
    if has(&sector, ISOHYBRID) {
        trail.step("isohybrid code of SYSLINUX in sector 0");
        isohybrid(disk, &sector, &mut trail);
    } else if has(&sector, MBR) || has(&sector, GPT_MBR) {
        trail.step("code in sector 0 that starts the marked partition");
        chain(disk, &mut trail);
    } else {
        code_of(disk, &disk.parts[0], &sector, &mut trail);
    }
    Some(trail)
}

/// The code of one boot sector.
fn code_of(disk: &Disk<'_>, part: &Part<'_>, sector: &[u8], trail: &mut Trail) {
    let place = if part.number.is_none() {
        "sector 0".to_owned()
    } else {
        format!("the boot sector of {}", part.name())
    };
    if has(sector, GRUB) {
        // Where others leave room for a FAT's fields, `boot_hybrid.img` does nothing; makers of CDs for Macs change what is before.
        let hybrid = sector[8..16] == [0x90; 8];
        let at = if hybrid { HYBRID_SECTOR } else { KERNEL_SECTOR };
        trail.step(format!("GRUB 2 in {place}"));
        let first = number(sector, at, 8).unwrap_or(u64::MAX);
        if let Some(area) = core::follow(disk, first, &place, trail) {
            grub::menu(disk, &area, "i386-pc", None, trail);
        }
    } else if matches!(&sector[3..11], b"SYSLINUX" | b"EXTLINUX") {
        trail.step(format!("SYSLINUX in {place}"));
        syslinux::follow(part, sector, trail);
    } else {
        trail.step(format!("code in {place}"));
        trail.unsure(
            place,
            "it holds code of a loader that imgc does not know, so nothing after it is looked at",
        );
    }
}

/// Code that starts the partition which is marked.
fn chain(disk: &Disk<'_>, trail: &mut Trail) {
    let marked: Vec<&Part<'_>> = disk.parts.iter().filter(|part| part.marked).collect();
    let part = match marked[..] {
        [] => {
            let help = "mark one: `bootable=#true` in an MBR, `attributes \"legacy-boot\"` in a GPT";
            return trail.error("sector 0", "its code starts the marked partition, and none is marked", help);
        }
        [part] => part,
        [one, other, ..] => {
            let message = format!(
                "its code starts the marked partition, and {} and {} both are",
                one.name(),
                other.name()
            );
            return trail.error("sector 0", message, "leave the mark to one of them");
        }
    };
    let place = format!("the boot sector of {}", part.name());
    match read(part.window, 0, 512) {
        Some(sector) if sector[510..] == [0x55, 0xaa] => {
            if NOTHING.iter().any(|mark| has(&sector, mark))
                || sector[FAT_CODE..510].iter().all(|byte| *byte == 0)
            {
                return trail.error(place, "it is started, but holds no loader", "install a loader there");
            }
            code_of(disk, part, &sector, trail);
        }
        _ => trail.error(place, "it is started, but does not end with 55 aa", "install a loader there"),
    }
}

/// Code that starts `isolinux.bin` at a sector that was written into it.
fn isohybrid(disk: &Disk<'_>, sector: &[u8], trail: &mut Trail) {
    let first = number(sector, HYBRID_SECTOR, 4).unwrap_or(u64::MAX);
    let at = first.saturating_mul(SECTOR);
    if read(disk.image, at.saturating_add(syslinux::ISO_MARK.0), 4)
        .is_none_or(|mark| mark != syslinux::ISO_MARK.1)
    {
        let message = format!("its code loads isolinux.bin from sector {first}, and it is not there");
        return trail.error(
            "sector 0",
            message,
            "run isohybrid on the finished image, or make the image anew",
        );
    }
    trail.step(format!("ISOLINUX in sector {first}"));
    syslinux::isolinux(disk, at, trail);
}
