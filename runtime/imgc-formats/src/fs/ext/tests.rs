//! Tests against e2fsprogs and a reader that we did not write.

mod fsck;
mod image;
