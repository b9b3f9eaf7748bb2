//! What fsck.fat, mtools and another reader say of filesystems of ours.

use std::{collections::BTreeMap, fs, io::Read, path::Path, process::Command, sync::Arc};

use imgc_image::{
    Bytes, Content, Entry, LinkGroup, MemoryStore, Meta, Node, Reader, Store, TreeBuilder,
    build::{Patch, overlay},
};
use imgc_plan::{BlobId, Data, tree::BytePath};

use super::*;
use crate::testing::{code, in_place, run, write_sparse};

const TIME: i64 = 1_000_000_000;

fn record(pairs: &[(&str, Data)]) -> Record {
    let mut record: Record = KIND
        .options
        .iter()
        .filter_map(|option| {
            let value = match option.default {
                imgc_plan::kind::Default::Int(value) => Data::Int(value),
                imgc_plan::kind::Default::Text(text) => Data::from(text),
                imgc_plan::kind::Default::Derived => Data::Int(0x1234_abcd),
                imgc_plan::kind::Default::Epoch => Data::Int(TIME),
                imgc_plan::kind::Default::SectorSize => Data::Int(512),
                _ => return None,
            };
            Some((option.name.to_owned(), value))
        })
        .collect();
    record.extend(pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    record
}

fn entry(path: &str, node: Node) -> Entry {
    let mode = if node == Node::Dir { 0o755 } else { 0o644 };
    Entry {
        path: BytePath(path.as_bytes().to_vec()),
        meta: Meta::new(mode, TIME),
        xattrs: Box::default(),
        link: None,
        node,
    }
}

fn file(store: &MemoryStore, path: &str, bytes: &[u8]) -> Entry {
    let content = match bytes {
        b"" => Content::empty(),
        _ => Content::Blob { id: store.put(bytes).expect("stored"), len: bytes.len() as u64 },
    };
    entry(path, Node::File { content, dense: false })
}

fn tree(entries: impl IntoIterator<Item = Entry>) -> Tree {
    let mut builder = TreeBuilder::new();
    entries.into_iter().for_each(|entry| builder.push(entry));
    builder.finish(TIME).expect("a tree")
}

fn make(options: &Record, tree: Option<&Tree>, len: u64, store: &MemoryStore) -> Result<Arc<Bytes>, Failure> {
    let mut out = BytesBuilder::new(store);
    Vfat.write(options, tree, len, &mut out)?;
    Ok(Arc::new(out.finish(len).expect("pieces lie where they should")))
}

/// Writes the image to a file and asks fsck.fat, which says just one line of a clean one.
fn fsck(bytes: &Arc<Bytes>, store: &MemoryStore, path: &Path) {
    write_sparse(bytes, store, path).expect("written");
    let text = run("dosfstools", Command::new("fsck.fat").arg("-n").arg(path));
    assert_eq!(text.lines().count(), 2, "fsck.fat complains: {text}");
}

fn digest(bytes: &Arc<Bytes>, store: &MemoryStore) -> String {
    BlobId::of(&Reader::new(bytes, store).read_all(1 << 30).expect("reads")).hex()
}

fn problems(result: Result<Arc<Bytes>, Failure>) -> Vec<Problem> {
    match result {
        Err(Failure::Problems(problems)) => problems,
        other => panic!("it was not refused: {other:?}"),
    }
}

/// Random numbers that are the same everywhere (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

fn random_tree(seed: u64, store: &MemoryStore) -> Tree {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut dirs = vec![String::new()];
    let mut entries = Vec::new();
    for number in 0..random.below(120) {
        let dir = dirs[usize::try_from(random.below(dirs.len() as u64)).expect("small")].clone();
        let name = match random.below(5) {
            0 => format!("FILE{number}.BIN"),
            1 => format!("a longer name, number {number}.txt"),
            2 => format!("ñandú-{number}-日本語"),
            3 => format!("{}{number}", "x".repeat(usize::try_from(random.below(200)).expect("small"))),
            _ => format!(".dot{number}"),
        };
        let path = if dir.is_empty() { name } else { format!("{dir}/{name}") };
        if random.below(4) == 0 {
            dirs.push(path.clone());
            entries.push(entry(&path, Node::Dir));
            continue;
        }
        let most = [1, 10, 600, 9000, 200_000][usize::try_from(random.below(5)).expect("small")];
        let len = random.below(most);
        let bytes: Vec<u8> = (0..len).map(|_| u8::try_from(random.below(256)).expect("a byte")).collect();
        entries.push(file(store, &path, &bytes));
    }
    tree(entries)
}

#[test]
fn random_trees_are_clean_and_exact_in_every_width() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("fat.img");
    for seed in 0..12 {
        let store = MemoryStore::default();
        let tree = random_tree(seed, &store);
        for fat in ["auto", "12", "16", "32"] {
            let sector = [512u64, 512, 512, 4096][usize::try_from(seed % 4).expect("small")];
            let label = Data::from("RANDOM");
            let options = record(&[("fat", fat.into()), ("sector-size", sector.into()), ("label", label)]);
            let len = Vfat.measure(&options, Some(&tree)).expect("measured");
            let bytes = make(&options, Some(&tree), len, &store).expect("made");
            fsck(&bytes, &store, &path);
            same_by_fatfs(&tree, &store, &path);
            let short = problems(make(&options, Some(&tree), len - sector, &store));
            assert_eq!(short[0].code, "tree-too-large", "{short:?}");
            assert!(short[0].help.is_some());
            let roomy = make(&options, Some(&tree), len + (3 << 20), &store).expect("made");
            fsck(&roomy, &store, &path);
        }
    }
}

/// Reads everything back with the crate `fatfs` and compares it to the tree.
fn same_by_fatfs(tree: &Tree, store: &MemoryStore, image: &Path) {
    let file = fs::File::options().read(true).write(true).open(image).expect("opened");
    let system = fatfs::FileSystem::new(file, fatfs::FsOptions::new()).expect("fatfs reads it");
    let mut found = BTreeMap::new();
    collect(&system.root_dir(), "", &mut found);
    let mut wanted = BTreeMap::new();
    for entry in tree.entries().iter().skip(1) {
        let path = String::from_utf8(entry.path.0.clone()).expect("UTF-8");
        let content = match &entry.node {
            Node::File { content, .. } => {
                Some(Reader::new(&content.to_bytes(), store).read_all(1 << 30).expect("reads"))
            }
            _ => None,
        };
        wanted.insert(path, content);
    }
    assert!(found == wanted, "{:?} is not {:?}", found.keys(), wanted.keys());
}

fn collect(dir: &fatfs::Dir<'_, fs::File>, path: &str, found: &mut BTreeMap<String, Option<Vec<u8>>>) {
    for entry in dir.iter() {
        let entry = entry.expect("reads");
        if matches!(entry.file_name().as_str(), "." | "..") {
            continue;
        }
        let path = format!("{path}{}", entry.file_name());
        if entry.is_dir() {
            collect(&entry.to_dir(), &format!("{path}/"), found);
            found.insert(path, None);
        } else {
            let mut bytes = Vec::new();
            entry.to_file().read_to_end(&mut bytes).expect("reads");
            found.insert(path, Some(bytes));
        }
    }
}

#[test]
fn mtools_lists_and_copies_what_was_put_in() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("fat.img");
    let store = MemoryStore::default();
    let long = "l".repeat(255);
    let big: Vec<u8> = (0..70_000u32).flat_map(u32::to_le_bytes).collect();
    let tree = tree([
        file(&store, "EFI/BOOT/BOOTX64.EFI", &big),
        file(&store, &format!("deep/a dir with spaces/{long}"), b"long"),
        file(&store, "empty.txt", b""),
        entry("hollow", Node::Dir),
    ]);
    for (fat, mib) in [("12", 4), ("16", 16), ("32", 64)] {
        let options = record(&[("fat", fat.into()), ("label", "BOOT 1".into())]);
        let bytes = make(&options, Some(&tree), mib << 20, &store).expect("made");
        fsck(&bytes, &store, &path);
        let mtools = |tool: &str, args: &[&str]| {
            let mut command = Command::new(tool);
            command.env("MTOOLS_SKIP_CHECK", "1").env("LC_ALL", "C.UTF-8").arg("-i").arg(&path).args(args);
            run("mtools", &mut command)
        };
        let out = dir.path().join(format!("out{fat}"));
        fs::create_dir(&out).expect("made");
        mtools(
            "mcopy",
            &["-s", "-n", "::EFI", "::deep", "::empty.txt", "::hollow", out.to_str().expect("UTF-8")],
        );
        assert_eq!(fs::read(out.join("EFI/BOOT/BOOTX64.EFI")).expect("reads"), big);
        assert_eq!(fs::read(out.join("deep/a dir with spaces").join(&long)).expect("reads"), b"long");
        assert_eq!(fs::read(out.join("empty.txt")).expect("reads"), b"");
        assert!(out.join("hollow").is_dir());
        let list = mtools("mdir", &["::"]);
        assert!(list.contains("Volume in drive : is BOOT 1"), "{list}");
        assert!(list.contains("Volume Serial Number is 1234-ABCD"), "{list}");
        assert!(list.contains("EMPTY    TXT         0 2001-09-09   1:46  empty.txt"), "{list}");
        let info = mtools("minfo", &["::"]);
        assert!(info.contains(&format!("disk type=\"FAT{fat}   \"")), "{info}");
        let label = run("dosfstools", Command::new("fatlabel").arg(&path));
        assert_eq!(label.trim(), "BOOT 1");
        let serial = run("dosfstools", Command::new("fatlabel").arg("-i").arg(&path));
        assert_eq!(serial.trim(), "1234abcd");
    }
}

#[test]
fn a_directory_of_twenty_thousand_entries_is_clean() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("fat.img");
    let store = MemoryStore::default();
    let tree = tree((0..20_000).map(|n| file(&store, &format!("many/file number {n}"), b"")));
    let options = record(&[]);
    let len = Vfat.measure(&options, Some(&tree)).expect("measured");
    let bytes = make(&options, Some(&tree), len, &store).expect("made");
    fsck(&bytes, &store, &path);
    same_by_fatfs(&tree, &store, &path);
}

#[test]
fn names_at_the_limits_are_clean_and_read_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("fat.img");
    let store = MemoryStore::default();
    // 13 units a piece: pairs of surrogates cross its borders.
    let mut names =
        vec!["🦀".repeat(63), format!("x{}", "🦀".repeat(63)), "é".repeat(127) + "x", "a".repeat(255)];
    names.extend((0..130).map(|n| format!("the same beginning {n}.text")));
    names.extend(
        [
            "THESAM~1.TEX",
            "THESAM~7.TEX",
            "THESA~11.TEX",
            "a.b.c.d",
            "...dots",
            "+,;=[]",
            "lower.txt",
            "x",
            "Y",
        ]
        .map(String::from),
    );
    names.extend((1..30).map(|len| "n".repeat(len)));
    let entries = names.iter().map(|name| file(&store, &format!("d/{name}"), name.as_bytes()));
    let tree = tree(entries);
    for fat in ["12", "16", "32"] {
        let options = record(&[("fat", fat.into())]);
        let len = Vfat.measure(&options, Some(&tree)).expect("measured");
        let bytes = make(&options, Some(&tree), len, &store).expect("made");
        fsck(&bytes, &store, &path);
        same_by_fatfs(&tree, &store, &path);
    }
}

#[test]
fn damaged_images_never_panic_the_dump() {
    let store = MemoryStore::default();
    for (fat, mib) in [("12", 1), ("32", 34)] {
        let options = record(&[("fat", fat.into())]);
        let bytes = make(&options, Some(&small(&store)), mib << 20, &store).expect("made");
        let image = Reader::new(&bytes, &store).read_all(64 << 20).expect("reads");
        let mut random = Random(99);
        let mut image = image;
        for _ in 0..300 {
            let mut undo = Vec::new();
            for _ in 0..1 + random.below(8) {
                let at = usize::try_from(random.below(60 << 10)).expect("small");
                undo.push((at, image[at]));
                image[at] = u8::try_from(random.below(256)).expect("a byte");
            }
            let _ = Vfat.dump(&image);
            undo.into_iter().rev().for_each(|(at, byte)| image[at] = byte);
        }
        Vfat.dump(&image).expect("it is whole again");
    }
}

#[test]
fn everything_that_fat_cannot_hold_is_told_at_once() {
    let store = MemoryStore::default();
    let huge = Content::Bytes(Arc::new(Bytes::zeros(1 << 32)));
    let tree = tree([
        file(&store, "Readme", b""),
        file(&store, "README", b""),
        file(&store, "Straße/ÄRGER", b""),
        file(&store, "Straße/ärger", b""),
        file(&store, "a:b", b""),
        file(&store, "dot.", b""),
        entry("huge", Node::File { content: huge, dense: false }),
        Entry { path: BytePath(b"caf\xe9".to_vec()), ..file(&store, "x", b"") },
    ]);
    let found = problems(make(&record(&[]), Some(&tree), 1 << 30, &store));
    let mut codes: Vec<(&str, bool)> =
        found.iter().map(|problem| (problem.code, problem.help.is_some())).collect();
    codes.sort_unstable();
    let wanted = [("file-too-large", 1), ("name-clash", 2), ("unsupported-name", 3)];
    let wanted: Vec<(&str, bool)> =
        wanted.iter().flat_map(|(code, n)| std::iter::repeat_n((*code, true), *n)).collect();
    assert_eq!(codes, wanted);
    let text: String = found.iter().map(|problem| format!("{}\n", problem.message)).collect();
    for part in [
        "/README and /Readme are the same name",
        "/Straße/ÄRGER and /Straße/ärger",
        "the name of /a:b: FAT names cannot have `:`",
        "the name of /caf\\xe9: it is not UTF-8",
        "the file /huge has 4294967296 bytes",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn links_and_devices_are_left_out_and_told() {
    let store = MemoryStore::default();
    let mut entries = vec![
        file(&store, "bin/busybox", b"busy"),
        // Neither names nor clashes of what is not there count.
        entry("bin/BusyBox", Node::Symlink((*b"busybox").into())),
        entry("bin/a:b", Node::Symlink((*b"busybox").into())),
        entry("dev/null", Node::Char { major: 1, minor: 3 }),
        entry("dev/sda", Node::Block { major: 8, minor: 0 }),
        entry("fifo", Node::Fifo),
        entry("socket", Node::Socket),
        file(&store, "old", b""),
    ];
    (entries[0].meta.mtime, entries[0].meta.mtime_nanos) = (1_000_000_000, 5);
    // What is left out loses nothing else.
    (entries[1].meta.mtime, entries[1].meta.mode, entries[1].meta.uid) = (-7, 0o777, 7);
    entries[7].meta.mtime = -1;
    let tree = tree(entries);
    let mut out = BytesBuilder::new(&store);
    let found = Vfat.write(&record(&[]), Some(&tree), 1 << 20, &mut out).expect("made");
    assert!(found.iter().all(|problem| problem.warning));
    let text: Vec<(&str, &str)> =
        found.iter().map(|problem| (problem.code, problem.message.as_str())).collect();
    assert_eq!(
        text,
        [
            ("symlinks-dropped", "vfat has no symbolic links: 2 are left out; the first is /bin/BusyBox"),
            (
                "devices-dropped",
                "vfat has no devices and named pipes: 3 are left out; the first is /dev/null"
            ),
            ("sockets-dropped", "vfat has no sockets: /socket is left out"),
            ("time-precision", "vfat cannot hold this: /bin/busybox has a part of a second in the time"),
            (
                "times-clamped",
                "vfat cannot hold this: /old has a time outside 1980 to 2107, which becomes the nearest"
            ),
        ]
    );
    let image = make(&record(&[]), Some(&tree), 1 << 20, &store).expect("made");
    let dump = Vfat.dump(&Reader::new(&image, &store)).expect("read");
    assert!(dump.contains("busybox") && !dump.contains("a:b") && !dump.contains("null"), "{dump}");
}

#[test]
fn what_is_lost_is_warned_of_once_for_each_kind() {
    let store = MemoryStore::default();
    let mut entries: Vec<Entry> = ["a", "b", "c"].iter().map(|path| file(&store, path, b"x")).collect();
    entries[0].meta.uid = 1000;
    entries[1].meta.mode = 0o4755;
    entries[1].meta.uid = 7;
    entries[1].link = LinkGroup::new(1);
    entries[2].link = LinkGroup::new(1);
    entries[2].xattrs = Box::new([((*b"user.x").into(), (*b"y").into())]);
    let tree = tree(entries);
    let mut out = BytesBuilder::new(&store);
    let found = Vfat.write(&record(&[]), Some(&tree), 1 << 20, &mut out).expect("made");
    assert!(found.iter().all(|problem| problem.warning));
    let text: Vec<(&str, &str)> =
        found.iter().map(|problem| (problem.code, problem.message.as_str())).collect();
    assert_eq!(
        text,
        [
            (
                "owners-dropped",
                "vfat cannot hold this: 2 entries have an owner other than 0:0; the first is /a"
            ),
            ("modes-dropped", "vfat cannot hold this: /b has a mode that is not the usual one"),
            ("xattrs-dropped", "vfat cannot hold this: /c has extended attributes"),
            (
                "links-dropped",
                "vfat cannot hold this: 2 entries have other names (hard links), which become copies; the first is /b"
            ),
        ]
    );
}

#[test]
fn a_full_root_directory_says_how_many_entries_it_needs() {
    let store = MemoryStore::default();
    let tree = tree((0..300).map(|n| file(&store, &format!("long name {n}"), b"")));
    let found = problems(make(&record(&[]), Some(&tree), 8 << 20, &store));
    assert_eq!(found[0].code, "root-directory-too-large");
    assert_eq!(
        found[0].help.as_deref().map(|help| help.starts_with("set `root-entries` to 608")),
        Some(true)
    );
    assert!(Vfat.measure(&record(&[]), Some(&tree)).is_err());
    let dir = tempfile::tempdir().expect("a directory");
    let options = record(&[("root-entries", Data::Int(608))]);
    let bytes = make(&options, Some(&tree), 8 << 20, &store).expect("made");
    fsck(&bytes, &store, &dir.path().join("fat.img"));
    make(&record(&[("fat", "32".into())]), Some(&tree), 64 << 20, &store).expect("FAT32 has no such limit");
}

#[test]
fn the_stamp_reaches_both_boot_sectors() {
    let dir = tempfile::tempdir().expect("a directory");
    for (fat, len, pieces) in [("auto", 8 << 20, 1), ("auto", 600 << 20, 2), ("32", 64 << 20, 2)] {
        let store = MemoryStore::default();
        let options = record(&[("fat", fat.into())]);
        let bytes = make(&options, None, len, &store).expect("made");
        let stamp = Vfat.stamp(&options, len, 2048);
        assert_eq!(stamp.len(), pieces);
        let patches: Vec<(u64, Patch)> =
            stamp.into_iter().map(|(at, data)| (at, Patch::Data(data))).collect();
        let stamped = Arc::new(overlay(&store, &bytes, &patches).expect("stamped"));
        fsck(&stamped, &store, &dir.path().join("fat.img"));
        let text = Vfat.dump(&Reader::new(&stamped, &store)).expect("dumped");
        assert!(text.contains("hidden    2048 sectors"), "{text}");
        assert!(pieces == 1 || text.contains("backup    equal"), "{text}");
    }
}

#[test]
fn options_are_checked() {
    let complaints = |pairs: &[(&str, Data)]| -> Vec<&str> {
        Vfat.check(&record(pairs)).into_iter().filter_map(|problem| problem.option).collect()
    };
    assert_eq!(complaints(&[]), Vec::<&str>::new());
    assert_eq!(complaints(&[("label", "EFI SYSTEM".into())]), Vec::<&str>::new());
    for label in ["esp", "A*B", "ÄÖ", " X", "X "] {
        assert_eq!(complaints(&[("label", label.into())]), ["label"], "{label}");
    }
    assert_eq!(complaints(&[("cluster-size", Data::Int(3000))]), ["cluster-size"]);
    assert_eq!(
        complaints(&[("cluster-size", Data::Int(512)), ("sector-size", Data::Int(4096))]),
        ["cluster-size"]
    );
    assert_eq!(complaints(&[("root-entries", Data::Int(100))]), ["root-entries"]);
    assert_eq!(complaints(&[("root-entries", Data::Int(112)), ("fat", "32".into())]), ["root-entries"]);
    assert_eq!(complaints(&[("reserved-sectors", Data::Int(1)), ("fat", "32".into())]), ["reserved-sectors"]);
    assert_eq!(complaints(&[("media", Data::Int(0xf4))]), ["media"]);
}

#[test]
fn options_reach_the_disk() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("fat.img");
    let store = MemoryStore::default();
    let tree = small(&store);
    // A floppy of 1440 KiB as DOS formats it, one FAT, large clusters, many reserved sectors.
    for (pairs, len, wanted) in [
        (
            &[("media", 0xf0), ("cluster-size", 512), ("root-entries", 224), ("reserved-sectors", 1)][..],
            1440 << 10,
            &[
                "FAT12 in 2880 ",
                "0xf0",
                "2 of 9 sectors from byte 512",
                "14 sectors from byte 9728",
                "2847 of 512 bytes from byte 16896",
            ][..],
        ),
        (&[("fats", 1)], 16 << 20, &["FAT16 in 32768", "1 of 32 sectors"]),
        (&[("cluster-size", 65_536)], 400 << 20, &["FAT16 in 819200", "of 65536 bytes"]),
        (&[("reserved-sectors", 100)], 600 << 20, &["FAT32 in 1228800", "100 sectors", "backup    equal"]),
    ] {
        let pairs: Vec<(&str, Data)> = pairs.iter().map(|(name, value)| (*name, Data::Int(*value))).collect();
        let options = record(&pairs);
        assert_eq!(Vfat.check(&options), []);
        let bytes = make(&options, Some(&tree), len, &store).expect("made");
        fsck(&bytes, &store, &path);
        same_by_fatfs(&tree, &store, &path);
        let text = Vfat.dump(&Reader::new(&bytes, &store)).expect("dumped");
        for part in wanted {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }
}

#[test]
fn a_width_that_the_size_cannot_have_is_refused_with_what_would() {
    let store = MemoryStore::default();
    let found = problems(make(&record(&[("fat", "32".into())]), None, 16 << 20, &store));
    assert_eq!(found[0].message, "a FAT32 with these options cannot be as small as 16777216 bytes (16 MiB)");
    assert_eq!(found[0].help.as_deref().map(|help| help.starts_with("make it 3")), Some(true), "{found:?}");
    let found = problems(make(&record(&[("fat", "12".into())]), None, 2 << 30, &store));
    assert_eq!(found[0].code, "fat-geometry");
    let found = problems(make(&record(&[]), None, 3 << 40, &store));
    assert!(found[0].message.starts_with("FAT counts up to 4294967295 sectors"), "{found:?}");
}

fn small(store: &MemoryStore) -> Tree {
    tree([
        file(store, "EFI/BOOT/BOOTX64.EFI", &[7; 5000]),
        file(store, "loader/entries/my entry.conf", b"title x\n"),
        file(store, "README.TXT", b""),
    ])
}

#[test]
fn a_small_filesystem_dumps_as_expected() {
    let store = MemoryStore::default();
    let options = record(&[("label", "ESP".into())]);
    let bytes = make(&options, Some(&small(&store)), 1 << 20, &store).expect("made");
    let text = Vfat.dump(&Reader::new(&bytes, &store)).expect("dumped");
    assert_eq!(text, include_str!("golden.txt"));
    assert!(Vfat.dump(&vec![0u8; 4096]).is_err());
}

#[test]
fn the_bytes_are_pinned() {
    for (fat, mib, wanted) in PINNED {
        let store = MemoryStore::default();
        let options = record(&[("label", "ESP".into()), ("fat", fat.into())]);
        let bytes = make(&options, Some(&small(&store)), mib << 20, &store).expect("made");
        assert_eq!(digest(&bytes, &store), wanted, "FAT{fat}");
    }
}

const PINNED: [(&str, u64, &str); 3] = [
    ("12", 1, "f98c107afea003e60960f53729f9a36eed0d0d9ab5e36c81de2f46566182b7dd"),
    ("16", 16, "59d14bcec77282bfd47b046060a0b8666e2488cc0d6e549d66a8a401ea70c267"),
    ("32", 64, "f2c50ee11835432084b3a444e6810e0767a42c5cbaa737709c4488e94633f45b"),
];

#[test]
fn volumes_are_read_back_and_damage_breaks_nothing() {
    for (seed, fat) in (1..).zip(["12", "16", "32"]) {
        let store = MemoryStore::default();
        let tree = random_tree(seed, &store);
        let options = record(&[("fat", fat.into()), ("label", Data::from("RANDOM"))]);
        let len = Vfat.measure(&options, Some(&tree)).expect("measured");
        let bytes = make(&options, Some(&tree), len, &store).expect("made");
        let mut image = Reader::new(&bytes, &store).read_all(1 << 30).expect("reads");
        let volume = Vfat.open(&image).expect("sound").expect("a FAT");
        assert_eq!(volume.facts().get("label").and_then(Data::as_text), Some("RANDOM"));
        let found = volume.tree().expect("read");
        assert_eq!(found.entries().len(), tree.entries().len());
        for (entry, wanted) in found.entries().iter().zip(tree.entries()) {
            assert_eq!(entry.path, wanted.path);
            if let Node::File { content, .. } = &wanted.node {
                assert_eq!(entry.meta.mtime, TIME);
                let mut out = Vec::new();
                volume.copy(&entry.path.0, &mut out).expect("copied");
                let content = Reader::new(&content.to_bytes(), &store).read_all(1 << 30).expect("reads");
                assert!(out == content, "{}", entry.path);
                assert!(in_place(volume.as_ref(), &image, &entry.path.0) == content, "{}", entry.path);
            }
        }
        assert_eq!(code(volume.extents(b"none")), "no-such-file");
        drop(volume);
        let mut random = Random(seed);
        // Boot sector and what follows it: FATs and directories of small filesystems.
        let end = (image.len() as u64).min(1 << 20);
        for round in 0..200 {
            let within = if round % 2 == 0 { 512 } else { end };
            let at = usize::try_from(random.below(within)).expect("small");
            let before = std::mem::replace(&mut image[at], u8::try_from(random.below(256)).expect("a byte"));
            if let Ok(Some(volume)) = Vfat.open(&image) {
                volume.facts();
                if let Ok(tree) = volume.tree() {
                    for entry in tree.entries().iter().take(5) {
                        let _ = volume.copy(&entry.path.0, &mut std::io::sink());
                        let _ = volume.extents(&entry.path.0);
                    }
                }
            }
            image[at] = before;
        }
    }
}
