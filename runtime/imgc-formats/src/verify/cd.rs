//! What firmware finds on a CD: El Torito's catalogue, and the images that it names.

use imgc_image::Entry as File;

use super::{
    core,
    disk::{Disk, Window, has, number, read},
    files::{Files, len},
    grub,
    report::{Firmware, Medium, Trail},
    syslinux, uefi,
};
use crate::boot::eltorito::{self, Entry};

/// The sector of the boot record, what it begins with, and where it says the catalogue's sector (El Torito 1.0, figure 7).
const BOOT_RECORD: u64 = 17;
const BOOT_SYSTEM: &[u8] = b"\0CD001\x01EL TORITO SPECIFICATION";
const CATALOG_POINTER: usize = 0x47;

/// The sector that a boot information table names first, where it lies, and where what it sums up begins (mkisofs manual).
const PRIMARY: u64 = 16;
const INFO: usize = 8;
const SUMMED: usize = 64;

/// What GRUB's `cdboot.img` says, and its length.
const CD_BOOT: &[u8] = b"cdrom read fails";
const CD_BOOT_LEN: u64 = 2048;

/// The longest image for a BIOS that is read.
const LONGEST: u64 = 8 << 20;
/// The most files that are looked at for where they lie.
const MOST_FILES: usize = 100_000;

/// What firmware would do with the CD: one trail for each entry of the catalogue.
pub(super) fn check(disk: &Disk<'_>) -> Vec<Trail> {
    let sector = eltorito::SECTOR;
    let record = read(disk.image, BOOT_RECORD * sector, CATALOG_POINTER + 4)
        .filter(|record| record.starts_with(BOOT_SYSTEM));
    let Some(record) = record else { return Vec::new() };
    let mut trail = Trail::new(Firmware::Bios, Medium::Cd);
    trail.step("boot record in sector 17");
    let lba = number(&record, CATALOG_POINTER, 4).unwrap_or(u64::MAX);
    let place = format!("the boot catalogue in sector {lba}");
    let bytes = read(disk.image, lba.saturating_mul(sector), eltorito::LEN);
    let Some(bytes) = bytes.and_then(|bytes| <[u8; eltorito::LEN]>::try_from(bytes).ok()) else {
        trail.error(place, "it lies outside of the image", "the image was cut off, or made wrongly");
        return vec![trail];
    };
    match eltorito::decode(&bytes) {
        Err(problem) => trail.error(place, problem.message, "make the image anew"),
        Ok(entries) if entries.is_empty() => {
            trail.error(place, "it names nothing that firmware could start", "add a loader");
        }
        Ok(entries) => return entries.iter().flat_map(|entry| one(disk, entry, &place)).collect(),
    }
    vec![trail]
}

/// Follows an entry.
fn one(disk: &Disk<'_>, entry: &Entry, place: &str) -> Vec<Trail> {
    let firmware = if entry.platform == eltorito::EFI { Firmware::Uefi("") } else { Firmware::Bios };
    let mut trail = Trail::new(firmware, Medium::Cd);
    let at = entry.first / eltorito::SECTOR;
    trail.step(format!("El Torito entry for an image in sector {at}"));
    let loaded = u64::from(entry.sectors) * 512;
    if entry.first == 0 || entry.first.checked_add(loaded.max(512)).is_none_or(|end| end > disk.image.len()) {
        trail.error(
            place,
            format!("its image in sector {at} lies outside of the medium"),
            "the image was cut off, or made wrongly",
        );
        return vec![trail];
    }
    let file = disk.parts[0].files().and_then(|files| Some((files, find(files, entry.first)?)));
    match entry.platform {
        eltorito::EFI => return efi(disk, entry, file.map(|(_, file)| len(file)), trail),
        eltorito::X86 => bios(disk, entry, file.map(|(_, file)| file), &mut trail),
        other => trail
            .unsure(place, format!("an entry is for the platform {other:#04x}, which imgc does not know")),
    }
    vec![trail]
}

/// The file that begins at this byte.
fn find<'f>(files: &'f Files<'_>, at: u64) -> Option<&'f File> {
    let candidates = files.entries().iter().filter(|entry| len(entry) > 0).take(MOST_FILES);
    candidates.into_iter().find(|entry| files.runs(entry).first().is_some_and(|run| run.offset == at))
}

fn bios(disk: &Disk<'_>, entry: &Entry, file: Option<&File>, trail: &mut Trail) {
    let place = match file {
        Some(file) => file.path.to_string(),
        None => format!("the boot image in sector {}", entry.first / eltorito::SECTOR),
    };
    let long = file.map_or(u64::from(entry.sectors) * 512, len).clamp(512, LONGEST);
    let long = long.min(disk.image.len() - entry.first);
    let Some(bytes) = read(disk.image, entry.first, usize::try_from(long).unwrap_or(0)) else {
        return trail.error(place, "it cannot be read", "");
    };
    let (mark, wanted) = syslinux::ISO_MARK;
    let mark = usize::try_from(mark).unwrap_or(0);
    if bytes.get(mark..mark + wanted.len()) == Some(wanted) {
        trail.step(format!("ISOLINUX in {place}"));
        info(&bytes, entry.first, file.is_some(), &place, trail);
        syslinux::isolinux(disk, entry.first, trail);
    } else if has(&bytes[..bytes.len().min(CD_BOOT_LEN as usize)], CD_BOOT) {
        trail.step(format!("GRUB 2 in {place}"));
        info(&bytes, entry.first, file.is_some(), &place, trail);
        let first = (entry.first + CD_BOOT_LEN) / 512;
        if let Some(area) = core::follow(disk, first, &place, trail) {
            grub::menu(disk, &area, "i386-pc", None, trail);
        }
    } else {
        trail.step(place.clone());
        if number(&bytes, INFO, 4) == Some(PRIMARY)
            && number(&bytes, INFO + 4, 4) == Some(entry.first / eltorito::SECTOR)
        {
            info(&bytes, entry.first, file.is_some(), &place, trail);
        }
        trail.unsure(place, "it holds a loader that imgc does not know, so nothing after it is looked at");
    }
}

/// Checks the boot information table; its sum only when the file's length is known.
fn info(bytes: &[u8], first: u64, whole: bool, place: &str, trail: &mut Trail) {
    let field = |index: usize| number(bytes, INFO + 4 * index, 4).unwrap_or(u64::MAX);
    let sector = first / eltorito::SECTOR;
    let mut wrong = Vec::new();
    if field(0) != PRIMARY || field(1) != sector {
        wrong.push(format!(
            "it says sectors {} and {}, and means {PRIMARY} and {sector}",
            field(0),
            field(1)
        ));
    }
    if whole && field(2) != bytes.len() as u64 {
        wrong.push(format!("it says {} bytes, and the file has {}", field(2), bytes.len()));
    }
    let words = bytes
        .get(SUMMED..)
        .unwrap_or_default()
        .chunks(4)
        .map(|word| number(word, 0, word.len()).unwrap_or(0));
    let sum = words.fold(0_u32, |sum, word| sum.wrapping_add(word as u32));
    if whole && wrong.is_empty() && field(3) != u64::from(sum) {
        wrong.push("its checksum is not that of the file".to_owned());
    }
    if let Some(wrong) = wrong.first() {
        let message = format!("the boot information table in it is wrong: {wrong}");
        trail.error(
            place,
            message,
            "make the image with a boot information table (`-boot-info-table` of xorriso)",
        );
    }
}

fn efi(disk: &Disk<'_>, entry: &Entry, file: Option<u64>, mut trail: Trail) -> Vec<Trail> {
    let part = disk.parts.iter().find(|part| part.number.is_some() && part.start == entry.first);
    let said = Some(u64::from(entry.sectors) * 512).filter(|len| *len > 512);
    let known = file.or(part.map(|part| imgc_image::ReadAt::len(part.window))).or(said);
    let rest = disk.image.len() - entry.first;
    let window = Window::new(disk.image, entry.first, known.unwrap_or(rest));
    let place = format!("the EFI image in sector {}", entry.first / eltorito::SECTOR);
    match Files::open(&window) {
        Ok(Some(files)) if files.kind == "vfat" => {
            let found = uefi::applications(
                disk,
                &files,
                &place,
                Medium::Cd,
                part.and_then(|part| part.number),
                &trail.path.steps,
            );
            if !found.is_empty() {
                return found;
            }
            trail.error(place, "there is no /EFI/BOOT/BOOTX64.EFI or its kin in it", "put the loader there");
        }
        Err(why) => trail.error(place, format!("it is damaged: {why}"), "make it anew, as FAT"),
        _ => trail.error(place, "it is no FAT filesystem, and UEFI reads no other", "make it with FAT"),
    }
    vec![trail]
}
