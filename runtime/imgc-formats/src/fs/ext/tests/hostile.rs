//! Filesystems that lie: no panic, no loop, no memory beyond what an image of that length can need.

use std::io;

use imgc_image::{Node, ReadAt};

use super::{
    super::read::{Image, Step, u32_at},
    image::{Grove, Random, boxed, entry, kind, noise, options, write},
};
use crate::testing::code;

/// A writer that takes so many bytes and then no more: a file may be said to be very long.
struct Limited(u64);

impl io::Write for Limited {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(buf.len() as u64).ok_or(io::ErrorKind::StorageFull)?;
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads everything that there is, as whatever of the three it says that it is: the number of names, or the first that is
/// wrong.
fn devour(bytes: &dyn ReadAt) -> Result<usize, String> {
    let mut wrong = None;
    for name in ["ext2", "ext3", "ext4"] {
        let Some(volume) = kind(name).open(bytes).map_err(|error| error.to_string())? else { continue };
        volume.facts();
        let tree = volume.tree().map_err(|error| error.to_string())?;
        for entry in tree.entries().iter().filter(|entry| matches!(entry.node, Node::File { .. })) {
            let copied = volume.copy(&entry.path.0, &mut Limited(1 << 27));
            let placed = volume.extents(&entry.path.0).map(drop);
            for error in [copied, placed].into_iter().filter_map(Result::err) {
                wrong = wrong.or(Some(error.to_string()).filter(|text| text.contains("damaged")));
            }
        }
        return wrong.map_or(Ok(tree.entries().len()), Err);
    }
    Err("no ext".into())
}

/// Those without checksums, so that e2fsck could not tell either.
const KINDS: [(&str, &str); 4] = [
    ("ext2", ""),
    ("ext2", "profile=hurd"),
    ("ext3", ""),
    ("ext4", "journal=none profile=compatible inode-size=256"),
];

/// A small filesystem with every form of map, name and attribute.
fn small(name: &str, text: &str) -> Vec<u8> {
    let mut grove = Grove::default();
    for n in 0..60 {
        grove.file(format!("many/{n}-{}", "x".repeat(30)), b"x");
    }
    // In reach of the inode and of one, two and three levels of block numbers; and more than four extents.
    let pieces: Vec<(u64, &[u8])> =
        [0, 4, 20, 24, 28, 300, 304, 70_000].iter().map(|n| (n << 10, &b"x"[..])).collect();
    let node = grove.sparse(80 << 20, &pieces, false);
    grove.add("pieces", node).add("null", Node::Char { major: 1, minor: 3 });
    // Zeros: nothing is changed there.
    grove.file("whole", &[0; 20_000]);
    grove.add("fast", Node::Symlink(b"whole"[..].into()));
    grove.add("slow", Node::Symlink(b"whole/".repeat(30).into()));
    let (node, value) = (grove.node(b"x"), noise(300, 1));
    let xattrs = boxed(&[(b"user.long", &value), (b"user.short", b"v")]);
    grove.entry(imgc_image::Entry { xattrs, ..entry(b"attributes", node) });
    let (options, tree) = (options(name, &format!("block-size=1KiB {text}")), grove.tree());
    let len = kind(name).measure(&options, Some(&tree)).unwrap();
    std::fs::read(write(name, &options, &tree, len, &grove.store).unwrap().path()).unwrap()
}

#[test]
fn no_byte_can_be_changed_to_do_harm() {
    for (name, text) in KINDS {
        assert_eq!(devour(&small(name, text)), Ok(69), "{name} {text}");
    }
    // One with block numbers, one with extents.
    for (name, text) in [KINDS[0], KINDS[3]] {
        let mut bytes = small(name, text);
        let mut refused = 0;
        for at in 1024..bytes.len() {
            let before = bytes[at];
            if before == 0 {
                continue;
            }
            for after in [before ^ 1 << (at % 8), 0xFF] {
                bytes[at] = after;
                refused += u32::from(devour(&bytes).is_err());
            }
            bytes[at] = before;
        }
        assert!(refused > 500, "{name} {text}: {refused}");
    }
}

#[test]
fn random_bytes_do_no_harm() {
    let mut random = Random(7);
    for (name, text) in KINDS {
        let sound = small(name, text);
        let (mut refused, mut read) = (0, 0);
        for round in 0..1500 {
            let mut bytes = sound.clone();
            for _ in 0..1 + random.below(6) {
                let end = if round % 3 == 0 { 4096 } else { bytes.len() as u64 };
                let at = 1024 + random.below(end - 1024) as usize;
                bytes[at] = random.next() as u8;
            }
            let devoured = devour(&bytes);
            let _ = kind(name).dump(&bytes);
            (refused, read) = (refused + u32::from(devoured.is_err()), read + u32::from(devoured.is_ok()));
        }
        assert!(refused > 50 && read > 50, "{name} {text}: {refused} {read}");
        for len in (0..sound.len()).step_by(sound.len() / 50) {
            assert!(devour(&sound[..len].to_vec()).is_err(), "{len} bytes");
        }
    }
}

/// The number of an inode in the root directory.
fn number(bytes: &dyn ReadAt, wanted: &str) -> u32 {
    let image = Image::open(bytes).unwrap().unwrap();
    let mut found = 0;
    let root = image.inode(2).unwrap();
    image
        .names(&root, &mut |name, number| {
            found = if name == wanted.as_bytes() { number } else { found };
            Ok(true)
        })
        .unwrap();
    found
}

/// The byte at which an inode of the root directory lies.
fn inode(bytes: &dyn ReadAt, wanted: &str) -> usize {
    Image::open(bytes).unwrap().unwrap().inode_at(number(bytes, wanted)).unwrap() as usize
}

/// Changes bytes and says what is found then.
fn with(bytes: &[u8], at: usize, patch: &[u8]) -> String {
    let mut bytes = bytes.to_vec();
    bytes[at..at + patch.len()].copy_from_slice(patch);
    devour(&bytes).err().unwrap_or_else(|| "nothing is wrong".into())
}

#[test]
fn lies_of_the_superblock_are_told_by_what_they_are() {
    let bytes = small("ext4", KINDS[3].1);
    for (at, patch, why) in [
        (0x38, &[0][..], "no ext"),
        (0x18, &[7], "contradicts itself"),
        (0x18, &[0xFF; 4], "contradicts itself"),
        (0x20, &[0; 4], "contradicts itself"),
        (0x28, &[0; 4], "contradicts itself"),
        (0x58, &[0x81], "contradicts itself"),
        (0x04, &[0xFF; 4], "longer than what holds it"),
        (0x00, &[1, 0, 0, 0], "another number of inodes"),
        (0x60, &[0x46], "changes in its journal"),
        (0x61, &[0x82], "contents inside of inodes"),
        (0x63, &[0x80], "the features 0x80000000"),
        (0x54, &[0xFF; 4], "reserved inode"),
        (1024 + 8, &[0xFF; 4], "of group 0 are past its end"),
        (1024, &[0; 4], "of group 0 are past its end"),
    ] {
        let told = with(&bytes, 1024 + at, patch);
        assert!(told.contains(why), "{why}: {told}");
    }
}

#[test]
fn lies_of_inodes_are_told_by_what_they_are() {
    let bytes = small("ext4", KINDS[3].1);
    for (name, at, patch, why) in [
        ("whole", 0x00, &[0xFF, 0xFF][..], "not in use"),
        ("whole", 0x1A, &[0, 0], "not in use"),
        ("whole", 0x80, &[0xFC, 0xFF], "large fields"),
        ("whole", 0x6C, &[0xFF; 4], "longer than any file"),
        ("whole", 0x21, &[0x08], "encrypted files"),
        ("whole", 0x23, &[0x10], "contents inside of inodes"),
        ("many", 0x04, &[1], "no directory has"),
        ("many", 0x04, &[0, 0, 0, 0], "nothing is wrong"),
        ("many", 0x05, &[0x20], "has a hole"),
        ("fast", 0x28, &[0], "symbolic link"),
        ("fast", 0x04, &[0], "symbolic link"),
        ("slow", 0x05, &[0xFF], "symbolic link"),
        ("attributes", 0x68, &[0xFF; 4], "is past its end"),
        ("attributes", 0x68, &[9, 0, 0, 0], "has no attributes"),
        // The tree of extents in the inode: its magic, its number of nodes, its depth; what its first record says.
        ("whole", 0x28, &[0], "a node that is none"),
        ("whole", 0x2A, &[5, 0], "a node that is none"),
        ("whole", 0x2E, &[6, 0], "a node that is none"),
        ("pieces", 0x2E, &[2, 0], "a node that is none"),
        ("pieces", 0x38, &[0xFF; 4], "is past its end"),
        ("whole", 0x34 + 4, &[0, 0], "empty or over one another"),
        ("whole", 0x34, &[0xFF; 4], "empty or over one another"),
        ("whole", 0x34 + 8, &[0xFF; 4], "are past its end"),
        ("whole", 0x34 + 8, &[0; 4], "are past its end"),
    ] {
        let told = with(&bytes, inode(&bytes, name) + at, patch);
        assert!(told.contains(why), "{name} {at:#x} {why}: {told}");
    }
    // Attributes in the inode behind 128 + 32 bytes: magic, length of the name, kind, offset of the value.
    for (at, patch, why) in [
        (4, &[0xFF][..], "out of its space"),
        (5, &[9], "an attribute of kind 9"),
        (5, &[2], "a name that none has"),
        (6, &[0xFF, 0xFF], "out of its space"),
        (8, &[1], "inodes of their own"),
        (12, &[0xFF; 4], "out of its space"),
    ] {
        let told = with(&bytes, inode(&bytes, "attributes") + 160 + at, patch);
        assert!(told.contains(why), "{at} {why}: {told}");
    }
}

#[test]
fn maps_that_name_themselves_end() {
    // Three levels of block numbers, each of them all the same block.
    let mut bytes = small("ext2", "");
    let at = inode(&bytes, "pieces") + 0x28;
    let block = u32_at(&bytes, at + 48) as usize;
    let own = (block as u32).to_le_bytes();
    bytes[block * 1024..(block + 1) * 1024].as_chunks_mut::<4>().0.fill(own);
    for slot in 12..15 {
        bytes[at + slot * 4..][..4].copy_from_slice(&own);
    }
    bytes[at - 0x28 + 7] = 0x3F;
    assert!(devour(&bytes).unwrap_err().contains("no end"));
    assert!(kind("ext2").dump(&bytes).unwrap_err().to_string().contains("no end"));
    // A leaf that is above itself.
    let mut bytes = small("ext4", KINDS[3].1);
    let at = inode(&bytes, "pieces") + 0x28;
    let leaf = u32_at(&bytes, at + 12 + 4) as usize * 1024;
    bytes[leaf + 6] = 1;
    bytes[at + 6] = 2;
    let own = ((leaf / 1024) as u32).to_le_bytes();
    bytes[leaf + 16..leaf + 20].copy_from_slice(&own);
    bytes[leaf + 20..leaf + 22].fill(0);
    assert!(devour(&bytes).unwrap_err().contains("a node that is none"));
    // The same leaf twice: what it says comes again.
    let mut bytes = small("ext4", KINDS[3].1);
    bytes[at + 2] = 2;
    bytes.copy_within(at + 12..at + 24, at + 24);
    assert!(devour(&bytes).unwrap_err().contains("over one another"));
}

#[test]
fn directories_that_lie_are_found() {
    let bytes = small("ext2", "");
    let image = Image::open(&bytes).unwrap().unwrap();
    let root = image.inode(2).unwrap();
    let mut start = 0;
    let give = &mut |step| {
        if let Step::Piece(piece) = step {
            start = piece.physical as usize * 1024;
        }
        Ok(())
    };
    image.map(&root.map, false, 1, give).unwrap();
    let find =
        |name: &[u8]| start + bytes[start..].windows(name.len()).position(|at| at == name).unwrap() - 8;
    let many = number(&bytes, "many").to_le_bytes();
    for (entry, at, patch, why) in [
        (&b"whole"[..], 4, &[0, 0][..], "out of its block"),
        (b"whole", 4, &[0xFC, 0xFF], "out of its block"),
        (b"slow", 6, &[0xFF], "out of its block"),
        (b"whole", 6, &[0], "is not empty"),
        (b"whole", 8, b"/", "no `/`"),
        (b"whole", 8, b"a\0", "NUL"),
        (b"whole", 0, &[0xFF; 4], "there is no inode"),
        (b"whole", 0, &[8, 0, 0, 0], "reserved inode"),
        (b"whole", 0, &many, "in two places"),
        (b"fast", 8, b"slow", "is there twice"),
    ] {
        let told = with(&bytes, find(entry) + at, patch);
        assert!(told.contains(why), "{why}: {told}");
    }
    assert_eq!(code(kind("ext2").open(&bytes).unwrap().unwrap().extents(b"many")), "no-such-file");
}
