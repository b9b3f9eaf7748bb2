//! Contents: pointed at, shared, with holes, compressed; the same on any number of threads.

use imgc_image::{Content, Node, Store};
use sha2::{Digest, Sha256};

use super::image::{EPOCH, Grove, Image, noise, options, prose};

/// How many bytes an image takes of others' blobs, and of its own.
fn pointed(image: &Image, grove: &Grove, paths: &[(&str, &[u8])]) -> u64 {
    let known: Vec<_> = paths.iter().map(|(_, content)| grove.store.put(content).unwrap()).collect();
    let runs = image.bytes.extents().iter();
    runs.filter(|run| match image.bytes.source(run) {
        imgc_image::Ref::Blob(id) => known.contains(id),
        imgc_image::Ref::Bytes(_) => false,
    })
    .map(|run| run.len)
    .sum()
}

#[test]
fn contents_are_pointed_at_and_equal_ones_lie_once() {
    let mut grove = Grove::default();
    let (one, two) = (noise(100_000, 1), noise(5000, 2));
    grove.file("one", &one).file("two", &two).file("again", &one).file("dir/again", &one);
    let image = grove.image("");
    // 24 blocks once, and three tails; one block and a tail.
    let all = pointed(&image, &grove, &[("one", &one), ("two", &two)]);
    assert_eq!(all, 24 * 4096 + 3 * (100_000 - 24 * 4096) + 5000);
    assert!(image.bytes.len() < 130_000, "{}", image.bytes.len());
}

#[test]
fn what_cannot_be_compressed_is_pointed_at() {
    let mut grove = Grove::default();
    let noise = noise(3 << 20, 1);
    grove.file("noise", &noise);
    let image = grove.image("compress=lz4hc cluster-size=64KiB");
    assert_eq!(pointed(&image, &grove, &[("noise", &noise)]), 3 << 20);
    assert!(image.describe("/noise").contains("Layout: 0"), "{}", image.describe("/noise"));
}

#[test]
fn compression_saves_and_more_effort_saves_more() {
    let mut lengths = Vec::new();
    for way in [
        "",
        "compress=lz4",
        "compress=lz4hc level=2",
        "compress=lz4hc level=9",
        "compress=lz4hc level=9 cluster-size=16KiB",
        "compress=lz4hc level=9 cluster-size=128KiB",
        "compress=zstd level=3 cluster-size=128KiB",
        "compress=zstd level=19 cluster-size=128KiB",
    ] {
        let mut grove = Grove::default();
        grove.file("prose", &prose(4 << 20, 1));
        let tree = grove.tree();
        lengths.push(Image::write(&options(way), &tree, &grove.store).unwrap().bytes.len());
    }
    assert!(lengths.windows(2).all(|pair| pair[1] < pair[0]), "{lengths:?}");
    assert!(lengths[5] * 2 < lengths[0], "{lengths:?}");
}

#[test]
fn a_sparse_file_of_20_gib_takes_next_to_nothing() {
    for way in ["", "compress=lz4", "dedupe=true"] {
        let mut grove = Grove::default();
        let pieces: [(u64, &[u8]); 3] = [(0, b"start"), (10 << 30, b"middle"), ((20 << 30) - 3, b"end")];
        let node = grove.sparse(20 << 30, &pieces, false);
        grove.add("sparse", node);
        let node = grove.sparse(1 << 40, &[], false);
        grove.add("hole", node);
        let tree = grove.tree();
        let image = Image::write(&options(way), &tree, &grove.store).unwrap();
        image.fsck(way);
        assert!(image.bytes.len() < 8 << 20, "{way}: {}", image.bytes.len());
        assert!(image.describe("/sparse").contains("Size: 21474836480"), "{}", image.describe("/sparse"));
        let reader = imgc_image::Reader::new(&image.bytes, &grove.store);
        let volume = super::super::read::Image::open(&reader).unwrap().unwrap();
        let found = volume.walk().unwrap();
        let (_, inode) = found.iter().find(|(path, _)| path.0 == b"sparse").unwrap();
        let mut data = Vec::new();
        volume
            .runs(inode, &mut |run| {
                if run.place != super::super::read::Place::Hole {
                    data.push((run.from, run.len));
                }
                Ok(())
            })
            .unwrap();
        assert_eq!(data.len(), 3, "{way}: {data:?}");
        for ((from, len), (at, piece)) in data.iter().zip(pieces) {
            assert!(*from <= at && at + piece.len() as u64 <= from + len);
        }
    }
}

#[test]
fn dense_files_have_all_their_blocks_for_themselves() {
    let mut grove = Grove::default();
    for path in ["one", "two"] {
        let node = grove.sparse(1 << 20, &[(5, b"x")], true);
        grove.add(path, node);
    }
    for way in ["", "compress=lz4", "dedupe=true"] {
        let mut again = Grove::default();
        for path in ["one", "two"] {
            let node = again.sparse(1 << 20, &[(5, b"x")], true);
            again.add(path, node);
        }
        assert_eq!(again.image(way).bytes.len(), (2 << 20) + 8192, "{way}");
    }
}

#[test]
fn equal_chunks_lie_once() {
    let shared = noise(1 << 20, 1);
    let mut grove = Grove::default();
    grove.file("one", &[&shared[..], &noise(70_000, 2)].concat());
    grove.file("two", &[&noise(64 << 10, 3), &shared[..]].concat());
    grove.file("zeros", &vec![0; 3 << 20]);
    let plain = grove.image("").bytes.len();
    grove.file("one", &[&shared[..], &noise(70_000, 2)].concat());
    grove.file("two", &[&noise(64 << 10, 3), &shared[..]].concat());
    grove.file("zeros", &vec![0; 3 << 20]);
    let image = grove.image("dedupe=true");
    // A tail is a chunk, too: it takes a block.
    assert_eq!(image.bytes.len(), plain - (4 << 20) + 4096);
    assert!(image.describe("/two").contains("Layout: 4"), "{}", image.describe("/two"));
    assert!(image.describe("/one").contains("Layout: 0"), "{}", image.describe("/one"));
}

#[test]
fn threads_do_not_matter() {
    for way in super::check::all_ways() {
        let digest = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut grove = super::check::sampler();
                let tree = grove.tree();
                let image = Image::write(&options(way), &tree, &grove.store).unwrap();
                Sha256::digest(std::fs::read(image.path()).unwrap())
            })
        };
        assert_eq!(digest(1), digest(2), "{way}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_the_machines_fault() {
    let mut grove = Grove::default();
    let other = Grove::default();
    let id = other.store.put(&prose(9000, 1)).unwrap();
    grove.add("gone", Node::File { content: Content::Blob { id, len: 9000 }, dense: false });
    let tree = grove.tree();
    let result = Image::write(&options("compress=lz4"), &tree, &grove.store);
    assert!(matches!(result, Err(imgc_image::Failure::Machine { .. })));
    assert_eq!(tree.entries()[0].meta.mtime, EPOCH);
}
