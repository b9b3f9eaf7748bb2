//! What our reader finds in images of ours, and in those of mke2fs.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink},
    path::Path,
};

use imgc_image::{Entry, MemoryStore, Node, ReadAt, Reader, Tree};

use super::{
    fsck::sampler,
    image::{Grove, Image, boxed, entry, fitted, fsck, kind, noise, options, run, write},
};
use crate::{
    fs::Volume,
    testing::{code, in_place},
};

/// Opens an image as the one kind that it is of.
fn open_as<'a>(image: &'a dyn ReadAt) -> (&'static str, Box<dyn Volume + 'a>) {
    let found =
        ["ext2", "ext3", "ext4"].map(|name| kind(name).open(image).unwrap().map(|volume| (name, volume)));
    let mut found: Vec<_> = found.into_iter().flatten().collect();
    assert_eq!(found.len(), 1);
    found.remove(0)
}

/// Compares an image with the tree that was put in.
pub fn compare_by_us(image: &Image, tree: &Tree, store: &MemoryStore) {
    let reader = Reader::new(&image.bytes, store);
    let (_, volume) = open_as(&reader);
    let found = volume.tree().unwrap();
    let kept = tree.get(b"lost+found").is_some();
    let found: Vec<&Entry> =
        found.entries().iter().filter(|entry| kept || entry.path.0 != b"lost+found").collect();
    assert_eq!(found.len(), tree.entries().len());
    for (found, wanted) in found.into_iter().zip(tree.entries()) {
        same(found, wanted, image.warnings.is_empty());
        let Node::File { content, .. } = &wanted.node else { continue };
        let mut copy = Vec::new();
        volume.copy(&wanted.path.0, &mut copy).unwrap();
        let content = Reader::new(&content.to_bytes(), store).read_all(1 << 30).unwrap();
        assert!(copy == content, "{}", wanted.path);
        match volume.extents(&wanted.path.0) {
            Ok(_) => {
                assert!(in_place(volume.as_ref(), &reader, &wanted.path.0) == content, "{}", wanted.path);
            }
            // Only what was given with holes has some.
            Err(error) => {
                assert_eq!(code::<()>(Err(error)), "content-not-in-place", "{}", wanted.path);
                let Node::File { content, dense: false } = &wanted.node else { panic!("{}", wanted.path) };
                let runs = content.data_runs();
                assert!(runs != [(0, content.len())], "{} has no holes", wanted.path);
            }
        }
    }
}

/// Everything but the content.
fn same(found: &Entry, wanted: &Entry, nanos: bool) {
    let path = &wanted.path;
    assert_eq!(found.path, *path);
    assert_eq!(found.link, wanted.link, "{path}");
    let mut meta = wanted.meta;
    if !nanos {
        meta.mtime_nanos = 0;
    }
    assert_eq!(found.meta, meta, "{path}");
    let anonymous = |(name, value): &(Box<[u8]>, Box<[u8]>)| {
        let value = if name.starts_with(b"system.posix_acl") { without_ids(value) } else { value.to_vec() };
        (name.clone(), value)
    };
    assert_eq!(
        found.xattrs.iter().map(anonymous).collect::<Vec<_>>(),
        wanted.xattrs.iter().map(anonymous).collect::<Vec<_>>(),
        "{path}"
    );
    match (&found.node, &wanted.node) {
        (Node::File { content: found, .. }, Node::File { content: wanted, .. }) => {
            assert_eq!(found.len(), wanted.len(), "{path}");
        }
        (found, wanted) => assert_eq!(found, wanted, "{path}"),
    }
}

/// An ACL in which ids that mean nothing are 0: on disk there are none.
fn without_ids(acl: &[u8]) -> Vec<u8> {
    let mut acl = acl.to_vec();
    for entry in acl[4..].chunks_exact_mut(8).filter(|entry| !matches!(entry[0], 2 | 8)) {
        entry[4..].fill(0);
    }
    acl
}

#[test]
fn acls_come_back_as_getxattr_shows_them() {
    let none = u32::MAX;
    let entries: [(u16, u16, u32); 5] =
        [(1, 6, none), (2, 4, 1000), (4, 4, none), (0x10, 7, none), (0x20, 0, none)];
    let mut acl = 2u32.to_le_bytes().to_vec();
    for (tag, perm, id) in entries {
        acl.extend_from_slice(&[tag.to_le_bytes(), perm.to_le_bytes()].concat());
        acl.extend_from_slice(&id.to_le_bytes());
    }
    let mut grove = Grove::default();
    let xattrs = boxed(&[(b"system.posix_acl_access", &acl), (b"system.posix_acl_default", &acl)]);
    grove.entry(Entry { xattrs: xattrs.clone(), ..entry(b"dir", Node::Dir) });
    let (image, _) = fitted("ext2", "", &mut grove);
    let reader = Reader::new(&image.bytes, &grove.store);
    assert_eq!(open_as(&reader).1.tree().unwrap().get(b"dir").unwrap().xattrs, xattrs);
}

#[test]
fn facts_are_what_the_options_said() {
    for (name, text) in [("ext2", ""), ("ext3", "journal=4MiB"), ("ext4", ""), ("ext4", "profile=compatible")]
    {
        let mut grove = sampler();
        let options = options(name, &format!("{text} label=Root"));
        let image = write(name, &options, &grove.tree(), 64 << 20, &grove.store).unwrap();
        let reader = Reader::new(&image.bytes, &grove.store);
        let (found, volume) = open_as(&reader);
        assert_eq!(found, name);
        let facts = volume.facts();
        assert_eq!(facts["label"].as_text(), Some("Root"));
        assert_eq!(facts["uuid"].as_text(), options["uuid"].as_text());
        assert_eq!(facts["block-size"].as_u64(), Some(4096));
        assert_eq!(facts["len"].as_u64(), Some(64 << 20));
        let (_, said) = run("dumpe2fs", &["-h", image.path().to_str().unwrap()]);
        let free = said.lines().find_map(|line| line.strip_prefix("Free blocks:")).unwrap().trim();
        let free: u64 = free.parse().unwrap();
        assert_eq!(facts["used"].as_u64(), Some((64 << 20) - free * 4096));
    }
    for bytes in [Vec::new(), vec![0; 1000], vec![0; 1 << 20], noise(1 << 16, 1)] {
        assert!(kind("ext4").open(&bytes).unwrap().is_none());
    }
}

/// A directory of the host with a bit of everything that a plain user can make.
fn nursery(root: &Path) {
    fs::create_dir_all(root.join("sub/deep/er")).unwrap();
    for len in [0, 1, 1023, 1024, 1025, 4096, 12 << 10, 13 << 10, 270 << 10, 1 << 20] {
        fs::write(root.join(format!("sub/file-{len}")), noise(len, len as u64)).unwrap();
    }
    for len in [1usize, 59, 60, 61, 900] {
        symlink("target/".repeat(200).split_at(len).0, root.join(format!("link-{len}"))).unwrap();
    }
    for n in 0..700 {
        fs::write(root.join(format!("sub/deep/{n}-{}", "x".repeat(n % 200))), b"").unwrap();
    }
    fs::hard_link(root.join("sub/file-1"), root.join("sub/deep/er/linked")).unwrap();
    fs::set_permissions(root.join("sub/file-1024"), fs::Permissions::from_mode(0o4751)).unwrap();
    // Beyond what one level of block numbers reaches, and with blocks of 1 KiB beyond two.
    let sparse = fs::File::create(root.join("sub/sparse")).unwrap();
    sparse.set_len((70 << 20) + 5).unwrap();
    for at in [0, 5 << 20, 69 << 20] {
        sparse.write_all_at(&noise(9000, at), at).unwrap();
    }
}

/// Everything in a directory of the host is in the volume as it is.
fn same_as_host(root: &Path, below: &str, volume: &dyn Volume, tree: &Tree, linked: &mut BTreeMap<u64, u32>) {
    for item in fs::read_dir(root.join(below)).unwrap() {
        let item = item.unwrap();
        let path = Path::new(below).join(item.file_name()).to_str().unwrap().to_owned();
        let (there, host) = (tree.get(path.as_bytes()).expect("there"), item.metadata().unwrap());
        assert_eq!(u32::from(there.meta.mode), host.mode() & 0o7777, "{path}");
        assert_eq!(there.meta.mtime, host.mtime(), "{path}");
        assert_eq!((there.meta.uid, there.meta.gid), (host.uid(), host.gid()), "{path}");
        match &there.node {
            Node::Dir => same_as_host(root, &path, volume, tree, linked),
            Node::Symlink(target) => {
                assert_eq!(fs::read_link(item.path()).unwrap().to_str().unwrap().as_bytes(), &target[..]);
            }
            Node::File { content, .. } => {
                assert_eq!(content.len(), host.len(), "{path}");
                let mut copy = Vec::new();
                volume.copy(path.as_bytes(), &mut copy).unwrap();
                assert!(copy == fs::read(item.path()).unwrap(), "{path}");
                if host.nlink() > 1 {
                    let group = there.link.expect("a link").get();
                    assert_eq!(*linked.entry(host.ino()).or_insert(group), group);
                }
            }
            other => panic!("{path} is {other:?}"),
        }
    }
}

#[test]
fn filesystems_of_mke2fs_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    nursery(&root);
    let path = dir.path().join("image");
    let at = path.to_str().unwrap();
    for (name, args, index) in [
        ("ext2", &["-b", "1024"][..], false),
        ("ext2", &["-b", "4096", "-I", "128"], true),
        ("ext2", &["-r", "0", "-b", "2048"], false),
        ("ext3", &["-b", "1024"], true),
        ("ext4", &["-b", "1024"], true),
        ("ext4", &["-b", "4096", "-O", "meta_bg,^resize_inode", "-g", "1024"], false),
        ("ext4", &["-b", "1024", "-O", "meta_bg,^resize_inode,^64bit", "-g", "512"], true),
        ("ext4", &["-b", "1024", "-O", "sparse_super2,meta_bg,^resize_inode", "-g", "512"], false),
        ("ext4", &["-b", "1024", "-O", "bigalloc", "-C", "16384"], false),
        ("ext4", &["-b", "4096", "-O", "^extent,^64bit", "-I", "1024"], false),
        ("ext4", &["-b", "65536", "-O", "large_dir"], false),
    ] {
        let what = format!("{name} {args:?}");
        let _ = fs::remove_file(&path);
        let mut all = vec!["-q", "-F", "-t", name, "-L", "theirs", "-d", root.to_str().unwrap()];
        all.extend_from_slice(args);
        all.extend([at, "96M"]);
        let (status, said) = run("mke2fs", &all);
        assert_eq!(status, 0, "{what}: {said}");
        if index {
            // Large directories become indexed ones.
            let (status, said) = run("e2fsck", &["-fyD", at]);
            assert!(status <= 1, "{what}: {said}");
            assert!(
                run("debugfs", &["-R", "htree_dump /sub/deep", at]).1.contains("Root node dump"),
                "{what}"
            );
        }
        let bytes = fs::read(&path).unwrap();
        let (found, volume) = open_as(&bytes);
        assert_eq!(found, name, "{what}");
        assert_eq!(volume.facts()["label"].as_text(), Some("theirs"));
        let tree = volume.tree().unwrap_or_else(|error| panic!("{what}: {error}"));
        same_as_host(&root, "", volume.as_ref(), &tree, &mut BTreeMap::new());
        assert!(kind(name).dump(&bytes).unwrap().contains("inode 2 mode 040755"), "{what}");
    }
}

/// What only debugfs makes: devices, attributes of all sorts, extents that were never written.
#[test]
fn what_debugfs_changes_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let (path, script) = (dir.path().join("image"), dir.path().join("script"));
    let (content, value) = (dir.path().join("content"), dir.path().join("value"));
    fs::write(&content, noise(30_000, 5)).unwrap();
    fs::write(&value, noise(300, 6)).unwrap();
    let at = path.to_str().unwrap();
    assert_eq!(run("mke2fs", &["-q", "-F", "-t", "ext4", "-b", "1024", at, "16M"]).0, 0);
    let commands = format!(
        "write {0} file\nwrite {0} holes\npunch holes 3 7\nfallocate file 40 60\nset_inode_field file size 55000\n\
         mknod null c 1 3\nmknod wide b 300 60000\nmknod pipe p\nln file linked\nset_inode_field file links_count 2\n\
         ea_set file user.short value\nea_set -f {1} file user.long\nset_inode_field pipe mtime 20991231235959\n\
         set_inode_field pipe uid 70000\n",
        content.display(),
        value.display()
    );
    fs::write(&script, commands).unwrap();
    run("debugfs", &["-w", "-f", script.to_str().unwrap(), at]);
    fsck(&path, "changed by debugfs");
    let bytes = fs::read(&path).unwrap();
    let (_, volume) = open_as(&bytes);
    let tree = volume.tree().unwrap();
    let node = |path: &[u8]| tree.get(path).unwrap().node.clone();
    assert_eq!(node(b"null"), Node::Char { major: 1, minor: 3 });
    assert_eq!(node(b"wide"), Node::Block { major: 300, minor: 60_000 });
    assert_eq!(node(b"pipe"), Node::Fifo);
    let pipe = tree.get(b"pipe").unwrap().meta;
    assert_eq!((pipe.mtime, pipe.uid), (4_102_444_799, 70_000));
    let file = tree.get(b"file").unwrap();
    assert!(file.link.is_some() && file.link == tree.get(b"linked").unwrap().link);
    let expected = boxed(&[(b"user.long", &noise(300, 6)), (b"user.short", b"value")]);
    assert_eq!(file.xattrs, expected);
    let mut wanted = noise(30_000, 5);
    let mut found = Vec::new();
    volume.copy(b"holes", &mut found).unwrap();
    wanted[3 * 1024..8 * 1024].fill(0);
    assert!(found == wanted);
    let why = volume.extents(b"holes").unwrap_err().to_string();
    assert!(why.contains("/holes") && why.ends_with("because it has holes"), "{why}");
    let mut wanted = noise(30_000, 5);
    wanted.resize(55_000, 0);
    found.clear();
    volume.copy(b"linked", &mut found).unwrap();
    assert!(found == wanted);
    // Blocks 30 to 39 are a hole, those after it were never written.
    assert_eq!(code(volume.extents(b"file")), "content-not-in-place");
    let dump = kind("ext4").dump(&bytes).unwrap();
    assert!(
        dump.lines().any(|line| line.contains(" for 40 from ") && line.ends_with(", never written")),
        "{dump}"
    );
}
