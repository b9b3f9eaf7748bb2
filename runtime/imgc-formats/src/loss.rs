//! Warnings about what a format cannot hold and leaves out: one for each kind of thing, with a count and the first path.

use imgc_image::{Entry, Problem};

/// A kind of thing that a format leaves out.
pub struct Loss {
    /// The problem's code, such as `owners-dropped`.
    pub code: &'static str,
    /// What entries have that is lost, as the end of a sentence.
    pub what: &'static str,
    /// Whether an entry has it.
    pub lost: fn(&Entry) -> bool,
}

/// Finds what is lost of these entries in a format of this name.
pub fn warnings(format: &str, losses: &[Loss], entries: &[Entry]) -> Vec<Problem> {
    let warning = |Loss { code, what, lost }: &Loss| {
        let mut hit = entries.iter().filter(|entry| lost(entry));
        let first = &hit.next()?.path;
        let message = match 1 + hit.count() {
            1 => format!("{format} does not hold it, but {first} has {what}"),
            count => {
                format!("{format} does not hold it, but {count} entries have {what}; the first is {first}")
            }
        };
        Some(Problem { warning: true, ..Problem::new(code, message) })
    };
    losses.iter().filter_map(warning).collect()
}
