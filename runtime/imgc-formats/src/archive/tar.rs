//! Tar archives: packed in the PAX form with every attribute, unpacked from any form in use.

pub mod header;
pub mod pax;
pub mod read;
