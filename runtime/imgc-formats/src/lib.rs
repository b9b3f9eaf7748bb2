//! The open families: filesystems, partition tables, loaders, disk formats, archives.
//!
//! Besides them, [`verity`]: hashes of whatever is in a partition; and above them [`verify`]: what makes a medium bootable.
//!
//! One folder (or file) a kind, one line a kind in the family's list. A writer places metadata and points at contents; it
//! never opens a file of the host and never copies a content.

pub mod archive;
pub mod boot;
pub mod disk;
pub mod fs;
pub mod lints;
pub mod loss;
pub mod table;
pub mod verify;
pub mod verity;

mod fingerprint;
mod found;
mod pe;
mod registry;
#[cfg(test)]
mod testing;

pub use fingerprint::{fingerprint, shared as shared_fingerprint, verity as verity_fingerprint};
pub use pe::is_signed;
pub use registry::{Registry, archive, disk_format, filesystem, loader, table};
