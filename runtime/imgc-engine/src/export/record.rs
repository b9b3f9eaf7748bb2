//! Records of exports: what was made from what, and how to tell that it is still that.

use std::{fs::Metadata, io, path::Path};

use imgc_image::Problem;
use imgc_plan::{StepKey, ValueId};
use serde::{Deserialize, Serialize};

use super::{listing::Inside, made::Made};
use crate::{
    os::{self, Moment, Stamp},
    store::{
        actions::Warning,
        home::{Home, Room, seal, unseal},
    },
};

const FIRST: &str = "imgc export v1\n";

/// What is remembered of an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The key of the export: the bytes, the format, its options and its code.
    pub key: String,
    len: u64,
    sha256: String,
    dev: u64,
    ino: u64,
    mtime: Moment,
    ctime: Moment,
    born: Option<Moment>,
    boot: String,
    /// What is in it, if it is a directory.
    #[serde(default)]
    inside: Option<Inside>,
    /// What was left out of it.
    #[serde(default)]
    warnings: Vec<Warning>,
    /// Where the artifact is.
    path: String,
    /// What was there before, until the new one is in its place.
    before: Option<Box<Self>>,
}

impl Record {
    /// Of an artifact that is there now; a directory has an inside.
    pub fn new(key: &StepKey, made: &Made, meta: &Metadata, path: &Path, inside: Option<Inside>) -> Self {
        let Stamp { dev, ino, size: _, mtime, ctime } = os::status(meta).stamp;
        Self {
            key: key.hex(),
            len: made.len,
            sha256: ValueId(made.sha256).hex(),
            dev,
            ino,
            mtime,
            ctime,
            born: os::born(meta),
            boot: os::boot_id(),
            inside,
            warnings: Vec::new(),
            path: path.to_string_lossy().into_owned(),
            before: None,
        }
    }

    /// With warnings that come again whenever the artifact is found to be there.
    pub fn warning(mut self, warnings: &[Problem]) -> Self {
        self.warnings = warnings.iter().map(Warning::of).collect();
        self
    }

    /// Those warnings.
    pub fn warnings(&self) -> Vec<Problem> {
        self.warnings.iter().cloned().map(Warning::problem).collect()
    }

    /// With what is known of the file that it will replace.
    pub fn replacing(mut self, before: Option<Self>) -> Self {
        // A build that was killed between its record and its rename left what was there before that.
        let before = before.into_iter().flat_map(|mut before| {
            let older = before.before.take();
            [Some(Box::new(before)), older]
        });
        let there = std::fs::symlink_metadata(&self.path);
        self.before =
            before.flatten().find(|known| there.as_ref().is_ok_and(|meta| known.is_same_file(meta)));
        self
    }

    /// Whether a file is the artifact, or the one before it, whatever is in it now.
    pub fn knows(&self, meta: &Metadata) -> bool {
        self.is_same_file(meta) || self.before.as_ref().is_some_and(|before| before.is_same_file(meta))
    }

    /// Whether an entry of the directory, or of the one before it, is one that imgc put there.
    pub fn put(&self, name: &[u8]) -> bool {
        let before = self.before.as_ref().and_then(|before| before.inside.as_ref());
        self.inside.iter().chain(before).any(|inside| inside.has(name))
    }

    /// What was made.
    pub fn made(&self) -> Option<Made> {
        let directory = self.inside.is_some();
        Some(Made { len: self.len, sha256: ValueId::from_hex(&self.sha256)?.0, directory })
    }

    /// Whether a file is the one that was made, whatever is in it now.
    pub fn is_same_file(&self, meta: &Metadata) -> bool {
        let stamp = os::status(meta).stamp;
        // Inode numbers are used again; the time of birth tells the files apart where the filesystem knows it.
        let is_kind = if self.inside.is_some() { meta.is_dir() } else { meta.is_file() };
        is_kind && stamp.ino != 0 && (stamp.dev, stamp.ino, os::born(meta)) == (self.dev, self.ino, self.born)
    }

    /// Whether a file is the one that was made, and was not touched since.
    pub fn is_stamp_of(&self, meta: &Metadata) -> bool {
        let Stamp { dev: _, ino: _, size, mtime, ctime } = os::status(meta).stamp;
        let size = if self.inside.is_some() { self.len } else { size };
        self.is_same_file(meta)
            && (size, mtime, ctime) == (self.len, self.mtime, self.ctime)
            && self.boot == os::boot_id()
            && self.inside.as_ref().is_none_or(|inside| {
                Inside::of(Path::new(&self.path)).is_ok_and(|there| there.stamp == inside.stamp)
            })
    }

    /// Reads the record of this name. A damaged one is as good as none: then the artifact is compared by content.
    ///
    /// # Errors
    /// What the machine says.
    pub fn load(home: &Home, name: &str) -> io::Result<Option<Self>> {
        let Some(bytes) = home.get(Room::Exports, name)? else { return Ok(None) };
        let record = unseal(FIRST, &bytes).and_then(|body| serde_json::from_slice(body).ok());
        if record.is_none() {
            home.set_aside(Room::Exports, name);
        }
        Ok(record)
    }

    /// Stores it.
    ///
    /// # Errors
    /// When the store cannot take it.
    pub fn save(&self, home: &Home, name: &str) -> io::Result<()> {
        let body = serde_json::to_vec(self).map_err(io::Error::other)?;
        home.put(Room::Exports, name, &seal(FIRST, &body))
    }

    /// Where the artifact is that a record is about; `None` when the bytes are damaged.
    pub fn path_of(bytes: &[u8]) -> Option<String> {
        let record: Self = serde_json::from_slice(unseal(FIRST, bytes)?).ok()?;
        Some(record.path)
    }

    /// Whether the bytes of a record are sound.
    pub fn is_sound(bytes: &[u8]) -> bool {
        unseal(FIRST, bytes).is_some()
    }
}
