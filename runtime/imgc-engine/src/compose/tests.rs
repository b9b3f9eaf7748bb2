//! Operations over small trees, without a scan.

use std::{io::Write, sync::Arc, sync::atomic::AtomicBool};

use imgc_image::{Bytes, Entry, LinkGroup, Reader, Store, TreeBuilder};
use imgc_plan::tree::TreeOp;

use super::*;
use crate::store::{home::Home, shelf::Shelf};

/// Composes over a store in a temporary directory; gives the tree as lines, or the problems as lines.
/// Nobody interrupts a test.
static GO_ON: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

fn compose(inputs: &[Value], ops: Vec<TreeOp>) -> String {
    let dir = tempfile::tempdir().expect("a directory");
    let home = Home::open(dir.path()).expect("a store");
    let quiet = |said: String| panic!("{said}");
    let shelf = Shelf::new(&home, &quiet);
    let store = StepStore::new(&shelf, &GO_ON);
    with_store(&store, inputs, ops)
}

fn with_store(store: &StepStore<'_>, inputs: &[Value], ops: Vec<TreeOp>) -> String {
    match super::compose(&Compose { ops, epoch: 5 }, inputs, store, &AtomicBool::new(false)) {
        Ok(tree) => tree.entries().iter().map(|entry| line(entry, store)).collect(),
        Err(Failure::Problems(problems)) => problems
            .iter()
            .map(|problem| {
                format!("{} {}: {}\n", problem.op.expect("an index"), problem.code, problem.message)
            })
            .collect(),
        Err(failure) => panic!("{failure:?}"),
    }
}

fn line(entry: &Entry, store: &StepStore<'_>) -> String {
    let Meta { mode, uid, gid, mtime, .. } = entry.meta;
    let link = entry.link.map(|group| format!(" link={group}")).unwrap_or_default();
    let what = match &entry.node {
        Node::File { content, .. } if content.len() > 64 => format!("{} bytes", content.len()),
        Node::File { content, .. } => {
            let bytes = content.to_bytes();
            format!("{:?}", String::from_utf8_lossy(&Reader::new(&bytes, store).read_all(64).expect("read")))
        }
        Node::Symlink(target) => format!("-> {}", String::from_utf8_lossy(target)),
        node => work::describe(node).to_owned(),
    };
    format!("{} {mode:o} {uid}:{gid} {mtime}{link} {what}\n", entry.path)
}

fn at(text: &str) -> BytePath {
    BytePath::absolute(text.as_bytes()).expect("a path")
}

fn mode(mode: u16) -> Attributes {
    Attributes { mode: Some(mode), ..Attributes::default() }
}

fn file(path: &str, text: &str) -> TreeOp {
    let content = FileContent::Inline(text.as_bytes().to_vec());
    TreeOp::File { path: at(path), content, attributes: Attributes::default(), replace: false }
}

fn copy(from: &str, to: &str) -> TreeOp {
    TreeOp::Copy {
        input: 0,
        from: from.into(),
        exclude: Vec::new(),
        to: at(to),
        into: to.ends_with('/'),
        decompress: false,
        attributes: Attributes::default(),
        replace: false,
    }
}

/// `a/x` and `a/y` are one file; `a/z` a link; `b` a file; `d` a directory with mode 0700.
fn source() -> Value {
    let mut builder = TreeBuilder::new();
    let mut push = |path: &str, link: u32, node: Node, mode: u16| {
        builder.push(Entry {
            path: BytePath(path.as_bytes().to_vec()),
            meta: Meta::new(mode, 9),
            xattrs: Box::default(),
            link: LinkGroup::new(link),
            node,
        });
    };
    let zeros = |len| Node::File { content: Bytes::zeros(len).into(), dense: false };
    push("a/x", 1, zeros(100), 0o644);
    push("a/y", 1, zeros(100), 0o644);
    push("a/z", 0, Node::Symlink(b"x".as_slice().into()), 0o777);
    push("b", 0, zeros(200), 0o600);
    push("d", 0, Node::Dir, 0o700);
    push("d/e/f", 0, zeros(300), 0o644);
    Value::from(builder.finish(9).expect("a tree"))
}

#[test]
fn entries_are_made_with_parents_and_attributes() {
    let ops = vec![
        TreeOp::Dir { path: at("/tmp"), attributes: mode(0o1777) },
        file("/etc/motd", "hi"),
        TreeOp::Symlink {
            path: at("/bin"),
            target: b"usr/bin".to_vec(),
            attributes: Attributes::default(),
            replace: false,
        },
        TreeOp::Special {
            path: at("/dev/console"),
            special: Special::Char { major: 5, minor: 1 },
            attributes: mode(0o600),
            replace: false,
        },
        TreeOp::Hardlink { path: at("/etc/issue"), target: at("/etc/motd"), replace: false },
        TreeOp::Set { paths: "etc/m*".into(), attributes: Attributes { uid: Some(7), ..mode(0o640) } },
        TreeOp::Dir { path: at("/tmp"), attributes: Attributes { gid: Some(3), ..Attributes::default() } },
    ];
    assert_eq!(
        compose(&[], ops),
        "/ 755 0:0 5 a directory\n/bin 777 0:0 5 -> usr/bin\n/dev 755 0:0 5 a directory\n/dev/console 600 0:0 5 a device\n\
         /etc 755 0:0 5 a directory\n/etc/issue 640 7:0 5 link=1 \"hi\"\n/etc/motd 640 7:0 5 link=1 \"hi\"\n\
         /tmp 1777 0:3 5 a directory\n"
    );
}

#[test]
fn copies_keep_what_the_source_says_and_merge_directories() {
    let merged = "/ 755 0:0 9 a directory\n/a 755 0:0 9 a directory\n/a/x 644 0:0 9 link=1 100 bytes\n\
                  /a/y 644 0:0 9 link=1 100 bytes\n/a/z 777 0:0 9 -> x\n/b 600 0:0 9 200 bytes\n/d 700 0:0 9 a directory\n\
                  /d/e 755 0:0 9 a directory\n/d/e/f 644 0:0 9 300 bytes\n/d/mine 644 0:0 5 \"m\"\n";
    assert_eq!(compose(&[source()], vec![file("/d/mine", "m"), copy("", "/")]), merged);
    let one = compose(&[source()], vec![copy("a/x", "/one"), copy("a/?", "/two/")]);
    assert_eq!(
        one,
        "/ 755 0:0 5 a directory\n/one 644 0:0 9 100 bytes\n/two 755 0:0 5 a directory\n/two/x 644 0:0 9 link=1 100 bytes\n\
         /two/y 644 0:0 9 link=1 100 bytes\n/two/z 777 0:0 9 -> x\n",
        "two copies of a file are two files"
    );
}

#[test]
fn excludes_leave_out_and_attributes_override() {
    let TreeOp::Copy { input, from, to, into, decompress, replace, .. } = copy("", "/") else {
        panic!("a copy")
    };
    let attributes = Attributes { uid: Some(4), ..mode(0o400) };
    let exclude = vec!["a".into(), "**/f".into()];
    let op = TreeOp::Copy { input, from, exclude, to, into, decompress, attributes, replace };
    assert_eq!(
        compose(&[source()], vec![op]),
        "/ 755 4:0 9 a directory\n/b 400 4:0 9 200 bytes\n/d 700 4:0 9 a directory\n/d/e 755 4:0 9 a directory\n"
    );
}

#[test]
fn overlays_replace_and_leave_directories_as_they_are() {
    let ops = vec![
        TreeOp::Dir { path: at("/d"), attributes: mode(0o711) },
        file("/b/below", "x"),
        file("/a", "file"),
        TreeOp::Overlay { input: 0 },
        TreeOp::Remove { paths: "a/*".into() },
        TreeOp::Remove { paths: "d/e".into() },
    ];
    assert_eq!(
        compose(&[source()], ops),
        "/ 755 0:0 5 a directory\n/a 755 0:0 9 a directory\n/b 600 0:0 9 200 bytes\n/d 711 0:0 5 a directory\n"
    );
}

#[test]
fn all_mistakes_are_told_at_once() {
    let replace = |path: &str| {
        let content = FileContent::Zeros(0);
        TreeOp::File { path: at(path), content, attributes: Attributes::default(), replace: true }
    };
    let ops = vec![
        copy("", "/"),
        file("/b", "x"),
        replace("/b"),
        replace("/d"),
        file("/a/z/below", "x"),
        copy("nothing*", "/n"),
        copy("[", "/n"),
        TreeOp::Hardlink { path: at("/l"), target: at("/d"), replace: false },
        TreeOp::Hardlink { path: at("/l"), target: at("/bb"), replace: false },
        TreeOp::Set { paths: "zzz".into(), attributes: mode(0) },
        TreeOp::Remove { paths: "*.bak".into() },
        copy("b", "/"),
        TreeOp::Dir { path: at("/b"), attributes: mode(0) },
        copy("d", "/b"),
    ];
    let told: Vec<String> = compose(&[source()], ops)
        .lines()
        .map(|line| line.split(':').next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(
        told,
        [
            "1 path-exists",
            "3 path-exists",
            "4 not-a-directory",
            "5 no-match",
            "6 bad-pattern",
            "7 link-to-directory",
            "8 path-missing",
            "9 path-missing",
            "10 no-match",
            "11 path-exists",
            "12 path-exists",
            "13 path-exists",
        ]
    );
}

fn compressed(bytes: &[u8]) -> [Vec<u8>; 3] {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(bytes).expect("compressed");
    let mut xz =
        lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).expect("a writer");
    xz.write_all(bytes).expect("compressed");
    let zstd = zstd::bulk::compress(bytes, 1).expect("compressed");
    [gzip.finish().expect("finished"), xz.finish().expect("finished"), zstd]
}

/// Copies a file of these bytes, decompressed.
fn decompressed(bytes: &[u8]) -> String {
    let dir = tempfile::tempdir().expect("a directory");
    let home = Home::open(dir.path()).expect("a store");
    let quiet = |said: String| panic!("{said}");
    let shelf = Shelf::new(&home, &quiet);
    let store = StepStore::new(&shelf, &GO_ON);
    let id = store.put(bytes).expect("stored");
    let mut builder = TreeBuilder::new();
    builder.push(Entry {
        path: BytePath(b"f".to_vec()),
        meta: Meta::new(0o644, 0),
        xattrs: Box::default(),
        link: None,
        node: Node::File { content: Content::Blob { id, len: bytes.len() as u64 }, dense: false },
    });
    let tree = Value::from(builder.finish(0).expect("a tree"));
    let TreeOp::Copy { input, from, exclude, to, into, attributes, replace, .. } = copy("f", "/f") else {
        panic!("a copy")
    };
    let op = TreeOp::Copy { input, from, exclude, to, into, decompress: true, attributes, replace };
    with_store(&store, &[tree], vec![op]).lines().last().unwrap_or_default().to_owned()
}

#[test]
fn three_compressions_are_told_by_their_first_bytes() {
    for bytes in compressed(b"plain text") {
        assert_eq!(decompressed(&bytes), "/f 644 0:0 0 \"plain text\"");
        let damaged = decompressed(&bytes[..bytes.len() - 5]);
        assert!(damaged.starts_with("0 damaged-compression"), "{damaged}");
    }
    assert!(decompressed(b"plain text").starts_with("0 not-compressed"));
    assert!(decompressed(b"").starts_with("0 not-compressed"));
}

#[test]
fn bombs_are_refused() {
    let small = zstd::bulk::compress(&vec![0; 70 << 20], 19).expect("compressed");
    assert!(small.len() * 8192 < 70 << 20, "{}", small.len());
    assert!(decompressed(&small).starts_with("0 decompression-bomb"));
}

#[test]
fn contents_come_from_inputs_and_zeros() {
    let bytes = Value::Bytes(Arc::new(Bytes::zeros(70)));
    let from =
        |content| TreeOp::File { path: at("/f"), content, attributes: Attributes::default(), replace: true };
    let ops = vec![from(FileContent::Zeros(1 << 40)), from(FileContent::Input(0))];
    assert!(compose(&[bytes], ops).ends_with("/f 644 0:0 5 70 bytes\n"));
}

#[test]
fn a_copy_of_a_whole_tree_is_that_tree() {
    let source = source();
    for to in ["/", ""] {
        let to = if to.is_empty() { BytePath::default() } else { at(to) };
        let op = TreeOp::Copy {
            input: 0,
            from: String::new(),
            exclude: Vec::new(),
            to,
            into: false,
            decompress: false,
            attributes: Attributes::default(),
            replace: false,
        };
        let ops = vec![op.clone()];
        let whole = whole_copy(&ops, std::slice::from_ref(&source)).expect("the tree itself");
        assert!(matches!(&source, Value::Tree(tree) if Arc::ptr_eq(tree, whole)));
        // What is made with one operation more, which undoes itself, is equal.
        let ops = vec![op, file("/zz", "x"), TreeOp::Remove { paths: "zz".into() }];
        assert!(whole_copy(&ops, std::slice::from_ref(&source)).is_none());
        assert_eq!(
            compose(std::slice::from_ref(&source), ops[..1].to_vec()),
            compose(std::slice::from_ref(&source), ops)
        );
    }
}

#[test]
fn names_that_come_out_of_order_are_found_replaced_and_removed() {
    let mut ops = vec![copy("", "/")];
    for name in ["m", "c", "a/w", "a/xx", "b1", "c1", "aa"] {
        ops.push(file(&format!("/{name}"), name));
    }
    ops.push(TreeOp::Remove { paths: "c*".into() });
    ops.push(file("/c", "again"));
    let made = compose(&[source()], ops.clone());
    let paths: Vec<&str> = made.lines().map(|line| line.split(' ').next().expect("a path")).collect();
    let wanted = [
        "/", "/a", "/a/w", "/a/x", "/a/xx", "/a/y", "/a/z", "/aa", "/b", "/b1", "/c", "/d", "/d/e", "/d/e/f",
        "/m",
    ];
    assert_eq!(paths, wanted);
    assert!(made.contains("/c 644 0:0 5 \"again\""), "{made}");
    ops.push(file("/c", "twice"));
    assert!(compose(&[source()], ops).contains("path-exists"));
}
