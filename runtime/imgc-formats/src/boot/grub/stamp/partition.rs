//! GRUB in a partition: its boot sector in the first sector, its core image a file whose sectors are listed in its own first one.

use std::sync::Arc;

use imgc_image::{Bytes, Failure, Problem, Reader, build::Patch};

use super::{SECTOR_LEN, check_sectors, point};
use crate::boot::{
    StampJob,
    grub::{
        core::{BLOCK_LIST, LOAD_SEGMENT, SECTOR},
        install,
        place::Place,
    },
};

/// What the boot sector jumps over, and the filesystem keeps: FAT's description of itself (Microsoft, "FAT: General Overview of
/// On-Disk Format", 1.03); of ext2 and its kin there is nothing in the sector.
const JUMP: usize = 3;
const CODE: usize = 0x5a;

/// Where a partition's own table would begin, which is left alone, too; and what a boot sector ends with.
const TABLE: usize = 0x1b8;
const SIGNATURE: (usize, [u8; 2]) = (0x1fe, [0x55, 0xaa]);

/// An entry of the block list: u64 sector, u16 count, u16 segment. A segment has 16 bytes.
const ENTRY: usize = 12;
const SEGMENTS: u64 = SECTOR_LEN / 16;

/// The pieces: the boot sector without what is the filesystem's, and the block list in the core's first sector.
///
/// # Errors
/// When the core image does not lie on the disk as it is, or in too many places.
pub fn stamp(
    place: &Place<'_>,
    job: &StampJob<'_>,
    image: &Arc<Bytes>,
) -> Result<Vec<(u64, Patch)>, Failure> {
    check_sectors(job.layout)?;
    let own = place.own.ok_or_else(|| Failure::Bug("GRUB has no partition".into()))?;
    let part = job.layout.part(&own.name);
    let part = part.ok_or_else(|| Failure::Bug(format!("the layout has no partition `{}`", own.name)))?;
    let runs = job.files.runs(&own.name, &place.options.platform_place(install::CORE).0)?;
    let sectors = sectors(&runs)?;
    let (core, rest) = split(&sectors);
    let mut boot = vec![0; SECTOR];
    Reader::new(image, job.store).read_at(0, &mut boot)?;
    point(&mut boot, core);
    let core = core * SECTOR_LEN;
    let mut first = vec![0; SECTOR];
    Reader::new(job.disk, job.store).read_at(core, &mut first)?;
    let at = list(&mut first, &rest)?;
    Ok(vec![
        (part.start, Patch::Data(boot[..JUMP].to_vec())),
        (part.start + CODE as u64, Patch::Data(boot[CODE..TABLE].to_vec())),
        (part.start + SIGNATURE.0 as u64, Patch::Data(SIGNATURE.1.to_vec())),
        (core + at as u64, Patch::Data(first[at..].to_vec())),
    ])
}

/// Runs of bytes as runs of sectors: (first, count).
fn sectors(runs: &[(u64, u64)]) -> Result<Vec<(u64, u64)>, Failure> {
    let whole =
        |(first, len): &(u64, u64)| first.is_multiple_of(SECTOR_LEN) && len.is_multiple_of(SECTOR_LEN);
    if !runs.iter().all(whole) || runs.iter().map(|(_, len)| len).sum::<u64>() < 2 * SECTOR_LEN {
        return Err(Failure::Bug(format!("GRUB's core image lies at {runs:?}, not in whole sectors")));
    }
    Ok(runs
        .iter()
        .filter(|(_, len)| *len > 0)
        .map(|(first, len)| (first / SECTOR_LEN, len / SECTOR_LEN))
        .collect())
}

/// The first sector, and the runs of the others.
fn split(runs: &[(u64, u64)]) -> (u64, Vec<(u64, u64)>) {
    let (first, count) = runs[0];
    let rest = [(first + 1, count - 1)].into_iter().chain(runs[1..].iter().copied());
    (first, rest.filter(|(_, count)| *count > 0).collect())
}

/// Writes the block list into the core's first sector, and gives the byte at which it begins there.
fn list(first: &mut [u8], runs: &[(u64, u64)]) -> Result<usize, Problem> {
    let end = BLOCK_LIST + ENTRY;
    let len = (runs.len() + 1) * ENTRY;
    // The list grows down into what the code leaves zero, and ends at an entry that counts nothing.
    let room = first[..BLOCK_LIST].iter().rev().take_while(|byte| **byte == 0).count() + ENTRY;
    if len > room {
        let message = format!(
            "GRUB's core image lies in {} pieces, and its list has room for {}",
            runs.len(),
            room / ENTRY - 1
        );
        return Err(Problem::new("grub-core-fragmented", message).help("give it a partition of its own"));
    }
    let mut segment = u64::from(LOAD_SEGMENT);
    for (index, (sector, count)) in runs.iter().enumerate() {
        let at = end - (index + 1) * ENTRY;
        let narrow = |value: u64| {
            u16::try_from(value).expect("because a core image is smaller than half a MiB, as was checked")
        };
        first[at..at + 8].copy_from_slice(&sector.to_le_bytes());
        first[at + 8..at + 10].copy_from_slice(&narrow(*count).to_le_bytes());
        first[at + 10..at + 12].copy_from_slice(&narrow(segment).to_le_bytes());
        segment += count * SEGMENTS;
    }
    Ok(end - len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_grows_down_and_ends_with_nothing() {
        let runs = sectors(&[(4096, 512), (8192, 1024), (0x10000, 1536)]).expect("whole");
        let (core, rest) = split(&runs);
        assert_eq!((core, rest.as_slice()), (8, &[(16, 2), (128, 3)][..]));
        let mut first = vec![0; 512];
        first[0x100] = 1;
        assert_eq!(list(&mut first, &rest).expect("room"), 0x1f4 - 24);
        assert_eq!(first[0x1f4..], [16, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0x20, 8]);
        assert_eq!(first[0x1e8..0x1f4], [128, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0x60, 8]);
        assert!(first[0x101..0x1e8].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn too_many_pieces_are_refused() {
        let runs: Vec<_> = (1..30).map(|at| (at * 2, 1)).collect();
        let mut first = vec![0; 512];
        first[0x1c0] = 1;
        let refused = list(&mut first, &runs).expect_err("no room");
        assert!(
            refused.message.contains("29 pieces") && refused.message.contains("room for 4"),
            "{refused:?}"
        );
        assert!(sectors(&[(100, 512)]).is_err() && sectors(&[(0, 512)]).is_err());
    }
}
