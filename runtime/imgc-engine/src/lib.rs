//! Runs plans: store, action cache, fetch, scheduler, one runner per step, events.
//!
//! [`Engine`] is the door; [`config`] is what it is told, [`event`] what it tells while it works, [`report`] what it
//! tells at the end, [`cache`] looks after the store as a whole.

pub mod cache;
pub mod config;
pub mod debian;
pub mod event;
pub mod fetch;
pub mod report;

mod compose;
mod engine;
mod export;
mod glob;
mod os;
mod run;
mod scan;
mod store;

pub use config::{Config, Goal};
pub use engine::Engine;
pub use event::{Event, Outcome};
pub use report::{Artifact, Candidate, Gate, Report, RunError, StepFailure, StepReport};
