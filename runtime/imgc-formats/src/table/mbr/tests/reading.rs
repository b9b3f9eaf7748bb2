//! Our reader: disks of ours and of sfdisk, and disks that lie.

use std::{fs, io::Write, process::Stdio};

use super::*;
use crate::{
    table::{Listed, record::Record as Entry},
    testing::code,
};

/// Number, first sector, sectors of each partition that is listed.
fn places(listed: &[Listed]) -> Vec<(u32, u64, u64)> {
    let mut all: Vec<_> = listed.iter().map(|part| (part.number, part.start / 512, part.len / 512)).collect();
    all.sort_unstable();
    all
}

#[test]
fn disks_of_ours_are_read_with_sectors_of_both_sizes() {
    for sector in [512, 4096] {
        let disk = make(sample(sector));
        let bytes = disk.read(0, usize::try_from(64 * MIB).expect("small"));
        let found = Mbr.read(&bytes).expect("sound").expect("an MBR");
        let wanted: Vec<_> =
            disk.layout.parts.iter().map(|part| (part.number, part.start, part.len)).collect();
        let listed: Vec<_> = found.iter().map(|part| (part.number, part.start, part.len)).collect();
        assert_eq!(listed, wanted);
        assert_eq!((found[0].ty.as_str(), found[2].ty.as_str()), ("linux", "swap"));
    }
}

/// What sfdisk makes of a script.
fn by_sfdisk(script: &str) -> (Vec<u8>, Vec<(u32, u64, u64)>) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("theirs.img");
    fs::File::create(&path).and_then(|file| file.set_len(64 * MIB)).expect("a file");
    let at = path.to_str().expect("UTF-8");
    let search = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let mut child = std::process::Command::new("sfdisk")
        .args(["-q", at])
        .env("PATH", search)
        .stdin(Stdio::piped())
        .spawn()
        .expect("sfdisk runs: install the package fdisk");
    child.stdin.take().expect("a pipe").write_all(script.as_bytes()).expect("written");
    assert!(child.wait().expect("ends").success());
    let said = sfdisk_dump(at)
        .into_iter()
        .filter(|(.., rest)| !rest.starts_with("type=5") && !rest.starts_with("type=f"));
    (fs::read(&path).expect("there"), said.map(|(number, start, len, _)| (number, start, len)).collect())
}

#[test]
fn disks_of_sfdisk_are_read() {
    for script in [
        "label: dos\nstart=2048,size=2048,type=83\n",
        "label: dos\nsize=4096,type=c\nsize=60000,type=5\nsize=8192,type=82\nsize=1000,type=83\nsize=2000\nsize=3000\n",
        "label: dos\n1: size=4096\n2: size=4096\n4: size=90000,type=f\n5: size=999\n6: size=4097\n",
    ] {
        let (bytes, wanted) = by_sfdisk(script);
        let found = Mbr.read(&bytes).expect("sound").expect("an MBR");
        assert_eq!(places(&found), wanted, "{script}");
    }
}

#[test]
fn a_boot_record_without_a_partition_takes_no_number() {
    let (mut bytes, wanted) = by_sfdisk("label: dos\n4: size=90000,type=5\n5: size=999\n6: size=4097\n");
    let record = Entry::decode(bytes[..512].try_into().expect("a sector"), 3);
    let first = record.starting_lba as usize * 512;
    bytes[first + 446..first + 462].fill(0);
    let found = Mbr.read(&bytes).expect("sound").expect("an MBR");
    assert_eq!(places(&found), [(5, wanted[1].1, wanted[1].2)]);
}

#[test]
fn whatever_a_disk_says_its_partitions_lie_within_it() {
    let disk = make(sample(512));
    let mut bytes = disk.read(0, usize::try_from(64 * MIB).expect("small"));
    let mut places: Vec<usize> = vec![0];
    let mut record = usize::try_from(disk.layout.extended().expect("has logical ones").start).expect("small");
    let first = record;
    loop {
        places.push(record);
        let link =
            u32::from_le_bytes(bytes[record + 470..record + 474].try_into().expect("four bytes")) as usize;
        if link == 0 {
            break;
        }
        record = first + link * 512;
    }
    assert_eq!(places.len(), 5);
    let (mut refused, mut listed) = (0, 0);
    for at in places.iter().flat_map(|start| start + 446..start + 512) {
        let before = bytes[at];
        for after in 0..=255 {
            bytes[at] = after;
            match Mbr.read(&bytes) {
                Ok(found) => {
                    listed += 1;
                    let found = found.unwrap_or_default();
                    assert!(
                        found.iter().all(|part| part.len > 0 && part.start + part.len <= 64 * MIB),
                        "{at}"
                    );
                    assert!(found.len() < 140, "{at}");
                }
                Err(_) => refused += 1,
            }
        }
        bytes[at] = before;
    }
    assert!(refused > 1000 && listed > 1000, "{refused} {listed}");
    // A ring, and a chain that leaves the disk.
    for (link, code_of_it) in [(0u32, "table-damaged"), (u32::MAX, "table-truncated")] {
        let at = places[2] + 470;
        bytes[at..at + 4].copy_from_slice(&link.to_le_bytes());
        assert_eq!(code(Mbr.read(&bytes)), code_of_it);
    }
}
