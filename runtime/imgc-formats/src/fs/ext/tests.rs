//! Tests against e2fsprogs and a reader that we did not write.

mod bytes;
mod fsck;
mod geometry;
mod hostile;
mod image;
mod limits;
mod open;
mod random;
mod read;
