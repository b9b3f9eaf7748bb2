//! Tests against erofs-utils, against our own reader, and against pinned bytes.

mod check;
mod contents;
pub mod image;
mod pins;
mod reading;
