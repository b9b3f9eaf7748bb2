//! Random and extreme trees, by xorriso and by our own reader.

use std::{fs, os::unix::fs::FileExt};

use imgc_image::{Entry, MemoryStore, Node, Reader, Tree};
use imgc_plan::Data;

use super::{
    super::Iso9660,
    oracle::{same_files, same_list, same_mtree},
    tools::*,
};
use crate::fs::{Filesystem, Run};

fn pick(random: &mut Random, most: u64) -> usize {
    usize::try_from(random.below(most)).expect("small")
}

/// A name that may be anything, but is unique by its number.
fn name(random: &mut Random, number: u64) -> Vec<u8> {
    match random.below(8) {
        0 => format!("FILE{number}.BIN").into_bytes(),
        1 => format!("a longer name, number {number}.tar.gz").into_bytes(),
        2 => format!("ñandú-{number}-日本語\u{1F600}").into_bytes(),
        3 => format!("{}{number:03}", "x".repeat(pick(random, 240))).into_bytes(),
        4 => format!(".dot{number}.").into_bytes(),
        5 => [format!("latin{number}").as_bytes(), b"\xe9\xff"].concat(),
        6 => format!("semi;colon*{number}?").into_bytes(),
        _ => format!("{}same start but another end {number}", "s".repeat(20)).into_bytes(),
    }
}

fn node(random: &mut Random, store: &MemoryStore) -> Node {
    match random.below(12) {
        0 => {
            let part =
                ["usr", "..", ".", "a b", &"t".repeat(pick(random, 250) + 1)][pick(random, 5)].to_owned();
            // xorriso reads up to 1024 bytes.
            let times = pick(random, 4) + 1;
            let slash = ["", "/"][pick(random, 2)];
            Node::Symlink(format!("{slash}{}", vec![part; times].join("/")).into_bytes().into())
        }
        1 => Node::Fifo,
        2 => Node::Char { major: random.below(4096) as u32, minor: random.below(256) as u32 },
        _ => {
            let most = [1, 10, 600, 2049, 9000, 200_000][pick(random, 6)];
            let len = pick(random, most);
            // Few seeds: many contents are equal.
            Node::File { content: content(store, &noise(len, random.below(3))), dense: false }
        }
    }
}

fn random_tree(seed: u64, store: &MemoryStore) -> Tree {
    let mut random = Random(seed);
    let mut dirs = vec![Vec::new()];
    let mut entries: Vec<Entry> = Vec::new();
    let mut groups = 0;
    for number in 0..150 + random.below(150) {
        let dir = dirs[pick(&mut random, dirs.len() as u64)].clone();
        let own = name(&mut random, number);
        let path = if dir.is_empty() { own } else { [dir, b"/".to_vec(), own].concat() };
        if random.below(5) == 0 {
            // Half of the directories go below the last one, so that they become deep.
            let path = match dirs.last().filter(|_| random.below(2) == 0) {
                Some(last) if !last.is_empty() => [&last[..], format!("/d{number}").as_bytes()].concat(),
                _ => path,
            };
            dirs.push(path.clone());
            entries.push(attributes(&mut random, entry(path, Node::Dir)));
            continue;
        }
        let mut made = entry(path, node(&mut random, store));
        let other = pick(&mut random, 200);
        match entries.get_mut(other).filter(|other| matches!(other.node, Node::File { .. })) {
            Some(other) => {
                if other.link.is_none() {
                    groups += 1;
                    *other = linked(other.clone(), groups);
                }
                made = Entry { path: made.path, ..other.clone() };
            }
            None => made = attributes(&mut random, made),
        }
        entries.push(made);
    }
    tree(entries)
}

fn attributes(random: &mut Random, mut entry: Entry) -> Entry {
    // Who extracts must be able to write.
    let own = if entry.is_dir() { 0o700 } else { 0o600 };
    entry.meta.mode = random.below(0o10_000) as u16 | own;
    entry.meta.uid = [0, 1000, u32::MAX - 1][pick(random, 3)];
    entry.meta.gid = random.below(1 << 16) as u32;
    entry.meta.mtime = match random.below(8) {
        0 => -2_300_000_000,
        1 => 6_000_000_000,
        _ => random.below(1 << 31) as i64,
    };
    entry
}

#[test]
fn random_trees_are_exact() {
    let cells: [&[(&str, Data)]; 6] = [
        &[],
        &[("deep", Data::Text(String::from("keep")))],
        &[("level", Data::Int(1)), ("joliet", Data::Bool(false))],
        &[("level", Data::Int(4)), ("joliet-length", Data::Int(103))],
        &[("names", Data::Text(String::from("relaxed")))],
        &[("level", Data::Int(2)), ("padding", Data::Int(0))],
    ];
    for seed in 0..6 {
        let store = MemoryStore::default();
        let tree = random_tree(seed, &store);
        for cell in &cells {
            let bytes = made(&options(cell), &tree, &store);
            same_by_us(&bytes, &tree, &store);
        }
        let bytes = made(&options(cells[usize::try_from(seed).expect("small")]), &tree, &store);
        let image = Image::new(&bytes, &store);
        same_files(&image.extract(), &tree, &store);
        same_mtree(&image, &tree);
        assert!(dump(&bytes, &store).lines().count() > tree.entries().len());
    }
}

#[test]
fn forty_levels_are_shown_where_they_belong() {
    let store = MemoryStore::default();
    let deep = |top: &str| (1..=40).fold(top.to_owned(), |path, level| format!("{path}/level {level}"));
    let tree = tree(
        ["one", "two"]
            .iter()
            .flat_map(|top| [file(&store, format!("{}/file", deep(top)), top.as_bytes())])
            .chain([file(&store, "rr_moved", b"mine")]),
    );
    for deep in ["relocate", "keep"] {
        let bytes = made(&options(&[("deep", deep.into())]), &tree, &store);
        same_by_us(&bytes, &tree, &store);
        let image = Image::new(&bytes, &store);
        same_list(&image, &tree, 0);
        let hidden = dump(&bytes, &store).lines().filter(|line| line.ends_with("hidden")).count();
        // Each move makes room for six levels: of 41, 8 are at home already with the root, and then every sixth moves.
        assert_eq!(hidden, if deep == "keep" { 0 } else { 1 + 2 * 6 });
    }
}

#[test]
fn twenty_thousand_entries_and_hundreds_that_collide() {
    let store = MemoryStore::default();
    let many =
        (0..20_000).map(|n| file(&store, format!("many/entry number {n:06} of a large directory"), b"x"));
    let alike =
        (0..700).map(|n| file(&store, format!("alike/{}{n}", "n".repeat(250)), format!("{n}").as_bytes()));
    let tree = tree(many.chain(alike));
    for level in [1, 3] {
        let bytes = made(&options(&[("level", Data::Int(level))]), &tree, &store);
        same_by_us(&bytes, &tree, &store);
        let image = Image::new(&bytes, &store);
        same_list(&image, &tree, 0);
        assert_eq!(image.isoinfo(&["-f"]).lines().count(), tree.entries().len() - 1);
    }
}

#[test]
fn long_links_and_names_continue_elsewhere() {
    let store = MemoryStore::default();
    let part = |n: usize| "p".repeat(n);
    let targets = [
        part(3000),
        format!("/{}", vec!["dir"; 800].join("/")),
        vec![part(248); 12].join("/"),
        vec![part(247); 12].join("/"),
        vec![part(249); 12].join("/"),
        vec![".."; 1300].join("/"),
        part(4095),
    ];
    let links = targets.iter().enumerate().map(|(n, target)| symlink(format!("{}{n}", part(254)), target));
    let short = (0..260).map(|n| symlink(format!("s{n}"), part(n)));
    let tree = tree(links.chain(short));
    let bytes = made(&options(&[]), &tree, &store);
    same_by_us(&bytes, &tree, &store);
    same_mtree(&Image::new(&bytes, &store), &tree);
}

#[test]
fn twenty_gib_with_holes_are_one_file_of_several_sections() {
    let store = MemoryStore::default();
    let len = (20 << 30) + 12_345;
    let border = 0xffff_f800u64;
    let piece = noise(300_000, 9);
    let tree = tree([
        sparse(&store, "big", len, &[(0, b"start"), (border - 100_000, &piece), (len - 5, b"ended")]),
        file(&store, "small", b"after"),
    ]);
    let bytes = made(&options(&[]), &tree, &store);
    assert!(bytes.allocated() < 1 << 20, "{}", bytes.allocated());
    let image = Image::new(&bytes, &store);
    same_list(&image, &tree, 0);
    let text = image.xorriso(&["-find", "/big", "-exec", "report_lba"]);
    // Number, first sector, sectors, bytes of the whole file, path.
    let sections: Vec<Vec<u64>> = text
        .lines()
        .filter_map(|line| line.strip_prefix("File data lba:"))
        .map(|line| line.split(',').filter_map(|word| word.trim().parse().ok()).collect())
        .collect();
    assert_eq!(sections.len(), 6, "{text}");
    let reader = Reader::new(&bytes, &store);
    let runs = Iso9660.open(&reader).expect("opens").expect("is ISO 9660").extents(b"big").expect("runs");
    assert_eq!(runs, [Run { offset: sections[0][1] * 2048, len }], "sections that touch are one run");
    let file = fs::File::open(image.path()).expect("opens");
    for (start, wanted) in [(border - 100_000, &piece[..]), (0, b"start"), (len - 5, b"ended")] {
        let mut found = vec![0; wanted.len()];
        for (at, byte) in (start..).zip(&mut found) {
            // Sections but the last have the same length.
            let section = &sections[usize::try_from(at / border).expect("small")];
            assert_eq!(section[3], len);
            file.read_exact_at(std::slice::from_mut(byte), section[1] * 2048 + at % border).expect("reads");
        }
        assert!(found == wanted);
    }
    let small = image.path().with_file_name("small");
    image.xorriso(&["-extract", "/small", small.to_str().expect("UTF-8")]);
    assert_eq!(fs::read(&small).expect("reads"), b"after");
}
