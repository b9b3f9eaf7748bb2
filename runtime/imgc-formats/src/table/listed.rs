//! A partition as a table on a disk lists it, for whoever reads disks.

/// A partition that was read from a table. Nothing about it was trusted, but it lies within the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its number, from 1; logical ones of an MBR from 5.
    pub number: u32,
    /// The first byte.
    pub start: u64,
    /// The length in bytes.
    pub len: u64,
    /// The type: its name if it has one here, else its code.
    pub ty: String,
    /// The name in the table; empty when there is none.
    pub name: String,
    /// The unique GUID, if the table has one.
    pub uuid: Option<String>,
}

impl Listed {
    /// Whether it lies within a disk of so many bytes.
    pub(super) fn within(&self, disk: u64) -> bool {
        self.len > 0 && self.start.checked_add(self.len).is_some_and(|end| end <= disk)
    }
}
