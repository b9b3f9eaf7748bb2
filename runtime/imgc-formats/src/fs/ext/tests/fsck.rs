//! e2fsck finds nothing to mend, whatever the options.

use imgc_image::{LinkGroup, Meta, Node};

use super::image::{EPOCH, Grove, boxed, entry, fitted, noise};

/// A bit of everything.
pub fn sampler() -> Grove {
    let mut grove = Grove::default();
    grove.dir("a").dir("a/b").dir("a/b/c").dir("empty");
    for len in [0, 1, 511, 1023, 1024, 1025, 4095, 4096, 4097, 12_288, 12_289, 49_152, 49_153, 300_000] {
        grove.file(format!("a/file-{len}"), &noise(len, len as u64));
    }
    for len in [1, 59, 60, 61, 500, 1023] {
        grove.add(
            format!("a/b/link-{len}"),
            Node::Symlink(b"component/".iter().copied().cycle().take(len).collect()),
        );
    }
    grove
        .add("null", Node::Char { major: 1, minor: 3 })
        .add("wide", Node::Block { major: 300, minor: 70_000 });
    grove.add("pipe", Node::Fifo).add("socket", Node::Socket);
    let node = grove.node(b"linked");
    for path in ["one", "a/two", "a/b/three"] {
        grove.entry(imgc_image::Entry { link: LinkGroup::new(7), ..entry(path.as_bytes(), node.clone()) });
    }
    let meta = Meta { mode: 0o4755, uid: 100_000, gid: 70_000, mtime: EPOCH, mtime_nanos: 0 };
    let capability = b"\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00";
    let node = grove.node(b"#!/bin/sh\n");
    grove.with("a/program", node, meta, &[(b"security.capability", capability)]);
    let node =
        grove.sparse(10 << 20, &[(0, b"start"), (5 << 20, b"middle"), ((10 << 20) - 3, b"end")], false);
    grove.add("sparse", node);
    let node = grove.sparse(100_000, &[(50_000, b"middle")], true);
    grove.add("dense", node);
    for n in 0..30 {
        grove.file(format!("a/b/c/{n}-{}", "n".repeat(200)), b"");
    }
    let value = noise(500, 1);
    for path in ["x1", "x2"] {
        let node = grove.node(b"attributes");
        let xattrs = boxed(&[(b"user.long", &value), (b"user.short", b"v")]);
        grove.entry(imgc_image::Entry { xattrs, ..entry(path.as_bytes(), node) });
    }
    grove
}

#[test]
fn ext4_is_clean() {
    fitted("ext4", "", &mut sampler());
}

#[test]
fn ext2_for_the_hurd_is_clean() {
    fitted("ext2", "profile=hurd", &mut sampler());
}

#[test]
fn every_kind_and_block_size_is_clean() {
    for kind in ["ext2", "ext3", "ext4"] {
        for block in ["1KiB", "2KiB", "4KiB"] {
            for inode in ["128", "256", "512"] {
                let less = if kind == "ext4" && inode == "128" { "features=-metadata-csum" } else { "" };
                fitted(kind, &format!("block-size={block} inode-size={inode} {less}"), &mut sampler());
            }
        }
    }
}
