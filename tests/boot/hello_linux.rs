//! `examples/hello-linux`: Linux from a GPT disk, on every bus that its kernel and a BIOS know.

use imgc_tests::{
    build::imgc_build,
    qemu::{Bus, Machine},
};

#[test]
fn linux_says_hello_on_every_bus() {
    let artifacts = imgc_build("hello-linux", &[("message", "a message from the test")]);
    for bus in [Bus::Virtio, Bus::Ide, Bus::Nvme] {
        let mut vm = Machine::bios(&artifacts.file("hello.img"), "raw", bus).start();
        vm.reject("error: ").reject("grub rescue>").reject("Kernel panic");
        vm.expect("Hello, Linux");
        vm.expect("Linux version 6");
        vm.expect("a message from the test");
        vm.expect("IMGC-HELLO-OK Linux x86_64");
        assert_eq!(vm.exit(), 0, "{bus:?}");
    }
}
