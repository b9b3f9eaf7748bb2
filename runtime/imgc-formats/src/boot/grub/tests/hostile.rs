//! Packages that are none: refused in words, never a panic.

use imgc_plan::Record;

use super::*;

fn refused(files: Vec<(String, Vec<u8>)>) -> String {
    let fixture = Fixture::of(files);
    message(fixture.image(&Record::new(), &home("mbr", 1, "ext2")).expect_err("refused"))
}

#[test]
fn a_file_that_is_missing_is_named() {
    let files = synthetic_files();
    for (path, _) in &files {
        let name = path.strip_prefix("i386-pc/").expect("below it");
        let without = files.iter().filter(|(other, _)| other != path).cloned().collect();
        let message = refused(without);
        let wanted = name.strip_suffix(".mod").unwrap_or(name);
        assert!(message.contains(wanted), "{name}: {message}");
    }
}

#[test]
fn files_of_another_version_are_refused() {
    for (name, at) in [
        ("boot.img", 0x66),
        ("boot.img", 0x5c),
        ("boot.img", 0x1ff),
        ("diskboot.img", 0x1f4),
        ("diskboot.img", 0x1ff),
        ("lzma_decompress.img", 0x8),
        ("lzma_decompress.img", 0x0),
        ("kernel.img", 0),
    ] {
        let mut files = synthetic_files();
        let (_, bytes) =
            files.iter_mut().find(|(path, _)| path.ends_with(&format!("/{name}"))).expect("there");
        bytes[at] ^= 0x10;
        let message = refused(files);
        assert!(message.contains("grub-file-unknown") && message.contains(name), "{name}: {message}");
    }
}

#[test]
fn files_cut_anywhere_never_panic() {
    let files = synthetic_files();
    for index in 0..files.len() {
        for len in [0, 1, 3, 7, 20, 40, 60, 91, 511] {
            let mut cut = files.clone();
            cut[index].1.truncate(len);
            let fixture = Fixture::of(cut);
            let _ = fixture.image(&Record::new(), &home("mbr", 1, "ext2"));
            let _ = fixture.files(&Record::new(), &lites());
        }
    }
}

#[test]
fn sources_without_or_with_two_packages_are_refused() {
    let message = refused(vec![("usr/share/doc/readme".into(), vec![1])]);
    assert!(message.contains("grub-pc-bin"), "{message}");
    let mut twice = synthetic_files();
    twice.push(("other/i386-pc/kernel.img".into(), vec![1]));
    assert!(refused(twice).contains("more than one"));
    // The directory itself can be the source.
    let bare =
        synthetic_files().into_iter().map(|(path, bytes)| (path.replace("i386-pc/", ""), bytes)).collect();
    assert!(Fixture::of(bare).image(&Record::new(), &home("mbr", 1, "ext2")).is_ok());
}

#[test]
fn places_and_modules_that_grub_does_not_have_are_named() {
    let debian = Fixture::debian();
    for (home, part) in [(home("mbr", 1, "swap"), "`swap`"), (home("apm", 1, "ext2"), "`apm`")] {
        let refused = message(debian.image(&Record::new(), &home).expect_err("refused"));
        assert!(refused.contains("grub-home-unreadable") && refused.contains(part), "{refused}");
    }
    let odd = options(&[("modules", texts(&["ls", "no_such", "nor_this"]))]);
    let refused = message(debian.image(&odd, &home("mbr", 1, "ext2")).expect_err("refused"));
    assert!(refused.contains("`no_such`") && refused.contains("`nor_this`"), "{refused}");
    let refused = message(debian.files(&odd, &lites()).expect_err("refused"));
    assert!(refused.contains("`no_such`"), "{refused}");
}
