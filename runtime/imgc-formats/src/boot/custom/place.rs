//! Where stages lie, and that nothing else lies there.

use imgc_image::{Failure, Problem, Reader};
use imgc_plan::{
    layout::{Layout, PartRole},
    step::PartHome,
    units::{approximate_size, format_size},
};

use super::spec::{At, Stage};
use crate::boot::StampJob;

/// What ISO 9660 leaves free at its start, in bytes (ECMA-119, 6.2.1).
const SYSTEM_AREA: u64 = 32 << 10;
/// Bytes of a GPT's entries as they are written, before and behind the partitions.
const ENTRIES: u64 = 16 << 10;
/// Bytes that are looked at at once.
const BLOCK: usize = 64 << 10;

/// The first byte of each stage, whose lengths these are.
///
/// # Errors
/// Everything that does not fit: by how much, and what would.
pub fn place(
    stages: &[Stage],
    lens: &[u64],
    own: &PartHome,
    job: &StampJob<'_>,
) -> Result<Vec<u64>, Failure> {
    let table = job.home.table().unwrap_or_default();
    let free = Free::of(table, job.layout, own);
    let (mut next, mut taken, mut problems) = (free.first, Vec::new(), Vec::new());
    for (stage, len) in stages.iter().zip(lens) {
        let found = match &stage.at {
            At::Gap => free.in_gap(stage, next, *len),
            At::Byte(at) => free.at_byte(stage, *at, *len, job.layout),
            At::Partition(name) => in_partition(stage, name, *len, own, job.layout),
        };
        let clash = |at: u64| {
            let overlaps = |(_, from, to): &&(&str, u64, u64)| at < *to && *from < at + len;
            let other = taken.iter().find(overlaps)?;
            let message = format!("the stages `{}` and `{}` overlap", other.0, stage.path);
            Some(Problem::new("stage-overlap", message).help("give one of them another place"))
        };
        match found.and_then(|at| clash(at).map_or(Ok(at), Err)) {
            Ok(at) => {
                if stage.at == At::Gap {
                    next = (at + len).next_multiple_of(free.sector);
                }
                taken.push((stage.path.as_str(), at, at + len));
            }
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        for (path, from, to) in &taken {
            problems.extend(occupied(path, *from, *to, job)?);
        }
    }
    if !problems.is_empty() {
        return Err(problems.into());
    }
    Ok(taken.into_iter().map(|(_, at, _)| at).collect())
}

/// What is free around the partitions, in bytes.
struct Free {
    sector: u64,
    /// Behind the table.
    first: u64,
    /// The first partition, and its name.
    end: u64,
    next: String,
    /// Before the copy of the table.
    last: u64,
}

impl Free {
    fn of(table: &str, layout: &Layout, own: &PartHome) -> Self {
        let sector = u64::from(layout.sector_size);
        let (head, tail) =
            if table == "gpt" { (2 * sector + ENTRIES, sector + ENTRIES) } else { (sector, 0) };
        // A logical partition has a table of its own in the sector before it; an ISO leaves its start to others.
        let starts = layout.parts.iter().map(|part| {
            let start = match part.role {
                PartRole::Primary
                    if part.start == 0 && part.name == own.name && own.filesystem == "iso9660" =>
                {
                    SYSTEM_AREA
                }
                PartRole::Primary => part.start,
                PartRole::Logical => part.start.saturating_sub(sector),
            };
            (start, part.name.clone())
        });
        let last = layout.len.saturating_sub(tail);
        let (end, next) = starts.min().unwrap_or((last, String::new()));
        Self { sector, first: head, end, next, last }
    }

    fn in_gap(&self, stage: &Stage, at: u64, len: u64) -> Result<u64, Problem> {
        let room = self.end.saturating_sub(at);
        if len <= room {
            return Ok(at);
        }
        let message = format!(
            "`{}` does not fit before the first partition: it needs {len} bytes there and has {room}, {} too few",
            stage.path,
            len - room
        );
        let start = format_size((at + len).next_multiple_of(1 << 20));
        Err(Problem::new("boot-gap-too-small", message)
            .help(format!("give the partition `{}` a later start, such as `start=\"{start}\"`", self.next)))
    }

    fn at_byte(&self, stage: &Stage, at: u64, len: u64, layout: &Layout) -> Result<u64, Problem> {
        let path = &stage.path;
        if !at.is_multiple_of(self.sector) {
            let message = format!("`{path}` starts at byte {at}, which begins no sector of {}", self.sector);
            return Err(Problem::new("stage-unaligned", message).help("choose a multiple of the sector"));
        }
        let end = at.saturating_add(len);
        let what = if at < self.first {
            Some("the table".to_owned())
        } else if end > self.last {
            Some("the end of the disk".to_owned())
        } else {
            let hit = layout.parts.iter().find(|part| at < part.end() && part.start < end);
            hit.filter(|_| end > self.end).map(|part| format!("the partition `{}`", part.name))
        };
        match what {
            None => Ok(at),
            Some(what) => {
                let message = format!("`{path}` at byte {at} with {len} bytes would lie over {what}");
                let free = format!("free are {} to {} before the first partition", self.first, self.end);
                Err(Problem::new("stage-overlap", message).help(free))
            }
        }
    }
}

fn in_partition(
    stage: &Stage,
    name: &str,
    len: u64,
    own: &PartHome,
    layout: &Layout,
) -> Result<u64, Problem> {
    let Some(part) = layout.part(name) else {
        let message = format!("there is no partition `{name}` for the stage `{}`", stage.path);
        return Err(Problem::new("stage-partition-missing", message).help("name a partition of this disk"));
    };
    if name == own.name {
        let message = format!("the partition `{name}` holds the loader's files, so no stage can lie there");
        return Err(Problem::new("stage-overlap", message).help("give the stage a partition of its own"));
    }
    if len > part.len {
        let message = format!(
            "`{}` has {len} bytes, {} more than the partition `{name}` of {}",
            stage.path,
            len - part.len,
            approximate_size(part.len)
        );
        let size = format_size(len.next_multiple_of(1 << 20));
        return Err(
            Problem::new("stage-partition-too-small", message).help(format!("give it `size=\"{size}\"`"))
        );
    }
    Ok(part.start)
}

/// What is wrong when something lies there already.
fn occupied(path: &str, from: u64, to: u64, job: &StampJob<'_>) -> Result<Option<Problem>, Failure> {
    let reader = Reader::new(job.disk, job.store);
    let mut block = vec![0; BLOCK];
    let mut at = from;
    while at < to {
        let len = usize::try_from(to - at).unwrap_or(BLOCK).min(BLOCK);
        reader.read_at(at, &mut block[..len])?;
        if block[..len].iter().any(|byte| *byte != 0) {
            let message =
                format!("where `{path}` should lie, something lies already: a filesystem, or another loader");
            return Ok(Some(Problem::new("stage-overlap", message).help("give the stage another place")));
        }
        at += len as u64;
    }
    Ok(None)
}
