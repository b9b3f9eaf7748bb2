//! The boot information table: 56 bytes of an image file that say where on the medium it lies.
//!
//! It is no part of El Torito, but of the loaders that mkisofs served (its manual, "EL TORITO BOOT INFORMATION TABLE").

use imgc_image::{Failure, Problem, Reader};

use super::{super::StampJob, PRIMARY, SECTOR};

/// Where in an image the table lies, and where what is summed up begins.
pub const TABLE: usize = 8;
const SUMMED: usize = 64;

/// The longest image that is read, in bytes: a BIOS loads less than 1 MiB, and this is far from what a machine cannot hold.
const LONGEST: u64 = 64 << 20;

/// An image file in the volume, as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its first byte on the disk: a multiple of 2048.
    pub first: u64,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Finds and reads an image file in the loader's own partition.
///
/// # Errors
/// When it is not there, or cannot be what firmware loads: empty, too long.
pub fn image(job: &StampJob<'_>, path: &[u8]) -> Result<Image, Failure> {
    let own = job.home.own().ok_or_else(|| Failure::Bug("a CD is a disk".into()))?;
    let name = path.escape_ascii();
    let (first, len) = match job.files.runs(&own.name, path)?.as_slice() {
        [] => return Err(Problem::new("boot-image-empty", format!("the boot image /{name} is empty")).into()),
        &[(first, len)] => (first, len),
        _ => return Err(Failure::Bug(format!("/{name} does not lie in one piece"))),
    };
    if len > LONGEST {
        let message = format!("the boot image /{name} has {len} bytes, and no firmware loads that many");
        return Err(Problem::new("boot-image-too-large", message).into());
    }
    if !first.is_multiple_of(SECTOR) {
        return Err(Failure::Bug(format!("/{name} does not start with a sector")));
    }
    let mut bytes = vec![0; usize::try_from(len).expect("because it was limited")];
    Reader::new(job.disk, job.store).read_at(first, &mut bytes)?;
    Ok(Image { first, bytes })
}

/// The table for an image: 56 bytes that belong at byte [`TABLE`] of it. Everything else that is patched in the image must be
/// in its bytes already, as they are summed up.
///
/// # Errors
/// When the image is too short to hold it, or lies where 32 bits do not reach.
pub fn boot_info(image: &Image) -> Result<[u8; SUMMED - TABLE], Failure> {
    if image.bytes.len() < SUMMED {
        let message =
            format!("a boot image of {} bytes has no room for the boot information table", image.bytes.len());
        return Err(Problem::new("boot-image-too-small", message).help("leave the table out").into());
    }
    let number = |value: u64| {
        let far = || {
            Problem::new(
                "boot-image-unaligned",
                format!("a boot image at byte {} is too far away", image.first),
            )
        };
        u32::try_from(value).map_err(|_| far())
    };
    let words = image.bytes[SUMMED..].chunks(4).map(|word| {
        let mut padded = [0; 4];
        padded[..word.len()].copy_from_slice(word);
        u32::from_le_bytes(padded)
    });
    let fields = [
        number(PRIMARY)?,                  // bi_pvd: sector of the primary volume descriptor
        number(image.first / SECTOR)?,     // bi_file: sector of the image
        number(image.bytes.len() as u64)?, // bi_length: its bytes
        words.fold(0, u32::wrapping_add),  // bi_csum
    ];
    let mut out = [0; SUMMED - TABLE];
    for (place, field) in out.chunks_exact_mut(4).zip(fields) {
        place.copy_from_slice(&field.to_le_bytes());
    }
    Ok(out)
}
