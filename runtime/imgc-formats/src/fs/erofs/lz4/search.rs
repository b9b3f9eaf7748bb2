//! Looks for matches: the last place with the same hash, or a chain of such places.

use super::super::options::Effort;

/// The least bytes of a match.
pub const MIN_MATCH: usize = 4;
/// The farthest that a match may lie back: 16 bits.
const WINDOW: usize = 65_535;
/// A match of so many bytes is taken without looking at the next position.
const GOOD: usize = 64;

/// A run that was there before.
#[derive(Clone, Copy, Debug)]
pub struct Match {
    /// Where it starts.
    pub at: usize,
    /// How long it is.
    pub len: usize,
    /// How far back the same bytes lie.
    pub distance: usize,
}

/// The places of one input by hash. Positions are stored plus one, 0 is none; they stay right when a new block starts in
/// the same input, as each block only looks at places within itself.
pub struct Search<'i> {
    input: &'i [u8],
    bits: u32,
    heads: Vec<u32>,
    /// For each position the one before with the same hash; empty for [`Effort::Fast`].
    chain: Vec<u32>,
    depth: u32,
    /// All positions before this one are in the chains.
    known: usize,
}

impl<'i> Search<'i> {
    /// Starts over an input of less than 4 GiB.
    pub fn new(input: &'i [u8], effort: Effort) -> Self {
        let (bits, depth, chain) = match effort {
            Effort::Fast => (14, 1, Vec::new()),
            Effort::Deep(depth) => (16, depth, vec![0; input.len()]),
        };
        Self { input, bits, heads: vec![0; 1 << bits], chain, depth, known: 0 }
    }

    /// The input.
    pub fn input(&self) -> &'i [u8] {
        self.input
    }

    /// How far to go on after so many literals without a match.
    pub fn step(&self, literals: usize) -> usize {
        if self.chain.is_empty() { 1 + (literals >> 6) } else { 1 }
    }

    /// A match at `at`, or where it can be extended to before it (not before `anchor`), or with [`Effort::Deep`] one that is
    /// longer right after it, if that is `allowed`. It lies within `start..limit`.
    pub fn find(
        &mut self,
        start: usize,
        anchor: usize,
        at: usize,
        limit: usize,
        allowed: impl Fn(usize) -> bool,
    ) -> Option<Match> {
        if self.chain.is_empty() {
            return self.quick(start, anchor, at, limit);
        }
        let mut best = self.deep(start, at, limit)?;
        while best.len < GOOD && allowed(best.at + 1) {
            match self.deep(start, best.at + 1, limit) {
                Some(next) if next.len > best.len => best = next,
                _ => break,
            }
        }
        Some(best)
    }

    /// Notes that everything before `to` was encoded.
    pub fn passed(&mut self, to: usize) {
        if self.chain.is_empty() {
            // The position before the end of a match is the likeliest to help with what follows.
            if to >= 2 && to + 2 <= self.input.len() {
                let slot = self.hash(to - 2);
                self.heads[slot] = to as u32 - 1;
            }
        } else {
            self.learn(to);
        }
    }

    fn quick(&mut self, start: usize, anchor: usize, at: usize, limit: usize) -> Option<Match> {
        let slot = self.hash(at);
        let place = std::mem::replace(&mut self.heads[slot], at as u32 + 1) as usize;
        let before = place.checked_sub(1).filter(|place| *place >= start && *place < at)?;
        let distance = at - before;
        if distance > WINDOW || self.input[before..before + 4] != self.input[at..at + 4] {
            return None;
        }
        let len = self.common(before, at, limit);
        let back = (0..(at - anchor).min(before - start))
            .take_while(|n| self.input[at - 1 - n] == self.input[before - 1 - n])
            .count();
        (len >= MIN_MATCH).then_some(Match { at: at - back, len: len + back, distance })
    }

    fn deep(&mut self, start: usize, at: usize, limit: usize) -> Option<Match> {
        self.learn(at);
        let mut best: Option<Match> = None;
        let mut place = self.heads[self.hash(at)] as usize;
        let mut looks = self.depth;
        while place > start && looks > 0 {
            let before = place - 1;
            place = self.chain[before] as usize;
            // A block that ended early leaves places behind that the next one has not reached yet.
            if before >= at {
                continue;
            }
            if at - before > WINDOW {
                break;
            }
            looks -= 1;
            let least = best.map_or(MIN_MATCH - 1, |best| best.len);
            if at + least >= limit || self.input[before + least] != self.input[at + least] {
                continue;
            }
            let len = self.common(before, at, limit);
            if len > least {
                best = Some(Match { at, len, distance: at - before });
            }
        }
        best
    }

    /// Takes all positions before `to` into the chains.
    fn learn(&mut self, to: usize) {
        let to = to.min((self.input.len() + 1).saturating_sub(MIN_MATCH));
        while self.known < to {
            let slot = self.hash(self.known);
            self.chain[self.known] = self.heads[slot];
            self.known += 1;
            self.heads[slot] = self.known as u32;
        }
    }

    /// Knuth's multiplicative hash of four bytes.
    fn hash(&self, at: usize) -> usize {
        let word =
            u32::from_le_bytes(self.input[at..at + 4].try_into().expect("because four bytes are four bytes"));
        (word.wrapping_mul(2_654_435_761) >> (32 - self.bits)) as usize
    }

    /// How many bytes are equal from two places on, before `limit`.
    fn common(&self, before: usize, at: usize, limit: usize) -> usize {
        let most = limit.saturating_sub(at);
        let mut len = 0;
        while len + 8 <= most {
            let word = |at: usize| {
                u64::from_le_bytes(
                    self.input[at..at + 8].try_into().expect("because eight bytes are eight bytes"),
                )
            };
            let differ = word(before + len) ^ word(at + len);
            if differ != 0 {
                return len + differ.trailing_zeros() as usize / 8;
            }
            len += 8;
        }
        while len < most && self.input[before + len] == self.input[at + len] {
            len += 1;
        }
        len
    }
}
