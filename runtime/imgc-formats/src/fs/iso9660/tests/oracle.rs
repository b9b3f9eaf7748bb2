//! xorriso and isoinfo: every attribute, every content, in every hierarchy.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{FileTypeExt, MetadataExt},
    },
    path::Path,
};

use imgc_image::{Entry, MemoryStore, Node, Reader, Tree};
use imgc_plan::Data;

use super::{small::small, tools::*};
use crate::fs::{
    Filesystem,
    iso9660::{Iso9660, rock, time},
};

/// What `ls` shows of an entry, as xorriso does: mode, owner, group, length or device, target.
fn listed(entry: &Entry) -> (String, String) {
    let kind = match entry.node {
        Node::Dir => 'd',
        Node::File { .. } => '-',
        Node::Symlink(_) => 'l',
        Node::Char { .. } => 'c',
        Node::Block { .. } => 'b',
        Node::Fifo => 'p',
        Node::Socket => 's',
    };
    let bit = |at: u16, set: char| if entry.meta.mode >> at & 1 == 1 { set } else { '-' };
    let special = |at: u16, x: u16, letter: char| match (entry.meta.mode >> at & 1 == 1, bit(x, 'x')) {
        (true, 'x') => letter,
        (true, _) => letter.to_ascii_uppercase(),
        (false, plain) => plain,
    };
    let mode: String = [
        kind,
        bit(8, 'r'),
        bit(7, 'w'),
        special(11, 6, 's'),
        bit(5, 'r'),
        bit(4, 'w'),
        special(10, 3, 's'),
        bit(2, 'r'),
        bit(1, 'w'),
        special(9, 0, 't'),
    ]
    .iter()
    .collect();
    let size = match &entry.node {
        Node::File { content, .. } => content.len().to_string(),
        Node::Char { major, minor } | Node::Block { major, minor } => format!("{major},{minor}"),
        _ => "0".into(),
    };
    let mut path = format!("'{}'", String::from_utf8_lossy(&entry.path.0).replace('\'', "'\"'\"'"));
    path.insert(1, '/');
    if let Node::Symlink(target) = &entry.node {
        path += &format!(" -> '{}'", String::from_utf8_lossy(target));
    }
    (path, format!("{mode} {} {} {size}", entry.meta.uid, entry.meta.gid))
}

/// xorriso lists what is in the tree, attribute by attribute, and `hidden` more entries.
pub fn same_list(image: &Image, tree: &Tree, hidden: usize) {
    let text = image.xorriso(&["-find", "/", "-exec", "lsdl"]);
    let listing = text.lines().filter(|line| line.contains(" '/"));
    let found: BTreeMap<String, String> = listing
        .map(|line| {
            let (left, path) = line.split_once(" '").expect("a path");
            let words: Vec<&str> = left.split_whitespace().collect();
            (format!("'{path}"), format!("{} {} {} {}", words[0], words[2], words[3], words[4]))
        })
        .collect();
    let wanted: BTreeMap<String, String> = tree.entries().iter().map(listed).collect();
    for (path, line) in &wanted {
        assert_eq!(found.get(path), Some(line), "{path}");
    }
    let skipped = found.len() - wanted.len();
    assert_eq!(skipped, hidden, "{:?}", found.keys());
}

/// A text as mtree writes it: odd bytes as octal numbers.
fn decode(text: &str) -> Vec<u8> {
    let (mut out, mut bytes) = (Vec::new(), text.bytes());
    while let Some(byte) = bytes.next() {
        let octal = |digits: &[u8]| digits.iter().fold(0, |value, digit| value << 3 | (digit - b'0'));
        out.push(if byte == b'\\' {
            octal(&[0; 3].map(|_: u8| bytes.next().expect("a digit")))
        } else {
            byte
        });
    }
    out
}

/// libarchive lists what is in the tree, links of every length too. It takes files with equal contents for one, so that numbers of
/// names are not compared.
pub fn same_mtree(image: &Image, tree: &Tree) {
    let mut command = std::process::Command::new("bsdtar");
    command.args(["-c", "-f", "-", "--format=mtree"]).arg(format!("@{}", image.path().display()));
    let text = crate::testing::run("libarchive-tools", command.env("LC_ALL", "C"));
    let mut count = 0;
    for line in text.lines().filter(|line| line.starts_with('.')) {
        let mut words = line.split(' ');
        let path = decode(words.next().expect("a path"));
        let entry = tree
            .get(path.strip_prefix(b"./").unwrap_or(b""))
            .unwrap_or_else(|| panic!("{line} is not in the tree"));
        let facts: BTreeMap<&str, &str> = words.filter_map(|word| word.split_once('=')).collect();
        let meta = entry.meta;
        assert_eq!(facts["mode"], format!("{:o}", meta.mode), "{line}");
        assert_eq!((facts["uid"], facts["gid"]), (&*meta.uid.to_string(), &*meta.gid.to_string()), "{line}");
        // It does not know times in the long form.
        if (time::SHORT.0..=time::SHORT.1).contains(&meta.mtime) {
            assert_eq!(facts["time"], format!("{}.0", meta.mtime), "{line}");
        }
        let kind = match &entry.node {
            Node::Dir => "dir",
            Node::File { .. } => "file",
            Node::Symlink(target) => {
                assert_eq!(decode(facts["link"]), &target[..], "{line}");
                "link"
            }
            Node::Char { .. } => "char",
            Node::Block { .. } => "block",
            Node::Fifo => "fifo",
            Node::Socket => "socket",
        };
        assert_eq!(facts["type"], kind, "{line}");
        count += 1;
    }
    assert_eq!(count, tree.entries().len());
}

/// What xorriso extracted is what is in the tree; devices only where it may make them.
pub fn same_files(root: &Path, tree: &Tree, store: &MemoryStore) {
    let mut groups = BTreeMap::new();
    for entry in tree.entries() {
        let path = below(root, &entry.path.0);
        let Ok(found) = fs::symlink_metadata(&path) else {
            assert!(
                matches!(entry.node, Node::Char { .. } | Node::Block { .. } | Node::Socket),
                "{} is not there",
                entry.path
            );
            continue;
        };
        let kind = found.file_type();
        match &entry.node {
            Node::Dir => assert!(kind.is_dir()),
            Node::File { content, .. } => {
                let right = all(&content.to_bytes(), store);
                assert!(
                    kind.is_file() && fs::read(&path).expect("reads") == right,
                    "{} has another content",
                    entry.path
                );
            }
            Node::Symlink(target) => {
                assert_eq!(
                    fs::read_link(&path).expect("a link").as_os_str().as_bytes(),
                    &target[..],
                    "{}",
                    entry.path
                );
                continue;
            }
            Node::Fifo => assert!(kind.is_fifo()),
            Node::Char { .. } => assert!(kind.is_char_device()),
            Node::Block { .. } => assert!(kind.is_block_device()),
            Node::Socket => assert!(kind.is_socket()),
        }
        if let Some(link) = entry.link {
            assert_eq!(
                *groups.entry(link).or_insert(found.ino()),
                found.ino(),
                "{} is another file",
                entry.path
            );
        }
        // The root's mode was changed so that it can be removed.
        if !entry.path.0.is_empty() {
            assert_eq!(found.mode() & 0o7777, u32::from(entry.meta.mode), "{}", entry.path);
            // xorriso restores no earlier time.
            assert_eq!(found.mtime(), entry.meta.mtime.max(i32::MIN.into()), "{}", entry.path);
        }
    }
    let count = std::process::Command::new("find")
        .arg(root)
        .arg("-printf")
        .arg("x")
        .output()
        .expect("find runs")
        .stdout;
    assert!(count.len() <= tree.entries().len() + 1, "{} of {}", count.len(), tree.entries().len());
}

#[test]
fn xorriso_lists_and_extracts_everything() {
    let store = MemoryStore::default();
    let tree = small(&store);
    for pairs in
        [vec![], vec![("deep", "keep".into())], vec![("level", Data::Int(1))], vec![("level", Data::Int(4))]]
    {
        let image = Image::new(&made(&options(&pairs), &tree, &store), &store);
        same_list(&image, &without(&tree, &[b"odd", b"dev/nvme"]), 2);
        same_mtree(&image, &tree);
        same_files(&image.extract(), &without(&tree, &[b"odd"]), &store);
    }
}

/// A tree without what xorriso shows in another way: it drops empty components of links, and takes device numbers as the old C library's.
fn without(tree: &Tree, paths: &[&[u8]]) -> Tree {
    let mut builder = imgc_image::TreeBuilder::new();
    tree.entries()
        .iter()
        .filter(|entry| !paths.contains(&&entry.path.0[..]))
        .for_each(|entry| builder.push(entry.clone()));
    builder.finish(TIME).expect("a tree")
}

#[test]
fn isoinfo_lists_rock_ridge_attributes_and_names_of_one_file() {
    let store = MemoryStore::default();
    let tree = tree([
        linked(file(&store, "one", b"same"), 1),
        linked(file(&store, "two", b"same"), 1),
        file(&store, "a long name, with spaces and more than thirty-one letters", b"x"),
        symlink("link", "../up/./here"),
        entry("sub/inner", Node::Dir),
    ]);
    let image = Image::new(&made(&options(&[]), &tree, &store), &store);
    let text = image.isoinfo(&["-R", "-l"]);
    let line = |name: &str| {
        let found = text
            .lines()
            .find(|line| line.trim_end().ends_with(name))
            .unwrap_or_else(|| panic!("no {name} in {text}"));
        found.split_whitespace().take(5).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line(" one"), "-rw-r--r-- 2 0 0 4");
    assert_eq!(line(" two"), "-rw-r--r-- 2 0 0 4");
    assert_eq!(line(" a long name, with spaces and more than thirty-one letters"), "-rw-r--r-- 1 0 0 1");
    assert_eq!(line(" link -> ../up/./here"), "lrw-r--r-- 1 0 0 0");
    assert_eq!(line(" sub"), "drwxr-xr-x 3 0 0 2048");
    assert!(text.contains("Sep  9 2001"), "{text}");
    let about = image.isoinfo(&["-d"]);
    assert!(
        about.contains("Volume id: ISOIMAGE") && about.contains("Joliet with UCS level 3 found"),
        "{about}"
    );
    assert!(about.contains("Rock Ridge signatures version 1 found"), "{about}");
    let size = fs::metadata(image.path()).expect("a file").len() / 2048;
    assert!(about.contains(&format!("Volume size is: {size}")), "{about}");
}

#[test]
fn isoinfo_finds_joliet_and_plain_names_and_path_tables() {
    let store = MemoryStore::default();
    let tree = tree([
        file(&store, "Blue/A longer name.text", b"1"),
        file(&store, "Blue/a*b", b"2"),
        file(&store, "README", b"3"),
    ]);
    let image = Image::new(&made(&options(&[]), &tree, &store), &store);
    let joliet = image.isoinfo(&["-J", "-f"]);
    assert_eq!(lines(&joliet), ["/Blue", "/Blue/A longer name.text", "/Blue/a_b", "/README"]);
    let plain = image.isoinfo(&["-f"]);
    assert_eq!(lines(&plain), ["/BLUE", "/BLUE/A_B.;1", "/BLUE/A_LONGER_NAME.TEXT;1", "/README.;1"]);
    let rock = image.isoinfo(&["-R", "-f"]);
    assert_eq!(lines(&rock), ["/Blue", "/Blue/A longer name.text", "/Blue/a*b", "/README"]);
    let table = image.isoinfo(&["-p"]);
    assert!(table.contains("BLUE"), "{table}");
}

fn lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().filter(|line| line.starts_with('/')).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn xorriso_reads_joliet_and_plain_names_as_we_do() {
    let store = MemoryStore::default();
    let files = (0..300).map(|n| {
        file(
            &store,
            format!("dir {}/File Number {n} of many. And more.Text", n % 7),
            &noise(n * 10, n as u64),
        )
    });
    let tree = tree(files);
    for level in 1..=4 {
        for joliet in [false, true] {
            let pairs = [
                ("level", Data::Int(level)),
                ("joliet", Data::Bool(joliet)),
                ("rock-ridge", Data::Bool(false)),
            ];
            let bytes = made(&options(&pairs), &tree, &store);
            let image = Image::new(&bytes, &store);
            let reader = Reader::new(&bytes, &store);
            let volume = Iso9660.open(&reader).expect("opens").expect("is ISO 9660");
            let ours = volume.tree().expect("a tree");
            assert_eq!(ours.entries().len(), tree.entries().len());
            let text = image.xorriso(&["-find", "/"]);
            let theirs: BTreeSet<&str> = text.lines().filter(|line| line.starts_with("'/")).collect();
            let names: Vec<String> = ours.entries().iter().map(|entry| format!("'{}'", entry.path)).collect();
            assert_eq!(theirs, names.iter().map(String::as_str).collect::<BTreeSet<_>>());
            let root = image.extract();
            for entry in ours.entries().iter().filter(|entry| !entry.is_dir()) {
                let mut copy = Vec::new();
                volume.copy(&entry.path.0, &mut copy).expect("copies");
                assert!(fs::read(below(&root, &entry.path.0)).expect("reads") == copy, "{}", entry.path);
            }
        }
    }
}

#[test]
fn volumes_of_xorriso_and_genisoimage_are_read() {
    let dir = tempfile::tempdir().expect("a directory");
    let source = dir.path().join("source");
    let deep = source.join("1/2/3/4/5/6/7/8/9/10");
    fs::create_dir_all(&deep).expect("made");
    fs::write(deep.join("deep file"), b"deep").expect("written");
    fs::write(source.join("l".repeat(240)), noise(10_000, 3)).expect("written");
    let target = format!("{}/end", "part/of/a/long/target".repeat(4));
    std::os::unix::fs::symlink(&target, source.join("link")).expect("linked");
    for (package, program, arguments) in [
        ("xorriso", "xorriso", &["-as", "mkisofs", "-R", "-J"][..]),
        ("genisoimage", "genisoimage", &["-R", "-J", "-quiet"]),
        ("genisoimage", "genisoimage", &["-R", "-D", "-quiet"]),
    ] {
        let path = dir.path().join("made.iso");
        let mut command = std::process::Command::new(program);
        command.args(arguments).arg("-o").arg(&path).arg(&source);
        crate::testing::run(package, &mut command);
        let image = fs::read(&path).expect("reads");
        let volume = Iso9660.open(&image).expect("opens").expect("is ISO 9660");
        let tree = volume.tree().expect("a tree");
        let mut copy = Vec::new();
        volume.copy(b"1/2/3/4/5/6/7/8/9/10/deep file", &mut copy).expect("copies");
        assert_eq!(copy, b"deep");
        copy.clear();
        volume.copy("l".repeat(240).as_bytes(), &mut copy).expect("copies");
        assert!(copy == noise(10_000, 3));
        assert_eq!(tree.get(b"link").expect("a link").node, Node::Symlink(target.as_bytes().into()));
        assert_eq!(
            tree.get(b"1/2/3/4/5/6/7/8/9/10").map(|entry| rock::kind(&entry.node)),
            Some(rock::S_IFDIR)
        );
        assert!(Iso9660.dump(&image).expect("dumped").contains("deep file"));
    }
}

#[test]
fn xorriso_reads_unicode_of_joliet() {
    let store = MemoryStore::default();
    let tree =
        tree([file(&store, "Gr\u{fc}n/\u{65e5}\u{672c}.txt", b"1"), file(&store, "plane \u{1F600}", b"2")]);
    let image = Image::new(&made(&options(&[]), &tree, &store), &store);
    let mut command = std::process::Command::new("xorriso");
    command.args(["-read_fs", "norock", "-indev"]).arg(image.path()).args(["-find", "/"]);
    let text = crate::testing::run("xorriso", command.env("LC_ALL", "C.UTF-8"));
    let mut found: Vec<&str> = text.lines().filter(|line| line.starts_with("'/")).collect();
    found.sort_unstable();
    assert_eq!(found, ["'/'", "'/Gr\u{fc}n'", "'/Gr\u{fc}n/\u{65e5}\u{672c}.txt'", "'/plane _'"]);
}
