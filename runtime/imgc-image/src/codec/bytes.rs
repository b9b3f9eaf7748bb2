//! Decodes Bytes.

use imgc_plan::{BlobId, ValueId};

use super::{DecodeError, Nested, cursor::Cursor};
use crate::bytes::{Bytes, Extent, Ref};

/// Reads Bytes whose sources are in the order of their first use and whose runs are sorted and apart.
pub fn decode(c: &mut Cursor<'_>, nested: &mut Nested<'_>) -> Result<Bytes, DecodeError> {
    let len = c.int()?;
    let refs = (0..c.count(40)?).map(|_| source(c, nested)).collect::<Result<Vec<_>, _>>()?;
    let count = c.count(32)?;
    let mut extents: Vec<Extent> = Vec::with_capacity(count);
    let mut used = 0;
    for _ in 0..count {
        let extent = Extent { at: c.int()?, len: c.int()?, offset: c.int()?, source: c.small()? };
        let last = extents.last().map_or(0, Extent::end);
        check(c, &extent, last, len, &refs)?;
        match extent.source {
            known if known < used => {}
            next if next == used => used += 1,
            _ => return Err(c.wrong("sources are not in the order of their use")),
        }
        extents.push(extent);
    }
    if used as usize != refs.len() {
        return Err(c.wrong("a source is not used"));
    }
    Ok(Bytes::from_parts(len, refs, extents))
}

fn source(c: &mut Cursor<'_>, nested: &mut Nested<'_>) -> Result<Ref, DecodeError> {
    match c.text()? {
        "blob" => Ok(Ref::Blob(BlobId(c.digest()?))),
        "bytes" => {
            let id = ValueId(c.digest()?);
            nested(&id).map(Ref::Bytes).ok_or(DecodeError::Missing(id))
        }
        _ => Err(c.wrong("unknown source")),
    }
}

/// A run begins at or after `from`, ends within `len` and lies within its source.
fn check(c: &Cursor<'_>, run: &Extent, from: u64, len: u64, refs: &[Ref]) -> Result<(), DecodeError> {
    let end = run.at.checked_add(run.len).filter(|_| run.len > 0);
    if run.at < from || end.is_none_or(|end| end > len) {
        return Err(c.wrong("a run is empty, overlaps or reaches past the end"));
    }
    let within = run.offset.checked_add(run.len);
    let fits = match refs.get(run.source as usize) {
        None => false,
        Some(Ref::Blob(_)) => within.is_some(),
        Some(Ref::Bytes(inner)) => within.is_some_and(|end| end <= inner.len()),
    };
    if fits { Ok(()) } else { Err(c.wrong("a run does not lie within its source")) }
}
