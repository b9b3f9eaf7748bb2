//! The store as a whole: how large it is, whether it is sound, and making it smaller. For `imgc cache`.

mod check;
mod files;
mod passed;
mod prune;
mod usage;

pub use check::{Checked, check};
pub use passed::{recall, remember};
pub use prune::{Pruned, prune};
pub use usage::{Usage, usage};
