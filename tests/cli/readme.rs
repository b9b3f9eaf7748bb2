//! What the README shows is true: its manifest compiles, its commands are there.

use imgc_tests::imgc::{Bench, root};

use crate::project;

#[test]
fn the_manifest_of_the_readme_compiles() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("the README");
    let block =
        readme.split("```kdl\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a manifest");
    let bench = Bench::new();
    let manifest = project(bench.dir(), block, &[("rootfs/bin/my-init", "#!/bin/sh\n")]);
    let output = bench.run(&["check", "--json", manifest.to_str().expect("UTF-8")], 1);
    let found: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    let wrong: Vec<_> = found.iter().filter(|one| one["code"] != "package-not-pinned").collect();
    assert!(wrong.is_empty() && found.len() == 2, "only the pins are missing: {found:#?}");
}

#[test]
fn the_commands_of_the_readme_are_there() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("the README");
    let run = std::fs::read_to_string(root().join(".ci/run")).expect("what CI runs");
    assert!(
        readme.contains("bash tests/run") && run.contains("bash tests/run"),
        "CI runs the README's test command"
    );
    assert!(readme.contains("build --update-lock examples/lites/image.kdl"));
}
