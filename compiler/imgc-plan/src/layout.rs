//! The layout solver: constraints in, byte ranges out. Pure; called before anything runs and again once sizes are known.

mod solve;
mod spec;

pub use solve::{Layout, LayoutProblem, PlacedPart, solve};
pub use spec::{DiskSpec, PartRole, PartSize, PartSpec, Slack, TableRules};
