//! One tree at the limits: long names, deep paths, a large directory, a huge hole, links of every length, every size.

use std::collections::BTreeSet;

use imgc_image::Node;

use crate::{
    forest::Grove,
    random::{noise, prose},
    soil::{Names, Soil},
};

/// How large it is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Entries of the large directory.
    pub many: usize,
    /// Bytes of their names.
    pub name: usize,
    /// The length of the file with holes; 0: there is none.
    pub huge: u64,
}

/// The tree. Its parts are `names`, `deep`, `many`, `huge`, `links` and `sizes`.
pub fn tree(soil: &Soil, size: Size) -> Grove {
    let mut grove = Grove::default();
    long_names(&mut grove, soil);
    let deep: Vec<String> = (1..=40).map(|level| format!("level {level}")).collect();
    let bottom = grove.node(b"bottom");
    grove.add(format!("deep/{}/file", deep.join("/")), bottom);
    let small = grove.node(b"one of many");
    for number in 0..size.many {
        // The numbers are not in order, and differ in their first letters.
        let mut name = format!("{:08x}", (number as u32).wrapping_mul(0x9E37_79B1));
        name.extend(std::iter::repeat_n('m', size.name.saturating_sub(8)));
        grove.add(format!("many/{name}"), small.clone());
    }
    if size.huge > 0 {
        let middle = noise(300_000, 9);
        let pieces: [(u64, &[u8]); 3] =
            [(0, b"start"), (size.huge / 2 - 4321, &middle), (size.huge - 3, b"end")];
        let huge = grove.sparse(size.huge, &pieces, false);
        grove.add("huge", huge);
    }
    for len in [1, 59, 60, 61, 255, 256, 1023, 1024, 3000].into_iter().filter(|len| *len <= soil.target) {
        let target: Vec<u8> = b"target/".iter().copied().cycle().take(len).collect();
        grove.add(format!("links/{len}"), Node::Symlink(target.into()));
    }
    sizes(&mut grove, soil.block);
    grove
}

/// Names of 255 bytes: in ASCII, in two, three and four bytes a letter, and of bytes that are no text.
fn long_names(grove: &mut Grove, soil: &Soil) {
    let node = grove.node(b"long");
    // Tools for FAT know letters of UCS-2 only.
    let letters =
        if soil.names == Names::Bytes { &["a", "é", "日", "\u{1F600}"][..] } else { &["a", "é", "日"] };
    for letter in letters {
        let mut name = letter.repeat(255 / letter.len());
        name.extend(std::iter::repeat_n('x', 255 - name.len()));
        grove.add(format!("names/{name}"), node.clone());
    }
    if soil.names == Names::Bytes {
        let odd: Vec<u8> = (1..=255).map(|byte| if byte == b'/' { b'x' } else { byte }).collect();
        grove.add([b"names/", &odd[..]].concat(), node);
    }
}

/// A file of each size around each boundary at which a map of blocks changes.
fn sizes(grove: &mut Grove, block: u64) {
    // The last ones: where indirect blocks begin, are full, and double ones begin.
    let at = [0, block / 2, block, 2 * block, 3 * block, 12 * block, 16 * block, (12 + block / 4) * block];
    let around = at.iter().flat_map(|at| [at.saturating_sub(1), *at, at + 1]);
    for size in around.collect::<BTreeSet<u64>>() {
        for (kind, bytes) in [("noise", noise(size as usize, size)), ("prose", prose(size as usize, size))] {
            let node = grove.node(&bytes);
            grove.add(format!("sizes/{kind}-{size}"), node);
        }
    }
}
