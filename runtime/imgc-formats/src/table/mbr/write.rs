//! Writes the master boot record and the chain of extended ones.

use imgc_image::{BytesBuilder, Failure, Problem};
use imgc_plan::{
    Record as Options,
    layout::{Extended, Layout, PartRole, PlacedPart},
};

use super::{DISK_ID, EXTENDED, EXTENDED_TYPES, LINK, SLOTS};
use crate::table::{
    place::{problem, sectors},
    record::{BOOTABLE, RECORDS, Record, SIGNATURE, chs_or_last},
};

pub(super) fn write(options: &Options, layout: &Layout, out: &mut BytesBuilder<'_>) -> Result<(), Failure> {
    let id = options.get("disk-id").and_then(|id| u32::try_from(id.as_u64()?).ok());
    let id = id.ok_or_else(|| Failure::Bug("the disk has no id".into()))?;
    let types = types(layout)?;
    let extended = layout.extended();
    let mut records: [Option<Record>; SLOTS as usize] = [None; SLOTS as usize];
    let mut take = |number: u32, record: Record| {
        let slot = number.checked_sub(1).and_then(|index| records.get_mut(index as usize));
        match slot {
            Some(slot @ None) => {
                *slot = Some(record);
                Ok(())
            }
            _ => Err(Failure::Bug(format!("partition number {number} is taken or not in an MBR"))),
        }
    };
    for (part, os_type) in layout.parts.iter().zip(&types) {
        if part.listed() && part.role == PartRole::Primary {
            let (first, count) = sectors(layout, part)?;
            take(part.number, record(*os_type, part.bootable, first, count, 0)?)?;
        }
    }
    if let Some(extended) = &extended {
        let (first, count) = span(layout, extended.start, extended.start + extended.len)?;
        take(extended.number, record(EXTENDED, false, first, count, 0)?)?;
        put_chain(layout, extended, &types, out)?;
    }
    out.put(DISK_ID, &id.to_le_bytes())?;
    for (index, record) in records.iter().enumerate() {
        if let Some(record) = record {
            out.put((RECORDS + 16 * index) as u64, &record.encode())?;
        }
    }
    out.put(SIGNATURE.0 as u64, &SIGNATURE.1)?;
    Ok(())
}

/// The boot records of the logical partitions: each names its partition, relative to itself, and the next boot record
/// with the space up to the end of its partition, relative to the extended partition.
fn put_chain(
    layout: &Layout,
    extended: &Extended,
    types: &[u8],
    out: &mut BytesBuilder<'_>,
) -> Result<(), Failure> {
    let sector = u64::from(layout.sector_size);
    for (place, (index, at)) in extended.records.iter().enumerate() {
        let part = &layout.parts[*index];
        let (first, count) = sectors(layout, part)?;
        if *at < sector || part.start - at < sector {
            return Err(Failure::Bug(format!("there is no room for the boot record of `{}`", part.name)));
        }
        let logical = record(types[*index], part.bootable, first, count, at / sector)?;
        out.put(at + RECORDS as u64, &logical.encode())?;
        if let Some((next, next_at)) = extended.records.get(place + 1) {
            let (first, count) = span(layout, *next_at, layout.parts[*next].end())?;
            let link = record(LINK, false, first, count, extended.start / sector)?;
            out.put(at + RECORDS as u64 + 16, &link.encode())?;
        }
        out.put(at + SIGNATURE.0 as u64, &SIGNATURE.1)?;
    }
    Ok(())
}

/// A record of sectors, whose first is said relative to `base`; cylinders, heads and sectors are always absolute.
fn record(os_type: u8, bootable: bool, first: u64, count: u64, base: u64) -> Result<Record, Failure> {
    let number = |value: Option<u64>| {
        let message = || Failure::Bug(format!("sector {first} and {count} more were placed beyond an MBR"));
        value.and_then(|value| u32::try_from(value).ok()).ok_or_else(message)
    };
    Ok(Record {
        boot_indicator: if bootable { BOOTABLE } else { 0 },
        starting_chs: chs_or_last(first),
        os_type,
        ending_chs: chs_or_last(first.saturating_add(count - 1)),
        starting_lba: number(first.checked_sub(base))?,
        size_in_lba: number(Some(count))?,
    })
}

/// The first sector and how many there are from a byte up to another.
fn span(layout: &Layout, from: u64, to: u64) -> Result<(u64, u64), Failure> {
    let sector = u64::from(layout.sector_size);
    match to.checked_sub(from) {
        Some(len) if len >= sector => Ok((from / sector, len / sector)),
        _ => Err(Failure::Bug(format!("an extended partition was placed from {from} to {to}"))),
    }
}

/// The type of each partition (0 where it is not listed), and everything that this table cannot say.
fn types(layout: &Layout) -> Result<Vec<u8>, Failure> {
    let mut problems: Vec<Problem> = Vec::new();
    let mut types = Vec::new();
    let mut bootable: Option<&str> = None;
    for part in &layout.parts {
        if !part.listed() {
            types.push(0);
            continue;
        }
        let os_type = type_of(part)?;
        if os_type == 0 || EXTENDED_TYPES.contains(&os_type) {
            let what = if os_type == 0 { "an unused record" } else { "an extended partition" };
            let message =
                format!("partition `{}` has type {os_type:02x}, which is that of {what}", part.name);
            let help = "choose another type; partitions with `logical=#true` get an extended one around them";
            problems.push(problem(part, "partition-type", message).help(help));
        }
        if part.bootable
            && let Some(other) = bootable.replace(&part.name)
        {
            let message = format!("partitions `{other}` and `{}` are both bootable", part.name);
            let help = "mark one of them: boot code refuses a disk with several";
            problems.push(problem(part, "partition-bootable", message).help(help));
        }
        types.push(os_type);
    }
    if problems.is_empty() { Ok(types) } else { Err(problems.into()) }
}

fn type_of(part: &PlacedPart) -> Result<u8, Failure> {
    let digits = Some(&part.type_code).filter(|code| code.len() == 2);
    digits.and_then(|code| u8::from_str_radix(code, 16).ok()).ok_or_else(|| {
        Failure::Bug(format!("partition `{}` has the type `{}`, which is no byte", part.name, part.type_code))
    })
}
