//! `examples/custom-loader` needs the numbers that are stamped into it.

use std::fs;

use imgc_tests::{
    imgc::{Bench, root},
    qemu::{Bus, Machine},
};

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
