//! What lies outside of filesystems, in two sectors: the code for the disk's first sector, and the partition's boot sector.

use imgc_image::{Bytes, BytesBuilder, Failure, Reader, Store};
use imgc_plan::step::LoaderHome;

use super::{
    PACKAGES,
    core::SECTOR,
    install,
    options::{Options, Variant},
};
use crate::boot::{
    LoaderJob,
    supply::{Supply, unknown},
};

/// How much of the first sector is code: behind it lie the disk's signature and the table.
pub const MBR_CODE: usize = 440;
/// How much of it is ISOLINUX's: behind it lie its fields.
pub const ISO_CODE: usize = 432;

/// Makes it. Without code for the first sector that part is zero.
///
/// # Errors
/// When the supply lacks something.
pub fn image(options: &Options, variant: Variant, job: &LoaderJob<'_>) -> Result<Bytes, Failure> {
    let supply = Supply::of(job, PACKAGES)?;
    let mut image = vec![0; 2 * SECTOR];
    if let Some((name, below, len)) = code(options, variant, job.home) {
        let bytes = supply.read(name, supply.find(name, below)?)?;
        if bytes.is_empty() || bytes.len() > len {
            let why = format!("it has {} bytes, and there is room for {len}", bytes.len());
            return Err(unknown(name, why).into());
        }
        image[..bytes.len()].copy_from_slice(&bytes);
    }
    if variant != Variant::Isolinux {
        image[SECTOR..].copy_from_slice(&install::parts(&supply)?.boot);
    }
    let mut out = BytesBuilder::new(job.store);
    out.put(0, &image)?;
    Ok(out.finish(image.len() as u64)?)
}

/// The file with the code for the first sector, the directory that packages have it in, and the most bytes of it.
fn code(
    options: &Options,
    variant: Variant,
    home: &LoaderHome,
) -> Option<(&'static str, &'static str, usize)> {
    match (variant, home.table()?) {
        _ if !options.mbr => None,
        (Variant::Isolinux, "mbr" | "gpt") => Some(("isohdpfx.bin", "ISOLINUX", ISO_CODE)),
        (Variant::Syslinux | Variant::Extlinux, "mbr") => Some(("mbr.bin", "mbr", MBR_CODE)),
        (Variant::Syslinux | Variant::Extlinux, "gpt") => Some(("gptmbr.bin", "mbr", MBR_CODE)),
        _ => None,
    }
}

/// The two sectors of an image that [`image()`] made.
///
/// # Errors
/// When it is none.
pub fn read(image: Option<&Bytes>, store: &dyn Store) -> Result<(Vec<u8>, Vec<u8>), Failure> {
    let none = || Failure::Bug("SYSLINUX's stamp has no image".into());
    let image = image.filter(|image| image.len() == 2 * SECTOR as u64).ok_or_else(none)?;
    let mut code = Reader::new(image, store).read_all(image.len())?;
    let boot = code.split_off(SECTOR);
    Ok((code, boot))
}
