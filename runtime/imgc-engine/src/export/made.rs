//! What an export made.

use std::path::Path;

use imgc_plan::{Data, ValueId};

use crate::report::Artifact;

/// What an export made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// The artifact's length in bytes; of a directory, that of all its files.
    pub len: u64,
    /// Its SHA-256; of a directory, that of its listing.
    pub sha256: [u8; 32],
    /// Whether it is a directory.
    pub directory: bool,
}

impl Made {
    /// Its digest as a step's value.
    pub fn value_id(&self) -> ValueId {
        let Self { len, sha256, directory } = self;
        let mut fields = vec![("len", Data::Text(len.to_string())), ("sha256", Data::Bytes(sha256.to_vec()))];
        fields.extend(directory.then_some(("directory", Data::Bool(true))));
        Data::Map(fields.into_iter().map(|(name, data)| (name.to_owned(), data)).collect()).value_id()
    }

    /// It as an artifact of a report.
    pub fn artifact(&self, step: usize, path: &Path, written: bool) -> Artifact {
        let sha256 = ValueId(self.sha256).hex();
        let directory = self.directory;
        Artifact { step, path: path.to_owned(), len: self.len, sha256, directory, written }
    }
}
