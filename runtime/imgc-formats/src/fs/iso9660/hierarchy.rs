//! Hierarchies: the directories of the plain names, or those of Joliet, in the order of the path table.

use std::{borrow::Cow, collections::VecDeque};

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
    /// What names may be.
    rules: Rules,
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
    /// Identifiers of children that are not what [`Rules::plainly`] makes of their names, each after its length.
    ids: Vec<u8>,
    /// The sector at which it starts.
    pub sector: u64,
    /// Its own sectors.
    pub sectors: u64,
    /// Sectors after its own in which fields of its records continue.
    pub more: u64,
}

/// What a directory holds. There is one for each name, so it is small: its identifier follows from the name, unless it is kept.
#[derive(Clone, Copy, Debug)]
pub struct Child {
    /// What it is.
    pub what: What,
    /// Where in [`Dir::ids`] its identifier is, from 1 on; 0: it is not kept.
    kept: u32,
}

/// What a child is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A directory, by index.
    Dir(u32),
    /// Anything else, by entry.
    Leaf(u32),
    /// In place of a directory that was moved, by index.
    Moved(u32),
}

impl Dir {
    fn new(entry: Option<usize>, parent: usize, home: Option<usize>) -> Self {
        let (id, children, ids) = (Box::default(), Vec::new(), Vec::new());
        Self { entry, parent, home, id, children, ids, sector: 0, sectors: 0, more: 0 }
    }

    /// Keeps an identifier; gives where it is.
    fn keep(&mut self, id: &[u8]) -> u32 {
        let at =
            u32::try_from(self.ids.len() + 1).expect("because the names of a directory have less than 4 GiB");
        self.ids.push(u8::try_from(id.len()).expect("because identifiers are shorter than records"));
        self.ids.extend_from_slice(id);
        at
    }

    /// Its own length in bytes.
    pub fn len(&self) -> u64 {
        self.sectors * SECTOR
    }
}

impl Hierarchy {
    /// The hierarchy of plain names. With `relocate`, directories below the eighth level move to [`MOVED`].
    pub fn plain(survey: &Survey<'_>, rules: Rules, relocate: bool) -> Self {
        let mut hierarchy = Self { dirs: draft(survey, relocate, false), joliet: false, rules };
        hierarchy.finish(survey);
        hierarchy
    }

    /// The hierarchy of Joliet, which has files and directories only.
    pub fn joliet(survey: &Survey<'_>, rules: Rules) -> Self {
        let mut hierarchy = Self { dirs: draft(survey, false, true), joliet: true, rules };
        hierarchy.finish(survey);
        hierarchy
    }

    fn finish(&mut self, survey: &Survey<'_>) {
        for at in 0..self.dirs.len() {
            let names: Vec<(&[u8], bool)> =
                self.dirs[at].children.iter().map(|child| self.name(survey, child.what)).collect();
            let ids = self.rules.assign(&names);
            let plain: Vec<bool> = names
                .iter()
                .zip(&ids)
                .map(|((name, directory), id)| self.rules.plainly(name, *directory) == **id)
                .collect();
            let mut order: Vec<usize> = (0..ids.len()).collect();
            order.sort_by_cached_key(|child| names::order(&ids[*child], self.joliet));
            let dir = &mut self.dirs[at];
            let drafted = std::mem::take(&mut dir.children);
            dir.children.reserve_exact(drafted.len());
            for child in order {
                let kept = if plain[child] { 0 } else { dir.keep(&ids[child]) };
                dir.children.push(Child { kept, ..drafted[child] });
            }
            dir.ids.shrink_to_fit();
        }
        self.dirs[0].id = Box::new([0]);
        self.number(survey);
    }

    /// The identifier of a directory's child.
    pub fn id<'h>(&'h self, survey: &Survey<'_>, dir: &'h Dir, child: &Child) -> Cow<'h, [u8]> {
        match (child.kept as usize).checked_sub(1) {
            Some(at) => Cow::Borrowed(&dir.ids[at + 1..at + 1 + usize::from(dir.ids[at])]),
            None => {
                let (name, directory) = self.name(survey, child.what);
                Cow::Owned(self.rules.plainly(name, directory))
            }
        }
    }

    /// The identifier of a file in the root directory, by entry.
    pub fn root_file(&self, survey: &Survey<'_>, entry: usize) -> Option<Cow<'_, [u8]>> {
        let root = &self.dirs[0];
        let found = root.children.iter().find(|child| child.what == What::Leaf(index(entry)))?;
        Some(self.id(survey, root, found))
    }

    /// A child's name, and whether it is recorded as a directory.
    fn name<'t>(&self, survey: &Survey<'t>, what: What) -> (&'t [u8], bool) {
        let of = |entry: Option<usize>| entry.map_or(MOVED, |entry| survey.entries[entry].name());
        match what {
            What::Dir(dir) => (of(self.dirs[dir as usize].entry), true),
            What::Leaf(entry) => (of(Some(entry as usize)), false),
            What::Moved(dir) => (of(self.dirs[dir as usize].entry), false),
        }
    }

    /// Brings the directories into the order of the path table.
    fn number(&mut self, survey: &Survey<'_>) {
        let mut number = vec![0; self.dirs.len()];
        let mut order = Vec::with_capacity(self.dirs.len());
        let mut queue = VecDeque::from([0]);
        while let Some(at) = queue.pop_front() {
            number[at] = order.len();
            order.push(at);
            for child in &self.dirs[at].children {
                queue.extend(match child.what {
                    What::Dir(dir) => Some(dir as usize),
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
                    What::Dir(dir) | What::Moved(dir) => *dir = index(number[*dir as usize]),
                    What::Leaf(_) => {}
                }
            }
            self.dirs.push(dir);
        }
        for at in 1..self.dirs.len() {
            let above = &self.dirs[at - 1];
            let ids: Vec<(usize, Box<[u8]>)> = above
                .children
                .iter()
                .filter_map(|child| match child.what {
                    What::Dir(dir) => Some((dir as usize, self.id(survey, above, child).into())),
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

fn index(at: usize) -> u32 {
    u32::try_from(at).expect("because a tree has fewer than 2^32 entries")
}

fn hold(dirs: &mut [Dir], dir: usize, what: What) {
    dirs[dir].children.push(Child { what, kept: 0 });
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
                hold(&mut dirs, above, What::Leaf(index(at)));
            }
            continue;
        }
        let (mut parent, mut home) = (above, None);
        if relocate && levels[above] == MAX_LEVEL {
            parent = *moved.get_or_insert_with(|| {
                let new = dirs.len();
                dirs.push(Dir::new(None, 0, None));
                levels.push(2);
                hold(&mut dirs, 0, What::Dir(index(new)));
                new
            });
            home = Some(above);
        }
        let new = dirs.len();
        dirs.push(Dir::new(Some(at), parent, home));
        levels.push(levels[parent] + 1);
        dir_of[at] = new;
        hold(&mut dirs, parent, What::Dir(index(new)));
        if home.is_some() {
            hold(&mut dirs, above, What::Moved(index(new)));
        }
    }
    dirs
}
