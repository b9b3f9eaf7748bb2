//! The bridge: udfinfo, 7z and blkid see a UDF volume with the same files, beside the ISO 9660 that is always there.

use std::{fs, process::Command};

use imgc_image::{MemoryStore, Node, Tree};
use imgc_plan::Data;

use super::tools::*;
use crate::testing::run;

const UDF: (&str, Data) = ("udf", Data::Bool(true));

/// Files of the lengths around blocks, narrow and wide names, directories of several blocks and many levels.
fn files(store: &MemoryStore) -> Tree {
    let mut entries = vec![
        file(store, "empty", b""),
        file(store, "caf\u{e9} \u{20ac} \u{540d}.txt", b"wide"),
        file(store, "x".repeat(254), b"long"),
        entry("dir", Node::Dir),
        entry("nothing in it", Node::Dir),
    ];
    for len in [1, 2047, 2048, 2049, 100_000] {
        entries.push(file(store, format!("len-{len}"), &noise(len, len as u64)));
    }
    entries.push(linked(file(store, "one name", b"shared"), 1));
    entries.push(linked(file(store, "other name", b"shared"), 1));
    for at in 0..200 {
        entries.push(file(store, format!("dir/a name that is not so short {at}"), at.to_string().as_bytes()));
    }
    let mut path = "deep".to_owned();
    for level in 0..12 {
        entries.push(entry(&path, Node::Dir));
        entries.push(file(store, format!("{path}/file"), path.as_bytes()));
        path = format!("{path}/{level}");
    }
    tree(entries)
}

/// What udfinfo says, by the word before `=`.
fn udfinfo(image: &Image) -> Vec<String> {
    let said = run("udftools", Command::new("udfinfo").arg(image.path()).env("LC_ALL", "C.UTF-8"));
    said.lines().map(str::to_owned).collect()
}

#[test]
fn udfinfo_finds_a_closed_read_only_volume() {
    let store = MemoryStore::default();
    let tree = files(&store);
    let made = made(&options(&[UDF, ("volume-id", Data::from("BRIDGE"))]), &tree, &store);
    let image = Image::new(&made, &store);
    let said = udfinfo(&image);
    let dirs = tree.entries().iter().filter(|entry| entry.is_dir()).count();
    let files = tree.entries().len() - dirs - 1; // two names of one
    let sectors = made.len() / 2048;
    for wanted in [
        "label=BRIDGE".into(),
        "lvid=BRIDGE".into(),
        "fsid=BRIDGE".into(),
        "udfrev=1.02".into(),
        "integrity=closed".into(),
        "accesstype=readonly".into(),
        format!("numfiles={files}"),
        format!("numdirs={dirs}"),
        format!("blocks={sectors}"),
        "behindblocks=0".into(),
        "start=256, blocks=1, type=ANCHOR".into(),
        format!("start={}, blocks=1, type=ANCHOR", sectors - 1),
        format!("start=257, blocks={}, type=PSPACE", sectors - 258),
    ] {
        assert!(said.contains(&wanted), "{wanted} is not in\n{}", said.join("\n"));
    }
    let kind =
        run("util-linux", Command::new("blkid").args(["-p", "-o", "value", "-s", "TYPE"]).arg(image.path()));
    assert_eq!(kind.trim(), "udf");
}

#[test]
fn seven_zip_extracts_every_file_from_udf_and_we_read_the_rest() {
    let store = MemoryStore::default();
    let tree = files(&store);
    let made = made(&options(&[UDF]), &tree, &store);
    same_by_us(&made, &tree, &store);
    let image = Image::new(&made, &store);
    let to = image.path().with_file_name("by 7z");
    let mut command = Command::new("7z");
    command.args(["x", "-tudf", "-bd", "-y", &format!("-o{}", to.display())]).arg(image.path());
    run("p7zip-full", command.env("LC_ALL", "C.UTF-8"));
    for entry in tree.entries() {
        let path = below(&to, &entry.path.0);
        match &entry.node {
            Node::File { content, .. } => {
                let found = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", entry.path));
                assert!(found == all(&content.to_bytes(), &store), "{} has another content", entry.path);
            }
            _ => assert!(path.is_dir(), "{}", entry.path),
        }
    }
    let found = walk(&to);
    assert_eq!(found, tree.entries().len() - 1, "7z found something else, too");
}

/// How many entries are below a directory.
fn walk(dir: &std::path::Path) -> usize {
    let entries = fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry"));
    entries.map(|entry| 1 + if entry.path().is_dir() { walk(&entry.path()) } else { 0 }).sum()
}

#[test]
fn the_bridge_has_these_bytes_and_nothing_changes_without_it() {
    let store = MemoryStore::default();
    let tree = files(&store);
    let with = made(&options(&[UDF]), &tree, &store);
    let bytes = all(&with, &store);
    // A tag is no digest: the anchor names the descriptors, and sums to what it says (ECMA-167, 3/7.2).
    let anchor = &bytes[256 * 2048..][..32];
    assert_eq!(anchor[16..32], [0, 128, 0, 0, 32, 0, 0, 0, 0, 128, 0, 0, 48, 0, 0, 0]);
    let sum = anchor[..16].iter().enumerate().filter(|(at, _)| *at != 4).map(|(_, byte)| *byte);
    assert_eq!(sum.fold(0u8, u8::wrapping_add), anchor[4]);
    // The sequence of recognition comes after the descriptors of ISO 9660.
    let ids: Vec<&[u8]> = bytes[16 * 2048..].chunks(2048).take(7).map(|sector| &sector[1..6]).collect();
    assert_eq!(ids, [b"CD001", b"CD001", b"CD001", b"BEA01", b"NSR02", b"TEA01", b"\0\0\0\0\0"]);
    let without = made(&options(&[("udf", Data::Bool(false))]), &tree, &store);
    assert_eq!(digest(&without, &store), digest(&made(&options(&[]), &tree, &store), &store));
}

#[test]
fn what_udf_cannot_hold_is_refused_by_its_path() {
    let store = MemoryStore::default();
    let tree = tree([
        file(&store, "y".repeat(255), b""),
        file(&store, "\u{20ac}".repeat(84) + "more", b""),
        file(&store, b"\xff\xfe", b""),
        symlink("link", "a/".repeat(400)),
        symlink("fine", "/usr/lib/../bin//sh"),
    ]);
    let found = problems(make(&options(&[UDF]), &tree, &store));
    let messages: Vec<&str> = found.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(messages.len(), 3, "{messages:#?}");
    assert!(messages.iter().any(|message| message.contains("256 bytes")), "{messages:#?}");
    assert!(messages.iter().any(|message| message.contains("no UTF-8")), "{messages:#?}");
    assert!(messages.iter().any(|message| message.contains("/link: where it points takes")), "{messages:#?}");
    assert!(make(&options(&[]), &tree, &store).is_ok());
}
