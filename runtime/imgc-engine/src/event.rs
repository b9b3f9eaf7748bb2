//! What an engine tells while it works: one stream for the terminal, plain logs and JSON lines.

use serde::Serialize;

/// Something happened. Steps are indices into the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum Event {
    /// A step began to run.
    Start {
        /// Which.
        step: usize,
        /// How many bytes it will go through, when that is known.
        total: Option<u64>,
    },
    /// A step went on.
    Progress {
        /// Which.
        step: usize,
        /// How many bytes it has gone through since it started.
        done: u64,
        /// How many there are, when that is known.
        total: Option<u64>,
    },
    /// A step has its value.
    Done {
        /// Which.
        step: usize,
        /// How it came by it.
        outcome: Outcome,
    },
    /// A step has no value.
    Failed {
        /// Which.
        step: usize,
        /// Why, in one line.
        message: String,
    },
    /// Something worth saying that is no step's end: a warning, damage in the store that was mended.
    Log {
        /// The step that says it, if one does.
        step: Option<usize>,
        /// What, in one line.
        message: String,
    },
}

/// How a step came by its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It ran.
    Ran,
    /// The cache had it under its key.
    Cached,
    /// A local step (scan, fetch, export) looked and found what it had made or read before.
    Unchanged,
}
