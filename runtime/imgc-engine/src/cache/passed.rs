//! Which tests passed, and how long they took: a small file for each, under the digest of everything that decides it.
//!
//! Whoever runs tests asks and tells; the engine runs none.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use imgc_image::Failure;
use imgc_plan::ValueId;
use serde::{Deserialize, Serialize};

use crate::store::home::{Room, VERSION, mark_used, place};

/// The version of the files.
const FORM: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    version: u32,
    key: String,
    millis: u64,
}

impl Record {
    fn of(bytes: &[u8], name: &str) -> Option<Self> {
        let record: Self = serde_json::from_slice(bytes).ok()?;
        (record.version == FORM && record.key == name).then_some(record)
    }
}

/// How long it took when it passed; `None` when that is not known. A damaged record is as good as none.
pub fn recall(store: &Path, key: &ValueId) -> Option<Duration> {
    let (name, path) = named(store, key);
    let record = Record::of(&fs::read(&path).ok()?, &name)?;
    mark_used(&path);
    Some(Duration::from_millis(record.millis))
}

/// Remembers that it passed.
///
/// # Errors
/// What the machine says.
pub fn remember(store: &Path, key: &ValueId, time: Duration) -> Result<(), Failure> {
    let (name, path) = named(store, key);
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let record = Record { version: FORM, key: name, millis };
    let text = serde_json::to_vec(&record).map_err(|error| Failure::Bug(format!("JSON: {error}")))?;
    // A name that is none of the store's until the record is whole.
    let staged = path.with_extension(std::process::id().to_string());
    write(&path, &staged, &text).map_err(|error| {
        let _ = fs::remove_file(&staged);
        Failure::machine(format!("writing {}", path.display()))(error)
    })
}

fn write(path: &Path, staged: &Path, text: &[u8]) -> io::Result<()> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    fs::write(staged, text)?;
    fs::rename(staged, path)
}

fn named(store: &Path, key: &ValueId) -> (String, PathBuf) {
    let name = key.hex();
    let path = place(&store.join(VERSION), Room::Tests, &name);
    (name, path)
}

/// Whether a file of that name is a record of that name.
pub fn is_sound(bytes: &[u8], name: &str) -> bool {
    Record::of(bytes, name).is_some()
}
