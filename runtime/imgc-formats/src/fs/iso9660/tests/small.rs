//! Small volumes: the dump as a golden, pinned digests, what the reader says.

use std::sync::Arc;

use imgc_image::{Bytes, Content, MemoryStore, Meta, Node, Reader, Tree};
use imgc_plan::Data;

use super::tools::*;
use crate::fs::{Filesystem, iso9660::Iso9660};

/// One of everything.
pub fn small(store: &MemoryStore) -> Tree {
    let mut owned = file(store, "etc/motd", b"Hello\n");
    owned.meta = Meta { mode: 0o4750, uid: 1000, gid: 100, mtime: 951_782_400, mtime_nanos: 0 };
    let mut old = file(store, "old", b"");
    old.meta.mtime = -10_000_000_000;
    tree([
        owned,
        old,
        file(store, "etc/copy of motd", b"Hello\n"),
        linked(file(store, "a.tar.gz", &noise(5000, 1)), 1),
        linked(file(store, "b.tar.gz", &noise(5000, 1)), 1),
        file(store, "a_tar.gz", b"collides"),
        file(store, "Grün", b"green"),
        symlink("link", "/etc/../etc/./motd"),
        symlink("odd", "//a//b/"),
        entry("dev/sda1", Node::Block { major: 8, minor: 1 }),
        entry("dev/nvme", Node::Block { major: 259, minor: 300 }),
        entry("dev/null", Node::Char { major: 1, minor: 3 }),
        entry("dev/fifo", Node::Fifo),
        entry("dev/log", Node::Socket),
        file(store, "1/2/3/4/5/6/7/8/9/deep", b"deep"),
        file(store, "l".repeat(255), b"long"),
    ])
}

#[test]
fn a_small_volume_dumps_as_expected() {
    let store = MemoryStore::default();
    let texts = options(&[
        ("volume-id", "SMALL".into()),
        ("system-id", "LINUX".into()),
        ("publisher", "THE PUBLISHER".into()),
        ("padding", Data::Int(0)),
    ]);
    let bytes = made(&texts, &small(&store), &store);
    let text = dump(&bytes, &store);
    assert!(text == include_str!("golden.txt"), "{text}");
    assert!(Iso9660.dump(&vec![0u8; 65536]).is_err());
    assert!(Iso9660.dump(&vec![0u8; 10]).is_err());
}

#[test]
fn the_bytes_are_pinned() {
    let cells: [&[(&str, Data)]; 4] = [
        &[],
        &[("level", Data::Int(1)), ("joliet", Data::Bool(false))],
        &[("level", Data::Int(4)), ("padding", Data::Int(0))],
        &[("names", "relaxed".into()), ("deep", "keep".into()), ("joliet-length", Data::Int(103))],
    ];
    let found = cells.map(|pairs| {
        let store = MemoryStore::default();
        let bytes = made(&options(pairs), &small(&store), &store);
        same_by_us(&bytes, &small(&store), &store);
        digest(&bytes, &store)
    });
    assert_eq!(found, PINNED);
}

const PINNED: [&str; 4] = [
    "39235956d28b222505528adc37938cb6618a234e37851e85b1a77e035cc3bdd4",
    "544dec9a6f8835ec8998ee6f694a756f7757c18702edb4785d11afb2a0ed6fb8",
    "a1bd798fcddaa9f5414b7330f7cef03b994658f9469e81cc5dbfbdf53beaa8ff",
    "a85af0ce83cdd7ebaea9053ce8d3c7434303416022c4bd02757fcc5457242175",
];

#[test]
fn equal_contents_are_stored_once_and_holes_not_at_all() {
    let store = MemoryStore::default();
    let big = noise(100_000, 7);
    let names = (0..50).map(|n| file(&store, format!("copy{n}"), &big));
    let with_holes = sparse(&store, "holes", 1 << 30, &[(0, b"start"), (1 << 29, b"middle")]);
    let bytes = made(&options(&[]), &tree(names.chain([with_holes])), &store);
    assert!(bytes.len() > 1 << 30 && bytes.len() < (1 << 30) + (1 << 20), "{}", bytes.len());
    let metadata = 100_000;
    assert!(bytes.allocated() < 100_000 + 11 + metadata, "{}", bytes.allocated());
}

#[test]
fn the_reader_says_what_the_volume_is() {
    let store = MemoryStore::default();
    let bytes = made(&options(&[("volume-id", "MY_LABEL".into())]), &small(&store), &store);
    let reader = Reader::new(&bytes, &store);
    let volume = Iso9660.open(&reader).expect("opens").expect("is ISO 9660");
    let facts = volume.facts();
    assert_eq!(facts["label"], Data::from("MY_LABEL"));
    assert_eq!(facts["uuid"], Data::from("2001-09-09-01-46-40-00"));
    assert_eq!(facts["block-size"], Data::Int(2048));
    assert_eq!(facts["len"].as_u64(), Some(bytes.len()));
    assert!(volume.copy(b"nothing", &mut Vec::new()).is_err());
    assert!(Iso9660.open(&vec![0u8; 1 << 16]).expect("reads").is_none());
}

#[test]
fn without_a_tree_there_is_an_empty_root() {
    let store = MemoryStore::default();
    let mut out = imgc_image::BytesBuilder::new(&store);
    Iso9660.write(&options(&[]), None, 0, &mut out).expect("made");
    let len = out.chosen_len().expect("a length");
    let bytes = out.finish(len).expect("made");
    same_by_us(&bytes, &tree([]), &store);
}

#[test]
fn a_dense_file_of_one_sector_is_the_boot_catalogue() {
    let store = MemoryStore::default();
    let zeros = Content::Bytes(Arc::new(Bytes::zeros(2048)));
    let catalog = |dense| entry("boot/boot.cat", Node::File { content: zeros.clone(), dense });
    let bytes = made(&options(&[]), &tree([catalog(true)]), &store);
    let reader = Reader::new(&bytes, &store);
    let volume = Iso9660.open(&reader).expect("opens").expect("is ISO 9660");
    let sector = volume.extents(b"boot/boot.cat").expect("found")[0].offset / 2048;
    let text = dump(&bytes, &store);
    assert!(text.contains(&format!("\nsector 17: boot record, catalogue at {sector}\n")), "{text}");
    for options in [options(&[]), options(&[("boot-catalog", "/other".into())])] {
        let text = dump(
            &made(&options, &tree([catalog(options["boot-catalog"] == Data::from("/other"))]), &store),
            &store,
        );
        assert!(!text.contains("boot record"), "{text}");
    }
    for wrong in ["/", "boot.cat", "/a/../b", ""] {
        let problems = Iso9660.check(&options(&[("boot-catalog", wrong.into())]));
        assert_eq!(
            problems.iter().map(|problem| problem.option).collect::<Vec<_>>(),
            [Some("boot-catalog")],
            "{wrong}"
        );
    }
}

#[test]
fn dense_files_lie_alone() {
    let store = MemoryStore::default();
    let zeros = Content::Bytes(Arc::new(Bytes::zeros(2048)));
    let zero = |path, dense| entry(path, Node::File { content: zeros.clone(), dense });
    let bytes = made(
        &options(&[]),
        &tree([
            zero("a", true),
            zero("b", true),
            linked(zero("c", true), 1),
            linked(zero("d", true), 1),
            zero("e", false),
            zero("f", false),
        ]),
        &store,
    );
    let reader = Reader::new(&bytes, &store);
    let volume = Iso9660.open(&reader).expect("opens").expect("is ISO 9660");
    let first = |path: &[u8]| volume.extents(path).expect("found")[0].offset / 2048;
    let places = [b"a", b"b", b"c", b"d", b"e", b"f"].map(|path| first(path));
    assert_eq!(places.map(|place| place - places[0]), [0, 1, 2, 2, 3, 3]);
}

#[test]
fn without_rock_ridge_joliet_counts_and_without_it_plain_names() {
    let store = MemoryStore::default();
    let tree = tree([file(&store, "Read me.txt", b"x"), file(&store, "dir/日本", b"y")]);
    let names = |pairs: &[(&str, Data)]| {
        let bytes = made(&options(pairs), &tree, &store);
        let reader = Reader::new(&bytes, &store);
        let volume = Iso9660.open(&reader).expect("opens").expect("is ISO 9660");
        let tree = volume.tree().expect("a tree");
        tree.entries().iter().map(|entry| entry.path.to_string()).collect::<Vec<_>>()
    };
    let plain = [("rock-ridge", Data::Bool(false)), ("joliet", Data::Bool(false))];
    assert_eq!(names(&plain[..1]), ["/", "/Read me.txt", "/dir", "/dir/日本"]);
    assert_eq!(names(&plain), ["/", "/DIR", "/DIR/__", "/READ_ME.TXT"]);
}

#[test]
fn descriptors_name_files_of_the_root_and_all_four_times() {
    let store = MemoryStore::default();
    let tree = tree([
        file(&store, "COPYING", b"free"),
        file(&store, "abstract of all of it.text", b"x"),
        symlink("l", "x"),
    ]);
    let given: &[(&str, Data)] = &[
        ("copyright-file", "/COPYING".into()),
        ("abstract-file", "/abstract of all of it.text".into()),
        ("creation-time", Data::Int(0)),
        ("modification-time", Data::Int(1)),
        ("expiration-time", Data::Int(2)),
        ("effective-time", Data::Int(3)),
        ("joliet-length", Data::Int(103)),
    ];
    let text = dump(&made(&options(given), &tree, &store), &store);
    let said: Vec<&str> =
        text.lines().take_while(|line| !line.starts_with("path table")).map(str::trim).collect();
    let of = |word: &str| said.iter().filter(|line| line.starts_with(word)).copied().collect::<Vec<_>>();
    assert_eq!(of("copyright"), ["copyright   \"COPYING.;1\"", "copyright   \"COPYING\""]);
    // Joliet has room for 18 characters.
    assert_eq!(of("abstract"), ["abstract    \"ABSTRACT_OF_ALL_OF_IT.TEXT;1\""]);
    for (word, time) in [("created", "00"), ("modified", "01"), ("expires", "02"), ("effective", "03")] {
        let line = format!("{word:<11} 1970-01-01T00:00:{time}");
        assert_eq!(of(word), [line.as_str(), line.as_str()]);
    }
    let both = [("copyright-file", "/none".into()), ("bibliographic-file", "/l".into())];
    let found = problems(make(&options(&both), &tree, &store));
    assert_eq!(found.iter().map(|problem| problem.code).collect::<Vec<_>>(), ["descriptor-file"; 2]);
    for wrong in ["/a/b", "COPYING", "/", "/.."] {
        assert_eq!(Iso9660.check(&options(&[("abstract-file", wrong.into())])).len(), 1, "{wrong}");
    }
}
