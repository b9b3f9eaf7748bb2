//! What the tests over the whole share.
//!
//! [`tools`] finds what was not written here, [`build`] runs the compiler under test, [`qemu`] boots what it made.

pub mod build;
pub mod qemu;
pub mod tools;
