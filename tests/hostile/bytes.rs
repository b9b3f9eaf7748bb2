//! Changes bytes, and looks at what was read of them.

use imgc_grove::{Random, spoil};
use imgc_image::Tree;

use crate::mend::Mend;

/// An input changed; mostly its sums are right again after that.
pub fn changed(good: &[u8], mend: Mend, random: &mut Random) -> Vec<u8> {
    let mut bad = spoil::changed(good, random);
    if !random.once_in(4) {
        mend(&mut bad);
    }
    bad
}

/// How far from a mark something is changed, in bytes.
const NEAR: usize = 512;

/// Where marks stand, the first forty of each, and some times where the input begins.
pub fn places(bytes: &[u8], marks: &[&[u8]]) -> Vec<usize> {
    let all = marks.iter().flat_map(|mark| {
        bytes.windows(mark.len()).enumerate().filter(move |(_, at)| at == mark).map(|(at, _)| at).take(40)
    });
    all.chain([0, 0, 0]).collect()
}

/// An input changed near one of these places.
pub fn near(good: &[u8], places: &[usize], random: &mut Random) -> Vec<u8> {
    let (at, mut bad) = (places[random.index(places.len())], good.to_vec());
    let end = (at + NEAR).min(bad.len());
    spoil::change(&mut bad, at.saturating_sub(NEAR / 8)..end, random);
    bad
}

/// Nothing that was read may be taken out to a place outside of where it is taken to, or over what is there.
///
/// # Panics
/// When it could.
pub fn stays_inside(tree: &Tree) {
    for entry in tree.entries().iter().filter(|entry| !entry.path.0.is_empty()) {
        let names = entry.path.0.split(|byte| *byte == b'/');
        let bad = |name: &[u8]| name.is_empty() || name == b"." || name == b".." || name.contains(&0);
        assert!(!names.into_iter().any(bad), "an entry is called {:?}", entry.path);
    }
    for pair in tree.entries().windows(2) {
        assert!(pair[0].path < pair[1].path, "{:?} and {:?}", pair[0].path, pair[1].path);
    }
}
