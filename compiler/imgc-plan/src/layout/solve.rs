//! The solver: checks what is asked, places it at its least, lets fills grow, and checks what has grown.

use super::{
    check::{self, Span},
    placed::{Layout, PlacedPart},
    problem::LayoutProblem,
    run::{self, Room},
    size::{self, Want, up},
    spec::{DiskSpec, PartSpec},
};

/// Lays out a disk. `fits` gives the content's length for each partition with [`super::PartSize::Fit`], in the order of the
/// specification; an entry of `None` is not known yet, and stands for its minimum.
///
/// # Errors
/// Everything that does not fit, at once: by how much, and what would.
pub fn solve(disk: &DiskSpec, fits: &[Option<u64>]) -> Result<Layout, Vec<LayoutProblem>> {
    if !matches!(disk.sector_size, 512 | 4096) {
        let message = format!("sectors of {} bytes are not supported", disk.sector_size);
        return Err(vec![LayoutProblem::disk("sector-size", message).help("use 512 or 4096".into())]);
    }
    let mut problems = Vec::new();
    check::multiples(disk, &mut problems);
    check::numbers(disk, &mut problems);
    let wants = size::wants(disk, fits, &mut problems);
    let lens: Vec<u128> = wants.iter().map(|want| want.min).collect();
    let least = spans(disk, &lens);
    check::spans(disk, &least, &mut problems);
    check::reach(disk, &least, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let grown = grow(disk, &wants, least);
    check::reach(disk, &grown, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Layout {
        len: disk.len.unwrap_or_else(|| bytes(up(check::need(disk, &grown), grain(disk)))),
        sector_size: disk.sector_size,
        parts: grown.iter().map(place).collect(),
    })
}

/// What the length of a disk is a multiple of that has no given one. One that begins with a filesystem which leaves room for a table
/// (a CD, which is written onto sticks, too) is whole MiB: drives read nothing of a half sector of a CD, and BIOSes count a stick
/// in cylinders of 64 heads and 32 sectors.
fn grain(disk: &DiskSpec) -> u128 {
    let medium = disk.parts.first().is_some_and(|part| part.start == Some(0) && part.system_area > 0);
    if medium { 1 << 20 } else { 1 }
}

fn head(disk: &DiskSpec) -> u128 {
    u128::from(disk.rules.head) * u128::from(disk.sector_size)
}

fn spans<'a>(disk: &'a DiskSpec, lens: &[u128]) -> Vec<Span<'a>> {
    let starts = run::starts(&disk.parts, lens, head(disk), disk.sector_size.into());
    let spans = disk.parts.iter().zip(starts).zip(lens);
    spans.map(|((part, start), len)| Span { part, start, len: *len }).collect()
}

/// Lets the fills of each run take what is left before the next run; where the runs start stays as it is.
fn grow<'a>(disk: &'a DiskSpec, wants: &'a [Want], least: Vec<Span<'a>>) -> Vec<Span<'a>> {
    let Some(len) = disk.len else { return least };
    let sector = u128::from(disk.sector_size);
    let usable = u128::from(len) - u128::from(disk.rules.tail) * sector;
    let starts: Vec<u128> = least.iter().map(|span| span.start).collect();
    let mut grown = Vec::with_capacity(least.len());
    for range in run::runs(&disk.parts, &starts) {
        let last = starts[range.end - 1];
        let after = least.iter().filter(|span| span.start > last).map(|span| span.claim(sector)).min();
        let room = Room {
            parts: &disk.parts[range.clone()],
            wants: &wants[range.clone()],
            start: starts[range.start],
            limit: after.unwrap_or(usable),
            sector,
        };
        grown.extend(room.grow());
    }
    grown
}

fn place(span: &Span<'_>) -> PlacedPart {
    let PartSpec {
        name,
        number,
        role,
        start: _,
        align: _,
        size: _,
        type_code,
        table_name,
        uuid,
        bootable,
        attributes,
        system_area: _,
    } = span.part;
    PlacedPart {
        name: name.clone(),
        number: *number,
        role: *role,
        start: bytes(span.start),
        len: bytes(span.len),
        type_code: type_code.clone(),
        table_name: table_name.clone(),
        uuid: uuid.clone(),
        bootable: *bootable,
        attributes: *attributes,
    }
}

fn bytes(value: u128) -> u64 {
    u64::try_from(value).expect("because a disk longer than 8 EiB was refused")
}
