//! Our reader: images of mkfs.erofs, and images that lie.

use std::{fs, os::unix::fs::symlink};

use imgc_image::{Node, ReadAt};

use super::{
    super::{Erofs, dump},
    check::{all_ways, sampler},
    image::{Image, Random, noise, options, prose, tool},
};
use crate::fs::Filesystem;

/// What mkfs.erofs makes of a directory, in its own ways of compression.
#[test]
fn images_of_mkfs_are_read() {
    for way in [
        &[][..],
        &["-zlz4"],
        &["-zlz4hc,12", "-C65536"],
        &["-zlz4hc", "-Elegacy-compress"],
        &["--chunksize=4096"],
    ] {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        fs::create_dir_all(root.join("sub/deep")).unwrap();
        let mut files: Vec<(String, Vec<u8>)> = Vec::new();
        for len in [0, 1, 4095, 4096, 4097, 10_000, 300_000, 2_000_000] {
            files.push((format!("sub/prose-{len}"), prose(len, len as u64)));
            files.push((format!("sub/noise-{len}"), noise(len, len as u64)));
        }
        files.push(("sub/deep/zeros".into(), vec![0; 9_000_000]));
        for (path, content) in &files {
            fs::write(root.join(path), content).unwrap();
        }
        symlink("somewhere", root.join("sub/link")).unwrap();
        fs::hard_link(root.join("sub/prose-1"), root.join("sub/deep/linked")).unwrap();
        let image = dir.path().join("image");
        let mut args = way.to_vec();
        args.extend([image.to_str().unwrap(), root.to_str().unwrap()]);
        tool("mkfs.erofs", &args);
        let bytes = fs::read(&image).unwrap();
        let volume = Erofs.open(&bytes).unwrap().expect("an erofs");
        let tree = volume.tree().unwrap();
        assert_eq!(tree.get(b"sub/link").unwrap().node, Node::Symlink(b"somewhere"[..].into()), "{way:?}");
        let link = |path: &[u8]| tree.get(path).unwrap().link;
        assert!(
            link(b"sub/prose-1").is_some() && link(b"sub/prose-1") == link(b"sub/deep/linked"),
            "{way:?}"
        );
        for (path, content) in &files {
            let mut out = Vec::new();
            volume.copy(path.as_bytes(), &mut out).unwrap_or_else(|error| panic!("{way:?} {path}: {error}"));
            assert!(out == *content, "{way:?} {path}");
        }
        assert!(dump::dump(&bytes).unwrap().contains("/sub/deep/zeros"), "{way:?}");
    }
}

#[test]
fn facts_are_those_of_the_superblock() {
    let mut grove = sampler();
    let tree = grove.tree();
    let image = Image::write(&options("label=Root"), &tree, &grove.store).unwrap();
    let bytes = fs::read(image.path()).unwrap();
    let facts = Erofs.open(&bytes).unwrap().unwrap().facts();
    assert_eq!(facts["label"].as_text(), Some("Root"));
    assert_eq!(facts["uuid"].as_text(), options("")["uuid"].as_text());
    assert_eq!(facts["block-size"].as_u64(), Some(4096));
    assert_eq!(facts["len"].as_u64(), Some(image.bytes.len()));
    let text = tool("dump.erofs", &["-s", image.path().to_str().unwrap()]);
    assert!(text.contains(facts["uuid"].as_text().unwrap()), "{text}");
}

#[test]
fn other_bytes_are_no_erofs() {
    for bytes in [Vec::new(), vec![0; 100], vec![0; 1 << 20], noise(1 << 16, 1)] {
        assert!(Erofs.open(&bytes).unwrap().is_none());
        assert!(Erofs.dump(&bytes).is_err());
    }
}

/// Reads everything that there is, into nothing.
fn devour(bytes: &dyn ReadAt) -> Result<(), imgc_image::Failure> {
    let Some(volume) = Erofs.open(bytes)? else { return Ok(()) };
    let _ = dump::dump(bytes);
    let tree = volume.tree()?;
    for entry in tree.entries() {
        if matches!(&entry.node, Node::File { content, .. } if content.len() < 1 << 24) {
            volume.copy(&entry.path.0, &mut std::io::sink())?;
        }
    }
    Ok(())
}

/// The offsets of an image at which its metadata lies: mutations there hit something.
fn metadata(bytes: &[u8]) -> (usize, usize) {
    let block = super::super::format::le32(bytes, 1024 + 40) as usize;
    (block * 4096, bytes.len())
}

#[test]
fn hostile_images_do_no_harm() {
    let mut random = Random(5);
    for way in all_ways() {
        let mut grove = super::image::Grove::default();
        grove.file("a/prose", &prose(90_000, 1)).file("a/noise", &noise(5000, 1)).file("b", b"tail");
        let node = grove.sparse(1 << 22, &[(1 << 21, b"x")], false);
        grove.add("s", node).add("l", Node::Symlink(b"a/prose"[..].into()));
        let long = noise(100, 3);
        let xattrs = super::image::boxed(&[(b"user.a", &long), (b"user.b", b"b")]);
        for path in ["x", "y"] {
            let node = grove.node(b"1");
            grove.entry(imgc_image::Entry {
                xattrs: xattrs.clone(),
                ..super::image::entry(path.as_bytes(), node)
            });
        }
        let tree = grove.tree();
        let image = Image::write(&options(way), &tree, &grove.store).unwrap();
        let good = fs::read(image.path()).unwrap();
        devour(&good).unwrap();
        let (from, to) = metadata(&good);
        let mut refused = 0;
        for round in 0..400 {
            let mut bad = good.clone();
            for _ in 0..=random.below(3) {
                let at = match round % 4 {
                    0 => 1024 + random.below(128) as usize,
                    _ => from + random.below((to - from).min(4096) as u64) as usize,
                };
                bad[at] = match random.below(3) {
                    0 => 0xFF,
                    1 => bad[at] ^ (1 << random.below(8)),
                    _ => random.next() as u8,
                };
            }
            // Without the checksum, or nothing behind it would ever be looked at.
            bad[1032] &= !1;
            refused += usize::from(devour(&bad).is_err());
        }
        assert!(refused > 30, "{way}: {refused}");
        for len in (0..good.len()).step_by(good.len() / 40 + 1) {
            let _ = devour(&good[..len].to_vec());
        }
    }
}

#[test]
fn a_wrong_checksum_is_seen() {
    let mut grove = sampler();
    let tree = grove.tree();
    let image = Image::write(&options(""), &tree, &grove.store).unwrap();
    let mut bytes = fs::read(image.path()).unwrap();
    bytes[1024 + 64] ^= 1;
    assert!(Erofs.open(&bytes).is_err());
    assert!(ReadAt::len(&bytes) > 4096);
}
