//! Tools that were not written here look at what whole manifests make.

use std::{
    fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
};

use imgc_tests::{
    imgc::Bench,
    tools::{run, tool},
};

use crate::example;

/// Copies a part of a disk into a file of its own.
fn part(bench: &Bench, disk: &Path, start: u64, len: u64) -> PathBuf {
    let path = bench.dir().join(format!("part-{start}"));
    let from = fs::File::open(disk).expect("the disk");
    let to = fs::File::create(&path).expect("a file");
    to.set_len(len).expect("room");
    let mut buf = vec![0; 1 << 20];
    let mut done = 0;
    while done < len {
        let now = usize::try_from((len - done).min(1 << 20)).expect("small");
        from.read_exact_at(&mut buf[..now], start + done).expect("read");
        if buf[..now].iter().any(|byte| *byte != 0) {
            to.write_all_at(&buf[..now], done).expect("written");
        }
        done += now as u64;
    }
    path
}

/// Starts and lengths of a disk's partitions in bytes, as sfdisk sees them.
fn partitions(disk: &Path) -> Vec<(u64, u64)> {
    let dump = run(Command::new(tool("sfdisk", "fdisk")).arg("--json").arg(disk));
    let json: serde_json::Value = serde_json::from_slice(&dump).expect("JSON");
    let parts = json["partitiontable"]["partitions"].as_array().expect("partitions");
    let sectors = |part: &serde_json::Value, name: &str| part[name].as_u64().expect("a number") * 512;
    parts.iter().map(|part| (sectors(part, "start"), sectors(part, "size"))).collect()
}

#[test]
fn data_disk_is_without_complaint() {
    let bench = Bench::new();
    let made = bench.build(&example("data-disk"), &[]);
    let disk = bench.dir().join(&made["data.img"].path);
    let verdict =
        String::from_utf8(run(Command::new(tool("sgdisk", "gdisk")).arg("-v").arg(&disk))).expect("text");
    assert!(verdict.contains("No problems found"), "{verdict}");
    let parts = partitions(&disk);
    assert_eq!(parts.len(), 2);
    let vfat = part(&bench, &disk, parts[0].0, parts[0].1);
    run(Command::new(tool("fsck.fat", "dosfstools")).arg("-n").arg(&vfat));
    let ext4 = part(&bench, &disk, parts[1].0, parts[1].1);
    run(Command::new(tool("e2fsck", "e2fsprogs")).arg("-fn").arg(&ext4));
    let quarter = Command::new(tool("mtype", "mtools"))
        .arg("-i")
        .arg(&vfat)
        .arg("::/Reports/Quarter 1.txt")
        .env("MTOOLS_SKIP_CHECK", "1")
        .output()
        .expect("mtype");
    assert_eq!(String::from_utf8_lossy(&quarter.stdout).trim_end(), "Long names and folders work.");
    let list = run(Command::new(tool("debugfs", "e2fsprogs")).args(["-R", "cat /docs/list.txt"]).arg(&ext4));
    assert_eq!(list, b"one\ntwo\nthree\n");
    let qcow2 = bench.dir().join(&made["data.qcow2"].path);
    run(Command::new(tool("qemu-img", "qemu-utils")).arg("check").arg(&qcow2));
    run(Command::new(tool("qemu-img", "qemu-utils"))
        .args(["compare", "-f", "raw", "-F", "qcow2"])
        .args([&disk, &qcow2]));
}

#[test]
fn lites_has_the_partition_that_its_guide_asks_for() {
    let bench = Bench::new();
    let made = bench.build(&example("lites"), &[]);
    let disk = bench.dir().join(&made["lites-boot.img"].path);
    assert_eq!(made["lites-boot.img"].len, 512 << 20);
    let dump = run(Command::new(tool("sfdisk", "fdisk")).arg("--json").arg(&disk));
    let json: serde_json::Value = serde_json::from_slice(&dump).expect("JSON");
    let table = &json["partitiontable"];
    assert_eq!(table["label"], "dos");
    let first = &table["partitions"][0];
    assert_eq!(
        (first["start"].as_u64(), first["type"].as_str(), first["bootable"].as_bool()),
        (Some(2048), Some("83"), Some(true))
    );
    let (start, len) = partitions(&disk)[0];
    let ext2 = part(&bench, &disk, start, len);
    run(Command::new(tool("e2fsck", "e2fsprogs")).arg("-fn").arg(&ext2));
    let super_block =
        String::from_utf8(run(Command::new(tool("dumpe2fs", "e2fsprogs")).arg("-h").arg(&ext2)))
            .expect("text");
    assert!(super_block.contains("LITES-ROOT"), "{super_block}");
    for path in [
        "/boot/gnumach",
        "/boot/lites_server",
        "/boot/grub/grub.cfg",
        "/boot/grub/i386-pc/normal.mod",
        "/bin",
        "/dev",
        "/etc/motd",
    ] {
        let stat =
            run(Command::new(tool("debugfs", "e2fsprogs")).arg("-R").arg(format!("stat {path}")).arg(&ext2));
        assert!(String::from_utf8_lossy(&stat).contains("Inode:"), "{path} is not there");
    }
    let qcow2 = bench.dir().join(&made["lites.qcow2"].path);
    run(Command::new(tool("qemu-img", "qemu-utils")).arg("check").arg(&qcow2));
    run(Command::new(tool("qemu-img", "qemu-utils"))
        .args(["compare", "-f", "raw", "-F", "qcow2"])
        .args([&disk, &qcow2]));
    assert!(made["lites.qcow2"].len < 8 << 20, "compressed: {}", made["lites.qcow2"].len);
}
