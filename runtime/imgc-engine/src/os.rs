//! Calls of one operating system, each behind a portable form: stamps, attributes, locks, paths as bytes.

mod exchange;
mod folder;

use std::{fs::Metadata, io};

pub use exchange::exchange;
pub use folder::Folder;

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub use unix::*;

#[cfg(not(unix))]
mod portable;
#[cfg(not(unix))]
pub use portable::*;

/// A moment of a file's clock: seconds since 1970 and nanoseconds.
pub type Moment = (i64, u32);

/// What tells one state of a file from another without reading it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// The device that holds it.
    pub dev: u64,
    /// Its inode.
    pub ino: u64,
    /// Its length in bytes.
    pub size: u64,
    /// When its content changed.
    pub mtime: Moment,
    /// When its inode changed; nobody can set it.
    pub ctime: Moment,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Symlink,
    /// A character device.
    Char {
        /// Its major number.
        major: u32,
        /// Its minor number.
        minor: u32,
    },
    /// A block device.
    Block {
        /// Its major number.
        major: u32,
        /// Its minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// A socket's name.
    Socket,
}

/// What the system says of a file.
#[derive(Clone, Copy, Debug)]
pub struct Status {
    /// Its state.
    pub stamp: Stamp,
    /// What it is.
    pub kind: FileKind,
    /// All twelve mode bits.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// How many names it has.
    pub names: u64,
}

/// When a file was made, if its filesystem knows.
pub fn born(meta: &Metadata) -> Option<Moment> {
    #[expect(clippy::disallowed_types, reason = "only compared with what was recorded, never part of bytes")]
    let since = meta.created().ok()?.duration_since(std::time::SystemTime::UNIX_EPOCH).ok()?;
    Some((i64::try_from(since.as_secs()).ok()?, since.subsec_nanos()))
}

/// The time on this machine's clock.
#[expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "decides whether a stamp is old enough to be trusted, and ages in the store"
)]
pub fn now() -> Moment {
    let since =
        std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default();
    (i64::try_from(since.as_secs()).unwrap_or(i64::MAX), since.subsec_nanos())
}

/// Sets a file's times to now: it was used.
#[expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "ages in the store")]
pub fn touch(path: &std::path::Path) -> io::Result<()> {
    let file = std::fs::OpenOptions::new().append(true).open(path)?;
    file.set_modified(std::time::SystemTime::now())
}

/// Sets when a file's content changed last; `nanos` are below 10^9.
///
/// # Errors
/// What the system says, also that its clock does not reach so far.
#[expect(clippy::disallowed_types, reason = "sets a time that the plan says; no clock is read")]
pub fn set_modified(file: &std::fs::File, (secs, nanos): Moment) -> io::Result<()> {
    let whole = std::time::Duration::from_secs(secs.unsigned_abs());
    let part = std::time::Duration::from_nanos(u64::from(nanos));
    let start = std::time::SystemTime::UNIX_EPOCH;
    let at = if secs < 0 { start.checked_sub(whole) } else { start.checked_add(whole) };
    let at = at.and_then(|at| at.checked_add(part)).ok_or(io::ErrorKind::InvalidInput)?;
    file.set_modified(at)
}

/// What tells one boot of this machine from another; empty where the system does not say.
pub fn boot_id() -> String {
    // Linux: random(4). Elsewhere there is no such file.
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}
