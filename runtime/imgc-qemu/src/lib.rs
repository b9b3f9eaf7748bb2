//! Machines: finds QEMU and firmware on this computer, starts images in it, watches what they show and drives them.
//!
//! [`machine`] says what a machine is, [`words`] says it to QEMU, [`host`] finds what that takes, [`accel`] finds whether it can be
//! fast; [`vm`] is one that runs, [`mod@test`] does with it what a test of a manifest says. Images are never written to unless
//! that is asked for.

pub mod accel;
pub mod error;
pub mod host;
pub mod kept;
pub mod machine;
pub mod picture;
pub mod test;
pub mod vm;
pub mod words;

mod os;

pub use accel::Accel;
pub use error::Error;
pub use host::{Flash, Host};
pub use kept::Kept;
pub use machine::{Display, Forward, Image, Machine, Serial, Writes};
pub use picture::Picture;
pub use vm::Vm;
