//! Turns each partition's wish for a size into whole sectors: at least, at most, and a share of what is left.

use super::{
    problem::{LayoutProblem, exact, roomy, say},
    spec::{DiskSpec, PartSize, PartSpec, Slack},
};

/// How long a partition can be, in bytes that are whole sectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Want {
    /// Never shorter; at least a sector.
    pub min: u128,
    /// Never longer; `min` unless it grows.
    pub max: u128,
    /// Its share of what is left; 0: it does not grow.
    pub weight: u32,
}

impl Want {
    fn exactly(len: u128) -> Self {
        Self { min: len, max: len, weight: 0 }
    }
}

/// The next multiple of `unit`.
pub(super) fn up(bytes: u128, unit: u128) -> u128 {
    bytes.div_ceil(unit) * unit
}

/// The last multiple of `unit`.
pub(super) fn down(bytes: u128, unit: u128) -> u128 {
    bytes - bytes % unit
}

/// The wishes in order. Where one cannot be, a problem is added and something harmless stands in for it.
pub(super) fn wants(disk: &DiskSpec, fits: &[Option<u64>], problems: &mut Vec<LayoutProblem>) -> Vec<Want> {
    let sector = u128::from(disk.sector_size);
    let mut fits = fits.iter().copied();
    let mut want = |part: &PartSpec| match part.size {
        PartSize::Exact(0) => Err(LayoutProblem::part(
            &part.name,
            "partition-empty",
            format!("partition `{}` has a size of 0", part.name),
        )
        .help(format!("give it at least one sector: \"{}\"", exact(sector)))),
        PartSize::Exact(len) => Ok(Want::exactly(up(len.into(), sector))),
        PartSize::Fit { slack, min, max } => {
            let content = fits.next().flatten().unwrap_or(0);
            // A disk that grows with its partitions gets them in whole units of their alignment, as partitioning tools expect
            // (`sgdisk -v` cautions otherwise); on a disk of a given size the room may be needed elsewhere.
            let unit = if disk.len.is_none() { up(part.align.into(), sector).max(sector) } else { sector };
            fit(part, content, slack, (min, max), (sector, unit))
        }
        PartSize::Fill { weight, min, max } => fill(part, weight, (min, max), disk),
    };
    let settle = |result: Result<Want, LayoutProblem>| {
        result.unwrap_or_else(|problem| {
            problems.push(problem);
            Want::exactly(sector)
        })
    };
    disk.parts.iter().map(&mut want).map(settle).collect()
}

fn fit(
    part: &PartSpec,
    content: u64,
    slack: Slack,
    (min, max): (u64, Option<u64>),
    (sector, unit): (u128, u128),
) -> Result<Want, LayoutProblem> {
    limits(part, min, max, sector)?;
    let with_slack = slack.add(content).map_or(u128::from(u64::MAX), u128::from);
    let len = up(with_slack.max(min.into()).max(1), unit);
    let need = up(content.into(), sector);
    let Some(max) = max.map(|max| down(max.into(), sector)) else {
        return Ok(Want::exactly(len));
    };
    if need > max {
        let message = format!(
            "the content of `{}` needs {}, but the partition may have at most {}: {} too much",
            part.name,
            say(need),
            say(max),
            say(need - max)
        );
        return Err(LayoutProblem::part(&part.name, "partition-too-small", message)
            .help(format!("raise its max to at least \"{}\", or leave something out", roomy(need))));
    }
    Ok(Want::exactly(len.min(max)))
}

fn fill(
    part: &PartSpec,
    weight: u32,
    (min, max): (u64, Option<u64>),
    disk: &DiskSpec,
) -> Result<Want, LayoutProblem> {
    let sector = u128::from(disk.sector_size);
    limits(part, min, max, sector)?;
    let least = up(u128::from(min).max(1), sector);
    if disk.len.is_none() || weight == 0 {
        if min > 0 {
            return Ok(Want::exactly(least));
        }
        let (why, help) = match disk.len {
            None => ("the disk has no size", "give the disk a size, or the partition a min"),
            Some(_) => ("its weight is 0", "give it a weight of at least 1, or a min"),
        };
        let message = format!("`{}` fills what is left, but {why}", part.name);
        return Err(LayoutProblem::part(&part.name, "fill-without-size", message).help(help.into()));
    }
    let most = max.map_or(u128::from(u64::MAX), u128::from);
    Ok(Want { min: least, max: down(most, sector), weight })
}

/// Refuses limits between which there is no whole number of sectors.
fn limits(part: &PartSpec, min: u64, max: Option<u64>, sector: u128) -> Result<(), LayoutProblem> {
    let least = up(u128::from(min).max(1), sector);
    match max {
        Some(max) if down(max.into(), sector) < least => {
            let message = format!(
                "`{}` must have at least {} and may have at most {}",
                part.name,
                say(least),
                say(max.into())
            );
            Err(LayoutProblem::part(&part.name, "partition-limits", message)
                .help(format!("raise its max to at least \"{}\"", exact(least))))
        }
        _ => Ok(()),
    }
}
