//! Params: what a manifest declares, what the command line gives, and both filled into the nodes.

mod declare;
mod fill;

pub use declare::{Given, Params, Scope, declare};
pub use fill::fill;
