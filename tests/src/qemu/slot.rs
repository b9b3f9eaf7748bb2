//! Places for machines: no more than two run on this computer at once, whatever number of tests and processes want one.

use std::{
    fs::{File, OpenOptions},
    thread,
    time::Duration,
};

use rustix::fs::{FlockOperation, flock};

/// How many machines may run at once. More only make each of them miss its time.
const PLACES: u32 = 2;

/// A place; free again when this is dropped, also when its process is killed, as the lock is the system's.
pub struct Slot(#[expect(dead_code, reason = "held for its lock")] File);

impl Slot {
    /// Waits for a place. Every machine ends sooner or later, as everything that is expected of one has its time.
    pub fn take() -> Self {
        let user = rustix::process::getuid().as_raw();
        let files: Vec<File> = (0..PLACES)
            .map(|place| {
                let path = std::env::temp_dir().join(format!("imgc-test-machine-{user}-{place}.lock"));
                let opened = OpenOptions::new().create(true).append(true).open(&path);
                opened.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
            })
            .collect();
        loop {
            for file in &files {
                if flock(file, FlockOperation::NonBlockingLockExclusive).is_ok() {
                    // Clones share the lock of their open file; the other file's goes with `files`.
                    return Self(file.try_clone().expect("a descriptor can be cloned"));
                }
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
}
