//! Points at the partitions' bytes, and turns their places into sectors.

use std::sync::Arc;

use imgc_image::{Bytes, BytesBuilder, Failure, Problem};
use imgc_plan::{
    Kind,
    kind::Traits,
    layout::{Layout, PlacedPart, TableRules},
};

/// Points at each partition's bytes at its start; none is read or copied. The first `head` sectors are the table's: what lies
/// there leaves them to it ([`imgc_plan::kind::FilesystemTraits::system_area`]).
pub(super) fn nest(
    layout: &Layout,
    head: u64,
    parts: &[Option<Arc<Bytes>>],
    out: &mut BytesBuilder<'_>,
) -> Result<(), Failure> {
    if parts.len() != layout.parts.len() {
        let (given, placed) = (parts.len(), layout.parts.len());
        return Err(Failure::Bug(format!("{given} partitions' bytes were given for {placed} partitions")));
    }
    for (part, bytes) in layout.parts.iter().zip(parts) {
        let Some(bytes) = bytes else { continue };
        if bytes.len() > part.len {
            let (name, has, len) = (&part.name, part.len, bytes.len());
            return Err(Failure::Bug(format!("partition `{name}` of {has} bytes was given {len} bytes")));
        }
        let taken = (head * u64::from(layout.sector_size)).saturating_sub(part.start).min(bytes.len());
        if taken == 0 {
            out.nest(part.start, bytes);
        } else {
            out.section(part.start + taken, bytes, taken, bytes.len() - taken);
        }
    }
    Ok(())
}

/// The sectors at the start of a disk that are a table's own.
pub(super) fn head(kind: &Kind, layout: &Layout) -> u64 {
    let Traits::Table(traits) = &kind.traits else { return 0 };
    TableRules::of(traits, layout.sector_size).map_or(0, |rules| rules.head)
}

/// A partition's first sector and how many it has.
pub(super) fn sectors(layout: &Layout, part: &PlacedPart) -> Result<(u64, u64), Failure> {
    let sector = u64::from(layout.sector_size);
    let whole = |bytes: u64| (bytes.checked_rem(sector) == Some(0)).then(|| bytes / sector);
    match (whole(part.start), whole(part.len)) {
        (Some(first), Some(count)) if count > 0 && part.start.checked_add(part.len) <= Some(layout.len) => {
            Ok((first, count))
        }
        _ => Err(Failure::Bug(format!(
            "partition `{}` was placed at {} with {} bytes: not whole sectors of the disk",
            part.name, part.start, part.len
        ))),
    }
}

/// A problem of one partition.
pub(super) fn problem(part: &PlacedPart, code: &'static str, message: String) -> Problem {
    Problem { part: Some(part.name.clone()), ..Problem::new(code, message) }
}
