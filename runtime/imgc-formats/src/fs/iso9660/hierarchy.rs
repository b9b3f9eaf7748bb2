//! Hierarchies: the directories of the plain names, or those of Joliet, in the order of the path table.

use std::collections::VecDeque;

use imgc_image::Node;

use super::{
    contents::SECTOR,
    names::{self, Rules},
    survey::{MAX_LEVEL, Survey},
};

/// The directory that holds those which were too deep.
pub const MOVED: &[u8] = b"rr_moved";

/// The directories of one hierarchy.
pub struct Hierarchy {
    /// Directories by level, then by the directory that holds them, then by identifier (ECMA-119, 6.9.1); the root first.
    pub dirs: Vec<Dir>,
    /// Whether names are UCS-2.
    pub joliet: bool,
}

/// A directory of a hierarchy.
pub struct Dir {
    /// Its entry in the tree; `None` for [`MOVED`].
    pub entry: Option<usize>,
    /// The directory that holds it, by index.
    pub parent: usize,
    /// The directory where it belongs, when it was moved.
    pub home: Option<usize>,
    /// Its identifier.
    pub id: Box<[u8]>,
    /// What it holds, in the order of the identifiers.
    pub children: Vec<Child>,
    /// The sector at which it starts.
    pub sector: u64,
    /// Its own sectors.
    pub sectors: u64,
    /// Sectors after its own in which fields of its records continue.
    pub more: u64,
}

/// What a directory holds.
pub struct Child {
    /// The identifier.
    pub id: Box<[u8]>,
    /// What it is.
    pub what: What,
}

/// What a child is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A directory, by index.
    Dir(usize),
    /// Anything else, by entry.
    Leaf(usize),
    /// In place of a directory that was moved, by index.
    Moved(usize),
}

impl Dir {
    fn new(entry: Option<usize>, parent: usize, home: Option<usize>) -> Self {
        let (id, children) = (Box::default(), Vec::new());
        Self { entry, parent, home, id, children, sector: 0, sectors: 0, more: 0 }
    }

    /// The identifier of a file in it, by entry.
    pub fn file(&self, entry: usize) -> Option<&[u8]> {
        self.children.iter().find(|child| child.what == What::Leaf(entry)).map(|child| &*child.id)
    }

    /// Its own length in bytes.
    pub fn len(&self) -> u64 {
        self.sectors * SECTOR
    }
}

impl Hierarchy {
    /// The hierarchy of plain names. With `relocate`, directories below the eighth level move to [`MOVED`].
    pub fn plain(survey: &Survey<'_>, rules: Rules, relocate: bool) -> Self {
        let mut hierarchy = Self { dirs: draft(survey, relocate, false), joliet: false };
        hierarchy.finish(survey, rules);
        hierarchy
    }

    /// The hierarchy of Joliet, which has files and directories only.
    pub fn joliet(survey: &Survey<'_>, rules: Rules) -> Self {
        let mut hierarchy = Self { dirs: draft(survey, false, true), joliet: true };
        hierarchy.finish(survey, rules);
        hierarchy
    }

    fn finish(&mut self, survey: &Survey<'_>, rules: Rules) {
        for at in 0..self.dirs.len() {
            let names: Vec<(&[u8], bool)> =
                self.dirs[at].children.iter().map(|child| self.name(survey, child.what)).collect();
            let ids = rules.assign(&names);
            let children = &mut self.dirs[at].children;
            children.iter_mut().zip(ids).for_each(|(child, id)| child.id = id);
            children.sort_by_cached_key(|child| names::order(&child.id, self.joliet));
        }
        self.dirs[0].id = Box::new([0]);
        self.number();
    }

    /// A child's name, and whether it is recorded as a directory.
    fn name<'t>(&self, survey: &Survey<'t>, what: What) -> (&'t [u8], bool) {
        let of = |entry: Option<usize>| entry.map_or(MOVED, |entry| survey.entries[entry].name());
        match what {
            What::Dir(dir) => (of(self.dirs[dir].entry), true),
            What::Leaf(entry) => (of(Some(entry)), false),
            What::Moved(dir) => (of(self.dirs[dir].entry), false),
        }
    }

    /// Brings the directories into the order of the path table.
    fn number(&mut self) {
        let mut number = vec![0; self.dirs.len()];
        let mut order = Vec::with_capacity(self.dirs.len());
        let mut queue = VecDeque::from([0]);
        while let Some(at) = queue.pop_front() {
            number[at] = order.len();
            order.push(at);
            for child in &self.dirs[at].children {
                queue.extend(match child.what {
                    What::Dir(dir) => Some(dir),
                    _ => None,
                });
            }
        }
        let mut dirs: Vec<Option<Dir>> = std::mem::take(&mut self.dirs).into_iter().map(Some).collect();
        for at in order {
            let mut dir = dirs[at].take().expect("because each directory is in one other");
            dir.parent = number[dir.parent];
            dir.home = dir.home.map(|home| number[home]);
            for child in &mut dir.children {
                match &mut child.what {
                    What::Dir(dir) | What::Moved(dir) => *dir = number[*dir],
                    What::Leaf(_) => {}
                }
            }
            self.dirs.push(dir);
        }
        for at in 1..self.dirs.len() {
            let ids: Vec<(usize, Box<[u8]>)> = self.dirs[at - 1]
                .children
                .iter()
                .filter_map(|child| match child.what {
                    What::Dir(dir) => Some((dir, child.id.clone())),
                    _ => None,
                })
                .collect();
            ids.into_iter().for_each(|(dir, id)| self.dirs[dir].id = id);
        }
    }

    /// Gives every directory its place from this sector on, and says which is the next after them.
    pub fn place(&mut self, from: u64) -> u64 {
        self.dirs.iter_mut().fold(from, |next, dir| {
            dir.sector = next;
            next + dir.sectors + dir.more
        })
    }
}

fn hold(dirs: &mut [Dir], dir: usize, what: What) {
    dirs[dir].children.push(Child { id: Box::default(), what });
}

/// Directories and what they hold, in the order of the tree, without identifiers.
fn draft(survey: &Survey<'_>, relocate: bool, joliet: bool) -> Vec<Dir> {
    let mut dirs = vec![Dir::new(Some(0), 0, None)];
    let mut levels = vec![1];
    let mut dir_of = vec![0; survey.entries.len()];
    let mut moved = None;
    for (at, entry) in survey.entries.iter().enumerate().skip(1) {
        let above = dir_of[survey.parents[at] as usize];
        if !entry.is_dir() {
            if !joliet || matches!(entry.node, Node::File { .. }) {
                hold(&mut dirs, above, What::Leaf(at));
            }
            continue;
        }
        let (mut parent, mut home) = (above, None);
        if relocate && levels[above] == MAX_LEVEL {
            parent = *moved.get_or_insert_with(|| {
                let new = dirs.len();
                dirs.push(Dir::new(None, 0, None));
                levels.push(2);
                hold(&mut dirs, 0, What::Dir(new));
                new
            });
            home = Some(above);
        }
        let new = dirs.len();
        dirs.push(Dir::new(Some(at), parent, home));
        levels.push(levels[parent] + 1);
        dir_of[at] = new;
        hold(&mut dirs, parent, What::Dir(new));
        if home.is_some() {
            hold(&mut dirs, above, What::Moved(new));
        }
    }
    dirs
}
