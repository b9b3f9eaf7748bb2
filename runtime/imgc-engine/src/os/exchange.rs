//! Two names that change places at once: renameat2(2) with `RENAME_EXCHANGE`, renamex_np(2) with `RENAME_SWAP`.

use std::{io, path::Path};

/// Lets two files or directories change places, so that nobody sees either name without one. `false`, and nothing changed,
/// where the system or the filesystem cannot.
///
/// # Errors
/// What the system says; `NotFound` when one of them is not there.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
pub fn exchange(one: &Path, other: &Path) -> io::Result<bool> {
    use rustix::{
        fs::{CWD, RenameFlags, renameat_with},
        io::Errno,
    };

    // Of a filesystem that cannot, of a kernel that never heard of it, of a system that is neither.
    const UNKNOWN: [Errno; 4] = [Errno::INVAL, Errno::NOSYS, Errno::NOTSUP, Errno::OPNOTSUPP];
    match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(true),
        Err(error) if UNKNOWN.contains(&error) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Elsewhere nothing changes places at once.
///
/// # Errors
/// Never.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
pub fn exchange(_one: &Path, _other: &Path) -> io::Result<bool> {
    Ok(false)
}
