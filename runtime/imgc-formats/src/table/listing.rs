//! The form of a dump: one structure a line, with its offset in the disk.

use std::fmt::Write;

use imgc_image::{Failure, Problem, ReadAt};

/// Lines of a dump in the making.
#[derive(Debug, Default)]
pub(super) struct Listing {
    text: String,
}

impl Listing {
    /// Adds a structure: its offset in hexadecimal digits, and what it says.
    pub(super) fn line(&mut self, offset: u64, what: std::fmt::Arguments<'_>) {
        writeln!(self.text, "{offset:010x}  {what}").expect("because a String takes everything");
    }

    /// The finished text.
    pub(super) fn finish(self) -> String {
        self.text
    }
}

/// Reads a structure of a known size. A disk that ends before it is not such a table, rather than a broken machine.
pub(super) fn read<const N: usize>(disk: &dyn ReadAt, offset: u64) -> Result<[u8; N], Failure> {
    let mut buf = [0; N];
    read_into(disk, offset, &mut buf)?;
    Ok(buf)
}

/// Fills a buffer, as [`read`].
pub(super) fn read_into(disk: &dyn ReadAt, offset: u64, buf: &mut [u8]) -> Result<(), Failure> {
    let len = disk.len();
    if offset.checked_add(buf.len() as u64).is_none_or(|end| end > len) {
        let message =
            format!("a structure of the partition table lies at byte {offset}, but there are {len} bytes");
        return Err(Problem::new("table-truncated", message).into());
    }
    disk.read_at(offset, buf).map_err(Failure::machine("reading a partition table"))
}

/// A little-endian number of four bytes within a structure.
pub(super) fn le32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("because four bytes are four bytes"))
}

/// A little-endian number of eight bytes within a structure.
pub(super) fn le64(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("because eight bytes are eight bytes"))
}
