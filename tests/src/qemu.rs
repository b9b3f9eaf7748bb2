//! Boots an image headless in QEMU and talks with it over its serial port.
//!
//! [`Machine`] says what the machine is, [`Vm`] is one that runs. Images are never written to. Guests are always emulated
//! (TCG): a KVM that opens need not be one that boots, and a test must not depend on it.

mod machine;
mod serial;
mod slot;
mod vm;

pub use machine::{Bus, Firmware, Machine};
pub use vm::{DOWN, ENTER, Vm};
