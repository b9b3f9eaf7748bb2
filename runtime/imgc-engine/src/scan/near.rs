//! Reaches files below a directory one after another; those that lie in one directory without walking the way to it again.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use imgc_image::tree::parent;

use crate::os::{self, Folder, Status};

/// A place among the files below a directory.
#[derive(Debug)]
pub struct Near {
    root: PathBuf,
    /// The directory of the last file, below the root.
    dir: Option<Box<[u8]>>,
    /// The same, once a second file of it was asked for: for one alone opening it would not pay.
    folder: Option<Folder>,
}

impl Near {
    /// A place below this directory.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), dir: None, folder: None }
    }

    /// Opens a file for reading unless it is a symbolic link.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(&mut self, path: &[u8]) -> io::Result<File> {
        match self.folder(path)? {
            Some(folder) => folder.open(name(path)),
            None => os::open_no_follow(&self.root.join(os::path(path)?)),
        }
    }

    /// What the system says of a name, not following a symbolic link.
    ///
    /// # Errors
    /// What the system says.
    pub fn status(&mut self, path: &[u8]) -> io::Result<Status> {
        match self.folder(path)? {
            Some(folder) => folder.status(name(path)),
            None => Ok(os::status(&std::fs::symlink_metadata(self.root.join(os::path(path)?))?)),
        }
    }

    fn folder(&mut self, path: &[u8]) -> io::Result<Option<&Folder>> {
        let dir = parent(path).unwrap_or_default();
        if self.dir.as_deref() != Some(dir) {
            (self.dir, self.folder) = (Some(dir.into()), None);
            return Ok(None);
        }
        if self.folder.is_none() {
            self.folder = Some(Folder::new(self.root.join(os::path(dir)?)));
        }
        Ok(self.folder.as_ref())
    }
}

fn name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_found_whatever_came_before() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::create_dir_all(dir.path().join("a/b")).expect("made");
        let paths = ["x", "y", "a/x", "a/y", "a/z", "a/b/x", "a/b/y", "x", "a/x"];
        for path in paths {
            std::fs::write(dir.path().join(path), path).expect("written");
        }
        let (mut near, mut text) = (Near::new(dir.path()), String::new());
        for path in paths {
            text.clear();
            let mut file = near.open(path.as_bytes()).expect("there");
            io::Read::read_to_string(&mut file, &mut text).expect("read");
            assert_eq!(text, path);
            let status = near.status(path.as_bytes()).expect("there");
            assert_eq!(status.stamp.size, path.len() as u64);
        }
        assert!(near.open(b"a/none").is_err());
    }
}
