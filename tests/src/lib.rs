//! What the tests over the whole share.
//!
//! [`imgc`] runs the compiler under test and [`build`] builds an example with it, [`tools`] finds what was not written here,
//! [`qemu`] boots what was made, [`listing`] is what a booted kernel says of a filesystem.

pub mod build;
pub mod imgc;
pub mod listing;
pub mod qemu;
pub mod tools;
