//! Spoils inputs: bytes, numbers and pieces of paths, by chance.

use crate::Random;

/// Numbers at which sums and lengths go wrong.
const EDGES: [u64; 10] = [
    0,
    1,
    0x7f,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0xffff_ffff_ffff_ffff,
];

/// Changes an input: mostly single bytes near its start or where a non-zero byte is, and numbers; sometimes its length, or the place of a part.
pub fn changed(good: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bad = good.to_vec();
    let near = if random.once_in(2) { bad.len().min(1 << 13) } else { bad.len() };
    change(&mut bad, 0..near, random);
    if random.once_in(8) {
        let (from, to) = (random.index(bad.len()), random.index(bad.len()));
        let len = 1 << random.below(10);
        let part = bad[from..].iter().copied().take(len).collect::<Vec<u8>>();
        let room = part.len().min(bad.len() - to);
        bad[to..to + room].copy_from_slice(&part[..room]);
    }
    if random.once_in(8) {
        bad.truncate(1 + random.index(bad.len()));
    }
    bad
}

/// Changes up to six bytes or numbers of a range, which is not empty.
pub fn change(bytes: &mut [u8], range: std::ops::Range<usize>, random: &mut Random) {
    for _ in 0..=random.below(6) {
        let mut at = range.start + random.index(range.len());
        // Zeros are room that nobody looks at.
        at += bytes[at..].iter().take(1 << 12).position(|byte| *byte != 0).unwrap_or(0);
        match random.below(5) {
            0 => bytes[at] = random.one_of(&[0, 0xff]),
            1 => bytes[at] ^= 1 << random.below(8),
            2 => bytes[at] = random.next() as u8,
            3 => text(&mut bytes[at..], random),
            _ => number(&mut bytes[at..], random),
        }
    }
}

/// Puts a piece of a path there.
fn text(bytes: &mut [u8], random: &mut Random) {
    let piece: &[u8] = random.one_of(&[b"..", b".", b"/", b"../", b"/..", b"\0", b"//"]);
    let len = piece.len().min(bytes.len());
    bytes[..len].copy_from_slice(&piece[..len]);
}

/// Puts an edge, or what is near it, into the first two, four or eight bytes.
fn number(bytes: &mut [u8], random: &mut Random) {
    let value = random.one_of(&EDGES).wrapping_add(random.below(3)).wrapping_sub(1);
    let len = random.one_of(&[2, 4, 8]).min(bytes.len());
    let all = if random.once_in(4) {
        value.rotate_right(8 * len as u32).to_be_bytes()
    } else {
        value.to_le_bytes()
    };
    bytes[..len].copy_from_slice(&all[..len]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_of_any_length_are_spoilt_the_same_each_time() {
        for len in [1, 2, 3, 7, 100, 20_000] {
            let good = vec![7; len];
            let spoilt = |seed| changed(&good, &mut Random(seed));
            assert!((0..200).all(|seed| spoilt(seed) == spoilt(seed) && spoilt(seed).len() <= len));
            assert!((0..200).filter(|seed| spoilt(*seed) != good).count() > 150, "{len}");
        }
    }
}
