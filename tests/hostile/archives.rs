//! Archives: tar with each compression, and Debian packages of such.

use std::sync::Arc;

use imgc_formats::archive;
use imgc_grove::Grove;
use imgc_image::{Bytes, Failure, MemoryStore, Reader, Store, Tree};
use imgc_plan::step::Keep;
use imgc_tests::writers::writer;

use crate::{
    bounds,
    bytes::{changed, stays_inside},
    mend,
};

const USUAL: u64 = 200;

/// An archive of a small tree.
fn tar(compress: &str) -> Vec<u8> {
    let tar = writer("tar");
    let grove = Grove::grown(7, 40, &tar.soil);
    let (bytes, _) = tar.write(&format!("compress={compress}"), &grove.tree(), &grove.store).expect("legal");
    Reader::new(&bytes, &grove.store).read_all(1 << 28).expect("a small archive")
}

/// A package of these members (deb(5), ar(5)).
fn package(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, content) in members {
        bytes.extend(
            format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, content.len()).bytes(),
        );
        bytes.extend(*content);
        bytes.resize(bytes.len().next_multiple_of(2), b'\n');
    }
    bytes
}

fn unpack(kind: &str, bytes: &[u8]) -> Result<Tree, Failure> {
    let store = MemoryStore::default();
    let bytes = Arc::new(Bytes::blob(store.put(bytes)?, bytes.len() as u64));
    archive(kind).expect("an archive").unpack(&bytes, Keep::ALL, 0, &store)
}

/// Each input whole, and changed.
fn survive(kind: &str, goods: &[Vec<u8>]) {
    goods.iter().for_each(|good| drop(unpack(kind, good).expect("a valid one is taken")));
    bounds::run(kind, USUAL, |random| {
        let good = &goods[random.index(goods.len())];
        if let Ok(tree) = unpack(kind, &changed(good, mend::tar, random)) {
            stays_inside(&tree);
        }
    });
}

#[test]
fn tar_with_each_compression() {
    survive("tar", &["none", "gzip", "zstd", "xz"].map(tar));
}

#[test]
fn packages_of_debian() {
    let deb = |(ending, compress): (&str, &str)| {
        let data = format!("data.tar{ending}");
        package(&[("debian-binary", b"2.0\n"), ("control.tar.xz", b"odd"), (&data, &tar(compress))])
    };
    survive("deb", &[("", "none"), (".gz", "gzip"), (".zst", "zstd"), (".xz", "xz")].map(deb));
}
