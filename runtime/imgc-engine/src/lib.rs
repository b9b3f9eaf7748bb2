//! Runs plans: store, action cache, fetch, scheduler, one runner per step, events.
//!
//! [`Engine`] is the door; [`config`] is what it is told, [`event`] what it tells while it works, [`report`] what it
//! tells at the end.

pub mod config;
pub mod debian;
pub mod event;
pub mod fetch;
pub mod report;

pub use config::{Config, Goal};
pub use event::{Event, Outcome};
pub use report::{Artifact, Report, RunError, StepFailure, StepReport};
