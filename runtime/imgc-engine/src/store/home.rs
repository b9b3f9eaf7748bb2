//! Where things are in a store's directory, and how they come to be there: whole, by rename, or not at all.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{os, store::lease::Lease};

/// The version of the layout: another layout lives in another directory, beside this one.
pub const VERSION: &str = "v1";

/// The rooms of a store whose files are spread over 256 directories by the first byte of their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Room {
    /// Contents, named by their BLAKE3.
    Blobs,
    /// Encodings of values, named by the BLAKE3 of what they unpack to.
    Values,
    /// What steps gave, by step key.
    Actions,
    /// What was exported to which path.
    Exports,
    /// What local directories held, by path.
    Scans,
    /// What the steps of an image read when they last ran.
    Last,
    /// Which tests passed. The driver writes them.
    Tests,
}

impl Room {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Blobs, Self::Values, Self::Actions, Self::Exports, Self::Scans, Self::Last, Self::Tests];

    /// The directory's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Blobs => "blobs",
            Self::Values => "values",
            Self::Actions => "actions",
            Self::Exports => "exports",
            Self::Scans => "scans",
            Self::Last => "last",
            Self::Tests => "tests",
        }
    }
}

/// A used thing is marked when its time is older than this many seconds: collection goes by days, not seconds.
const FRESH: i64 = 60;

/// An open store.
#[derive(Debug)]
pub struct Home {
    root: PathBuf,
    lease: Lease,
    next: AtomicU64,
}

impl Home {
    /// Opens the store in this directory, makes it when it is missing, and clears away what killed builds left.
    ///
    /// # Errors
    /// What the machine says.
    pub fn open(store: &Path) -> io::Result<Self> {
        let root = store.join(VERSION);
        fs::create_dir_all(&root)?;
        // Backup tools skip directories with this file (https://bford.info/cachedir/).
        let tag = store.join("CACHEDIR.TAG");
        if !tag.exists() {
            fs::write(
                &tag,
                "Signature: 8a477f597d28d172789f06886806bc55\n# Made by imgc; can be deleted.\n",
            )?;
        }
        let lease = Lease::take(&root)?;
        Ok(Self { root, lease, next: AtomicU64::new(0) })
    }

    /// The lease that keeps collection away.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// The place of a thing.
    pub fn place(&self, room: Room, name: &str) -> PathBuf {
        place(&self.root, room, name)
    }

    /// A new file that nobody else sees, on the store's filesystem; removed when it is dropped unpublished.
    ///
    /// # Errors
    /// What the machine says.
    pub fn temp(&self) -> io::Result<Temp> {
        let path = self.lease.tmp().join(self.next.fetch_add(1, Ordering::Relaxed).to_string());
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
        Ok(Temp { file: file.map_err(|error| self.explain(&error))?, path, keep: false })
    }

    /// Makes a temporary file appear at its place, over whatever was there.
    ///
    /// # Errors
    /// What the machine says.
    pub fn publish(&self, mut temp: Temp, room: Room, name: &str) -> io::Result<PathBuf> {
        let to = self.place(room, name);
        if let Err(error) = fs::rename(&temp.path, &to) {
            if error.kind() != io::ErrorKind::NotFound {
                return Err(self.explain(&error));
            }
            fs::create_dir_all(to.parent().expect("because a place has a room above it"))?;
            fs::rename(&temp.path, &to).map_err(|error| self.explain(&error))?;
        }
        temp.keep = true;
        Ok(to)
    }

    /// Makes a small file with these bytes appear.
    ///
    /// # Errors
    /// What the machine says.
    pub fn put(&self, room: Room, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut temp = self.temp()?;
        temp.file.write_all(bytes).map_err(|error| self.explain(&error))?;
        self.publish(temp, room, name).map(|_| ())
    }

    /// Reads a file; `None` when it is not there.
    ///
    /// # Errors
    /// What the machine says.
    pub fn get(&self, room: Room, name: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.place(room, name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Marks a thing as used, so that collection takes others first. A store that cannot be written still answers.
    pub fn mark_used(&self, room: Room, name: &str) {
        mark_used(&self.place(room, name));
    }

    /// Moves a damaged thing out of the way, so that it is made again; says what was done.
    pub fn set_aside(&self, room: Room, name: &str) -> String {
        set_aside(&self.root, room, name)
    }

    /// Says of an error where it happened.
    pub fn explain(&self, error: &io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("writing to the cache at {}: {error}", self.root.display()))
    }
}

/// Marks a file of a store as used, unless that was done a short while ago.
pub fn mark_used(place: &Path) {
    let age = fs::metadata(place).map(|meta| os::now().0.saturating_sub(os::status(&meta).stamp.mtime.0));
    if age.is_ok_and(|age| age > FRESH) {
        let _ = os::touch(place);
    }
}

/// The place of a thing below a store's root.
pub fn place(root: &Path, room: Room, name: &str) -> PathBuf {
    let (first, rest) = name.split_at(2);
    root.join(room.name()).join(first).join(rest)
}

/// As [`Home::set_aside`].
pub fn set_aside(root: &Path, room: Room, name: &str) -> String {
    let from = place(root, room, name);
    let what = format!("{} {}", room.name().trim_end_matches('s'), &name[..12]);
    let aside = root.join("damaged");
    let moved = fs::create_dir_all(&aside)
        .and_then(|()| fs::rename(&from, aside.join(format!("{}-{name}", room.name()))));
    match moved {
        Ok(()) => {
            format!("the cache's {what} is damaged; it was moved to {} and is made again", aside.display())
        }
        Err(error) => match fs::remove_file(&from) {
            Ok(()) => format!("the cache's {what} is damaged; it was removed and is made again"),
            Err(_) => format!("the cache's {what} is damaged and could not be moved away: {error}"),
        },
    }
}

/// A file in the making.
#[derive(Debug)]
pub struct Temp {
    /// Open for reading and writing.
    pub file: File,
    path: PathBuf,
    keep: bool,
}

impl Drop for Temp {
    fn drop(&mut self) {
        if !self.keep {
            // A leftover would be cleared by the next build; there is nobody to tell.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Puts a first line before a body and the body's BLAKE3 after it.
pub fn seal(first: &str, body: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(first.len() + body.len() + 32);
    sealed.extend_from_slice(first.as_bytes());
    sealed.extend_from_slice(body);
    let hash = blake3::hash(&sealed);
    sealed.extend_from_slice(hash.as_bytes());
    sealed
}

/// The body of what [`seal`] made; `None` when a bit of it is different.
pub fn unseal<'a>(first: &str, sealed: &'a [u8]) -> Option<&'a [u8]> {
    let (rest, hash) = sealed.split_at_checked(sealed.len().checked_sub(32)?)?;
    let sound = blake3::hash(rest).as_bytes() == hash;
    rest.strip_prefix(first.as_bytes()).filter(|_| sound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_shows_every_change() {
        let sealed = seal("first\n", b"body");
        assert_eq!(unseal("first\n", &sealed), Some(&b"body"[..]));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(unseal("first\n", &changed), None, "{at}");
            assert_eq!(unseal("first\n", &sealed[..at]), None, "{at}");
        }
    }

    #[test]
    fn unpublished_files_go_away_and_published_ones_stay() {
        let dir = tempfile::tempdir().expect("a directory");
        let home = Home::open(dir.path()).expect("a store");
        drop(home.temp().expect("a file"));
        home.put(Room::Actions, "abcd", b"x").expect("written");
        assert_eq!(home.get(Room::Actions, "abcd").expect("read"), Some(b"x".to_vec()));
        assert_eq!(home.get(Room::Actions, "abce").expect("read"), None);
        assert_eq!(fs::read_dir(home.lease().tmp()).expect("a directory").count(), 0);
    }
}
