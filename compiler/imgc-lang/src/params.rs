//! Params: what a manifest declares, what the command line gives, and both filled into the nodes.

mod declare;
mod fill;
mod known;

pub use declare::{Given, Scope, declare};
pub use fill::fill;
pub use known::Params;
