//! GRUB's core image for a BIOS: followed by its block list, unpacked, and what its module area says.
//!
//! Layouts: GRUB's `include/grub/offsets.h` and `include/grub/kernel.h`.

use std::io::Read;

use lzma_rust2::LzmaReader;

use super::{
    disk::{Disk, SECTOR, has, number, read},
    report::Trail,
};

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

/// How long `lzma_decompress.img` is: 2848 bytes in 2.06, and no version's differs by much. Only whole words are tried.
const DECOMPRESSOR: usize = 2848;
const DECOMPRESSORS: std::ops::Range<usize> = 2048..4096;

/// The most sectors of a core image (it lies below 480 KiB of memory), and of bytes that it unpacks to.
const MOST_SECTORS: u64 = 2048;
const MOST_BYTES: u64 = 8 << 20;
/// How many places a stream is looked for at: an image of zeros looks like one everywhere.
const MOST_TRIES: usize = 24;

/// `mimg`, and the types of its objects.
const MAGIC: &[u8] = b"mimg";
const MODULE: u64 = 0;
const MEMDISK: u64 = 1;
const CONFIG: u64 = 2;
const PREFIX: u64 = 3;

/// What GRUB's kernel finds behind itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Area {
    /// Where its directory is, such as `(,gpt2)/boot/grub`.
    pub(super) prefix: String,
    /// Commands that run before anything is read.
    pub(super) config: String,
    /// Whether it brings a disk of its own.
    pub(super) memdisk: bool,
    modules: Vec<u8>,
}

impl Area {
    /// Finds the area in a kernel's memory: the last one, as code may have the mark, too.
    pub(super) fn find(memory: &[u8]) -> Option<Self> {
        let starts = memory.windows(4).enumerate().filter(|(_, window)| *window == MAGIC).map(|(at, _)| at);
        let starts: Vec<usize> = starts.take(64).collect();
        starts.into_iter().rev().find_map(|at| Self::read(&memory[at..]))
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        // u32 magic, u32 offset, u32 size; with eight bytes for each but the magic, which is padded, in 64-bit kernels.
        let narrow = (number(bytes, 4, 4)?, number(bytes, 8, 4)?);
        let (from, len) = match narrow {
            (0, _) => (number(bytes, 8, 8)?, number(bytes, 16, 8)?),
            narrow => narrow,
        };
        let (from, len) = (usize::try_from(from).ok()?, usize::try_from(len).ok()?);
        let mut objects = bytes.get(from..len).filter(|_| from >= 12)?;
        let mut area = Self::default();
        while objects.len() >= 8 {
            let (ty, len) = (number(objects, 0, 4)?, usize::try_from(number(objects, 4, 4)?).ok()?);
            let data = objects.get(8..len)?;
            let text = || {
                String::from_utf8_lossy(data.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
            };
            match ty {
                MODULE => area.modules.extend(data),
                MEMDISK => area.memdisk = true,
                CONFIG => area.config = text(),
                PREFIX => area.prefix = text(),
                _ => {}
            }
            objects = &objects[len..];
        }
        Some(area)
    }

    /// Whether a module is in it, by its name in the section `.modname`.
    pub(super) fn has_module(&self, name: &str) -> bool {
        has(&self.modules, format!("\0{name}\0").as_bytes())
    }
}

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
