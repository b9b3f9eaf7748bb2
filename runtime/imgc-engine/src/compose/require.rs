//! Whether files are there that something else names, such as a boot menu.

use imgc_image::{Failure, Node, Problem};
use imgc_plan::tree::BytePath;

use super::{
    nearest,
    work::{NodeId, ROOT, Work, describe, names},
};

/// How many symbolic links are followed on the way to one file, as Linux does (path_resolution(7)).
const LINKS: usize = 40;

/// Checks that each path leads to a regular file, through symbolic links that stay in the tree.
///
/// # Errors
/// Every one that does not, with the nearest name that is there.
pub fn check(work: &Work, paths: &[String], folds_case: bool) -> Result<(), Failure> {
    let problems: Vec<Problem> =
        paths.iter().filter_map(|path| one(work, path.as_bytes(), folds_case)).collect();
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
    let message = format!("`{shown}`, which a loader reads, is a {}, not a file", describe(node));
    (!matches!(node, Node::File { .. })).then(|| Problem::new("boot-file-missing", message))
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
