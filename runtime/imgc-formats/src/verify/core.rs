//! GRUB's core image for a BIOS: followed by its block list, and unpacked.
//!
//! Layouts: GRUB's `include/grub/offsets.h`.

use std::io::Read;

use lzma_rust2::LzmaReader;

use super::{
    disk::{Disk, SECTOR, has, number, read},
    report::Trail,
};
use crate::boot::grub::Area;

/// In `boot.img` and in `boot_hybrid.img`: u64 first sector of the core image.
pub(super) const KERNEL_SECTOR: usize = 0x5c;
pub(super) const HYBRID_SECTOR: usize = 0x1b0;

/// In `diskboot.img`: the first entry {u64 sector, u16 count, u16 segment} of the block list, which grows down; and what it says.
const BLOCK_LIST: usize = 0x1f4;
const ENTRY: usize = 12;
const DISK_BOOT: &[u8] = b"Geom\0Read\0 Error";

/// In `lzma_decompress.img`, the core's second sector: u32 length of the stream, u32 length of what it holds.
const COMPRESSED_SIZE: usize = 8;
const UNCOMPRESSED_SIZE: usize = 12;

/// How long `lzma_decompress.img` is: 2848 bytes in 2.06 and 2.12, and no version's differs by much. Only whole words are tried.
const DECOMPRESSOR: usize = 2848;
const DECOMPRESSORS: std::ops::Range<usize> = 2048..4096;

/// The most sectors of a core image (it lies below 480 KiB of memory), and of bytes that it unpacks to.
const MOST_SECTORS: u64 = 2048;
const MOST_BYTES: u64 = 8 << 20;
/// How many places a stream is looked for at: an image of zeros looks like one everywhere.
const MOST_TRIES: usize = 24;

/// Follows boot code that loads the core image's first sector from `first`; `from` is its place.
pub(super) fn follow(disk: &Disk<'_>, first: u64, from: &str, trail: &mut Trail) -> Option<Area> {
    let at = first.saturating_mul(SECTOR);
    let Some(start) = read(disk.image, at, 512).filter(|start| has(start, DISK_BOOT)) else {
        let message =
            format!("GRUB's boot code loads its core image from sector {first}, and it is not there");
        trail.error(from, message, "install GRUB again: what lay there was moved or overwritten");
        return None;
    };
    let place = format!("sector {first}");
    trail.step(format!("core image in {place}"));
    let Some(core) = blocks(disk, &start) else {
        trail.error(place, "the block list of GRUB's core image leads out of the disk", "install GRUB again");
        return None;
    };
    let area = unpack(&core);
    if area.is_none() {
        let message = "GRUB's core image cannot be unpacked: it is damaged, or cut off, or of a version that imgc does not know";
        trail.error(place, message, "install GRUB again");
    }
    area
}

/// The core image behind its first sector.
fn blocks(disk: &Disk<'_>, start: &[u8]) -> Option<Vec<u8>> {
    let mut core = Vec::new();
    let mut entry = BLOCK_LIST;
    loop {
        let (sector, count) = (number(start, entry, 8)?, number(start, entry + 8, 2)?);
        if count == 0 || core.len() as u64 / SECTOR > MOST_SECTORS {
            return (!core.is_empty()).then_some(core);
        }
        core.extend(read(disk.image, sector.checked_mul(SECTOR)?, usize::try_from(count * SECTOR).ok()?)?);
        let Some(next) = entry.checked_sub(ENTRY) else { return Some(core) };
        entry = next;
    }
}

/// What a core image unpacks to has a module area at its end.
fn unpack(core: &[u8]) -> Option<Area> {
    let packed = usize::try_from(number(core, COMPRESSED_SIZE, 4)?).ok()?;
    let len = number(core, UNCOMPRESSED_SIZE, 4).filter(|len| (1..=MOST_BYTES).contains(len))?;
    let try_at = |at: usize| {
        let stream = core.get(at..at.checked_add(packed)?)?;
        let mut memory = Vec::new();
        let reader = LzmaReader::new(stream, len, 3, 0, 2, 1 << 16, None).ok()?;
        reader.take(len).read_to_end(&mut memory).ok()?;
        Area::find(&memory).filter(|_| memory.len() as u64 == len)
    };
    // A range coder's first byte is 0, and behind the decompressor comes padding, so the last zeros are the likely ones.
    let likely = |at: &usize| core.get(*at) == Some(&0) && core.get(*at + 1).is_some_and(|byte| *byte != 0);
    try_at(DECOMPRESSOR).or_else(|| DECOMPRESSORS.step_by(4).filter(likely).take(MOST_TRIES).find_map(try_at))
}
