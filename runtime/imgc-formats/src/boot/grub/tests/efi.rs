//! Images for UEFI against grub-mkimage: equal byte for byte.

use super::{super::Package, *};

const ID: &str = "01234567-89ab-8def-8123-456789abcdef";

/// Extra modules, configuration, table, number and filesystem of the home, and what grub-mkimage is given: prefix and modules.
type Case = (
    &'static [&'static str],
    &'static [&'static str],
    (&'static str, u32, &'static str),
    &'static str,
    &'static [&'static str],
);

const CASES: &[Case] = &[
    (&[], &[], ("gpt", 2, "ext4"), "(,gpt2)/boot/grub", &["part_gpt", "ext2", "search_fs_file"]),
    (&[], &[], ("mbr", 5, "vfat"), "(,msdos5)/boot/grub", &["part_msdos", "fat", "search_fs_file"]),
    (&[], &["set x=y", "echo $x"], ("bare", 0, "vfat"), "/boot/grub", &["fat", "search_fs_file"]),
    (&[], &[], ("gpt", 0, "iso9660"), "/boot/grub", &["part_gpt", "iso9660", "search_fs_file"]),
    (
        &["normal", "linux", "gzio", "configfile", "serial", "ls", "all_video", "gfxterm", "fat"],
        &[],
        ("gpt", 128, "squashfs"),
        "(,gpt128)/boot/grub",
        &[
            "part_gpt",
            "squash4",
            "search_fs_file",
            "normal",
            "linux",
            "gzio",
            "configfile",
            "serial",
            "ls",
            "all_video",
            "gfxterm",
            "fat",
        ],
    ),
    (
        &["btrfs", "gfxmenu", "luks2", "lvm", "http", "zfs", "multiboot2"],
        &["insmod zfs"],
        ("gpt", 3, "xfs"),
        "(,gpt3)/boot/grub",
        &[
            "part_gpt",
            "xfs",
            "search_fs_file",
            "btrfs",
            "gfxmenu",
            "luks2",
            "lvm",
            "http",
            "zfs",
            "multiboot2",
        ],
    ),
];

const VIDEO: &str = "insmod all_video\n";

fn search(directory: &str) -> String {
    format!("search.file {directory}/{ID}.id root $root\nset prefix=($root){directory}\n")
}

/// The image that grub-mkimage makes.
fn mkimage(platform: &str, prefix: &str, config: &str, more: &[&str]) -> Vec<u8> {
    let dir = tempfile::tempdir().expect("a directory");
    let file = |name: &str| dir.path().join(name).to_str().expect("text").to_owned();
    std::fs::write(file("early.cfg"), config).expect("written");
    let package = if platform.starts_with("i386-pc") { "i386-pc" } else { platform };
    let (made, from, early) = (file("made"), format!("{PACKAGES}/{package}"), file("early.cfg"));
    let mut args = vec!["-O", platform, "-d", &from, "-o", &made];
    if !config.is_empty() {
        args.extend(["-c", &early]);
    }
    args.extend(more);
    // A memory disk sets a prefix of its own, so ours comes last.
    args.extend(["-p", prefix]);
    run("grub-mkimage", "grub-common", &args);
    std::fs::read(&made).expect("readable")
}

fn same(ours: &[u8], theirs: &[u8], what: &str) {
    let at = ours.iter().zip(theirs).position(|(a, b)| a != b);
    assert!(ours == theirs, "{what}: {} and {} bytes, differ first at {at:x?}", ours.len(), theirs.len());
}

#[test]
fn images_are_those_of_grub_mkimage() {
    for (platform, package, file) in [
        ("x86_64-efi", "grub-efi-amd64-bin", "EFI/BOOT/BOOTX64.EFI"),
        ("i386-efi", "grub-efi-ia32-bin", "EFI/BOOT/BOOTIA32.EFI"),
    ] {
        let debian = Fixture::installed(platform, package);
        for (extra, lines, (table, number, filesystem), prefix, modules) in CASES {
            let options = options(&[
                ("platform", platform.into()),
                ("modules", texts(extra)),
                ("config", texts(lines)),
                ("id", ID.into()),
            ]);
            let tree = debian.esp_files(&options, &home(table, *number, filesystem)).expect("made");
            let config: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let config = search("/boot/grub") + VIDEO + &config;
            same(&debian.bytes(&tree, file), &mkimage(platform, prefix, &config, modules), prefix);
        }
    }
}

#[test]
fn an_image_for_a_network_is_that_of_grub_mkimage() {
    let debian = Fixture::installed("x86_64-efi", "grub-efi-amd64-bin");
    let options = options(&[("platform", "x86_64-efi".into())]);
    let tree = debian.files_at(&options, &lites(), &LoaderHome::Network).expect("made");
    let ours = debian.bytes(&tree, "boot/grub/x86_64-efi/core.efi");
    same(&ours, &mkimage("x86_64-efi", "(tftp)/boot/grub", VIDEO, &["efinet", "tftp"]), "network");
    assert!(tree.get(b"boot/grub/grub.cfg").is_some());
}

#[test]
fn a_memory_disk_is_where_grub_mkimage_puts_it() {
    let debian = Fixture::installed("x86_64-efi", "grub-efi-amd64-bin");
    let path = "usr/lib/grub/x86_64-efi/moddep.lst";
    let options = options(&[
        ("platform", "x86_64-efi".into()),
        ("memdisk", texts(&[path])),
        ("directory", "/g".into()),
        ("id", ID.into()),
    ]);
    let home = home("gpt", 2, "ext4");
    let tree = debian.esp_files(&options, &home).expect("made");
    let dir = tempfile::tempdir().expect("a directory");
    let archive = dir.path().join("archive");
    let package = Package::find(
        &LoaderJob {
            options: &options,
            source: Some(&debian.source),
            menu: None,
            home: &home,
            store: &debian.store,
        },
        super::super::platform::Platform::X8664Efi,
    )
    .expect("found");
    let packed = super::super::memdisk::archive(&package, &[path.to_owned()]).expect("there").expect("some");
    std::fs::write(&archive, &packed).expect("written");
    let archive = archive.to_str().expect("text");
    let more = ["-m", archive, "part_gpt", "ext2", "search_fs_file", "memdisk", "newc"];
    let theirs = mkimage("x86_64-efi", "(,gpt2)/g", &(search("/g") + VIDEO), &more);
    same(&debian.bytes(&tree, "EFI/BOOT/BOOTX64.EFI"), &theirs, "memdisk");
    // What GRUB will see is what cpio sees.
    let output = Command::new("cpio").args(["--quiet", "-i", "--to-stdout", "-F", archive]).output();
    let output = output.expect("cpio runs: install the Debian package cpio");
    assert_eq!(output.stdout, std::fs::read(format!("/{path}")).expect("readable"));
}

#[test]
fn forms_for_a_bios_are_those_of_grub_mkimage_but_for_the_stream() {
    let debian = Fixture::debian();
    let plain = options(&[("id", ID.into())]);
    let tree = debian.files_at(&plain, &lites(), &home("bare", 0, "iso9660")).expect("made");
    let ours = debian.bytes(&tree, "boot/grub/i386-pc/eltorito.img");
    let modules = ["biosdisk", "iso9660", "search_fs_file"];
    let theirs = mkimage("i386-pc-eltorito", "/boot/grub", &search("/boot/grub"), &modules);
    assert_eq!(ours[..2048], theirs[..2048]);
    oracle::compare(&ours[2048..], &theirs[2048..], "CD");
    let pxe = options(&[("platform", "i386-pc-pxe".into())]);
    let tree = debian.files_at(&pxe, &lites(), &LoaderHome::Network).expect("made");
    let ours = debian.bytes(&tree, "boot/grub/i386-pc/core.0");
    let theirs = mkimage("i386-pc-pxe", "(pxe)/boot/grub", "", &["pxe", "tftp"]);
    assert_eq!(ours[..1024], theirs[..1024]);
    oracle::compare(&ours[1024..], &theirs[1024..], "PXE");
}

#[test]
fn the_image_lies_where_it_is_said_to() {
    let debian = Fixture::installed("x86_64-efi", "grub-efi-amd64-bin");
    let options = options(&[("platform", "x86_64-efi".into()), ("efi-path", "/EFI/imgc/grubx64.efi".into())]);
    let tree = debian.esp_files(&options, &home("gpt", 2, "ext4")).expect("made");
    assert!(tree.get(b"EFI/imgc/grubx64.efi").is_some() && tree.get(b"EFI/BOOT").is_none());
    let files = debian.files_at(&options, &lites(), &home("gpt", 2, "ext4")).expect("made");
    assert!(files.get(b"boot/grub/00000000-0000-0000-0000-000000000000.id").is_some());
    assert!(files.get(b"boot/grub/x86_64-efi/normal.mod").is_some() && files.get(b"EFI").is_none());
}

#[test]
fn hostile_kernels_are_refused_and_never_panic() {
    use super::super::link::{Arch, link};
    let kernel = std::fs::read(format!("{PACKAGES}/x86_64-efi/kernel.img")).expect("grub-efi-amd64-bin");
    assert!(link(&kernel, Arch::X8664).is_ok());
    assert!(link(&kernel, Arch::Arm64).is_err() && link(&kernel, Arch::I386).is_err());
    for len in (0..kernel.len()).step_by(4999).chain(0..70) {
        assert!(link(&kernel[..len], Arch::X8664).is_err(), "cut to {len}");
    }
    // Bytes all over the file and every byte of the headers of sections, which are its end.
    let table = kernel.len() - 14 * 64;
    for at in (0..table).step_by(1999).chain(table..kernel.len()) {
        for value in [0x7f, 0xff] {
            let mut broken = kernel.clone();
            broken[at] = value;
            let _ = link(&broken, Arch::X8664);
        }
    }
}
