//! What readers that we did not write find in an image is what was in the tree.

use std::{
    collections::BTreeMap,
    error::Error,
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::FileExt},
    path::Path,
};

use ext4_view::{Ext4, Ext4Read};
use imgc_image::{Content, Entry, MemoryStore, Node, Reader, Tree};

use super::{
    fsck::sampler,
    image::{Grove, Image, boxed, entry, fitted, noise, run},
    open::compare_by_us,
};

struct ImageFile(fs::File);

impl Ext4Read for ImageFile {
    fn read(&mut self, start: u64, out: &mut [u8]) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(self.0.read_exact_at(out, start)?)
    }
}

/// Compares a whole image with its tree: by ext4-view if it can read it, and by debugfs.
pub fn compare(image: &Image, tree: &Tree, store: &MemoryStore) {
    // It wants to know types from directories.
    let features = image.debugfs("features");
    if features.contains("filetype") {
        compare_by_view(image, tree, store, features.contains("extent"));
    }
    compare_by_debugfs(image, tree, store);
}

/// As [`compare`], without ext4-view, but with our own reader.
pub fn compare_by_debugfs(image: &Image, tree: &Tree, store: &MemoryStore) {
    compare_by_us(image, tree, store);
    compare_by_rdump(image, tree, store);
    compare_by_stat(image, tree);
}

fn content(node: &Node, store: &MemoryStore) -> Vec<u8> {
    let Node::File { content, .. } = node else { panic!("not a file") };
    Reader::new(&content.to_bytes(), store).read_all(1 << 30).unwrap()
}

/// Holes in files without extents are not read: ext4-view takes block 0 for them.
fn compare_by_view(image: &Image, tree: &Tree, store: &MemoryStore, extents: bool) {
    let ext4 = Ext4::load(Box::new(ImageFile(fs::File::open(image.path()).unwrap()))).unwrap();
    let mut children: BTreeMap<&[u8], usize> = BTreeMap::new();
    for entry in tree.entries() {
        if let Some(parent) = entry.parent() {
            *children.entry(parent).or_default() += 1;
        }
        let path = [b"/", &entry.path.0[..]].concat();
        let path = ext4_view::Path::new(&path);
        let found = ext4.symlink_metadata(path).unwrap_or_else(|error| panic!("{}: {error}", entry.path));
        let kind = found.file_type();
        match &entry.node {
            Node::Dir => assert!(kind.is_dir()),
            Node::File { content: expected, .. } => {
                assert!(kind.is_regular_file());
                assert_eq!(found.len(), expected.len(), "{}", entry.path);
                let holes = matches!(&entry.node, Node::File { content: Content::Bytes(_), .. });
                if extents || !holes {
                    assert!(ext4.read(path).unwrap() == content(&entry.node, store), "{}", entry.path);
                }
            }
            Node::Symlink(target) => {
                assert_eq!(ext4.read_link(path).unwrap(), ext4_view::Path::new(target), "{}", entry.path);
            }
            Node::Char { .. } => assert!(kind.is_char_dev()),
            Node::Block { .. } => assert!(kind.is_block_dev()),
            Node::Fifo => assert!(kind.is_fifo()),
            Node::Socket => assert!(kind.is_socket()),
        }
        assert_eq!(found.mode() & 0o7777, entry.meta.mode, "{}", entry.path);
        assert_eq!((found.uid(), found.gid()), (entry.meta.uid, entry.meta.gid), "{}", entry.path);
        assert_eq!(found.modified().seconds(), entry.meta.mtime, "{}", entry.path);
        if image.warnings.is_empty() {
            assert_eq!(found.modified().nanoseconds(), entry.meta.mtime_nanos, "{}", entry.path);
        }
    }
    for entry in tree.entries().iter().filter(|entry| entry.is_dir()) {
        let path = [b"/", &entry.path.0[..]].concat();
        let listed = ext4.read_dir(ext4_view::Path::new(&path)).unwrap().count();
        // `.`, `..`, and in the root `lost+found`.
        let own = 2 + usize::from(entry.path.0.is_empty());
        let expected = children.get(&entry.path.0[..]).copied().unwrap_or(0) + own;
        assert_eq!(listed, expected, "{}", entry.path);
    }
}

/// Takes everything out with debugfs and looks at it on the host.
fn compare_by_rdump(image: &Image, tree: &Tree, store: &MemoryStore) {
    let out = tempfile::TempDir::new().unwrap();
    let said = image.debugfs(&format!("rdump / {}", out.path().display()));
    let complaints = said
        .lines()
        .filter(|line| !line.starts_with("debugfs ") && !line.contains("Operation not permitted"));
    assert_eq!(complaints.collect::<Vec<_>>(), Vec::<&str>::new());
    let mut seen = 1;
    for entry in tree.entries() {
        let path = out.path().join(Path::new(OsStr::from_bytes(&entry.path.0)));
        match &entry.node {
            Node::Dir => assert!(path.is_dir(), "{}", entry.path),
            Node::File { .. } => {
                assert!(fs::read(&path).unwrap() == content(&entry.node, store), "{}", entry.path);
            }
            Node::Symlink(target) => {
                assert_eq!(
                    fs::read_link(&path).unwrap().as_os_str().as_bytes(),
                    &target[..],
                    "{}",
                    entry.path
                );
            }
            _ => continue,
        }
        seen += 1;
    }
    assert_eq!(count(out.path()), seen, "nothing is there that is not in the tree, but lost+found");
}

/// Everything in and below a directory, the directory itself included.
fn count(path: &Path) -> usize {
    let below = fs::read_dir(path).unwrap().map(|entry| entry.unwrap());
    1 + below
        .map(|entry| if entry.file_type().unwrap().is_dir() { count(&entry.path()) } else { 1 })
        .sum::<usize>()
}

fn is_plain(path: &[u8]) -> bool {
    path.iter().all(|byte| byte.is_ascii_alphanumeric() || b"/-_.".contains(byte))
}

/// Asks debugfs for all attributes of entries with plain names.
fn compare_by_stat(image: &Image, tree: &Tree) {
    let dir = tempfile::TempDir::new().unwrap();
    let plain: Vec<&Entry> = tree.entries().iter().filter(|entry| is_plain(&entry.path.0)).collect();
    let mut script = Vec::new();
    let mut values = Vec::new();
    for entry in &plain {
        script.extend_from_slice(format!("stat {}\n", entry.path).as_bytes());
        for (name, value) in &entry.xattrs {
            let file = dir.path().join(values.len().to_string());
            script.extend_from_slice(format!("ea_get -f {} {} ", file.display(), entry.path).as_bytes());
            script.extend_from_slice(name);
            script.push(b'\n');
            let name = String::from_utf8_lossy(name);
            values.push((file, value.clone(), format!("{} {name}", entry.path)));
        }
    }
    let path = dir.path().join("script");
    fs::write(&path, script).unwrap();
    let (_, text) = run("debugfs", &["-f", path.to_str().unwrap(), image.path().to_str().unwrap()]);
    let stats: Vec<&str> = text.split("debugfs: stat ").skip(1).collect();
    assert_eq!(stats.len(), plain.len());
    let mut names: BTreeMap<_, u32> = BTreeMap::new();
    for group in tree.entries().iter().filter_map(|entry| entry.link) {
        *names.entry(group).or_default() += 1;
    }
    for (entry, stat) in plain.iter().zip(stats) {
        stat_is(entry, stat, entry.link.map_or(1, |group| names[&group]), image.warnings.is_empty());
    }
    for (file, value, what) in values {
        let found = fs::read(file).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(found, *value, "{what}");
    }
}

fn stat_is(entry: &Entry, stat: &str, names: u32, nanos: bool) {
    let has = |text: String| assert!(stat.contains(&text), "{}: no `{text}` in {stat}", entry.path);
    let kind = match &entry.node {
        Node::Dir => "directory",
        Node::File { .. } => "regular",
        Node::Symlink(_) => "symlink",
        Node::Char { .. } => "character special",
        Node::Block { .. } => "block special",
        Node::Fifo => "FIFO",
        Node::Socket => "socket",
    };
    has(format!("Type: {kind} "));
    has(format!("Mode:  0{:03o} ", entry.meta.mode));
    has(format!("User: {:5}   Group: {:5}", entry.meta.uid as i32, entry.meta.gid as i32));
    let word = entry.meta.mtime as u32;
    let epoch = ((entry.meta.mtime - i64::from(word as i32)) >> 32) as u32;
    match nanos && stat.contains("Size of extra") {
        true => has(format!("mtime: 0x{word:08x}:{:08x}", epoch | entry.meta.mtime_nanos << 2)),
        false => has(format!("mtime: 0x{word:08x}")),
    }
    match &entry.node {
        Node::Dir => return,
        Node::File { content, .. } => has(format!("Size: {}\n", content.len())),
        Node::Symlink(target) => has(format!("Size: {}\n", target.len())),
        Node::Char { major, minor } | Node::Block { major, minor } => {
            has(format!("Device major/minor number: {major:02}:{minor:02} "));
        }
        _ => {}
    }
    has(format!("Links: {names} "));
}

#[test]
fn readers_find_what_was_written() {
    for (kind, text) in [
        ("ext4", ""),
        ("ext4", "block-size=1KiB"),
        ("ext4", "block-size=2KiB inode-size=512"),
        ("ext4", "profile=compatible"),
        ("ext4", "features=-extents,-64bit,-flex-bg"),
        ("ext4", "features=metadata-csum-seed"),
        ("ext3", "block-size=1KiB"),
        ("ext3", ""),
        ("ext2", "block-size=1KiB"),
        ("ext2", "features=-dir-index inode-size=128"),
        ("ext2", "profile=hurd"),
    ] {
        let mut grove = sampler();
        let (image, tree) = fitted(kind, text, &mut grove);
        compare(&image, &tree, &grove.store);
    }
}

#[test]
fn acls_are_turned_into_the_form_on_disk() {
    // debugfs shows 0 where there is no id. user::rw-, user:1000:r--, group::r--, group:5:rwx, mask::rwx, other::---
    let entries: [(u16, u16, u32); 6] =
        [(1, 6, 0), (2, 4, 1000), (4, 4, 0), (8, 7, 5), (0x10, 7, 0), (0x20, 0, 0)];
    let mut acl = 2u32.to_le_bytes().to_vec();
    for (tag, perm, id) in entries {
        acl.extend_from_slice(&[tag.to_le_bytes(), perm.to_le_bytes()].concat());
        acl.extend_from_slice(&id.to_le_bytes());
    }
    let mut grove = Grove::default();
    let xattrs =
        boxed(&[(b"system.posix_acl_access", &acl), (b"system.posix_acl_default", &acl), (b"user.x", b"1")]);
    grove.entry(Entry { xattrs, ..entry(b"dir", Node::Dir) });
    let (image, tree) = fitted("ext4", "", &mut grove);
    compare(&image, &tree, &grove.store);
    // Four of the six entries have no id on disk: 4 + 4 * 4 + 2 * 8 bytes.
    let at = image.debugfs("stat /dir");
    assert!(
        at.contains("system.posix_acl_access (52)") || at.contains("system.posix_acl_access (36)"),
        "{at}"
    );
}

#[test]
fn equal_attribute_blocks_are_shared() {
    let mut grove = Grove::default();
    let value = noise(800, 3);
    for n in 0..1030 {
        let xattrs = boxed(&[(b"user.long", &value)]);
        grove.entry(Entry { xattrs, ..entry(format!("f{n:04}").as_bytes(), Node::Fifo) });
    }
    let (image, tree) = fitted("ext4", "", &mut grove);
    compare(&image, &tree, &grove.store);
    let acl = |n: u32| {
        let text = image.debugfs(&format!("stat /f{n:04}"));
        text.lines().find_map(|line| line.strip_prefix("File ACL: ").map(str::to_owned)).unwrap()
    };
    assert_eq!(acl(0), acl(1023));
    assert_ne!(acl(0), acl(1024), "1024 inodes share a block at the most");
    assert_eq!(acl(1024), acl(1029));
}

#[test]
fn a_lost_found_of_the_tree_keeps_its_attributes() {
    let mut grove = Grove::default();
    let value = noise(700, 9);
    let meta = imgc_image::Meta { uid: 5, ..imgc_image::Meta::new(0o711, 77) };
    let early = boxed(&[(b"user.a", &value)]);
    grove.entry(Entry { xattrs: early, ..entry(b"early", Node::Fifo) });
    grove.with("lost+found", Node::Dir, meta, &[(b"user.b", &value)]);
    grove.file("lost+found/file", b"found").file("zzz", b"after");
    let tree = grove.tree();
    let options = super::image::options("ext4", "");
    let len = super::image::kind("ext4").measure(&options, Some(&tree)).unwrap();
    let image = super::image::write("ext4", &options, &tree, len, &grove.store).unwrap();
    image.fsck("lost+found");
    let stat = image.debugfs("stat lost+found");
    assert!(
        stat.contains("Inode: 11 ") && stat.contains("Mode:  0711") && stat.contains("User:     5"),
        "{stat}"
    );
    assert!(stat.contains("user.b (700)") && stat.contains("Size: 16384"), "{stat}");
    assert!(image.debugfs("cat lost+found/file").starts_with("found"));
}

#[test]
fn grub_reads_every_file() {
    for (kind, text) in [
        ("ext4", ""),
        ("ext4", "block-size=1KiB profile=compatible"),
        ("ext3", "block-size=2KiB"),
        ("ext2", "block-size=1KiB"),
        ("ext2", "profile=hurd"),
    ] {
        let mut grove = sampler();
        let long = grove.node(&noise(3_000_000, 8));
        for n in 0..400 {
            grove.file(format!("many/name-{n}"), &[b'x'; 9]);
        }
        grove.add("a/long", long);
        let (image, tree) = fitted(kind, text, &mut grove);
        let path = image.path();
        let out = tempfile::TempDir::new().unwrap();
        for entry in tree.entries().iter().filter(|entry| is_plain(&entry.path.0)) {
            let Node::File { .. } = &entry.node else { continue };
            if entry.path.0.starts_with(b"many/") && !entry.path.0.ends_with(b"7") {
                continue;
            }
            let copy = out.path().join("copy");
            let arguments =
                [path.to_str().unwrap(), "cp", &format!("(loop0){}", entry.path), copy.to_str().unwrap()];
            let (code, said) = run("grub-fstest", &arguments);
            assert_eq!(code, 0, "{kind} {text} {}: {said}", entry.path);
            assert!(
                fs::read(&copy).unwrap() == content(&entry.node, &grove.store),
                "{kind} {text} {}",
                entry.path
            );
        }
        let (_, listed) = run("grub-fstest", &[path.to_str().unwrap(), "ls", "(loop0)/many"]);
        assert_eq!(listed.split_whitespace().count(), 400, "{listed}");
    }
}
