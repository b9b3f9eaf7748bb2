//! Disk formats: artifacts of a disk's bytes, emitted straight from the extents; one folder each.
//!
//! [`pieces`] is what an artifact is made of, [`emit`] writes and hashes a known layout in one pass on all cores, [`pipe`] is
//! the ordered pipeline below it, [`os`] is what std lacks of the operating system. A format with a layout that is known
//! before its data ([`raw`], plain [`qcow2`], …) only lists its pieces.

pub mod emit;
pub mod os;
pub mod pieces;
pub mod pipe;
pub mod qcow2;
pub mod raw;

#[cfg(test)]
mod testing;

use std::{
    fs::File,
    sync::{Arc, atomic::AtomicBool},
};

use imgc_image::{Blobs, Bytes, Failure, ReadAt};
use imgc_plan::{Kind, Record, kind::OptionProblem};

/// The list: one line a kind.
pub static ALL: &[&dyn DiskFormat] = &[&raw::Raw, &qcow2::Qcow2];

/// What an export reads and whom it tells.
#[derive(Clone, Copy)]
pub struct ExportJob<'a> {
    /// The options, each with its default.
    pub options: &'a Record,
    /// The disk.
    pub bytes: &'a Arc<Bytes>,
    /// Reads contents.
    pub blobs: &'a dyn Blobs,
    /// Called with the number of bytes of the disk that are done since the last call; from any thread.
    pub progress: &'a (dyn Fn(u64) + Sync),
    /// Set when the build is interrupted: stop soon with [`Failure::Interrupted`].
    pub stop: &'a AtomicBool,
}

/// What an export made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The artifact's length in bytes.
    pub len: u64,
    /// SHA-256 of the artifact.
    pub sha256: [u8; 32],
}

/// What only reading an opened artifact found damaged: it comes within an [`std::io::Error`] of the kind `InvalidData`.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Damaged(pub String);

/// What a disk format can do.
pub trait DiskFormat: Send + Sync {
    /// Its description.
    fn kind(&self) -> &'static Kind;

    /// Finds combinations of options that cannot be, before anything runs.
    fn check(&self, options: &Record) -> Vec<OptionProblem>;

    /// Writes the artifact into an empty file that is open for reading and writing, hashing in the same pass.
    ///
    /// # Errors
    /// When contents cannot be read, changed meanwhile, or the file cannot be written.
    fn export(&self, job: &ExportJob<'_>, file: &File) -> Result<Exported, Failure>;

    /// Opens an artifact as the disk that is in it, whoever made it; `None` when it has not this form, or when the form has
    /// no mark to know it by (raw). Trusts nothing; what only reading finds damaged is an error of reading ([`Damaged`]).
    ///
    /// # Errors
    /// When it has this form, but is damaged, or needs what is not understood here.
    fn open<'a>(&self, file: &'a dyn ReadAt) -> Result<Option<Box<dyn ReadAt + 'a>>, Failure> {
        let _ = file;
        Ok(None)
    }
}
