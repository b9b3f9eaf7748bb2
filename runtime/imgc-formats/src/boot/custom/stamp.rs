//! Places everything, and writes the numbers of where it came to lie.

use std::sync::Arc;

use imgc_image::{
    Bytes, Failure, Problem,
    build::{Patch, overlay},
};
use imgc_plan::step::PartHome;

use super::{
    boot::{self, Boot},
    image, place,
    spec::{Field, Spec, Stamp, Thing},
};
use crate::boot::StampJob;

/// Everything with its place.
struct Placed<'a> {
    job: &'a StampJob<'a>,
    own: &'a PartHome,
    boot: Option<Boot>,
    stages: Vec<(u64, Arc<Bytes>)>,
}

/// The pieces.
///
/// # Errors
/// When something does not fit where it must lie, or a number does not fit where it is written.
pub fn stamp(spec: &Spec, job: &StampJob<'_>) -> Result<Vec<(u64, Patch)>, Failure> {
    let own = job.home.own().ok_or_else(|| Failure::Bug("a loader of one's own lies on a disk".into()))?;
    let (boot, stages) = image::read(spec, job.image, job.store)?;
    let boot = match (&spec.boot, boot) {
        (Some(path), Some(file)) => Some(boot::fit(path, &file, spec.boot_at, own, job)?),
        _ => None,
    };
    let lens: Vec<u64> = stages.iter().map(|stage| stage.len()).collect();
    let places = place::place(&spec.stages, &lens, own, job)?;
    let mut placed = Placed { job, own, boot, stages: places.into_iter().zip(stages).collect() };
    let (mut pieces, mut problems) = (Vec::new(), Vec::new());
    let mut patches: Vec<Vec<(u64, Patch)>> = vec![Vec::new(); placed.stages.len()];
    for stamp in &spec.stamps {
        let number = match placed.number(stamp)? {
            Ok(number) => number.to_le_bytes()[..stamp.width].to_vec(),
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        match placed.write(stamp, &number)? {
            Ok(None) => {}
            Ok(Some(piece)) => pieces.push(piece),
            Err(problem) => problems.push(problem),
        }
        if let Thing::Stage(index) = stamp.target {
            patches[index].push((stamp.offset, Patch::Data(number)));
        }
    }
    if !problems.is_empty() {
        return Err(problems.into());
    }
    for ((at, stage), patches) in placed.stages.iter().zip(patches) {
        let stamped = overlay(job.store, stage, &patches).map_err(|error| Failure::Bug(error.to_string()))?;
        pieces.push((*at, Patch::Bytes(Arc::new(stamped))));
    }
    if let Some(Boot { at, bytes, kept: _, second }) = placed.boot {
        pieces.extend(second.map(|second| (second, Patch::Data(bytes.clone()))));
        pieces.push((at, Patch::Data(bytes)));
    }
    Ok(pieces)
}

impl Placed<'_> {
    /// The number that a stamp writes.
    fn number(&self, stamp: &Stamp) -> Result<Result<u64, Problem>, Failure> {
        let sector = u64::from(self.job.layout.sector_size);
        let (at, len) = match self.range(&stamp.of)? {
            Ok(range) => range,
            Err(problem) => return Ok(Err(problem)),
        };
        let number = match stamp.field {
            Field::Lba if !at.is_multiple_of(sector) => {
                let message = format!("byte {at} begins no sector of {sector} bytes, so it has no `lba`");
                return Ok(Err(Problem::new("stamp-unaligned", message).help("use `offset`")));
            }
            Field::Lba => at / sector,
            Field::Sectors => len.div_ceil(sector),
            Field::Offset => at,
            Field::Bytes => len,
        };
        let bits = 8 * u32::try_from(stamp.width).expect("because a width is at most 8");
        let fits = |number: &u64| bits == 64 || *number < 1 << bits;
        Ok(number.checked_add(stamp.plus).filter(fits).ok_or_else(|| {
            let message = format!("the number {number} plus {} does not fit into {bits} bits", stamp.plus);
            Problem::new("stamp-too-large", message).help("give the stamp a larger `width`")
        }))
    }

    /// Where a thing lies, as (first byte, length).
    fn range(&self, thing: &Thing) -> Result<Result<(u64, u64), Problem>, Failure> {
        let layout = self.job.layout;
        Ok(Ok(match thing {
            Thing::Disk => (0, layout.len),
            Thing::Boot => self.boot.as_ref().map_or((0, 0), |boot| (boot.at, boot.bytes.len() as u64)),
            Thing::Stage(index) => (self.stages[*index].0, self.stages[*index].1.len()),
            Thing::Partition(name) => {
                let name = name.as_deref().unwrap_or(&self.own.name);
                let Some(part) = layout.part(name) else {
                    let message = format!("a stamp tells of a partition `{name}`, and there is none");
                    return Ok(Err(Problem::new("stamp-partition-missing", message)
                        .help("name a partition of this disk")));
                };
                (part.start, part.len)
            }
            Thing::File(path) => {
                let runs = self.runs(path)?;
                let len = runs.iter().map(|(_, len)| len).sum();
                let whole = runs.windows(2).all(|pair| pair[0].0 + pair[0].1 == pair[1].0);
                match runs.first() {
                    Some((first, _)) if whole => (*first, len),
                    Some(_) => {
                        let message =
                            format!("`{path}` lies in {} pieces, so it has no one place", runs.len());
                        return Ok(Err(Problem::new("boot-file-scattered", message).help("make it a stage")));
                    }
                    None => {
                        let message = format!("`{path}` is empty and lies nowhere");
                        return Ok(Err(Problem::new("boot-file-empty", message).help("put something in it")));
                    }
                }
            }
        }))
    }

    fn runs(&self, path: &str) -> Result<Vec<(u64, u64)>, Failure> {
        self.job.files.runs(&self.own.name, path.trim_start_matches('/').as_bytes())
    }

    /// Writes a number: into the boot sector at once, into a file as a piece; into a stage its caller does.
    fn write(
        &mut self,
        stamp: &Stamp,
        number: &[u8],
    ) -> Result<Result<Option<(u64, Patch)>, Problem>, Failure> {
        let end = stamp.offset + number.len() as u64;
        let beyond = |len: u64| {
            let message = format!("a stamp at byte {} would reach past the end, at byte {len}", stamp.offset);
            Problem::new("stamp-out-of-place", message)
                .help("its `offset` counts from the start of what `in=` names")
        };
        Ok(match &stamp.target {
            Thing::Stage(index) => {
                let len = self.stages[*index].1.len();
                if end <= len { Ok(None) } else { Err(beyond(len)) }
            }
            Thing::Boot => match &mut self.boot {
                Some(boot) if end <= boot.bytes.len() as u64 => {
                    let range = usize_range(stamp.offset, end);
                    if boot.kept.iter().any(|kept| range.start < kept.end && kept.start < range.end) {
                        let message =
                            format!("a stamp at byte {} would change bytes of others", stamp.offset);
                        Err(Problem::new("stamp-out-of-place", message)
                            .help("put it behind the jump's target"))
                    } else {
                        boot.bytes[range].copy_from_slice(number);
                        Ok(None)
                    }
                }
                boot => Err(beyond(boot.as_ref().map_or(0, |boot| boot.bytes.len() as u64))),
            },
            Thing::File(path) => {
                let mut before = 0;
                for (first, len) in self.runs(path)? {
                    if stamp.offset >= before && end <= before + len {
                        let at = first + (stamp.offset - before);
                        return Ok(Ok(Some((at, Patch::Data(number.to_vec())))));
                    }
                    before += len;
                }
                Err(beyond(before))
            }
            Thing::Disk | Thing::Partition(_) => {
                return Err(Failure::Bug("a stamp into something that is no file".into()));
            }
        })
    }
}

fn usize_range(from: u64, to: u64) -> std::ops::Range<usize> {
    let narrow = |at: u64| usize::try_from(at).expect("because it lies within a boot sector");
    narrow(from)..narrow(to)
}
