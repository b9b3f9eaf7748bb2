//! Reads the partitions that the boot records list.

use imgc_image::{Failure, Problem, ReadAt};

use super::{EXTENDED_TYPES, types::TYPES};
use crate::table::{
    Listed,
    listing::read as read_bytes,
    record::{BOOTABLE, RECORDS, Record, SIGNATURE},
};

/// The most extended boot records that are followed: a chain can be a ring.
const LONGEST_CHAIN: u32 = 128;
/// The number of the first logical partition.
const FIRST_LOGICAL: u32 = 5;

/// Reads the records. The boot sector of a filesystem ends with the same mark: what is not plausible is no table.
pub(super) fn read(disk: &dyn ReadAt) -> Result<Option<Vec<Listed>>, Failure> {
    if disk.len() < 512 {
        return Ok(None);
    }
    let mbr: [u8; 512] = read_bytes(disk, 0)?;
    let records: [Record; 4] = std::array::from_fn(|index| Record::decode(&mbr, index));
    let used = || (1..).zip(&records).filter(|(_, record)| record.os_type != 0);
    let plausible = |record: &Record| {
        matches!(record.boot_indicator, 0 | BOOTABLE) && record.starting_lba > 0 && record.size_in_lba > 0
    };
    if mbr[SIGNATURE.0..] != SIGNATURE.1 || used().next().is_none() {
        return Ok(None);
    }
    if !records.iter().all(|record| record.os_type == 0 || plausible(record)) {
        return Ok(None);
    }
    let extended = used().find(|(_, record)| EXTENDED_TYPES.contains(&record.os_type));
    let sector = sector(disk, extended.map(|(_, record)| u64::from(record.starting_lba)));
    let mut found = Vec::new();
    for (number, record) in used().filter(|(_, record)| !EXTENDED_TYPES.contains(&record.os_type)) {
        found.push(listed(disk, number, u64::from(record.starting_lba), record, sector)?);
    }
    if let Some((_, record)) = extended {
        chain(disk, u64::from(record.starting_lba), sector, &mut found)?;
    }
    Ok(Some(found))
}

/// The sector size is nowhere said: it is the one at which the first extended boot record is found, 512 bytes without one.
fn sector(disk: &dyn ReadAt, extended: Option<u64>) -> u64 {
    let has_record = |size: &u64| {
        let at = extended.map_or(0, |start| start * size) + RECORDS as u64 + 64;
        read_bytes(disk, at).is_ok_and(|found: [u8; 2]| found == SIGNATURE.1)
    };
    [512, 4096].into_iter().find(has_record).unwrap_or(512)
}

fn chain(disk: &dyn ReadAt, start: u64, sector: u64, found: &mut Vec<Listed>) -> Result<(), Failure> {
    let (mut lba, mut number) = (start, FIRST_LOGICAL);
    for _ in 0..LONGEST_CHAIN {
        let record: [u8; 512] = read_bytes(disk, lba * sector)?;
        if record[SIGNATURE.0..] != SIGNATURE.1 {
            return Err(damaged(format!("the boot record at sector {lba} is missing")));
        }
        let [logical, link] = [0, 1].map(|index| Record::decode(&record, index));
        if logical.os_type != 0 {
            found.push(listed(disk, number, lba + u64::from(logical.starting_lba), &logical, sector)?);
            // A record without a partition takes no number (Linux, `block/partitions/msdos.c`, `parse_extended`).
            number += 1;
        }
        if link.os_type == 0 {
            return Ok(());
        }
        lba = start + u64::from(link.starting_lba);
    }
    Err(damaged("the chain of logical partitions has no end".into()))
}

fn listed(
    disk: &dyn ReadAt,
    number: u32,
    first: u64,
    record: &Record,
    sector: u64,
) -> Result<Listed, Failure> {
    let code = format!("{:02x}", record.os_type);
    let name = TYPES.iter().find(|(_, known)| *known == code).map(|(name, _)| (*name).to_owned());
    let listed = Listed {
        number,
        start: first * sector,
        len: u64::from(record.size_in_lba) * sector,
        ty: name.unwrap_or(code),
        name: String::new(),
        uuid: None,
    };
    if listed.within(disk.len()) {
        Ok(listed)
    } else {
        Err(damaged(format!("partition {number} of the MBR does not lie within the disk")))
    }
}

fn damaged(message: String) -> Failure {
    Problem::new("table-damaged", message).into()
}
