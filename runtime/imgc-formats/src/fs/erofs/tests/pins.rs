//! Pinned bytes: a change here is a change of bytes, which the changelog names.

use imgc_image::{Entry, LinkGroup, Meta, Node};
use sha2::{Digest, Sha256};

use super::{
    super::Erofs,
    check::{LATER_WAYS, WAYS, all_ways},
    image::{EPOCH, Grove, Image, boxed, entry, noise, options, prose},
};
use crate::fs::Filesystem;

fn small() -> Grove {
    let mut grove = Grove::default();
    grove.file("etc/motd", b"hello\n").file("bin/tool", &prose(30_000, 1)).file("bin/noise", &noise(9000, 2));
    grove.add("bin/sh", Node::Symlink(b"tool"[..].into())).add("dev/null", Node::Char { major: 1, minor: 3 });
    let node = grove.sparse(1 << 20, &[(500_000, b"data")], false);
    grove.add("sparse", node);
    for (path, mtime) in [("one", EPOCH), ("two", EPOCH)] {
        let meta = Meta { mode: 0o4755, uid: 70_000, gid: 1, mtime, mtime_nanos: 5 };
        let link = LinkGroup::new(3);
        let node = grove.node(b"linked");
        let xattrs = boxed(&[(b"security.selinux", b"context"), (b"user.own", b"1")]);
        grove.entry(Entry { meta, xattrs, link, ..entry(path.as_bytes(), node) });
    }
    let node = grove.node(&prose(8192, 3));
    grove.entry(Entry { xattrs: boxed(&[(b"security.selinux", b"context")]), ..entry(b"three", node) });
    grove
}

#[test]
fn digests_are_pinned() {
    let pins: [&str; WAYS.len() + LATER_WAYS.len()] = include!("pins.in");
    let mut found = Vec::new();
    for way in all_ways() {
        let mut grove = small();
        let tree = grove.tree();
        let image = Image::write(&options(way), &tree, &grove.store).unwrap();
        let hash = Sha256::digest(std::fs::read(image.path()).unwrap());
        found.push(hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>());
    }
    assert_eq!(found, pins);
}

#[test]
fn dumps_are_golden() {
    for (way, golden) in [
        ("label=pinned", include_str!("plain.txt")),
        ("compress=lz4hc cluster-size=16KiB", include_str!("packed.txt")),
        ("compress=zstd cluster-size=16KiB", include_str!("zstandard.txt")),
    ] {
        let mut grove = small();
        let tree = grove.tree();
        let image = Image::write(&options(way), &tree, &grove.store).unwrap();
        let dump = Erofs.dump(&std::fs::read(image.path()).unwrap()).unwrap();
        assert!(dump == golden, "{way} is now:\n{dump}");
    }
}
