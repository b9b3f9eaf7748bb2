//! How large a store is.

use std::{fmt, path::Path};

use imgc_image::Failure;
use imgc_plan::units::approximate_size;
use serde::Serialize;

use super::files::{failed, list};
use crate::store::home::Room;

/// What a store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Contents: how many files.
    pub blobs: u64,
    /// Their bytes.
    pub blob_bytes: u64,
    /// Values: how many.
    pub values: u64,
    /// Their bytes.
    pub value_bytes: u64,
    /// Results of steps.
    pub actions: u64,
    /// Bytes of everything else: results, stat indexes, records.
    pub other_bytes: u64,
    /// Records of tests that passed.
    pub tests: u64,
    /// Their bytes.
    pub test_bytes: u64,
}

impl Usage {
    /// All bytes.
    pub fn total(&self) -> u64 {
        self.blob_bytes + self.value_bytes + self.other_bytes + self.test_bytes
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "contents  {:>8}  {}", self.blobs, approximate_size(self.blob_bytes))?;
        writeln!(f, "values    {:>8}  {}", self.values, approximate_size(self.value_bytes))?;
        writeln!(f, "results   {:>8}  {}", self.actions, approximate_size(self.other_bytes))?;
        writeln!(f, "tests     {:>8}  {}", self.tests, approximate_size(self.test_bytes))?;
        writeln!(f, "in all              {}", approximate_size(self.total()))
    }
}

/// Counts what a store holds; nothing when there is none.
///
/// # Errors
/// What the machine says.
pub fn usage(store: &Path) -> Result<Usage, Failure> {
    let mut usage = Usage::default();
    for room in Room::ALL {
        let files = list(store, room).map_err(failed(store))?;
        let (count, bytes) = (files.len() as u64, files.iter().map(|file| file.len).sum::<u64>());
        match room {
            Room::Blobs => (usage.blobs, usage.blob_bytes) = (count, bytes),
            Room::Values => (usage.values, usage.value_bytes) = (count, bytes),
            Room::Tests => (usage.tests, usage.test_bytes) = (count, bytes),
            _ => usage.other_bytes += bytes,
        }
        if room == Room::Actions {
            usage.actions = count;
        }
    }
    Ok(usage)
}
