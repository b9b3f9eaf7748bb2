//! Trees for tests: by chance that is always the same, and at every limit that we know.
//!
//! [`random`] is the chance, [`soil`] says what a format holds, [`forest`] grows trees that it holds, [`torture`] makes one at
//! the limits, [`fuzz`] runs a property over seeds and shrinks what fails, [`host`] compares what a tool extracted, [`options`]
//! reads options from a text, [`spoil`] makes inputs that lie.

pub mod forest;
pub mod fuzz;
pub mod host;
pub mod options;
pub mod random;
pub mod soil;
pub mod spoil;
pub mod torture;

pub use forest::{Grove, entry, grow};
pub use random::{Random, noise, prose};
pub use soil::{Names, Soil};
