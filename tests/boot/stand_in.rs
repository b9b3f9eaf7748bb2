//! What was assembled beforehand is what its source says.

use imgc_qemu::{Accel, Host};
use imgc_tests::{imgc::root, qemu::Slot, tools::assemble};

#[test]
fn the_lites_stand_in_is_assembled_from_its_source() {
    let dir = tempfile::tempdir().expect("a directory");
    let example = root().join("examples/lites");
    let made = dir.path().join("lites_server");
    assemble(&example.join("lites_server.S"), 0x10000, &dir.path().join("object"), &made);
    let committed = std::fs::read(example.join("lites_server")).expect("readable");
    assert!(committed.len() < 8 << 10, "{}", committed.len());
    assert_eq!(
        committed,
        std::fs::read(made).expect("readable"),
        "assemble lites_server.S anew: its head says how"
    );
}

#[test]
fn the_sector_that_tries_accelerators_is_assembled_from_its_source_and_gets_to_its_end() {
    let dir = tempfile::tempdir().expect("a directory");
    let sources = root().join("runtime/imgc-qemu/src/accel");
    let made = dir.path().join("probe.bin");
    assemble(&sources.join("probe.S"), 0x7c00, &dir.path().join("object"), &made);
    let committed = std::fs::read(sources.join("probe.bin")).expect("readable");
    assert!(committed == std::fs::read(made).expect("readable"), "assemble probe.S anew: its head says how");
    let _slot = Slot::take();
    assert!(Accel::Tcg.works(&Host::find().expect("QEMU")), "a machine that is emulated always works");
}
