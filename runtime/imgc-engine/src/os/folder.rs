//! A directory by whose handle the files in it are reached, so that the system need not walk the way to it for each.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::{Status, status};

/// A directory. Where the system cannot open files by a directory's handle, or will not open this one, they are reached by path.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    handle: imp::Handle,
}

impl Folder {
    /// The directory at this path; whether it is one shows when something in it is asked for.
    pub fn new(path: PathBuf) -> Self {
        let handle = imp::open(&path);
        Self { path, handle }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the system says of a name in it, not following a symbolic link.
    ///
    /// # Errors
    /// What the system says, also that it cannot have such a name.
    pub fn status(&self, name: &[u8]) -> io::Result<Status> {
        match imp::status(&self.handle, name) {
            Some(status) => status,
            None => Ok(status(&fs::symlink_metadata(self.path.join(super::path(name)?))?)),
        }
    }

    /// Opens a file in it for reading unless it is a symbolic link.
    ///
    /// # Errors
    /// As [`Folder::status`].
    pub fn open(&self, name: &[u8]) -> io::Result<File> {
        match imp::open_file(&self.handle, name) {
            Some(file) => file,
            None => super::open_no_follow(&self.path.join(super::path(name)?)),
        }
    }
}

#[cfg(target_os = "linux")]
mod imp {
    use std::{fs::File, io, os::fd::OwnedFd, path::Path};

    use rustix::fs::{AtFlags, Mode, OFlags, Stat, openat, statat};

    use super::super::{Stamp, Status, unix::kind};

    pub(super) type Handle = Option<OwnedFd>;

    pub(super) fn open(path: &Path) -> Handle {
        rustix::fs::open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).ok()
    }

    pub(super) fn open_file(handle: &Handle, name: &[u8]) -> Option<io::Result<File>> {
        let handle = handle.as_ref()?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = rustix::io::retry_on_intr(|| openat(handle, name, flags, Mode::empty()));
        Some(opened.map(File::from).map_err(io::Error::from))
    }

    pub(super) fn status(handle: &Handle, name: &[u8]) -> Option<io::Result<Status>> {
        let found = statat(handle.as_ref()?, name, AtFlags::SYMLINK_NOFOLLOW);
        Some(found.map(|stat| said(&stat)).map_err(io::Error::from))
    }

    /// As [`super::status`] of the same file. What of the fields is signed differs between processors.
    #[allow(clippy::unnecessary_cast, reason = "the fields' types differ between processors")]
    fn said(stat: &Stat) -> Status {
        let nanos = |value: u64| u32::try_from(value).unwrap_or(0);
        let stamp = Stamp {
            dev: stat.st_dev as u64,
            ino: stat.st_ino as u64,
            size: stat.st_size as u64,
            mtime: (stat.st_mtime as i64, nanos(stat.st_mtime_nsec as u64)),
            ctime: (stat.st_ctime as i64, nanos(stat.st_ctime_nsec as u64)),
        };
        let (mode, device) = (stat.st_mode as u32, stat.st_rdev as u64);
        let bits = u16::try_from(mode & 0o7777).expect("because it was masked");
        let (uid, gid, names) = (stat.st_uid as u32, stat.st_gid as u32, stat.st_nlink as u64);
        Status { stamp, kind: kind(mode, device), mode: bits, uid, gid, names }
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    use std::{fs::File, io, path::Path};

    use super::Status;

    pub(super) type Handle = ();

    pub(super) fn open(_path: &Path) -> Handle {}

    pub(super) fn open_file(_handle: &Handle, _name: &[u8]) -> Option<io::Result<File>> {
        None
    }

    pub(super) fn status(_handle: &Handle, _name: &[u8]) -> Option<io::Result<Status>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os;

    #[test]
    fn a_folder_says_of_its_files_what_their_paths_say() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("a"), "content").expect("written");
        fs::create_dir(dir.path().join("d")).expect("made");
        let folder = Folder::new(dir.path().to_owned());
        for name in ["a", "d"] {
            let by_path = status(&fs::symlink_metadata(dir.path().join(name)).expect("there"));
            assert_eq!(
                format!("{:?}", folder.status(name.as_bytes()).expect("there")),
                format!("{by_path:?}")
            );
        }
        let file = folder.open(b"a").expect("there");
        assert_eq!(status(&file.metadata().expect("open")).stamp, folder.status(b"a").expect("there").stamp);
        assert_eq!(folder.status(b"b").expect_err("missing").kind(), io::ErrorKind::NotFound);
        let nowhere = Folder::new(dir.path().join("no"));
        assert_eq!(nowhere.open(b"a").expect_err("missing").kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_symbolic_link_is_not_followed() {
        let dir = tempfile::tempdir().expect("a directory");
        if os::symlink(b"/etc/hostname", &dir.path().join("l")).is_ok() {
            let folder = Folder::new(dir.path().to_owned());
            assert_eq!(folder.status(b"l").expect("there").kind, os::FileKind::Symlink);
            assert!(folder.open(b"l").is_err());
        }
    }
}
