//! Contents: equal ones are stored once, each in one piece from a sector on. Those of dense files, into which a loader may write, lie
//! alone.

use std::collections::{BTreeMap, BTreeSet};

use imgc_image::{Content, Entry, Node};

use super::super::equals::{firsts, keep_firsts};

/// Bytes of a sector (ECMA-119, 6.1.2), and of a logical block here (6.2.2).
pub const SECTOR: u64 = 2048;

/// The most bytes of one file section: its length has 32 bits, and all but the last end with a sector (ECMA-119, 6.5.1, 9.1.4).
pub const MAX_SECTION: u64 = 0xffff_f800;

/// What stands for no content.
const NONE: u32 = u32::MAX;

/// The contents of a tree.
pub struct Contents<'t> {
    /// For each entry, its content by index.
    of: Vec<u32>,
    /// Each content, and the sector at which it starts.
    pub list: Vec<(&'t Content, u64)>,
}

impl<'t> Contents<'t> {
    /// Collects the contents in the order of the tree; places come later.
    pub fn of(entries: &'t [Entry]) -> Self {
        let mut contents = Self { of: vec![NONE; entries.len()], list: Vec::new() };
        // Dense files by the names that they share; and which contents are such, by index: they equal no other.
        let (mut groups, mut dense_ones) = (BTreeMap::new(), BTreeSet::new());
        for (slot, entry) in contents.of.iter_mut().zip(entries) {
            let Node::File { content, dense } = &entry.node else { continue };
            if content.is_empty() {
                continue;
            }
            let next =
                u32::try_from(contents.list.len()).expect("because a tree has fewer than 2^32 entries");
            let group = entry.link.filter(|_| *dense);
            *slot = group.map_or(next, |group| *groups.entry(group).or_insert(next));
            if *slot == next {
                contents.list.push((content, 0));
                dense_ones.extend(dense.then_some(next));
            }
        }
        let content = |at: u32| (!dense_ones.contains(&at)).then(|| contents.list[at as usize].0);
        if let Some(firsts) = firsts(contents.list.len(), content) {
            let numbers = keep_firsts(&mut contents.list, &firsts);
            let with_content = contents.of.iter_mut().filter(|at| **at != NONE);
            with_content.for_each(|at| *at = numbers[*at as usize]);
        }
        contents
    }

    /// Gives every content its place from this sector on, and says which is the next after them.
    pub fn place(&mut self, from: u64) -> u64 {
        self.list.iter_mut().fold(from, |next, (content, start)| {
            *start = next;
            next + content.len().div_ceil(SECTOR)
        })
    }

    /// The sections of an entry's content, as (sector, bytes); one without bytes, at the sector `empty`, when it has none.
    pub fn sections(&self, entry: usize, empty: u64) -> Vec<(u64, u64)> {
        let Some((content, start)) = self.list.get(self.of[entry] as usize) else { return vec![(empty, 0)] };
        let (mut sections, mut done) = (Vec::new(), 0);
        while done < content.len() {
            let len = (content.len() - done).min(MAX_SECTION);
            sections.push((start + done / SECTOR, len));
            done += len;
        }
        sections
    }

    /// The sector at which an entry's content starts.
    pub fn start(&self, entry: usize) -> Option<u64> {
        self.list.get(self.of[entry] as usize).map(|(_, start)| *start)
    }
}
