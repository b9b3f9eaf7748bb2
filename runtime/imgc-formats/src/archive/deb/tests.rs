//! Packages built by `dpkg-deb`, and hostile ones made by hand.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use imgc_image::{Content, MemoryStore, Node, Reader};

use super::*;
use crate::{
    archive::tar::{header::Header, pax},
    testing::run,
};

fn unpack(package: &[u8], keep: Keep) -> (MemoryStore, Result<Tree, Failure>) {
    let store = MemoryStore::default();
    let id = store.put(package).expect("stored");
    let bytes = Arc::new(Bytes::blob(id, package.len() as u64));
    let tree = Deb.unpack(&bytes, keep, 1234, &store);
    (store, tree)
}

fn read(store: &MemoryStore, tree: &Tree, path: &str) -> Vec<u8> {
    let entry = tree.get(path.as_bytes()).unwrap_or_else(|| panic!("{path} is there"));
    let Node::File { content, .. } = &entry.node else { panic!("{path} is a file") };
    Reader::new(&content.to_bytes(), store).read_all(1 << 30).expect("reads")
}

/// A package directory with a set-uid program, hard links, a hole, a symbolic link, a long name and an empty file.
fn source(at: &Path) {
    let file = |path: &str, bytes: &[u8], mode: u32| {
        let path = at.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(&path, bytes).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("set");
    };
    file(
        "DEBIAN/control",
        b"Package: p\nVersion: 1\nArchitecture: all\nMaintainer: x <x@x>\nDescription: d\n",
        0o644,
    );
    file("usr/bin/su", b"set-uid", 0o4755);
    file("usr/bin/one", &[7; 10_000], 0o755);
    file("usr/share/empty", b"", 0o640);
    file("usr/share/hole", &[vec![1; 5000], vec![0; 100_000], vec![2; 5000]].concat(), 0o644);
    file(&format!("usr/share/{}/{}", "d".repeat(120), "f".repeat(200)), b"far", 0o644);
    fs::hard_link(at.join("usr/bin/one"), at.join("usr/bin/two")).expect("linked");
    std::os::unix::fs::symlink("one", at.join("usr/bin/link")).expect("linked");
}

#[test]
fn packages_of_every_compression_unpack_to_the_same_tree() {
    let dir = tempfile::tempdir().expect("a directory");
    source(&dir.path().join("p"));
    let mut ids = Vec::new();
    for arg in ["-Znone", "-Zgzip", "-Zxz", "-Zzstd"] {
        let out = dir.path().join(format!("p{arg}.deb"));
        let mut command = Command::new("dpkg-deb");
        command.args(["--root-owner-group", arg, "--build"]).arg(dir.path().join("p")).arg(&out);
        run("dpkg", command.env("SOURCE_DATE_EPOCH", "1000000000"));
        let (store, tree) = unpack(&fs::read(&out).expect("reads"), Keep::ALL);
        let tree = tree.unwrap_or_else(|failure| panic!("{arg}: {failure}"));
        ids.push(tree.value_id());
        let entry = |path: &str| tree.get(path.as_bytes()).unwrap_or_else(|| panic!("{path}"));
        assert_eq!(entry("usr/bin/su").meta.mode, 0o4755);
        assert!(tree.get(b"DEBIAN").is_none() && tree.get(b"control").is_none());
        assert_eq!(entry("usr/bin/one").link, entry("usr/bin/two").link);
        assert!(entry("usr/bin/one").link.is_some());
        assert_eq!(entry("usr/bin/link").node, Node::Symlink((*b"one").into()));
        assert_eq!(read(&store, &tree, "usr/bin/two"), [7; 10_000]);
        assert_eq!(read(&store, &tree, "usr/share/empty"), b"");
        assert_eq!(
            read(&store, &tree, &format!("usr/share/{}/{}", "d".repeat(120), "f".repeat(200))),
            b"far"
        );
        let hole = read(&store, &tree, "usr/share/hole");
        assert_eq!(hole, [vec![1; 5000], vec![0; 100_000], vec![2; 5000]].concat());
        let Node::File { content, .. } = &entry("usr/share/hole").node else { panic!("a file") };
        assert_eq!(content.data_runs(), [(0, 8192), (102_400, 7600)]);
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "the compression shows in the tree");
}

#[test]
fn attributes_that_are_not_kept_are_normalised() {
    let dir = tempfile::tempdir().expect("a directory");
    source(&dir.path().join("p"));
    let out = dir.path().join("p.deb");
    run("dpkg", Command::new("dpkg-deb").args(["-Znone", "--build"]).arg(dir.path().join("p")).arg(&out));
    let (_, tree) = unpack(&fs::read(&out).expect("reads"), Keep::default());
    let tree = tree.expect("unpacks");
    for (path, mode) in
        [("usr/bin/su", 0o755), ("usr/share/empty", 0o644), ("usr", 0o755), ("usr/bin/link", 0o777)]
    {
        let entry = tree.get(path.as_bytes()).expect("there");
        assert_eq!((entry.meta.mode, entry.meta.mtime, entry.link), (mode, 1234, None), "{path}");
        assert_eq!((entry.meta.uid, entry.meta.gid), (0, 0));
    }
}

/// One member of a hand-made tar: type, name, link, content.
type Row<'a> = (u8, &'a [u8], &'a [u8], &'a [u8]);

fn tar(rows: &[Row<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for (typeflag, name, link, content) in rows {
        let header = Header {
            name: name.to_vec(),
            mode: 0o644,
            uid: 0,
            gid: 0,
            size: content.len() as u64,
            mtime: 0,
            typeflag: *typeflag,
            linkname: link.to_vec(),
            devmajor: 0,
            devminor: 0,
        };
        out.extend_from_slice(&header.encode());
        out.extend_from_slice(content);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

fn deb(data: &[u8]) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    let control = tar(&[]);
    for (name, body) in [("debian-binary", &b"2.0\n"[..]), ("control.tar", &control), ("data.tar", data)] {
        out.extend_from_slice(
            format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, body.len()).as_bytes(),
        );
        out.extend_from_slice(body);
        out.resize(out.len().next_multiple_of(2), b'\n');
    }
    out
}

fn refusal(package: &[u8]) -> String {
    match unpack(package, Keep::ALL).1 {
        Err(Failure::Problems(problems)) => {
            assert!(problems.iter().all(|problem| problem.code == "broken-archive"));
            problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>().join("\n")
        }
        other => panic!("it was not refused: {other:?}"),
    }
}

#[test]
fn hostile_entries_are_refused_all_at_once() {
    let text = refusal(&deb(&tar(&[
        (b'0', b"../up", b"", b"x"),
        (b'0', b"a/../../up", b"", b"x"),
        (b'0', b"/etc/passwd", b"", b"x"),
        (b'2', b"link", b"/etc", b""),
        (b'0', b"link/passwd", b"", b"x"),
        (b'1', b"hard", b"nowhere", b""),
        (b'0', b"file", b"", b"x"),
        (b'0', b"file/below", b"", b"x"),
        (b'5', b"dir", b"", b""),
        (b'0', b"dir/x", b"", b"x"),
        (b'2', b"dir", b"elsewhere", b""),
        (b'1', b"hard", b"dir", b""),
        (b'2', b".", b"elsewhere", b""),
    ])));
    let wanted = [
        "the entry `../up` is refused: its path leads out of the tree by `..`",
        "the entry `a/../../up` is refused: its path leads out of the tree by `..`",
        "the entry `/etc/passwd` is refused: its path is absolute",
        "the entry `link/passwd` is refused: it lies below the symbolic link /link",
        "the entry `hard` is refused: it is a hard link to /nowhere, which does not come before it",
        "the entry `file/below` is refused: it lies below /file, which is not a directory",
        "the entry `dir` is refused: it would replace a directory that has entries",
        "the entry `hard` is refused: it is a hard link to the directory /dir",
        "the entry `.` is refused: the root of the tree is not a directory there",
    ];
    assert_eq!(text, wanted.join("\n"));
}

#[test]
fn the_last_of_two_entries_wins() {
    let rows: [Row<'_>; 5] = [
        (b'0', b"./a", b"", b"first"),
        (b'1', b"b", b"a", b""),
        (b'0', b"a", b"", b"second"),
        (b'2', b"s", b"a", b""),
        (b'5', b"s/", b"", b""),
    ];
    let (store, tree) = unpack(&deb(&tar(&rows)), Keep::ALL);
    let tree = tree.expect("unpacks");
    assert_eq!(read(&store, &tree, "a"), b"second");
    assert_eq!(read(&store, &tree, "b"), b"first");
    assert!(tree.get(b"s").expect("there").is_dir());
}

#[test]
fn truncated_packages_name_the_entry() {
    let whole = deb(&tar(&[(b'0', b"etc/first", b"", &[1; 600]), (b'0', b"etc/second", b"", &[1; 600])]));
    let data = whole.windows(9).position(|w| w == b"etc/first").expect("there");
    let cut = |at: usize| {
        // The ar header must agree, or the ar layer would complain instead.
        let mut package = deb(&whole[data..data + at]);
        package.truncate(package.len() & !1);
        refusal(&package)
    };
    assert_eq!(cut(700), "the archive ends within the entry `etc/first`");
    assert_eq!(cut(512 + 1024 + 512 + 100), "the archive ends within the entry `etc/second`");
    assert_eq!(cut(512 + 1024 + 100), "the archive ends within the header at byte 1536 of the archive");
    assert_eq!(refusal(&whole[..whole.len() - 600]), "the package ends within its member data.tar");
    assert_eq!(refusal(&whole[..100]), "the package ends within the header of a member");
    assert_eq!(refusal(&whole[..72]), "the package ends before its data.tar");
}

#[test]
fn what_is_no_package_is_told() {
    assert!(refusal(b"hello").contains("shorter"));
    assert!(refusal(b"PK\x03\x04hello world").contains("!<arch>"));
    let whole = deb(&tar(&[]));
    let changed = |from: &[u8], to: &[u8]| {
        let mut package = whole.clone();
        let at = package.windows(from.len()).position(|w| w == from).expect("there");
        package[at..at + to.len()].copy_from_slice(to);
        refusal(&package)
    };
    assert!(changed(b"2.0\n", b"3.0\n").contains("version 2"));
    assert!(changed(b"control.tar", b"cantral.tar").contains("where control.tar must be"));
    assert!(changed(b"data.tar   ", b"data.tar.lz").contains("data.tar.lz"));
    assert!(changed(b"1024      `", b"1024      ~").contains("broken"));
    assert!(changed(b"1024      `", b"10x4      `").contains("no number"));
    assert!(changed(b"1024      `", b"9999999999`").contains("ends within its member"));
}

#[test]
fn forms_that_are_not_read_are_refused_by_name() {
    let mut sparse = Vec::new();
    pax::push(&mut sparse, b"GNU.sparse.major", b"1");
    let mut huge = Vec::new();
    pax::push(&mut huge, b"uid", b"99999999999");
    for (rows, why) in [
        (&[(b'S', &b"s"[..], &b""[..], &b""[..])][..], "sparse file in the old GNU form"),
        (&[(b'x', b"p", b"", &sparse), (b'0', b"s", b"", b"")], "sparse file in a GNU form"),
        (&[(b'x', b"p", b"", &huge), (b'0', b"s", b"", b"")], "uid 99999999999 is above 2^32"),
        (&[(b'x', b"p", b"", b"12 nonsense\n")], "no `=`"),
        (&[(b'M', b"m", b"", b"")], "another volume"),
        (&[(b'!', b"m", b"", b"")], "type `!` is unknown"),
        (&[(b'L', b"m", b"", &vec![b'x'; (1 << 20) + 1])], "more than 1 MiB"),
    ] {
        let text = refusal(&deb(&tar(rows)));
        assert!(text.contains(why), "{text}");
    }
    let mut bad = tar(&[(b'0', b"file", b"", b"")]);
    bad[0] = b'g';
    assert!(refusal(&deb(&bad)).contains("checksum"));
}

#[test]
fn all_contents_lie_in_one_blob() {
    let rows: Vec<Row<'_>> =
        vec![(b'0', b"a", b"", b"aaaa"), (b'0', b"b", b"", b"bbbb"), (b'0', b"zeros", b"", &[0; 8192])];
    let (_, tree) = unpack(&deb(&tar(&rows)), Keep::ALL);
    let tree = tree.expect("unpacks");
    let refs = |path: &str| match &tree.get(path.as_bytes()).expect("there").node {
        Node::File { content: Content::Bytes(bytes), .. } => bytes.refs().to_vec(),
        other => panic!("{other:?}"),
    };
    assert_eq!(refs("a"), refs("b"));
    assert_eq!(refs("zeros"), [], "whole pages of zeros are stored");
}
