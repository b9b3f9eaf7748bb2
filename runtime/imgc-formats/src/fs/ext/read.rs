//! Reading: filesystems of any maker, every field taken for hostile.
//!
//! Checksums are not compared, and a journal that still holds changes is not replayed: such a filesystem is refused. What is
//! read is bounded by the image: maps cannot name more blocks than there are, directories cannot share them.

mod directory;
mod inode;
mod map;
mod superblock;
mod volume;
mod xattr;

use imgc_image::{Failure, Problem};

pub use self::{
    map::{Piece, Step},
    superblock::Image,
};

/// Reads a little-endian number of 16 bits.
pub fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// Reads a little-endian number of 32 bits.
pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn damaged(what: impl std::fmt::Display) -> Failure {
    Problem::new("filesystem-damaged", format!("the ext filesystem is damaged: {what}"))
        .help("e2fsck may mend it")
        .into()
}

fn foreign(what: impl std::fmt::Display, help: &str) -> Failure {
    let message = format!("the ext filesystem has {what}, which is not understood here");
    Problem::new("filesystem-unsupported", message).help(help).into()
}
