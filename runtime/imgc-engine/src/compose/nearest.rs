//! "Did you mean": the nearest path to one that is not there.

use imgc_image::Tree;
use imgc_plan::tree::BytePath;

use super::work::{ROOT, Work, names};

/// How many names are compared; more would take longer than the help is worth.
const COMPARED: usize = 10_000;

/// The nearest path in a tree.
pub fn in_tree(tree: &Tree, path: &[u8]) -> Option<BytePath> {
    let mut dir = Vec::new();
    for name in names(path) {
        let next = join(&dir, name);
        if tree.find(&next).is_none() {
            let at = tree.find(&dir)?;
            let below = tree.entries()[at + 1..].iter().filter(|entry| entry.parent() == Some(&dir));
            let near = best(name, below.take(COMPARED).map(imgc_image::Entry::name));
            // Elsewhere in the tree under the same name is the next best guess.
            let last = names(path).last()?;
            return near.map(|near| BytePath(join(&dir, near))).or_else(|| {
                tree.entries().iter().find(|entry| entry.name() == last).map(|entry| entry.path.clone())
            });
        }
        dir = next;
    }
    None
}

/// The nearest path in a tree in the making.
pub fn in_work(work: &Work<'_>, path: &[u8]) -> Option<BytePath> {
    let (mut dir, mut id) = (Vec::new(), ROOT);
    for name in names(path) {
        match work.child(id, name) {
            Some(next) => id = next,
            None => return best(name, work.names(id).take(COMPARED)).map(|near| BytePath(join(&dir, near))),
        }
        dir = join(&dir, name);
    }
    None
}

fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    if dir.is_empty() { name.to_vec() } else { [dir, b"/", name].concat() }
}

/// The name with the fewest edits, if they are few for its length.
fn best<'a>(wanted: &[u8], names: impl Iterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
    let most = wanted.len().div_ceil(3).max(1);
    names
        .filter(|name| name.len().abs_diff(wanted.len()) <= most)
        .map(|name| (distance(wanted, name), name))
        .filter(|(edits, _)| *edits <= most)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, name)| name)
}

/// How many bytes must be put in, taken out or changed (Levenshtein 1965).
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = corner + usize::from(x != y);
            corner = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}
