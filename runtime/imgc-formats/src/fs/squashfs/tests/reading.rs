//! Our own reader gives back what was written.

use imgc_image::{Bytes, Content, Entry, MemoryStore, Node, Reader, Tree};
use imgc_plan::Data;

use super::{
    super::{
        read::{Body, Cursor, Image, Listing},
        survey::split_name,
    },
    METHODS, Made, make, open, options, trees,
};

/// The tree as it must come back: contents count by length.
fn wanted(tree: &Tree) -> Vec<Entry> {
    let mut entries = tree.entries().to_vec();
    for entry in &mut entries {
        entry.meta.mtime_nanos = 0;
        entry.xattrs = entry.xattrs.iter().filter(|(name, _)| split_name(name).is_some()).cloned().collect();
        if let Node::File { content, dense } = &mut entry.node {
            *content = Content::Bytes(Bytes::zeros(content.len()).into());
            *dense = false;
        }
    }
    entries
}

/// Checks all entries and all contents.
fn assert_reads_back(made: &Made, tree: &Tree, store: &MemoryStore) {
    let reader = made.reader(store);
    let volume = open(&reader);
    let found = volume.tree().expect("it reads");
    let wanted = wanted(tree);
    for (found, wanted) in found.entries().iter().zip(&wanted) {
        assert_eq!(found, wanted);
    }
    assert_eq!(found.entries().len(), wanted.len());
    for entry in tree.entries() {
        let Node::File { content, .. } = &entry.node else { continue };
        let bytes = content.to_bytes();
        let mut copy = Vec::new();
        volume.copy(&entry.path.0, &mut copy).expect("it copies");
        assert!(copy == Reader::new(&bytes, store).read_all(1 << 30).expect("it reads"), "{}", entry.path);
    }
}

#[test]
fn everything_comes_back_from_every_compressor() {
    let store = MemoryStore::default();
    let tree = trees::everything(&store);
    for method in METHODS {
        let made = make(&options(&[("compress", method.into())]), &tree, &store).expect("made");
        assert_eq!(made.warnings, []);
        assert_eq!(made.bytes.len() % 4096, 0);
        assert_reads_back(&made, &tree, &store);
        let reader = made.reader(&store);
        let facts = open(&reader).facts();
        assert_eq!(facts["len"].as_u64(), Some(made.bytes.len()));
        assert_eq!(facts["block-size"], Data::Int(128 << 10));
    }
}

#[test]
fn sizes_around_blocks_come_back_with_all_ways_to_pack() {
    let store = MemoryStore::default();
    let ways: [&[(&str, Data)]; 3] =
        [&[], &[("fragments", Data::Bool(false))], &[("tail-packing", Data::Bool(true))]];
    for block in [4096, 128 << 10, 1 << 20] {
        let mut rng = trees::Rng(block);
        let sizes = trees::sizes(block);
        let files = sizes
            .iter()
            .enumerate()
            .map(|(number, len)| trees::file(&store, &format!("{number}"), &rng.bytes(*len as usize)));
        let tree = trees::tree(files);
        for way in ways {
            let size = [("block-size", Data::from(block)), ("compress", "lz4".into())];
            let made = make(&options(&[way, &size].concat()), &tree, &store).expect("made");
            assert_reads_back(&made, &tree, &store);
        }
    }
}

#[test]
fn random_trees_come_back() {
    for seed in 0..12 {
        let store = MemoryStore::default();
        let tree = trees::random(&store, seed, 150, 4096, seed % 2 == 0);
        let method = METHODS[seed as usize % METHODS.len()];
        let given = [
            ("compress", Data::from(method)),
            ("block-size", Data::Int(4096 << (seed % 3))),
            ("tail-packing", Data::Bool(seed % 2 == 1)),
            ("duplicates", Data::Bool(seed % 3 > 0)),
            ("exportable", Data::Bool(seed % 4 > 0)),
        ];
        let made = make(&options(&given), &tree, &store).expect("made");
        assert_reads_back(&made, &tree, &store);
    }
}

#[test]
fn a_chain_of_directories_comes_back() {
    let store = MemoryStore::default();
    let tree = trees::tree([trees::file(&store, &["d"; 3000].join("/"), b"deep")]);
    let made = make(&options(&[]), &tree, &store).expect("made");
    assert_reads_back(&made, &tree, &store);
}

#[test]
fn sparse_files_take_no_room() {
    let store = MemoryStore::default();
    let len = 20 << 30;
    let tree = trees::tree([
        trees::pieced(&store, "hole", len, &[]),
        trees::pieced(&store, "islands", len, &[(5 << 30, b"five"), (len - 3, b"end")]),
    ]);
    let made = make(&options(&[]), &tree, &store).expect("made");
    assert!(made.bytes.len() <= 20 << 10, "{}", made.bytes.len());
    let reader = made.reader(&store);
    assert_eq!(open(&reader).tree().expect("it reads").entries(), wanted(&tree));
    let dump = super::Filesystem::dump(&super::Squashfs, &reader).expect("it prints");
    assert!(dump.contains(&format!("size={len} start=0 sparse={len}")), "{dump}");
    assert!(dump.contains("  40960 blocks 0\n"), "{dump}");
}

#[test]
fn dense_files_say_that_they_take_all_their_room() {
    let store = MemoryStore::default();
    let mut hole = trees::pieced(&store, "hole", 1 << 20, &[(0, b"x")]);
    if let Node::File { dense, .. } = &mut hole.node {
        *dense = true;
    }
    let made = make(&options(&[]), &trees::tree([hole]), &store).expect("made");
    let dump = super::Filesystem::dump(&super::Squashfs, &made.reader(&store)).expect("it prints");
    assert!(dump.contains("size=1048576 start=96 sparse=0"), "{dump}");
}

#[test]
fn zeros_that_are_stored_become_holes() {
    let store = MemoryStore::default();
    let tree = trees::tree([trees::file(&store, "zeros", &vec![0; 1 << 20])]);
    let made = make(&options(&[]), &tree, &store).expect("made");
    assert_reads_back(&made, &tree, &store);
    let dump = super::Filesystem::dump(&super::Squashfs, &made.reader(&store)).expect("it prints");
    assert!(dump.contains("  8 blocks 0\n"), "{dump}");
}

#[test]
fn a_long_directory_has_an_index_that_leads_to_its_names() {
    let store = MemoryStore::default();
    let names = (0..20_000).map(|number| trees::file(&store, &format!("big/name-{number:05}"), b"same"));
    let tree = trees::tree(names);
    let made = make(&options(&[]), &tree, &store).expect("made");
    assert_reads_back(&made, &tree, &store);
    let reader = made.reader(&store);
    let image = Image::open(&reader).expect("sound").expect("a squashfs");
    let root = image.inode(image.sb.root_inode).expect("the root");
    let Body::Dir { block, offset, size, .. } = root.body else { panic!("the root is a directory") };
    let below = Listing::new(&image, block, offset, size).expect("a listing").next();
    let big = image.inode(below.expect("sound").expect("a name").reference).expect("an inode");
    let Body::Dir { offset, index, size, .. } = big.body else { panic!("big is a directory") };
    assert!(u32::from(index) >= size / 8192, "{index} index entries for {size} bytes");
    let mut rest = big.rest;
    for _ in 0..index {
        let (at, block, len) = (rest.u32().unwrap(), rest.u32().unwrap(), rest.u32().unwrap());
        let name = rest.bytes(len as usize + 1).unwrap();
        // As the kernel does (fs/squashfs/namei.c).
        let start = image.sb.directory_table_start + u64::from(block);
        let within = (u64::from(at) + u64::from(offset)) % 8192;
        let mut found = Cursor::new(&image, start, image.sb.id_table_start, within).unwrap();
        found.bytes(12 + 6).unwrap();
        let size = found.u16().unwrap();
        assert_eq!(found.bytes(usize::from(size) + 1).unwrap(), name);
    }
}

#[test]
fn equal_contents_are_stored_once() {
    let store = MemoryStore::default();
    let data = trees::Rng(1).bytes(300_000);
    let (head, tail) = data.split_at(123_456);
    let some = [
        trees::file(&store, "a", &data),
        trees::file(&store, "b", &data),
        trees::pieced(&store, "c", data.len() as u64, &[(0, head), (head.len() as u64, tail)]),
        trees::file(&store, "s1", b"short"),
        trees::pieced(&store, "s2", 5, &[(0, b"sho"), (3, b"rt")]),
        trees::file(&store, "s3", b"shout"),
    ];
    let alone = trees::tree([some[0].clone(), some[3].clone(), some[5].clone()]);
    let tree = trees::tree(some);
    let len = |tree: &Tree, duplicates: bool| {
        let made = make(&options(&[("duplicates", duplicates.into())]), tree, &store).expect("made");
        assert_reads_back(&made, tree, &store);
        made.bytes.len()
    };
    assert!(len(&tree, true) < len(&alone, true) + 4096 + 1);
    assert!(len(&tree, false) > 2 * len(&tree, true));
}
