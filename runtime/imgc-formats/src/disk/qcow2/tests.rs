//! `qemu-img` must find every image clean, equal to the disk, and as its options say.

use std::{path::Path, sync::Arc};

use imgc_image::{Bytes, BytesBuilder, Failure, MemoryStore, Problem, Store};
use imgc_plan::{Data, Record};

mod reading;

use super::Qcow2;
use crate::disk::{DiskFormat, testing::*};

/// Exports, and lets QEMU check it against the disk.
fn verify(room: &Room, options: &Record, bytes: &Arc<Bytes>, store: &MemoryStore) -> [u8; 32] {
    let (image, disk) = (room.path("disk.qcow2"), room.path("disk.img"));
    raw(bytes, store, &disk);
    let made = export(&Qcow2, options, bytes, store, &image);
    let checked = check(&image);
    let what = format!("{options:?}: {checked}");
    for name in ["\"leaks\"", "\"corruptions\"", "\"check-errors\": 1"] {
        assert!(!checked.contains(name), "{what}");
    }
    let (image, disk) = (text(&image), text(&disk));
    // Shorter than a sector: QEMU rounds both up.
    let same = qemu_img(&["compare", "-f", "qcow2", "-F", "raw", image, disk]);
    assert!(same.contains("identical"), "{options:?}: {same}");
    reading::same(Path::new(image), Path::new(disk), &what);
    made.sha256
}

fn check(image: &Path) -> String {
    qemu_img(&["check", "--output=json", "-f", "qcow2", text(image)])
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn size(bytes: u64) -> Data {
    Data::from(bytes)
}

/// The disks of the matrix: every shape that has an edge.
fn shapes(store: &MemoryStore, cluster: u64) -> Vec<Arc<Bytes>> {
    let reach = cluster / 8 * cluster;
    let mut dice = Dice::new(cluster);
    let one_byte_at = |at: u64, len: u64| {
        let mut out = BytesBuilder::new(store);
        out.put(at, b"x").expect("stored");
        Arc::new(out.finish(len).expect("made"))
    };
    let len = (reach + 3 * cluster + 512).min(24 << 20);
    let noise =
        store.put(&(0..3 * cluster + 100).map(|_| dice.roll(256) as u8).collect::<Vec<_>>()).expect("stored");
    vec![
        Arc::new(Bytes::zeros(0)),
        Arc::new(Bytes::zeros(len)),
        one_byte_at(511, 512),
        one_byte_at(1000, 1001),
        Arc::new(Bytes::blob(noise, 3 * cluster + 100)),
        one_byte_at(reach - 1, reach),
        one_byte_at(reach, reach + 1),
        disk(store, &mut dice, len, len / 3, 2),
    ]
}

fn matrix(cluster: u64) {
    let room = Room::new();
    let store = MemoryStore::default();
    for bytes in shapes(&store, cluster) {
        for (compat, compress, preallocation) in [
            ("1.1", "none", "off"),
            ("0.10", "none", "off"),
            ("1.1", "none", "metadata"),
            ("0.10", "none", "metadata"),
            ("1.1", "zlib", "off"),
            ("0.10", "zlib", "off"),
            ("1.1", "zstd", "off"),
        ] {
            // Tables for a terabyte of clusters would only cost time.
            if preallocation == "metadata" && bytes.len() > 64 << 20 {
                continue;
            }
            let options = record(&[
                ("cluster-size", size(cluster)),
                ("compat", compat.into()),
                ("compress", compress.into()),
                ("preallocation", preallocation.into()),
            ]);
            verify(&room, &options, &bytes, &store);
        }
    }
}

#[test]
fn clusters_of_512_bytes() {
    matrix(512);
}

#[test]
fn clusters_of_4_kib() {
    matrix(4 << 10);
}

#[test]
fn clusters_of_64_kib() {
    matrix(64 << 10);
}

#[test]
fn clusters_of_2_mib() {
    matrix(2 << 20);
}

#[test]
fn every_cluster_size_compresses_with_long_distances() {
    // Half a cluster of noise, then the same again: matches reach as far back as deflate allows.
    let room = Room::new();
    for bits in 9..=21 {
        let store = MemoryStore::default();
        let mut dice = Dice::new(bits);
        let half: Vec<u8> = (0..(1_u64 << bits) / 2).map(|_| dice.roll(256) as u8).collect();
        let near: Vec<u8> = half.iter().copied().cycle().take(half.len() * 3).collect();
        let far = dice.content(30 << 10);
        let mut out = BytesBuilder::new(&store);
        out.put(0, &near).expect("stored");
        for n in 0..8 {
            out.put(near.len() as u64 + n * (31 << 10), &far).expect("stored");
        }
        let bytes = Arc::new(out.finish(4 << 20).expect("made"));
        for compress in ["zlib", "zstd"] {
            for level in [1, 9, 12] {
                let options = record(&[
                    ("cluster-size", size(1 << bits)),
                    ("compress", compress.into()),
                    ("level", Data::Int(level)),
                ]);
                verify(&room, &options, &bytes, &store);
                let checked = check(&room.path("disk.qcow2"));
                assert!(!checked.contains("\"compressed-clusters\": 0,"), "{options:?}: {checked}");
                assert!(checked.contains("\"compressed-clusters\""), "{options:?}: {checked}");
            }
        }
    }
}

#[test]
fn every_width_of_refcounts() {
    let room = Room::new();
    let store = MemoryStore::default();
    let bytes = disk(&store, &mut Dice::new(5), 6 << 20, 3 << 20, 2);
    let text = store.put(&b"compressible ".repeat(40_000)).expect("stored");
    let dense = Arc::new(Bytes::blob(text, 13 * 40_000));
    for bits in [1, 2, 4, 8, 16, 32, 64] {
        for (compress, cluster) in [("none", 512), ("zlib", 512), ("zlib", 4096), ("zstd", 65536)] {
            let options = record(&[
                ("refcount-bits", Data::Int(bits)),
                ("compress", compress.into()),
                ("cluster-size", size(cluster)),
            ]);
            verify(&room, &options, &bytes, &store);
            verify(&room, &options, &dense, &store);
            let info = info(&room);
            assert!(info.contains(&format!("\"refcount-bits\": {bits},")), "{info}");
        }
    }
}

/// What QEMU says of the last image.
fn info(room: &Room) -> String {
    qemu_img(&["info", "--output=json", text(&room.path("disk.qcow2"))])
}

#[test]
fn qemu_reads_back_what_the_options_say() {
    let room = Room::new();
    let store = MemoryStore::default();
    let bytes = disk(&store, &mut Dice::new(6), 1 << 20, 1 << 19, 1);
    for (options, wanted) in [
        (
            record(&[]),
            vec!["\"compat\": \"1.1\"", "\"compression-type\": \"zlib\"", "\"cluster-size\": 65536"],
        ),
        (record(&[("compat", "0.10".into())]), vec!["\"compat\": \"0.10\""]),
        (record(&[("compress", "zstd".into())]), vec!["\"compression-type\": \"zstd\""]),
        (
            record(&[("lazy-refcounts", true.into())]),
            vec!["\"lazy-refcounts\": true", "\"virtual-size\": 1048576"],
        ),
        (record(&[("extended-l2", true.into())]), vec!["\"extended-l2\": true"]),
        (
            record(&[
                ("extended-l2", true.into()),
                ("compress", "zlib".into()),
                ("cluster-size", size(16384)),
            ]),
            vec!["\"extended-l2\": true", "\"cluster-size\": 16384"],
        ),
        (
            record(&[("extended-l2", true.into()), ("preallocation", "metadata".into())]),
            vec!["\"extended-l2\": true"],
        ),
    ] {
        verify(&room, &options, &bytes, &store);
        let info = info(&room);
        for text in wanted {
            assert!(info.contains(text), "{text}: {info}");
        }
    }
}

#[test]
fn random_disks_are_equal_for_any_number_of_threads() {
    let room = Room::new();
    for seed in 0..10 {
        let store = MemoryStore::default();
        let mut dice = Dice::new(seed + 1000);
        let len = 1 + dice.roll(12 << 20);
        let bytes = disk(&store, &mut dice, len, len / 2, 3);
        for compress in ["none", "zlib", "zstd"] {
            let cluster = size(512 << dice.roll(10));
            let options = record(&[("compress", compress.into()), ("cluster-size", cluster)]);
            let one = pool(1).install(|| verify(&room, &options, &bytes, &store));
            for threads in [2, 5] {
                let path = room.path("again.qcow2");
                let made = pool(threads).install(|| export(&Qcow2, &options, &bytes, &store, &path));
                assert_eq!(made.sha256, one, "seed {seed}, {threads} threads, {options:?}");
            }
        }
    }
}

#[test]
fn more_than_two_terabytes_of_little_data() {
    let room = Room::new();
    let store = MemoryStore::default();
    let mut out = BytesBuilder::new(&store);
    for at in [0, (2 << 40) - 3, (3 << 40) + 12_345] {
        out.put(at, b"seldom").expect("stored");
    }
    let bytes = Arc::new(out.finish((3 << 40) + (1 << 20)).expect("made"));
    for compress in ["none", "zlib"] {
        let path = room.path("disk.qcow2");
        export(&Qcow2, &record(&[("compress", compress.into())]), &bytes, &store, &path);
        let checked = check(&path);
        assert!(!checked.contains("leaks") && !checked.contains("corruptions"), "{checked}");
        let mapped = qemu_img(&["map", "--output=json", text(&path)]);
        let data: Vec<&str> = mapped.lines().filter(|line| line.contains("\"data\": true")).collect();
        let starts = [0, (2_u64 << 40) - (64 << 10), 3 << 40];
        for start in starts {
            assert!(data.iter().any(|line| line.contains(&format!("\"start\": {start},"))), "{mapped}");
        }
    }
}

#[test]
fn preallocation_takes_the_hosts_space() {
    let room = Room::new();
    let store = MemoryStore::default();
    let bytes = {
        let mut out = BytesBuilder::new(&store);
        out.put(5 << 20, &vec![9; 1 << 20]).expect("stored");
        Arc::new(out.finish(32 << 20).expect("made"))
    };
    for (preallocation, least, most) in [
        ("off", 1 << 20, 2 << 20),
        ("metadata", 1 << 20, 2 << 20),
        ("falloc", 32 << 20, 34 << 20),
        ("full", 32 << 20, 34 << 20),
    ] {
        let options = record(&[("preallocation", preallocation.into())]);
        verify(&room, &options, &bytes, &store);
        let path = room.path("disk.qcow2");
        let taken = allocated(&path);
        assert!((least..=most).contains(&taken), "{preallocation}: {taken}");
        let checked = check(&path);
        let clusters = if preallocation == "off" { 16 } else { 512 };
        assert!(checked.contains(&format!("\"allocated-clusters\": {clusters},")), "{checked}");
    }
}

#[test]
fn zeros_take_no_room_and_noise_is_stored_plain() {
    let room = Room::new();
    let store = MemoryStore::default();
    let mut dice = Dice::new(8);
    let noise: Vec<u8> = (0..4 << 16).map(|_| dice.roll(256) as u8).collect();
    let mut out = BytesBuilder::new(&store);
    out.put(0, &vec![0; 1 << 20]).expect("stored");
    out.put(2 << 20, &noise).expect("stored");
    out.put(4 << 20, &b"words and words ".repeat(1 << 14)).expect("stored");
    let bytes = Arc::new(out.finish(8 << 20).expect("made"));
    verify(&room, &record(&[("compress", "zlib".into())]), &bytes, &store);
    let checked = check(&room.path("disk.qcow2"));
    assert!(checked.contains("\"allocated-clusters\": 8,"), "{checked}");
    assert!(checked.contains("\"compressed-clusters\": 4,"), "{checked}");
}

#[test]
fn bytes_are_pinned() {
    let room = Room::new();
    let store = MemoryStore::default();
    let bytes = disk(&store, &mut Dice::new(99), 3 << 20, 1 << 20, 2);
    for (compress, preallocation, pinned) in [
        ("none", "off", "7cca76a7b7a0ea07bc79020ce91d0e13f82df60a737dbd7e27dc9564a703253b"),
        ("none", "metadata", "e1cdfe012eb6c072eb23f0a586737362ecf1d5825bb5cd3f17b3b81fe247736c"),
        ("zlib", "off", "5b29ce0ea660e2b66fad0d94c2caa16bf91785045a767661635168cfa6cb23e0"),
        ("zstd", "off", "95e25bd3be53ba2156f42554f1ee47c4bc988ac31be952c0f40bd47faf6dc75b"),
    ] {
        let options = record(&[("compress", compress.into()), ("preallocation", preallocation.into())]);
        let made = export(&Qcow2, &options, &bytes, &store, &room.path("disk.qcow2"));
        assert_eq!(hex(&made.sha256), pinned, "{compress}, {preallocation}");
    }
}

#[test]
fn what_qemu_refuses_is_refused_at_its_option() {
    for (options, blamed) in [
        (record(&[("compress", "zlib".into()), ("preallocation", "metadata".into())]), vec!["preallocation"]),
        (record(&[("compress", "zstd".into()), ("compat", "0.10".into())]), vec!["compress"]),
        (
            record(&[
                ("lazy-refcounts", true.into()),
                ("refcount-bits", Data::Int(8)),
                ("extended-l2", true.into()),
                ("compat", "0.10".into()),
            ]),
            vec!["lazy-refcounts", "refcount-bits", "extended-l2"],
        ),
        (record(&[("cluster-size", size(3 << 10))]), vec!["cluster-size"]),
        (record(&[("refcount-bits", Data::Int(12))]), vec!["refcount-bits"]),
        (record(&[("level", Data::Int(3))]), vec!["level"]),
        (record(&[("level", Data::Int(13)), ("compress", "zlib".into())]), vec!["level"]),
        (record(&[("extended-l2", true.into()), ("cluster-size", size(8 << 10))]), vec!["extended-l2"]),
        (record(&[("level", Data::Int(19)), ("compress", "zstd".into())]), vec![]),
    ] {
        let problems = Qcow2.check(&options);
        let found: Vec<&str> = problems.iter().filter_map(|problem| problem.option).collect();
        assert_eq!(found, blamed, "{options:?}");
        assert!(problems.iter().all(|problem| problem.help.is_some()));
    }
}

#[test]
fn a_disk_that_qemu_would_not_open_is_refused() {
    let room = Room::new();
    let store = MemoryStore::default();
    let bytes = Arc::new(Bytes::zeros((128 << 30) + 1));
    let options = record(&[("cluster-size", size(512))]);
    let file = create(&room.path("disk.qcow2"));
    let failed = failure(&Qcow2, &options, &bytes, &store, &file);
    let Failure::Problems(problems) = &failed else { panic!("{failed}") };
    assert!(matches!(problems.as_slice(), [Problem { code: "disk-too-large", help: Some(_), .. }]));
}

#[test]
fn machine_failures_say_what_was_being_done() {
    let room = Room::new();
    let store = MemoryStore::default();
    let short = store.put(b"short").expect("stored");
    let bytes = Arc::new(Bytes::blob(short, 4096));
    for compress in ["none", "zlib"] {
        let options = record(&[("compress", compress.into())]);
        let path = room.path("disk.qcow2");
        let failed = failure(&Qcow2, &options, &bytes, &store, &create(&path));
        assert!(failed.to_string().contains("reading 4096 bytes at 0"), "{failed}");
        let closed = std::fs::File::open(&path).expect("opens");
        let whole = Arc::new(Bytes::blob(short, 5));
        let failed = failure(&Qcow2, &options, &whole, &store, &closed);
        assert!(matches!(&failed, Failure::Machine { what, .. } if what.contains("artifact")), "{failed}");
    }
}
