//! Lays boot sectors, core images and what says where they lie over a finished disk.

mod cd;
mod partition;

use std::sync::Arc;

use imgc_image::{Bytes, BytesBuilder, Failure, Problem, Reader, Store, build::Patch};
use imgc_plan::{
    layout::{Layout, PartRole},
    units::{approximate_size, format_size},
};

use super::{
    super::StampJob,
    core::{BLOCK_LIST, SECTOR},
    options::Options,
    place::{Form, Place},
};

/// The type of a partition that holds a loader's image on a GPT disk (GRUB manual, "BIOS installation").
const BIOS_BOOT: &str = "21686148-6449-6e6f-744e-656564454649";

/// How much of sector 0 is the loader's: behind it lie the disk's signature and the table.
const BOOT_CODE: usize = 0x1b8;

/// In `boot.img`: u64 first sector of the core image; u8 drive, 0xff for the one that the BIOS names; a jump over code
/// that mends a wrong name of the drive, which is for hard disks and so taken out there.
const KERNEL_SECTOR: usize = 0x5c;
const BOOT_DRIVE: usize = 0x64;
const DRIVE_CHECK: usize = 0x66;
const NOPS: [u8; 2] = [0x90, 0x90];

const SECTOR_LEN: u64 = SECTOR as u64;

/// The pieces for a place.
///
/// # Errors
/// When something does not fit where it must lie, or firmware could not start it there: what would mend it.
pub fn stamp(options: &Options, job: &StampJob<'_>) -> Result<Vec<(u64, Patch)>, Failure> {
    let place = Place::of(options, job.home);
    match place.form {
        Form::Disk => on_disk(job.home.table().unwrap_or_default(), job.layout, image(job)?, job.store),
        Form::Partition => partition::stamp(&place, job, image(job)?),
        Form::Cd => cd::bios(&place, job, image(job)?),
        Form::Efi => cd::efi(job),
        Form::Pxe | Form::NetEfi => Err(Failure::Bug("a network has no bytes to stamp".into())),
    }
}

fn image<'a>(job: &StampJob<'a>) -> Result<&'a Arc<Bytes>, Failure> {
    job.image.ok_or_else(|| Failure::Bug("GRUB's stamp has no image".into()))
}

/// A BIOS reads sectors of 512 bytes.
fn check_sectors(layout: &Layout) -> Result<(), Problem> {
    if u64::from(layout.sector_size) == SECTOR_LEN {
        return Ok(());
    }
    let message = format!(
        "GRUB for a BIOS starts only from disks with sectors of 512 bytes, and this one has {}",
        layout.sector_size
    );
    Err(Problem::new("sector-size-unsupported", message).help("give the disk `sector-size=512`"))
}

/// The pieces: sector 0 up to the disk's signature, the core's first sector, the rest of the core.
fn on_disk(
    table: &str,
    layout: &Layout,
    image: &Arc<Bytes>,
    store: &dyn Store,
) -> Result<Vec<(u64, Patch)>, Failure> {
    check_sectors(layout)?;
    if !image.len().is_multiple_of(SECTOR_LEN) || image.len() < 3 * SECTOR_LEN {
        return Err(Failure::Bug(format!("{} bytes are no image of GRUB", image.len())));
    }
    let need = image.len() - SECTOR_LEN;
    let at = match table {
        "mbr" => in_gap(layout, need)?,
        "gpt" => in_partition(layout, need)?,
        other => {
            let message = format!("GRUB for a BIOS cannot start from a disk with the table `{other}`");
            return Err(Problem::new("grub-table-unknown", message)
                .help("`mbr` and `gpt` have room for it")
                .into());
        }
    };
    pieces(at, image, store)
}

/// The place on an MBR disk: the sectors between the table and the first partition.
fn in_gap(layout: &Layout, need: u64) -> Result<u64, Problem> {
    // A logical partition has a table of its own in the sector before it.
    let start = |role: PartRole, start: u64| match role {
        PartRole::Primary => start,
        PartRole::Logical => start.saturating_sub(SECTOR_LEN),
    };
    let first = layout.parts.iter().map(|part| (start(part.role, part.start), part.name.as_str())).min();
    let (end, name) = first.unwrap_or((layout.len, ""));
    let room = end.saturating_sub(SECTOR_LEN);
    if need <= room {
        return Ok(SECTOR_LEN);
    }
    let message = format!(
        "GRUB's core image does not fit before the first partition: it needs {need} bytes there and has {room}, {} too few",
        need - room
    );
    let start = format_size((need + SECTOR_LEN).next_multiple_of(1 << 20));
    let problem = Problem::new("boot-gap-too-small", message);
    Err(if name.is_empty() {
        problem.help("make the disk larger")
    } else {
        problem.help(format!("give the partition `{name}` a later start, such as `start=\"{start}\"`"))
    })
}

/// The place on a GPT disk: the partition that is there for it.
fn in_partition(layout: &Layout, need: u64) -> Result<u64, Problem> {
    let mut parts = layout.parts.iter().filter(|part| part.type_code.eq_ignore_ascii_case(BIOS_BOOT));
    let size = format_size(need.next_multiple_of(1 << 20));
    let add = format!("partition bios size=\"{size}\" type=bios-boot");
    let Some(part) = parts.next() else {
        let message =
            "GRUB for a BIOS needs a partition of the type `bios-boot` on a GPT disk, and there is none";
        return Err(Problem::new("bios-boot-missing", message).help(format!("add `{add}`")));
    };
    if let Some(other) = parts.next() {
        let message = format!("both `{}` and `{}` are of the type `bios-boot`", part.name, other.name);
        return Err(Problem::new("bios-boot-ambiguous", message).help("leave one for GRUB"));
    }
    if need > part.len {
        let over = need - part.len;
        let message = format!(
            "GRUB's core image is {over} bytes too large for the partition `{}`: {need} of {}",
            part.name,
            approximate_size(part.len)
        );
        return Err(Problem::new("bios-boot-too-small", message).help(format!("give it `size=\"{size}\"`")));
    }
    Ok(part.start)
}

/// The pieces for a core image at this byte of the disk.
fn pieces(at: u64, image: &Arc<Bytes>, store: &dyn Store) -> Result<Vec<(u64, Patch)>, Failure> {
    let lba = at / SECTOR_LEN;
    let reader = Reader::new(image, store);
    let mut boot = vec![0; BOOT_CODE];
    reader.read_at(0, &mut boot)?;
    point(&mut boot, lba);
    let mut first = vec![0; SECTOR];
    reader.read_at(SECTOR_LEN, &mut first)?;
    first[BLOCK_LIST..][..8].copy_from_slice(&(lba + 1).to_le_bytes());
    let mut rest = BytesBuilder::new(store);
    let len = image.len() - 2 * SECTOR_LEN;
    rest.section(0, image, 2 * SECTOR_LEN, len);
    let rest = Arc::new(rest.finish(len)?);
    Ok(vec![(0, Patch::Data(boot)), (at, Patch::Data(first)), (at + SECTOR_LEN, Patch::Bytes(rest))])
}

/// Changes a boot sector so that it loads this sector of the disk that the BIOS names.
fn point(boot: &mut [u8], lba: u64) {
    boot[KERNEL_SECTOR..][..8].copy_from_slice(&lba.to_le_bytes());
    boot[BOOT_DRIVE] = 0xff;
    boot[DRIVE_CHECK..][..2].copy_from_slice(&NOPS);
}
