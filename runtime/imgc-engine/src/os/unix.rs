//! Unix: everything that `rustix` and the standard library's extensions give.

use std::{
    borrow::Cow,
    ffi::OsStr,
    fs::{File, Metadata, OpenOptions},
    io,
    os::unix::{
        ffi::OsStrExt,
        fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    },
    path::Path,
};

use rustix::fs::{FileType, FlockOperation, OFlags, flock};

use super::{FileKind, Stamp, Status};

/// What the system says of a file.
pub fn status(meta: &Metadata) -> Status {
    let nanos = |value: i64| u32::try_from(value).unwrap_or(0);
    let stamp = Stamp {
        dev: meta.dev(),
        ino: meta.ino(),
        size: meta.size(),
        mtime: (meta.mtime(), nanos(meta.mtime_nsec())),
        ctime: (meta.ctime(), nanos(meta.ctime_nsec())),
    };
    let mode = u16::try_from(meta.mode() & 0o7777).expect("because it was masked");
    let kind = kind(meta.mode(), meta.rdev());
    Status { stamp, kind, mode, uid: meta.uid(), gid: meta.gid(), names: meta.nlink() }
}

/// What a file is, by its mode and device number.
pub(super) fn kind(mode: u32, device: u64) -> FileKind {
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    // The type of a raw mode differs between systems: `mode_t` has 16 or 32 bits.
    match FileType::from_raw_mode(mode as rustix::fs::RawMode) {
        FileType::Directory => FileKind::Dir,
        FileType::Symlink => FileKind::Symlink,
        FileType::CharacterDevice => FileKind::Char { major, minor },
        FileType::BlockDevice => FileKind::Block { major, minor },
        FileType::Fifo => FileKind::Fifo,
        FileType::Socket => FileKind::Socket,
        FileType::RegularFile | FileType::Unknown => FileKind::File,
    }
}

/// A path of the host as bytes.
pub fn bytes(text: &OsStr) -> Cow<'_, [u8]> {
    Cow::Borrowed(text.as_bytes())
}

/// Bytes as a path of the host.
///
/// # Errors
/// Never here; elsewhere when the host cannot name it.
pub fn path(bytes: &[u8]) -> io::Result<Cow<'_, Path>> {
    Ok(Cow::Borrowed(Path::new(OsStr::from_bytes(bytes))))
}

/// Sets the permission bits of a file or directory.
///
/// # Errors
/// What the system says.
pub fn set_mode(path: &Path, mode: u16) -> io::Result<()> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode.into()))
}

/// Makes a symbolic link; the target is stored as it is.
///
/// # Errors
/// What the system says.
pub fn symlink(target: &[u8], at: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(OsStr::from_bytes(target), at)
}

/// Opens a file for reading unless it is a symbolic link.
///
/// # Errors
/// What the system says.
pub fn open_no_follow(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    OpenOptions::new().read(true).custom_flags(i32::try_from(flags.bits()).unwrap_or(0)).open(path)
}

/// Fills the buffer from an offset on.
///
/// # Errors
/// `UnexpectedEof` past the end, otherwise what the system says.
pub fn read_at(file: &File, offset: u64, buf: &mut [u8]) -> io::Result<()> {
    file.read_exact_at(buf, offset)
}

/// The first run of data at or after `offset` as (start, end); `None` when only a hole follows.
///
/// # Errors
/// What the system says, also that the filesystem cannot tell.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "macos", target_os = "freebsd"))]
pub fn data_after(file: &File, offset: u64) -> io::Result<Option<(u64, u64)>> {
    use rustix::fs::{SeekFrom, seek};
    let start = match seek(file, SeekFrom::Data(offset)) {
        Ok(start) => start,
        Err(rustix::io::Errno::NXIO) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    Ok(Some((start, seek(file, SeekFrom::Hole(start))?)))
}

/// Says that holes cannot be found.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "macos", target_os = "freebsd")))]
pub fn data_after(_file: &File, _offset: u64) -> io::Result<Option<(u64, u64)>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Names and values of a file's extended attributes, a symbolic link's own included, sorted by name.
///
/// # Errors
/// What the system says; a filesystem without attributes has none.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "macos"))]
pub fn xattrs(path: &Path) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    use rustix::fs::{lgetxattr, llistxattr};
    let names = match grow(|buf| llistxattr(path, buf)) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => return Ok(Vec::new()),
        names => names?,
    };
    let mut found = Vec::new();
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let value = grow(|buf| lgetxattr(path, name, buf))?;
        found.push((name.to_vec(), value));
    }
    found.sort();
    Ok(found)
}

/// Calls with ever larger buffers until the answer fits.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "macos"))]
fn grow(mut call: impl FnMut(&mut [u8]) -> rustix::io::Result<usize>) -> io::Result<Vec<u8>> {
    let mut buf = vec![0; 1024];
    loop {
        match call(&mut buf) {
            Ok(len) => {
                buf.truncate(len);
                return Ok(buf);
            }
            // xattr(7): values and lists have at most 64 KiB on Linux; more elsewhere is refused at 64 MiB.
            Err(rustix::io::Errno::RANGE) if buf.len() < 64 << 20 => buf.resize(buf.len() * 4, 0),
            Err(error) => return Err(error.into()),
        }
    }
}

/// No extended attributes.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "macos")))]
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
pub fn lock(file: &File, how: Lock) -> io::Result<()> {
    let operation = match how {
        Lock::Shared => FlockOperation::LockShared,
        Lock::Exclusive => FlockOperation::LockExclusive,
    };
    rustix::io::retry_on_intr(|| flock(file, operation)).map_err(io::Error::from)
}

/// Locks a file alone if nobody else holds it; whether it did.
///
/// # Errors
/// What the system says.
pub fn try_lock(file: &File) -> io::Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Lets a lock go.
///
/// # Errors
/// What the system says.
pub fn unlock(file: &File) -> io::Result<()> {
    flock(file, FlockOperation::Unlock).map_err(io::Error::from)
}
