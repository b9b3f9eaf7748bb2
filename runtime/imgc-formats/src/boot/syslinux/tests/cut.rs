//! The loader cut out of its installer, and what each variant places.

use super::*;
use crate::boot::syslinux::{
    embedded::{Embedded, cut},
    modules::needed,
};

#[test]
fn the_three_parts_are_found_by_what_they_are() {
    let found = cut("syslinux", &installer()).expect("found");
    assert_eq!(found, Embedded { boot: boot_sector(), core: core(), module: module(false, &[]) });
}

#[test]
fn what_is_there_twice_or_does_not_end_as_it_says_is_refused() {
    let twice = [installer(), boot_sector()].concat();
    let mut long = installer();
    let banner = 1000 + 512 + 32 + 0x3fc;
    long[banner] ^= 1;
    let mut marked = installer();
    marked[1000 + 512 + 32 + 0xf90] = 1;
    for (bytes, part) in [
        (twice, "one boot sector"),
        ([installer(), core()].concat(), "one `ldlinux.sys`"),
        (long, "one `ldlinux.sys`"),
        (marked, "one `ldlinux.sys`"),
        ([installer(), module(false, &[])].concat(), "one `ldlinux.c32`"),
        (vec![], "one boot sector"),
    ] {
        let refused = cut("syslinux", &bytes).expect_err("refused").message;
        assert!(refused.contains(part), "{part}: {refused}");
    }
}

#[test]
fn nothing_that_is_cut_short_or_bent_breaks_the_readers() {
    let whole = installer();
    for len in (0..whole.len()).step_by(61) {
        let _ = cut("syslinux", &whole[..len]);
    }
    for wide in [false, true] {
        let module = module(wide, &["a.c32", "b.c32"]);
        assert_eq!(needed(&module).expect("a module"), ["a.c32", "b.c32"]);
        for len in 0..module.len() {
            let _ = needed(&module[..len]);
        }
        for at in 0..module.len() {
            let mut bent = module.clone();
            bent[at] ^= 0xff;
            let _ = needed(&bent);
        }
    }
}

#[test]
fn each_variant_places_its_files() {
    let store = MemoryStore::default();
    let menu = one(entry("a", vec![linux("")]));
    let efi = options(&[("platform", "efi64".into())]);
    let none = options(&[("ui", "none".into()), ("directory", "/".into())]);
    for (record, home, expected) in [
        (
            Record::new(),
            home("mbr", "vfat"),
            &["ldlinux.c32", "ldlinux.sys", "libutil.c32", "menu.c32", "syslinux.cfg"][..],
        ),
        (none, home("mbr", "ext4"), &["/extlinux.conf", "/ldlinux.c32", "/ldlinux.sys"]),
        (
            efi,
            home("gpt", "vfat"),
            &["BOOTX64.EFI", "ldlinux.e64", "libutil.c32", "menu.c32", "syslinux.cfg"],
        ),
        (
            Record::new(),
            LoaderHome::Network,
            &["/ldlinux.c32", "/libutil.c32", "/menu.c32", "/pxelinux.0", "/pxelinux.cfg/default"],
        ),
    ] {
        let made = files(&store, &record, &home, &menu).expect("made");
        let paths = paths(&made);
        assert_eq!(paths.len(), expected.len(), "{paths:?}");
        assert!(expected.iter().all(|end| paths.iter().any(|path| path.ends_with(end))), "{paths:?}");
        assert!(made.entries().iter().all(|entry| entry.meta.uid == 0 && entry.meta.mtime == 0));
    }
    let made = files(&store, &Record::new(), &home("mbr", "vfat"), &menu).expect("made");
    let node = &made.get(b"boot/syslinux/ldlinux.sys").expect("there").node;
    assert!(matches!(node, Node::File { dense: true, .. }));
    let core_file = read(&store, &made, "boot/syslinux/ldlinux.sys");
    assert_eq!(core_file.len(), 4096 + 1024);
    assert!(core_file.starts_with(&core()) && core_file[4096..4608] == core_file[4608..]);
}

#[test]
fn what_a_supply_lacks_is_named_all_at_once() {
    let store = MemoryStore::default();
    let record = options(&[("modules", Data::List(vec!["hdt".into(), "nothing".into()]))]);
    let menu = one(entry("a", vec![linux("")]));
    let refused = message(files(&store, &record, &home("mbr", "vfat"), &menu).expect_err("refused"));
    assert!(refused.contains("`hdt.c32`") && refused.contains("`nothing.c32`"), "{refused}");
    assert!(refused.contains("syslinux-common"), "{refused}");
    let source = tree(&store, &[("a/mbr.bin", vec![1]), ("b/mbr.bin", vec![2])]);
    let (home, record) = (home("mbr", "vfat"), Record::new());
    let job = LoaderJob { options: &record, source: Some(&source), menu: None, home: &home, store: &store };
    let refused = message(Syslinux.image(&job).expect_err("refused"));
    assert!(refused.contains("differ: /a/mbr.bin and /b/mbr.bin"), "{refused}");
}

#[test]
fn homes_that_cannot_be_are_refused() {
    let efi = options(&[("platform", "efi64".into())]);
    for (record, home, part) in [
        (Record::new(), home("mbr", "exfat"), "cannot read `exfat`"),
        (Record::new(), home("apm", "vfat"), "no code for the first sector"),
        (efi.clone(), home("gpt", "ext4"), "from `vfat` only"),
        (efi, home("gpt", "vfat"), "of the type `esp`"),
    ] {
        let problems = Syslinux.check_home(&record, &home);
        assert!(problems.iter().any(|problem| problem.message.contains(part)), "{part}: {problems:?}");
    }
    let LoaderHome::Disk { table, own, esp } = home("mbr", "vfat") else { unreachable!() };
    let hidden = LoaderHome::Disk { table, own: PartHome { number: 0, ..own }, esp };
    assert!(Syslinux.check_home(&Record::new(), &hidden)[0].message.contains("does not list"));
    assert!(Syslinux.check_home(&options(&[("mbr", Data::Bool(false))]), &hidden).is_empty());
}
