//! Problems that a walk over a tree finds: all at once, but only so many are listed.

use imgc_image::Problem;

/// How many problems are listed before the rest is only counted.
const MOST_PROBLEMS: usize = 100;

/// Problems, of which only the first are kept.
#[derive(Default)]
pub struct Found {
    problems: Vec<Problem>,
    more: usize,
}

impl Found {
    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(problem);
        } else {
            self.more += 1;
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// The problems, and one more that says how many were left out.
    pub fn end(mut self) -> Vec<Problem> {
        if self.more > 0 {
            self.problems.push(Problem::new("tree-unfit", format!("and {} problems more", self.more)));
        }
        self.problems
    }
}
