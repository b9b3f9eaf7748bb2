//! The store as a whole: how large it is, whether it is sound, and making it smaller. For `imgc cache`.

mod check;
mod files;
mod prune;
mod usage;

pub use check::{Checked, check};
pub use prune::{Pruned, prune};
pub use usage::{Usage, usage};
