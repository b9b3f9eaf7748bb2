//! Every example that starts a machine, proved by the tests in its own manifest.

use std::fs;

use imgc_tests::{build::imgc_test, imgc::root};

/// Examples that hold no loader.
const NO_LOADER: &[&str] = &["data-disk", "every-filesystem"];

/// A param that shows that what was started is what was built just now.
const MESSAGE: &[(&str, &str)] = &[("message", "a message from the test")];

/// Runs an example's tests; these are all, and all pass.
fn proves(example: &str, sets: &[(&str, &str)], titles: &[&str]) {
    let results = imgc_test(example, sets);
    let run: Vec<String> = results
        .iter()
        .map(|one| {
            format!("{}: {}", one["test"].as_str().expect("a name"), one["title"].as_str().expect("a title"))
        })
        .collect();
    assert_eq!(run, titles, "{example}");
    assert!(results.iter().all(|one| one["result"] == "passed" && one["cached"] == false), "{results:#?}");
}

macro_rules! examples {
    ($($name:ident $example:literal $sets:expr => $titles:expr)*) => {
        /// All of them.
        const ALL: &[&str] = &[$($example),*];

        $(#[test]
        fn $name() {
            proves($example, $sets, &$titles);
        })*
    };
}

examples! {
    custom_loader "custom-loader" MESSAGE => [
        "boots: custom.img bios ide",
        "boots: custom.img bios virtio",
        "boots: custom.img bios usb",
    ]
    dual_boot "dual-boot" MESSAGE => [
        "bios: dual.img bios virtio",
        "bios: dual.img bios usb",
        "uefi: dual.img uefi virtio",
        "uefi: dual.img uefi nvme",
    ]
    hello_linux "hello-linux" MESSAGE => [
        "boots: hello.img bios virtio",
        "boots: hello.img bios ide",
        "boots: hello.img bios nvme",
    ]
    iso_from_directory "iso-from-directory" &[] => [
        "boots: media.iso bios cdrom",
        "boots: media.iso bios usb",
        "boots: media.iso uefi cdrom",
        "boots: media.iso uefi usb",
    ]
    lites "lites" &[("size", "96MiB")] => [
        "boots: lites-boot.img bios ide",
        "boots: lites.qcow2 bios ide",
        "single-user: lites-boot.img bios ide",
        "no-server: lites-boot.img bios ide",
    ]
    live_iso "live-iso" MESSAGE => [
        "starts: live.iso bios cdrom",
        "starts: live.iso uefi cdrom scsi",
        "starts: live.iso bios ide",
        "keeps: live.iso bios virtio",
        "keeps: live.iso uefi virtio",
    ]
    netboot "netboot" MESSAGE => ["ipxe: netboot bios network", "uki: netboot uefi network"]
    syslinux "syslinux" MESSAGE => ["boots: syslinux.img bios virtio"]
    systemd_boot "systemd-boot" &[] => ["good: sdboot.img uefi virtio", "falls-back: sdboot.img uefi virtio"]
    uki "uki" MESSAGE => ["boots: uki.img uefi virtio"]
}

#[test]
fn every_example_that_starts_a_machine_is_here() {
    let entries = fs::read_dir(root().join("examples")).expect("examples");
    let mut found: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    found.sort();
    let mut known = [ALL, NO_LOADER].concat();
    known.sort_unstable();
    assert_eq!(found, known);
}
