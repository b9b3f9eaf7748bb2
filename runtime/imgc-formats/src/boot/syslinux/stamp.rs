//! Lays SYSLINUX and EXTLINUX over a finished disk: where `ldlinux.sys` lies, the partition's boot sector, the disk's first one.

use imgc_image::{Failure, Problem, Reader, build::Patch};
use imgc_plan::{
    layout::{Layout, PartRole, PlacedPart},
    step::PartHome,
};

use super::{
    core::{BOOT_CODE, Core, SECTOR},
    image::{self, MBR_CODE},
    options::{Options, Variant},
};
use crate::boot::StampJob;

const SECTOR_LEN: u64 = SECTOR as u64;

/// Where a boot sector's fields begin and end that tell of a FAT: behind the jump and the name of who wrote it.
const FIELDS: std::ops::Range<usize> = 11..BOOT_CODE;

/// `BPB_FATSz16`, zero on a FAT32 only; `BPB_BkBootSec`, its second boot sector (FAT 1.03, section 3.1).
const FAT_SIZE_16: usize = 22;
const SECOND: usize = 50;

/// The attribute that marks the partition which a BIOS's code starts (UEFI 2.10, table 5.8: "Legacy BIOS Bootable").
const LEGACY_BOOT: u64 = 1 << 2;

/// The pieces.
///
/// # Errors
/// When the disk has sectors that a BIOS cannot start from, or the partition is not marked.
pub fn stamp(options: &Options, variant: Variant, job: &StampJob<'_>) -> Result<Vec<(u64, Patch)>, Failure> {
    let own = job.home.own().ok_or_else(|| Failure::Bug("SYSLINUX is stamped on disks only".into()))?;
    let part = job.layout.part(&own.name);
    let part = part.ok_or_else(|| Failure::Bug(format!("the layout has no partition `{}`", own.name)))?;
    let table = job.home.table().unwrap_or_default();
    let mut problems: Vec<Problem> = sector_size(job.layout).into_iter().collect();
    if options.mbr {
        problems.extend(marks(table, job.layout, part));
    }
    if !problems.is_empty() {
        return Err(problems.into());
    }
    let (code, mut boot) = image::read(job.image.map(AsRef::as_ref), job.store)?;
    let mut pieces = core(options, variant, own, part, job, &mut boot)?;
    pieces.extend(boot_sectors(variant, part, job, boot)?);
    if options.mbr && table != "bare" {
        pieces.push((0, Patch::Data(code[..MBR_CODE].to_vec())));
    }
    Ok(pieces)
}

fn sector_size(layout: &Layout) -> Option<Problem> {
    let size = layout.sector_size;
    (u64::from(size) != SECTOR_LEN).then(|| {
        let message =
            format!("SYSLINUX starts only from disks with sectors of 512 bytes, and this one has {size}");
        Problem::new("sector-size-unsupported", message).help("give the disk `sector-size=512`")
    })
}

/// What keeps the code in the first sector from finding the partition.
fn marks(table: &str, layout: &Layout, part: &PlacedPart) -> Option<Problem> {
    let name = &part.name;
    let marked = |part: &PlacedPart| match table {
        "mbr" => part.bootable,
        _ => part.attributes & LEGACY_BOOT != 0,
    };
    let mark = if table == "mbr" { "`bootable=#true`" } else { "`attributes \"legacy-boot\"`" };
    if !matches!(table, "mbr" | "gpt") {
        return None;
    }
    if part.role == PartRole::Logical {
        let message = format!("the code in the first sector starts no logical partition, as `{name}` is");
        return Some(Problem::new("boot-partition-logical", message).help("leave `role=logical` out"));
    }
    if !marked(part) {
        let message =
            format!("the code in the first sector starts the partition that is marked, and `{name}` is not");
        let help = format!("give the partition {mark}, or the loader `mbr=#false`");
        return Some(Problem::new("boot-partition-not-marked", message).help(help));
    }
    let other = layout.parts.iter().find(|other| other.name != *name && marked(other))?;
    let message = format!("both `{name}` and `{}` are marked as the partition that is started", other.name);
    Some(Problem::new("boot-partition-ambiguous", message).help(format!("leave {mark} to one of them")))
}

/// The sectors of `ldlinux.sys` that change; the boot sector learns where the first one is.
fn core(
    options: &Options,
    variant: Variant,
    own: &PartHome,
    part: &PlacedPart,
    job: &StampJob<'_>,
    boot: &mut [u8],
) -> Result<Vec<(u64, Patch)>, Failure> {
    let directory = options.directory(variant);
    let path = format!("{directory}/ldlinux.sys");
    let mut sectors = Vec::new();
    for (first, len) in job.files.runs(&own.name, path.trim_start_matches('/').as_bytes())? {
        if first < part.start || !first.is_multiple_of(SECTOR_LEN) || !len.is_multiple_of(SECTOR_LEN) {
            let message = format!("{path} does not lie in whole sectors of 512 bytes");
            return Err(Problem::new("loader-file-unaligned", message).into());
        }
        sectors.extend((first..first + len).step_by(SECTOR));
    }
    let reader = Reader::new(job.disk, job.store);
    let mut old = vec![0; sectors.len() * SECTOR];
    for (sector, bytes) in sectors.iter().zip(old.chunks_exact_mut(SECTOR)) {
        reader.read_at(*sector, bytes)?;
    }
    let numbers: Vec<u64> = sectors.iter().map(|sector| (sector - part.start) / SECTOR_LEN).collect();
    let root = if directory.is_empty() { "/" } else { directory };
    let new = Core::read(old.clone())?.install(&numbers, root, boot)?;
    let pairs = old.chunks_exact(SECTOR).zip(new.chunks_exact(SECTOR)).zip(sectors);
    let changed = pairs.filter(|((old, new), _)| old != new);
    Ok(changed.map(|((_, new), sector)| (sector, Patch::Data(new.to_vec()))).collect())
}

/// The partition's boot sector, and the second one of a FAT32. What is there tells of a FAT, and stays; an ext filesystem leaves
/// its first 1024 bytes to others.
fn boot_sectors(
    variant: Variant,
    part: &PlacedPart,
    job: &StampJob<'_>,
    mut boot: Vec<u8>,
) -> Result<Vec<(u64, Patch)>, Failure> {
    if variant == Variant::Extlinux {
        boot[FIELDS].copy_from_slice(&fields(part));
        return Ok(vec![(part.start, Patch::Data(boot))]);
    }
    let mut old = [0; SECTOR];
    Reader::new(job.disk, job.store).read_at(part.start, &mut old)?;
    let half = |at: usize| u16::from_le_bytes([old[at], old[at + 1]]);
    if u64::from(half(11)) != SECTOR_LEN {
        let message = format!(
            "SYSLINUX reads only a FAT with sectors of 512 bytes, and `{}` has {}",
            part.name,
            half(11)
        );
        return Err(Problem::new("sector-size-unsupported", message).help("leave `sector-size` out").into());
    }
    boot[FIELDS].copy_from_slice(&old[FIELDS]);
    let mut pieces = Vec::new();
    let second = u64::from(half(SECOND)) * SECTOR_LEN;
    if half(FAT_SIZE_16) == 0 && (SECTOR_LEN..part.len - SECTOR_LEN).contains(&second) {
        pieces.push((part.start + second, Patch::Data(boot.clone())));
    }
    pieces.push((part.start, Patch::Data(boot)));
    Ok(pieces)
}

/// The fields that EXTLINUX's boot sector reads, where a FAT has them: bytes in a sector, sectors of a track, heads, sectors before
/// the partition, sectors of it. The geometry is the one that every BIOS reports for disks beyond 504 MiB.
fn fields(part: &PlacedPart) -> [u8; FIELDS.end - FIELDS.start] {
    let mut out = [0; FIELDS.end - FIELDS.start];
    let mut put = |at: usize, bytes: &[u8]| out[at - FIELDS.start..][..bytes.len()].copy_from_slice(bytes);
    let sectors = part.len / SECTOR_LEN;
    let wide = |value: u64| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
    put(11, &512_u16.to_le_bytes()); // BPB_BytsPerSec
    put(19, &u16::try_from(sectors).unwrap_or(0).to_le_bytes()); // BPB_TotSec16
    put(24, &63_u16.to_le_bytes()); // BPB_SecPerTrk
    put(26, &255_u16.to_le_bytes()); // BPB_NumHeads
    put(28, &wide(part.start / SECTOR_LEN)); // BPB_HiddSec
    put(32, &wide(sectors)); // BPB_TotSec32
    out
}
