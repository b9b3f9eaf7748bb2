//! LZ4 blocks: an encoder that fills an output of a given size with as much input as fits, and a decoder that trusts nothing.
//!
//! Form (lz4, `doc/lz4_Block_format.md`): sequences of a token, literals, a 16-bit offset and a match. The last sequence has
//! only literals, at least 5; the last match starts at least 12 bytes before the end, or decoders refuse the block.

mod search;

pub use search::Search;
use search::{MIN_MATCH, Match};

/// The last match starts at least so many bytes before the end.
const LAST_MATCH: usize = 12;
/// At least so many literals end a block.
const LAST_LITERALS: usize = 5;

/// Compresses from `start` on into at most `room` bytes: gives how many bytes of input they hold, and the bytes.
pub fn fill(search: &mut Search<'_>, start: usize, room: usize) -> (usize, Vec<u8>) {
    let input = search.input();
    let mut out = Vec::with_capacity(room);
    let (mut anchor, mut at) = (start, start);
    while at + LAST_MATCH <= input.len() && fits_match(&out, at - anchor, room) {
        let limit = input.len() - LAST_LITERALS;
        let ahead = |next: usize| next + LAST_MATCH <= input.len() && fits_match(&out, next - anchor, room);
        let Some(mut found) = search.find(start, anchor, at, limit, ahead) else {
            at += search.step(at - anchor);
            continue;
        };
        let left = room - out.len() - 1 - extra(found.at - anchor) - (found.at - anchor) - 2;
        // What is left for the length of the match when the last token and literals have their place.
        let longest = MIN_MATCH + 14 + 255 * (left - 1 - LAST_LITERALS);
        let cut = found.len > longest;
        found.len = found.len.min(longest);
        sequence(&mut out, &input[anchor..found.at], &found);
        anchor = found.at + found.len;
        at = anchor;
        search.passed(anchor);
        if cut {
            break;
        }
    }
    let literals = (input.len() - anchor).min(most_literals(room - out.len()));
    token(&mut out, &input[anchor..anchor + literals], 0);
    (anchor + literals - start, out)
}

/// Whether so many literals and the shortest match fit, with what must follow them.
fn fits_match(out: &[u8], literals: usize, room: usize) -> bool {
    out.len() + 1 + extra(literals) + literals + 2 + 1 + (LAST_MATCH - MIN_MATCH) <= room
}

/// Bytes of a length beyond the token.
fn extra(len: usize) -> usize {
    if len < 15 { 0 } else { (len - 15) / 255 + 1 }
}

/// How many literals fit with their token.
fn most_literals(room: usize) -> usize {
    let mut literals = room.saturating_sub(1);
    while literals > 0 && 1 + extra(literals) + literals > room {
        literals -= 1;
    }
    literals
}

fn sequence(out: &mut Vec<u8>, literals: &[u8], found: &Match) {
    let len = found.len - MIN_MATCH;
    token(out, literals, len.min(15) as u8);
    out.extend_from_slice(&(found.distance as u16).to_le_bytes());
    lengths(out, len);
}

fn token(out: &mut Vec<u8>, literals: &[u8], low: u8) {
    out.push((literals.len().min(15) as u8) << 4 | low);
    lengths(out, literals.len());
    out.extend_from_slice(literals);
}

fn lengths(out: &mut Vec<u8>, len: usize) {
    if len >= 15 {
        let rest = len - 15;
        out.resize(out.len() + rest / 255, 255);
        out.push((rest % 255) as u8);
    }
}

/// Decompresses a block into exactly `len` bytes; what would follow them is not looked at. `None` when it is damaged.
pub fn decode(block: &[u8], len: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(len);
    let mut at = 0;
    loop {
        let token = *block.get(at)?;
        at += 1;
        let literals = length(block, &mut at, token >> 4)?.min(len - out.len());
        out.extend_from_slice(block.get(at..at.checked_add(literals)?)?);
        at += literals;
        if out.len() == len {
            return Some(out);
        }
        let distance = usize::from(u16::from_le_bytes([*block.get(at)?, *block.get(at + 1)?]));
        at += 2;
        let found = length(block, &mut at, token & 15)?.checked_add(MIN_MATCH)?.min(len - out.len());
        if distance == 0 || distance > out.len() {
            return None;
        }
        for _ in 0..found {
            out.push(out[out.len() - distance]);
        }
        if out.len() == len {
            return Some(out);
        }
    }
}

fn length(block: &[u8], at: &mut usize, nibble: u8) -> Option<usize> {
    let mut len = usize::from(nibble);
    if nibble == 15 {
        loop {
            let more = *block.get(*at)?;
            *at += 1;
            len = len.checked_add(more.into())?;
            if more != 255 {
                break;
            }
        }
    }
    Some(len)
}

#[cfg(test)]
mod tests {
    use super::{super::options::Effort, *};

    /// Text with repeats near and far, runs, and noise.
    fn mixed(len: usize, mut seed: u64) -> Vec<u8> {
        let mut bytes: Vec<u8> = Vec::new();
        while bytes.len() < len {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let roll = (seed >> 33) as usize;
            match roll % 4 {
                0 => bytes.extend((0..roll % 50).map(|n| (seed >> (n % 50)) as u8)),
                1 => bytes.resize(bytes.len() + roll % 700, (roll >> 8) as u8),
                _ if bytes.is_empty() => bytes.push(7),
                _ => {
                    let from = (roll >> 4) % bytes.len();
                    let to = (from + roll % 300).min(bytes.len());
                    bytes.extend_from_within(from..to);
                }
            }
        }
        bytes.truncate(len);
        bytes
    }

    #[test]
    fn pieces_come_back_and_obey_the_rules_of_the_end() {
        for effort in [Effort::Fast, Effort::Deep(1), Effort::Deep(64)] {
            for seed in 0..40 {
                let input = mixed(1 + (seed as usize * 997) % 30_000, seed);
                for room in [20, 64, 500, 4096, 8192] {
                    let mut search = Search::new(&input, effort);
                    let mut at = 0;
                    while at < input.len() {
                        let (taken, block) = fill(&mut search, at, room);
                        assert!(
                            taken > 0 && block.len() <= room && block[0] != 0,
                            "{effort:?} {seed} {room}"
                        );
                        let back = decode(&block, taken);
                        assert_eq!(
                            back.as_deref(),
                            Some(&input[at..at + taken]),
                            "{effort:?} {seed} {room} {at}"
                        );
                        assert!(ends_well(&block, taken), "{effort:?} {seed} {room} {at}");
                        at += taken;
                    }
                }
            }
        }
    }

    /// Whether the last match starts 12 bytes before the end and 5 literals follow, as the reference decoder demands.
    fn ends_well(block: &[u8], len: usize) -> bool {
        let (mut at, mut done) = (0, 0);
        loop {
            let token = block[at];
            at += 1;
            let literals = length(block, &mut at, token >> 4).unwrap();
            at += literals;
            done += literals;
            if at == block.len() {
                return done == len && (literals == len || literals >= LAST_LITERALS);
            }
            if done + LAST_MATCH > len {
                return false;
            }
            at += 2;
            done += length(block, &mut at, token & 15).unwrap() + MIN_MATCH;
        }
    }

    #[test]
    fn zeros_become_next_to_nothing() {
        let zeros = vec![0; 1 << 20];
        for effort in [Effort::Fast, Effort::Deep(256)] {
            let (taken, block) = fill(&mut Search::new(&zeros, effort), 0, 4096);
            assert!(taken > 1_000_000 && block.len() <= 4096, "{taken}");
            assert_eq!(decode(&block, taken), Some(vec![0; taken]));
        }
    }

    #[test]
    fn damaged_blocks_are_refused() {
        for block in [&b""[..], b"\xF0", b"\x10", b"\x10a\0\0", b"\x10a\x02\0", b"\xF0\xFF\xFF", b"\x10a\x01"]
        {
            assert_eq!(decode(block, 100), None, "{block:?}");
        }
        let input = mixed(5000, 3);
        let (taken, block) = fill(&mut Search::new(&input, Effort::Fast), 0, 4096);
        for at in 0..block.len() {
            let mut bad = block.clone();
            bad[at] ^= 0x55;
            if let Some(out) = decode(&bad, taken) {
                assert_eq!(out.len(), taken);
            }
        }
    }
}
