//! Runs the imgc that this workspace built, each test with a cache and an output directory of its own.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;

/// The checkout's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("because tests/ lies in the checkout")
}

/// The binary: `$IMGC`, or the one beside this test's own.
///
/// # Panics
/// When it was not built.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("IMGC") {
        return path.into();
    }
    let test = std::env::current_exe().expect("the test's own path");
    let found = test.ancestors().skip(1).map(|dir| dir.join("imgc")).find(|path| path.is_file());
    found.expect("imgc is not built: run `cargo build --workspace`, or the tests by `tests/run`")
}

/// A place to build in: a cache and an output directory that go when it goes.
pub struct Bench {
    dir: TempDir,
}

impl Default for Bench {
    fn default() -> Self {
        Self::new()
    }
}

impl Bench {
    /// An empty one.
    ///
    /// # Panics
    /// When there is no room for temporary files.
    pub fn new() -> Self {
        Self { dir: TempDir::with_prefix("imgc-test-").expect("a temporary directory") }
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Where artifacts go.
    pub fn out(&self) -> PathBuf {
        self.dir().join("out")
    }

    /// The cache.
    pub fn cache(&self) -> PathBuf {
        self.dir().join("cache")
    }

    /// A command of imgc with this cache; downloads are shared between benches through a mirror directory when one is set.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).env("IMGC_CACHE", self.cache()).current_dir(self.dir());
        command.env_remove("SOURCE_DATE_EPOCH");
        command
    }

    /// Runs it and expects this exit code.
    ///
    /// # Panics
    /// When it ends otherwise; what it said is shown.
    pub fn run(&self, arguments: &[&str], code: i32) -> Output {
        finish(&mut self.command(arguments), code)
    }

    /// Builds a manifest and gives the artifacts: file name to path and SHA-256 as imgc printed them.
    ///
    /// # Panics
    /// When the build fails.
    pub fn build(&self, manifest: &Path, more: &[&str]) -> BTreeMap<String, Artifact> {
        let manifest = manifest.to_string_lossy().into_owned();
        let mut arguments = vec!["build", &manifest, "--json", "--progress", "plain"];
        arguments.extend(more);
        artifacts(&self.run(&arguments, 0))
    }
}

/// What a build made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Where it is.
    pub path: PathBuf,
    /// SHA-256, as imgc says.
    pub sha256: String,
    /// Length in bytes, as imgc says.
    pub len: u64,
}

/// Reads what `imgc build --json` printed.
///
/// # Panics
/// When it is not what it should be.
pub fn artifacts(output: &Output) -> BTreeMap<String, Artifact> {
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON on stdout");
    let list = json["artifacts"].as_array().expect("a list of artifacts");
    list.iter()
        .map(|artifact| {
            let path = PathBuf::from(artifact["path"].as_str().expect("a path"));
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            let sha256 = artifact["sha256"].as_str().expect("a SHA-256").to_owned();
            (name, Artifact { path, sha256, len: artifact["len"].as_u64().expect("a length") })
        })
        .collect()
}

/// How many steps of a `--json` build ran.
///
/// # Panics
/// When the output is not what it should be.
pub fn steps_that_ran(output: &Output) -> Vec<u64> {
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON on stdout");
    let steps = json["steps"].as_array().expect("a list of steps");
    steps
        .iter()
        .filter(|step| step["outcome"] == "ran")
        .map(|step| step["step"].as_u64().expect("an index"))
        .collect()
}

/// Runs a command to its end and expects this exit code.
///
/// # Panics
/// When it ends otherwise; what it said is shown.
pub fn finish(command: &mut Command, code: i32) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    assert!(
        output.status.code() == Some(code),
        "{command:?} ended with {:?} instead of {code}\nstdout:\n{}\nstderr:\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// SHA-256 of a file, in hexadecimal.
///
/// # Panics
/// When it cannot be read.
pub fn sha256(path: &Path) -> String {
    use sha2::Digest;
    let mut file = std::fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut hasher = sha2::Sha256::new();
    std::io::copy(&mut file, &mut hasher).expect("the file is read");
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
