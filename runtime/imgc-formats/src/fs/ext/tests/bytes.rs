//! The same bytes, always: digests of small images, and what the dump says of one.

use imgc_image::Reader;
use imgc_plan::BlobId;

use super::{
    fsck::sampler,
    image::{Grove, Random, kind, options, write},
};

fn digest(name: &str, text: &str) -> String {
    let mut grove = sampler();
    let (options, tree) = (options(name, text), grove.tree());
    let len = kind(name).measure(&options, Some(&tree)).unwrap();
    let image = write(name, &options, &tree, len, &grove.store).unwrap();
    BlobId::of(&std::fs::read(image.path()).unwrap()).hex()[..16].to_owned()
}

/// A change here changes the bytes of everybody's images: it belongs into the changelog.
#[test]
fn digests_are_pinned() {
    let found: Vec<String> = [
        ("ext4", ""),
        ("ext4", "block-size=1KiB profile=compatible"),
        ("ext3", "block-size=1KiB"),
        ("ext2", ""),
        ("ext2", "profile=hurd"),
    ]
    .iter()
    .map(|(name, text)| digest(name, text))
    .collect();
    assert_eq!(
        found,
        ["302fb0b76d11ba74", "aa5da2b9b90bdfe5", "5fb4c781bfe4b5af", "27deb9665292aa6f", "2d04486052ebf592"]
    );
}

#[test]
fn the_dump_shows_what_lies_where() {
    let mut grove = Grove::default();
    let tree = grove.file("file", &[7; 5000]).tree();
    let image =
        write("ext2", &options("ext2", "profile=hurd block-size=1KiB"), &tree, 100 << 10, &grove.store)
            .unwrap();
    let bytes = std::fs::read(image.path()).unwrap();
    assert_eq!(kind("ext2").dump(&bytes).unwrap(), GOLDEN);
}

const GOLDEN: &str = "\
0x0000000400 superblock label=\"\" uuid=21466ab5-9cda-80b6-aaab-66410b345f8a
\x20            features ext-attr resize-inode sparse-super large-file
\x20            blocks 100 of 1024 bytes, 74 free, first 1
\x20            inodes 16 of 128 bytes, 4 free
\x20            made 1600000000 written 1600000000 creator 1
\x20            groups 1 of 8192 blocks and 16 inodes, 0 descriptor blocks in reserve
0x0000000400 group 0 bitmaps 3 4 table 5, 74 blocks and 4 inodes free, 2 directories
0x0000001480 inode 2 mode 040755 0:0 links 3 size 1024 time 1600000000 flags 0x0
0x0000001c00   blocks 1 for 0 from 7
0x0000001700 inode 7 mode 100600 0:0 links 1 size 67383296 time 1600000000 flags 0x0
0x0000002000   map block 8
0x0000001900 inode 11 mode 040700 0:0 links 2 size 12288 time 1600000000 flags 0x0
0x0000002400   blocks 12 for 0 from 9
0x0000001980 inode 12 mode 100644 0:0 links 1 size 5000 time 1600000000 flags 0x0
0x0000005400   blocks 5 for 0 from 21
";

#[test]
fn dumps_of_other_kinds_name_extents_and_maps() {
    for (name, text, words) in [
        ("ext4", "", ["map block ", "block-uninit zeroed", "flags 0x80000", "attributes in block "]),
        ("ext3", "block-size=1KiB", ["map block ", "has-journal", "groups ", "attributes in block "]),
    ] {
        let mut grove = sampler();
        let pieces: Vec<(u64, &[u8])> = (0..400).map(|n| (n * 8192, &b"x"[..])).collect();
        let node = grove.sparse(4 << 20, &pieces, false);
        let tree = grove.add("pieces", node).tree();
        let image = write(name, &options(name, text), &tree, 600 << 20, &grove.store).unwrap();
        let reader = Reader::new(&image.bytes, &grove.store);
        let dump = kind(name).dump(&reader).unwrap();
        for word in words {
            assert!(dump.contains(word), "no `{word}` in {dump}");
        }
    }
}

#[test]
fn a_damaged_image_gives_an_error_or_a_dump_but_no_panic() {
    let mut grove = sampler();
    let (options, tree) = (options("ext4", "block-size=1KiB"), grove.tree());
    let len = kind("ext4").measure(&options, Some(&tree)).unwrap();
    let image = write("ext4", &options, &tree, len, &grove.store).unwrap();
    let sound = std::fs::read(image.path()).unwrap();
    let mut random = Random(11);
    let mut refused = 0;
    for _ in 0..300 {
        let mut bytes = sound.clone();
        for _ in 0..8 {
            // Most of what the dump reads lies here: superblock, descriptors, the first tables.
            let at = 1024 + random.below(200 << 10) as usize;
            bytes[at] = random.next() as u8;
        }
        bytes[1024 + random.below(200) as usize] ^= 1 << random.below(8);
        refused += usize::from(kind("ext4").dump(&bytes).is_err());
    }
    assert!(refused > 0);
    for len in [0, 1000, 1024, 2047, 3000] {
        assert!(kind("ext4").dump(&sound[..len].to_vec()).is_err());
    }
}
