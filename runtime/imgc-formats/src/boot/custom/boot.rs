//! A boot sector of one's own, and the bytes around it that belong to others.

use std::{ops::Range, sync::Arc};

use imgc_image::{Bytes, Failure, Problem, Reader};
use imgc_plan::step::PartHome;

use super::spec::BootAt;
use crate::boot::StampJob;

/// Bytes of the first sector before the disk's signature and the table.
const CODE: usize = 440;
/// Where the mark of a boot sector lies, and what it is.
const MARK: Range<usize> = 510..512;
const SIGNATURE: [u8; 2] = [0x55, 0xaa];
/// What an ext filesystem leaves free at its start, in bytes.
const EXT: usize = 1024;

/// A boot sector where it goes.
#[derive(Clone, Debug)]
pub struct Boot {
    /// The first byte on the disk.
    pub at: u64,
    /// What is written there.
    pub bytes: Vec<u8>,
    /// Bytes of it that are others', and so take no stamp.
    pub kept: Vec<Range<usize>>,
    /// A second place for the same bytes: FAT32's second boot sector.
    pub second: Option<u64>,
}

/// Whether there is room for a boot sector at the start of such a filesystem.
pub fn has_room(filesystem: &str) -> bool {
    matches!(filesystem, "vfat" | "ext2" | "ext3" | "ext4")
}

/// Fits a boot sector into what is there.
///
/// # Errors
/// When it would change bytes of others.
pub fn fit(
    path: &str,
    file: &Arc<Bytes>,
    at: BootAt,
    own: &PartHome,
    job: &StampJob<'_>,
) -> Result<Boot, Failure> {
    if file.is_empty() || file.len() > EXT as u64 {
        let message = format!("`{path}` has {} bytes, and a boot sector has at most 512", file.len());
        return Err(Problem::new("boot-sector-too-large", message)
            .help("make the rest of it a stage")
            .into());
    }
    let bytes = Reader::new(file, job.store).read_all(EXT as u64)?;
    let start = job.layout.part(&own.name).map(|part| part.start);
    let start = start.ok_or_else(|| Failure::Bug(format!("the layout has no partition `{}`", own.name)))?;
    match at {
        BootAt::Disk => on_disk(path, bytes, own, job),
        BootAt::Partition if own.filesystem == "vfat" => on_fat(path, bytes, start, job),
        BootAt::Partition => on_ext(path, bytes, start),
    }
}

fn on_disk(path: &str, mut bytes: Vec<u8>, own: &PartHome, job: &StampJob<'_>) -> Result<Boot, Failure> {
    let others = job.layout.parts.iter().find(|part| part.start == 0);
    if let Some(part) = others.filter(|part| part.name != own.name || own.filesystem != "iso9660") {
        let message = format!("the first sector of the disk belongs to the partition `{}`", part.name);
        return Err(Problem::new("boot-sector-taken", message).help("say `boot-at=partition`").into());
    }
    let bare = job.home.table() == Some("bare");
    let end = if bare { MARK.start } else { CODE };
    let rest = bytes.get(end..).unwrap_or_default();
    let allowed = |index: usize, byte: u8| byte == 0 || (MARK.contains(&(end + index)) && bytes.len() == 512);
    let over = rest.iter().enumerate().rposition(|(index, byte)| !allowed(index, *byte));
    if let Some(over) = over {
        let message =
            format!("`{path}` is {} bytes too long: only {end} of the first sector are free", over + 1);
        return Err(Problem::new("boot-sector-too-large", message)
            .help("make the rest of it a stage")
            .into());
    }
    bytes.truncate(end);
    let mut there = vec![0; end];
    Reader::new(job.disk, job.store).read_at(0, &mut there)?;
    if there.iter().any(|byte| *byte != 0) {
        let message = "another loader has its code in the first sector already".to_owned();
        return Err(Problem::new("boot-sector-taken", message).help("leave one of them out").into());
    }
    if bare {
        bytes.resize(MARK.start, 0);
        bytes.extend(SIGNATURE);
    }
    let kept = if bare { vec![MARK] } else { Vec::new() };
    Ok(Boot { at: 0, bytes, kept, second: None })
}

/// A FAT's fields lie behind the jump: up to byte 62, or 90 on a FAT32 (FAT 1.03, section 3.1 to 3.3).
fn on_fat(path: &str, mut bytes: Vec<u8>, start: u64, job: &StampJob<'_>) -> Result<Boot, Failure> {
    let mut there = vec![0; MARK.end];
    Reader::new(job.disk, job.store).read_at(start, &mut there)?;
    let half = |at: usize| u16::from_le_bytes([there[at], there[at + 1]]);
    let wide = half(22) == 0;
    let fields = 3..if wide { 90 } else { 62 };
    sector(path, &mut bytes)?;
    let target = match bytes[..3] {
        [0xeb, near, _] if near < 0x80 => 2 + usize::from(near),
        [0xe9, low, high] => 3 + usize::from(u16::from_le_bytes([low, high])),
        _ => 0,
    };
    if target < fields.end || target >= MARK.start {
        let message =
            format!("`{path}` does not jump over the fields of the FAT, which end at byte {}", fields.end);
        return Err(Problem::new("boot-sector-without-jump", message)
            .help("start it with a jump behind them, and leave their bytes free")
            .into());
    }
    bytes[fields.clone()].copy_from_slice(&there[fields.clone()]);
    let second = (wide && (1..u16::MAX).contains(&half(50)))
        .then(|| start + u64::from(half(50)) * u64::from(half(11)));
    Ok(Boot { at: start, bytes, kept: vec![fields, MARK], second })
}

fn on_ext(path: &str, mut bytes: Vec<u8>, start: u64) -> Result<Boot, Failure> {
    let len = bytes.len();
    let rest = bytes.split_off(len.min(512));
    sector(path, &mut bytes)?;
    bytes.extend(rest);
    Ok(Boot { at: start, bytes, kept: vec![MARK], second: None })
}

/// Makes it a whole sector with its mark.
fn sector(path: &str, bytes: &mut Vec<u8>) -> Result<(), Problem> {
    if bytes.len() > 512 {
        let message = format!("`{path}` has {} bytes, and only 512 are free", bytes.len());
        return Err(Problem::new("boot-sector-too-large", message).help("make the rest of it a stage"));
    }
    let whole = bytes.len() == 512;
    if bytes.len() > MARK.start && (!whole || bytes[MARK] != SIGNATURE) {
        let message = format!("`{path}` has other bytes where the mark of a boot sector lies");
        return Err(Problem::new("boot-sector-without-mark", message).help("end it with 55 aa at byte 510"));
    }
    bytes.resize(MARK.start, 0);
    bytes.extend(SIGNATURE);
    Ok(())
}
