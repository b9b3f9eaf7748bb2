//! Lengths: the least that will do, many groups, growth.

use imgc_image::{Failure, Node, Tree};

use super::{
    super::{
        geometry::Geometry,
        settings::{Flavour, parse},
    },
    fsck::sampler,
    image::{Grove, fsck, kind, noise, options, run, write},
    read::compare,
};

/// What e2fsck and dumpe2fs must hold against: kinds with options.
const MIX: &[(&str, &str)] = &[
    ("ext4", ""),
    ("ext4", "block-size=1KiB"),
    ("ext4", "block-size=2KiB bytes-per-inode=1KiB"),
    ("ext4", "profile=compatible"),
    ("ext4", "features=-flex-bg,-resize-inode"),
    ("ext4", "features=-sparse-super,-resize-inode block-size=1KiB"),
    ("ext4", "features=-64bit inode-size=512"),
    ("ext4", "block-size=1KiB inode-size=1024 bytes-per-inode=1KiB"),
    ("ext4", "profile=compatible inode-size=128 inodes=70000"),
    ("ext3", "block-size=1KiB"),
    ("ext3", ""),
    ("ext2", "block-size=1KiB"),
    ("ext2", "features=-sparse-super,-resize-inode"),
    ("ext2", "profile=hurd"),
];

fn missing(failure: Failure) -> String {
    let Failure::Problems(problems) = failure else { panic!("{failure:?}") };
    assert_eq!(problems[0].code, "tree-too-large", "{problems:?}");
    problems[0].message.clone()
}

fn exact(name: &str, text: &str, tree: &Tree, grove: &Grove) {
    let (kind, options) = (kind(name), options(name, text));
    let len = kind.measure(&options, Some(tree)).unwrap();
    let what = format!("{name} {text} {len}");
    write(name, &options, tree, len, &grove.store).unwrap().fsck(&what);
    let block = options["block-size"].as_u64().unwrap();
    let message = missing(write(name, &options, tree, len - 1, &grove.store).map(|_| ()).unwrap_err());
    assert!(message.contains("(1 bytes) more than there are"), "{what}: {message}");
    missing(write(name, &options, tree, len - block, &grove.store).map(|_| ()).unwrap_err());
    // Whatever is longer does, too: where a group or a larger journal begins, as well.
    for more in [1, 7, 40, 60, 300, 600, 1100, 2047, 3000, 5000, 9000, 33_000, 70_000] {
        let image = write(name, &options, tree, len + more * block, &grove.store).unwrap();
        image.fsck(&format!("{what} and {more} blocks"));
    }
}

#[test]
fn the_measured_length_is_the_least() {
    for (name, text) in MIX {
        let mut grove = sampler();
        let tree = grove.tree();
        exact(name, text, &tree, &grove);
    }
}

#[test]
fn an_empty_filesystem_is_tiny() {
    let mut sizes = Vec::new();
    for (name, text) in
        [("ext2", "block-size=1KiB profile=hurd features=-resize-inode"), ("ext2", ""), ("ext4", "")]
    {
        let mut grove = Grove::default();
        let tree = grove.tree();
        exact(name, text, &tree, &grove);
        sizes.push(kind(name).measure(&options(name, text), None).unwrap());
    }
    assert_eq!(sizes, [20 << 10, 44 << 10, 44 << 10]);
}

#[test]
fn every_length_near_the_bounds_of_groups_works() {
    for (name, text) in [
        ("ext4", "block-size=1KiB"),
        ("ext2", "block-size=1KiB"),
        ("ext4", "block-size=1KiB features=-flex-bg"),
    ] {
        let options = options(name, text);
        let mut grove = Grove::default();
        let tree = grove.file("file", &noise(3000, 1)).tree();
        for groups in [1, 2, 3, 9, 16, 17] {
            for blocks in [-1i64, 0, 1, 2, 50, 100, 319, 330, 400, 620, 900, 8191] {
                let len = ((groups * 8192 + blocks) * 1024) as u64;
                let image = write(name, &options, &tree, len, &grove.store).unwrap();
                image.fsck(&format!("{name} {text} {groups} groups and {blocks}"));
            }
        }
    }
}

#[test]
fn large_sparse_filesystems_are_clean_and_cost_little() {
    for (name, text) in MIX {
        let mut grove = sampler();
        let node = grove.sparse(
            9 << 30,
            &[(1 << 20, b"a"), (5 << 30, &noise(100_000, 4)), ((9 << 30) - 1, b"z")],
            false,
        );
        if !text.contains("1KiB") {
            grove.add("huge-sparse", node);
        }
        let dense = grove.sparse(400 << 20, &[(300 << 20, b"x")], true);
        grove.add("huge-dense", dense);
        let tree = grove.tree();
        let image = write(name, &options(name, text), &tree, 20 << 30, &grove.store).unwrap();
        image.fsck(&format!("20 GiB {name} {text}"));
        let metadata = image.bytes.allocated();
        // Checksums let untouched groups stay holes; without them each has its bitmaps.
        assert!(
            text.contains("-sparse-super") || metadata < if *name == "ext4" { 40 << 20 } else { 90 << 20 },
            "{name} {text}: {metadata}"
        );
    }
}

#[test]
fn files_of_every_depth_of_map_come_back() {
    // 1 KiB blocks: direct, single from 12, double from 268, triple from 65804; as extents more than four, more than 4 * 84.
    for (name, text) in [
        ("ext2", "block-size=1KiB"),
        ("ext4", "block-size=1KiB"),
        ("ext4", "features=-extents,-64bit block-size=1KiB"),
    ] {
        let mut grove = Grove::default();
        for (n, count) in [(0, 3u64), (1, 5), (2, 84 * 4), (3, 84 * 4 + 1), (4, 30_000)] {
            let pieces: Vec<(u64, Vec<u8>)> =
                (0..count).map(|at| (at * 4096 + 100 * (at % 7), (at + 1).to_le_bytes().to_vec())).collect();
            let pieces: Vec<(u64, &[u8])> = pieces.iter().map(|(at, piece)| (*at, &piece[..])).collect();
            let node = grove.sparse(count * 4096 + 13, &pieces, false);
            grove.add(format!("pieces-{n}"), node);
        }
        let whole = noise(66_000 * 1024 + 5, 9);
        grove.file("whole", &whole);
        let far = grove.sparse(
            15 << 30,
            &[(11, b"a"), (12 << 10, b"b"), (268 << 10, b"c"), (65_804 << 10, b"d"), ((15 << 30) - 1, b"e")],
            false,
        );
        grove.add("far", far);
        let tree = grove.tree();
        let options = options(name, text);
        let len = kind(name).measure(&options, Some(&tree)).unwrap();
        let image = write(name, &options, &tree, len, &grove.store).unwrap();
        image.fsck(&format!("{name} {text}"));
        let bmap: Vec<String> = [0, 11, 12, 267, 268, 65_804, 65_805, (15 << 20) - 1]
            .iter()
            .map(|n| image.debugfs(&format!("bmap far {n}")))
            .collect();
        let holes: Vec<bool> = bmap.iter().map(|text| text.lines().next() == Some("0")).collect();
        assert_eq!(holes, [false, true, false, true, false, false, true, false], "{bmap:?}");
        compare_contents(&image, &tree, &grove);
    }
}

/// As `compare`, but leaves out what is too long to be taken out whole.
fn compare_contents(image: &super::image::Image, tree: &Tree, grove: &Grove) {
    for entry in tree.entries() {
        let Node::File { content, .. } = &entry.node else { continue };
        if content.len() > 1 << 30 {
            continue;
        }
        let out = tempfile::NamedTempFile::new().unwrap();
        image.debugfs(&format!("dump {} {}", entry.path, out.path().display()));
        let expected = imgc_image::Reader::new(&content.to_bytes(), &grove.store).read_all(1 << 30).unwrap();
        assert!(std::fs::read(out.path()).unwrap() == expected, "{}", entry.path);
    }
}

#[test]
fn resize2fs_can_grow_it() {
    for (name, text) in MIX {
        let mut grove = sampler();
        let tree = grove.tree();
        let options = options(name, text);
        let len = kind(name).measure(&options, Some(&tree)).unwrap();
        let image = write(name, &options, &tree, len + (1 << 20), &grove.store).unwrap();
        let path = image.path();
        std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(3 << 30).unwrap();
        let (code, said) = run("resize2fs", &["-f", path.to_str().unwrap()]);
        assert_eq!(code, 0, "{name} {text}: {said}");
        fsck(&path, &format!("grown {name} {text}"));
        compare(&image, &tree, &grove.store);
    }
}

#[test]
fn the_journal_follows_the_table() {
    for (len, blocks) in
        [(7 << 20, None), (8 << 20, Some(1024)), (128 << 20, Some(4096)), (1 << 30, Some(8192))]
    {
        let mut grove = Grove::default();
        let tree = grove.tree();
        let image = write("ext4", &options("ext4", ""), &tree, len, &grove.store).unwrap();
        image.fsck("journal");
        let (_, text) = run("dumpe2fs", &["-h", image.path().to_str().unwrap()]);
        let found = text
            .lines()
            .find_map(|line| line.strip_prefix("Total journal blocks:"))
            .map(|n| n.trim().parse().unwrap());
        assert_eq!(found, blocks, "{len}: {text}");
        assert_eq!(text.contains("has_journal"), blocks.is_some());
        let said = image.debugfs("logdump -S");
        assert_eq!(
            said.contains("Journal starts at block 0") || said.contains("journal_checksum_v3"),
            blocks.is_some(),
            "{said}"
        );
    }
}

#[test]
fn a_journal_of_a_given_size_is_made() {
    let mut grove = Grove::default();
    let tree = grove.tree();
    for name in ["ext3", "ext4"] {
        let image = write(name, &options(name, "journal=300MiB"), &tree, 400 << 20, &grove.store).unwrap();
        image.fsck("journal of 300 MiB");
        let (_, text) = run("dumpe2fs", &["-h", image.path().to_str().unwrap()]);
        assert!(text.contains("Total journal size:       300M"), "{text}");
    }
}

#[test]
fn inode_numbers_stay_within_32_bits() {
    let settings = parse(Flavour::Ext4, &options("ext4", "bytes-per-inode=1KiB")).0;
    for tib in [1u64, 16, 17, 200] {
        let geometry = Geometry::new(&settings, tib << 28, 12).unwrap();
        assert!(geometry.inodes() <= u64::from(u32::MAX), "{tib}");
        assert!(geometry.inodes() > 1 << 26, "{tib}");
        assert_eq!(geometry.resize_inode, tib < 16, "{tib}");
    }
    assert!(Geometry::new(&settings, 1 << 47, 12).is_err());
    let settings = parse(Flavour::Ext2, &options("ext2", "")).0;
    assert!(Geometry::new(&settings, u64::from(u32::MAX), 12).is_ok());
    assert!(Geometry::new(&settings, 1 << 32, 12).is_err());
}

#[test]
fn the_same_tree_gives_the_same_bytes() {
    let make = || {
        let mut grove = sampler();
        let tree = grove.tree();
        write("ext4", &options("ext4", ""), &tree, 64 << 20, &grove.store).unwrap().bytes
    };
    assert_eq!(make().value_id(), make().value_id());
}

#[test]
fn contents_are_pointed_at_and_not_copied() {
    let mut grove = Grove::default();
    let tree = grove.file("large", &noise(30 << 20, 5)).tree();
    let blobs = |bytes: &imgc_image::Bytes| bytes.refs().len();
    let image = write("ext4", &options("ext4", ""), &tree, 64 << 20, &grove.store).unwrap();
    assert_eq!(blobs(&image.bytes), 2, "the file and the metadata");
    assert!(image.bytes.allocated() < 31 << 20);
}

#[test]
fn some_inodes_are_left_for_a_running_system() {
    let mut grove = Grove::default();
    for n in 0..8000 {
        grove.file(format!("{n}"), b"");
    }
    let tree = grove.tree();
    for (text, least, most) in [("", 990, 1100), ("inodes=8020", 8, 200)] {
        let options = options("ext4", text);
        let len = kind("ext4").measure(&options, Some(&tree)).unwrap();
        let image = write("ext4", &options, &tree, len, &grove.store).unwrap();
        image.fsck(text);
        let (_, said) = run("dumpe2fs", &["-h", image.path().to_str().unwrap()]);
        let free =
            said.lines().find_map(|line| line.strip_prefix("Free inodes:")).unwrap().trim().parse::<u64>();
        assert!((least..=most).contains(&free.unwrap()), "{said}");
    }
}

#[test]
fn the_journal_gives_way_to_the_tree() {
    let mut grove = Grove::default();
    let node = grove.sparse(30_000 << 10, &[(0, b"x")], true);
    let tree = grove.add("file", node).tree();
    let options = options("ext4", "block-size=1KiB");
    let least = kind("ext4").measure(&options, Some(&tree)).unwrap() >> 10;
    // From 32768 blocks on the table says 4096 blocks, which do not fit before some blocks more.
    assert!((31_000..32_768).contains(&least), "{least}");
    for (blocks, journal) in [(least, 1024), (32_767, 1024), (32_768, 1024), (34_000, 1024), (37_000, 4096)] {
        let image = write("ext4", &options, &tree, blocks << 10, &grove.store).unwrap();
        image.fsck(&format!("{blocks}"));
        let (_, said) = run("dumpe2fs", &["-h", image.path().to_str().unwrap()]);
        assert!(said.contains(&format!("Total journal blocks:     {journal}\n")), "{blocks}: {said}");
        assert!(said.contains(&format!("Block count:              {blocks}\n")), "{blocks}: {said}");
    }
}
