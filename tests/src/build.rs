//! Builds an example for a boot, in a bench of its own.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::imgc::{Artifact, Bench, root};

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
