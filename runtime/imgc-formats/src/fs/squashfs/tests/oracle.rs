//! What unsquashfs (4.5 or later) finds: a listing with every attribute, and all contents.

use std::{
    os::unix::{
        ffi::OsStrExt,
        fs::{FileTypeExt, MetadataExt},
    },
    path::Path,
    process::Command,
};

use imgc_image::{Entry, MemoryStore, Node, Reader, Tree};
use imgc_plan::Data;

use super::{METHODS, make, options, trees};
use crate::testing::{run, write_sparse};

const PACKAGE: &str = "squashfs-tools";

/// Writes an image into a file.
fn image(given: &[(&str, Data)], tree: &Tree, store: &MemoryStore, folder: &Path) -> std::path::PathBuf {
    let made = make(&options(given), tree, store).expect("made");
    let path = folder.join("image");
    write_sparse(&made.bytes, store, &path).expect("written");
    path
}

fn unsquashfs(arguments: &[&str], image: &Path) -> String {
    run(PACKAGE, Command::new("unsquashfs").env("TZ", "UTC").args(arguments).arg(image))
}

/// What `-lln` says of an entry, without the time: mode, owner, size or device, and the path with what a link points at.
fn line(entry: &Entry) -> String {
    let letter = match entry.node {
        Node::Dir => 'd',
        Node::File { .. } => '-',
        Node::Symlink(_) => 'l',
        Node::Char { .. } => 'c',
        Node::Block { .. } => 'b',
        Node::Fifo => 'p',
        Node::Socket => 's',
    };
    let what = match &entry.node {
        Node::File { content, .. } => content.len().to_string(),
        Node::Symlink(target) => target.len().to_string(),
        // unsquashfs shows the number as if minors had eight bits (the kernel reads it as it is meant).
        Node::Char { major, minor } | Node::Block { major, minor } => {
            let number = (minor & 0xff | major << 8 | (minor & !0xff) << 12) as i32;
            format!("{}, {}", number >> 8, number & 0xff)
        }
        _ => String::new(),
    };
    let target = match &entry.node {
        Node::Symlink(target) => format!(" -> {}", String::from_utf8_lossy(target)),
        _ => String::new(),
    };
    let path = String::from_utf8_lossy(&entry.path.0).into_owned();
    let path = if path.is_empty() { String::new() } else { format!("/{path}") };
    let (mode, meta) = (permissions(entry.meta.mode), entry.meta);
    format!("{letter}{mode} {}/{} {what} squashfs-root{path}{target}", meta.uid, meta.gid)
}

fn permissions(mode: u16) -> String {
    let mut letters: Vec<char> = "rwxrwxrwx".chars().collect();
    for (at, letter) in letters.iter_mut().enumerate() {
        if mode & 0o400 >> at == 0 {
            *letter = '-';
        }
    }
    for (bit, at, set) in [(0o4000, 2, "sS"), (0o2000, 5, "sS"), (0o1000, 8, "tT")] {
        if mode & bit != 0 {
            let plain = usize::from(letters[at] != 'x');
            letters[at] = set.chars().nth(plain).expect("two letters");
        }
    }
    letters.into_iter().collect()
}

/// A line of `-lln` in the form of [`line()`].
fn squeeze(text: &str) -> String {
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    let date =
        words.iter().skip(2).position(|word| word.len() == 10 && word.as_bytes()[4] == b'-').expect("a date")
            + 2;
    let kind = words[0].as_bytes()[0];
    let size = if matches!(kind, b'd' | b'p' | b's') {
        String::new()
    } else {
        words[2..date].concat().replace(',', ", ")
    };
    format!("{} {} {size} {}", words[0], words[1], words[date + 2..].join(" "))
}

fn assert_lists(tree: &Tree, image: &Path) {
    let said = unsquashfs(&["-lln"], image);
    let mut found: Vec<String> =
        said.lines().filter(|line| line.contains(" squashfs-root")).map(squeeze).collect();
    let mut wanted: Vec<String> = tree.entries().iter().map(line).collect();
    found.sort();
    wanted.sort();
    assert_eq!(found, wanted);
}

/// Extracts everything and compares what the host can hold.
fn assert_extracts(tree: &Tree, store: &MemoryStore, image: &Path, folder: &Path) {
    let out = folder.join("out");
    let target = out.to_str().expect("UTF-8");
    let said = unsquashfs(&["-f", "-d", target, "-user-xattrs"], image);
    assert!(!said.contains("rror") && !said.contains("ailed"), "{said}");
    for entry in tree.entries() {
        let path = out.join(std::ffi::OsStr::from_bytes(&entry.path.0));
        let meta = std::fs::symlink_metadata(&path).expect("it was extracted");
        assert_eq!(meta.mtime(), entry.meta.mtime, "{}", entry.path);
        match &entry.node {
            Node::File { content, .. } => {
                let bytes = content.to_bytes();
                let wanted = Reader::new(&bytes, store).read_all(1 << 30).expect("it reads");
                assert!(std::fs::read(&path).expect("it reads") == wanted, "{}", entry.path);
                let names =
                    tree.entries().iter().filter(|other| entry.link.is_some() && other.link == entry.link);
                assert_eq!(meta.nlink(), names.count().max(1) as u64, "{}", entry.path);
            }
            Node::Symlink(to) => {
                assert_eq!(std::fs::read_link(&path).expect("a link").as_os_str().as_bytes(), &**to);
            }
            Node::Fifo => assert!(meta.file_type().is_fifo()),
            _ => {}
        }
        for (name, value) in &entry.xattrs {
            let mut found = [0; 4000];
            let len = rustix::fs::lgetxattr(&path, &**name, &mut found[..]).expect("an attribute");
            assert_eq!(found[..len], **value, "{}", entry.path);
        }
    }
}

#[test]
fn unsquashfs_lists_everything_as_it_is() {
    let store = MemoryStore::default();
    let longest = trees::entry("longest", Node::Symlink("y/".repeat(2047).into_bytes().into()));
    let tree = trees::tree(trees::everything(&store).into_entries().into_iter().chain([longest]));
    for method in METHODS {
        let folder = tempfile::tempdir().expect("a folder");
        let image = image(&[("compress", method.into())], &tree, &store, folder.path());
        assert_lists(&tree, &image);
        let said = unsquashfs(&["-stat"], &image);
        for wanted in [
            "Creation or last append time Tue Nov 14 22:13:20 2023",
            "Filesystem is exportable via NFS",
            "Duplicates are removed",
            "Block size 131072",
            "Number of fragments 1",
            "Number of xattr ids 7",
        ] {
            assert!(said.contains(wanted), "{wanted}: {said}");
        }
        assert_eq!(
            run(PACKAGE, Command::new("unsquashfs").arg("-cat").arg(&image).arg("bin/twin")),
            "two names\n"
        );
    }
}

#[test]
fn unsquashfs_extracts_random_trees_as_they_are() {
    for seed in 0..10 {
        let store = MemoryStore::default();
        let tree = trees::random(&store, 100 + seed, 120, 4096, true);
        let method = METHODS[seed as usize % METHODS.len()];
        let folder = tempfile::tempdir().expect("a folder");
        let given = [
            ("compress", Data::from(method)),
            ("block-size", Data::Int(if seed < 5 { 4096 } else { 1 << 20 })),
            ("fragments", Data::Bool(seed != 3)),
            ("tail-packing", Data::Bool(seed % 2 == 0)),
            ("exportable", Data::Bool(seed % 4 != 1)),
            ("duplicates", Data::Bool(seed % 3 > 0)),
        ];
        let image = image(&given, &tree, &store, folder.path());
        assert_lists(&tree, &image);
        assert_extracts(&tree, &store, &image, folder.path());
    }
}

#[test]
fn unsquashfs_accepts_every_level() {
    let store = MemoryStore::default();
    let tree = trees::random(&store, 9, 40, 4096, true);
    for (method, level) in [("gzip", 1), ("gzip", 12), ("xz", 0), ("xz", 9), ("zstd", 1), ("zstd", 22)] {
        let folder = tempfile::tempdir().expect("a folder");
        let given = [
            ("compress", Data::from(method)),
            ("level", Data::Int(level)),
            ("block-size", Data::Int(16 << 10)),
        ];
        let image = image(&given, &tree, &store, folder.path());
        assert_extracts(&tree, &store, &image, folder.path());
        let said = unsquashfs(&["-stat"], &image);
        // xz does not say its level, and gzip's largest is written as zlib's, which is the usual one.
        let shown = method == "zstd" || (method, level) == ("gzip", 1);
        assert_eq!(said.contains(&format!("compression-level {level}")), shown, "{said}");
    }
}

#[test]
fn unsquashfs_reads_a_long_directory_and_a_huge_hole() {
    let store = MemoryStore::default();
    let names = (0..20_000)
        .map(|number| trees::file(&store, &format!("big/name-{number:05}"), number.to_string().as_bytes()));
    let huge = trees::pieced(&store, "huge", 20 << 30, &[(5 << 30, b"five"), ((20 << 30) - 3, b"end")]);
    let tree = trees::tree(names.chain([huge]));
    let folder = tempfile::tempdir().expect("a folder");
    let image = image(&[], &tree, &store, folder.path());
    assert_lists(&tree, &image);
    assert_eq!(
        run(PACKAGE, Command::new("unsquashfs").arg("-cat").arg(&image).arg("big/name-19999")),
        "19999"
    );
    let out = folder.path().join("out");
    unsquashfs(&["-d", out.to_str().expect("UTF-8")], &image);
    let huge = std::fs::File::open(out.join("huge")).expect("extracted");
    let mut end = [0; 4];
    std::os::unix::fs::FileExt::read_exact_at(&huge, &mut end, (20 << 30) - 4).expect("it reads");
    assert_eq!(&end, b"\0end");
    std::os::unix::fs::FileExt::read_exact_at(&huge, &mut end, 5 << 30).expect("it reads");
    assert_eq!(&end, b"five");
}

/// Makes a folder on the host, and an image of it with mksquashfs.
fn foreign(method: &str, folder: &Path) -> std::path::PathBuf {
    let root = folder.join("root");
    std::fs::create_dir_all(root.join("many")).expect("a folder");
    for number in 0..3000 {
        std::fs::write(root.join(format!("many/file-{number:04}")), number.to_string()).expect("a file");
    }
    let data = trees::Rng(8).bytes(500_001);
    std::fs::write(root.join("large"), &data).expect("a file");
    std::fs::hard_link(root.join("large"), root.join("twin")).expect("a link");
    let holes = std::fs::File::create(root.join("holes")).expect("a file");
    std::os::unix::fs::FileExt::write_all_at(&holes, b"end", 3 << 20).expect("written");
    std::os::unix::fs::symlink("large", root.join("link")).expect("a link");
    let image = folder.join("foreign");
    let arguments = ["-noappend", "-no-progress", "-no-xattrs", "-all-root", "-comp"];
    let mut command = Command::new("mksquashfs");
    command.arg(&root).arg(&image).args(arguments);
    match method {
        "none" => command.args(["gzip", "-noI", "-noD", "-noF"]),
        "xz" => command.args(["xz", "-Xbcj", "x86,arm"]),
        method => command.arg(method),
    };
    let device = ["-p", "null c 666 0 0 1 3", "-p", "sda b 640 0 6 8 257"];
    run(PACKAGE, command.args(device));
    image
}

#[test]
fn images_of_mksquashfs_are_read() {
    for method in METHODS {
        let folder = tempfile::tempdir().expect("a folder");
        let image = std::fs::read(foreign(method, folder.path())).expect("it reads");
        let volume = super::open(&image);
        let tree = volume.tree().expect("it reads");
        assert_eq!(tree.entries().len(), 3000 + 8, "{method}");
        let node = |path: &str| &tree.get(path.as_bytes()).expect("it is there").node;
        assert_eq!(*node("sda"), Node::Block { major: 8, minor: 257 });
        assert_eq!(*node("null"), Node::Char { major: 1, minor: 3 });
        assert_eq!(*node("link"), Node::Symlink(b"large"[..].into()));
        let link = |path: &str| tree.get(path.as_bytes()).and_then(|entry| entry.link);
        assert!(link("large").is_some() && link("large") == link("twin"));
        for entry in tree.entries().iter().filter(|entry| matches!(entry.node, Node::File { .. })) {
            let mut copy = Vec::new();
            volume.copy(&entry.path.0, &mut copy).expect("it copies");
            let path = folder.path().join("root").join(std::ffi::OsStr::from_bytes(&entry.path.0));
            assert!(copy == std::fs::read(path).expect("it reads"), "{method} {}", entry.path);
        }
        super::Filesystem::dump(&super::Squashfs, &image).expect("it prints");
    }
}
