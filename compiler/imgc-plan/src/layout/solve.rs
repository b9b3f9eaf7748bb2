//! The solver.

use serde::Serialize;

use super::spec::{DiskSpec, PartRole};
use crate::data::Data;

/// A solved disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Layout {
    /// The disk's length in bytes.
    pub len: u64,
    /// Bytes in a sector.
    pub sector_size: u32,
    /// The partitions, in the order of the manifest.
    pub parts: Vec<PlacedPart>,
}

/// A partition with its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlacedPart {
    /// Its name in the manifest.
    pub name: String,
    /// Its number in the table.
    pub number: u32,
    /// Primary or logical.
    pub role: PartRole,
    /// Its first byte.
    pub start: u64,
    /// Its length in bytes.
    pub len: u64,
    /// Its type.
    pub type_code: String,
    /// The name that the table stores.
    pub table_name: String,
    /// Its GUID.
    pub uuid: Option<String>,
    /// Whether it is marked bootable.
    pub bootable: bool,
    /// Attribute bits.
    pub attributes: u64,
}

/// Why a disk cannot be laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayoutProblem {
    /// The partition to blame; the disk when `None`.
    pub part: Option<String>,
    /// A stable code: `partition-overlap`, `disk-too-small`, …
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
    /// Another partition that is concerned (the one that is overlapped).
    pub other: Option<String>,
}

/// Lays out a disk. `fits` gives the content's length for each partition with [`super::PartSize::Fit`], in the order of the
/// specification; an entry of `None` is not known yet, and stands for its minimum.
///
/// # Errors
/// Everything that does not fit, at once: by how much, and what would.
pub fn solve(_disk: &DiskSpec, _fits: &[Option<u64>]) -> Result<Layout, Vec<LayoutProblem>> {
    Err(vec![])
}

impl Layout {
    /// The partition of this name.
    pub fn part(&self, name: &str) -> Option<&PlacedPart> {
        self.parts.iter().find(|part| part.name == name)
    }

    /// The layout as facts: `len`, `sector_size` and `parts.NAME.{number,role,start,len,start_sector,type,name,uuid,bootable,attributes}`.
    pub fn to_data(&self) -> Data {
        Data::Bool(false)
    }

    /// Reads the facts back.
    pub fn from_data(_data: &Data) -> Option<Self> {
        None
    }
}
