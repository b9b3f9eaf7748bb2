//! What cannot be: trees, options, lengths; and that measuring is exact.

use imgc_image::{Entry, LinkGroup, MemoryStore, Node, Tree};
use imgc_plan::{Data, tree::BytePath};

use super::{
    super::{Exfat, geometry, options::Options},
    image::{entry, file, fsck, make, problems, record, tree},
};
use crate::fs::Filesystem;

#[test]
fn everything_that_exfat_cannot_hold_is_told_at_once() {
    let store = MemoryStore::default();
    let tree = tree([
        file(&store, "Readme", b""),
        file(&store, "README", b""),
        file(&store, "Straße/ÄRGER", b""),
        file(&store, "Straße/ärger", b""),
        file(&store, "a:b", b""),
        file(&store, "dot.", b""),
        Entry { path: BytePath(b"caf\xe9".to_vec()), ..file(&store, "x", b"") },
    ]);
    let found = problems(make(&record(&[]), Some(&tree), 1 << 30, &store));
    let mut codes: Vec<(&str, bool)> =
        found.iter().map(|problem| (problem.code, problem.help.is_some())).collect();
    codes.sort_unstable();
    let wanted = [("name-clash", 2), ("unsupported-name", 3)];
    let wanted: Vec<(&str, bool)> =
        wanted.iter().flat_map(|(code, n)| std::iter::repeat_n((*code, true), *n)).collect();
    assert_eq!(codes, wanted);
    let text: String = found.iter().map(|problem| format!("{}\n", problem.message)).collect();
    for part in [
        "/README and /Readme are the same name to exFAT",
        "/Straße/ÄRGER and /Straße/ärger",
        "exfat cannot hold the name of /a:b",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn what_is_lost_is_warned_of() {
    let store = MemoryStore::default();
    let mut linked = [file(&store, "one", b"same"), file(&store, "two", b"same")];
    for entry in &mut linked {
        entry.link = LinkGroup::new(1);
        entry.meta.uid = 1000;
        entry.meta.mode = 0o4755;
        entry.xattrs = [((*b"user.x").into(), (*b"y").into())].into();
    }
    let tree = tree(linked);
    let mut out = imgc_image::BytesBuilder::new(&store);
    let warnings = Exfat.write(&record(&[]), Some(&tree), 4 << 20, &mut out).unwrap();
    let codes: Vec<(&str, bool)> = warnings.iter().map(|found| (found.code, found.warning)).collect();
    let wanted = ["owners-dropped", "modes-dropped", "xattrs-dropped", "links-dropped"];
    assert_eq!(codes, wanted.map(|code| (code, true)));
    assert!(warnings[3].message.contains("2 entries"), "{warnings:?}");
    assert!(out.finish(4 << 20).is_ok());
}

#[test]
fn links_and_devices_are_left_out_and_told() {
    let store = MemoryStore::default();
    let mut entries = vec![
        file(&store, "bin/busybox", b"busy"),
        entry("bin/BusyBox", Node::Symlink((*b"busybox").into())),
        entry("dev/null", Node::Char { major: 1, minor: 3 }),
        entry("socket", Node::Socket),
    ];
    (entries[0].meta.mtime, entries[0].meta.mtime_nanos) = (1_000_000_000, 12_000_000);
    (entries[1].meta.mtime, entries[1].meta.mode) = (-1, 0o777);
    entries[0].meta.mtime_nanos += 1;
    let tree = tree(entries);
    let mut out = imgc_image::BytesBuilder::new(&store);
    let warnings = Exfat.write(&record(&[]), Some(&tree), 4 << 20, &mut out).unwrap();
    let codes: Vec<(&str, bool)> = warnings.iter().map(|found| (found.code, found.warning)).collect();
    let wanted = ["symlinks-dropped", "devices-dropped", "sockets-dropped", "time-precision"];
    assert_eq!(codes, wanted.map(|code| (code, true)));
    assert_eq!(warnings[0].message, "exfat has no symbolic links: /bin/BusyBox is left out");
    let dir = tempfile::tempdir().expect("a directory");
    let bytes = std::sync::Arc::new(out.finish(4 << 20).expect("whole"));
    let text = fsck(&bytes, &store, &dir.path().join("a.exfat"));
    assert!(text.contains("directories 3, files 1"), "{text}");
    let held = std::collections::BTreeSet::from([b"bin/busybox".to_vec(), b"bin".to_vec(), b"dev".to_vec()]);
    let least = Exfat.measure(&record(&[]), Some(&tree)).expect("measured");
    let rest = tree.entries().iter().filter(|entry| held.contains(&entry.path.0)).cloned();
    assert_eq!(least, Exfat.measure(&record(&[]), Some(&super::image::tree(rest))).expect("measured"));
}

#[test]
fn options_are_checked() {
    let complaints = |pairs: &[(&str, Data)]| -> Vec<&str> {
        Exfat.check(&record(pairs)).into_iter().filter_map(|problem| problem.option).collect()
    };
    assert_eq!(complaints(&[]), Vec::<&str>::new());
    assert_eq!(complaints(&[("label", "lower Ö 日本".into())]), Vec::<&str>::new());
    for label in ["twelve units", "a/b", "a\nb", "🦀🦀🦀🦀🦀🦀"] {
        assert_eq!(complaints(&[("label", label.into())]), ["label"], "{label}");
    }
    assert_eq!(complaints(&[("cluster-size", Data::Int(3000))]), ["cluster-size"]);
    assert_eq!(
        complaints(&[("cluster-size", Data::Int(512)), ("sector-size", Data::Int(4096))]),
        ["cluster-size"]
    );
    assert_eq!(
        complaints(&[("align", Data::Int(1000)), ("sector-size", Data::Int(600))]),
        ["sector-size", "align"]
    );
    assert_eq!(complaints(&[("guid", "00000000-0000-0000-0000-000000000000".into())]), ["guid"]);
}

#[test]
fn least_is_what_trying_every_length_finds() {
    for pairs in [
        vec![],
        vec![("cluster-size", Data::from(512u64))],
        vec![("cluster-size", Data::from(512u64)), ("align", Data::from(65_536u64))],
        vec![("cluster-size", Data::from(1u64 << 20))],
        vec![("sector-size", Data::from(4096u64))],
        vec![("align", Data::from(1u64 << 20))],
    ] {
        let options = Options::of(&record(&pairs));
        for bytes in [0, 1, 500_000, 980_000, 1_000_000, 1_030_000, 2_091_000, 8_366_080, 30_000_000] {
            let need = |cluster: u64| 3 + u64::div_ceil(bytes, cluster);
            let enough = |sectors: &u64| {
                geometry::choose(&options, *sectors).is_some_and(|geometry| {
                    need(geometry.cluster_bytes()) + geometry.clusters_of(geometry.bitmap_bytes())
                        <= geometry.clusters
                })
            };
            let tried = (1..(40 << 20) / options.sector).find(enough);
            assert_eq!(geometry::least(&options, need), tried, "{pairs:?} {bytes}");
            assert!(tried.is_some());
        }
    }
}

#[test]
fn longer_volumes_never_hold_less_with_one_cluster_size() {
    for align in [512u64, 4096, 1 << 20] {
        let options = Options::of(&record(&[("cluster-size", Data::from(512u64)), ("align", align.into())]));
        let mut before = 0;
        for sectors in (2049..60_000).step_by(7) {
            let geometry = geometry::choose(&options, sectors);
            let clusters = geometry.map_or(0, |geometry| geometry.clusters);
            assert!(clusters >= before, "{align} {sectors}");
            before = clusters;
            if let Some(found) = geometry {
                let room = (found.sectors - found.heap_offset) / found.per_cluster;
                assert_eq!(room, found.clusters);
                assert!((found.clusters + 2) * 4 <= found.fat_length * 512);
                assert!(found.fat_offset + found.fat_length <= found.heap_offset);
                assert!(found.fat_offset >= 24 && found.sectors <= sectors);
            }
        }
    }
}

#[test]
fn lengths_beyond_every_disk_have_a_geometry_or_none() {
    let auto = Options::of(&record(&[]));
    for shift in 21..55 {
        let geometry = geometry::choose(&auto, 1 << (shift - 9)).unwrap();
        assert!(geometry.clusters <= geometry::MAX_CLUSTERS, "{shift}");
    }
    assert!(geometry::choose(&auto, u64::MAX).is_none());
    assert!(geometry::choose(&auto, u64::MAX / 512).is_some());
    assert!(geometry::choose(&auto, 2047).is_none());
    assert_eq!(geometry::least(&auto, |_| u64::MAX), None);
}

#[test]
fn an_empty_volume_is_a_mebibyte_and_less_is_refused() {
    let store = MemoryStore::default();
    let options = record(&[]);
    for tree in [None, Some(&Tree::default()), Some(&tree([]))] {
        assert_eq!(Exfat.measure(&options, tree).unwrap(), 1 << 20);
        assert!(make(&options, tree, 1 << 20, &store).is_ok());
        let found = problems(make(&options, tree, 100_000, &store));
        assert_eq!(found[0].code, "tree-too-large");
        assert_eq!(found[0].help.as_deref(), Some("make it 1MiB or larger"));
    }
}
