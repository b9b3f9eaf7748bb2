//! What other tools say of filesystems of ours.

use std::{process::Command, sync::Arc};

use imgc_image::{Bytes, Content, MemoryStore, Node, build::Patch, build::overlay};
use imgc_plan::Data;

use super::{
    super::Exfat,
    image::{
        by_grub, entry, file, fsck, make, problems, random_tree, record, same_by_reader, small, told, tree,
    },
};
use crate::{
    fs::Filesystem,
    testing::{run, write_sparse},
};

#[test]
fn random_trees_are_clean_and_exact() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("exfat.img");
    for seed in 0..12 {
        let store = MemoryStore::default();
        let tree = random_tree(seed, &store);
        for (sector, cluster, align) in [
            (512u64, None, None),
            (512, Some(512u64), None),
            (4096, None, Some(65_536u64)),
            (512, Some(32_768), Some(1 << 20)),
        ] {
            let mut pairs = vec![("sector-size", Data::from(sector)), ("label", "RANDOM".into())];
            pairs.extend(cluster.map(|size| ("cluster-size", Data::from(size))));
            pairs.extend(align.map(|size| ("align", Data::from(size))));
            let options = record(&pairs);
            let len = Exfat.measure(&options, Some(&tree)).unwrap();
            let bytes = make(&options, Some(&tree), len, &store).unwrap();
            fsck(&bytes, &store, &path);
            same_by_reader(&tree, &bytes, &store);
            let short = problems(make(&options, Some(&tree), len - sector, &store));
            assert_eq!(short[0].code, "tree-too-large", "{short:?}");
            assert!(short[0].help.is_some());
            let roomy = make(&options, Some(&tree), len + (3 << 20) + sector, &store).unwrap();
            fsck(&roomy, &store, &path);
        }
    }
}

#[test]
fn grub_reads_what_was_put_in() {
    let dir = tempfile::tempdir().unwrap();
    let (path, scratch) = (dir.path().join("exfat.img"), dir.path().join("copy"));
    let store = MemoryStore::default();
    let long = "l".repeat(255);
    let big: Vec<u8> = (0..70_000u32).flat_map(u32::to_le_bytes).collect();
    let tree = tree([
        file(&store, "EFI/BOOT/BOOTX64.EFI", &big),
        file(&store, &format!("deep/a dir with spaces/{long}"), b"long"),
        file(&store, "ñandú-日本語", b"wide"),
        entry("hollow", Node::Dir),
    ]);
    // GRUB knows sectors of 512 bytes only when it reads a file as a disk.
    for cluster in [512u64, 4096, 1 << 20] {
        let options = record(&[("cluster-size", Data::from(cluster)), ("label", "Bücher".into())]);
        let bytes = make(&options, Some(&tree), 64 << 20, &store).unwrap();
        fsck(&bytes, &store, &path);
        assert!(by_grub(&path, "EFI/BOOT/BOOTX64.EFI", &scratch) == big, "{cluster}");
        assert!(by_grub(&path, "efi/boot/bootx64.efi", &scratch) == big, "{cluster}");
        assert_eq!(by_grub(&path, &format!("deep/a dir with spaces/{long}"), &scratch), b"long");
        assert_eq!(by_grub(&path, "ñandú-日本語", &scratch), b"wide");
        let list =
            run("grub-common", Command::new("grub-fstest").arg(&path).args(["ls", "--", "-l", "(loop0)/"]));
        assert!(list.contains("hollow/") && list.contains("20010909014641"), "{list}");
    }
}

#[test]
fn labels_and_serials_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("exfat.img");
    let store = MemoryStore::default();
    for sector in [512u64, 4096] {
        for label in ["", "x", "Bücher 日本🦀", "ELEVEN UNIT"] {
            let options = record(&[("label", label.into()), ("sector-size", Data::from(sector))]);
            assert_eq!(Exfat.check(&options), []);
            let bytes = make(&options, Some(&small(&store)), 8 << 20, &store).unwrap();
            fsck(&bytes, &store, &path);
            let text = told(&path);
            assert!(text.contains("0x1234abcd"), "{text}");
            // exfatlabel fails where there is no label.
            if !label.is_empty() {
                let mut command = Command::new("exfatlabel");
                let shown = run("exfatprogs", command.arg(&path).env("LC_ALL", "C.UTF-8"));
                assert!(shown.contains(&format!("label: {label}\n")), "{label}: {shown}");
            }
            let blkid = run("util-linux", Command::new("blkid").args(["-p", "-o", "export"]).arg(&path));
            assert!(blkid.contains("TYPE=exfat") && blkid.contains("UUID=1234-ABCD"), "{blkid}");
            let escaped = label.replace(' ', "\\ ");
            // blkid writes what is not ASCII in a way of its own.
            let told = label.is_empty() || !label.is_ascii();
            assert!(told || blkid.contains(&format!("LABEL={escaped}\n")), "{label}: {blkid}");
        }
    }
}

/// exfatprogs 1.2.0 does not know the entry, and says just that; our reader gives it back.
#[test]
fn a_guid_is_all_that_an_old_checker_does_not_know() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("exfat.img");
    let store = MemoryStore::default();
    let options = record(&[("guid", "00112233-4455-6677-8899-aabbccddeeff".into())]);
    let bytes = make(&options, Some(&small(&store)), 8 << 20, &store).unwrap();
    write_sparse(&bytes, &store, &path).unwrap();
    let text = run("exfatprogs", Command::new("fsck.exfat").arg("-n").arg(&path));
    assert!(text.contains(": clean. directories 4, files 3"), "{text}");
    let mut complaints = text.lines().filter(|line| line.contains("ERROR") || line.contains("WARN"));
    assert!(complaints.all(|line| line.contains("unknown entry type 0xa0")), "{text}");
    same_by_reader(&small(&store), &bytes, &store);
}

#[test]
fn a_directory_of_five_thousand_entries_is_clean() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("exfat.img");
    let store = MemoryStore::default();
    for prefix in ["", "many/"] {
        let files = (0..5000).map(|n| file(&store, &format!("{prefix}file number {n}"), b""));
        let tree = tree(files);
        let options = record(&[]);
        let len = Exfat.measure(&options, Some(&tree)).unwrap();
        let bytes = make(&options, Some(&tree), len, &store).unwrap();
        let text = fsck(&bytes, &store, &path);
        assert!(text.contains("files 5000"), "{text}");
        let reader = imgc_image::Reader::new(&bytes, &store);
        let found = Exfat.open(&reader).unwrap().expect("an exFAT").tree().unwrap();
        assert_eq!(found.entries().len(), tree.entries().len());
    }
}

#[test]
fn sparse_files_beyond_four_gibibytes_are_held() {
    let dir = tempfile::tempdir().unwrap();
    let (path, scratch) = (dir.path().join("exfat.img"), dir.path().join("copy"));
    let store = MemoryStore::default();
    let huge = Content::Bytes(Arc::new(Bytes::zeros((5 << 30) + 7)));
    let tree = tree([
        entry("huge", Node::File { content: huge, dense: false }),
        file(&store, "zz after it", b"still here"),
    ]);
    let options = record(&[]);
    let len = Exfat.measure(&options, Some(&tree)).unwrap();
    assert!(((5 << 30)..(5 << 30) + (4 << 20)).contains(&len), "{len}");
    let bytes = make(&options, Some(&tree), len, &store).unwrap();
    fsck(&bytes, &store, &path);
    assert_eq!(by_grub(&path, "zz after it", &scratch), b"still here");
    let reader = imgc_image::Reader::new(&bytes, &store);
    let found = Exfat.open(&reader).unwrap().expect("an exFAT").tree().unwrap();
    let Some(Node::File { content, .. }) = found.get(b"huge").map(|entry| &entry.node) else {
        panic!("there is no huge file")
    };
    assert_eq!(content.len(), (5 << 30) + 7);
}

#[test]
fn the_stamp_reaches_both_boot_sectors() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("exfat.img");
    for sector in [512u64, 4096] {
        let store = MemoryStore::default();
        let options = record(&[("sector-size", sector.into())]);
        let bytes = make(&options, Some(&small(&store)), 8 << 20, &store).unwrap();
        let stamp = Exfat.stamp(&options, 8 << 20, 0x1_2345_6789);
        assert_eq!(stamp.len(), 4);
        let patches: Vec<(u64, Patch)> =
            stamp.into_iter().map(|(at, data)| (at, Patch::Data(data))).collect();
        let stamped = Arc::new(overlay(&store, &bytes, &patches).unwrap());
        fsck(&stamped, &store, &path);
        let text = Exfat.dump(&imgc_image::Reader::new(&stamped, &store)).unwrap();
        assert!(text.contains("partition at sector 4886718345\n"), "{text}");
        assert!(text.contains("backup    equal"), "{text}");
        // A start of 0 is what was written.
        let patches: Vec<(u64, Patch)> =
            Exfat.stamp(&options, 8 << 20, 0).into_iter().map(|(at, data)| (at, Patch::Data(data))).collect();
        let back = Arc::new(overlay(&store, &bytes, &patches).unwrap());
        assert_eq!(super::image::digest(&back, &store), super::image::digest(&bytes, &store));
    }
}

#[test]
fn large_volumes_are_clean() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("exfat.img");
    let store = MemoryStore::default();
    let tree = small(&store);
    for (len, cluster) in [(256 << 20, 4096), ((256 << 20) + 512, 32_768), (40u64 << 30, 131_072)] {
        let bytes = make(&record(&[]), Some(&tree), len, &store).unwrap();
        fsck(&bytes, &store, &path);
        let text = told(&path);
        assert!(text.contains(&format!("Cluster size:  \t\t\t\t{cluster}\n")), "{text}");
        assert!(text.contains("Free Clusters"), "{text}");
    }
}
