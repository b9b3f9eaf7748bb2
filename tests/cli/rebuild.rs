//! Nothing is done twice: what runs again, and what does not.

use std::{fs, path::Path, process::Command};

use imgc_tests::imgc::{Bench, finish, steps_that_ran};

use crate::{TWO_FILES, TWO_TREES, example, project};

/// Builds and gives the labels of the steps that ran.
fn ran(bench: &Bench, manifest: &Path) -> Vec<String> {
    let path = manifest.to_str().expect("UTF-8");
    let output = bench.run(&["build", path, "--json"], 0);
    let plan = bench.run(&["plan", "--json", path], 0).stdout;
    let plan: serde_json::Value = serde_json::from_slice(&plan).expect("JSON");
    let label = |step: u64| {
        let step = usize::try_from(step).expect("an index");
        plan["plan"]["steps"][step]["label"].as_str().expect("a label").to_owned()
    };
    steps_that_ran(&output).into_iter().map(label).collect()
}

#[test]
fn a_second_build_runs_no_step() {
    let bench = Bench::new();
    assert!(!ran(&bench, &example("data-disk")).is_empty());
    assert_eq!(ran(&bench, &example("data-disk")), [""; 0]);
}

#[test]
fn comments_touches_and_moves_run_no_step() {
    let bench = Bench::new();
    let first = bench.dir().join("first");
    let manifest = project(&first, TWO_TREES, TWO_FILES);
    ran(&bench, &manifest);
    fs::write(&manifest, format!("// a comment\n{TWO_TREES}")).expect("written");
    assert_eq!(ran(&bench, &manifest), [""; 0], "a changed comment");
    finish(Command::new("touch").arg(first.join("a/one")), 0);
    assert_eq!(ran(&bench, &manifest), [""; 0], "a touched file");
    let second = bench.dir().join("second");
    fs::rename(&first, &second).expect("moved");
    assert_eq!(ran(&bench, &second.join("image.kdl")), [""; 0], "a moved checkout");
    finish(Command::new("cp").arg("-r").arg(&second).arg(bench.dir().join("third")), 0);
    assert_eq!(ran(&bench, &bench.dir().join("third/image.kdl")), [""; 0], "a copied checkout");
}

#[test]
fn one_changed_file_runs_only_what_depends_on_its_bytes() {
    let bench = Bench::new();
    let manifest = project(bench.dir(), TWO_TREES, TWO_FILES);
    ran(&bench, &manifest);
    fs::write(bench.dir().join("b/two"), "changed").expect("written");
    let again = ran(&bench, &manifest);
    assert!(again.iter().any(|step| step == "write b (ext4)"), "{again:?}");
    assert!(again.iter().all(|step| step != "write a (ext4)" && step != "compose a"), "{again:?}");
}

#[test]
fn a_missing_or_altered_artifact_is_made_again() {
    let bench = Bench::new();
    let manifest = project(bench.dir(), TWO_TREES, TWO_FILES);
    ran(&bench, &manifest);
    let artifact = bench.out().join("two.img");
    let before = fs::read(&artifact).expect("read");
    fs::remove_file(&artifact).expect("removed");
    assert_eq!(ran(&bench, &manifest), ["export two.img"]);
    assert!(fs::read(&artifact).expect("read") == before);
}
