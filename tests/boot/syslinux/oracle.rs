//! SYSLINUX's own installer as the judge: what it writes differs from ours only in where things came to lie.

use std::{fs, process::Command};

use imgc_tests::tools::{run, tool};

use super::Disks;

/// Fields of `ldlinux.sys` that follow from the place: the checksum; the first extent's sector; the sectors of the ADV. And the
/// first sector's number in the boot sector (measured with 6.04).
const PLACES: &[std::ops::Range<usize>] = &[0x28..0x2c, 0x1ee..0x1f6, 0x16d8..0x16e8];
const BOOT_PLACES: &[std::ops::Range<usize>] = &[11..0x5a, 0x11a..0x11e, 0x120..0x124];

fn without(mut bytes: Vec<u8>, places: &[std::ops::Range<usize>]) -> Vec<u8> {
    places.iter().for_each(|place| bytes[place.clone()].fill(0));
    bytes
}

#[test]
fn the_installer_writes_the_same() {
    let disks = Disks::all();
    let dir = disks.bench.dir().join("oracle");
    fs::create_dir(&dir).expect("a directory");
    run(Command::new(tool("tar", "tar")).arg("-xf").arg(disks.image("loader.tar")).arg("-C").arg(&dir));
    let (ours, theirs) = (dir.join("ours.img"), dir.join("theirs.img"));
    let disk = fs::read(disks.image("fat16-gpt.img")).expect("readable");
    fs::write(&ours, &disk[1 << 20..17 << 20]).expect("written");
    fs::write(&theirs, vec![0; 16 << 20]).expect("written");
    run(Command::new(tool("mkfs.fat", "dosfstools")).args(["-F", "16"]).arg(&theirs));
    run(Command::new(tool("mmd", "mtools")).arg("-i").arg(&theirs).args(["::boot", "::boot/syslinux"]));
    let mut install = Command::new(dir.join("usr/bin/syslinux"));
    run(install.args(["--install", "--directory", "/boot/syslinux"]).arg(&theirs));
    for name in ["ldlinux.sys", "ldlinux.c32"] {
        let [ours, theirs] = [&ours, &theirs].map(|image| {
            let mut mtype = Command::new(tool("mtype", "mtools"));
            without(run(mtype.arg("-i").arg(image).arg(format!("::boot/syslinux/{name}"))), PLACES)
        });
        assert!(ours == theirs, "{name} differs");
    }
    let boot = |image| without(fs::read(image).expect("readable")[..512].to_vec(), BOOT_PLACES);
    assert_eq!(boot(&ours), boot(&theirs));
    // What was there of the FAT is as its writer left it.
    let mut fsck = Command::new(tool("fsck.fat", "dosfstools"));
    run(fsck.arg("-n").arg(&ours));
}

#[test]
fn filesystems_are_clean_with_a_loader_in_them() {
    let disks = Disks::all();
    let part = |name: &str, mib: usize, program: &str, package: &str, argument: &str| {
        let image = disks.bench.dir().join(format!("{name}.part"));
        let disk = fs::read(disks.image(name)).expect("readable");
        fs::write(&image, &disk[1 << 20..(1 + mib) << 20]).expect("written");
        run(Command::new(tool(program, package)).arg(argument).arg(&image));
    };
    part("fat12-gpt.img", 2, "fsck.fat", "dosfstools", "-n");
    part("fat32-mbr.img", 40, "fsck.fat", "dosfstools", "-n");
    part("ext2.img", 8, "e2fsck", "e2fsprogs", "-fn");
    part("ext4.img", 32, "e2fsck", "e2fsprogs", "-fn");
}
