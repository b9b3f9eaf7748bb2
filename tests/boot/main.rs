//! Boots: what was made starts under a firmware up to a marker that only the booted system prints.

mod disk;
mod grub;
mod harness;
mod hello_linux;
mod lites;
mod loader;
mod machines;
mod media;
mod mount;
mod stand_in;
