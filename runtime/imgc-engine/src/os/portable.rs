//! Systems that are not Unix: what the standard library alone can tell.

use std::{
    borrow::Cow,
    ffi::OsStr,
    fs::{File, Metadata},
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use super::{FileKind, Moment, Stamp, Status};

/// What the system says of a file: no owner, no inode.
pub fn status(meta: &Metadata) -> Status {
    let mtime = modified(meta);
    let stamp = Stamp { dev: 0, ino: 0, size: meta.len(), mtime, ctime: mtime };
    let kind = if meta.is_symlink() {
        FileKind::Symlink
    } else if meta.is_dir() {
        FileKind::Dir
    } else {
        FileKind::File
    };
    let mode = if meta.is_dir() { 0o755 } else { 0o644 };
    Status { stamp, kind, mode, uid: 0, gid: 0, names: 1 }
}

#[expect(clippy::disallowed_types, reason = "only compared with what was recorded")]
fn modified(meta: &Metadata) -> Moment {
    let since =
        meta.modified().ok().and_then(|time| time.duration_since(std::time::SystemTime::UNIX_EPOCH).ok());
    since.map_or((0, 0), |since| (i64::try_from(since.as_secs()).unwrap_or(i64::MAX), since.subsec_nanos()))
}

/// A path of the host as bytes, with `/` between names.
pub fn bytes(text: &OsStr) -> Cow<'_, [u8]> {
    Cow::Owned(text.to_string_lossy().replace('\\', "/").into_bytes())
}

/// Bytes as a path of the host.
///
/// # Errors
/// When they are not UTF-8.
pub fn path(bytes: &[u8]) -> io::Result<Cow<'_, Path>> {
    let text = std::str::from_utf8(bytes).map_err(|_| io::ErrorKind::InvalidInput)?;
    Ok(Cow::Borrowed(Path::new(text)))
}

/// Leaves the permissions as new files have them.
///
/// # Errors
/// Never.
pub fn set_mode(_path: &Path, _mode: u16) -> io::Result<()> {
    Ok(())
}

/// Says that symbolic links cannot be made.
///
/// # Errors
/// Always `Unsupported`.
pub fn symlink(_target: &[u8], _at: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Opens a file for reading.
///
/// # Errors
/// What the system says.
pub fn open_no_follow(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Fills the buffer from an offset on, through a second handle with a position of its own.
///
/// # Errors
/// `UnexpectedEof` past the end, otherwise what the system says.
pub fn read_at(file: &File, offset: u64, buf: &mut [u8]) -> io::Result<()> {
    static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _alone = ONE_AT_A_TIME.lock().expect("because no holder of the lock panics");
    let mut file = file;
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(buf)
}

/// Says that holes cannot be found.
///
/// # Errors
/// Always `Unsupported`.
pub fn data_after(_file: &File, _offset: u64) -> io::Result<Option<(u64, u64)>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// No extended attributes.
///
/// # Errors
/// Never.
pub fn xattrs(_path: &Path) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    Ok(Vec::new())
}

/// How a file is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// With others who share it.
    Shared,
    /// Alone.
    Exclusive,
}

/// Locks a file as a whole until it is closed; waits for others.
///
/// # Errors
/// What the system says.
#[expect(clippy::incompatible_msrv, reason = "systems that are not Unix need Rust 1.89")]
pub fn lock(file: &File, how: Lock) -> io::Result<()> {
    match how {
        Lock::Shared => file.lock_shared(),
        Lock::Exclusive => file.lock(),
    }
}

/// Locks a file alone if nobody else holds it; whether it did.
///
/// # Errors
/// What the system says.
#[expect(clippy::incompatible_msrv, reason = "systems that are not Unix need Rust 1.89")]
pub fn try_lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(std::fs::TryLockError::WouldBlock) => Ok(false),
        Err(std::fs::TryLockError::Error(error)) => Err(error),
    }
}

/// Lets a lock go.
///
/// # Errors
/// What the system says.
#[expect(clippy::incompatible_msrv, reason = "systems that are not Unix need Rust 1.89")]
pub fn unlock(file: &File) -> io::Result<()> {
    file.unlock()
}
