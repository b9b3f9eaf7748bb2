//! Lays ISOLINUX over a finished medium: the catalogue's entry, the boot information table, and for media that are no CD the
//! disk's first sector.

use imgc_image::{Failure, Problem, build::Patch};

use super::{
    image::{self, ISO_CODE},
    options::{Options, Variant},
};
use crate::boot::{
    StampJob,
    eltorito::{self, SECTOR},
};

/// The sectors of 512 bytes that firmware loads; the rest of `isolinux.bin` it loads itself (`doc/isolinux.txt`).
const LOADED: u16 = 4;

/// Where `isolinux.bin` keeps what it starts with when it lies on a disk: a mark, at a place that does not move
/// (`utils/isohybrid.c` looks for it).
const HYBRID_MARK: [u8; 4] = [0xfb, 0xc0, 0x78, 0x70];
const HYBRID_AT: usize = 64;

/// The pieces.
///
/// # Errors
/// When the medium is none that firmware can start this way, or `isolinux.bin` is not one that starts from a disk.
pub fn stamp(options: &Options, job: &StampJob<'_>) -> Result<Vec<(u64, Patch)>, Failure> {
    let path = format!("{}/isolinux.bin", options.directory(Variant::Isolinux));
    let image = eltorito::image(job, path.trim_start_matches('/').as_bytes())?;
    let entry =
        eltorito::Entry { platform: eltorito::X86, load_segment: 0, sectors: LOADED, first: image.first };
    let mut pieces = eltorito::add(job, &entry)?;
    let table = eltorito::boot_info(&image)?;
    pieces.push((image.first + 8, Patch::Data(table.to_vec())));
    let (code, _) = image::read(job.image.map(AsRef::as_ref), job.store)?;
    if code.iter().any(|byte| *byte != 0) {
        if image.bytes.get(HYBRID_AT..HYBRID_AT + 4) != Some(&HYBRID_MARK) {
            let message = "`isolinux.bin` does not start from media that are no CD";
            return Err(Problem::new("loader-file-unknown", message)
                .help("take that of SYSLINUX 6, or give the loader `mbr=#false`")
                .into());
        }
        pieces.push((0, Patch::Data(sector(&code, image.first)?)));
    }
    Ok(pieces)
}

/// The code, and where `isolinux.bin` lies: u32 in sectors of 512 bytes. The disk's signature behind it is the table's.
fn sector(code: &[u8], first: u64) -> Result<Vec<u8>, Failure> {
    let lba = u32::try_from(first / 512).map_err(|_| {
        Failure::Bug(format!("`isolinux.bin` at byte {first}, a multiple of {SECTOR}, is beyond 2 TiB"))
    })?;
    let mut out = code[..ISO_CODE].to_vec();
    out.extend(lba.to_le_bytes());
    out.extend([0; 4]);
    Ok(out)
}
