//! `examples/syslinux`: a real Linux from FAT; and the same kernel by EXTLINUX from ext4 and by ISOLINUX from a CD.

use imgc_tests::{
    build::imgc_build,
    imgc::{Bench, root},
    qemu::{Bus, Machine, Vm},
};

fn expect_hello(mut vm: Vm, message: &str) {
    vm.reject("Kernel panic");
    vm.expect("Linux version 6");
    vm.expect(message);
    vm.expect("IMGC-SYSLINUX-OK Linux x86_64");
    assert_eq!(vm.exit(), 0);
}

#[test]
fn linux_says_hello() {
    let artifacts = imgc_build("syslinux", &[("message", "a message from the test")]);
    let mut vm = Machine::bios(&artifacts.file("syslinux.img"), "raw", Bus::Virtio).start();
    vm.expect("Hello, Linux");
    expect_hello(vm, "a message from the test");
}

#[test]
fn linux_says_hello_from_ext4_and_from_a_cd() {
    let bench = Bench::new();
    let out = bench.out().to_string_lossy().into_owned();
    let made = bench.build(&root().join("tests/boot/syslinux/linux/image.kdl"), &["-o", &out]);
    for (name, bus) in [("ext4.img", Bus::Nvme), ("cd.iso", Bus::Cdrom)] {
        expect_hello(Machine::bios(&made[name].path, "raw", bus).start(), "hello from a test");
    }
}
