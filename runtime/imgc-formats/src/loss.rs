//! Warnings about what a format cannot hold and leaves out: one for each kind of thing, with a count and the first path.

use imgc_image::{Entry, Node, Problem};
use imgc_plan::tree::BytePath;

/// A kind of thing that a format leaves out.
pub struct Loss {
    /// The problem's code, such as `owners-dropped`.
    pub code: &'static str,
    /// What entries have that is lost, as the end of a sentence.
    pub what: &'static str,
    /// Whether an entry has it.
    pub lost: fn(&Entry) -> bool,
}

/// A kind of entry that a format does not have.
pub struct Foreign {
    /// The problem's code, such as `symlinks-dropped`.
    pub code: &'static str,
    /// What the entries are, in the plural.
    pub what: &'static str,
    /// Whether an entry is one.
    pub is: fn(&Node) -> bool,
    /// What mends it.
    pub help: &'static str,
}

/// Symbolic links, for formats without.
pub const SYMLINKS: Foreign = Foreign {
    code: "symlinks-dropped",
    what: "symbolic links",
    is: |node| matches!(node, Node::Symlink(_)),
    help: "put what it points at in its place, leave it out of the tree, or use another filesystem",
};

/// Devices and pipes, for formats without.
pub const DEVICES: Foreign = Foreign {
    code: "devices-dropped",
    what: "devices and named pipes",
    is: |node| matches!(node, Node::Char { .. } | Node::Block { .. } | Node::Fifo),
    help: "leave it out of the tree, or use another filesystem",
};

/// Sockets, for formats without.
pub const SOCKETS: Foreign = Foreign {
    code: "sockets-dropped",
    what: "sockets",
    is: |node| matches!(node, Node::Socket),
    help: "leave it out of the tree",
};

/// Finds the entries that are left out as a whole in a format of this name.
pub fn left_out(format: &str, foreign: &[Foreign], entries: &[Entry]) -> Vec<Problem> {
    let warning = |Foreign { code, what, is, help }: &Foreign| {
        let mut hit = entries.iter().filter(|entry| is(&entry.node));
        let first = &hit.next()?.path;
        let message = match 1 + hit.count() {
            1 => format!("{format} has no {what}: {first} is left out"),
            count => format!("{format} has no {what}: {count} are left out; the first is {first}"),
        };
        Some(Problem { warning: true, ..Problem::new(code, message).help(*help) })
    };
    foreign.iter().filter_map(warning).collect()
}

/// Finds what is lost of these entries in a format of this name.
pub fn warnings<'e>(
    format: &str,
    losses: &[Loss],
    entries: impl IntoIterator<Item = &'e Entry>,
) -> Vec<Problem> {
    // For each loss, how many entries have it, and the first.
    let mut found = vec![(0, None); losses.len()];
    for entry in entries {
        for ((count, first), _) in found.iter_mut().zip(losses).filter(|(_, loss)| (loss.lost)(entry)) {
            *count += 1;
            first.get_or_insert(&entry.path);
        }
    }
    let warning = |(Loss { code, what, .. }, (count, first)): (&Loss, (u64, Option<&BytePath>))| {
        let first = first?;
        let message = match count {
            1 => format!("{format} cannot hold this: {first} has {what}"),
            _ => format!("{format} cannot hold this: {count} entries have {what}; the first is {first}"),
        };
        Some(Problem { warning: true, ..Problem::new(code, message) })
    };
    losses.iter().zip(found).filter_map(warning).collect()
}
