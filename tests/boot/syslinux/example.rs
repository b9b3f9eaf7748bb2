//! What `examples/syslinux` starts from FAT, by EXTLINUX from ext4 and by ISOLINUX from a CD: Debian's kernel.

use imgc_tests::{
    imgc::{Bench, root},
    qemu::{Bus, Machine, Vm},
};

fn expect_hello(mut vm: Vm) {
    vm.reject("Kernel panic");
    vm.expect("Linux version 6");
    vm.expect("hello from a test");
    vm.expect("IMGC-SYSLINUX-OK Linux x86_64");
    assert_eq!(vm.exit(), 0);
}

#[test]
fn linux_says_hello() {
    let bench = Bench::new();
    let out = bench.out().to_string_lossy().into_owned();
    let made = bench.build(&root().join("tests/boot/syslinux/linux/image.kdl"), &["-o", &out]);
    for (name, bus) in [("ext4.img", Bus::Virtio), ("cd.iso", Bus::Cdrom)] {
        expect_hello(Machine::bios(&made[name].path, "raw", bus).start());
    }
}
