//! Homes that GRUB cannot start from, and what it makes for those that it can.

use imgc_plan::kind::Products;

use super::*;

const ESP: &str = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";

fn disk(table: &str, own: PartHome, esp: Option<PartHome>) -> LoaderHome {
    LoaderHome::Disk { table: table.into(), own, esp }
}

/// The option that is blamed, and the message.
fn refused(pairs: &[(&str, Data)], home: &LoaderHome) -> Vec<(&'static str, String)> {
    let found = Grub.check_home(&options(pairs), home);
    found.into_iter().map(|problem| (problem.option.expect("an option"), problem.message)).collect()
}

#[test]
fn places_that_work_are_not_complained_of() {
    let efi = [("platform", Data::from("x86_64-efi"))];
    let inside = [("target", Data::from("partition"))];
    let esp = || part("esp", 1, "vfat", ESP);
    for (pairs, home) in [
        (&[][..], home("mbr", 1, "ext2")),
        (&[], home("gpt", 2, "btrfs")),
        (&[], home("bare", 0, "iso9660")),
        (&inside, home("bare", 0, "vfat")),
        (&inside, home("mbr", 1, "ext4")),
        (&efi, disk("gpt", part("root", 2, "ext4", ""), Some(esp()))),
        (&efi, disk("gpt", esp(), None)),
        (&efi, disk("mbr", part("esp", 1, "vfat", "ef"), None)),
        (&efi, disk("gpt", part("iso", 0, "iso9660", ""), Some(part("esp", 0, "vfat", "")))),
        (&efi, LoaderHome::Network),
    ] {
        assert_eq!(refused(pairs, &home), [], "{home:?}");
    }
}

#[test]
fn places_that_do_not_are_refused_with_the_reason() {
    let efi = [("platform", Data::from("x86_64-efi"))];
    let pxe = [("platform", Data::from("i386-pc-pxe"))];
    let inside = [("target", Data::from("partition"))];
    let esp = || part("esp", 1, "vfat", ESP);
    let cases = [
        (&[][..], home("bare", 0, "ext2"), "partition", "no room"),
        (&[], home("mbr", 1, "erofs"), "partition", "`erofs`"),
        (&[], home("apm", 1, "ext2"), "partition", "`apm`"),
        (&[], home("gpt", 0, "ext2"), "partition", "does not list"),
        (&[], disk("gpt", part("root", 2, "ext4", ""), Some(esp())), "esp", "no files for `esp`"),
        (&inside, home("mbr", 1, "exfat"), "target", "`exfat`"),
        (&inside, home("bare", 0, "iso9660"), "target", "file of it"),
        (&pxe, home("mbr", 1, "ext2"), "platform", "over a network"),
        (&efi, home("gpt", 2, "ext4"), "partition", "FAT filesystems only"),
        (&efi, disk("gpt", part("root", 2, "ext4", ""), Some(part("esp", 1, "ext2", ESP))), "esp", "`ext2`"),
        (
            &efi,
            disk("gpt", part("root", 2, "ext4", ""), Some(part("e", 1, "vfat", "x"))),
            "esp",
            "type `esp`",
        ),
        (&efi, disk("mbr", part("root", 1, "vfat", "0c"), None), "partition", "type `esp`"),
    ];
    let mut zstd = part("root", 1, "squashfs", "");
    zstd.options.insert("compress".into(), "zstd".into());
    let cases = cases.into_iter().chain([(&[][..], disk("mbr", zstd, None), "partition", "`zstd`")]);
    for (pairs, home, option, words) in cases {
        let found = refused(pairs, &home);
        assert!(found.iter().any(|(o, m)| *o == option && m.contains(words)), "{home:?}: {found:?}");
    }
}

#[test]
fn what_is_made_follows_from_the_place() {
    let products = |pairs: &[(&str, Data)], home: &LoaderHome| {
        let products = Grub.products(&options(pairs), home);
        let Products { files, esp_files, image, stamp, boot_code, own: _, signed } = products;
        assert!(files && signed == pairs.iter().any(|(name, _)| *name == "secure-boot"));
        assert_eq!(boot_code, image && !pairs.iter().any(|(name, _)| *name == "target"));
        (esp_files, image, stamp)
    };
    let efi = [("platform", Data::from("x86_64-efi"))];
    assert_eq!(products(&[], &home("mbr", 1, "ext2")), (false, true, true));
    assert_eq!(
        products(&[("target", Data::from("partition"))], &home("mbr", 1, "ext2")),
        (false, true, true)
    );
    assert_eq!(products(&[], &home("bare", 0, "iso9660")), (false, true, true));
    assert_eq!(products(&[], &LoaderHome::Network), (false, false, false));
    assert_eq!(products(&efi, &home("gpt", 1, "vfat")), (true, false, false));
    let secure = [efi[0].clone(), ("secure-boot", Data::Bool(true))];
    assert_eq!(products(&secure, &home("gpt", 1, "vfat")), (true, false, false));
    assert_eq!(products(&efi, &home("gpt", 0, "iso9660")), (true, false, true));
    assert_eq!(products(&efi, &LoaderHome::Network), (false, false, false));
}
