//! Lists what is in a store.

use std::{fs, io, path::Path};

use imgc_image::Failure;

use crate::{
    os::{self, Moment},
    store::home::{Room, VERSION},
};

/// One file of a store.
#[derive(Clone, Debug)]
pub struct StoreFile {
    /// Its name, without the directories.
    pub name: String,
    /// Its length in bytes.
    pub len: u64,
    /// When it was made or last used.
    pub used: Moment,
}

/// Wraps an error with which store it is about.
pub fn failed(store: &Path) -> impl Fn(io::Error) -> Failure {
    let what = format!("reading the cache at {}", store.display());
    move |error| Failure::machine(what.clone())(error)
}

/// The files of a room, in the order of their names; none when there is no store.
pub fn list(store: &Path, room: Room) -> io::Result<Vec<StoreFile>> {
    let mut files = Vec::new();
    for first in entries(&store.join(VERSION).join(room.name()))? {
        for path in entries(&first)? {
            let name =
                |path: &Path| path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            // What goes away while we look was not ours to count.
            let Ok(meta) = fs::symlink_metadata(&path) else { continue };
            let name = name(&first) + &name(&path);
            if meta.is_file() && name.len() == 64 {
                files.push(StoreFile { name, len: meta.len(), used: os::status(&meta).stamp.mtime });
            }
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

fn entries(dir: &Path) -> io::Result<Vec<std::path::PathBuf>> {
    match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        entries => entries?.map(|entry| entry.map(|entry| entry.path())).collect(),
    }
}
