//! Artifacts in the making: locked files beside their place, so that leftovers of killed builds are told from live work.
//!
//! A directory has such a file, too, which is empty, and lies beside it: `.imgc-PID-N.tmp.new`. It changes places with what it
//! replaces; where that cannot be done at once, that is `.imgc-PID-N.tmp.old` until it is gone.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use imgc_image::Problem;

use super::{listing::Inside, made::Made};
use crate::os::{self, Lock};

const PREFIX: &str = ".imgc-";
const SUFFIX: &str = ".tmp";

/// What is added to the name for a directory in the making, and for what it replaces.
const NEW: &str = ".new";
const OLD: &str = ".old";

/// An artifact in the making; removed when it is dropped unpublished.
#[derive(Debug)]
pub struct Staged {
    file: File,
    path: PathBuf,
    keep: bool,
    /// The directory that it is, if it is one.
    dir: Option<PathBuf>,
    /// What is in it, once it is whole.
    pub made: Made,
    /// The same of a directory, for the record.
    pub inside: Option<Inside>,
    /// What was left out of it.
    pub warnings: Vec<Problem>,
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
                let (made, inside, warnings) = (Made::default(), None, Vec::new());
                return Ok(Self { file, path, keep: false, dir: None, made, inside, warnings });
            }
        }
    }

    /// Makes an empty directory in a directory.
    ///
    /// # Errors
    /// What the machine says.
    pub fn directory(dir: &Path) -> io::Result<Self> {
        let mut staged = Self::new(dir)?;
        let new = beside(&staged.path, NEW);
        fs::create_dir(&new)?;
        staged.dir = Some(new);
        Ok(staged)
    }

    /// The open file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Where it is now.
    pub fn path(&self) -> &Path {
        self.dir.as_deref().unwrap_or(&self.path)
    }

    /// Moves it to its place, over what is there.
    ///
    /// # Errors
    /// What the machine says.
    pub fn publish(mut self, to: &Path) -> io::Result<Metadata> {
        let Some(dir) = &self.dir else {
            fs::rename(&self.path, to)?;
            self.keep = true;
            return self.file.metadata();
        };
        replace(dir, to, &beside(&self.path, OLD), os::exchange)?;
        fs::symlink_metadata(to)
    }
}

/// Moves a directory over what is at a place, if anything is. No system renames a directory over one that holds something, so
/// they change places; where that cannot be, what was there is moved to `old` first.
fn replace(
    dir: &Path,
    to: &Path,
    old: &Path,
    exchange: impl Fn(&Path, &Path) -> io::Result<bool>,
) -> io::Result<()> {
    match exchange(dir, to) {
        Ok(true) => return Ok(()),
        Ok(false) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return fs::rename(dir, to),
        Err(error) => return Err(error),
    }
    let moved = match fs::rename(to, old) {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(error),
    };
    let renamed = fs::rename(dir, to);
    if renamed.is_err() && moved {
        fs::rename(old, to)?;
    }
    renamed
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.keep {
            // A leftover would be swept by the next build; there is nobody to tell.
            let _ = remove(&self.path);
        }
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Removes a file in the making, first the directories that belong to it: what is left of them is found by the file.
fn remove(path: &Path) -> io::Result<()> {
    for ending in [NEW, OLD] {
        let at = beside(path, ending);
        match fs::symlink_metadata(&at) {
            Ok(meta) if meta.is_dir() => fs::remove_dir_all(&at)?,
            Ok(_) => fs::remove_file(&at)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    fs::remove_file(path)
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
            let _ = remove(&entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(dir: &Path, name: &str, text: &str) -> PathBuf {
        let path = dir.join(name);
        fs::create_dir(&path).expect("made");
        fs::write(path.join("file"), text).expect("written");
        path
    }

    fn text(path: &Path) -> String {
        fs::read_to_string(path.join("file")).expect("readable")
    }

    #[test]
    fn a_directory_takes_the_place_of_nothing_of_another_and_of_a_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let (to, old) = (dir.path().join("to"), dir.path().join("old"));
        let at_once = os::exchange as fn(&Path, &Path) -> io::Result<bool>;
        let in_two = |_: &Path, _: &Path| Ok(false);
        for exchange in [at_once, in_two] {
            for (round, before) in ["nothing", "a directory", "a file"].into_iter().enumerate() {
                match before {
                    "a directory" => drop(fs::write(to.join("more"), "more")),
                    "a file" => {
                        fs::remove_dir_all(&to).expect("removed");
                        fs::write(&to, "a file").expect("written");
                    }
                    _ => {}
                }
                let new = tree(dir.path(), &format!("new-{round}"), before);
                replace(&new, &to, &old, exchange).expect("replaced");
                assert_eq!(text(&to), before);
                assert!(!to.join("more").exists());
                for left in [&new, &old] {
                    let _ = fs::remove_dir_all(left).or_else(|_| fs::remove_file(left));
                }
            }
            fs::remove_dir_all(&to).expect("removed");
        }
    }

    #[test]
    fn what_cannot_be_moved_leaves_what_was_there() {
        let dir = tempfile::tempdir().expect("a directory");
        let to = tree(dir.path(), "to", "before");
        let missing = dir.path().join("missing");
        let in_two = |_: &Path, _: &Path| Ok(false);
        assert!(replace(&missing, &to, &dir.path().join("old"), in_two).is_err());
        assert!(replace(&missing, &to, &dir.path().join("old"), os::exchange).is_err());
        assert_eq!(text(&to), "before");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn nobody_sees_the_place_empty() {
        let dir = tempfile::tempdir().expect("a directory");
        let to = tree(dir.path(), "to", "0");
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut seen = 0_u64;
                while !done.load(Ordering::Relaxed) || seen == 0 {
                    assert!(fs::symlink_metadata(&to).is_ok(), "the place was empty");
                    seen += 1;
                }
                seen
            });
            for round in 1..500 {
                let new = tree(dir.path(), "new", &round.to_string());
                assert!(os::exchange(&new, &to).expect("exchanged"), "Linux can");
                assert_eq!(text(&to), round.to_string());
                fs::remove_dir_all(&new).expect("removed");
            }
            done.store(true, Ordering::Relaxed);
            assert!(reader.join().expect("no panic") > 0);
        });
    }
}
