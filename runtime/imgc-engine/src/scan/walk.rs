//! Walks a directory: every name once, nothing opened but directories, symbolic links never followed.

use std::{collections::BTreeSet, fs, io, path::Path, sync::Mutex};

use imgc_image::{Failure, Problem, tree::compare_paths};
use imgc_plan::step::Scan;
use rayon::prelude::*;

use super::unreadable;
use crate::{
    glob::PathGlob,
    os::{self, FileKind, Folder, Status},
};

/// A name that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its path below the root.
    pub path: Box<[u8]>,
    /// What the system says of it.
    pub status: Status,
    /// Where it points, for a symbolic link.
    pub target: Option<Box<[u8]>>,
}

impl Found {
    /// Whether its stamp says something about it: a directory's is about its names, which are seen anyway.
    pub fn kind_has_stamp(&self) -> bool {
        self.status.kind != FileKind::Dir
    }
}

/// Above this many names a directory's names are looked at in parallel.
const MANY: usize = 4096;

/// How many directories are listed at a time.
const TOGETHER: usize = 64;

/// A directory that is still to be listed.
struct Open {
    path: Box<[u8]>,
    /// Whether all in it is asked for.
    inside: bool,
}

/// How many problems are told one by one.
const TOLD: usize = 20;

struct Walk<'a> {
    root: &'a Path,
    include: Vec<PathGlob>,
    exclude: Vec<PathGlob>,
    problems: Mutex<Vec<Problem>>,
}

/// Everything below a directory that a scan asks for, in canonical order.
///
/// # Errors
/// Everything that cannot be looked at, at once.
pub fn walk(scan: &Scan, root: &Path) -> Result<Vec<Found>, Failure> {
    let globs =
        |patterns: &[String]| patterns.iter().map(|text| PathGlob::new(text)).collect::<Result<Vec<_>, _>>();
    let wrong = |message: String| Failure::from(Problem::new("bad-pattern", message));
    let walk = Walk {
        root,
        include: globs(&scan.include).map_err(wrong)?,
        exclude: globs(&scan.exclude).map_err(wrong)?,
        problems: Mutex::default(),
    };
    let found = walk.all(walk.include.is_empty() || walk.is_included(b""));
    let problems = walk.problems.into_inner().expect("because no holder of the lock panics");
    if problems.is_empty() { Ok(found) } else { Err(limit(problems).into()) }
}

/// Sorts problems and counts those that are too many to tell.
pub fn limit(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by(|a, b| a.message.cmp(&b.message));
    if problems.len() > TOLD {
        let more = problems.len() - TOLD;
        let code = problems[0].code;
        problems.truncate(TOLD);
        problems.push(Problem::new(code, format!("and {more} more")));
    }
    problems
}

impl Walk<'_> {
    fn is_included(&self, path: &[u8]) -> bool {
        self.include.iter().any(|glob| glob.matches(path))
    }

    fn complain(&self, path: &[u8], error: &io::Error) {
        let path = os::path(path).map_or_else(|_| self.root.to_owned(), |path| self.root.join(path));
        let problem = unreadable(&path, error, "source-unreadable");
        self.problems.lock().expect("because no holder of the lock panics").push(problem);
    }

    /// Everything below the root, in canonical order.
    ///
    /// Some directories are listed at a time and their lists joined at once, so that never more than a few lists are held beside the
    /// whole: lists of all directories would leave holes in the memory, as large as the whole, that nothing large fits into.
    fn all(&self, inside: bool) -> Vec<Found> {
        let mut found = Vec::new();
        // Directories that are not listed yet, the next one last.
        let mut open = vec![Open { path: Box::default(), inside }];
        while !open.is_empty() {
            let batch = open.split_off(open.len().saturating_sub(TOGETHER));
            let lists: Vec<Vec<(Found, Descent)>> =
                batch.par_iter().rev().map(|dir| self.directory(&dir.path, dir.inside)).collect();
            drop(batch);
            let first = open.len();
            for (entry, descent) in lists.into_iter().flatten() {
                if descent != Descent::No {
                    open.push(Open { path: entry.path.clone(), inside: descent == Descent::Whole });
                }
                if descent != Descent::Through {
                    found.push(entry);
                }
            }
            open[first..].reverse();
        }
        // Mostly sorted runs one after another, which a stable sort joins.
        found.sort_by(|a, b| compare_paths(&a.path, &b.path));
        found
    }

    /// What is in a directory. `inside`: everything is asked for, not only what the patterns say.
    fn directory(&self, dir: &[u8], inside: bool) -> Vec<(Found, Descent)> {
        let mut names = match self.names(dir, inside) {
            Ok(names) => names,
            Err(error) => {
                self.complain(dir, &error);
                return Vec::new();
            }
        };
        names.sort_unstable();
        let root = || self.root.to_owned();
        let folder = Folder::new(os::path(dir).map_or_else(|_| root(), |dir| self.root.join(dir)));
        let look = |name: &Vec<u8>| self.look(&folder, dir, name, inside);
        if names.len() > MANY {
            return names.par_iter().filter_map(look).collect();
        }
        let mut seen = Vec::with_capacity(names.len());
        seen.extend(names.iter().filter_map(look));
        seen
    }

    /// The names in a directory that can matter.
    fn names(&self, dir: &[u8], inside: bool) -> io::Result<Vec<Vec<u8>>> {
        if !inside {
            let live = || self.include.iter().filter(|glob| glob.can_match_below(dir));
            let only: Option<BTreeSet<&[u8]>> = live().map(|glob| glob.only_name(dir)).collect();
            if let Some(only) = only {
                return Ok(only.into_iter().map(<[u8]>::to_vec).collect());
            }
        }
        let path = self.root.join(os::path(dir)?);
        fs::read_dir(path)?.map(|entry| Ok(os::bytes(&entry?.file_name()).into_owned())).collect()
    }

    /// Looks at one name; `None` when it is not asked for or not there.
    fn look(&self, folder: &Folder, dir: &[u8], name: &[u8], inside: bool) -> Option<(Found, Descent)> {
        let path = if dir.is_empty() { name.to_vec() } else { [dir, b"/", name].concat() };
        if self.exclude.iter().any(|glob| glob.matches(&path)) {
            return None;
        }
        let asked = inside || self.is_included(&path);
        if !asked && !self.include.iter().any(|glob| glob.can_match_below(&path)) {
            return None;
        }
        let status = match folder.status(name) {
            Ok(status) => status,
            // A name that a pattern spells out need not be there; one that was just listed must.
            Err(error) if !inside && error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                self.complain(&path, &error);
                return None;
            }
        };
        let descent = match (status.kind, asked) {
            (FileKind::Dir, true) => Descent::Whole,
            (FileKind::Dir, false) => Descent::Through,
            (_, true) => Descent::No,
            (_, false) => return None,
        };
        let target = match status.kind {
            FileKind::Symlink => {
                match os::path(name).and_then(|name| fs::read_link(folder.path().join(name))) {
                    Ok(target) => Some(os::bytes(target.as_os_str()).as_ref().into()),
                    Err(error) => {
                        self.complain(&path, &error);
                        None
                    }
                }
            }
            _ => None,
        };
        Some((Found { path: path.into(), status, target }, descent))
    }
}

/// Whether what is below a name is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Descent {
    /// It is no directory.
    No,
    /// All of it.
    Whole,
    /// Only what patterns ask for; the directory itself is not asked for.
    Through,
}
