//! What the tests over the whole share.
//!
//! [`imgc`] runs the compiler under test and [`build`] builds an example with it, [`tools`] finds what was not written here,
//! [`qemu`] boots what was made, [`kernel`] is what a loader boots there, [`listing`] is what a booted kernel says of a filesystem,
//! [`writers`] proves what each writer of trees makes.

pub mod build;
pub mod imgc;
pub mod kernel;
pub mod listing;
pub mod qemu;
pub mod tools;
pub mod writers;
