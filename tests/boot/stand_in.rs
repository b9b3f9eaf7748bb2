//! What was assembled beforehand is what its source says.

use imgc_qemu::{Accel, Host};
use imgc_tests::{imgc::root, qemu::Slot, tools::assemble};

/// Assembled for this address, `source` below `dir` is the committed `made`.
fn is_assembled(dir: &str, source: &str, base: u32, made: &str) {
    let scratch = tempfile::tempdir().expect("a directory");
    let (dir, flat) = (root().join(dir), scratch.path().join("flat"));
    assemble(&dir.join(source), base, &scratch.path().join("object"), &flat);
    let committed = std::fs::read(dir.join(made)).expect("readable");
    assert!(committed.len() < 8 << 10, "{}", committed.len());
    assert!(
        committed == std::fs::read(flat).expect("readable"),
        "assemble {source} anew for {made}: its head says how"
    );
}

#[test]
fn what_examples_start_is_assembled_from_its_sources() {
    is_assembled("examples/lites", "lites_server.S", 0x10000, "lites_server");
    is_assembled("examples/iso-from-directory", "kernel.S", 0x10_0000, "files/boot/kernel");
    is_assembled("examples/custom-loader/loader", "boot.S", 0x7c00, "boot.bin");
    is_assembled("examples/custom-loader/loader", "stage2.S", 0x8000, "stage2.bin");
}

#[test]
fn the_sector_that_tries_accelerators_is_assembled_from_its_source_and_gets_to_its_end() {
    is_assembled("runtime/imgc-qemu/src/accel", "probe.S", 0x7c00, "probe.bin");
    let _slot = Slot::take();
    assert!(Accel::Tcg.works(&Host::find().expect("QEMU")), "a machine that is emulated always works");
}
