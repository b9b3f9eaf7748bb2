//! What the tests have in common: options, trees, images, checkers.

use std::{path::Path, process::Command, sync::Arc};

use imgc_image::{
    Bytes, BytesBuilder, Content, Entry, Failure, MemoryStore, Meta, Node, Problem, Reader, Store, Tree,
    TreeBuilder,
};
use imgc_plan::{BlobId, Data, Record, kind::Default as Given, tree::BytePath};

use super::super::{Exfat, KIND};
use crate::{
    fs::Filesystem,
    testing::{in_place, run, write_sparse},
};

pub const TIME: i64 = 1_000_000_001;

pub fn record(pairs: &[(&str, Data)]) -> Record {
    let mut record: Record = KIND
        .options
        .iter()
        .filter_map(|option| {
            let value = match option.default {
                Given::Derived => Data::Int(0x1234_abcd),
                Given::SectorSize => Data::Int(512),
                Given::Absent => return None,
                _ => panic!("{} has another default", option.name),
            };
            Some((option.name.to_owned(), value))
        })
        .collect();
    record.extend(pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    record
}

pub fn entry(path: &str, node: Node) -> Entry {
    let mode = if node == Node::Dir { 0o755 } else { 0o644 };
    let meta = Meta { mtime_nanos: 250_000_000, ..Meta::new(mode, TIME) };
    Entry { path: BytePath(path.as_bytes().to_vec()), meta, xattrs: Box::default(), link: None, node }
}

pub fn file(store: &MemoryStore, path: &str, bytes: &[u8]) -> Entry {
    let content = match bytes {
        b"" => Content::empty(),
        _ => Content::Blob { id: store.put(bytes).unwrap(), len: bytes.len() as u64 },
    };
    entry(path, Node::File { content, dense: false })
}

pub fn tree(entries: impl IntoIterator<Item = Entry>) -> Tree {
    let mut builder = TreeBuilder::new();
    entries.into_iter().for_each(|entry| builder.push(entry));
    builder.finish(TIME).unwrap()
}

pub fn make(
    options: &Record,
    tree: Option<&Tree>,
    len: u64,
    store: &MemoryStore,
) -> Result<Arc<Bytes>, Failure> {
    let mut out = BytesBuilder::new(store);
    Exfat.write(options, tree, len, &mut out)?;
    Ok(Arc::new(out.finish(len).expect("pieces lie where they should")))
}

/// Writes the image to a file and asks fsck.exfat, which says how many files it found of a clean one.
pub fn fsck(bytes: &Arc<Bytes>, store: &MemoryStore, path: &Path) -> String {
    write_sparse(bytes, store, path).unwrap();
    let text = run("exfatprogs", Command::new("fsck.exfat").arg("-n").arg(path));
    assert!(text.contains(": clean."), "fsck.exfat complains: {text}");
    assert!(!text.contains("ERROR") && !text.contains("WARN"), "fsck.exfat complains: {text}");
    text
}

/// What dump.exfat says.
pub fn told(path: &Path) -> String {
    run("exfatprogs", Command::new("dump.exfat").arg(path))
}

/// The bytes of a file as GRUB reads it.
pub fn by_grub(image: &Path, path: &str, scratch: &Path) -> Vec<u8> {
    let _ = std::fs::remove_file(scratch);
    let inside = format!("(loop0)/{path}");
    run("grub-common", Command::new("grub-fstest").arg(image).args(["cp", &inside]).arg(scratch));
    std::fs::read(scratch).unwrap()
}

/// Compares a tree to what our reader finds, contents too.
pub fn same_by_reader(tree: &Tree, bytes: &Arc<Bytes>, store: &MemoryStore) {
    let reader = Reader::new(bytes, store);
    let volume = Exfat.open(&reader).unwrap().expect("an exFAT");
    let found = volume.tree().unwrap();
    let shown = |tree: &Tree| -> Vec<(BytePath, Meta, bool)> {
        let all = tree.entries().iter().skip(1);
        all.map(|entry| (entry.path.clone(), entry.meta, entry.is_dir())).collect()
    };
    assert_eq!(shown(&found), shown(tree));
    for entry in tree.entries() {
        if let Node::File { content, .. } = &entry.node {
            let mut out = Vec::new();
            volume.copy(&entry.path.0, &mut out).unwrap();
            let wanted = Reader::new(&content.to_bytes(), store).read_all(1 << 30).unwrap();
            assert!(out == wanted, "{}", entry.path);
            assert!(in_place(volume.as_ref(), &reader, &entry.path.0) == wanted, "{}", entry.path);
        }
    }
}

pub fn digest(bytes: &Arc<Bytes>, store: &MemoryStore) -> String {
    BlobId::of(&Reader::new(bytes, store).read_all(1 << 30).unwrap()).hex()
}

pub fn problems(result: Result<Arc<Bytes>, Failure>) -> Vec<Problem> {
    match result {
        Err(Failure::Problems(problems)) => problems,
        other => panic!("it was not refused: {other:?}"),
    }
}

/// Random numbers that are the same everywhere (xorshift64).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

pub fn random_tree(seed: u64, store: &MemoryStore) -> Tree {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut dirs = vec![String::new()];
    let mut entries = Vec::new();
    for number in 0..random.below(120) {
        let dir = dirs[usize::try_from(random.below(dirs.len() as u64)).unwrap()].clone();
        let name = match random.below(5) {
            0 => format!("FILE{number}.BIN"),
            1 => format!("a longer name, number {number}.txt"),
            2 => format!("ñandú-{number}-日本語-🦀"),
            3 => format!("{}{number}", "x".repeat(usize::try_from(random.below(200)).unwrap())),
            _ => format!(".dot{number}"),
        };
        let path = if dir.is_empty() { name } else { format!("{dir}/{name}") };
        if random.below(4) == 0 {
            dirs.push(path.clone());
            entries.push(entry(&path, Node::Dir));
            continue;
        }
        let most = [1, 10, 600, 9000, 200_000][usize::try_from(random.below(5)).unwrap()];
        let len = random.below(most);
        let bytes: Vec<u8> = (0..len).map(|_| u8::try_from(random.below(256)).unwrap()).collect();
        entries.push(file(store, &path, &bytes));
    }
    tree(entries)
}

pub fn small(store: &MemoryStore) -> Tree {
    tree([
        file(store, "DCIM/100IMGC/IMG_0001.JPG", &[7; 5000]),
        file(store, "a name that needs three entries, or four.txt", b"text\n"),
        file(store, "empty", b""),
        entry("hollow", Node::Dir),
    ])
}
