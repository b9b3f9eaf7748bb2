//! Images that are damaged or want to do harm.

use std::io;

use imgc_image::{MemoryStore, Node, ReadAt};
use imgc_plan::Data;

use super::{
    super::{
        codec::{Codec, Method, Squeeze, unpack},
        read::{Body, Image, Listing},
    },
    Filesystem, METHODS, Squashfs, codes, make, open, options, trees,
};

/// Bytes in memory as an image.
struct Start<'a>(&'a [u8]);

impl ReadAt for Start<'_> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.0.read_at(offset, buf)
    }

    fn len(&self) -> u64 {
        self.0.len() as u64
    }
}

/// Takes 4 MiB, then no more: sparse files may be as long as they like.
struct Bucket(usize);

impl io::Write for Bucket {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(buf.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Does all that can be done with an image; gives whether it went well.
fn use_it(image: &[u8]) -> bool {
    let image = &Start(image);
    let dumped = Squashfs.dump(image).is_ok();
    let Ok(Some(volume)) = Squashfs.open(image) else { return false };
    let _ = volume.facts();
    let Ok(tree) = volume.tree() else { return false };
    let files = tree.entries().iter().filter(|entry| matches!(entry.node, Node::File { .. }));
    let copied = files.map(|entry| volume.copy(&entry.path.0, &mut Bucket(4 << 20)).is_ok());
    copied.fold(dumped, |all, one| all & one)
}

#[test]
fn damaged_images_are_refused_or_read_but_nothing_breaks() {
    let store = MemoryStore::default();
    let tree = trees::random(&store, 5, 60, 4096, true);
    for (seed, method) in (0..).zip(METHODS) {
        let options = options(&[("compress", method.into()), ("block-size", Data::Int(4096))]);
        let mut image = make(&options, &tree, &store).expect("made").image(&store);
        assert!(use_it(&image));
        let mut rng = trees::Rng(seed);
        let tables = u64::from_le_bytes(image[64..72].try_into().expect("8 bytes"));
        let mut refused = 0;
        for round in 0..400 {
            // The superblock, the tables, anywhere.
            let (from, to) = [(0, 96), (tables, image.len() as u64), (0, image.len() as u64)][round % 3];
            let places: Vec<(usize, u8)> = (0..=rng.below(3))
                .map(|_| {
                    (
                        (from + rng.below(to - from)) as usize,
                        [0, 0xff, rng.next() as u8][rng.below(3) as usize],
                    )
                })
                .collect();
            let before: Vec<u8> = places.iter().map(|(at, _)| image[*at]).collect();
            for (at, byte) in &places {
                image[*at] = *byte;
            }
            refused += usize::from(!use_it(&image));
            for ((at, _), byte) in places.iter().zip(before).rev() {
                image[*at] = byte;
            }
        }
        assert!(use_it(&image), "the damage was mended");
        assert!(refused > 50, "{method}: only {refused} of 400 damaged images were noticed");
    }
}

#[test]
fn images_that_end_too_soon_are_refused() {
    let store = MemoryStore::default();
    let tree = trees::everything(&store);
    let image = make(&options(&[]), &tree, &store).expect("made").image(&store);
    let used = u64::from_le_bytes(image[40..48].try_into().expect("8 bytes"));
    for len in (96..used as usize).step_by(7) {
        assert_eq!(
            codes(Squashfs.open(&Start(&image[..len])).err().expect("refused")),
            ["filesystem-damaged"]
        );
    }
    assert!(Squashfs.open(&Start(&image[..95])).expect("no squashfs").is_none());
    assert!(Squashfs.open(&Start(&[0; 4096])).expect("no squashfs").is_none());
}

#[test]
fn blocks_that_unpack_to_too_much_are_refused() {
    for method in [Method::Gzip, Method::Xz, Method::Lz4, Method::Zstd] {
        let squeeze = Squeeze { method, level: method.levels().2 };
        let mut codec = Codec::new(squeeze, 1 << 20).expect("made");
        let bomb = codec.pack(&vec![0; 1 << 20]).expect("packed").expect("smaller");
        assert!(unpack(method, &bomb, 1 << 20).is_ok());
        for limit in [(1 << 20) - 1, 8192, 1, 0] {
            assert!(unpack(method, &bomb, limit).is_err(), "{method:?} {limit}");
        }
    }
}

#[test]
fn an_xz_block_with_a_huge_dictionary_is_refused() {
    let mut codec = Codec::new(Squeeze { method: Method::Xz, level: 6 }, 1 << 17).expect("made");
    let mut block = codec.pack(&[7; 5000]).expect("packed").expect("smaller");
    assert!(unpack(Method::Xz, &block, 8192).is_ok());
    // Stream header of 12 bytes, block header of 12: size, flags, id 0x21, 1 byte of properties, the dictionary.
    assert_eq!(block[14..16], [0x21, 1]);
    block[16] = 40;
    let sum = crc32fast::hash(&block[12..20]);
    block[20..24].copy_from_slice(&sum.to_le_bytes());
    assert!(unpack(Method::Xz, &block, 8192).is_err());
}

#[test]
fn directories_in_circles_are_refused() {
    let store = MemoryStore::default();
    let tree = trees::tree([trees::file(&store, "aa/bb/c", b"c")]);
    let made = make(&options(&[("compress", "none".into())]), &tree, &store).expect("made");
    let mut image = made.image(&store);
    // In the listing of aa: offset of the inode, difference of numbers, type 1, name size 1, "bb".
    let at = image.windows(6).position(|w| w == b"\x01\0\x01\0bb").expect("there");
    let listing = image.windows(6).position(|w| w == b"\x01\0\x01\0aa").expect("there");
    let (own, other) = (at - 4, listing - 4);
    let offset: [u8; 2] = image[other..other + 2].try_into().expect("2 bytes");
    image[own..own + 2].copy_from_slice(&offset);
    assert_eq!(codes(open(&Start(&image)).tree().expect_err("it is refused")), ["filesystem-damaged"]);
}

#[test]
fn many_directories_with_one_listing_are_refused() {
    let store = MemoryStore::default();
    let names = (0..400).map(|number| trees::file(&store, &format!("big/{number:03}"), b"x"));
    let small = (0..50).map(|number| trees::entry(&format!("small-{number:02}"), Node::Dir));
    let tree = trees::tree(names.chain(small));
    let made = make(&options(&[("compress", "none".into())]), &tree, &store).expect("made");
    let mut bytes = made.image(&store);
    let mut places = Vec::new();
    {
        let image = Image::open(&bytes).expect("sound").expect("a squashfs");
        let root = image.inode(image.sb.root_inode).expect("the root");
        let Body::Dir { block, offset, size, .. } = root.body else { panic!("the root is a directory") };
        let mut listing = Listing::new(&image, block, offset, size).expect("a listing");
        while let Some(name) = listing.next().expect("sound") {
            let (block, offset) = (name.reference >> 16, name.reference & 0xffff);
            // Nothing is compressed, so an inode lies where it says, 2 bytes of header further.
            places.push((image.sb.inode_table_start + block + 2 + offset) as usize);
        }
    }
    // The listing of big (block, links, size, offset), for all of them.
    let listing = bytes[places[0] + 16..places[0] + 28].to_vec();
    for place in &places[1..] {
        bytes[place + 16..place + 28].copy_from_slice(&listing);
    }
    assert_eq!(codes(open(&bytes).tree().expect_err("it is refused")), ["filesystem-damaged"]);
}

#[test]
fn compressors_that_cannot_be_read_are_named() {
    let store = MemoryStore::default();
    let mut image = make(&options(&[]), &trees::tree([]), &store).expect("made").image(&store);
    image[20] = 3;
    let failure = Squashfs.open(&Start(&image)).err().expect("refused");
    assert!(failure.to_string().contains("lzo"), "{failure}");
    assert_eq!(codes(failure), ["squashfs-compressor"]);
}
