//! Boots an image headless in QEMU and talks with it: the machines of `imgc-qemu`, of which everything that goes wrong fails a test.
//!
//! [`Machine`] says what the machine is, [`Vm`] is one that runs, [`Kept`] is a disk that several boots share. Images are never
//! written to. Guests are always emulated (TCG): a KVM that opens need not be one that boots, and a test must not depend on it.

mod machine;
mod slot;
mod vm;

pub use imgc_qemu::Picture;
pub use machine::{Bus, Firmware, Kept, Machine};
pub use slot::Slot;
pub use vm::{DOWN, ENTER, Vm};
