//! Trees by chance: what goes in is what our reader and the reference tool find.

use std::sync::Arc;

use imgc_formats::{archive, filesystem};
use imgc_grove::{Random, fuzz, options};
use imgc_image::{Bytes, Entry, MemoryStore, Node, Reader, Tree};
use imgc_plan::step::Keep;
use imgc_tests::writers::{Writer, writer};

/// Seeds that belong to the tests; more by `IMGC_FUZZ_SEEDS`.
const USUAL: u64 = 3;
/// Entries of a tree.
const ENTRIES: usize = 120;

/// Writes, reads back with our reader, and has the tools look.
fn come_back(kind: &str) {
    let writer = writer(kind);
    fuzz::run(kind, USUAL, ENTRIES, &writer.soil, &|seed, tree, store| {
        let mut random = Random(seed ^ 0x6f70_7469_6f6e_7321);
        let text = std::iter::repeat_with(|| options::chance(&mut random, writer.choices))
            .find(|text| writer.takes(text))
            .expect("because there are options that go together");
        read_back(writer, &text, tree, store);
        writer.prove(&text, tree, store, true);
    });
}

/// What our reader gives is the tree, attribute by attribute and content by content.
fn read_back(writer: &Writer, text: &str, tree: &Tree, store: &MemoryStore) {
    let (bytes, warnings) = writer.write(text, tree, store).unwrap_or_else(|error| panic!("{text}: {error}"));
    let lost: Vec<&str> = warnings.iter().map(|warning| warning.code).collect();
    // Small inodes have no parts of seconds.
    assert!(lost.is_empty() || text.contains("inode-size=128"), "{text}: {warnings:?}");
    if let Some(kind) = archive(writer.kind) {
        if let Ok(back) = kind.unpack(&bytes, Keep::ALL, 0, store) {
            same(text, writer, &back, tree, store, |entry| all(entry, store));
        }
        return;
    }
    let reader = Reader::new(&bytes, store);
    let kind = filesystem(writer.kind).expect("a filesystem");
    let dump = kind.dump(&reader).unwrap_or_else(|error| panic!("{text}: the dump: {error}"));
    assert!(!dump.is_empty());
    let Some(volume) = kind.open(&reader).unwrap_or_else(|error| panic!("{text}: {error}")) else { return };
    let back = volume.tree().unwrap_or_else(|error| panic!("{text}: {error}"));
    same(text, writer, &back, tree, store, |entry| {
        let mut copy = Vec::new();
        volume
            .copy(&entry.path.0, &mut copy)
            .unwrap_or_else(|error| panic!("{text} {}: {error}", entry.path));
        copy
    });
}

fn all(entry: &Entry, store: &MemoryStore) -> Vec<u8> {
    let Node::File { content, .. } = &entry.node else { panic!("{} is no file", entry.path) };
    let bytes: Arc<Bytes> = content.to_bytes();
    Reader::new(&bytes, store).read_all(1 << 30).expect("the content is there")
}

fn same(
    text: &str,
    writer: &Writer,
    back: &Tree,
    tree: &Tree,
    store: &MemoryStore,
    copy: impl Fn(&Entry) -> Vec<u8>,
) {
    // Every ext has it, whether the tree does or not.
    let own = |entry: &&Entry| entry.path.0 != b"lost+found" || tree.get(b"lost+found").is_some();
    let found: Vec<&Entry> = back.entries().iter().filter(own).collect();
    let names: Vec<_> = found.iter().map(|entry| &entry.path).collect();
    assert_eq!(names, tree.entries().iter().map(|entry| &entry.path).collect::<Vec<_>>(), "{text}");
    let small = text.contains("inode-size=128");
    for (is, should) in found.into_iter().zip(tree.entries()) {
        let at = format!("{text} {}", should.path);
        // The root of a FAT has no entry, and so no time.
        if !(writer.is_plain() && should.path.0.is_empty()) {
            let mut meta = should.meta;
            meta.mtime_nanos = if small { 0 } else { meta.mtime_nanos };
            assert_eq!(is.meta, meta, "{at}");
        }
        assert_eq!(is.xattrs, should.xattrs, "{at}");
        assert_eq!(is.link, should.link, "{at}");
        match (&is.node, &should.node) {
            (Node::File { content: is, .. }, Node::File { content, .. }) => {
                assert_eq!(is.len(), content.len(), "{at}");
                assert!(copy(should) == all(should, store), "the content of {at}");
            }
            (is, should) => assert_eq!(is, should, "{at}"),
        }
    }
}

macro_rules! every_kind {
    ($($kind:ident)*) => { $(
        #[test]
        fn $kind() {
            come_back(stringify!($kind));
        }
    )* };
}

every_kind! { ext2 ext3 ext4 vfat exfat squashfs erofs iso9660 tar cpio }
