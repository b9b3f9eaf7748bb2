//! fsck.erofs finds nothing to complain of, and extracts what was put in.

use imgc_image::{Entry, Failure, LinkGroup, Meta, Node};
use imgc_plan::Data;

use super::{
    super::Erofs,
    image::{EPOCH, Grove, Image, boxed, entry, noise, options, prose},
};
use crate::fs::Filesystem;

/// Ways that the fsck.erofs which is at hand does not read. `tests/boot` shows them to a later one, and to a kernel.
pub const LATER_WAYS: [&str; 4] = [
    "compress=zstd",
    "compress=zstd level=1 cluster-size=16KiB",
    "compress=zstd level=19 cluster-size=64KiB",
    "compress=zstd cluster-size=1MiB",
];

/// Every way to write a file.
pub fn all_ways() -> impl Iterator<Item = &'static str> {
    WAYS.into_iter().chain(LATER_WAYS)
}

/// Ways that every fsck.erofs reads.
pub const WAYS: [&str; 8] = [
    "",
    "compress=lz4",
    "compress=lz4hc",
    "compress=lz4hc level=3 cluster-size=16KiB",
    "compress=lz4 cluster-size=64KiB",
    "compress=lz4 cluster-size=1MiB",
    "dedupe=true",
    "dedupe=true chunk-size=4KiB",
];

/// A bit of everything that a plain user may extract.
pub fn sampler() -> Grove {
    let mut grove = Grove::default();
    grove.add("a", Node::Dir).add("a/b", Node::Dir).add("a/b/c", Node::Dir).add("empty", Node::Dir);
    for len in [0, 1, 31, 4000, 4032, 4064, 4065, 4095, 4096, 4097, 8191, 8192, 8193, 12_287, 70_000, 1 << 20]
    {
        grove.file(format!("a/noise-{len}"), &noise(len, len as u64));
        grove.file(format!("a/prose-{len}"), &prose(len, len as u64));
    }
    grove.file("a/long", &prose(3_000_001, 1)).file("a/long-noise", &noise(2_500_000, 2));
    let half = [noise(1_500_000, 3), prose(1_500_000, 4), vec![0; 700_000]].concat();
    grove.file("a/mixed", &half).file("a/zeros", &vec![0; 5_000_000]).file("a/same", &prose(70_000, 70_000));
    for len in [1, 59, 500, 4000, 4095] {
        grove.add(format!("a/b/link-{len}"), Node::Symlink("x".repeat(len).into_bytes().into()));
    }
    grove.add("pipe", Node::Fifo);
    let node = grove.node(b"linked");
    for path in ["one", "a/two", "a/b/three"] {
        grove.entry(Entry { link: LinkGroup::new(7), ..entry(path.as_bytes(), node.clone()) });
    }
    let node = grove.node(&prose(9000, 5));
    let meta = Meta { mode: 0o755, uid: 100_000, gid: 70_000, mtime: -5, mtime_nanos: 999_999_999 };
    grove.entry(Entry { meta, ..entry(b"a/program", node) });
    let node = grove.sparse(100_000, &[(50_000, b"middle")], true);
    grove.add("dense", node);
    for n in 0..100 {
        grove.file(format!("a/b/c/{n}-{}", "n".repeat(200)), b"");
    }
    grove
}

/// Attributes, owners, devices: what only our reader and dump.erofs can see.
fn attributes(grove: &mut Grove) {
    grove.add("null", Node::Char { major: 1, minor: 3 });
    grove.add("wide", Node::Block { major: 300, minor: 70_000 }).add("socket", Node::Socket);
    let long = noise(3000, 1);
    let acl =
        b"\x02\0\0\0\x01\0\x06\0\xFF\xFF\xFF\xFF\x04\0\x04\0\xFF\xFF\xFF\xFF\x20\0\x04\0\xFF\xFF\xFF\xFF";
    for n in 0..5 {
        let node = grove.node(&noise(n * 2000, 8));
        let own = format!("{n}");
        let xattrs = boxed(&[
            (b"user.shared", &long),
            (b"user.own", own.as_bytes()),
            (b"security.selinux", b"system_u:object_r:bin_t:s0\0"),
            (b"system.posix_acl_access", acl),
            (b"trusted.empty", b""),
        ]);
        grove.entry(Entry { xattrs, ..entry(format!("x{n}").as_bytes(), node) });
    }
    let many: Vec<(Vec<u8>, Vec<u8>)> =
        (0..400).map(|n| (format!("user.many{n}").into_bytes(), noise(n % 90, n as u64))).collect();
    let many: Vec<(&[u8], &[u8])> = many.iter().map(|(name, value)| (&**name, &**value)).collect();
    for path in ["many-one", "many-two"] {
        grove.entry(Entry { xattrs: boxed(&many), ..entry(path.as_bytes(), Node::Dir) });
    }
    let huge = noise(65_535, 9);
    let node = grove.node(&prose(30_000, 10));
    grove.entry(Entry { xattrs: boxed(&[(b"user.huge", &huge)]), ..entry(b"huge", node) });
    let root = Meta { mode: 0o1777, uid: 5, gid: 65_536, mtime: EPOCH, mtime_nanos: 1 };
    let xattrs = boxed(&[(b"user.root", &huge)]);
    grove.entry(Entry { meta: root, xattrs, ..entry(b"", Node::Dir) });
    let meta = Meta { mode: 0o6755, uid: 0, gid: 8, mtime: EPOCH, mtime_nanos: 0 };
    let node = grove.node(b"set-id");
    grove.entry(Entry { meta, ..entry(b"set-id", node) });
}

#[test]
fn everything_is_clean_and_extracted_in_every_way() {
    for way in WAYS {
        let mut grove = sampler();
        let tree = grove.tree();
        let image = Image::write(&options(way), &tree, &grove.store).unwrap();
        image.fsck(way);
        image.compare(&tree, &grove.store);
        image.extract(&tree, &grove.store);
    }
}

#[test]
fn attributes_owners_and_devices_come_back_in_every_way() {
    for way in WAYS {
        let mut grove = sampler();
        attributes(&mut grove);
        let image = grove.image(way);
        let set_id = image.describe("/set-id");
        assert!(set_id.contains("Gid: 8") && set_id.contains("Access: 0755"), "{set_id}");
        let program = image.describe("/a/program");
        assert!(program.contains("Uid: 100000") && program.contains("Gid: 70000"), "{program}");
        let links = image.describe("/one");
        assert!(links.contains("Links: 3"), "{links}");
        let socket = image.describe("/socket");
        assert!(socket.contains("Uid: 0") && socket.contains("Links: 1"), "{socket}");
    }
}

#[test]
fn random_trees_are_clean() {
    for round in 0..16 {
        Grove::grown(round as u64, 90).image(WAYS[round % WAYS.len()]);
    }
}

#[test]
fn twenty_thousand_names_in_a_directory() {
    let mut grove = Grove::default();
    let node = grove.node(b"x");
    for n in 0..20_000 {
        grove.add(format!("many/{n:05}-{}", "z".repeat(n % 30)), node.clone());
        grove
            .entry(Entry { link: LinkGroup::new(1), ..entry(format!("links/{n}").as_bytes(), node.clone()) });
    }
    for n in 0..300 {
        grove.add(format!("dirs/{n}"), Node::Dir);
    }
    for n in 0..66_000 {
        grove.entry(Entry { link: LinkGroup::new(2), ..entry(format!("wide/{n}").as_bytes(), node.clone()) });
    }
    let image = grove.image("");
    assert!(image.describe("/dirs").contains("Links: 302"), "{}", image.describe("/dirs"));
    assert!(image.describe("/links/7").contains("Links: 20000"), "{}", image.describe("/links/7"));
    assert!(image.describe("/wide/9").contains("Links: 66000"), "{}", image.describe("/wide/9"));
    assert!(image.describe("/many/19999-zzzzzzzzzzzzzzzzzzz").contains("Size: 1"));
}

#[test]
fn every_size_at_a_boundary_and_every_tail() {
    for way in ["", "compress=lz4hc", "compress=lz4 cluster-size=32KiB", "dedupe=true chunk-size=8KiB"] {
        let mut grove = Grove::default();
        for blocks in [0, 1, 2, 3, 8, 16, 256, 257] {
            for off in [-65_i64, -64, -33, -32, -1, 0, 1, 32, 2000] {
                let Ok(len) = usize::try_from(blocks * 4096 + off) else { continue };
                grove.file(format!("p{blocks}{off:+}"), &prose(len, len as u64));
                grove.file(format!("n{blocks}{off:+}"), &noise(len, len as u64));
            }
        }
        let tree = grove.tree();
        let image = Image::write(&options(way), &tree, &grove.store).unwrap();
        image.fsck(way);
        image.compare(&tree, &grove.store);
        image.extract(&tree, &grove.store);
    }
}

#[test]
fn zstandard_comes_back_with_every_attribute_at_every_boundary() {
    for way in LATER_WAYS {
        let mut grove = sampler();
        attributes(&mut grove);
        for blocks in [0, 1, 2, 3, 16, 256] {
            for off in [-65_i64, -1, 0, 1, 32, 2000] {
                let Ok(len) = usize::try_from(blocks * 4096 + off) else { continue };
                grove.file(format!("p{blocks}{off:+}"), &prose(len, len as u64));
                grove.file(format!("n{blocks}{off:+}"), &noise(len, len as u64));
            }
        }
        let tree = grove.tree();
        Image::write(&options(way), &tree, &grove.store).unwrap().compare(&tree, &grove.store);
    }
}

#[test]
fn an_empty_filesystem_is_clean() {
    let image = Grove::default().image("label=sixteen-letters-");
    assert_eq!(image.bytes.len(), 8192);
    let store = Grove::default().store;
    let mut out = imgc_image::BytesBuilder::new(&store);
    Erofs.write(&options(""), None, 0, &mut out).unwrap();
    assert_eq!(out.chosen_len(), Some(8192));
}

#[test]
fn what_cannot_be_held_is_said_at_once() {
    let mut grove = Grove::default();
    grove.add("dev", Node::Char { major: 5000, minor: 0 });
    grove.add("link", Node::Symlink(vec![b'x'; 4096].into()));
    let huge = Node::File { content: imgc_image::Bytes::zeros(1 << 60).into(), dense: false };
    grove.add("huge", huge);
    let long = vec![0; 70_000];
    let xattrs = boxed(&[(b"system.other", b""), (b"user.", b""), (b"user.long", &long)]);
    grove.entry(Entry { xattrs, ..entry(b"x", Node::Fifo) });
    let tree = grove.tree();
    let Err(Failure::Problems(problems)) = Erofs.measure(&options(""), Some(&tree)) else {
        panic!("refused")
    };
    let codes: Vec<&str> = problems.iter().map(|problem| problem.code).collect();
    assert_eq!(
        codes,
        ["device-unfit", "file-too-large", "symlink-unfit", "xattr-unfit", "xattr-unfit", "xattr-unfit"]
    );
    assert!(problems.iter().all(|problem| problem.help.is_some() && !problem.message.ends_with('.')));
    assert!(Image::write(&options(""), &tree, &grove.store).is_err());
}

#[test]
fn options_that_cannot_be_are_said_at_their_place() {
    let cases = [
        ("level=3", "level"),
        ("compress=lz4 level=3", "level"),
        ("compress=lz4hc level=13", "level"),
        ("cluster-size=8KiB", "cluster-size"),
        ("compress=lz4 cluster-size=12KiB", "cluster-size"),
        ("chunk-size=8KiB", "chunk-size"),
        ("dedupe=true chunk-size=12KiB", "chunk-size"),
        ("dedupe=true compress=lz4", "dedupe"),
        ("dedupe=true compress=zstd", "dedupe"),
    ];
    for (text, option) in cases {
        let found: Vec<_> = Erofs.check(&options(text)).into_iter().map(|problem| problem.option).collect();
        assert_eq!(found, [Some(option)], "{text}");
    }
    for way in all_ways() {
        assert_eq!(Erofs.check(&options(way)), [], "{way}");
    }
    let mut bad = options("");
    bad.insert("label".into(), Data::from("a\0b"));
    assert_eq!(Erofs.check(&bad).len(), 1);
}
