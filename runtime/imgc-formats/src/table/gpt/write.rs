//! Writes the protective MBR, and the table at both ends of the disk.

use std::collections::BTreeMap;

use imgc_image::{BytesBuilder, Failure, Problem};
use imgc_plan::{
    Record as Options,
    ids::guid_bytes,
    layout::{Layout, PlacedPart},
};

use super::{
    format::{ENTRIES, ENTRY_SIZE, Entry, Header, PROTECTIVE_TYPE},
    hybrid,
};
use crate::table::{
    place::{problem, sectors},
    record::{RECORDS, Record, SIGNATURE, chs},
};

/// An entry array in bytes.
const ARRAY: usize = (ENTRIES * ENTRY_SIZE) as usize;

pub(super) fn write(options: &Options, layout: &Layout, out: &mut BytesBuilder<'_>) -> Result<(), Failure> {
    let sector = u64::from(layout.sector_size);
    let disk_guid = options
        .get("uuid")
        .and_then(|uuid| guid_bytes(uuid.as_text()?))
        .ok_or_else(|| Failure::Bug("the disk has no GUID".into()))?;
    let array_sectors = (ARRAY as u64).div_ceil(sector.max(1));
    let total = layout.len.checked_div(sector).unwrap_or(0);
    if !matches!(sector, 512 | 4096) || !layout.len.is_multiple_of(sector) || total < 2 * array_sectors + 3 {
        return Err(Failure::Bug(format!("a disk of {} bytes cannot hold a GPT", layout.len)));
    }
    let usable = array_sectors + 2..=total - array_sectors - 2;
    let entries = entries(layout, &usable)?;
    let primary = Header {
        my_lba: 1,
        alternate_lba: total - 1,
        first_usable_lba: *usable.start(),
        last_usable_lba: *usable.end(),
        disk_guid,
        partition_entry_lba: 2,
        number_of_partition_entries: ENTRIES,
        size_of_partition_entry: ENTRY_SIZE,
        partition_entry_array_crc32: array_crc(&entries),
    };
    let backup = Header {
        my_lba: primary.alternate_lba,
        alternate_lba: primary.my_lba,
        partition_entry_lba: total - 1 - array_sectors,
        ..primary.clone()
    };
    put_mbr(options, layout, total, out)?;
    for header in [primary, backup] {
        out.put(header.my_lba * sector, &header.encode())?;
        for (number, entry) in &entries {
            let slot = u64::from((number - 1) * ENTRY_SIZE);
            out.put(header.partition_entry_lba * sector + slot, &entry.encode())?;
        }
    }
    Ok(())
}

/// The protective MBR: one record over the whole disk, so that tools that know no GPT see it as taken; or a hybrid one. The 440
/// bytes of boot code before the records stay untouched.
fn put_mbr(
    options: &Options,
    layout: &Layout,
    total: u64,
    out: &mut BytesBuilder<'_>,
) -> Result<(), Failure> {
    let record = Record {
        boot_indicator: 0,
        starting_chs: [0, 2, 0],
        os_type: PROTECTIVE_TYPE,
        ending_chs: chs(total - 1).unwrap_or([0xff; 3]),
        starting_lba: 1,
        size_in_lba: u32::try_from(total - 1).unwrap_or(u32::MAX),
    };
    let records = hybrid::records(options, layout)?.unwrap_or_else(|| vec![record]);
    for (index, record) in records.iter().enumerate() {
        out.put((RECORDS + 16 * index) as u64, &record.encode())?;
    }
    out.put(SIGNATURE.0 as u64, &SIGNATURE.1)?;
    Ok(())
}

fn array_crc(entries: &BTreeMap<u32, Entry>) -> u32 {
    let mut array = [0; ARRAY];
    for (number, entry) in entries {
        let at = ((number - 1) * ENTRY_SIZE) as usize;
        array[at..at + ENTRY_SIZE as usize].copy_from_slice(&entry.encode());
    }
    crc32fast::hash(&array)
}

/// The entries by their partitions' numbers.
fn entries(layout: &Layout, usable: &std::ops::RangeInclusive<u64>) -> Result<BTreeMap<u32, Entry>, Failure> {
    let mut problems = Vec::new();
    let mut entries = BTreeMap::new();
    let mut guids: BTreeMap<[u8; 16], &str> = BTreeMap::new();
    for part in layout.parts.iter().filter(|part| part.listed()) {
        let (first, count) = sectors(layout, part)?;
        let last = first + count - 1;
        let in_range =
            (1..=ENTRIES).contains(&part.number) && usable.contains(&first) && usable.contains(&last);
        let entry = entry(part, first, last, &mut problems)?;
        if let Some(other) = guids.insert(entry.unique_partition_guid, &part.name) {
            let message = format!("partitions `{other}` and `{}` have the same GUID", part.name);
            problems.push(problem(part, "partition-guid", message).help("give one of them another `uuid`"));
        }
        if !in_range || entries.insert(part.number, entry).is_some() {
            return Err(Failure::Bug(format!(
                "partition `{}` was not placed for a GPT: {part:?}",
                part.name
            )));
        }
    }
    if problems.is_empty() { Ok(entries) } else { Err(problems.into()) }
}

fn entry(part: &PlacedPart, first: u64, last: u64, problems: &mut Vec<Problem>) -> Result<Entry, Failure> {
    let bug = |what: &str| Failure::Bug(format!("partition `{}` {what}", part.name));
    let type_guid = guid_bytes(&part.type_code).ok_or_else(|| bug("has a type that is no GUID"))?;
    let uuid = part.uuid.as_deref().ok_or_else(|| bug("has no GUID"))?;
    let uuid = guid_bytes(uuid).ok_or_else(|| bug("has a GUID that is none"))?;
    if part.bootable {
        return Err(bug("is marked bootable, which a GPT cannot say"));
    }
    if type_guid == [0; 16] {
        let message = format!("partition `{}` has the type of an unused entry", part.name);
        problems.push(problem(part, "partition-type", message).help("choose a type, such as `linux`"));
    }
    if uuid == [0; 16] {
        let message = format!("partition `{}` has a GUID that is all zero", part.name);
        problems.push(problem(part, "partition-guid", message).help("leave `uuid` out: one is derived"));
    }
    Ok(Entry {
        partition_type_guid: type_guid,
        unique_partition_guid: uuid,
        starting_lba: first,
        ending_lba: last,
        attributes: part.attributes,
        partition_name: name(part).unwrap_or_else(|problem| {
            problems.push(problem);
            [0; 36]
        }),
    })
}

fn name(part: &PlacedPart) -> Result<[u16; 36], Problem> {
    let units: Vec<u16> = part.table_name.encode_utf16().collect();
    let mut name = [0; 36];
    match name.get_mut(..units.len()) {
        Some(_) if units.contains(&0) => {
            let message = format!("the table's name for `{}` has a NUL in it", part.name);
            Err(problem(part, "partition-name", message).help("leave the NUL out: it would end the name"))
        }
        Some(place) => {
            place.copy_from_slice(&units);
            Ok(name)
        }
        None => {
            let message = format!(
                "the name \"{}\" has {} UTF-16 units, {} more than a GPT holds",
                part.table_name,
                units.len(),
                units.len() - 36
            );
            Err(problem(part, "partition-name", message)
                .help("use at most 36 (most characters take one unit, emoji and rare scripts two)"))
        }
    }
}
