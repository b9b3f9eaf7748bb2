//! Builds an example for a boot, or runs its own tests, in a bench of its own.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::{
    imgc::{Artifact, Bench, finish, root},
    qemu::Slot,
};

/// What a build of an example left behind; gone when this is dropped.
pub struct Artifacts {
    made: BTreeMap<String, Artifact>,
    #[expect(dead_code, reason = "holds the files")]
    bench: Bench,
}

impl Artifacts {
    /// The path of the artifact with this name.
    ///
    /// # Panics
    /// When the build did not make it.
    pub fn file(&self, name: &str) -> PathBuf {
        let found = self.made.get(name).map(|artifact| artifact.path.clone());
        found.unwrap_or_else(|| panic!("the build made no {name}, only {:?}", self.made.keys()))
    }
}

/// Builds `examples/NAME/image.kdl` with these parameters, with an empty cache: its packages are fetched.
///
/// # Panics
/// When the build fails: with everything that it said.
pub fn imgc_build(example: &str, sets: &[(&str, &str)]) -> Artifacts {
    build_manifest(&root().join("examples").join(example).join("image.kdl"), sets)
}

/// As [`imgc_build`], of any manifest.
///
/// # Panics
/// When the build fails: with everything that it said.
pub fn build_manifest(manifest: &Path, sets: &[(&str, &str)]) -> Artifacts {
    let bench = Bench::new();
    let out = bench.out().to_string_lossy().into_owned();
    let sets: Vec<String> = sets.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut more = vec!["-o", out.as_str()];
    more.extend(sets.iter().flat_map(|set| ["--set", set.as_str()]));
    let made = bench.build(manifest, &more);
    Artifacts { made, bench }
}

/// Runs the tests of `examples/NAME/image.kdl` with these parameters, one machine after the other, and gives the results as lines of JSON.
///
/// # Panics
/// When the build or a test fails: with everything that was said.
pub fn imgc_test(example: &str, sets: &[(&str, &str)]) -> Vec<serde_json::Value> {
    let bench = Bench::new();
    let manifest = root().join("examples").join(example).join("image.kdl");
    let sets: Vec<String> = sets.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let manifest = manifest.to_string_lossy().into_owned();
    let mut arguments = vec!["test", manifest.as_str(), "-j", "1", "--json"];
    arguments.extend(sets.iter().flat_map(|set| ["--set", set.as_str()]));
    let _slot = Slot::take();
    let output = finish(bench.command(&arguments).env("IMGC_ACCEL", "tcg"), 0);
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}
