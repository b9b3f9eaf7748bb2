//! Disks by a deterministic generator, exports into temporary files, and QEMU's tools as the oracle.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use imgc_image::{Bytes, BytesBuilder, Failure, MemoryStore, Reader, Store};
use imgc_plan::{Data, Record};
use sha2::{Digest, Sha256};

use super::{DiskFormat, ExportJob, Exported};

/// A small generator of numbers (xorshift64*): the same on every machine.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(2).wrapping_add(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) % below
    }

    /// Bytes: noise, text, one letter over and over, or zeros.
    pub(super) fn content(&mut self, len: u64) -> Vec<u8> {
        let kind = self.roll(6);
        (0..len)
            .map(|n| match kind {
                0 | 1 => u8::try_from(self.roll(256)).expect("a byte"),
                2 | 3 => {
                    b"the same bytes on every machine\n"
                        [usize::try_from(n + self.roll(2)).expect("small") % 32]
                }
                4 => b'x',
                _ => 0,
            })
            .collect()
    }
}

/// A disk of `len` bytes of random pieces, nested some levels deep, with about `data` bytes that are not holes.
pub(super) fn disk(store: &MemoryStore, dice: &mut Dice, len: u64, data: u64, depth: u32) -> Arc<Bytes> {
    let mut out = BytesBuilder::new(store);
    let mut at = 0;
    let pieces = 8;
    while len > 0 && at < len {
        at += match dice.roll(4) {
            0 => 0,
            1 => dice.roll(5000),
            _ => dice.roll(2 * len / pieces + 1),
        };
        if at >= len {
            break;
        }
        let most = (2 * data / pieces).max(1).min(len - at);
        let size = 1 + dice.roll(most);
        match dice.roll(3) {
            0 if depth > 0 => {
                let inner = disk(store, dice, size, size, depth - 1);
                let from = dice.roll(size);
                out.section(at, &inner, from, size - from);
            }
            1 => {
                let id = store.put(&dice.content(size + 7)).expect("stored");
                out.blob(at, id, 7, size);
            }
            _ => out.put(at, &dice.content(size)).expect("stored"),
        }
        at += size;
    }
    Arc::new(out.finish(len).expect("made"))
}

pub(super) fn record(options: &[(&str, Data)]) -> Record {
    options.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

/// Exports into a new file and checks what every format promises: length, hash, progress.
pub(super) fn export(
    format: &dyn DiskFormat,
    options: &Record,
    bytes: &Arc<Bytes>,
    store: &MemoryStore,
    path: &Path,
) -> Exported {
    let told = AtomicU64::new(0);
    let progress = |n| {
        told.fetch_add(n, Ordering::Relaxed);
    };
    let stop = AtomicBool::new(false);
    let job = ExportJob { options, bytes, blobs: store, progress: &progress, stop: &stop };
    assert_eq!(format.check(options), []);
    let made = format.export(&job, &create(path)).expect("exports");
    assert_eq!(told.into_inner(), bytes.len(), "progress");
    assert_eq!(made.len, std::fs::metadata(path).expect("a file").len());
    let digest: [u8; 32] = Sha256::digest(std::fs::read(path).expect("a file")).into();
    assert_eq!(made.sha256, digest, "the hash of the pass is that of the file");
    made
}

/// What an export fails with.
pub(super) fn failure(
    format: &dyn DiskFormat,
    options: &Record,
    bytes: &Arc<Bytes>,
    store: &MemoryStore,
    file: &File,
) -> Failure {
    let stop = AtomicBool::new(false);
    let job = ExportJob { options, bytes, blobs: store, progress: &|_| {}, stop: &stop };
    format.export(&job, file).expect_err("fails")
}

pub(super) fn create(path: &Path) -> File {
    File::options().read(true).write(true).create(true).truncate(true).open(path).expect("a file")
}

/// The disk's bytes as a sparse file.
pub(super) fn raw(bytes: &Bytes, store: &MemoryStore, path: &Path) {
    let file = create(path);
    file.set_len(bytes.len()).expect("a length");
    let all = Arc::new(bytes.clone());
    for piece in super::pieces::of_disk(&all) {
        let mut buf = vec![0; usize::try_from(piece.len).expect("small")];
        Reader::new(bytes, store).read_at(piece.at, &mut buf).expect("reads");
        super::os::write_at(&file, &buf, piece.at).expect("writes");
    }
}

/// Runs `qemu-img` and gives what it printed.
pub(super) fn qemu_img(args: &[&str]) -> String {
    let output = Command::new("qemu-img")
        .args(args)
        .output()
        .expect("qemu-img must be there for this test: install the package qemu-utils");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "qemu-img {args:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// A directory for one test, and the paths in it.
pub(super) struct Room(tempfile::TempDir);

impl Room {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// How many bytes of the host's disk a file takes.
#[cfg(unix)]
pub(super) fn allocated(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).expect("a file").blocks() * 512
}

pub(super) fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool")
}

pub(super) fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
