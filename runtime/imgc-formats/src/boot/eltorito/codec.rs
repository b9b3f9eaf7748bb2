//! The catalogue's records of 32 bytes (figures 2 to 5): a validation entry, an initial entry, and sections of one platform each.

use imgc_image::Problem;

use super::SECTOR;

/// Bytes of the catalogue: one sector.
pub const LEN: usize = 2048;
/// Bytes of a record.
const RECORD: usize = 32;

/// `Header ID` of the validation entry, and its key bytes (figure 2).
const VALIDATION: u8 = 1;
const KEY: [u8; 2] = [0x55, 0xaa];
/// `Boot Indicator` of entries: bootable, or not (figures 3 and 5).
const BOOTABLE: u8 = 0x88;
const NOT_BOOTABLE: u8 = 0;
/// `Header Indicator` of sections: more follow, or the last (figure 4).
const MORE: u8 = 0x90;
const LAST: u8 = 0x91;
/// `Boot Indicator` of an entry's extension (figure 6).
const EXTENSION: u8 = 0x44;

/// An entry: what firmware loads without emulating a disk, and for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// `Platform ID`: [`super::X86`] or [`super::EFI`].
    pub platform: u8,
    /// `Load Segment`; 0 means 0x7c0.
    pub load_segment: u16,
    /// `Sector Count`, of 512 bytes each; for EFI 0 means all up to the end of the medium.
    pub sectors: u16,
    /// `Load RBA`, as a byte on the disk: a multiple of 2048.
    pub first: u64,
}

impl Entry {
    fn encode(&self) -> Result<[u8; RECORD], Problem> {
        let Self { platform: _, load_segment, sectors, first } = self;
        let rba = u32::try_from(first / SECTOR).ok().filter(|_| first.is_multiple_of(SECTOR)).ok_or_else(|| {
            let message = format!("a boot catalogue names sectors of {SECTOR} bytes, and byte {first} begins none that it can name");
            Problem::new("boot-image-unaligned", message)
        })?;
        let mut out = [0; RECORD];
        out[0] = BOOTABLE;
        out[2..4].copy_from_slice(&load_segment.to_le_bytes());
        out[6..8].copy_from_slice(&sectors.to_le_bytes());
        out[8..12].copy_from_slice(&rba.to_le_bytes());
        Ok(out)
    }

    fn decode(platform: u8, record: &[u8]) -> Self {
        let word = |at: usize| u16::from_le_bytes([record[at], record[at + 1]]);
        let rba = u32::from_le_bytes([record[8], record[9], record[10], record[11]]);
        Self { platform, load_segment: word(2), sectors: word(6), first: u64::from(rba) * SECTOR }
    }
}

/// Makes a catalogue: the first entry is the initial one, the others follow in sections, one for each run of entries of one
/// platform.
///
/// # Errors
/// When they are more than a sector holds, or one cannot be named.
pub fn encode(entries: &[Entry]) -> Result<[u8; LEN], Problem> {
    let mut out = [0; LEN];
    let Some((first, rest)) = entries.split_first() else { return Ok(out) };
    let mut records = vec![validation(first.platform), first.encode()?];
    let sections: Vec<&[Entry]> = rest.chunk_by(|a, b| a.platform == b.platform).collect();
    for (index, section) in sections.iter().enumerate() {
        let mut header = [0; RECORD];
        header[0] = if index + 1 < sections.len() { MORE } else { LAST };
        header[1] = section[0].platform;
        let count = u16::try_from(section.len()).unwrap_or(u16::MAX);
        header[2..4].copy_from_slice(&count.to_le_bytes());
        records.push(header);
        for entry in *section {
            records.push(entry.encode()?);
        }
    }
    // A record of zeros ends the catalogue for readers that do not count.
    if records.len() >= LEN / RECORD {
        let message = format!("{} entries are more than a boot catalogue holds", entries.len());
        return Err(Problem::new("boot-catalog-full", message).help("install fewer loaders"));
    }
    for (place, record) in out.chunks_exact_mut(RECORD).zip(records) {
        place.copy_from_slice(&record);
    }
    Ok(out)
}

/// The validation entry. Its id, the maker of the CD, stays empty, as every tool leaves it.
fn validation(platform: u8) -> [u8; RECORD] {
    let mut out = [0; RECORD];
    out[0] = VALIDATION;
    out[1] = platform;
    out[30..].copy_from_slice(&KEY);
    let sum = 0u16.wrapping_sub(sum(&out));
    out[28..30].copy_from_slice(&sum.to_le_bytes());
    out
}

/// The sum of a record's words: 0 for a validation entry that is right.
fn sum(record: &[u8]) -> u16 {
    let words = record.chunks_exact(2).map(|word| u16::from_le_bytes([word[0], word[1]]));
    words.fold(0, u16::wrapping_add)
}

/// Reads a catalogue, whoever made it: the entries that can be started, in their order. One that is all zero has none.
///
/// # Errors
/// When it is none that firmware takes.
pub fn decode(bytes: &[u8; LEN]) -> Result<Vec<Entry>, Problem> {
    if bytes.iter().all(|byte| *byte == 0) {
        return Ok(Vec::new());
    }
    let wrong =
        |what: &str| Problem::new("boot-catalog-damaged", format!("the boot catalogue is damaged: {what}"));
    let mut records = bytes.chunks_exact(RECORD);
    let first = records.next().filter(|first| first[0] == VALIDATION && first[30..] == KEY);
    let first = first.ok_or_else(|| wrong("it does not begin with a validation entry"))?;
    if sum(first) != 0 {
        return Err(wrong("the checksum of its validation entry is wrong"));
    }
    let mut entries = Vec::new();
    let mut take = |platform: u8, record: Option<&[u8]>| match record.map(|record| (record[0], record)) {
        Some((BOOTABLE, record)) => {
            entries.push(Entry::decode(platform, record));
            Ok(())
        }
        Some((NOT_BOOTABLE, _)) => Ok(()),
        _ => Err(wrong("an entry says neither that it can be started nor that it cannot")),
    };
    take(first[1], records.next())?;
    let mut records = records.filter(|record| record[0] != EXTENSION);
    while let Some(header) = records.next().filter(|header| matches!(header[0], MORE | LAST)) {
        for _ in 0..u16::from_le_bytes([header[2], header[3]]) {
            take(header[1], records.next())?;
        }
        if header[0] == LAST {
            break;
        }
    }
    Ok(entries)
}
