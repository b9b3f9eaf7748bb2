//! Whether two trees that are laid over a third one put different things at the same path, such as two loaders at the place where firmware looks.

use std::collections::BTreeMap;

use imgc_image::{Entry, Failure, Node, Problem, Tree};

/// The most paths that are named; loaders have hundreds of modules.
const MOST: usize = 8;

/// Checks that a tree has nothing else at the paths of the others: directories merge, and equal files are one.
///
/// # Errors
/// Every path that is in both with something else.
pub fn check(tree: &Tree, others: &[&Tree], folds_case: bool) -> Result<(), Failure> {
    let key =
        |entry: &Entry| if folds_case { entry.path.0.to_ascii_lowercase() } else { entry.path.0.clone() };
    let mut taken: BTreeMap<Vec<u8>, &Entry> = BTreeMap::new();
    for entry in others.iter().flat_map(|other| other.entries()) {
        taken.insert(key(entry), entry);
    }
    let clash = |entry: &&Entry| taken.get(&key(entry)).is_some_and(|other| !same(&entry.node, &other.node));
    let clashes: Vec<Problem> = tree.entries().iter().filter(clash).take(MOST).map(problem).collect();
    if clashes.is_empty() { Ok(()) } else { Err(clashes.into()) }
}

fn problem(entry: &Entry) -> Problem {
    let message = format!("another loader puts something else at `{}` of the same partition", entry.path);
    Problem::new("loader-files-clash", message)
        .help("only one of them can be there: give one another partition, or another path by its options")
}

/// Attributes aside: what a loader reads is the content.
fn same(one: &Node, other: &Node) -> bool {
    match (one, other) {
        (Node::File { content: one, .. }, Node::File { content: other, .. }) => {
            one == other || one.to_bytes() == other.to_bytes()
        }
        (one, other) => one == other,
    }
}

#[cfg(test)]
mod tests {
    use imgc_image::{Bytes, Content, Meta, TreeBuilder};
    use imgc_plan::tree::BytePath;

    use super::*;

    fn tree(files: &[(&str, u64)]) -> Tree {
        let mut builder = TreeBuilder::new();
        for (path, len) in files {
            builder.push(Entry {
                path: BytePath(path.as_bytes().to_vec()),
                meta: Meta::new(0o644, 0),
                xattrs: Box::default(),
                link: None,
                node: Node::File { content: Content::from(Bytes::zeros(*len)), dense: false },
            });
        }
        builder.finish(0).expect("a tree")
    }

    #[test]
    fn only_other_contents_at_the_same_path_clash() {
        let first = tree(&[("EFI/BOOT/BOOTX64.EFI", 10), ("loader/a", 1)]);
        assert!(check(&tree(&[("EFI/BOOT/BOOTX64.EFI", 10), ("EFI/b", 1)]), &[&first], true).is_ok());
        let other = tree(&[("efi/boot/bootx64.efi", 11), ("loader", 1)]);
        let found = check(&other, &[&first], true).expect_err("they clash").to_string();
        assert!(found.contains("`/efi/boot/bootx64.efi`") && found.contains("`/loader`"), "{found}");
        assert!(check(&tree(&[("efi/boot/bootx64.efi", 11)]), &[&first], false).is_ok());
    }
}
