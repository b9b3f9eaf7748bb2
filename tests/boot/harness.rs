//! The harness itself: a machine that does otherwise than expected fails its test.

use std::panic::{AssertUnwindSafe, catch_unwind};

use imgc_plan::menu::{BootAction, Menu, MenuEntry};
use imgc_tests::qemu::{Bus, Firmware, Machine, Vm};

use crate::{disk::Disk, loader::stub};

fn disk() -> Disk {
    let action = BootAction::Multiboot { path: "/kernel".into(), args: "x".into() };
    let entry =
        MenuEntry { name: "a".into(), title: "A".into(), actions: vec![action], ..MenuEntry::default() };
    let menu = Menu { timeout: Some(0), default: None, consoles: vec![], entries: vec![entry] };
    Disk::with_grub("mbr", "ext2", &menu, &[("/kernel", stub())])
}

/// What a test says that fails with this machine.
fn complaint(disk: &Disk, test: impl FnOnce(Vm)) -> String {
    let vm = Machine::bios(&disk.path(), "raw", Bus::Ide).start();
    let panic = catch_unwind(AssertUnwindSafe(|| test(vm))).expect_err("it must fail");
    *panic.downcast::<String>().expect("a message with values in it")
}

#[test]
fn what_is_missing_forbidden_or_out_of_order_fails_with_the_log() {
    let disk = disk();
    let said = complaint(&disk, |mut vm| {
        vm.expect("no such words");
    });
    assert!(
        said.contains("the machine ended before `no such words`") && said.contains("IMGC-STUB-OK"),
        "{said}"
    );
    let said = complaint(&disk, |mut vm| {
        vm.reject("STUB-O.").expect("no such words");
    });
    assert!(said.contains("`STUB-OK` must not be seen"), "{said}");
    let said = complaint(&disk, |mut vm| {
        vm.reject("STUB-O.");
        vm.exit();
    });
    assert!(said.contains("must not be seen"), "{said}");
    let said = complaint(&disk, |mut vm| {
        vm.expect("IMGC-STUB-OK");
        vm.expect("IMGC-STUB multiboot1");
    });
    assert!(said.contains("the machine ended before"), "{said}");
}

#[test]
fn a_uefi_machine_comes_up_with_variables_of_its_own() {
    let mut vm = Machine::new(Firmware::Uefi).start();
    vm.expect("BdsDxe: ");
}
