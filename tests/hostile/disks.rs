//! Disks: what makes them bootable, looked at by `verify`, and qcow2.

use std::{fs, sync::atomic::AtomicBool};

use imgc_formats::{
    disk::{DiskFormat, ExportJob},
    disk_format,
    verify::verify,
};
use imgc_grove::{Random, noise, options::options, prose};
use imgc_image::{BytesBuilder, MemoryStore, ReadAt};
use imgc_tests::{imgc::Bench, kernel::kernel, tools::file};

use crate::{
    bounds,
    bytes::{changed, near, places},
    mend,
};

const USUAL: u64 = 150;

/// How much of a disk is read: a length that lies must not take for ever.
const MOST: u64 = 16 << 20;

/// What stands at places that `verify` reads: GRUB's environment and menu, programs of EFI, tables, boot sectors, entries of systemd-boot,
/// catalogues and directories.
const MARKS: [&[u8]; 14] = [
    b"# GRUB Environment Block\n",
    b"menuentry",
    b"search.file",
    b"PE\0\0",
    b"EFI PART",
    b"GRUB ",
    b"FAT12   ",
    b"FAT16   ",
    b"title ",
    b"timeout",
    b"CD001",
    b"EL TORITO SPECIFICATION",
    b"BOOTX64 EFI",
    b"\x7fELF",
];

/// A disk with a menu that counts tries, a CD, and a disk for UEFI only.
const MANIFEST: &str = r#"
image hostile
source bios { dir "BIOS" }
source uefi { dir "UEFI" }
source sd { dir "SYSTEMD" }
tree root { copy "vmlinuz" to="/boot/vmlinuz"; file "/boot/initrd" size="5KiB" }
menu boot timeout="1s" default=new {
    entry new tries=3 { linux "/boot/vmlinuz" "quiet"; initrd "/boot/initrd" }
    entry old { linux "/boot/vmlinuz" }
}
disk main {
    gpt
    partition bios size="1MiB" type=bios-boot
    partition esp size="2MiB" type=esp { vfat }
    partition root size=fit slack="1MiB" type=linux { ext2 tree=root }
    loader { grub platform=i386-pc source=bios partition=root menu=boot }
    loader { grub platform=x86_64-efi source=uefi partition=root esp=esp menu=boot }
}
menu plain timeout="1s" { entry only { linux "/boot/vmlinuz" "quiet"; initrd "/boot/initrd" } }
disk cd {
    gpt
    partition iso size=fit listed=#false { iso9660 tree=root }
    partition esp size="2MiB" type=esp { vfat }
    loader { grub platform=i386-pc source=bios partition=iso menu=plain }
    loader { grub platform=x86_64-efi source=uefi partition=iso esp=esp menu=plain }
}
disk entries {
    mbr
    partition esp size=fit slack="1MiB" type=esp { vfat tree=root }
    loader { systemd-boot source=sd partition=esp menu=boot }
}
output "main.img" disk=main
output "cd.img" disk=cd
output "entries.img" disk=entries
"#;

/// The disks.
fn disks() -> Vec<Vec<u8>> {
    let bench = Bench::new();
    let mut text = MANIFEST.to_owned();
    for (name, path, package) in [
        ("BIOS", "/usr/lib/grub/i386-pc/kernel.img", "grub-pc-bin"),
        ("UEFI", "/usr/lib/grub/x86_64-efi/kernel.img", "grub-efi-amd64-bin"),
        ("SYSTEMD", "/usr/lib/systemd/boot/efi/systemd-bootx64.efi", "systemd-boot-efi"),
    ] {
        let path = file(path, package);
        text = text.replace(name, path.parent().expect("a directory").to_str().expect("text"));
    }
    fs::write(bench.dir().join("vmlinuz"), kernel()).expect("written");
    let manifest = bench.dir().join("image.kdl");
    fs::write(&manifest, text).expect("written");
    let made = bench.build(&manifest, &[]);
    made.values().map(|one| fs::read(bench.dir().join(&one.path)).expect("readable")).collect()
}

#[test]
fn what_makes_a_disk_bootable() {
    let disks: Vec<(Vec<usize>, Vec<u8>)> =
        disks().into_iter().map(|disk| (places(&disk, &MARKS), disk)).collect();
    for (places, disk) in &disks {
        let mut mended = disk.clone();
        mend::gpt(&mut mended);
        assert!(&mended == disk || !disk[512..].starts_with(b"EFI PART"), "the sums of a GPT are right");
        let report = verify(disk);
        assert!(!report.is_broken() && !report.paths.is_empty(), "{:?}", report.findings);
        assert!(places.len() > 10, "{places:?}");
    }
    bounds::run("verify", USUAL, |random| {
        let (places, disk) = &disks[random.index(disks.len())];
        let mut bad = near(disk, places, random);
        if random.once_in(2) {
            mend::gpt(&mut bad);
        }
        let _ = verify(&bad);
    });
}

/// An image of a disk of text, noise and holes.
fn qcow2(kind: &dyn DiskFormat, text: &str) -> Vec<u8> {
    let store = MemoryStore::default();
    let mut out = BytesBuilder::new(&store);
    for (at, bytes) in [(0, prose(90_000, 1)), (300_000, noise(70_000, 2)), (2 << 20, prose(200_000, 3))] {
        out.put(at, &bytes).expect("room");
    }
    let bytes = std::sync::Arc::new(out.finish(3 << 20).expect("pieces that do not overlap"));
    let file = tempfile::tempfile().expect("a file");
    let options = options(kind.kind(), text);
    let stop = AtomicBool::new(false);
    let job = ExportJob { options: &options, bytes: &bytes, blobs: &store, progress: &|_| {}, stop: &stop };
    let made = kind.export(&job, &file).expect("exported");
    let mut image = vec![0; usize::try_from(made.len).expect("a small image")];
    std::os::unix::fs::FileExt::read_exact_at(&file, &mut image, 0).expect("readable");
    image
}

/// Reads the start of a disk, in pieces that cross clusters; a read that fails ends it.
fn devour(kind: &dyn DiskFormat, image: &dyn ReadAt) -> u64 {
    let Ok(Some(disk)) = kind.open(image) else { return 0 };
    let (mut at, mut piece) = (0, vec![0; 100_003]);
    while at < disk.len().min(MOST) {
        let now = usize::try_from(disk.len() - at).map_or(piece.len(), |left| left.min(piece.len()));
        if disk.read_at(at, &mut piece[..now]).is_err() {
            return at;
        }
        at += now as u64;
    }
    let _ = disk.read_at(disk.len().saturating_sub(10), &mut piece[..10]);
    at
}

#[test]
fn images_of_qcow2() {
    let kind = disk_format("qcow2").expect("a format");
    let goods = ["", "compress=zlib", "compress=zstd cluster-size=4KiB", "compat=0.10", "cluster-size=512B"]
        .map(|text| qcow2(kind, text));
    for good in &goods {
        assert_eq!(devour(kind, good), 3 << 20);
    }
    bounds::run("qcow2", USUAL * 4, |random: &mut Random| {
        let good = &goods[random.index(goods.len())];
        devour(kind, &changed(good, mend::nothing, random));
    });
}
