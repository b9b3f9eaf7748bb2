//! Tests against the tools of util-linux.

use std::{path::Path, process::Command, sync::Arc};

use imgc_image::{Bytes, MemoryStore, Reader};

use super::*;
use crate::testing::{code, run, write_sparse};

const UUID: &str = "0ee0f1d2-1111-4222-8333-94a5b6c7d8e9";

fn options(label: &str, page: i64) -> Record {
    Record::from([
        ("label".into(), Data::from(label)),
        ("uuid".into(), Data::from(UUID)),
        ("page-size".into(), Data::Int(page)),
    ])
}

fn make(options: &Record, len: u64, store: &MemoryStore) -> Arc<Bytes> {
    let mut out = BytesBuilder::new(store);
    assert_eq!(Swap.write(options, None, len, &mut out).expect("written"), []);
    Arc::new(out.finish(len).expect("pieces lie where they should"))
}

/// What a tool of util-linux says of the image.
fn tool(program: &str, arguments: &[&str], image: &Path) -> String {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    run("util-linux", Command::new(program).env("PATH", path).args(arguments).arg(image))
}

#[test]
fn tools_see_label_uuid_and_pages() {
    let dir = tempfile::tempdir().expect("a directory");
    let image = dir.path().join("swap");
    for (page, name) in [(4096, "4k page size"), (16384, "16k page size"), (65536, "64k page size")] {
        let store = MemoryStore::default();
        let bytes = make(&options("spare room", page), 16 << 20, &store);
        write_sparse(&bytes, &store, &image).expect("written");
        let blkid = tool("blkid", &["-p", "-o", "export"], &image);
        for expected in ["LABEL=spare\\ room", &format!("UUID={UUID}"), "VERSION=1", "TYPE=swap"] {
            assert!(blkid.contains(expected), "{expected} is not in {blkid}");
        }
        let label = tool("swaplabel", &[], &image);
        assert!(label.contains("LABEL: spare room") && label.contains(UUID), "{label}");
        let file = run("file", Command::new("file").arg("-b").arg(&image));
        let last = (16 << 20) / page - 1;
        assert!(file.contains("swap file") && file.contains(name), "{file}");
        assert!(file.contains(&format!("size {last} pages")), "{file}");
    }
}

#[test]
fn mkswap_makes_the_same_bytes() {
    let dir = tempfile::tempdir().expect("a directory");
    let image = dir.path().join("theirs");
    std::fs::File::create(&image).and_then(|file| file.set_len(1 << 20)).expect("a file");
    tool("mkswap", &["-q", "-L", "spare", "-U", UUID], &image);
    let store = MemoryStore::default();
    let bytes = make(&options("spare", 4096), 1 << 20, &store);
    let ours = Reader::new(&bytes, &store).read_all(1 << 20).expect("read");
    assert!(ours == std::fs::read(&image).expect("read"), "not what mkswap makes");
    let id = imgc_plan::BlobId::of(&ours).hex();
    assert_eq!(&id[..16], "1faccca167855ab8");
}

#[test]
fn the_dump_is_the_header() {
    let store = MemoryStore::default();
    let bytes = make(&options("x", 8192), 1 << 20, &store);
    assert_eq!(
        Swap.dump(&Reader::new(&bytes, &store)).expect("dumped"),
        "swap, pages of 8192 bytes\n1024 version 1\n1028 last_page 127\n1032 nr_badpages 0\n\
         1036 uuid 0ee0f1d211114222833394a5b6c7d8e9\n1052 volume \"x\"\n8182 magic SWAPSPACE2\n"
    );
    let zeros = Bytes::zeros(1 << 20);
    assert!(Swap.dump(&Reader::new(&zeros, &store)).is_err());
    let short = Bytes::zeros(100);
    assert!(Swap.dump(&Reader::new(&short, &store)).is_err());
}

#[test]
fn sizes_that_cannot_be_are_refused_or_warned_of() {
    let store = MemoryStore::default();
    let options = options("", 4096);
    let least = Swap.measure(&options, None).expect("measured");
    assert_eq!(least, 40 << 10);
    make(&options, least, &store);
    let mut out = BytesBuilder::new(&store);
    let failure = Swap.write(&options, None, least - 1, &mut out).expect_err("refused");
    assert!(failure.to_string().contains("at least 10 pages"), "{failure}");
    let warnings = Swap.write(&options, None, 17 << 40, &mut out).expect("written");
    assert!(warnings.iter().all(|problem| problem.warning) && warnings.len() == 1, "{warnings:?}");
    let odd = Record::from([("page-size".into(), Data::Int(5000))]);
    assert_eq!(Swap.check(&odd).len(), 1);
    assert!(Swap.check(&options).is_empty());
}

#[test]
fn swap_of_ours_and_of_mkswap_is_opened() {
    let dir = tempfile::tempdir().expect("a directory");
    let theirs = dir.path().join("theirs");
    for page in [4096, 16384, 65536] {
        let store = MemoryStore::default();
        let bytes = make(&options("spare room", page), (16 << 20) + 512, &store);
        let ours = Reader::new(&bytes, &store).read_all(17 << 20).expect("read");
        std::fs::File::create(&theirs).and_then(|file| file.set_len(16 << 20)).expect("a file");
        tool("mkswap", &["-q", "-p", &page.to_string(), "-L", "spare room", "-U", UUID], &theirs);
        for image in [ours, std::fs::read(&theirs).expect("read")] {
            let volume = Swap.open(&image).expect("sound").expect("swap");
            let facts = volume.facts();
            assert_eq!(facts["label"].as_text(), Some("spare room"));
            assert_eq!(facts["uuid"].as_text(), Some(UUID));
            assert_eq!(facts["block-size"], Data::Int(page));
            assert_eq!(facts["len"], Data::Int(16 << 20));
            assert_eq!(code(volume.tree()), "no-files");
            assert_eq!(code(volume.copy(b"x", &mut Vec::new())), "no-files");
            assert_eq!(code(volume.extents(b"x")), "no-files");
        }
    }
}

#[test]
fn what_swap_cannot_be_is_refused() {
    let store = MemoryStore::default();
    let bytes = make(&options("", 4096), 1 << 20, &store);
    let image = Reader::new(&bytes, &store).read_all(1 << 20).expect("read");
    let with = |at: usize, bytes: &[u8]| {
        let mut image = image.clone();
        image[at..at + bytes.len()].copy_from_slice(bytes);
        Swap.open(&image).map(|volume| volume.is_some())
    };
    assert_eq!(with(0, &[1]).ok(), Some(true), "the boot block is not its own");
    assert_eq!(with(4095, &[0]).ok(), Some(false));
    assert_eq!(code(with(1024, &[0, 0, 0, 1])), "filesystem-unsupported");
    assert_eq!(code(with(1028, &[0, 0, 0, 0])), "filesystem-damaged");
    assert_eq!(code(with(1028, &[0, 1, 0, 0])), "filesystem-damaged");
    assert_eq!(code(with(1028, &[0xFF; 4])), "filesystem-damaged");
    assert!(Swap.open(&image[..4000].to_vec()).expect("read").is_none());
}
