//! The same bytes everywhere: pinned digests, a golden, and any number of threads.

use imgc_image::MemoryStore;
use imgc_plan::{BlobId, Data};

use super::{Filesystem, METHODS, Squashfs, make, options, trees};

/// The first halves of BLAKE3 of images of one of everything and a longer text: a change here is a change of bytes, and belongs into the changelog.
const PINNED: [(&str, &str); 5] = [
    ("none", "ec1cac4f207163235a8213bb9d3097ec"),
    ("gzip", "652e0aec8e8d6d5537cd86b1b025e3df"),
    ("xz", "a8e9a6342b58e8cc7e82a6aa1d490ef0"),
    ("lz4", "2cfe173cc15485d28ca769b8cd67adca"),
    ("zstd", "42c15458216aa6a698396e9732da3ba2"),
];

#[test]
fn images_have_the_bytes_that_they_always_had() {
    let store = MemoryStore::default();
    let text = trees::file(&store, "text", &trees::Rng(4).bytes(300_000));
    let tree = trees::tree(trees::everything(&store).into_entries().into_iter().chain([text]));
    let found = PINNED.map(|(method, _)| {
        let made = make(&options(&[("compress", method.into())]), &tree, &store).expect("made");
        (method, BlobId::of(&made.image(&store)).hex()[..32].to_owned())
    });
    assert_eq!(found, PINNED.map(|(method, digest)| (method, digest.to_owned())));
}

#[test]
fn a_dump_shows_the_structures() {
    let store = MemoryStore::default();
    let tree = trees::everything(&store);
    let made = make(&options(&[("compress", "none".into())]), &tree, &store).expect("made");
    let dump = Squashfs.dump(&made.reader(&store)).expect("it prints");
    if std::env::var_os("IMGC_BLESS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/fs/squashfs/tests/golden.txt");
        std::fs::write(path, &dump).expect("the golden is written");
    }
    assert_eq!(dump, include_str!("golden.txt"));
}

#[test]
fn threads_do_not_change_bytes() {
    let store = MemoryStore::default();
    let tree = trees::random(&store, 77, 300, 4096, false);
    for method in METHODS {
        let options = options(&[("compress", method.into()), ("block-size", Data::Int(4096))]);
        let digests = [1, 2, 5].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            pool.install(|| BlobId::of(&make(&options, &tree, &store).expect("made").image(&store)))
        });
        assert!(digests.iter().all(|digest| *digest == digests[0]), "{method}: {digests:?}");
    }
}

#[test]
fn contents_are_pointed_at_when_nothing_is_compressed() {
    let store = MemoryStore::default();
    let tree = trees::tree([trees::file(&store, "big", &trees::Rng(3).bytes(1 << 20))]);
    let made = make(&options(&[("compress", "none".into())]), &tree, &store).expect("made");
    let content = imgc_image::Ref::Blob(BlobId::of(&trees::Rng(3).bytes(1 << 20)));
    let pointed = made.bytes.extents().iter().filter(|extent| *made.bytes.source(extent) == content);
    assert_eq!(pointed.map(|extent| extent.len).sum::<u64>(), 1 << 20);
}
