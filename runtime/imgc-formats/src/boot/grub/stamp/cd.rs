//! GRUB on a CD: entries of the El Torito catalogue, and what makes a stick with the same bytes start.

use std::sync::Arc;

use imgc_image::{Bytes, Failure, Problem, Reader, build::Patch};

use super::{BOOT_CODE, SECTOR_LEN, check_sectors};
use crate::boot::{
    StampJob, eltorito,
    grub::{
        core::{BLOCK_LIST, CD_BOOT, HYBRID_SECTOR, SECTOR},
        install,
        place::Place,
    },
};

/// Sectors of 512 bytes in one of a CD, and those of them that a BIOS loads of the image: `cdboot.img`, which loads the others.
const PER_SECTOR: u64 = eltorito::SECTOR / SECTOR_LEN;
const LOADED: u16 = 4;

/// Where in the image the boot information table lies (mkisofs manual, "EL TORITO BOOT INFORMATION TABLE").
const INFO: u64 = 8;

/// What a disk's first sector ends with, which a disk without a table does not have by itself.
const SIGNATURE: (u64, [u8; 2]) = (510, [0x55, 0xaa]);

/// The pieces for a BIOS: what in the image says where it lies, its entry of the catalogue, and code in sector 0 that loads the
/// same image when the bytes are a stick's. `boot` is `boot_hybrid.img`.
///
/// # Errors
/// When firmware could not start the medium.
pub fn bios(place: &Place<'_>, job: &StampJob<'_>, boot: &Arc<Bytes>) -> Result<Vec<(u64, Patch)>, Failure> {
    check_sectors(job.layout)?;
    let mut image = eltorito::image(job, &place.options.platform_place(install::CD).0)?;
    let first = image.first / eltorito::SECTOR * PER_SECTOR;
    // Behind `cdboot.img` lies the core image, whose second sector its list names.
    let list = CD_BOOT + BLOCK_LIST;
    let Some(entry) = image.bytes.get_mut(list..list + 8) else {
        return Err(Failure::Bug("GRUB's image for a CD is too short".into()));
    };
    entry.copy_from_slice(&(first + PER_SECTOR + 1).to_le_bytes());
    let entry = entry.to_vec();
    let info = eltorito::boot_info(&image)?;
    let mut pieces = vec![
        (image.first + INFO, Patch::Data(info.to_vec())),
        (image.first + list as u64, Patch::Data(entry)),
    ];
    let catalog =
        eltorito::Entry { platform: eltorito::X86, load_segment: 0, sectors: LOADED, first: image.first };
    pieces.extend(eltorito::add(job, &catalog)?);
    let mut code = vec![0; SECTOR];
    Reader::new(boot, job.store).read_at(0, &mut code)?;
    code[HYBRID_SECTOR..][..8].copy_from_slice(&(first + PER_SECTOR).to_le_bytes());
    code.truncate(BOOT_CODE);
    pieces.push((0, Patch::Data(code)));
    if job.home.table() == Some("bare") {
        pieces.push((SIGNATURE.0, Patch::Data(SIGNATURE.1.to_vec())));
    }
    Ok(pieces)
}

/// The piece for UEFI: the entry of the partition in which it looks for the image.
///
/// # Errors
/// As [`bios`].
pub fn efi(job: &StampJob<'_>) -> Result<Vec<(u64, Patch)>, Failure> {
    let name = job.home.firmware().map(|part| part.name.as_str()).unwrap_or_default();
    let part = job.layout.part(name);
    let part = part.ok_or_else(|| Failure::Bug(format!("the layout has no partition `{name}`")))?;
    if !part.start.is_multiple_of(eltorito::SECTOR) {
        let message = format!("`{name}` starts at byte {}, between two sectors of a CD", part.start);
        return Err(Problem::new("boot-image-unaligned", message)
            .help("give it an `align` of 2048 or more")
            .into());
    }
    let sectors = eltorito::efi_sectors(part.len);
    let entry = eltorito::Entry { platform: eltorito::EFI, load_segment: 0, sectors, first: part.start };
    eltorito::add(job, &entry)
}
