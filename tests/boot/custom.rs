//! `examples/custom-loader`: a boot sector and a second stage of our own, from manifest to the text of a file.

use std::fs;

use imgc_tests::{
    build::imgc_build,
    imgc::{Bench, root},
    qemu::{Bus, Machine},
    tools::assemble,
};

#[test]
fn its_stages_are_assembled_from_their_sources() {
    let dir = tempfile::tempdir().expect("a directory");
    let example = root().join("examples/custom-loader/loader");
    for (name, base) in [("boot", 0x7c00), ("stage2", 0x8000)] {
        let made = dir.path().join(name);
        assemble(&example.join(format!("{name}.S")), base, &dir.path().join("object"), &made);
        let committed = fs::read(example.join(format!("{name}.bin"))).expect("readable");
        assert!(committed.len() <= 512, "{}", committed.len());
        let made = fs::read(made).expect("readable");
        assert_eq!(committed, made, "assemble {name}.S anew: its head says how");
    }
}

#[test]
fn it_finds_its_second_stage_and_that_a_file() {
    let artifacts = imgc_build("custom-loader", &[("message", "a message from the test")]);
    for bus in [Bus::Ide, Bus::Virtio, Bus::Usb] {
        let mut vm = Machine::bios(&artifacts.file("custom.img"), "raw", bus).start();
        vm.expect("Second stage; the file says: a message from the test\r?\nHOBBY-OK");
        vm.expect_on_screen("HOBBY-OK");
    }
}

#[test]
fn a_wrong_number_and_it_finds_nothing() {
    let bench = Bench::new();
    let example = root().join("examples/custom-loader");
    let text = fs::read_to_string(example.join("image.kdl")).expect("readable");
    let loader = bench.dir().join("loader");
    fs::create_dir(&loader).expect("a directory");
    for name in ["boot.bin", "stage2.bin"] {
        fs::copy(example.join("loader").join(name), loader.join(name)).expect("copied");
    }
    let manifest = bench.dir().join("image.kdl");
    let wrong = "offset=4 width=u64 value=stage2.bin.lba plus=0xffffffff\"";
    let text = text.replace("offset=4 width=u64 value=stage2.bin.lba\"", wrong);
    assert!(text.contains(wrong));
    fs::write(&manifest, text).expect("written");
    let made = bench.build(&manifest, &["-o", &bench.out().to_string_lossy()]);
    let mut vm = Machine::bios(&made["custom.img"].path, "raw", Bus::Ide).start();
    vm.reject("HOBBY-OK");
    vm.expect_on_screen("The second stage cannot be read");
}
