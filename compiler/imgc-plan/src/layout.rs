//! The layout solver: constraints in, byte ranges out. Pure; called before anything runs and again once sizes are known.
//!
//! In reading order: [`spec`] is what is asked for, [`size`] turns each wish into sectors, [`run`] places partitions one
//! after the other and lets fills grow, [`check`] finds what cannot be, [`solve`] joins them, [`placed`] is the answer.
//! Positions are `u128` inside, so that no sum of `u64` sizes can overflow.

mod check;
mod placed;
mod problem;
mod run;
mod size;
mod solve;
mod spec;
#[cfg(test)]
mod tests;

pub use placed::{Extended, Layout, PlacedPart};
pub use problem::LayoutProblem;
pub use solve::solve;
pub use spec::{DiskSpec, PartRole, PartSize, PartSpec, Slack, TableRules};
