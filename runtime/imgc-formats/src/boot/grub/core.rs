//! The core image for a BIOS, and the forms in which a BIOS comes to it.
//!
//! ```text
//! 0x000  diskboot.img          the core's first sector: loads the others by a block list, stamped
//! 0x200  lzma_decompress.img   with the sizes of what follows
//!  ...   LZMA stream           of: flat kernel, then the module area
//!        zeros to the next sector
//! ```
//!
//! On a disk `boot.img` in a boot sector loads the first sector; on a CD `cdboot.img`, over a network `pxeboot.img` comes before all
//! of it in one file.
//!
//! Offsets and fields: GRUB's `include/grub/offsets.h` and `include/grub/kernel.h`; those of the images themselves were
//! measured with 2.06 and 2.12. The decompressed part is equal to grub-mkimage's byte for byte.

use std::io::Write;

use imgc_image::{Failure, Problem};
use lzma_rust2::{EncodeMode, LzmaOptions, LzmaWriter, MfType};

use super::{
    area::{self, Word},
    elf::{self, LINK_ADDRESS},
    package::{Package, unknown},
    place::Place,
};

/// Bytes in a sector of every disk that a BIOS starts from.
pub const SECTOR: usize = 512;

/// In `diskboot.img`: the first entry of the block list, {u64 sector, u16 count, u16 segment}; the list grows down.
pub const BLOCK_LIST: usize = 0x1f4;

/// The segment to which the core's second sector is loaded.
pub const LOAD_SEGMENT: u16 = 0x820;

/// In `lzma_decompress.img`: u32 length of the stream, u32 length of what it holds, u32 bytes of Reed-Solomon redundancy.
const COMPRESSED_SIZE: usize = 0x8;
const UNCOMPRESSED_SIZE: usize = 0xc;
const REDUNDANCY: usize = 0x10;

/// The first address behind what a core image may use while it is loaded (GRUB, `util/mkimage.c`).
const MEMORY_UPPER: usize = 0x78000;

/// The length of `cdboot.img`, a sector of a CD, and of `pxeboot.img`.
pub const CD_BOOT: usize = 2048;
const PXE_BOOT: usize = 1024;

/// In `boot_hybrid.img`: u64 sector of the core image.
pub const HYBRID_SECTOR: usize = 0x1b0;

/// What a Multiboot kernel begins with (Multiboot 0.6.96, section 3.1.1). iPXE would take the file for one.
const MULTIBOOT: [u8; 4] = 0x1bad_b002_u32.to_le_bytes();

/// Makes the core image of a place, padded to whole sectors, not yet stamped.
///
/// # Errors
/// When the package lacks something, is of a version with other layouts, or the core would be too large to be loaded.
pub fn core(package: &Package<'_>, place: &Place<'_>) -> Result<Vec<u8>, Failure> {
    let payload = payload(package, &area::of_place(package, place, Word::Four)?)?;
    compressed(package, &payload)
}

/// `cdboot.img` and the core image: a file of a CD that a BIOS starts, not yet stamped.
///
/// # Errors
/// As [`core`].
pub fn cd(package: &Package<'_>, place: &Place<'_>) -> Result<Vec<u8>, Failure> {
    let boot = of_len(package, "cdboot.img", CD_BOOT)?;
    Ok([boot, core(package, place)?].concat())
}

/// `pxeboot.img` and the core image: a file that a BIOS fetches and starts.
///
/// # Errors
/// As [`core`].
pub fn pxe(package: &Package<'_>, place: &Place<'_>) -> Result<Vec<u8>, Failure> {
    let boot = of_len(package, "pxeboot.img", PXE_BOOT)?;
    let mut core = core(package, place)?;
    let header = core.chunks_exact(4).take(8192 / 4).position(|word| word == MULTIBOOT);
    if let Some(at) = header {
        core[4 * at..][..4].fill(0);
    }
    Ok([boot, core].concat())
}

fn of_len(package: &Package<'_>, name: &str, len: usize) -> Result<Vec<u8>, Failure> {
    let image = package.read(name)?;
    if image.len() == len { Ok(image) } else { Err(unknown(name, "it is too long or too short").into()) }
}

/// What is compressed: the flat kernel, and at its end the module area.
pub(super) fn payload(package: &Package<'_>, area: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut payload = elf::flatten(&package.read("kernel.img")?)?;
    payload.extend(area);
    Ok(payload)
}

fn small(len: usize) -> u32 {
    u32::try_from(len).expect("because the modules of a core image are limited to a few MiB")
}

/// The core image: loader, decompressor, stream.
fn compressed(package: &Package<'_>, payload: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut diskboot = disk_boot(package)?;
    let mut rest = decompressor(package)?;
    let stream = compress(payload)?;
    rest[COMPRESSED_SIZE..][..4].copy_from_slice(&small(stream.len()).to_le_bytes());
    rest[UNCOMPRESSED_SIZE..][..4].copy_from_slice(&small(payload.len()).to_le_bytes());
    rest.extend(stream);
    fits_memory(rest.len())?;
    rest.resize(rest.len().next_multiple_of(SECTOR), 0);
    let count = u16::try_from(rest.len() / SECTOR).expect("because a core image is smaller than half a MiB");
    diskboot[BLOCK_LIST + 8..][..2].copy_from_slice(&count.to_le_bytes());
    diskboot.extend(rest);
    Ok(diskboot)
}

/// grub-mkimage's own limit, counted from the kernel's link address; 2.06 and 2.12 take 0x6f000 bytes and not one more.
fn fits_memory(len: usize) -> Result<(), Problem> {
    let limit = MEMORY_UPPER - LINK_ADDRESS as usize;
    if len <= limit {
        return Ok(());
    }
    let over = len - limit;
    let message = format!(
        "GRUB's core image is {over} bytes too large for a BIOS to load it: {len} of at most {limit}"
    );
    Err(Problem::new("grub-core-too-large", message)
        .help("leave modules out: those in the loader's directory are loaded when they are needed"))
}

/// A raw LZMA stream as the decompressor takes it: lc=3, lp=0, pb=2, a dictionary of 64 KiB, no header, no end mark. The encoder's
/// version is pinned, as it decides bytes.
fn compress(payload: &[u8]) -> Result<Vec<u8>, Failure> {
    let options = LzmaOptions {
        dict_size: 1 << 16,
        lc: 3,
        lp: 0,
        pb: 2,
        mode: EncodeMode::Normal,
        nice_len: 64,
        mf: MfType::Bt4,
        depth_limit: 0,
        preset_dict: None,
    };
    let mut writer = LzmaWriter::new_no_header(Vec::new(), &options, false)?;
    writer.write_all(payload)?;
    Ok(writer.finish()?)
}

/// `boot.img`, if the fields that are stamped are where they are expected.
///
/// # Errors
/// When it is missing, or of a version with other layouts.
pub fn boot_sector(package: &Package<'_>) -> Result<Vec<u8>, Failure> {
    let boot = package.read("boot.img")?;
    let known = boot.len() == SECTOR
        && boot[0x1fe..] == [0x55, 0xaa]
        && boot[0x5a..0x5c] == [0x00, 0x80]
        && boot[0x5c..0x64] == 1_u64.to_le_bytes()
        && boot[0x64] == 0xff
        && boot[0x66..0x68] == [0xeb, 0x05];
    if known { Ok(boot) } else { Err(unknown("boot.img", "its fields lie elsewhere").into()) }
}

/// `boot_hybrid.img`, which is `boot.img` with the core's sector elsewhere.
///
/// # Errors
/// As [`boot_sector`].
pub fn hybrid_sector(package: &Package<'_>) -> Result<Vec<u8>, Failure> {
    let boot = package.read("boot_hybrid.img")?;
    let known = boot.len() == SECTOR
        && boot[0x1fe..] == [0x55, 0xaa]
        && boot[0x5a..0x5c] == [0x00, 0x80]
        && boot[HYBRID_SECTOR..][..8] == 1_u64.to_le_bytes();
    if known { Ok(boot) } else { Err(unknown("boot_hybrid.img", "its fields lie elsewhere").into()) }
}

/// `diskboot.img`, if its block list is where it is expected.
fn disk_boot(package: &Package<'_>) -> Result<Vec<u8>, Failure> {
    let diskboot = package.read("diskboot.img")?;
    let list = [&2_u64.to_le_bytes()[..], &[0, 0], &LOAD_SEGMENT.to_le_bytes()].concat();
    let known = diskboot.len() == SECTOR && diskboot[BLOCK_LIST..] == list[..];
    if known { Ok(diskboot) } else { Err(unknown("diskboot.img", "its block list lies elsewhere").into()) }
}

/// `lzma_decompress.img`, if its fields are empty where they are expected.
fn decompressor(package: &Package<'_>) -> Result<Vec<u8>, Failure> {
    let image = package.read("lzma_decompress.img")?;
    let known = image.len() > REDUNDANCY + 12
        && image.len() < 1 << 16
        && image[0] == 0xea
        && image[COMPRESSED_SIZE..REDUNDANCY + 4].iter().all(|byte| *byte == 0);
    if known { Ok(image) } else { Err(unknown("lzma_decompress.img", "its fields lie elsewhere").into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_that_memory_cannot_hold_is_refused_by_how_much() {
        assert!(fits_memory(0x6f000).is_ok());
        let problem = fits_memory(0x6f007).expect_err("too large");
        assert!(problem.message.contains(" 7 bytes too large"), "{problem:?}");
    }
}
