//! Extended attributes, read.

use imgc_image::Failure;

use super::{
    super::format::{NO_TABLE, OUT_OF_LINE, PREFIXES},
    Budget, Cursor, Image, damaged,
};

/// The attributes of a file: full names and values.
pub type Set = Vec<(Box<[u8]>, Box<[u8]>)>;

/// No system has values that are longer than this, in bytes.
const MAX_VALUE: u32 = 1 << 20;

/// Reads the set of this number.
///
/// # Errors
/// When it is damaged.
pub fn read(image: &Image<'_>, number: u32, budget: &mut Budget) -> Result<Set, Failure> {
    let table = image.sb.xattr_id_table_start;
    if table == NO_TABLE {
        return Err(damaged("a file has extended attributes, but there are none"));
    }
    let start = u64::from_le_bytes(image.array(table)?);
    let known = u32::from_le_bytes(image.array(table.saturating_add(8))?);
    if number >= known {
        return Err(damaged(format_args!("there are no extended attributes {number}")));
    }
    let list = table.checked_add(16).ok_or_else(|| damaged("a table lies beyond its end"))?;
    let mut entry = image.table_entry(list, number, 16)?;
    let (reference, count) = (entry.u64()?, entry.u32()?);
    let mut at = cursor(image, start, reference)?;
    let mut set = Vec::new();
    for _ in 0..count {
        let (kind, len) = (at.u16()?, at.u16()?);
        let rest = at.bytes(len.into())?;
        let prefix = PREFIXES.get(usize::from(kind & !OUT_OF_LINE));
        let prefix = prefix
            .ok_or_else(|| damaged(format_args!("there is an extended attribute of the kind {kind}")))?;
        let mut value = value(&mut at)?;
        if kind & OUT_OF_LINE != 0 {
            let reference =
                <[u8; 8]>::try_from(value).map_err(|_| damaged("a reference to a value has no 8 bytes"))?;
            value = self::value(&mut cursor(image, start, u64::from_le_bytes(reference))?)?;
        }
        budget.take(64 + u64::from(len) + value.len() as u64)?;
        set.push(([prefix, &rest[..]].concat().into(), value.into()));
    }
    Ok(set)
}

fn cursor<'i, 'a>(image: &'i Image<'a>, start: u64, reference: u64) -> Result<Cursor<'i, 'a>, Failure> {
    let block = start.checked_add(reference >> 16).ok_or_else(|| damaged("a value lies beyond its end"))?;
    Cursor::new(image, block, image.sb.xattr_id_table_start, reference & 0xffff)
}

fn value(at: &mut Cursor<'_, '_>) -> Result<Vec<u8>, Failure> {
    let len = at.u32()?;
    if len > MAX_VALUE {
        return Err(damaged(format_args!("an extended attribute would have {len} bytes")));
    }
    at.bytes(len as usize)
}
