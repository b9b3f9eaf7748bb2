//! What files of a host cannot be given portably: names of bytes, links, modes, owners.

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
}
