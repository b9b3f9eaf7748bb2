//! Manifest text to nodes with spans; knows nothing of what nodes mean.

mod node;
mod parse;
mod scan;

pub use node::{Node, Scalar, Text, Typed, Value};
pub use parse::parse;
