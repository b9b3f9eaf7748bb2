//! Manifest text to nodes with spans; knows nothing of what nodes mean.

mod node;
mod parse;
mod scan;

pub use node::{Node, Prop, Scalar, Text, Typed, Value, Word};
pub use parse::parse;
