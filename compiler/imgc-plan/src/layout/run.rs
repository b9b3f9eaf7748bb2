//! Places partitions one after the other, and lets those grow that fill what is left.
//!
//! A *run* is a stretch of partitions that follow one another both in the manifest and on disk; its first stays where it
//! is. It may use the space up to whatever comes after it on disk. Its fills share one level `t`: each is `t × weight` long,
//! rounded to its alignment, within its min and max. The end of the run never falls as `t` rises, so the highest level that
//! fits is found by bisection; that settles weights, limits and alignment at once. What rounding leaves over goes to the
//! last fills that can take it.
//!
//! A fill ends at a multiple of its alignment, too, unless it is shorter than that: dm-crypt refuses a length that is not
//! whole blocks of 4096 bytes, and sgdisk warns of every partition that ends elsewhere.

use std::ops::Range;

use super::{
    check::Span,
    size::{Want, down, up},
    spec::{PartRole, PartSpec},
};

/// Fraction bits of the level, so that heavy weights do not make coarse steps.
const FRACTION: u32 = 32;

/// The runs as ranges of partitions, which start and do not overlap as given.
pub(super) fn runs(parts: &[PartSpec], starts: &[u128]) -> Vec<Range<usize>> {
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|index| starts[*index]);
    let mut follows = vec![false; parts.len()];
    for pair in order.windows(2) {
        follows[pair[1]] = pair[0] + 1 == pair[1] && parts[pair[1]].start.is_none();
    }
    let heads: Vec<usize> = (0..parts.len()).filter(|index| !follows[*index]).collect();
    let ends = heads.iter().skip(1).copied().chain([parts.len()]);
    heads.iter().copied().zip(ends).map(|(head, end)| head..end).collect()
}

/// Where each partition starts when they have these lengths and the first free byte is `from`.
pub(super) fn starts(parts: &[PartSpec], lens: &[u128], from: u128, sector: u128) -> Vec<u128> {
    let mut free = from;
    let place = |(part, len): (&PartSpec, &u128)| {
        let start = part.start.map_or_else(|| next(part, free, sector), u128::from);
        free = start + len;
        start
    };
    parts.iter().zip(lens).map(place).collect()
}

/// Where a floating partition starts after `free`. A logical one has its boot record at the aligned place, and the next
/// aligned place for itself, as partitioning tools do.
fn next(part: &PartSpec, free: u128, sector: u128) -> u128 {
    let first = up(free, align(part, sector));
    match part.role {
        PartRole::Primary => first,
        PartRole::Logical => up(first + sector, align(part, sector)),
    }
}

fn align(part: &PartSpec, sector: u128) -> u128 {
    u128::from(part.align).max(sector)
}

/// A run that grows: its partitions, what they want, and the space that they may use.
pub(super) struct Room<'a> {
    pub parts: &'a [PartSpec],
    pub wants: &'a [Want],
    /// Where its first partition starts.
    pub start: u128,
    /// The first byte that is not free any more.
    pub limit: u128,
    pub sector: u128,
}

impl<'a> Room<'a> {
    /// The partitions with their fills so long that nothing more fits. At its least, the run fits.
    pub(super) fn grow(&self) -> Vec<Span<'a>> {
        let mut lens: Vec<u128> = self.wants.iter().map(|want| want.min).collect();
        if self.wants.iter().any(|want| want.weight > 0) {
            let space = self.limit - self.start;
            let level = bisect(space << FRACTION, |level| self.fits(&self.at_level(level)));
            lens = self.at_level(level);
            for index in (0..lens.len()).rev().filter(|index| self.wants[*index].weight > 0) {
                self.lengthen(&mut lens, index);
            }
        }
        let starts = self.starts(&lens);
        let spans = self.parts.iter().zip(starts).zip(lens);
        spans.map(|((part, start), len)| Span { part, start, len }).collect()
    }

    /// Gives one fill what is left.
    fn lengthen(&self, lens: &mut [u128], index: usize) {
        let base = lens[index];
        let most = (self.wants[index].max - base).min(self.limit) / self.sector;
        let more = bisect(most, |more| {
            lens[index] = base + more * self.sector;
            self.fits(lens)
        });
        let start = self.starts(lens)[index];
        let (longest, align) = (base + more * self.sector, align(&self.parts[index], self.sector));
        let rounded = down(start + longest, align).saturating_sub(start);
        lens[index] = match rounded > base {
            true => rounded,
            false if base < align => longest,
            false => base,
        };
    }

    fn starts(&self, lens: &[u128]) -> Vec<u128> {
        let rest = starts(&self.parts[1..], &lens[1..], self.start + lens[0], self.sector);
        [self.start].into_iter().chain(rest).collect()
    }

    fn fits(&self, lens: &[u128]) -> bool {
        let ends = self.starts(lens).into_iter().zip(lens).map(|(start, len)| start + len);
        ends.max().is_none_or(|end| end <= self.limit)
    }

    /// The lengths at a level. It is below 2^95 and a weight below 2^32, so the product cannot overflow.
    fn at_level(&self, level: u128) -> Vec<u128> {
        let len = |(part, want): (&PartSpec, &Want)| {
            let share = (level * u128::from(want.weight)) >> FRACTION;
            down(share, align(part, self.sector)).clamp(want.min, want.max)
        };
        self.parts.iter().zip(self.wants).map(len).collect()
    }
}

/// The highest number up to `most` that is good, where 0 is good and nothing above a bad one is.
fn bisect(most: u128, mut good: impl FnMut(u128) -> bool) -> u128 {
    let (mut low, mut high) = (0, most);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if good(middle) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}
