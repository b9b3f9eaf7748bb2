//! What can go wrong while a step runs: the manifest's fault, the machine's, or ours.

use std::io;

/// One thing that the person who wrote the manifest can mend. It has no span: the caller who has one attaches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// A stable code: a kebab noun phrase such as `tree-too-large`.
    pub code: &'static str,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What would mend it.
    pub help: Option<String>,
    /// For [`imgc_plan::step::Compose`]: the index of the operation to blame.
    pub op: Option<usize>,
    /// For [`imgc_plan::step::Place`] and [`imgc_plan::step::Assemble`]: the name of the partition to blame.
    pub part: Option<String>,
    /// `true`: the build goes on and the problem is shown as a warning.
    pub warning: bool,
}

impl Problem {
    /// An error with this code and message.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), help: None, op: None, part: None, warning: false }
    }

    /// With a hint that says what would mend it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With the index of the operation to blame.
    #[must_use]
    pub fn at(mut self, op: usize) -> Self {
        self.op = Some(op);
        self
    }
}

/// Why a step did not give its value.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The manifest or its sources are wrong; all that was found, at once. Exit code 1.
    #[error("{}", .0.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>().join("; "))]
    Problems(Vec<Problem>),
    /// The machine failed: disk, permission, network. Exit code 2.
    #[error("{what}: {error}")]
    Machine {
        /// What was being done to what.
        what: String,
        /// What the machine said.
        error: io::Error,
    },
    /// The build was interrupted.
    #[error("interrupted")]
    Interrupted,
    /// A promise between our own parts was broken. Exit code 3.
    #[error("{0}")]
    Bug(String),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problems(vec![problem])
    }
}

impl From<Vec<Problem>> for Failure {
    fn from(problems: Vec<Problem>) -> Self {
        Self::Problems(problems)
    }
}

impl Failure {
    /// Wraps an I/O error with what was being done.
    pub fn machine(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |error| Self::Machine { what, error }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Machine { what: "reading or writing contents".into(), error }
    }
}
