//! Runs the compiler under test on an example, with a store and an output directory of its own.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::tools::run;

/// What a build left behind; gone when this is dropped.
pub struct Artifacts {
    dir: TempDir,
}

impl Artifacts {
    /// The artifact of this name.
    ///
    /// # Panics
    /// When the build did not make it.
    pub fn file(&self, name: &str) -> PathBuf {
        let file = self.dir.path().join("out").join(name);
        assert!(file.is_file(), "the build made no {name}");
        file
    }
}

/// Builds `examples/NAME/image.kdl` with these parameters. Sources are fetched; nothing of this machine's store is used.
///
/// # Panics
/// When the build fails: with everything that it said.
pub fn imgc_build(example: &str, sets: &[(&str, &str)]) -> Artifacts {
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let manifest = root().join("examples").join(example).join("image.kdl");
    let mut command = Command::new(imgc());
    command.arg("build").arg(manifest).arg("-o").arg(dir.path().join("out"));
    for (name, value) in sets {
        command.arg("--set").arg(format!("{name}={value}"));
    }
    // The store lies in the user's cache directory: give it another one.
    command.env("XDG_CACHE_HOME", dir.path().join("cache")).env("IMGC_CACHE", dir.path().join("cache"));
    run(&mut command);
    Artifacts { dir }
}

/// The workspace's directory.
///
/// # Panics
/// Never: this crate lies in it.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("because the crate lies in the workspace")
}

/// The program under test: `IMGC`, or the one that cargo built beside this test.
fn imgc() -> PathBuf {
    if let Some(given) = env::var_os("IMGC") {
        return PathBuf::from(given);
    }
    let test = env::current_exe().expect("a running program has a file");
    let name = format!("imgc{}", env::consts::EXE_SUFFIX);
    let beside = test.parent().and_then(Path::parent).map(|dir| dir.join(name));
    match beside {
        Some(file) if file.is_file() => file,
        _ => panic!("there is no imgc beside {}: run `cargo build -p imgc`, or set IMGC", test.display()),
    }
}
