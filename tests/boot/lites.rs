//! `examples/lites`: GNU Mach and the stand-in for the Lites server, from the raw disk and from qcow2.

use std::sync::OnceLock;

use imgc_tests::{
    build::{Artifacts, imgc_build, imgc_test},
    qemu::{Bus, DOWN, ENTER, Machine, Vm},
};

/// One build for all tests here, as its packages are fetched.
fn artifacts() -> &'static Artifacts {
    static MADE: OnceLock<Artifacts> = OnceLock::new();
    MADE.get_or_init(|| imgc_build("lites", &[("size", "96MiB")]))
}

/// Starts it on IDE, where GNU Mach looks for hd0, and waits for the menu.
fn menu(file: &str, format: &str) -> Vm {
    let mut vm = Machine::bios(&artifacts().file(file), format, Bus::Ide).memory(256).start();
    vm.reject("error: ").reject("grub rescue>").reject("compat mode");
    vm.expect(r"GNU GRUB  version 2");
    vm.expect(r"Lites on GNU Mach");
    vm.expect(r"Lites on GNU Mach \(single user\)");
    vm.expect(r"GNU Mach \(no Lites\)");
    vm
}

#[test]
fn the_default_entry_reaches_the_server_from_both_disks() {
    for (file, format) in [("lites-boot.img", "raw"), ("lites.qcow2", "qcow2")] {
        let mut vm = menu(file, format);
        vm.expect(r"GNU Mach 1\.8");
        vm.expect(r"hd0: +hd0s1");
        let argv = vm.expect(r"LITES-STUB argv: \|[^\n]*\n");
        assert!(argv.contains("|lites_server|") && argv.contains("|device:hd0s1|"), "{argv}");
        assert!(!argv.contains("|-s|"), "{argv}");
        vm.expect(r"LITES-STUB-OK");
    }
}

#[test]
fn the_entry_for_a_single_user_is_chosen_by_a_key() {
    let mut vm = menu("lites-boot.img", "raw");
    vm.send(DOWN).send(ENTER);
    vm.expect(r"GNU Mach 1\.8");
    let argv = vm.expect(r"LITES-STUB argv: \|[^\n]*\n");
    assert!(argv.contains("|-s|"), "{argv}");
    vm.expect(r"LITES-STUB-OK");
}

#[test]
fn the_entry_without_a_server_ends_where_the_kernel_misses_it() {
    let mut vm = menu("lites-boot.img", "raw");
    vm.send(DOWN).send(DOWN).send(ENTER);
    vm.expect(r"GNU Mach 1\.8");
    vm.expect(r"No bootstrap code loaded with the kernel");
}

#[test]
fn the_tests_of_its_manifest_pass() {
    let results = imgc_test("lites", &[("size", "96MiB")]);
    assert_eq!(results.iter().filter(|one| one["result"] == "passed").count(), 3, "{results:#?}");
}
