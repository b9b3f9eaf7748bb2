//! The half-MD4 hash of names in indexed directories (Linux, `fs/ext4/hash.c`; three of MD4's rounds, RFC 1320).

/// A name's place in an indexed directory: the hash proper (bit 0 clear) and the one that breaks ties.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NameHash {
    /// What index entries hold.
    pub major: u32,
    /// What orders names of one hash.
    pub minor: u32,
}

/// Constants of the second and third round: square roots of 2 and 3 times 2^30 (RFC 1320, section 3.4).
const K: [u32; 3] = [0, 0x5A82_7999, 0x6ED9_EBA1];
/// The order in which each round takes the eight words, and how far it turns.
const ORDER: [[usize; 8]; 3] = [[0, 1, 2, 3, 4, 5, 6, 7], [1, 3, 5, 7, 0, 2, 4, 6], [3, 7, 2, 6, 1, 5, 0, 4]];
const TURN: [[u32; 4]; 3] = [[3, 7, 11, 19], [3, 5, 9, 13], [3, 9, 11, 15]];

/// Hashes a name with signed bytes, as a superblock with the flag "signed directory hash" says.
pub fn half_md4(name: &[u8], seed: &[u8; 16]) -> NameHash {
    let mut state = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476];
    if seed.iter().any(|byte| *byte != 0) {
        for (word, bytes) in state.iter_mut().zip(seed.chunks_exact(4)) {
            *word = u32::from_le_bytes(bytes.try_into().expect("because chunks have four bytes"));
        }
    }
    let mut rest = name;
    while !rest.is_empty() {
        transform(&mut state, &words(rest));
        rest = rest.get(32..).unwrap_or_default();
    }
    // The last hash value stands for the end of a directory in a cookie of readdir.
    let major = match state[1] & !1 {
        0xFFFF_FFFE => 0xFFFF_FFFC,
        hash => hash,
    };
    NameHash { major, minor: state[2] }
}

/// Packs up to 32 bytes into eight words, the rest filled with the length.
fn words(rest: &[u8]) -> [u32; 8] {
    let len = rest.len() as u32;
    let pad = len | len << 8;
    let pad = pad | pad << 16;
    let mut words = [pad; 8];
    for (word, bytes) in words.iter_mut().zip(rest.chunks(4)) {
        *word = bytes.iter().fold(pad, |word, byte| (i32::from(*byte as i8) as u32).wrapping_add(word << 8));
    }
    words
}

fn transform(state: &mut [u32; 4], input: &[u32; 8]) {
    let mut v = *state;
    for round in 0..3 {
        for (step, word) in ORDER[round].iter().enumerate() {
            let [a, b, c, d] = v;
            let mixed = match round {
                0 => d ^ (b & (c ^ d)),
                1 => (b & c).wrapping_add((b ^ c) & d),
                _ => b ^ c ^ d,
            };
            let sum = a.wrapping_add(mixed).wrapping_add(input[*word]).wrapping_add(K[round]);
            v = [d, sum.rotate_left(TURN[round][step % 4]), b, c];
        }
    }
    for (word, add) in state.iter_mut().zip(v) {
        *word = word.wrapping_add(add);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `debugfs -R 'dx_hash -h half_md4 NAME'` gives these.
    #[test]
    fn hashes_are_those_of_debugfs() {
        let seed = [0; 16];
        let long = "a-name-of-more-than-thirty-two-bytes-goes-around-twice";
        for (name, hash) in [
            ("a", "0xd5fa7d7a 0xacb48187"),
            ("hello", "0x1746da32 0x420013b5"),
            (long, "0x20236650 0xa5a52710"),
        ] {
            let found = half_md4(name.as_bytes(), &seed);
            assert_eq!(format!("0x{:08x} 0x{:08x}", found.major, found.minor), hash);
        }
    }
}
