//! What the tests over the whole share.

pub mod imgc;
