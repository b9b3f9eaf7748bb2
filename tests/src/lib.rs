//! What the tests over the whole share.
//!
//! [`imgc`] runs the compiler under test and [`build`] builds an example with it, [`tools`] finds what was not written here,
//! [`qemu`] boots what was made, [`writers`] proves what each writer of trees makes.

pub mod build;
pub mod imgc;
pub mod qemu;
pub mod tools;
pub mod writers;
