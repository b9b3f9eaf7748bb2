//! Prints the boot records, offset by offset, following the chain of extended ones.

use imgc_image::{Failure, Problem, ReadAt};

use super::{DISK_ID, EXTENDED_TYPES};
use crate::table::{
    listing::{Listing, le32, read},
    record::{RECORDS, Record, SIGNATURE},
};

/// The most extended boot records that are followed: a chain can be a ring.
const LONGEST_CHAIN: u32 = 128;

pub(super) fn dump(disk: &dyn ReadAt) -> Result<String, Failure> {
    let mbr: [u8; 512] = read(disk, 0)?;
    if mbr[SIGNATURE.0..] != SIGNATURE.1 {
        return Err(Problem::new("not-mbr", "there is no boot record in sector 0: 55 aa is missing").into());
    }
    let mut list = Listing::default();
    let id = le32(&mbr, usize::try_from(DISK_ID).expect("because it is 440"));
    list.line(DISK_ID, format_args!("disk id {id:08x}"));
    let records: [Record; 4] = std::array::from_fn(|index| Record::decode(&mbr, index));
    for (index, record) in records.iter().enumerate().filter(|(_, record)| record.os_type != 0) {
        list.line((RECORDS + 16 * index) as u64, format_args!("partition {}: {record}", index + 1));
    }
    if let Some(extended) = records.iter().find(|record| EXTENDED_TYPES.contains(&record.os_type)) {
        chain(disk, u64::from(extended.starting_lba), &mut list)?;
    }
    Ok(list.finish())
}

/// Follows the chain. The sector size is nowhere said: it is the one at which the first boot record is found.
fn chain(disk: &dyn ReadAt, start: u64, list: &mut Listing) -> Result<(), Failure> {
    let has_record = |size: &u64| {
        read(disk, start * size + SIGNATURE.0 as u64).is_ok_and(|found: [u8; 2]| found == SIGNATURE.1)
    };
    let sector = [512, 4096].into_iter().find(has_record).unwrap_or(512);
    let mut lba = start;
    for number in 5..5 + LONGEST_CHAIN {
        let at = lba * sector;
        let record: [u8; 512] = read(disk, at)?;
        if record[SIGNATURE.0..] != SIGNATURE.1 {
            list.line(at, format_args!("the boot record at sector {lba} is missing"));
            return Ok(());
        }
        let [logical, link] = [0, 1].map(|index| Record::decode(&record, index));
        list.line(at + RECORDS as u64, format_args!("partition {number}: {logical}"));
        if link.os_type == 0 {
            return Ok(());
        }
        list.line(at + RECORDS as u64 + 16, format_args!("link: {link}"));
        lba = start + u64::from(link.starting_lba);
    }
    list.line(lba * sector, format_args!("the chain has no end"));
    Ok(())
}
