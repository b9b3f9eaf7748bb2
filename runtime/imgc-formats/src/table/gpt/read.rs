//! Reads the partitions that a table lists.

use imgc_image::{Failure, Problem, ReadAt};

use super::{
    dump::{LONGEST_ARRAY, find, guid, offset},
    format::{ENTRY_SIZE, Entry, HEADER_SIZE, Header, SIGNATURE},
    types::TYPES,
};
use crate::table::{
    Listed,
    listing::{read as read_bytes, read_into},
};

/// Reads the table at the disk's start.
pub(super) fn read(disk: &dyn ReadAt) -> Result<Option<Vec<Listed>>, Failure> {
    if !has_header(disk)? {
        return Ok(None);
    }
    let (sector, header) = find(disk)?;
    let mut found = Vec::new();
    for (index, entry) in entries(disk, sector, &header)? {
        let listed = listed(index, &entry, sector);
        match listed {
            Some(listed) if listed.within(disk.len()) => found.push(listed),
            _ => {
                let message = format!("partition {index} of the GPT does not lie within the disk");
                return Err(Problem::new("table-damaged", message).into());
            }
        }
    }
    Ok(Some(found))
}

fn has_header(disk: &dyn ReadAt) -> Result<bool, Failure> {
    for sector in [512, 4096] {
        if disk.len() >= sector + HEADER_SIZE as u64 && read_bytes::<8>(disk, sector)? == *SIGNATURE {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The entries in use with their numbers.
fn entries(disk: &dyn ReadAt, sector: u64, header: &Header) -> Result<Vec<(u32, Entry)>, Failure> {
    let (count, size) = (header.number_of_partition_entries, header.size_of_partition_entry);
    let len = u64::from(count) * u64::from(size);
    if size < ENTRY_SIZE || len > LONGEST_ARRAY {
        let message = format!("a GPT with {count} entries of {size} bytes is not plausible");
        return Err(Problem::new("table-damaged", message).into());
    }
    let mut array = vec![0; usize::try_from(len).expect("because it was limited to 1 MiB")];
    read_into(disk, offset(header.partition_entry_lba, sector)?, &mut array)?;
    let used = (1..).zip(array.chunks_exact(size as usize));
    Ok(used.filter_map(|(number, bytes)| Some((number, Entry::decode(bytes)?))).collect())
}

fn listed(number: u32, entry: &Entry, sector: u64) -> Option<Listed> {
    let code = guid(entry.partition_type_guid);
    let name = TYPES.iter().find(|(_, known)| *known == code).map(|(name, _)| (*name).to_owned());
    let units = entry.partition_name.iter().copied().take_while(|unit| *unit != 0);
    let sectors = entry.ending_lba.checked_sub(entry.starting_lba)?.checked_add(1)?;
    Some(Listed {
        number,
        start: entry.starting_lba.checked_mul(sector)?,
        len: sectors.checked_mul(sector)?,
        ty: name.unwrap_or(code),
        name: char::decode_utf16(units).map(|unit| unit.unwrap_or('\u{fffd}')).collect(),
        uuid: Some(guid(entry.unique_partition_guid)),
    })
}
