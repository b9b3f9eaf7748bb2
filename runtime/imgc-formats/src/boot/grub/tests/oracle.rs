//! The core image against grub-mkimage: equal but for the LZMA stream, which holds the same bytes.

use std::io::Read;

use imgc_plan::Record;
use lzma_rust2::LzmaReader;

use super::*;

/// Options, home, and what grub-mkimage is given for the same.
type Case = (&'static [&'static str], &'static str, u32, &'static str, &'static str, &'static [&'static str]);

const CASES: &[Case] = &[
    (&[], "mbr", 1, "ext2", "(,msdos1)/boot/grub", &["biosdisk", "part_msdos", "ext2"]),
    (&[], "gpt", 2, "ext4", "(,gpt2)/boot/grub", &["biosdisk", "part_gpt", "ext2"]),
    (&[], "gpt", 128, "vfat", "(,gpt128)/boot/grub", &["biosdisk", "part_gpt", "fat"]),
    (&[], "mbr", 5, "squashfs", "(,msdos5)/boot/grub", &["biosdisk", "part_msdos", "squash4"]),
    (
        &["normal", "multiboot", "gzio", "linux", "search", "configfile", "serial", "ls", "ext2"],
        "mbr",
        1,
        "ext3",
        "(,msdos1)/boot/grub",
        &[
            "biosdisk",
            "part_msdos",
            "ext2",
            "normal",
            "multiboot",
            "gzio",
            "linux",
            "search",
            "configfile",
            "serial",
            "ls",
        ],
    ),
    (
        &["btrfs", "gfxmenu", "luks2", "lvm", "http", "zfs"],
        "gpt",
        3,
        "xfs",
        "(,gpt3)/boot/grub",
        &["biosdisk", "part_gpt", "xfs", "btrfs", "gfxmenu", "luks2", "lvm", "http", "zfs"],
    ),
];

#[test]
fn the_core_image_holds_what_grub_mkimage_puts_into_it() {
    let debian = Fixture::debian();
    let dir = tempfile::tempdir().expect("a directory");
    for (extra, table, number, filesystem, prefix, modules) in CASES {
        let options = options(&[("modules", texts(extra))]);
        let ours = debian.image(&options, &home(table, *number, filesystem)).expect("made");
        let file = dir.path().join("core.img");
        let file = file.to_str().expect("text");
        let args = ["-O", "i386-pc", "-d", PACKAGE, "-p", prefix, "-o", file];
        run("grub-mkimage", "grub-common", &[&args[..], modules].concat());
        compare(&ours[512..], &std::fs::read(file).expect("readable"), prefix);
        assert_eq!(ours[..512], std::fs::read(format!("{PACKAGE}/boot.img")).expect("readable"));
    }
}

pub fn compare(ours: &[u8], theirs: &[u8], what: &str) {
    assert_eq!(ours.len() % 512, 0, "{what}");
    let (mine, yours) = (payload(ours), payload(theirs));
    assert_eq!(mine.len(), yours.len(), "{what}");
    assert!(mine == yours, "{what}: differs at {:?}", mine.iter().zip(&yours).position(|(a, b)| a != b));
    // All of the loader and the decompressor but the count of sectors and the length of the stream.
    for at in (0..0xd20).filter(|at| !(0x1fc..0x1fe).contains(at) && !(0x208..0x20c).contains(at)) {
        assert_eq!(ours[at], theirs[at], "{what}: at {at:#x}");
    }
    let sectors = u16::from_le_bytes(ours[0x1fc..0x1fe].try_into().expect("two"));
    assert_eq!(usize::from(sectors), ours.len() / 512 - 1, "{what}");
    // The model's measure of the encoder: within 2 % of liblzma's.
    assert!(ours.len() < theirs.len() + theirs.len() / 50 + 512, "{what}: {} {}", ours.len(), theirs.len());
}

fn payload(core: &[u8]) -> Vec<u8> {
    let field = |at: usize| u32::from_le_bytes(core[at..at + 4].try_into().expect("four"));
    let stream = &core[0xd20..0xd20 + field(0x208) as usize];
    let mut payload = Vec::new();
    let reader = LzmaReader::new(stream, u64::from(field(0x20c)), 3, 0, 2, 1 << 16, None);
    reader.expect("a stream").read_to_end(&mut payload).expect("it decodes");
    payload
}

#[test]
fn a_core_image_that_is_too_large_is_refused_as_by_grub_mkimage() {
    let debian = Fixture::debian();
    let names: Vec<String> = debian
        .source
        .entries()
        .iter()
        .filter_map(|entry| std::str::from_utf8(entry.name()).ok()?.strip_suffix(".mod").map(str::to_owned))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let all = options(&[("modules", texts(&names))]);
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("core.img");
    let mut mkimage = Command::new("grub-mkimage");
    mkimage.args(["-O", "i386-pc", "-d", PACKAGE, "-p", "/x", "-o"]).arg(&file).args(&names);
    let output = mkimage.output().expect("grub-mkimage runs: install the Debian package grub-common");
    assert!(String::from_utf8_lossy(&output.stderr).contains("core image is too big"), "{output:?}");
    let refused = message(debian.image(&all, &home("mbr", 1, "ext2")).expect_err("refused"));
    assert!(refused.contains("grub-core-too-large"), "{refused}");
}

#[test]
fn the_bytes_of_a_core_image_are_pinned() {
    let image = Fixture::synthetic().image(&Record::new(), &home("mbr", 1, "ext2")).expect("made");
    let digest: String = imgc_plan::BlobId::of(&image).0.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        (image.len(), digest.as_str()),
        (7168, "097752b291b4a4c39595e97bfdeb4424b8efbbafa9aee6a63d6d9aa5e293456c")
    );
}
