//! What an engine tells at the end.

use std::path::PathBuf;

use imgc_image::{Failure, Problem};
use imgc_plan::{Data, StepKey, ValueId};
use serde::Serialize;

use crate::event::Outcome;

/// What a run did.
#[derive(Debug, Default)]
pub struct Report {
    /// One for each step that the goal reached, in the plan's order.
    pub steps: Vec<StepReport>,
    /// The artifacts, in the plan's order.
    pub artifacts: Vec<Artifact>,
    /// Warnings with the steps that gave them, also those of cached steps.
    pub warnings: Vec<(usize, Problem)>,
}

/// What became of one step.
#[derive(Clone, Debug, Serialize)]
pub struct StepReport {
    /// Its index in the plan.
    pub step: usize,
    /// How it came by its value.
    pub outcome: Outcome,
    /// Its key.
    pub key: StepKey,
    /// Its value's name.
    pub value: ValueId,
    /// Facts that it gave, if it gave facts.
    pub facts: Option<Data>,
    /// Why it ran: the inputs (labels of steps, `code`, `definition`, `first run`) whose change made its key new.
    pub why: Vec<String>,
    /// How long it took, in milliseconds.
    pub millis: u64,
}

/// A file or directory in the output directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Artifact {
    /// The step that made it.
    pub step: usize,
    /// Its path.
    pub path: PathBuf,
    /// Its length in bytes; of a directory, that of all its files.
    pub len: u64,
    /// Its SHA-256, 64 hexadecimal digits; of a directory, that of its listing.
    pub sha256: String,
    /// Whether it is a directory.
    pub directory: bool,
    /// Whether this run wrote it (otherwise it was there already, unchanged).
    pub written: bool,
}

/// An artifact before it is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The step that made it.
    pub step: usize,
    /// Its file's name in the output directory.
    pub file: String,
    /// Whether it is there already, from an earlier run.
    pub published: bool,
    /// Where its bytes are now: complete, and nobody writes to them.
    pub path: PathBuf,
    /// Its length in bytes.
    pub len: u64,
    /// Its SHA-256, 64 hexadecimal digits.
    pub sha256: String,
}

/// Says for each artifact of a run whether it is published. Asked once, when all are made; what is there already stays there.
pub type Gate<'a> = dyn Fn(&[Candidate]) -> Vec<bool> + Sync + 'a;

/// Why a run did not reach its goal.
#[derive(Debug)]
pub struct RunError {
    /// The steps that failed; others that did not depend on them were still run where that is cheap (gathering).
    pub failures: Vec<StepFailure>,
    /// Warnings up to then.
    pub warnings: Vec<(usize, Problem)>,
}

/// A step's failure.
#[derive(Debug)]
pub struct StepFailure {
    /// The step; `None` when the engine itself could not work (store, output directory).
    pub step: Option<usize>,
    /// Why.
    pub failure: Failure,
}
