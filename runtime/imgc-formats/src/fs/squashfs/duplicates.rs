//! Which files have equal contents.

use std::{collections::BTreeMap, io};

use imgc_image::{Blobs, Content, Failure, Node};
use rayon::prelude::*;

use super::{
    super::equals::{firsts, keep_firsts},
    data::read,
    format::NONE,
    options::Options,
    survey::Survey,
};

/// How much of a content is read at once while it is hashed, in bytes.
const PIECE: u64 = 1 << 20;

/// The contents to be written, and which file has which.
pub struct Contents<'t> {
    /// Each content and the first entry that has it; none is empty.
    pub distinct: Vec<(u32, &'t Content)>,
    /// For each entry an index into [`Contents::distinct`]; [`NONE`] for what has no content.
    of_entry: Vec<u32>,
}

impl<'t> Contents<'t> {
    /// Finds the contents of a tree. Names of one file have one content, whatever the options say.
    ///
    /// # Errors
    /// When a content cannot be read: one that is made of pieces is hashed when another has the same length.
    pub fn of(options: &Options, survey: &Survey<'t>, blobs: &dyn Blobs) -> Result<Self, Failure> {
        let mut contents = Self { distinct: Vec::new(), of_entry: vec![NONE; survey.entries.len()] };
        let mut groups = BTreeMap::new();
        for (index, entry) in (0..).zip(survey.entries) {
            let Node::File { content, .. } = &entry.node else { continue };
            if content.is_empty() {
                continue;
            }
            let new =
                u32::try_from(contents.distinct.len()).expect("because a tree has fewer than 2^32 entries");
            let place = entry.link.map_or(new, |group| *groups.entry(group).or_insert(new));
            if place == new {
                contents.distinct.push((index, content));
            }
            contents.of_entry[index as usize] = place;
        }
        if options.duplicates {
            let content = |place: u32| Some(contents.distinct[place as usize].1);
            if let Some(firsts) = firsts(contents.distinct.len(), content) {
                contents.renumber(&firsts);
            }
            contents.merge_equal(survey, blobs)?;
        }
        Ok(contents)
    }

    /// The place of an entry's content in the list; `None` for what has no content.
    pub fn of_entry(&self, entry: u32) -> Option<u32> {
        Some(self.of_entry[entry as usize]).filter(|place| *place != NONE)
    }

    /// Merges contents that have different names and yet are equal.
    fn merge_equal(&mut self, survey: &Survey<'_>, blobs: &dyn Blobs) -> Result<(), Failure> {
        let mut by_len = BTreeMap::<u64, Vec<u32>>::new();
        for (place, (_, content)) in (0..).zip(&self.distinct) {
            by_len.entry(content.len()).or_default().push(place);
        }
        let pieced = |place: &u32| matches!(self.distinct[*place as usize].1, Content::Bytes(_));
        let doubtful: Vec<u32> = by_len
            .into_values()
            .filter(|group| group.len() > 1 && group.iter().any(pieced))
            .flatten()
            .collect();
        if doubtful.is_empty() {
            return Ok(());
        }
        let hash = |place: &u32| {
            let (entry, content) = self.distinct[*place as usize];
            hash(content, blobs).map_err(|error| {
                let path = &survey.entries[entry as usize].path;
                Failure::machine(format!("reading the content of {path}"))(error)
            })
        };
        let hashes: Vec<Result<[u8; 32], Failure>> = doubtful.par_iter().map(hash).collect();
        let mut first = BTreeMap::new();
        let mut same: Vec<u32> = (0..).take(self.distinct.len()).collect();
        for (place, hash) in doubtful.into_iter().zip(hashes) {
            let len = self.distinct[place as usize].1.len();
            // By length first, then by place: the least place of equal contents comes first.
            same[place as usize] = *first.entry((len, hash?)).or_insert(place);
        }
        self.renumber(&same);
        Ok(())
    }

    /// Drops the contents for which `firsts` names another, and closes the gaps.
    fn renumber(&mut self, firsts: &[u32]) {
        let numbers = keep_firsts(&mut self.distinct, firsts);
        for place in self.of_entry.iter_mut().filter(|place| **place != NONE) {
            *place = numbers[*place as usize];
        }
    }
}

/// Hashes what is not zero and where it is: holes cost nothing, and zeros that are stored equal holes.
fn hash(content: &Content, blobs: &dyn Blobs) -> io::Result<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    let mut buf = Vec::new();
    let mut done = 0;
    for (at, len) in content.data_runs() {
        // Pieces lie on a grid, so that the hash does not depend on how the runs are cut.
        let mut piece = done.max(at / PIECE * PIECE);
        while piece < at + len {
            let size = PIECE.min(content.len() - piece);
            buf.resize(usize::try_from(size).map_err(io::Error::other)?, 0);
            read(content, blobs, piece, &mut buf)?;
            if buf.iter().any(|byte| *byte != 0) {
                hasher.update(&piece.to_le_bytes());
                hasher.update(&buf);
            }
            piece += PIECE;
        }
        done = piece;
    }
    Ok(*hasher.finalize().as_bytes())
}
