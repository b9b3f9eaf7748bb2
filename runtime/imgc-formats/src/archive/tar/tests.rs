//! What GNU tar says of archives of ours, and what we read of its.

use std::{fs, os::unix::fs::MetadataExt, path::Path, process::Command};

use imgc_image::{Content, Entry, LinkGroup, MemoryStore, Meta, Node, Reader, TreeBuilder};
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

fn file(store: &MemoryStore, bytes: &[u8]) -> Node {
    let content = Content::Blob { id: store.put(bytes).expect("stored"), len: bytes.len() as u64 };
    Node::File { content, dense: false }
}

fn sample(store: &MemoryStore) -> Tree {
    let mut builder = TreeBuilder::new();
    let mut odd = entry(b"odd", 0o6711, file(store, b"odd"));
    odd.meta = Meta { mode: 0o6711, uid: 4_000_000_000, gid: 3_000_000, mtime: -5, mtime_nanos: 123_456_789 };
    odd.xattrs = Box::new([
        ((*b"security.capability").into(), (*b"\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0").into()),
        ((*b"user.a=b%c").into(), (*b"line\nline\0").into()),
        ((*b"user.empty").into(), (*b"").into()),
    ]);
    builder.push(odd);
    builder.push(entry(b"", 0o1777, Node::Dir));
    let deep = [vec![b'd'; 200], vec![b'e'; 200], vec![b'f'; 200]].join(&b'/');
    for path in [deep.as_slice(), b"bin/one", b"bin/two"] {
        builder.push(Entry { link: LinkGroup::new(9), ..entry(path, 0o755, file(store, &[6; 5000])) });
    }
    let split = [vec![b's'; 120], vec![b't'; 90]].join(&b'/');
    builder.push(entry(&split, 0o644, file(store, b"split")));
    builder.push(entry("naïve 日本".as_bytes(), 0o644, file(store, b"unicode")));
    builder.push(entry(b"latin-\xe9", 0o644, file(store, b"latin")));
    builder.push(entry(b"link", 0o777, Node::Symlink(vec![b'x'; 3000].into())));
    builder.push(entry(b"null", 0o666, Node::Char { major: 1, minor: 3 }));
    builder.push(entry(b"disk", 0o660, Node::Block { major: 259, minor: 1_048_575 }));
    builder.push(entry(b"fifo", 0o600, Node::Fifo));
    builder.push(entry(b"empty", 0o644, Node::File { content: Content::empty(), dense: false }));
    builder.finish(1_000_000_000).expect("a tree")
}

fn pack(compress: &str, tree: &Tree, store: &MemoryStore) -> Arc<Bytes> {
    Arc::new(Tar.pack(&options(compress), tree, store).expect("packed").0)
}

/// A tree with its contents as digests, so that trees of different blobs can be compared.
fn contents(tree: &Tree, store: &MemoryStore) -> Vec<(Entry, Option<BlobId>)> {
    let content = |entry: &Entry| match &entry.node {
        Node::File { content, .. } => {
            Some(BlobId::of(&Reader::new(&content.to_bytes(), store).read_all(1 << 30).expect("reads")))
        }
        _ => None,
    };
    let bare = |entry: &Entry| match &entry.node {
        Node::File { .. } => {
            Entry { node: Node::File { content: Content::empty(), dense: false }, ..entry.clone() }
        }
        _ => entry.clone(),
    };
    tree.entries().iter().map(|entry| (bare(entry), content(entry))).collect()
}

#[test]
fn a_tree_comes_back_as_it_was() {
    for compress in ["none", "gzip", "zstd", "xz"] {
        let store = MemoryStore::default();
        let tree = sample(&store);
        let bytes = pack(compress, &tree, &store);
        let back = Tar.unpack(&bytes, Keep::ALL, 0, &store).expect("unpacked");
        assert_eq!(contents(&back, &store), contents(&tree, &store), "{compress}");
    }
}

fn tar(args: &[&str], archive: &Path) -> String {
    let mut command = Command::new("tar");
    run("tar", command.args(args).arg("-f").arg(archive).env("LC_ALL", "C.UTF-8").env("TZ", "UTC"))
}

#[test]
fn gnu_tar_lists_every_attribute() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("a.tar");
    let store = MemoryStore::default();
    let tree = sample(&store);
    write_sparse(&pack("none", &tree, &store), &store, &path).expect("written");
    let args = [
        "--list",
        "--verbose",
        "--verbose",
        "--xattrs",
        "--xattrs-include=*",
        "--numeric-owner",
        "--full-time",
    ];
    let text = tar(&[&args[..], &["--quoting-style=escape"]].concat(), &path);
    let long = |byte: char| byte.to_string().repeat(200);
    let deep = format!("{}/{}/{}", long('d'), long('e'), long('f'));
    let lines: Vec<String> =
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for line in [
        "drwxrwxrwt 0/0 0 2001-09-09 01:46:40 ./".to_owned(),
        // GNU tar lists times before 1970 with their fraction counted back; it extracts them right, as the next test shows.
        "-rws--s--x* 4000000000/3000000 3 1969-12-31 23:59:56.876543211 odd".into(),
        "x: 20 security.capability".into(),
        "x: 10 user.a=b%c".into(),
        "-rwxr-xr-x 0/0 5000 2001-09-09 01:46:40 bin/one".into(),
        "hrwxr-xr-x 0/0 0 2001-09-09 01:46:40 bin/two link to bin/one".into(),
        format!("hrwxr-xr-x 0/0 0 2001-09-09 01:46:40 {deep} link to bin/one"),
        format!("-rw-r--r-- 0/0 5 2001-09-09 01:46:40 {}/{}", "s".repeat(120), "t".repeat(90)),
        "-rw-r--r-- 0/0 7 2001-09-09 01:46:40 naïve 日本".into(),
        "-rw-r--r-- 0/0 5 2001-09-09 01:46:40 latin-\\351".into(),
        format!("lrwxrwxrwx 0/0 0 2001-09-09 01:46:40 link -> {}", "x".repeat(3000)),
        "crw-rw-rw- 0/0 1,3 2001-09-09 01:46:40 null".into(),
        "brw-rw---- 0/0 259,1048575 2001-09-09 01:46:40 disk".into(),
        "prw------- 0/0 0 2001-09-09 01:46:40 fifo".into(),
    ] {
        assert!(lines.contains(&line), "{line} is not in {lines:#?}");
    }
}

#[test]
fn gnu_tar_extracts_what_was_put_in() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("a.tar");
    let store = MemoryStore::default();
    let tree = sample(&store);
    write_sparse(&pack("zstd", &tree, &store), &store, &path).expect("written");
    let at = dir.path().to_str().expect("UTF-8");
    // Devices need root: they are listed in the test before, and left out here.
    tar(
        &[
            "--extract",
            "--zstd",
            "--no-same-owner",
            "--same-permissions",
            "--exclude=null",
            "--exclude=disk",
            "-C",
            at,
        ],
        &path,
    );
    let stat = |path: &str| fs::symlink_metadata(dir.path().join(path)).expect("there");
    assert_eq!((stat("odd").mtime(), stat("odd").mtime_nsec()), (-5, 123_456_789));
    assert_eq!(stat("odd").mode(), 0o106_711);
    assert_eq!(stat("bin/two").ino(), stat("bin/one").ino());
    assert_eq!(stat("bin/two").nlink(), 3);
    assert_eq!(fs::read(dir.path().join("bin/two")).expect("reads"), [6; 5000]);
    assert_eq!(fs::read(dir.path().join("naïve 日本")).expect("reads"), b"unicode");
    assert_eq!(fs::read_link(dir.path().join("link")).expect("a link").as_os_str().len(), 3000);
}

#[test]
fn archives_of_gnu_tar_are_read_in_every_form() {
    let dir = tempfile::tempdir().expect("a directory");
    let source = dir.path().join("source");
    let deep = format!("{}/{}", "d".repeat(150), "f".repeat(150));
    fs::create_dir_all(source.join("d".repeat(150))).expect("made");
    fs::write(source.join(&deep), [9; 1000]).expect("written");
    fs::write(source.join("naïve"), b"x").expect("written");
    fs::hard_link(source.join(&deep), source.join("hard")).expect("linked");
    std::os::unix::fs::symlink("s".repeat(200), source.join("soft")).expect("linked");
    let mut seen = Vec::new();
    for (form, compress) in
        [("gnu", "--gzip"), ("posix", "--xz"), ("oldgnu", "--zstd"), ("gnu", "--no-auto-compress")]
    {
        let path = dir.path().join("a.tar");
        let source = source.to_str().expect("UTF-8");
        let args = [
            "--create",
            "--sort=name",
            "--owner=1:5",
            "--group=2:7",
            "--mtime=@77",
            "--format",
            form,
            compress,
            "-C",
            source,
            ".",
        ];
        tar(&args, &path);
        let store = MemoryStore::default();
        let archive = fs::read(&path).expect("reads");
        let id = store.put(&archive).expect("stored");
        let bytes = Arc::new(Bytes::blob(id, archive.len() as u64));
        let tree =
            Tar.unpack(&bytes, Keep::ALL, 0, &store).unwrap_or_else(|failure| panic!("{form}: {failure}"));
        let get = |path: &str| tree.get(path.as_bytes()).unwrap_or_else(|| panic!("{path} is in {form}"));
        assert_eq!((get(&deep).meta.uid, get(&deep).meta.gid, get(&deep).meta.mtime), (5, 7, 77));
        assert_eq!(get(&deep).link, get("hard").link);
        assert!(get("hard").link.is_some());
        assert_eq!(get("soft").node, Node::Symlink(vec![b's'; 200].into()));
        seen.push(contents(&tree, &store));
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "the form shows in the tree");
}

#[test]
fn sparse_archives_and_broken_ones_are_refused_by_name() {
    let dir = tempfile::tempdir().expect("a directory");
    let sparse = fs::File::create(dir.path().join("sparse")).expect("made");
    sparse.set_len(10 << 20).expect("set");
    let store = MemoryStore::default();
    let unpack = |archive: &[u8]| {
        let id = store.put(archive).expect("stored");
        let bytes = Arc::new(Bytes::blob(id, archive.len() as u64));
        Tar.unpack(&bytes, Keep::ALL, 0, &store).expect_err("refused").to_string()
    };
    for form in ["gnu", "posix"] {
        let path = dir.path().join("a.tar");
        let at = dir.path().to_str().expect("UTF-8");
        tar(&["--create", "--sparse", "--hole-detection=seek", "--format", form, "-C", at, "sparse"], &path);
        let text = unpack(&fs::read(&path).expect("reads"));
        assert!(text.contains("sparse` is refused: it is a sparse file"), "{form}: {text}");
    }
    let tree = sample(&store);
    let read = |bytes: &Arc<Bytes>| Reader::new(bytes, &store).read_all(1 << 20).expect("reads");
    for compress in ["gzip", "zstd", "xz"] {
        let mut archive = read(&pack(compress, &tree, &store));
        let cut = unpack(&archive[..archive.len() / 2]);
        assert!(cut.contains("ends within") || cut.contains("cannot be read"), "{compress}: {cut}");
        let middle = archive.len() / 2;
        archive[middle] ^= 0xff;
        unpack(&archive);
    }
}

#[test]
fn archives_of_several_streams_and_blocks_are_read() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = MemoryStore::default();
    let mut builder = TreeBuilder::new();
    let mixed: Vec<u8> = (0..300_000u32).map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    builder.push(entry(b"mixed", 0o644, file(&store, &mixed)));
    let tree = builder.finish(0).expect("a tree");
    let plain = Reader::new(&pack("none", &tree, &store), &store).read_all(1 << 20).expect("reads");
    let (head, tail) = plain.split_at(100_000);
    for (package, tool, args) in [
        ("gzip", "gzip", &["-9", "-k"][..]),
        ("zstd", "zstd", &["-k", "-q", "--ultra", "-22"]),
        ("xz-utils", "xz", &["-k", "-T2", "--block-size=65536"]),
    ] {
        let mut archive = Vec::new();
        for (name, part) in [("head", head), ("tail", tail)] {
            let path = dir.path().join(format!("{name}-{tool}"));
            fs::write(&path, part).expect("written");
            run(package, Command::new(tool).args(args).arg(&path));
            let ending = if tool == "zstd" { "zst" } else { &tool[..2] };
            archive.extend(fs::read(path.with_extension(ending)).expect("reads"));
        }
        let bytes = Arc::new(Bytes::blob(store.put(&archive).expect("stored"), archive.len() as u64));
        let back =
            Tar.unpack(&bytes, Keep::ALL, 0, &store).unwrap_or_else(|failure| panic!("{tool}: {failure}"));
        assert_eq!(contents(&back, &store), contents(&tree, &store), "{tool}");
    }
}

#[test]
fn damage_never_panics() {
    let store = MemoryStore::default();
    let archive =
        Reader::new(&pack("none", &sample(&store), &store), &store).read_all(1 << 20).expect("reads");
    let mut state = 7u32;
    let mut refused = 0;
    for _ in 0..2000 {
        let mut damaged = archive.clone();
        for _ in 0..1 + state % 4 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = (state >> 8) as usize % damaged.len();
            damaged[at] = state.to_le_bytes()[3];
        }
        damaged.truncate(damaged.len() - (state >> 4) as usize % 3 * 700);
        let id = store.put(&damaged).expect("stored");
        let bytes = Arc::new(Bytes::blob(id, damaged.len() as u64));
        refused += usize::from(Tar.unpack(&bytes, Keep::ALL, 0, &store).is_err());
    }
    assert!(refused > 500, "{refused}");
}

#[test]
fn records_that_add_up_to_a_flood_are_refused() {
    let store = MemoryStore::default();
    let mut archive = Vec::new();
    for number in 0..30 {
        let mut body = Vec::new();
        pax::push(&mut body, format!("SCHILY.xattr.user.{number}").as_bytes(), &vec![b'x'; 60_000]);
        let mut header = vec![0; 512];
        header[..4].copy_from_slice(b"flow");
        header[124..135].copy_from_slice(format!("{:011o}", body.len()).as_bytes());
        header[156] = b'g';
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        archive.extend(header);
        archive.extend(body);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.resize(archive.len() + 1024, 0);
    let bytes = Arc::new(Bytes::blob(store.put(&archive).expect("stored"), archive.len() as u64));
    let text = Tar.unpack(&bytes, Keep::ALL, 0, &store).expect_err("refused").to_string();
    assert!(text.contains("more than 1 MiB of PAX records"), "{text}");
}

#[test]
fn access_control_lists_are_what_gnu_tar_restores() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("a.tar");
    let store = MemoryStore::default();
    let list = |entries: &[(u8, u8, u32)]| {
        let each =
            entries.iter().flat_map(|(tag, bits, id)| [[*tag, 0, *bits, 0], id.to_le_bytes()].concat());
        [2, 0, 0, 0].into_iter().chain(each).collect::<Box<[u8]>>()
    };
    let none = u32::MAX;
    let access =
        list(&[(1, 6, none), (2, 6, 1000), (4, 4, none), (8, 4, 2000), (0x10, 6, none), (0x20, 4, none)]);
    let default = list(&[(1, 7, none), (4, 5, none), (0x20, 0, none)]);
    let mut builder = TreeBuilder::new();
    let mut shared = entry(b"shared", 0o775, Node::Dir);
    shared.xattrs = Box::new([
        ((*b"system.posix_acl_access").into(), access),
        ((*b"system.posix_acl_default").into(), default),
    ]);
    builder.push(shared);
    let mut broken = entry(b"broken", 0o644, Node::Fifo);
    broken.xattrs = Box::new([((*b"system.posix_acl_access").into(), (*b"\x02\0\0\0\x01").into())]);
    builder.push(broken);
    let tree = builder.finish(0).expect("a tree");
    let bytes = pack("none", &tree, &store);
    write_sparse(&bytes, &store, &path).expect("written");
    let text = tar(&["--list", "--verbose", "--verbose", "--acls", "--numeric-owner"], &path);
    assert!(
        text.contains("a: user::rw-,user:1000:rw-,group::r--,group:2000:r--,mask::rw-,other::r--"),
        "{text}"
    );
    let raw = fs::read(&path).expect("the archive");
    let has = |what: &[u8]| raw.windows(what.len()).filter(|part| *part == what).count();
    assert_eq!(has(b"SCHILY.acl.default=user::rwx,group::r-x,other::---\n"), 1);
    assert_eq!(has(b"SCHILY.acl.access="), 1, "what is no list is only an attribute");
    assert_eq!(Tar.unpack(&bytes, Keep::ALL, 0, &store).expect("unpacked").entries(), tree.entries());
}

#[test]
fn sockets_are_left_out_and_told() {
    let store = MemoryStore::default();
    let mut builder = TreeBuilder::new();
    builder.push(entry(b"s", 0o600, Node::Socket));
    builder.push(entry(b"t", 0o600, Node::Fifo));
    let tree = builder.finish(0).expect("a tree");
    let (bytes, found) = Tar.pack(&options("none"), &tree, &store).expect("packed");
    let told: Vec<(&str, bool)> =
        found.iter().map(|problem| (problem.message.as_str(), problem.warning)).collect();
    assert_eq!(told, [("tar has no sockets: /s is left out", true)]);
    let back = Tar.unpack(&Arc::new(bytes), Keep::ALL, 0, &store).expect("unpacked");
    let paths: Vec<&[u8]> = back.entries().iter().map(|entry| entry.path.0.as_slice()).collect();
    assert_eq!(paths, [&b""[..], b"t"]);
}

#[test]
fn large_device_numbers_are_refused() {
    let store = MemoryStore::default();
    let mut builder = TreeBuilder::new();
    builder.push(entry(b"d", 0o600, Node::Char { major: 1, minor: 1 << 30 }));
    let tree = builder.finish(0).expect("a tree");
    let Err(Failure::Problems(problems)) = Tar.pack(&options("none"), &tree, &store) else {
        panic!("refused")
    };
    assert_eq!(problems.len(), 1);
}

#[test]
fn workers_do_not_change_the_bytes() {
    let store = MemoryStore::default();
    let mut state = 1u32;
    let noise: Vec<u8> = (0..6 << 20)
        .map(|at| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if at % 3 == 0 { state.to_le_bytes()[3] } else { b'a' }
        })
        .collect();
    let mut builder = TreeBuilder::new();
    builder.push(entry(b"noise", 0o644, file(&store, &noise)));
    let tree = builder.finish(0).expect("a tree");
    let mut options = options("zstd");
    options.insert("level".into(), Data::Int(1));
    let digests: Vec<Bytes> = [1, 2, 5]
        .into_iter()
        .map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            pool.install(|| Tar.pack(&options, &tree, &store).expect("packed").0)
        })
        .collect();
    assert!(digests.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn the_bytes_are_pinned() {
    for (compress, wanted) in PINNED {
        let store = MemoryStore::default();
        let bytes = pack(compress, &sample(&store), &store);
        let bytes = Reader::new(&bytes, &store).read_all(1 << 20).expect("reads");
        assert_eq!(BlobId::of(&bytes).hex(), wanted, "{compress}");
    }
}

const PINNED: [(&str, &str); 4] = [
    ("none", "74efbe98a006d6d3bf068fc8956fbe83e6ba60c6e0632d31c5e2d19589550521"),
    ("gzip", "6f33b4198abd07c06eb06b701269a334551df3e2ef9057f2500e0e6d980bc59d"),
    ("zstd", "900d45daceb98b858d9730cec883b162661529082e9e46ae69a013343d605045"),
    ("xz", "89663b020d94aa289aea508451d032d782dfff0a1474d18ddd0c7af079ccb245"),
];
