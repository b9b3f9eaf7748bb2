//! What files of a host cannot be given portably: names of bytes, links, modes, owners, times, attributes.

use std::{ffi::OsString, io, path::Path};

/// A name of bytes as the host has it; `None` when it has none such.
pub fn name(bytes: &[u8]) -> Option<OsString> {
    imp::name(bytes)
}

/// Makes a symbolic link.
///
/// # Errors
/// What the host says.
pub fn symlink(target: &[u8], at: &Path) -> io::Result<()> {
    imp::symlink(target, at)
}

/// Gives the owner, where the process may. `true`: it was given.
pub fn own(at: &Path, uid: u32, gid: u32) -> bool {
    imp::own(at, uid, gid)
}

/// Sets the mode, where there is one.
///
/// # Errors
/// What the host says.
pub fn set_mode(at: &Path, mode: u16) -> io::Result<()> {
    imp::set_mode(at, mode)
}

/// Sets the time of the last change (and of the last use, which images have not), of a symbolic link its own.
///
/// # Errors
/// What the host says.
pub fn set_time(at: &Path, seconds: i64, nanos: u32) -> io::Result<()> {
    imp::set_time(at, seconds, nanos)
}

/// Gives an extended attribute.
///
/// # Errors
/// What the host says; `Unsupported` where there are none.
pub fn set_xattr(at: &Path, name: &[u8], value: &[u8]) -> io::Result<()> {
    imp::set_xattr(at, name, value)
}

#[cfg(unix)]
mod imp {
    use std::{
        ffi::{OsStr, OsString},
        fs, io,
        os::unix::{
            ffi::{OsStrExt, OsStringExt},
            fs::{PermissionsExt, lchown, symlink as link},
        },
        path::Path,
    };

    pub(super) fn name(bytes: &[u8]) -> Option<OsString> {
        Some(OsString::from_vec(bytes.to_vec()))
    }

    pub(super) fn symlink(target: &[u8], at: &Path) -> io::Result<()> {
        link(OsStr::from_bytes(target), at)
    }

    pub(super) fn own(at: &Path, uid: u32, gid: u32) -> bool {
        lchown(at, Some(uid), Some(gid)).is_ok()
    }

    pub(super) fn set_mode(at: &Path, mode: u16) -> io::Result<()> {
        fs::set_permissions(at, fs::Permissions::from_mode(mode.into()))
    }

    pub(super) fn set_time(at: &Path, seconds: i64, nanos: u32) -> io::Result<()> {
        use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
        let time = Timespec { tv_sec: seconds, tv_nsec: nanos.into() };
        let times = Timestamps { last_access: time, last_modification: time };
        Ok(utimensat(CWD, at, &times, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    #[cfg(any(target_os = "linux", target_os = "android", target_os = "macos"))]
    pub(super) fn set_xattr(at: &Path, name: &[u8], value: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::lsetxattr(at, name, value, rustix::fs::XattrFlags::empty())?)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "macos")))]
    pub(super) fn set_xattr(_: &Path, _: &[u8], _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(not(unix))]
mod imp {
    use std::{ffi::OsString, io, path::Path};

    /// Names of devices, streams and other directories are none.
    pub(super) fn name(bytes: &[u8]) -> Option<OsString> {
        let text = std::str::from_utf8(bytes).ok()?;
        let plain = !text.contains(['\\', ':', '*', '?', '"', '<', '>', '|']) && !text.ends_with(['.', ' ']);
        plain.then(|| text.into())
    }

    pub(super) fn symlink(_: &[u8], _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn own(_: &Path, _: u32, _: u32) -> bool {
        false
    }

    pub(super) fn set_mode(_: &Path, _: u16) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn set_time(at: &Path, seconds: i64, nanos: u32) -> io::Result<()> {
        use std::time::{Duration, UNIX_EPOCH};
        // Directories cannot be opened for that here; they keep the time at which they were made.
        let Ok(file) = std::fs::File::options().write(true).open(at) else { return Ok(()) };
        let span = Duration::from_secs(seconds.unsigned_abs());
        let whole = if seconds < 0 { UNIX_EPOCH.checked_sub(span) } else { UNIX_EPOCH.checked_add(span) };
        let time = whole.and_then(|time| time.checked_add(Duration::from_nanos(nanos.into())));
        file.set_modified(time.ok_or(io::ErrorKind::InvalidInput)?)
    }

    pub(super) fn set_xattr(_: &Path, _: &[u8], _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
