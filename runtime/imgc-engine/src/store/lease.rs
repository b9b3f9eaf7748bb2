//! Leases: a locked file a build, listing what it uses, so that collection spares it and killed builds are recognised.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Mutex,
};

use imgc_plan::StepKey;

use crate::os::{self, Lock, Moment};

/// A live build's claim on what it uses. The lock falls with the process, however it ends.
#[derive(Debug)]
pub struct Lease {
    path: PathBuf,
    tmp: PathBuf,
    file: Mutex<File>,
    gate: File,
}

impl Lease {
    /// Takes a lease below a store's root, and clears away those of dead builds with their temporary files.
    ///
    /// # Errors
    /// What the machine says.
    pub fn take(root: &Path) -> io::Result<Self> {
        let (leases, tmp) = (root.join("leases"), root.join("tmp"));
        fs::create_dir_all(&leases)?;
        fs::create_dir_all(&tmp)?;
        let gate = gate(root)?;
        sweep(root, &gate);
        // While the gate is held, nobody takes the new lease for a dead one before it is locked.
        os::lock(&gate, Lock::Shared)?;
        let lease = Self::make(&leases, &tmp, gate);
        let lease = lease?;
        os::unlock(&lease.gate)?;
        Ok(lease)
    }

    fn make(leases: &Path, tmp: &Path, gate: File) -> io::Result<Self> {
        for attempt in 0u32.. {
            let name = format!("{}-{attempt}", std::process::id());
            let path = leases.join(&name);
            let file = match OpenOptions::new().append(true).create_new(true).open(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                file => file?,
            };
            os::lock(&file, Lock::Exclusive)?;
            let tmp = tmp.join(&name);
            fs::create_dir_all(&tmp)?;
            return Ok(Self { path, tmp, file: Mutex::new(file), gate });
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// This build's directory for temporary files.
    pub fn tmp(&self) -> &Path {
        &self.tmp
    }

    /// Says that this action is used from now on, then does `look` while no collection removes anything.
    ///
    /// # Errors
    /// What the machine says.
    pub fn using<T>(&self, key: &StepKey, look: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let mut file = self.file.lock().expect("because no holder of the lock panics");
        os::lock(&self.gate, Lock::Shared)?;
        let found = writeln!(file, "{key}").and_then(|()| look());
        os::unlock(&self.gate)?;
        found
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // What cannot be removed is cleared by the next build; there is nobody to tell.
        let _ = fs::remove_dir_all(&self.tmp);
        let _ = fs::remove_file(&self.path);
    }
}

/// The file whose lock is shared while a build looks at an action and exclusive while collection removes things.
///
/// # Errors
/// What the machine says.
pub fn gate(root: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).open(root.join("gate"))
}

/// A lease that is held by a live process.
#[derive(Debug)]
pub struct Live {
    /// The keys of the actions that it uses.
    pub keys: Vec<StepKey>,
    /// When it was taken: what is newer may be its work in progress.
    pub since: Moment,
}

/// Clears away dead leases; does nothing when somebody else is about to take one.
fn sweep(root: &Path, gate: &File) {
    if matches!(os::try_lock(gate), Ok(true)) {
        // What cannot be read now is swept another time.
        let _ = live(root);
        let _ = os::unlock(gate);
    }
}

/// The live leases; dead ones are removed with their temporary files. The caller holds the gate alone.
///
/// # Errors
/// What the machine says.
pub fn live(root: &Path) -> io::Result<Vec<Live>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root.join("leases"))? {
        let path = entry?.path();
        let Ok(file) = File::open(&path) else { continue };
        if os::try_lock(&file)? {
            fs::remove_dir_all(
                root.join("tmp").join(path.file_name().expect("because it is a directory's entry")),
            )
            .or_else(ignore_missing)?;
            fs::remove_file(&path).or_else(ignore_missing)?;
            continue;
        }
        let keys = fs::read_to_string(&path)?.lines().filter_map(StepKey::from_hex).collect();
        let meta =
            fs::metadata(root.join("tmp").join(path.file_name().expect("because it is a directory's entry")));
        let since = os::born(&file.metadata()?);
        let since = since.or_else(|| meta.ok().map(|meta| os::status(&meta).stamp.mtime)).unwrap_or((0, 0));
        found.push(Live { keys, since });
    }
    Ok(found)
}

fn ignore_missing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_leases_are_found_and_dead_ones_cleared() {
        let dir = tempfile::tempdir().expect("a directory");
        let lease = Lease::take(dir.path()).expect("a lease");
        let key = StepKey([7; 32]);
        lease.using(&key, || Ok(())).expect("noted");
        fs::write(dir.path().join("leases/1-0"), "").expect("a dead lease");
        fs::create_dir_all(dir.path().join("tmp/1-0/x")).expect("its leftovers");
        let second = Lease::take(dir.path()).expect("a lease");
        assert!(!dir.path().join("tmp/1-0").exists(), "leftovers are cleared");
        let mut found = live(dir.path()).expect("read");
        found.sort_by_key(|live| live.keys.len());
        assert_eq!(found.iter().map(|live| live.keys.clone()).collect::<Vec<_>>(), [vec![], vec![key]]);
        drop((lease, second));
        assert_eq!(live(dir.path()).expect("read").len(), 0);
    }
}
