//! Goes through a tree once: what FAT cannot hold, what it loses, and how many entries each directory takes.

use std::collections::BTreeMap;

use imgc_image::{Entry, Failure, Node, Problem, Tree};

use super::{
    geometry::{Geometry, Width},
    names, time,
};
use crate::loss::{self, DEVICES, Foreign, Loss, SOCKETS, SYMLINKS};

/// The most bytes in a file: its length has 32 bits (FAT 1.03, section 6).
const MAX_FILE: u64 = 0xffff_ffff;

/// The most entries in a directory: 2 MiB of them (FAT 1.03, section 6, as Linux and Windows enforce it).
const MAX_SLOTS: u32 = 65_536;

/// The sizes of clusters for which demand is counted: 512 bytes (2^9) to 64 KiB (2^16).
const SHIFTS: std::ops::RangeInclusive<u32> = 9..=16;

/// A tree that FAT can hold.
pub struct Survey<'t> {
    /// The entries; just a root when there is no tree.
    pub entries: &'t [Entry],
    /// For each entry, its directory.
    pub parents: Vec<u32>,
    /// Entries by directory, each directory's in the tree's order.
    children: Vec<u32>,
    /// For each entry, where its children start in `children`; one more at the end.
    first: Vec<u32>,
    /// For each directory, how many entries of 32 bytes it takes.
    slots: Vec<u32>,
    /// Clusters without the root directory, by size.
    demand: [u64; 8],
    losses: Vec<Problem>,
}

impl<'t> Survey<'t> {
    /// Goes through a tree.
    ///
    /// # Errors
    /// Everything that FAT cannot hold, at once.
    pub fn of(tree: Option<&'t Tree>, label: bool) -> Result<Self, Failure> {
        let entries = tree.map_or(&[][..], Tree::entries);
        let parents = tree.map(Tree::parents).unwrap_or_default();
        let (first, children) = by_parent(entries, &parents);
        let slots = vec![0; entries.len()];
        let mut survey =
            Self { entries, parents, children, first, slots, demand: [0; 8], losses: Vec::new() };
        let mut problems: Vec<Problem> = entries.iter().filter_map(refusal).collect();
        for dir in (0..entries.len()).filter(|at| entries[*at].is_dir()) {
            survey.count_slots(dir, label, &mut problems);
        }
        if !problems.is_empty() {
            return Err(problems.into());
        }
        survey.count_clusters();
        survey.losses = loss::left_out("vfat", &FOREIGN, entries);
        let held = entries.iter().filter(|entry| is_held(entry));
        survey.losses.extend(loss::warnings("vfat", &LOSSES, held.clone()));
        survey.losses.extend(loss::warnings("vfat", &TIMES, held));
        Ok(survey)
    }

    /// What a directory holds, by index; what FAT has none of is not there.
    pub fn children(&self, dir: usize) -> &[u32] {
        match self.first.get(dir..=dir + 1) {
            Some(&[from, to]) => &self.children[from as usize..to as usize],
            _ => &[],
        }
    }

    fn count_slots(&mut self, dir: usize, label: bool, problems: &mut Vec<Problem>) {
        // A directory starts with `.` and `..`; the root has the label.
        let mut slots = if dir == 0 { u32::from(label) } else { 2 };
        let mut seen = BTreeMap::new();
        for child in self.children(dir) {
            let entry = &self.entries[*child as usize];
            match names::check(entry.name()) {
                Ok(text) => {
                    slots = slots.saturating_add(names::slots(text));
                    if let Some(other) = seen.insert(names::fold(text), *child) {
                        problems.push(clash(&self.entries[other as usize], entry));
                    }
                }
                Err(why) => problems.push(
                    Problem::new(
                        "unsupported-name",
                        format!("vfat cannot hold the name of {}: {why}", entry.path),
                    )
                    .help("give it another name"),
                ),
            }
        }
        if slots > MAX_SLOTS {
            let path = &self.entries[dir].path;
            let message =
                format!("the directory {path} needs {slots} entries, and FAT has at most {MAX_SLOTS} in one");
            let help = "spread its files over several directories, or give them shorter names";
            problems.push(Problem::new("directory-too-large", message).help(help));
        }
        self.slots[dir] = slots;
    }

    fn count_clusters(&mut self) {
        for (at, entry) in self.entries.iter().enumerate().skip(1) {
            let bytes = self.bytes(at, entry);
            for (sum, shift) in self.demand.iter_mut().zip(SHIFTS) {
                *sum += bytes.div_ceil(1 << shift);
            }
        }
    }

    /// Bytes that an entry takes in clusters.
    fn bytes(&self, at: usize, entry: &Entry) -> u64 {
        match &entry.node {
            Node::File { content, .. } => content.len(),
            Node::Dir => u64::from(self.slots[at]) * 32,
            _ => 0,
        }
    }

    /// Clusters that an entry takes.
    pub fn clusters_of(&self, at: usize, geometry: &Geometry) -> u64 {
        if at == 0 {
            return match geometry.width {
                Width::Fat32 => geometry.clusters_of(u64::from(self.root_slots()) * 32).max(1),
                _ => 0,
            };
        }
        geometry.clusters_of(self.bytes(at, &self.entries[at]))
    }

    /// Clusters that the whole tree takes.
    pub fn clusters(&self, geometry: &Geometry) -> u64 {
        let shift = geometry.cluster_bytes().trailing_zeros().clamp(*SHIFTS.start(), *SHIFTS.end());
        self.demand[(shift - SHIFTS.start()) as usize] + self.clusters_of(0, geometry)
    }

    /// Entries in the root directory.
    pub fn root_slots(&self) -> u32 {
        self.slots.first().copied().unwrap_or(1)
    }

    /// Warnings about what FAT leaves out: one for each kind of thing.
    pub fn into_losses(self) -> Vec<Problem> {
        self.losses
    }
}

/// Whether FAT and exFAT have such entries at all: files and directories.
pub fn is_held(entry: &Entry) -> bool {
    matches!(entry.node, Node::Dir | Node::File { .. })
}

/// Files and directories sorted by their parents (the root left out), and where each parent's start.
pub fn by_parent(entries: &[Entry], parents: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let held = || {
        let all = parents.iter().enumerate().skip(1);
        all.filter(|(at, _)| is_held(&entries[*at]))
    };
    let mut first = vec![0; parents.len() + 1];
    for (_, parent) in held() {
        first[*parent as usize + 1] += 1;
    }
    for at in 1..first.len() {
        first[at] += first[at - 1];
    }
    let mut next = first.clone();
    let mut children = vec![0; first.last().map_or(0, |all| *all as usize)];
    for (at, parent) in held() {
        let slot = &mut next[*parent as usize];
        children[*slot as usize] = u32::try_from(at).expect("because a tree has fewer than 2^32 entries");
        *slot += 1;
    }
    (first, children)
}

/// Why FAT cannot hold a file, whatever its name.
fn refusal(entry: &Entry) -> Option<Problem> {
    match &entry.node {
        Node::File { content, .. } if content.len() > MAX_FILE => {
            let message = format!(
                "the file {} has {} bytes, and FAT holds files below 4 GiB",
                entry.path,
                content.len()
            );
            Some(Problem::new("file-too-large", message).help("split it, or use another filesystem"))
        }
        _ => None,
    }
}

fn clash(one: &Entry, other: &Entry) -> Problem {
    let message = format!("{} and {} are the same name to FAT, which ignores case", one.path, other.path);
    Problem::new("name-clash", message).help("rename one of them")
}

/// What FAT leaves out as a whole: it has only files and directories.
pub static FOREIGN: [Foreign; 3] = [SYMLINKS, DEVICES, SOCKETS];

/// What FAT leaves out and is not what it would show anyway: 0:0, 0755 for directories, 0644 or 0755 for files.
pub static LOSSES: [Loss; 4] = [
    Loss {
        code: "owners-dropped",
        what: "an owner other than 0:0",
        lost: |entry| (entry.meta.uid, entry.meta.gid) != (0, 0),
    },
    Loss {
        code: "modes-dropped",
        what: "a mode that is not the usual one",
        lost: |entry| entry.meta.mode != 0o755 && (entry.is_dir() || entry.meta.mode != 0o644),
    },
    Loss { code: "xattrs-dropped", what: "extended attributes", lost: |entry| !entry.xattrs.is_empty() },
    Loss {
        code: "links-dropped",
        what: "other names (hard links), which become copies",
        lost: |entry| entry.link.is_some(),
    },
];

/// What FAT leaves out of times. It has steps of two seconds: that odd seconds are cut is said where the kind is described, as
/// a warning would come with every second `SOURCE_DATE_EPOCH`.
static TIMES: [Loss; 2] = [
    Loss {
        code: "time-precision",
        what: "a part of a second in the time",
        lost: |entry| entry.meta.mtime_nanos != 0 && !time::clamps(entry.meta.mtime),
    },
    CLAMPED,
];

/// What FAT and exFAT leave out of times.
pub const CLAMPED: Loss = Loss {
    code: "times-clamped",
    what: "a time outside 1980 to 2107, which becomes the nearest",
    // 0 and 1 are what reproducible builds give where there is no time.
    lost: |entry| time::clamps(entry.meta.mtime) && !(0..=1).contains(&entry.meta.mtime),
};
