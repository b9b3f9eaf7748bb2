//! Boots: what was made starts under a firmware up to a marker that only the booted system prints.

mod custom;
mod directory;
mod disk;
mod examples;
mod grub;
mod harness;
mod loader;
mod machines;
mod media;
mod mount;
mod network;
mod secure;
mod stand_in;
mod syslinux;
mod trixie;
mod uefi;
