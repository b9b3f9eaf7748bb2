//! What passed: a small file for each, in the cache, under the digest of everything that decides it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use imgc_plan::{Canon, ValueId};
use serde::{Deserialize, Serialize};

use crate::{failure::Failure, session::write_atomically};

/// The version of the files and of what their names are digests of.
const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    version: u32,
    key: String,
    millis: u64,
}

/// What decides the result of a test.
pub struct Ingredients<'a> {
    /// SHA-256 of the artifact.
    pub artifact: &'a str,
    /// The artifact's name, where a machine asks for it by that.
    pub name: Option<&'a str>,
    /// The machine.
    pub machine: &'a imgc_plan::test::MachineSpec,
    /// What is expected.
    pub boots: &'a [imgc_plan::test::Boot],
    /// The digests of the pictures that screens are compared with.
    pub pictures: &'a [String],
    /// QEMU, its firmware and what makes it run.
    pub identity: &'a str,
}

impl Ingredients<'_> {
    /// The key of the result.
    pub fn key(&self) -> ValueId {
        let Self { artifact, name, machine, boots, pictures, identity } = self;
        let mut c = Canon::new("imgc test v1");
        c.text(artifact).text(name.unwrap_or_default()).add(*machine).add(*boots).int(pictures.len() as u64);
        pictures.iter().for_each(|picture| {
            c.text(picture);
        });
        c.text(identity).text(env!("CARGO_PKG_VERSION"));
        c.into()
    }
}

/// Where a result is kept.
fn place(cache: &Path, key: &ValueId) -> PathBuf {
    let hex = key.hex();
    cache.join("tests").join(&hex[..2]).join(format!("{}.json", &hex[2..]))
}

/// How long it took when it passed; `None` when that is not known. A damaged record is as good as none.
pub fn recall(cache: &Path, key: &ValueId) -> Option<Duration> {
    let text = std::fs::read_to_string(place(cache, key)).ok()?;
    let record: Record = serde_json::from_str(&text).ok()?;
    (record.version == VERSION && record.key == key.hex()).then(|| Duration::from_millis(record.millis))
}

/// Remembers that it passed.
pub fn remember(cache: &Path, key: &ValueId, time: Duration) -> Result<(), Failure> {
    let file = place(cache, key);
    if let Some(dir) = file.parent() {
        std::fs::create_dir_all(dir)
            .map_err(|error| Failure::Machine(format!("making {}: {error}", dir.display())))?;
    }
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let record = Record { version: VERSION, key: key.hex(), millis };
    let text = serde_json::to_string(&record).map_err(|error| Failure::Bug(format!("JSON: {error}")))?;
    write_atomically(&file, &text)
}
