//! What cannot be is said, all at once; what is at the edge works.

use imgc_image::{Entry, Failure, LinkGroup, Meta, Node};

use super::image::{Grove, boxed, entry, fitted, kind, noise, options, run, write};

fn codes(name: &str, text: &str, grove: &mut Grove) -> Vec<&'static str> {
    match kind(name).measure(&options(name, text), Some(&grove.tree())) {
        Err(Failure::Problems(problems)) => problems.iter().map(|problem| problem.code).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn contradictions_of_options_are_found_at_their_option() {
    for (name, text, option) in [
        ("ext2", "features=extents", "features"),
        ("ext3", "features=metadata-csum", "features"),
        ("ext4", "inode-size=128", "features"),
        ("ext4", "features=-extents", "features"),
        ("ext4", "features=uninit-bg", "features"),
        ("ext4", "features=-sparse-super", "features"),
        ("ext4", "features=has-journal", "features"),
        ("ext4", "features=metadata-csum-seed,-metadata-csum", "features"),
        ("ext2", "profile=hurd features=filetype", "features"),
        ("ext4", "block-size=3KiB", "block-size"),
        ("ext4", "inode-size=300", "inode-size"),
        ("ext2", "inode-size=128 epoch=3000000000", "epoch"),
        ("ext4", "journal=1MiB", "journal"),
        ("ext4", "journal=16MB", "journal"),
        ("ext2", "journal=16MiB", "journal"),
        ("ext4", "uuid=nonsense", "uuid"),
    ] {
        let problems = kind(name).check(&options(name, text));
        assert_eq!(
            problems.iter().map(|p| p.option).collect::<Vec<_>>(),
            [Some(option)],
            "{name} {text}: {problems:?}"
        );
        assert!(problems[0].help.is_some() && !problems[0].message.ends_with('.'));
    }
    for name in ["ext2", "ext3", "ext4"] {
        assert_eq!(kind(name).check(&options(name, "")), []);
    }
    assert_eq!(kind("ext2").check(&options("ext2", "profile=hurd")), []);
    assert_eq!(kind("ext4").check(&options("ext4", "profile=compatible")), []);
    assert_eq!(kind("ext2").check(&options("ext2", "features=extents,64bit block-size=3KiB")).len(), 3);
}

#[test]
fn all_that_a_tree_asks_too_much_is_said_at_once() {
    let mut grove = Grove::default();
    let large = noise(5000, 1);
    grove.add("symlink", Node::Symlink(vec![b'x'; 4096].into()));
    grove
        .add("major", Node::Char { major: 4096, minor: 0 })
        .add("minor", Node::Block { major: 0, minor: 1 << 20 });
    grove.with("time", Node::Fifo, Meta::new(0o644, 1 << 35), &[]);
    grove.with("big", Node::Fifo, Meta::new(0o644, 0), &[(b"user.big", &large)]);
    grove.with("strange", Node::Fifo, Meta::new(0o644, 0), &[(b"other.name", b"")]);
    grove.with("inline", Node::Fifo, Meta::new(0o644, 0), &[(b"system.data", b"")]);
    grove.with("acl", Node::Fifo, Meta::new(0o644, 0), &[(b"system.posix_acl_access", b"abc")]);
    grove.file("lost+found", b"");
    let mut found = codes("ext4", "", &mut grove);
    found.sort_unstable();
    let expected = [
        "device-unfit",
        "device-unfit",
        "lost-found",
        "symlink-unfit",
        "time-unfit",
        "xattr-unfit",
        "xattr-unfit",
        "xattr-unfit",
        "xattr-unfit",
    ];
    assert_eq!(found, expected);
}

#[test]
fn limits_depend_on_options() {
    let mut grove = Grove::default();
    let node = grove.sparse(1 << 31, &[], false);
    grove.add("file", node.clone());
    assert_eq!(codes("ext2", "features=-large-file", &mut grove), ["file-too-large"]);
    fitted("ext2", "", grove.add("file", node));
    let node = grove.sparse(17 << 30, &[], false);
    grove.add("file", node.clone());
    assert_eq!(codes("ext2", "block-size=1KiB", &mut grove), ["file-too-large"]);
    fitted("ext4", "block-size=1KiB", grove.add("file", node));
    grove.with("late", Node::Fifo, Meta::new(0o644, 5_000_000_000), &[]);
    assert_eq!(codes("ext2", "profile=hurd", &mut grove), ["time-unfit"]);
    grove.dir("a").dir("b");
    assert_eq!(codes("ext4", "inodes=16", &mut many(20)), ["too-few-inodes"]);
}

fn many(files: usize) -> Grove {
    let mut grove = Grove::default();
    for n in 0..files {
        grove.file(format!("{n}"), b"");
    }
    grove
}

#[test]
fn times_reach_from_1901_to_2446_with_nanoseconds() {
    let mut grove = Grove::default();
    let times =
        [-(1i64 << 31), -1, 0, i64::from(i32::MAX), 1 << 31, 1 << 32, 1 << 33, (1 << 34) - (1 << 31) - 1];
    for (n, time) in times.into_iter().enumerate() {
        let meta = Meta { mtime_nanos: 999_999_999, ..Meta::new(0o600, time) };
        grove.with(format!("t{n}"), Node::Fifo, meta, &[]);
    }
    let (image, tree) = fitted("ext4", "", &mut grove);
    // ext4-view takes the lower half of seconds for unsigned.
    super::read::compare_by_debugfs(&image, &tree, &grove.store);
    let meta = Meta { mtime_nanos: 5, ..Meta::new(0o600, 7) };
    grove.with("f", Node::Fifo, meta, &[]);
    let (image, _) = fitted("ext2", "profile=hurd", &mut grove);
    assert_eq!(
        image.warnings.iter().map(|p| (p.code, p.warning)).collect::<Vec<_>>(),
        [("nanoseconds-dropped", true)]
    );
}

#[test]
fn directories_overflow_their_link_count() {
    for (dirs, links) in [(64_997, 65_000), (64_998, 1), (65_100, 1)] {
        let mut grove = Grove::default();
        for n in 0..dirs {
            grove.dir(format!("d{n}"));
        }
        let (image, _) = fitted("ext4", "bytes-per-inode=4KiB", &mut grove);
        assert!(image.debugfs("stat /").contains(&format!("Links: {links} ")), "{dirs}");
    }
    let mut grove = Grove::default();
    for n in 0..65_000 {
        grove.dir(format!("d{n}"));
    }
    assert_eq!(codes("ext3", "", &mut grove), ["too-many-links"]);
    let node = grove.node(b"x");
    for n in 0..65_001 {
        grove.entry(Entry { link: LinkGroup::new(1), ..entry(format!("l{n}").as_bytes(), node.clone()) });
    }
    assert_eq!(codes("ext4", "", &mut grove), ["too-many-links"]);
}

#[test]
fn a_hundred_thousand_names_in_one_directory_are_found_by_hash() {
    for (kind, text, depth) in
        [("ext4", "", 1), ("ext4", "block-size=1KiB", 1), ("ext2", "block-size=1KiB", 1)]
    {
        let mut grove = Grove::default();
        for n in 0..100_000 {
            grove.file(format!("many/file-number-{n:06}"), b"");
        }
        let (image, _) = fitted(kind, text, &mut grove);
        let tree = image.debugfs("htree_dump /many");
        assert!(tree.contains(&format!("Indirect levels: {depth}")), "{}", &tree[..500]);
        // debugfs looks names up through the library, which reads leaves in order; the dump shows each at its hash.
        for n in [0, 77_777, 99_999] {
            assert!(image.debugfs(&format!("stat /many/file-number-{n:06}")).contains("Type: regular"));
            assert!(tree.contains(&format!("file-number-{n:06}")));
        }
        lookup_by_hash(&image, "/many/file-number-077777");
    }
}

/// ext4-view looks names up in the tree of hashes.
fn lookup_by_hash(image: &super::image::Image, path: &str) {
    let file = std::fs::read(image.path()).unwrap();
    let ext4 = ext4_view::Ext4::load(Box::new(file)).unwrap();
    assert!(ext4.exists(path).unwrap());
    assert!(!ext4.exists(&*format!("{path}x")).unwrap());
}

#[test]
fn a_directory_too_large_for_two_levels_is_a_list() {
    let mut grove = Grove::default();
    for n in 0..60_000 {
        grove.add(format!("d/{n:0255}"), Node::Fifo);
    }
    let (image, _) = fitted("ext4", "block-size=1KiB", &mut grove);
    assert!(image.debugfs("htree_dump /d").contains("Not a hash-indexed directory"));
    assert!(image.debugfs(&format!("stat /d/{:0255}", 59_999)).contains("Type: FIFO"));
}

#[test]
fn names_of_equal_hash_may_lie_in_two_leaves() {
    // With 1 KiB blocks three names of 250 bytes fill a leaf; these are found by trying, so that four share a hash.
    let mut by_hash = std::collections::BTreeMap::<u32, Vec<String>>::new();
    let seed = imgc_plan::ids::uuid_bytes(options("ext4", "")["hash-seed"].as_text().unwrap()).unwrap();
    for n in 0..300_000 {
        let name = format!("{n:0250}");
        by_hash.entry(super::super::hash::half_md4(name.as_bytes(), &seed).major).or_default().push(name);
    }
    let mut grove = Grove::default();
    let mut count = 0;
    for name in by_hash.values().filter(|names| names.len() > 1).flatten() {
        grove.add(format!("d/{name}"), Node::Fifo);
        count += 1;
    }
    assert!(count >= 20, "{count} names share a hash");
    fitted("ext4", "block-size=1KiB", &mut grove);
}

#[test]
fn the_superblock_says_what_was_asked() {
    let mut grove = Grove::default();
    let tree = grove.file("f", b"x").tree();
    let text = "label=sixteen-bytes-ok uuid=01234567-89ab-cdef-0123-456789abcdef errors=panic reserved-percent=10 \
                mount-options=acl,discard inodes=5000";
    let image = write("ext4", &options("ext4", text), &tree, 64 << 20, &grove.store).unwrap();
    image.fsck(text);
    let (code, said) = run("tune2fs", &["-l", image.path().to_str().unwrap()]);
    assert_eq!(code, 0);
    for line in [
        "Filesystem volume name:   sixteen-bytes-ok",
        "Filesystem UUID:          01234567-89ab-cdef-0123-456789abcdef",
        "Filesystem features:      has_journal ext_attr resize_inode dir_index filetype extent 64bit flex_bg sparse_super large_file huge_file dir_nlink extra_isize metadata_csum",
        "Filesystem flags:         signed_directory_hash",
        "Default mount options:    acl discard",
        "Filesystem state:         clean",
        "Errors behavior:          Panic",
        "Inode count:              5008",
        "Block count:              16384",
        "Reserved block count:     1638",
        "Filesystem created:       Sun Sep 13 12:26:40 2020",
        "Last checked:             Sun Sep 13 12:26:40 2020",
        "Maximum mount count:      -1",
        "Check interval:           0 (<none>)",
        "Journal backup:           inode blocks",
        "Checksum type:            crc32c",
    ] {
        assert!(said.contains(line), "no `{line}` in {said}");
    }
    let image = write("ext2", &options("ext2", "profile=hurd"), &tree, 8 << 20, &grove.store).unwrap();
    let (_, said) = run("tune2fs", &["-l", image.path().to_str().unwrap()]);
    for line in [
        "Filesystem OS type:       Hurd",
        "Inode size:	          128",
        "ext_attr resize_inode sparse_super large_file\n",
    ] {
        assert!(said.contains(line), "no `{line}` in {said}");
    }
}

#[test]
fn attributes_fill_inode_and_block_to_the_last_byte() {
    // 4096 - 32 - 4 - 16 - 4 of the block for one value; the inode has 96 - 8 - 20 = 68 for another.
    for (inside, outside, fits) in [(68, 4040, true), (69, 4040, false), (68, 4041, false)] {
        let mut grove = Grove::default();
        let (a, b) = (noise(inside, 1), noise(outside, 2));
        let xattrs = boxed(&[(b"user.aaaa", &a), (b"user.bbbb", &b)]);
        grove.entry(Entry { xattrs, ..entry(b"f", Node::Fifo) });
        if fits {
            let (image, tree) = fitted("ext4", "", &mut grove);
            super::read::compare(&image, &tree, &grove.store);
        } else {
            assert_eq!(codes("ext4", "", &mut grove), ["xattr-unfit"], "{inside} {outside}");
        }
    }
}

#[test]
fn names_of_attributes_need_not_be_ascii() {
    let mut grove = Grove::default();
    let value = noise(300, 1);
    grove.with(
        "f",
        Node::Fifo,
        Meta::new(0o644, 0),
        &[("user.größe".as_bytes(), &value), (b"user.\xFF", &value)],
    );
    grove.with("g", Node::Fifo, Meta::new(0o644, 0), &[(b"user.empty", b""), (b"user.one", &value[..1])]);
    let (image, tree) = fitted("ext4", "", &mut grove);
    super::read::compare(&image, &tree, &grove.store);
}
