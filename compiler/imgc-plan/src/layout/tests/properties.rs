//! Properties over many specifications: what is solved is right and as full as it can be, what is not says why.

use super::*;

/// xorshift64*: the same cases on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Any number of bits is as likely as any other, so that the largest values occur, too.
    fn wild(&mut self) -> u64 {
        match self.below(12) {
            0 => 0,
            1 => u64::MAX,
            2 => u64::MAX - self.below(5000),
            _ => self.roll() >> self.below(64),
        }
    }

    fn size(&mut self, number: impl Fn(&mut Self) -> u64) -> PartSize {
        let max = self.chance(40).then(|| number(self));
        let min = if self.chance(40) { number(self) } else { 0 };
        match self.below(3) {
            0 => PartSize::Exact(number(self)),
            1 => {
                let slack = Slack { bytes: number(self), percent: self.below(300) as u32 };
                PartSize::Fit { slack, min, max }
            }
            _ => PartSize::Fill { weight: (self.roll() >> self.below(33).min(63)) as u32, min, max },
        }
    }

    fn spec(&mut self, number: fn(&mut Self) -> u64) -> (DiskSpec, Vec<Option<u64>>) {
        let big = self.chance(30);
        let mut rules = if self.chance(50) { gpt() } else { mbr() };
        if big {
            (rules.head, rules.tail) = (rules.head.min(6), rules.tail.min(5));
        }
        let sector_size = if big { 4096 } else { 512 };
        let align = [u64::from(sector_size), 4096, MIB, 3 * MIB][self.below(4) as usize];
        let mut parts = Vec::new();
        for number_in_table in 1..=self.below(8) as u32 {
            let mut new = part(number_in_table, self.size(number));
            new.align = align;
            new.start = self.chance(25).then(|| number(self) & !4095);
            if rules.logical && number_in_table > 3 {
                new = logical(PartSpec { number: number_in_table + 1, ..new });
            }
            parts.push(new);
        }
        let fits = (0..parts.len()).map(|_| self.chance(70).then(|| number(self))).collect();
        let len = self.chance(80).then(|| number(self) & !4095);
        (DiskSpec { len, sector_size, rules, parts }, fits)
    }
}

fn small(dice: &mut Dice) -> u64 {
    dice.below(64 * MIB)
}

/// What must be true of every solution.
fn assert_right(spec: &DiskSpec, layout: &Layout) {
    let sector = u64::from(spec.sector_size);
    let first = spec.rules.head * sector;
    let usable = layout.len - spec.rules.tail * sector;
    assert!(spec.len.is_none_or(|len| len == layout.len));
    assert_eq!(spec.parts.len(), layout.parts.len());
    let records = layout.extended().map(|extended| extended.records).unwrap_or_default();
    let mut taken: Vec<(u64, u64)> = records.iter().map(|(_, at)| (*at, at + sector)).collect();
    for (asked, got) in spec.parts.iter().zip(&layout.parts) {
        assert_eq!((&asked.name, asked.number, asked.role), (&got.name, got.number, got.role));
        assert!(got.len > 0 && got.len % sector == 0 && got.start % sector == 0);
        assert!(got.start >= first && got.end() <= usable);
        assert!(got.end() / sector - 1 <= spec.rules.max_sector);
        match asked.start {
            Some(start) => assert_eq!(got.start, start),
            None => assert_eq!(got.start % asked.align, 0),
        }
        match asked.size {
            PartSize::Exact(len) => assert_eq!(got.len, len.next_multiple_of(sector)),
            PartSize::Fit { min, max, .. } | PartSize::Fill { min, max, .. } => {
                assert!(got.len >= min && max.is_none_or(|max| got.len <= max));
            }
        }
        taken.push((got.start, got.end()));
    }
    taken.sort_unstable();
    assert!(taken.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{taken:?}");
}

/// No fill could be longer by its alignment (by a sector, if it is shorter than that) with everything else as it is and the floating ones moved along.
fn assert_full(spec: &DiskSpec, layout: &Layout) {
    let sector = u64::from(spec.sector_size);
    for (index, asked) in spec.parts.iter().enumerate() {
        let PartSize::Fill { weight: 1.., max, .. } = asked.size else { continue };
        let placed = &layout.parts[index];
        let coarse = placed.len >= asked.align || placed.end().is_multiple_of(asked.align);
        let step = if coarse { asked.align } else { sector };
        if spec.len.is_none() || max.is_some_and(|max| placed.len + step > max) {
            continue;
        }
        let mut longer = spec.clone();
        for (part, placed) in longer.parts.iter_mut().zip(&layout.parts) {
            part.size = PartSize::Exact(placed.len);
        }
        longer.parts[index].size = PartSize::Exact(placed.len + step);
        assert!(solve(&longer, &[]).is_err(), "{} could be longer: {spec:#?} {layout:#?}", asked.name);
    }
}

#[test]
fn solutions_are_right_and_full() {
    let mut dice = Dice(0x1234_5678_9abc_def1);
    let mut solved = 0;
    for _ in 0..20_000 {
        let (mut spec, fits) = dice.spec(small);
        spec.len = spec.len.map(|len| len * 8);
        match solve(&spec, &fits) {
            Ok(layout) => {
                assert_right(&spec, &layout);
                assert_full(&spec, &layout);
                assert_eq!(solve(&spec, &fits).as_ref(), Ok(&layout));
                assert_eq!(Layout::from_data(&layout.to_data()), Some(layout));
                solved += 1;
            }
            Err(problems) => {
                assert!(!problems.is_empty() && problems.iter().all(|problem| !problem.message.is_empty()));
            }
        }
    }
    assert!(solved > 4000, "only {solved} could be solved: the cases say little");
}

#[test]
fn the_widest_numbers_neither_panic_nor_overflow() {
    let mut dice = Dice(0xfeed_5eed);
    let mut solved = 0;
    for _ in 0..20_000 {
        let (mut spec, fits) = dice.spec(Dice::wild);
        for part in &mut spec.parts {
            match dice.below(8) {
                0 => part.align = dice.wild(),
                1 => part.start = Some(dice.wild()),
                2 => part.number = dice.wild() as u32,
                _ => {}
            }
        }
        if dice.chance(10) {
            spec.rules.head = dice.wild();
            spec.rules.tail = dice.wild();
        }
        match solve(&spec, &fits) {
            Ok(layout) => {
                assert_right(&spec, &layout);
                solved += 1;
            }
            Err(problems) => assert!(!problems.is_empty()),
        }
    }
    assert!(solved > 100, "only {solved} could be solved: the cases say little");
}

/// A disk that is just long enough is solved, and one sector less is not: by exactly that sector.
#[test]
fn the_least_disk_is_the_least() {
    let mut dice = Dice(77);
    for _ in 0..2000 {
        let (mut spec, fits) = dice.spec(small);
        spec.len = None;
        let Ok(layout) = solve(&spec, &fits) else { continue };
        spec.len = Some(layout.len);
        let again = solve(&spec, &fits).expect("the length that the solver chose");
        assert_right(&spec, &again);
        // On a disk without a size fits are rounded up to their alignment; with those lengths nothing can be spared.
        for (part, placed) in spec.parts.iter_mut().zip(&layout.parts) {
            if matches!(part.size, PartSize::Fit { .. }) {
                part.size = PartSize::Exact(placed.len);
            }
        }
        solve(&spec, &[]).expect("the same lengths, said exactly");
        spec.len = Some(layout.len - u64::from(spec.sector_size));
        let problems = solve(&spec, &[]).expect_err("a sector is missing");
        let codes = ["disk-too-small", "partition-outside-disk", "fill-without-size"];
        assert!(problems.iter().all(|problem| codes.contains(&problem.code)), "{problems:?}");
    }
}
