//! Prints a table, offset by offset, and whether its checksums are right and its two ends agree.

use std::fmt::Write;

use imgc_image::{Failure, Problem, ReadAt};

use super::{
    format::{ENTRY_SIZE, Entry, HEADER_SIZE, Header, PROTECTIVE_TYPE, header_crc_is_right},
    types::{ATTRIBUTES, TYPES},
};
use crate::table::{
    listing::{Listing, read, read_into},
    record::{RECORDS, Record, SIGNATURE},
};

/// The most bytes of entries that are read: 64 times what tools write.
pub(super) const LONGEST_ARRAY: u64 = 1 << 20;

pub(super) fn dump(disk: &dyn ReadAt) -> Result<String, Failure> {
    let mut list = Listing::default();
    let (sector, header) = find(disk)?;
    protective(disk, &mut list)?;
    let array = table(disk, &mut list, sector, 1, "")?;
    let backup = table(disk, &mut list, sector, header.alternate_lba, "backup ")?;
    if array != backup {
        list.line(offset(header.alternate_lba, sector)?, format_args!("the two tables differ"));
    }
    Ok(list.finish())
}

/// The sector size at which there is a header, and the header.
pub(super) fn find(disk: &dyn ReadAt) -> Result<(u64, Header), Failure> {
    for sector in [512, 4096] {
        if disk.len() >= sector + HEADER_SIZE as u64
            && let Some(header) = Header::decode(&read(disk, sector)?)
        {
            return Ok((sector, header));
        }
    }
    Err(Problem::new("not-gpt", "there is no GPT header in sector 1 of 512 or 4096 bytes").into())
}

fn protective(disk: &dyn ReadAt, list: &mut Listing) -> Result<(), Failure> {
    let mbr: [u8; 512] = read(disk, 0)?;
    for index in 0..4 {
        let record = Record::decode(&mbr, index);
        let what = match record.os_type {
            0 => continue,
            PROTECTIVE_TYPE => "protective MBR",
            _ => "hybrid MBR",
        };
        list.line((RECORDS + 16 * index) as u64, format_args!("{what}: {record}"));
    }
    if mbr[SIGNATURE.0..] != SIGNATURE.1 {
        list.line(SIGNATURE.0 as u64, format_args!("the signature 55aa is missing"));
    }
    Ok(())
}

/// Prints a header and its entries, and gives the entries' bytes.
fn table(
    disk: &dyn ReadAt,
    list: &mut Listing,
    sector: u64,
    lba: u64,
    which: &str,
) -> Result<Vec<u8>, Failure> {
    let at = offset(lba, sector)?;
    let bytes = read(disk, at)?;
    let Some(header) = Header::decode(&bytes) else {
        list.line(at, format_args!("{which}header is missing"));
        return Ok(Vec::new());
    };
    let (count, size) = (header.number_of_partition_entries, header.size_of_partition_entry);
    let len = u64::from(count) * u64::from(size);
    if size < ENTRY_SIZE || len > LONGEST_ARRAY {
        let message = format!("a GPT with {count} entries of {size} bytes is not plausible");
        return Err(Problem::new("not-gpt", message).into());
    }
    let mut array = vec![0; usize::try_from(len).expect("because it was limited to 1 MiB")];
    let start = offset(header.partition_entry_lba, sector)?;
    read_into(disk, start, &mut array)?;
    let right = |right| if right { "right" } else { "WRONG" };
    let crc = right(header_crc_is_right(&bytes));
    let array_crc = right(crc32fast::hash(&array) == header.partition_entry_array_crc32);
    let header_line = |list: &mut Listing| {
        list.line(at, format_args!(
            "{which}header at {} (other at {}), usable {} to {}, {count} entries of {size} at {}, disk {}, checksums {crc} and {array_crc}",
            header.my_lba, header.alternate_lba, header.first_usable_lba, header.last_usable_lba,
            header.partition_entry_lba, guid(header.disk_guid),
        ));
    };
    if lba == 1 {
        header_line(list);
    }
    for (index, bytes) in array.chunks_exact(size as usize).enumerate() {
        if let Some(entry) = Entry::decode(bytes) {
            let at = start + index as u64 * u64::from(size);
            list.line(at, format_args!("{which}entry {}: {}", index + 1, describe(&entry)));
        }
    }
    if lba != 1 {
        header_line(list);
    }
    Ok(array)
}

fn describe(entry: &Entry) -> String {
    let type_guid = guid(entry.partition_type_guid);
    let type_name = TYPES.iter().find(|(_, code)| *code == type_guid).map_or(&*type_guid, |(name, _)| name);
    let units = entry.partition_name.iter().copied().take_while(|unit| *unit != 0);
    let name: String = char::decode_utf16(units).map(|unit| unit.unwrap_or('\u{fffd}')).collect();
    let (first, last) = (entry.starting_lba, entry.ending_lba);
    let mut text = format!("{type_name}, sectors {first} to {last}, ");
    let _ = write!(text, "{}, {name:?}", guid(entry.unique_partition_guid));
    for bit in (0..64).filter(|bit| entry.attributes >> bit & 1 == 1) {
        match ATTRIBUTES.iter().find(|(_, known)| *known == bit) {
            Some((name, _)) => text.extend([", ", name]),
            None => text.push_str(&format!(", attribute {bit}")),
        }
    }
    text
}

/// A GUID as text: the first three groups are stored backwards (UEFI 2.10, appendix A).
pub(super) fn guid(mut bytes: [u8; 16]) -> String {
    bytes[0..4].reverse();
    bytes[4..6].reverse();
    bytes[6..8].reverse();
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let _ = write!(text, "{byte:02x}");
    }
    text
}

pub(super) fn offset(lba: u64, sector: u64) -> Result<u64, Failure> {
    let wild = || Problem::new("not-gpt", format!("a GPT's structure at sector {lba} is beyond every disk"));
    Ok(lba.checked_mul(sector).ok_or_else(wild)?)
}
