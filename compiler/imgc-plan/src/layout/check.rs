//! Finds what cannot be: numbers that the table does not have, partitions that overlap or lie outside of the disk.

use std::collections::BTreeMap;

use super::{
    problem::{LayoutProblem, exact, roomy, say},
    size::{down, up},
    spec::{DiskSpec, PartRole, PartSpec},
};

/// The highest number of a logical partition: libfdisk and with it sfdisk reads no more than 60 in all.
const LAST_LOGICAL: u32 = 60;

/// The longest disk: offsets in files are signed 64-bit numbers.
const LONGEST_DISK: u128 = i64::MAX as u128;

/// A partition with a place, in bytes.
pub(super) struct Span<'a> {
    pub part: &'a PartSpec,
    pub start: u128,
    pub len: u128,
}

impl Span<'_> {
    pub(super) fn end(&self) -> u128 {
        self.start + self.len
    }

    /// The first byte that nobody else may use: a logical partition's boot record has the sector before it.
    pub(super) fn claim(&self, sector: u128) -> u128 {
        match self.part.role {
            PartRole::Primary => self.start,
            PartRole::Logical => self.start.saturating_sub(sector),
        }
    }
}

type Problems = Vec<LayoutProblem>;

/// The disk's own length, alignments and fixed starts: what is a multiple of a sector.
pub(super) fn multiples(disk: &DiskSpec, problems: &mut Problems) {
    let sector = u128::from(disk.sector_size);
    let near = |bytes: u64| {
        let (below, above) = (down(bytes.into(), sector), up(bytes.into(), sector));
        let below = if below == 0 { String::new() } else { format!("\"{}\" or ", exact(below)) };
        format!("the next multiples are {below}\"{}\"", exact(above))
    };
    let rest = |bytes: u64| u128::from(bytes) % sector != 0;
    if let Some(len) = disk.len.filter(|len| rest(*len)) {
        let message = format!("the disk's {len} bytes are not whole sectors of {sector}");
        problems.push(LayoutProblem::disk("disk-size", message).help(near(len)));
    }
    for part in &disk.parts {
        let name = &part.name;
        if let Some(start) = part.start.filter(|start| rest(*start)) {
            let message = format!("`{name}` starts at byte {start}, which is not at a sector of {sector}");
            problems.push(LayoutProblem::part(name, "partition-misaligned", message).help(near(start)));
        }
        if part.align == 0 || rest(part.align) {
            let message = format!(
                "`{name}` has an alignment of {} bytes, which is no whole number of sectors",
                part.align
            );
            problems.push(LayoutProblem::part(name, "partition-align", message).help(near(part.align)));
        }
    }
}

/// Names and numbers: in range, each once, not too many.
pub(super) fn numbers(disk: &DiskSpec, problems: &mut Problems) {
    let rules = &disk.rules;
    let (mut names, mut numbers) = (BTreeMap::new(), BTreeMap::new());
    for part in &disk.parts {
        let PartSpec { name, number, role, .. } = part;
        if names.insert(name, ()).is_some() {
            let message = format!("two partitions are called `{name}`");
            problems.push(LayoutProblem::part(name, "partition-name-taken", message));
        }
        if !part.listed() {
            continue;
        }
        if let Some(other) = numbers.insert(number, name) {
            let message = format!("`{name}` has number {number}, which `{other}` has already");
            problems.push(LayoutProblem::part(name, "partition-number-taken", message).other(other));
        }
        let (first, last) = match role {
            PartRole::Primary => (1, rules.slots),
            PartRole::Logical => (rules.slots.saturating_add(1), LAST_LOGICAL),
        };
        if *role == PartRole::Logical && !rules.logical {
            let message = format!("`{name}` is a logical partition, which this table does not have");
            let help = "leave `logical` out: this table has room for many partitions";
            problems.push(LayoutProblem::part(name, "partition-logical", message).help(help.into()));
        } else if !(first..=last).contains(number) {
            let message = format!("`{name}` has number {number}, which is out of range");
            let help = format!("{} partitions have numbers from {first} to {last}", role.name());
            problems.push(LayoutProblem::part(name, "partition-number", message).help(help));
        }
    }
    count(disk, problems);
}

fn count(disk: &DiskSpec, problems: &mut Problems) {
    let rules = &disk.rules;
    let listed = |role: PartRole| disk.parts.iter().filter(move |part| part.listed() && part.role == role);
    let primaries = listed(PartRole::Primary).count();
    let extended = usize::from(rules.logical && listed(PartRole::Logical).next().is_some());
    let over = (primaries + extended).saturating_sub(rules.slots as usize);
    if over == 0 {
        return;
    }
    let also = if extended == 1 { " and the extended one for the logical ones" } else { "" };
    let message = format!(
        "the table has room for {} partitions, but there are {primaries}{also}: {over} too many",
        rules.slots
    );
    let help = match rules.logical {
        true => format!("make {over} more of them logical, or use a GPT"),
        false => format!("leave {over} out"),
    };
    problems.push(LayoutProblem::disk("too-many-partitions", message).help(help));
}

/// Overlaps, the table's own sectors, the end of the disk.
pub(super) fn spans(disk: &DiskSpec, spans: &[Span<'_>], problems: &mut Problems) {
    let sector = u128::from(disk.sector_size);
    let head = u128::from(disk.rules.head) * sector;
    // A logical partition at the very start would have no sector before it.
    let first = |span: &Span<'_>| span.part.role == PartRole::Logical && span.start < sector;
    let shares = |span: &Span<'_>| {
        let part = span.part;
        span.start == 0 && u128::from(part.system_area) >= head && (!part.listed() || disk.rules.shares_head)
    };
    let early = |span: &&Span<'_>| (span.claim(sector) < head || first(span)) && !shares(span);
    for span in spans.iter().filter(early) {
        let name = &span.part.name;
        let first = if span.part.role == PartRole::Logical { head + sector } else { head };
        let message = format!(
            "`{name}` starts at {}, but the table itself takes the first {}",
            say(span.start),
            say(first)
        );
        let help = format!("start it at \"{}\" or later, or leave `start` out", roomy(first));
        problems.push(LayoutProblem::part(name, "partition-before-first", message).help(help));
    }
    overlaps(spans, sector, problems);
    logical_order(spans, problems);
    room(disk, spans, problems);
}

fn overlaps(spans: &[Span<'_>], sector: u128, problems: &mut Problems) {
    let mut order: Vec<&Span<'_>> = spans.iter().collect();
    order.sort_by_key(|span| span.claim(sector));
    let mut reach: Option<&Span<'_>> = None;
    for span in order {
        if let Some(before) = reach.filter(|before| span.claim(sector) < before.end()) {
            problems.push(overlap(before, span, sector));
        }
        if reach.is_none_or(|before| before.end() < span.end()) {
            reach = Some(span);
        }
    }
}

fn overlap(before: &Span<'_>, span: &Span<'_>, sector: u128) -> LayoutProblem {
    let (name, other, claim) = (&span.part.name, &before.part.name, span.claim(sector));
    let record = if claim < span.start { " with its boot record" } else { "" };
    let message = format!(
        "`{name}` starts{record} at {}, but `{other}` reaches to {}: {} too early",
        say(claim),
        say(before.end()),
        say(before.end() - claim)
    );
    let later = before.end() + (span.start - claim);
    let shorter = match claim.checked_sub(before.start) {
        Some(len) if len > 0 => format!(", or make `{other}` no longer than \"{}\"", exact(len)),
        _ => String::new(),
    };
    LayoutProblem::part(name, "partition-overlap", message)
        .help(format!("start `{name}` at \"{}\" or later{shorter}", roomy(later)))
        .other(other)
}

/// Logical partitions lie together, in the order of their numbers, which have no gaps: every system numbers them anew
/// along the chain.
fn logical_order(spans: &[Span<'_>], problems: &mut Problems) {
    let mut order: Vec<&Span<'_>> = spans.iter().collect();
    order.sort_by_key(|span| span.start);
    let is_logical = |span: &&&Span<'_>| span.part.role == PartRole::Logical;
    let logical: Vec<&Span<'_>> = order.iter().filter(is_logical).copied().collect();
    let (Some(first), Some(last)) = (logical.first(), logical.last()) else { return };
    for span in order.iter().filter(|span| (first.start + 1..last.start).contains(&span.start)) {
        if span.part.role == PartRole::Primary {
            let name = &span.part.name;
            let message = format!(
                "`{name}` is a primary partition between the logical ones `{}` and `{}`",
                first.part.name, last.part.name
            );
            let help = "place it before or after all of them, or make it logical, too".into();
            problems.push(LayoutProblem::part(name, "partition-interleaved", message).help(help));
        }
    }
    for pair in logical.windows(2) {
        let [before, span] = [pair[0].part, pair[1].part];
        if before.number.checked_add(1) != Some(span.number) {
            let message = format!(
                "`{}` has number {}, but the logical partition before it on the disk has {}",
                span.name, span.number, before.number
            );
            let help =
                format!("give it number {}, or leave the numbers out", before.number.saturating_add(1));
            let problem = LayoutProblem::part(&span.name, "partition-number-order", message);
            problems.push(problem.help(help).other(&before.name));
        }
    }
}

/// How long the disk must be for these partitions and the table's sectors.
pub(super) fn need(disk: &DiskSpec, spans: &[Span<'_>]) -> u128 {
    let sector = u128::from(disk.sector_size);
    let end = spans.iter().map(Span::end).max().unwrap_or(0);
    end.max(u128::from(disk.rules.head) * sector) + u128::from(disk.rules.tail) * sector
}

fn room(disk: &DiskSpec, spans: &[Span<'_>], problems: &mut Problems) {
    let need = need(disk, spans);
    let len = disk.len.map_or(need, u128::from);
    if len > LONGEST_DISK || need > LONGEST_DISK {
        let message =
            format!("the disk would have {}; no more than 8 EiB can be addressed", say(len.max(need)));
        problems.push(LayoutProblem::disk("disk-too-large", message).help("make it smaller".into()));
        return;
    }
    let usable = len.saturating_sub(u128::from(disk.rules.tail) * u128::from(disk.sector_size));
    let mut outside = false;
    for span in spans.iter().filter(|span| span.part.start.is_some() && span.start >= usable && need > len) {
        let name = &span.part.name;
        let message = format!(
            "`{name}` starts at {}, but what partitions may use of the disk ends at {}",
            say(span.start),
            say(usable)
        );
        let help = format!("make the disk at least \"{}\", or start `{name}` earlier", roomy(need));
        problems.push(LayoutProblem::part(name, "partition-outside-disk", message).help(help));
        outside = true;
    }
    if need > len && !outside {
        let longest = spans.iter().max_by_key(|span| span.len);
        let or = longest.map_or(String::new(), |span| {
            format!(", or make something smaller: `{}` takes {}", span.part.name, say(span.len))
        });
        let message =
            format!("the disk needs {}, but it has {}: {} too little", say(need), say(len), say(need - len));
        problems.push(
            LayoutProblem::disk("disk-too-small", message)
                .help(format!("make the disk at least \"{}\"{or}", roomy(need))),
        );
    }
}

/// The largest sector number that the table can say.
pub(super) fn reach(disk: &DiskSpec, spans: &[Span<'_>], problems: &mut Problems) {
    let sector = u128::from(disk.sector_size);
    let limit = (u128::from(disk.rules.max_sector) + 1) * sector;
    for span in spans.iter().filter(|span| span.end() > limit) {
        let name = &span.part.name;
        let message = format!(
            "`{name}` reaches to {}, but this table can address only {}: {} too far",
            say(span.end()),
            say(limit),
            say(span.end() - limit)
        );
        let room = down(limit.saturating_sub(span.start), sector);
        let or = if room > 0 { format!(", or limit it to \"{}\"", exact(room)) } else { String::new() };
        problems.push(
            LayoutProblem::part(name, "partition-beyond-table", message).help(format!("use a GPT{or}")),
        );
    }
}
