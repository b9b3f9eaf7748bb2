//! The stand-in for the Lites server is what its source says.

use imgc_tests::{imgc::root, tools::assemble};

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
