//! Whether files are there that something else names, such as a boot menu, and are signed where they must be.

use imgc_formats::boot::application;
use imgc_image::{Failure, Node, Problem, Store};
use imgc_plan::tree::BytePath;

use super::{
    nearest,
    work::{NodeId, ROOT, Work, describe, names},
};

/// How many symbolic links are followed on the way to one file, as Linux does (path_resolution(7)).
const LINKS: usize = 40;

/// Checks that each path leads to a regular file, through symbolic links that stay in the tree. Filesystems that fold case (the FAT
/// family) have no links: there one on the way is an error.
///
/// # Errors
/// Every one that does not, with the nearest name that is there.
pub fn check(work: &Work, paths: &[String], folds_case: bool) -> Result<(), Failure> {
    let problems: Vec<Problem> =
        paths.iter().filter_map(|path| one(work, path.as_bytes(), folds_case)).collect();
    if problems.is_empty() { Ok(()) } else { Err(problems.into()) }
}

/// Checks that each path leads to an EFI application with a signature. What is no file is [`check`]'s to complain of.
///
/// # Errors
/// Every one that does not, or that a content cannot be read.
pub fn signed(work: &Work, paths: &[String], folds_case: bool, store: &dyn Store) -> Result<(), Failure> {
    let mut problems = Vec::new();
    for path in paths {
        let Some(id) = follow(work, path.as_bytes(), folds_case) else { continue };
        let Node::File { content, .. } = &work.item(id).node else { continue };
        match application::check_signed(path, content, store) {
            Err(Failure::Problems(found)) => problems.extend(found),
            other => other?,
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.into()) }
}

fn one(work: &Work, path: &[u8], folds_case: bool) -> Option<Problem> {
    let shown = BytePath(path.strip_prefix(b"/").unwrap_or(path).to_vec());
    let Some(id) = follow(work, path, folds_case) else {
        let message = format!("there is no `{shown}` in the partition where its loader looks");
        let problem = Problem::new("boot-file-missing", message);
        return Some(match nearest::in_work(work, &shown.0) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem.help("paths that a menu or a loader names lie in the partition of the loader"),
        });
    };
    let node = &work.item(id).node;
    let message = format!("`{shown}`, which a loader reads, is {}, not a file", describe(node));
    let problem = Problem::new("boot-file-missing", message);
    match node {
        Node::File { .. } => None,
        Node::Symlink(_) => {
            Some(problem.help("its filesystem has no links: name the file, or put it in place of the link"))
        }
        _ => Some(problem),
    }
}

/// The entry at a path, with links followed; `..` above the root stays there.
fn follow(work: &Work, path: &[u8], folds_case: bool) -> Option<NodeId> {
    // What is left of the path, its next name last.
    let mut left: Vec<Vec<u8>> = Vec::new();
    push(&mut left, path);
    let (mut way, mut links) = (vec![ROOT], 0);
    while let Some(name) = left.pop() {
        let here = *way.last()?;
        match name.as_slice() {
            b"." => continue,
            b".." => {
                way.truncate((way.len() - 1).max(1));
                continue;
            }
            _ => {}
        }
        let next = child(work, here, &name, folds_case)?;
        if let Node::Symlink(target) = &work.item(next).node {
            if folds_case {
                return Some(next);
            }
            links += 1;
            if links > LINKS {
                return None;
            }
            if target.first() == Some(&b'/') {
                way.truncate(1);
            }
            push(&mut left, target);
        } else {
            way.push(next);
        }
    }
    way.last().copied()
}

fn push(left: &mut Vec<Vec<u8>>, path: &[u8]) {
    let from = left.len();
    left.extend(names(path).map(<[u8]>::to_vec));
    left[from..].reverse();
}

fn child(work: &Work, dir: NodeId, name: &[u8], folds_case: bool) -> Option<NodeId> {
    work.child(dir, name).or_else(|| {
        let same = work.names(dir).find(|other| folds_case && other.eq_ignore_ascii_case(name))?;
        work.child(dir, same)
    })
}
