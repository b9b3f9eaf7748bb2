//! Directory entries (exFAT 1.00, sections 6 and 7).

use super::{super::vfat::time::Stamp, options::Options, upcase};

/// Bytes of a directory entry.
pub const BYTES: u64 = 32;

/// `EntryType` of what is written and read: in use, critical unless said otherwise.
pub const BITMAP: u8 = 0x81;
/// The up-case table.
pub const UPCASE: u8 = 0x82;
/// The volume label.
pub const LABEL: u8 = 0x83;
/// A file or directory: the first entry of its set.
pub const FILE: u8 = 0x85;
/// The volume GUID; benign.
pub const GUID: u8 = 0xa0;
/// Where a file's clusters are: the second entry of its set.
pub const STREAM: u8 = 0xc0;
/// A piece of a file's name: the third entry of its set and those that follow.
pub const NAME: u8 = 0xc1;

/// UTF-16 units in one name entry (exFAT 1.00, section 7.7.3).
pub const UNITS_PER_NAME: usize = 15;

/// Bits of `FileAttributes` (exFAT 1.00, section 7.4.4).
pub const DIRECTORY: u16 = 0x10;
const ARCHIVE: u16 = 0x20;

/// Bits of `GeneralSecondaryFlags` (exFAT 1.00, section 6.4.2).
const ALLOCATION_POSSIBLE: u8 = 1;
/// The clusters follow one another, and the FAT says nothing of them.
pub const NO_FAT_CHAIN: u8 = 2;

/// An offset from UTC that is valid and 0 (exFAT 1.00, section 7.4.10).
const UTC: u8 = 0x80;

/// An entry's bytes.
pub type Entry = [u8; 32];

/// A run of clusters with the bytes in it.
#[derive(Clone, Copy, Debug)]
pub struct Allocation {
    /// Its first cluster; 0 for none.
    pub first: u64,
    /// `DataLength`: bytes.
    pub len: u64,
}

/// Entries of the root directory that describe the volume.
pub fn of_volume(options: &Options) -> u64 {
    2 + u64::from(!options.label.is_empty()) + u64::from(options.guid.is_some())
}

/// Entries that a file or directory of this name takes.
pub fn of_name(name: &str) -> u64 {
    2 + name.encode_utf16().count().div_ceil(UNITS_PER_NAME) as u64
}

/// The sum of a set of entries, without its own place (exFAT 1.00, section 6.3.3).
pub fn set_checksum(set: &[u8]) -> u16 {
    let counted = set.iter().enumerate().filter(|(at, _)| !matches!(at, 2 | 3));
    counted.fold(0u16, |sum, (_, byte)| sum.rotate_right(1).wrapping_add(u16::from(*byte)))
}

fn put(entry: &mut [u8], at: usize, bytes: &[u8]) {
    entry[at..at + bytes.len()].copy_from_slice(bytes);
}

fn put_units(entry: &mut [u8], at: usize, units: &[u16]) {
    for (place, unit) in entry[at..].chunks_exact_mut(2).zip(units) {
        place.copy_from_slice(&unit.to_le_bytes());
    }
}

/// The place and length of an allocation are the last twelve bytes of every entry that has one.
fn put_allocation(entry: &mut [u8], allocation: Allocation) {
    let first = u32::try_from(allocation.first).expect("because clusters have 32 bits");
    put(entry, 20, &first.to_le_bytes()); // FirstCluster
    put(entry, 24, &allocation.len.to_le_bytes()); // DataLength
}

/// The entries of the root directory that describe the volume.
pub fn volume(options: &Options, bitmap: Allocation, upcase: Allocation) -> Vec<u8> {
    let mut out = Vec::new();
    if !options.label.is_empty() {
        let mut entry: Entry = [0; 32];
        entry[0] = LABEL;
        entry[1] = u8::try_from(options.label.len()).expect("because labels are short"); // CharacterCount
        put_units(&mut entry, 2, &options.label); // VolumeLabel
        out.extend(entry);
    }
    let mut entry: Entry = [0; 32];
    entry[0] = BITMAP;
    put_allocation(&mut entry, bitmap);
    out.extend(entry);
    let mut entry: Entry = [0; 32];
    entry[0] = UPCASE;
    put(&mut entry, 4, &upcase::checksum(upcase::table()).to_le_bytes()); // TableChecksum
    put_allocation(&mut entry, upcase);
    out.extend(entry);
    if let Some(guid) = options.guid {
        let mut entry: Entry = [0; 32];
        entry[0] = GUID;
        put(&mut entry, 6, &guid); // VolumeGuid
        let sum = set_checksum(&entry);
        put(&mut entry, 2, &sum.to_le_bytes()); // SetChecksum
        out.extend(entry);
    }
    out
}

/// The set of entries of a file or directory. The times of creation and access are that of the last change, the only one a tree
/// has.
pub fn file(name: &str, directory: bool, time: Stamp, data: Allocation) -> Vec<u8> {
    let units: Vec<u16> = name.encode_utf16().collect();
    let narrow = |len: usize| u8::try_from(len).expect("because names are checked");
    let mut out = vec![0; (2 + units.len().div_ceil(UNITS_PER_NAME)) * 32];
    let (file, rest) = out.split_at_mut(32);
    let (stream, pieces) = rest.split_at_mut(32);
    file[0] = FILE;
    file[1] = narrow(1 + pieces.len() / 32); // SecondaryCount
    put(file, 4, &(if directory { DIRECTORY } else { ARCHIVE }).to_le_bytes()); // FileAttributes
    let stamp = (u32::from(time.date) << 16 | u32::from(time.time)).to_le_bytes();
    for at in [8, 12, 16] {
        put(file, at, &stamp); // CreateTimestamp, LastModifiedTimestamp, LastAccessedTimestamp
    }
    put(file, 20, &[time.hundredths, time.hundredths, UTC, UTC, UTC]); // …10msIncrement, …UtcOffset
    stream[0] = STREAM;
    let contiguous = if data.first == 0 { 0 } else { NO_FAT_CHAIN };
    stream[1] = ALLOCATION_POSSIBLE | contiguous; // GeneralSecondaryFlags
    stream[3] = narrow(units.len()); // NameLength
    put(stream, 4, &upcase::name_hash(&upcase::fold(name)).to_le_bytes()); // NameHash
    put(stream, 8, &data.len.to_le_bytes()); // ValidDataLength
    put_allocation(stream, data);
    for (entry, piece) in pieces.chunks_exact_mut(32).zip(units.chunks(UNITS_PER_NAME)) {
        entry[0] = NAME;
        put_units(entry, 2, piece); // FileName
    }
    let sum = set_checksum(&out);
    put(&mut out, 2, &sum.to_le_bytes()); // SetChecksum
    out
}
