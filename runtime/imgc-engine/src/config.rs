//! What an engine is told.

use std::path::PathBuf;

/// How an engine runs on this machine. Nothing here can change a byte of an output.
#[derive(Clone, Debug)]
pub struct Config {
    /// The store's directory; made when missing.
    pub store: PathBuf,
    /// The directory that relative scan paths start from: the manifest's.
    pub base: PathBuf,
    /// The directory that receives artifacts; made when missing.
    pub out: PathBuf,
    /// How many steps run at once, and how many threads each may use.
    pub jobs: usize,
    /// Whether nothing may be fetched.
    pub offline: bool,
    /// Bases of mirrors to try for fetches whose step names none, in order, such as `http://…/debian`.
    pub mirrors: Vec<String>,
    /// Whether a file at an artifact's place that imgc did not make may be replaced.
    pub force: bool,
    /// Whether a step that warns fails, so that nothing is exported of what it made. What it made is kept in the store all the
    /// same: a run that does not deny warnings finds it there.
    pub deny_warnings: bool,
}

/// How far a run goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Fetches only.
    Fetch,
    /// All steps of [`imgc_plan::step::Stage::Gather`].
    Gather,
    /// These steps (indices, usually exports) and what they need.
    Steps(Vec<usize>),
}
