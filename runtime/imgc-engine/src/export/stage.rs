//! Artifacts in the making: locked files beside their place, so that leftovers of killed builds are told from live work.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use super::record::Made;
use crate::os::{self, Lock};

const PREFIX: &str = ".imgc-";
const SUFFIX: &str = ".tmp";

/// A file in the making; removed when it is dropped unpublished.
#[derive(Debug)]
pub struct Staged {
    file: File,
    path: PathBuf,
    keep: bool,
    /// What is in it, once it is whole.
    pub made: Made,
}

impl Staged {
    /// Makes an empty file in a directory, with the permissions that new files have.
    ///
    /// # Errors
    /// What the machine says.
    pub fn new(dir: &Path) -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = dir.join(format!("{PREFIX}{}-{number}{SUFFIX}", std::process::id()));
            let file = match OpenOptions::new().read(true).write(true).create_new(true).open(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                file => file?,
            };
            os::lock(&file, Lock::Exclusive)?;
            // Between its making and its locking another build may have swept it away as a leftover.
            let stamp = |meta: &Metadata| (os::status(meta).stamp.dev, os::status(meta).stamp.ino);
            if fs::symlink_metadata(&path)
                .is_ok_and(|meta| file.metadata().is_ok_and(|own| stamp(&own) == stamp(&meta)))
            {
                return Ok(Self { file, path, keep: false, made: Made::default() });
            }
        }
    }

    /// The open file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Where it is now.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Moves it to its place, over what is there.
    ///
    /// # Errors
    /// What the machine says.
    pub fn publish(mut self, to: &Path) -> io::Result<Metadata> {
        fs::rename(&self.path, to)?;
        self.keep = true;
        self.file.metadata()
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.keep {
            // A leftover would be swept by the next build; there is nobody to tell.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes what killed builds left in a directory. What cannot be removed now is left for another time.
pub fn sweep(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if !(name.starts_with(PREFIX) && name.ends_with(SUFFIX)) {
            continue;
        }
        let file = OpenOptions::new().write(true).open(entry.path());
        if file.is_ok_and(|file| matches!(os::try_lock(&file), Ok(true))) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
