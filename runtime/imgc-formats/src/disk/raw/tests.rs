//! Raw artifacts: equal to the disk, holes kept or filled, errors that say what was being done.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use imgc_image::{Blobs, Bytes, BytesBuilder, Failure, MemoryStore, Reader, Store};
use imgc_plan::BlobId;

use super::Raw;
use crate::disk::{DiskFormat, ExportJob, testing::*};

#[test]
fn it_is_the_disk_for_any_extents_and_any_number_of_threads() {
    let room = Room::new();
    for seed in 0..40 {
        let store = MemoryStore::default();
        let mut dice = Dice::new(seed);
        let len =
            [0, 1, 511, 4096, 70_001, 5 << 20, (9 << 20) + 513][usize::try_from(seed % 7).expect("small")];
        let bytes = disk(&store, &mut dice, len, len / 2, 3);
        let all = Reader::new(&bytes, &store).read_all(u64::MAX).expect("reads");
        for threads in [1, 2, 4] {
            for options in [record(&[]), record(&[("sparse", false.into())])] {
                let path = room.path("disk.img");
                pool(threads).install(|| export(&Raw, &options, &bytes, &store, &path));
                assert!(std::fs::read(&path).expect("a file") == all, "seed {seed}, {threads} threads");
            }
        }
    }
}

/// A disk of 64 MiB with 1 MiB of data in the middle.
fn hollow(store: &MemoryStore) -> Arc<Bytes> {
    let mut out = BytesBuilder::new(store);
    out.put(20 << 20, &vec![7; 1 << 20]).expect("stored");
    Arc::new(out.finish(64 << 20).expect("made"))
}

#[test]
fn the_host_has_the_space_that_was_asked_for() {
    let room = Room::new();
    let store = MemoryStore::default();
    let bytes = hollow(&store);
    let path = room.path("disk.img");
    let mut digests = Vec::new();
    for (options, least, most) in [
        (record(&[]), 1 << 20, 2 << 20),
        (record(&[("preallocation", "falloc".into())]), 64 << 20, 65 << 20),
        (record(&[("sparse", false.into())]), 64 << 20, 65 << 20),
    ] {
        digests.push(export(&Raw, &options, &bytes, &store, &path).sha256);
        let taken = allocated(&path);
        assert!((least..=most).contains(&taken), "{options:?}: {taken}");
    }
    assert!(digests.iter().all(|digest| *digest == digests[0]), "bytes do not depend on space");
}

#[test]
fn its_bytes_are_pinned() {
    let room = Room::new();
    let store = MemoryStore::default();
    let bytes = disk(&store, &mut Dice::new(99), 3 << 20, 1 << 20, 2);
    let made = export(&Raw, &record(&[]), &bytes, &store, &room.path("disk.img"));
    assert_eq!(hex(&made.sha256), "4e8c45340ac42ed469bb9dda993594892c3b1d08cd2aef90fc49aeef9f84cd82");
}

#[test]
fn a_file_that_cannot_be_written_is_the_machines_fault() {
    let room = Room::new();
    let store = MemoryStore::default();
    let bytes = hollow(&store);
    let full = std::fs::File::options().read(true).write(true).open("/dev/full").expect("a device");
    let failed = failure(&Raw, &record(&[]), &bytes, &store, &full);
    assert!(matches!(&failed, Failure::Machine { what, .. } if what.contains("67108864 bytes")), "{failed}");
    let path = room.path("disk.img");
    drop(create(&path));
    let closed = std::fs::File::open(&path).expect("opens");
    let failed = failure(&Raw, &record(&[]), &bytes, &store, &closed);
    assert!(matches!(failed, Failure::Machine { .. }), "{failed}");
}

#[test]
fn content_that_is_shorter_than_promised_is_an_error() {
    let room = Room::new();
    let store = MemoryStore::default();
    let id = store.put(b"short").expect("stored");
    let bytes = Arc::new(Bytes::blob(id, 4096));
    let failed = failure(&Raw, &record(&[]), &bytes, &store, &create(&room.path("disk.img")));
    let Failure::Machine { what, error } = &failed else { panic!("{failed}") };
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
    assert!(what.contains("reading 4096 bytes"), "{what}");
}

/// Content without end that counts how often it is read, and interrupts the build after some reads.
struct Endless<'a> {
    reads: AtomicU64,
    stop: &'a AtomicBool,
}

impl Blobs for Endless<'_> {
    fn read_at(&self, _: &BlobId, _: u64, buf: &mut [u8]) -> std::io::Result<()> {
        buf.fill(1);
        if self.reads.fetch_add(1, Ordering::SeqCst) == 20 {
            self.stop.store(true, Ordering::SeqCst);
        }
        Ok(())
    }
}

#[test]
fn the_stop_flag_ends_it_soon_in_data_and_in_zeros() {
    let room = Room::new();
    let stop = AtomicBool::new(false);
    let blobs = Endless { reads: AtomicU64::new(0), stop: &stop };
    let bytes = Arc::new(Bytes::blob(BlobId::of(b""), 1 << 40));
    let file = create(&room.path("disk.img"));
    let options = record(&[]);
    let job = ExportJob { options: &options, bytes: &bytes, blobs: &blobs, progress: &|_| {}, stop: &stop };
    let result = pool(2).install(|| Raw.export(&job, &file));
    assert!(matches!(result, Err(Failure::Interrupted)));
    assert!(blobs.reads.into_inner() < 30);

    stop.store(false, Ordering::SeqCst);
    let zeros = Arc::new(Bytes::zeros(1 << 42));
    let told = AtomicU64::new(0);
    let progress = |n| {
        if told.fetch_add(n, Ordering::SeqCst) > 1 << 20 {
            stop.store(true, Ordering::SeqCst);
        }
    };
    let job = ExportJob {
        options: &options,
        bytes: &zeros,
        blobs: &MemoryStore::default(),
        progress: &progress,
        stop: &stop,
    };
    assert!(matches!(Raw.export(&job, &file), Err(Failure::Interrupted)));
    assert!(told.load(Ordering::SeqCst) < 3 << 20);
}
