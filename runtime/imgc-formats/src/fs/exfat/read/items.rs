//! Directory entries as they are read, set by set.

use imgc_image::Failure;

use super::{
    super::entries::{self, set_checksum},
    damaged, foreign,
};

/// A little-endian number.
pub fn le16(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// A little-endian number.
pub fn le32(bytes: &[u8], at: usize) -> u32 {
    u32::from(le16(bytes, at)) | u32::from(le16(bytes, at + 2)) << 16
}

/// A little-endian number.
pub fn le64(bytes: &[u8], at: usize) -> u64 {
    u64::from(le32(bytes, at)) | u64::from(le32(bytes, at + 4)) << 32
}

/// Where bytes lie.
#[derive(Clone, Copy, Debug)]
pub struct Data {
    /// The first cluster; 0 for none.
    pub first: u64,
    /// How many bytes.
    pub len: u64,
    /// How many of them were written; the others are zero.
    pub valid: u64,
    /// Whether the clusters follow one another, whatever the FAT says.
    pub contiguous: bool,
    /// Whether `len` is only the most that there can be.
    pub open: bool,
}

/// A file or a directory.
#[derive(Clone, Debug)]
pub struct File {
    /// Its name.
    pub name: String,
    /// `FileAttributes`.
    pub attributes: u16,
    /// The time of its last change, in seconds since 1970, and nanoseconds.
    pub mtime: (i64, u32),
    /// Where its bytes lie.
    pub data: Data,
}

impl File {
    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.attributes & entries::DIRECTORY != 0
    }
}

/// What a directory holds.
#[derive(Clone, Debug)]
pub enum Item {
    /// The volume label.
    Label(String),
    /// The volume GUID as it is stored.
    Guid([u8; 16]),
    /// The allocation bitmap.
    Bitmap(Data),
    /// The up-case table and its checksum.
    Upcase(Data, u32),
    /// A file or a directory.
    File(File),
}

/// Collects the sets of a directory entry by entry.
#[derive(Debug, Default)]
pub struct Sets {
    /// The set that is being collected; empty between sets.
    set: Vec<u8>,
    /// Bytes that it will have.
    whole: usize,
}

impl Sets {
    /// Takes an entry, and gives what it completes.
    pub fn push(&mut self, entry: &[u8]) -> Result<Option<Item>, Failure> {
        let kind = entry[0];
        if !self.set.is_empty() {
            if kind & 0xc0 != 0xc0 {
                return Err(damaged("a set of directory entries is cut short"));
            }
            self.set.extend_from_slice(entry);
            return self.complete();
        }
        match kind {
            // Not in use, or the rest of a set that is not understood.
            kind if kind & 0x80 == 0 || kind & 0x40 != 0 => Ok(None),
            entries::FILE => {
                self.set.extend_from_slice(entry);
                self.whole = 32 * (1 + usize::from(entry[1]));
                self.complete()
            }
            entries::LABEL => label(entry).map(Some),
            entries::BITMAP => Ok(Some(Item::Bitmap(chain(entry)))),
            entries::UPCASE => Ok(Some(Item::Upcase(chain(entry), le32(entry, 4)))),
            entries::GUID => {
                let mut guid = [0; 16];
                guid.copy_from_slice(&entry[6..22]);
                Ok(Some(Item::Guid(guid)))
            }
            // Benign entries may be passed over, critical ones must not (exFAT 1.00, section 6.2.1).
            kind if kind & 0x20 != 0 => Ok(None),
            kind => Err(foreign(&format!("directory entries of the type {kind:#x}"))),
        }
    }

    fn complete(&mut self) -> Result<Option<Item>, Failure> {
        if self.set.len() < self.whole {
            return Ok(None);
        }
        let set = std::mem::take(&mut self.set);
        file(&set).map(|file| Some(Item::File(file)))
    }

    /// Ends the directory.
    pub fn finish(&self) -> Result<(), Failure> {
        if self.set.is_empty() { Ok(()) } else { Err(damaged("a set of directory entries is cut short")) }
    }
}

/// An allocation that the FAT chains.
fn chain(entry: &[u8]) -> Data {
    let len = le64(entry, 24);
    Data { first: le32(entry, 20).into(), len, valid: len, contiguous: false, open: false }
}

fn label(entry: &[u8]) -> Result<Item, Failure> {
    let len = usize::from(entry[1]);
    if len > 11 {
        return Err(damaged("the label is too long"));
    }
    let units: Vec<u16> = (0..len).map(|at| le16(entry, 2 + 2 * at)).collect();
    Ok(Item::Label(String::from_utf16_lossy(&units)))
}

fn file(set: &[u8]) -> Result<File, Failure> {
    if set.len() < 96 || set[32] != entries::STREAM {
        return Err(damaged("a file has no stream entry or no name"));
    }
    if set_checksum(set) != le16(set, 2) {
        return Err(damaged("the checksum of a set of directory entries is wrong"));
    }
    let stream = &set[32..64];
    let (len, valid) = (le64(stream, 24), le64(stream, 8));
    let attributes = le16(set, 4);
    if valid > len {
        return Err(damaged("more of a file was written than it has"));
    }
    let data = Data {
        first: le32(stream, 20).into(),
        len,
        valid,
        contiguous: stream[1] & entries::NO_FAT_CHAIN != 0,
        open: false,
    };
    let count = usize::from(stream[3]);
    let pieces = set[64..].chunks_exact(32).take_while(|entry| entry[0] == entries::NAME);
    let units: Vec<u16> = pieces
        .flat_map(|entry| (0..entries::UNITS_PER_NAME).map(|at| le16(entry, 2 + 2 * at)))
        .take(count)
        .collect();
    let name = String::from_utf16(&units).ok().filter(|_| count > 0 && units.len() == count);
    let name = name.ok_or_else(|| damaged("a name is too short or no Unicode"))?;
    Ok(File { name, attributes, mtime: time(le32(set, 12), set[21], set[23]), data })
}

/// Seconds since 1970 and nanoseconds of a timestamp (exFAT 1.00, section 7.4.8). Without a valid offset it counts as UTC.
fn time(stamp: u32, hundredths: u8, offset: u8) -> (i64, u32) {
    let part = |shift: u32, bits: u32| i64::from(stamp >> shift & ((1 << bits) - 1));
    let days = days(1980 + part(25, 7), part(21, 4).clamp(1, 12), part(16, 5).max(1));
    let second = part(11, 5) * 3600 + part(5, 6) * 60 + part(0, 5) * 2;
    // Quarters of an hour in seven bits with a sign.
    let quarters = match (offset & 0x80 != 0, i64::from(offset & 0x7f)) {
        (false, _) => 0,
        (true, value) if value >= 64 => value - 128,
        (true, value) => value,
    };
    let hundredths = u32::from(hundredths.min(199));
    let seconds = days * 86_400 + second + i64::from(hundredths / 100) - quarters * 900;
    (seconds, hundredths % 100 * 10_000_000)
}

/// The day of a Gregorian date counted from 1970-01-01; years begin in March here, so that the leap day comes last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = if month <= 2 { month + 9 } else { month - 3 };
    let era = year.div_euclid(400);
    let in_era = year.rem_euclid(400);
    era * 146_097 + in_era * 365 + in_era / 4 - in_era / 100 + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::vfat::time::Stamp;

    #[test]
    fn times_come_back() {
        for second in [315_532_800, 951_782_399, 951_782_400, 1_000_000_001, 4_354_819_199] {
            let Stamp { date, time: clock, hundredths } = Stamp::of(second, 120_000_000);
            let stamp = u32::from(date) << 16 | u32::from(clock);
            assert_eq!(time(stamp, hundredths, 0x80), (second, 120_000_000));
            assert_eq!(time(stamp, hundredths, 0x84), (second - 3600, 120_000_000));
            assert_eq!(time(stamp, hundredths, 0xfc), (second + 3600, 120_000_000));
        }
    }
}
