//! Goes through a tree once: what exFAT cannot hold, what it loses, and how many entries each directory takes.

use std::collections::BTreeMap;

use imgc_image::{Entry, Failure, Node, Problem, Tree};

use super::{
    super::vfat::{
        names,
        survey::{CLAMPED, FOREIGN, LOSSES, by_parent, is_held},
        time,
    },
    entries,
    geometry::Geometry,
    options::Options,
    upcase,
};
use crate::loss::{self, Loss};

/// The most bytes in a directory (exFAT 1.00, section 7.4).
pub const MAX_DIRECTORY: u64 = 256 << 20;

/// A tree that exFAT can hold.
pub struct Survey<'t> {
    /// The entries; none when there is no tree.
    pub entries: &'t [Entry],
    /// Entries by directory, each directory's in the tree's order.
    children: Vec<u32>,
    /// For each entry, where its children start in `children`; one more at the end.
    first: Vec<u32>,
    /// For each directory, the bytes of its entries. The first is the root's, also without a tree.
    used: Vec<u64>,
    losses: Vec<Problem>,
}

impl<'t> Survey<'t> {
    /// Goes through a tree.
    ///
    /// # Errors
    /// Everything that exFAT cannot hold, at once.
    pub fn of(options: &Options, tree: Option<&'t Tree>) -> Result<Self, Failure> {
        let entries = tree.map_or(&[][..], Tree::entries);
        let (first, children) = by_parent(entries, &tree.map(Tree::parents).unwrap_or_default());
        let used = vec![0; entries.len().max(1)];
        let mut survey = Self { entries, children, first, used, losses: Vec::new() };
        let mut problems = Vec::new();
        survey.used[0] = entries::of_volume(options) * entries::BYTES;
        for dir in (0..entries.len()).filter(|at| entries[*at].is_dir()) {
            survey.count(dir, &mut problems);
        }
        if !problems.is_empty() {
            return Err(problems.into());
        }
        survey.losses = loss::left_out("exfat", &FOREIGN, entries);
        let held = entries.iter().filter(|entry| is_held(entry));
        survey.losses.extend(loss::warnings("exfat", &LOSSES, held.clone()));
        survey.losses.extend(loss::warnings("exfat", &TIMES, held));
        Ok(survey)
    }

    /// What a directory holds, by index; what exFAT has none of is not there.
    pub fn children(&self, dir: usize) -> &[u32] {
        match self.first.get(dir..=dir + 1) {
            Some(&[from, to]) => &self.children[from as usize..to as usize],
            _ => &[],
        }
    }

    fn count(&mut self, dir: usize, problems: &mut Vec<Problem>) {
        let mut seen = BTreeMap::new();
        let mut bytes = self.used[dir];
        for child in self.children(dir) {
            let entry = &self.entries[*child as usize];
            match names::check(entry.name()) {
                Ok(text) => {
                    bytes += entries::of_name(text) * entries::BYTES;
                    if let Some(other) = seen.insert(upcase::fold(text), *child) {
                        problems.push(clash(&self.entries[other as usize], entry));
                    }
                }
                Err(why) => {
                    let message = format!("exfat cannot hold the name of {}: {why}", entry.path);
                    problems.push(Problem::new("unsupported-name", message).help("give it another name"));
                }
            }
        }
        if bytes > MAX_DIRECTORY {
            let path = &self.entries[dir].path;
            let message = format!(
                "the directory {path} needs {bytes} bytes of entries, and exFAT has at most {MAX_DIRECTORY} in one"
            );
            let help = "spread its files over several directories, or give them shorter names";
            problems.push(Problem::new("directory-too-large", message).help(help));
        }
        self.used[dir] = bytes;
    }

    /// Bytes that an entry takes in clusters: a directory is never without one.
    fn bytes(&self, at: usize) -> u64 {
        match self.entries.get(at).map(|entry| &entry.node) {
            Some(Node::File { content, .. }) => content.len(),
            Some(Node::Dir) | None => self.used[at].max(1),
            Some(_) => 0,
        }
    }

    /// Clusters that an entry takes.
    pub fn clusters_of(&self, at: usize, geometry: &Geometry) -> u64 {
        geometry.clusters_of(self.bytes(at))
    }

    /// Clusters of so many bytes that everything but the bitmap takes.
    pub fn clusters(&self, cluster: u64) -> u64 {
        let tree = (0..self.used.len()).map(|at| self.bytes(at).div_ceil(cluster));
        tree.fold((upcase::table().len() as u64).div_ceil(cluster), u64::saturating_add)
    }

    /// Warnings about what exFAT leaves out: one for each kind of thing.
    pub fn into_losses(self) -> Vec<Problem> {
        self.losses
    }
}

fn clash(one: &Entry, other: &Entry) -> Problem {
    let message = format!("{} and {} are the same name to exFAT, which ignores case", one.path, other.path);
    Problem::new("name-clash", message).help("rename one of them")
}

/// What exFAT leaves out of times, which have steps of 10 ms.
static TIMES: [Loss; 2] = [
    Loss {
        code: "time-precision",
        what: "a part of a second that is finer than 10 ms",
        lost: |entry| !entry.meta.mtime_nanos.is_multiple_of(10_000_000) && !time::clamps(entry.meta.mtime),
    },
    CLAMPED,
];
