//! What GNU cpio says of archives of ours.

use std::{fs, os::unix::fs::MetadataExt, path::Path, process::Command};

use imgc_image::{MemoryStore, Meta, TreeBuilder};
use imgc_plan::{BlobId, Data, tree::BytePath};

use super::*;
use crate::testing::{run, write_sparse};

fn options(compress: &str) -> Record {
    [("compress".to_owned(), Data::from(compress))].into()
}

fn entry(path: &[u8], mode: u16, node: Node) -> Entry {
    Entry {
        path: BytePath(path.to_vec()),
        meta: Meta::new(mode, 1_000_000_000),
        xattrs: Box::default(),
        link: None,
        node,
    }
}

fn sample(store: &MemoryStore) -> Tree {
    let content =
        |bytes: &[u8]| Content::Blob { id: store.put(bytes).expect("stored"), len: bytes.len() as u64 };
    let file = |bytes: &[u8]| Node::File { content: content(bytes), dense: false };
    let mut builder = TreeBuilder::new();
    let mut init = entry(b"init", 0o755, file(b"#!/bin/sh\nexec sh\n"));
    init.meta.uid = 12;
    init.meta.gid = 34;
    builder.push(init);
    builder.push(entry(b"", 0o700, Node::Dir));
    builder.push(entry(b"bin", 0o755, Node::Dir));
    for path in [&b"bin/busybox"[..], b"bin/sh", b"sbin/init"] {
        builder.push(Entry { link: LinkGroup::new(3), ..entry(path, 0o4755, file(&[5; 9001])) });
    }
    builder.push(entry(b"etc/link", 0o777, Node::Symlink((*b"../init").into())));
    builder.push(entry(b"dev/console", 0o600, Node::Char { major: 5, minor: 1 }));
    builder.push(entry(b"dev/sda", 0o660, Node::Block { major: 8, minor: 0 }));
    builder.push(entry(b"dev/initctl", 0o600, Node::Fifo));
    builder.push(entry(b"caf\xe9 \xff", 0o644, file(b"x")));
    builder.push(entry(b"empty", 0o644, Node::File { content: Content::empty(), dense: false }));
    builder.finish(1_000_000_000).expect("a tree")
}

fn pack(options: &Record, tree: &Tree, store: &MemoryStore) -> Arc<Bytes> {
    let (bytes, warnings) = Cpio.pack(options, tree, store).expect("packed");
    assert_eq!(warnings, []);
    Arc::new(bytes)
}

fn cpio(archive: &Path, args: &[&str], dir: &Path) -> String {
    let mut command = Command::new("cpio");
    command.args(args).current_dir(dir).env("LC_ALL", "C").env("TZ", "UTC");
    run("cpio", command.stdin(fs::File::open(archive).expect("opened")))
}

#[test]
fn gnu_cpio_lists_and_extracts_what_was_put_in() {
    let dir = tempfile::tempdir().expect("a directory");
    let (path, out) = (dir.path().join("a.cpio"), dir.path().join("out"));
    let store = MemoryStore::default();
    let tree = sample(&store);
    write_sparse(&pack(&options("none"), &tree, &store), &store, &path).expect("written");
    let list = cpio(&path, &["-itvn", "--quiet"], dir.path());
    let list: Vec<String> =
        list.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for line in [
        "drwx------ 2 0 0 0 Sep 9 2001 .",
        "-rwxr-xr-x 1 12 34 18 Sep 9 2001 init",
        "-rwsr-xr-x 3 0 0 0 Sep 9 2001 bin/busybox",
        "-rwsr-xr-x 3 0 0 9001 Sep 9 2001 sbin/init",
        "lrwxrwxrwx 1 0 0 7 Sep 9 2001 etc/link -> ../init",
        "crw------- 1 0 0 5, 1 Sep 9 2001 dev/console",
        "brw-rw---- 1 0 0 8, 0 Sep 9 2001 dev/sda",
        "prw------- 1 0 0 0 Sep 9 2001 dev/initctl",
    ] {
        assert!(list.iter().any(|found| found == line), "{line} is not in {list:#?}");
    }
    assert_eq!(list.len(), tree.entries().len());
    fs::create_dir(&out).expect("made");
    // Devices need root: they are listed above, and left out here.
    let args = ["-idm", "--quiet", "--no-preserve-owner", "-f", "dev/console", "dev/sda"];
    cpio(&path, &args, &out);
    let stat = |path: &str| fs::symlink_metadata(out.join(path)).expect("there");
    assert_eq!(fs::read(out.join("bin/busybox")).expect("reads"), [5; 9001]);
    assert_eq!(stat("bin/busybox").ino(), stat("sbin/init").ino());
    assert_eq!(stat("bin/sh").nlink(), 3);
    assert_eq!(stat("init").mtime(), 1_000_000_000);
    assert_eq!(stat("init").mode(), 0o100_755);
    assert_eq!(fs::read_link(out.join("etc/link")).expect("a link"), Path::new("../init"));
    let odd = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"caf\xe9 \xff");
    assert_eq!(fs::read(out.join(odd)).expect("reads"), b"x");
    assert_eq!(stat("empty").len(), 0);
}

#[test]
fn every_compression_unpacks_to_the_plain_archive() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = MemoryStore::default();
    let tree = sample(&store);
    let plain = pack(&options("none"), &tree, &store);
    let plain = imgc_image::Reader::new(&plain, &store).read_all(1 << 20).expect("reads");
    for (compress, tool, package) in
        [("gzip", "gzip", "gzip"), ("zstd", "zstd", "zstd"), ("xz", "xz", "xz-utils")]
    {
        let path = dir.path().join(compress);
        write_sparse(&pack(&options(compress), &tree, &store), &store, &path).expect("written");
        let out = dir.path().join("plain");
        let shell = format!("{tool} -dc < '{}' > '{}'", path.display(), out.display());
        run(package, Command::new(tool).arg("--version"));
        run("bash", Command::new("sh").args(["-c", &shell]));
        assert_eq!(fs::read(&out).expect("reads"), plain, "{compress}");
        if compress == "xz" {
            let list = run(package, Command::new("xz").args(["--list", "--robot", "--format=xz"]).arg(&path));
            assert!(list.contains("CRC32"), "the kernel reads no other check: {list}");
        }
    }
}

#[test]
fn contents_are_pointed_at_without_compression() {
    let store = MemoryStore::default();
    let bytes = pack(&options("none"), &sample(&store), &store);
    let blob = imgc_image::Ref::Blob(BlobId::of(&[5; 9001]));
    assert!(bytes.refs().contains(&blob), "the content was copied");
}

#[test]
fn the_bytes_are_pinned() {
    for (compress, wanted) in PINNED {
        let store = MemoryStore::default();
        let bytes = pack(&options(compress), &sample(&store), &store);
        let bytes = imgc_image::Reader::new(&bytes, &store).read_all(1 << 20).expect("reads");
        assert_eq!(BlobId::of(&bytes).hex(), wanted, "{compress}");
    }
}

#[test]
fn what_cpio_cannot_hold_is_told_at_once() {
    let store = MemoryStore::default();
    let mut builder = TreeBuilder::new();
    let huge = Content::Bytes(Arc::new(Bytes::zeros(1 << 32)));
    builder.push(entry(b"huge", 0o644, Node::File { content: huge, dense: false }));
    builder.push(entry(b"TRAILER!!!", 0o755, Node::Dir));
    builder.push(entry(b"link", 0o777, Node::Symlink(vec![b'x'; 4096].into())));
    let tree = builder.finish(0).expect("a tree");
    let Err(Failure::Problems(problems)) = Cpio.pack(&options("none"), &tree, &store) else {
        panic!("refused")
    };
    let codes: Vec<&str> = problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["unsupported-name", "file-too-large", "unsupported-entry"]);
}

#[test]
fn what_is_lost_is_warned_of() {
    let store = MemoryStore::default();
    let mut builder = TreeBuilder::new();
    let mut old = entry(b"old", 0o644, Node::Fifo);
    (old.meta.mtime, old.meta.mtime_nanos) = (-1, 1);
    old.xattrs = Box::new([((*b"user.a").into(), (*b"b").into())]);
    builder.push(old);
    let (_, warnings) =
        Cpio.pack(&options("none"), &builder.finish(0).expect("a tree"), &store).expect("packed");
    let codes: Vec<(&str, bool)> = warnings.iter().map(|problem| (problem.code, problem.warning)).collect();
    assert_eq!(codes, [("xattrs-dropped", true), ("time-precision", true), ("times-clamped", true)]);
}

#[test]
fn levels_are_checked() {
    let check = |compress: &str, level: i64| {
        let mut options = options(compress);
        options.insert("level".into(), Data::Int(level));
        Cpio.check(&options).len()
    };
    assert_eq!([check("gzip", 9), check("zstd", 22), check("xz", 0)], [0; 3]);
    assert_eq!([check("gzip", 0), check("zstd", 0), check("xz", 10), check("none", 1)], [1; 4]);
}

const PINNED: [(&str, &str); 4] = [
    ("none", "ed5b5bf580deede314896015dbe2d209c51e7183f88f16b63f9c681dbc842369"),
    ("gzip", "a71841648ed06f76eab2890f1cc902c51dccf5cda0f1db731935c9c5d79db394"),
    ("zstd", "76b1f2f8fc0cbd6c637c9afa2ce760c326e1845cbe8dc45caa4574a47fac9e23"),
    ("xz", "8248f2456ed0096c0f3ab294bd9378c733532a088a5035fd4f5afd3cd7c3e77a"),
];
