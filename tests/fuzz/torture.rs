//! One tree at every limit for each writer: long names, 40 levels, 100,000 names in a directory, 20 GiB of holes.

use imgc_grove::torture::{Size, tree};
use imgc_tests::writers::writer;

/// Holes that formats with holes hold without room.
const HUGE: u64 = 20 << 30;

/// A directory of 100,000 short names, a huge hole and all the rest, checked; then, smaller, extracted and compared.
fn holds(kind: &str, text: &str, huge: u64) {
    let writer = writer(kind);
    let grove = tree(&writer.soil, Size { many: 100_000, name: 16, huge });
    writer.prove(text, &grove.tree(), &grove.store, false);
    let grove = tree(&writer.soil, Size { many: 3_000, name: 40, huge: huge.min(3 << 20) });
    writer.prove(text, &grove.tree(), &grove.store, true);
}

#[test]
fn ext4() {
    holds("ext4", "", HUGE);
}

#[test]
fn ext4_of_small_blocks() {
    // Neither features nor block size make it easy: two levels of an index do not reach, so that the directory is a list.
    holds("ext4", "block-size=1KiB journal=none", HUGE);
}

#[test]
fn ext3() {
    holds("ext3", "", HUGE);
}

#[test]
fn ext2_of_small_blocks() {
    holds("ext2", "block-size=1KiB", 10 << 30);
}

#[test]
fn vfat() {
    // FAT has no holes, no links, and no more than 65,536 entries of 32 bytes in a directory.
    let writer = writer("vfat");
    let grove = tree(&writer.soil, Size { many: 15_000, name: 16, huge: 0 });
    writer.prove("", &grove.tree(), &grove.store, true);
}

#[test]
fn exfat() {
    holds("exfat", "", 0);
}

#[test]
fn squashfs() {
    holds("squashfs", "compress=zstd", HUGE);
}

#[test]
fn erofs() {
    holds("erofs", "compress=lz4", HUGE);
}

#[test]
fn iso9660() {
    holds("iso9660", "", HUGE);
}

#[test]
fn tar() {
    holds("tar", "", 0);
}

#[test]
fn cpio() {
    holds("cpio", "compress=none", 0);
}

/// 100,000 names of 255 bytes in one directory: more than two levels of an index of small blocks name.
#[test]
fn a_hundred_thousand_long_names() {
    for (kind, text) in
        [("ext4", ""), ("ext4", "block-size=1KiB journal=none"), ("erofs", ""), ("iso9660", "")]
    {
        let writer = writer(kind);
        let grove = tree(&writer.soil, Size { many: 100_000, name: 255, huge: 0 });
        writer.prove(text, &grove.tree(), &grove.store, false);
    }
}

/// A million small files. Takes minutes: `cargo test --release -p imgc-tests --test fuzz -- --ignored million`.
#[test]
#[ignore = "takes minutes"]
fn a_million_files() {
    for kind in ["ext4", "exfat", "squashfs", "erofs", "iso9660", "tar", "cpio"] {
        let writer = writer(kind);
        let grove = tree(&writer.soil, Size { many: 1_000_000, name: 12, huge: 0 });
        writer.prove("", &grove.tree(), &grove.store, false);
    }
}
