//! imgc as people use it: from the command line, over whole manifests.

mod boots;
mod cache;
mod commands;
mod errors;
mod facts;
mod inspect;
mod lints;
mod media;
mod oracles;
mod outputs;
mod packages;
mod readme;
mod rebuild;
mod run;
mod seals;
mod survive;
mod verify;
mod verity;

use std::path::{Path, PathBuf};

use imgc_tests::imgc::root;

/// The manifest of an example.
fn example(name: &str) -> PathBuf {
    root().join("examples").join(name).join("image.kdl")
}

/// Writes a manifest and the files that it copies into a directory.
fn project(dir: &Path, manifest: &str, files: &[(&str, &str)]) -> PathBuf {
    for (name, content) in files {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(&path, content).expect("a file");
    }
    let path = dir.join("image.kdl");
    std::fs::write(&path, manifest).expect("the manifest");
    path
}

/// A disk with two ext4 partitions from two directories: what depends on what is easy to see.
const TWO_TREES: &str = r#"
image two
source a { dir "a" }
source b { dir "b" }
tree a { copy source=a to="/" }
tree b { copy source=b to="/" }
disk main {
    gpt
    partition a size="16MiB" { ext4 tree=a }
    partition b size=fit { ext4 tree=b }
}
output "two.img" disk=main
"#;

/// The files of [`TWO_TREES`].
const TWO_FILES: &[(&str, &str)] = &[("a/one", "first\n"), ("b/two", "second\n"), ("b/sub/three", "third\n")];
