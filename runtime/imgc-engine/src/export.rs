//! Artifacts: staged beside their place, published by rename, recorded so that the next run need not do it again.
//!
//! An artifact is not synced to the disk, as `cp` does not: that would cost more than making it. Instead the record says
//! in which boot of the machine it was made; after another boot the artifact is hashed once before it is believed.
//!
//! A tree can be an artifact, too: [`directory`] writes it, [`listing`] is how it is known again.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use imgc_formats::disk::ExportJob;
use imgc_image::{Blobs, Bytes, Failure, Problem, Tree};
use imgc_plan::{BlobId, StepKey, step::Export};
use sha2::{Digest, Sha256};

use crate::{os, store::home::Home};

mod directory;
mod listing;
mod made;
mod record;
mod stage;

use listing::Inside;
use record::Record;

pub use directory::{contents, losses};
pub use made::Made;
pub use stage::Staged;

/// The place of an artifact.
pub struct Place<'a> {
    home: &'a Home,
    dir: PathBuf,
    path: PathBuf,
    /// The record's name: the digest of the path.
    name: String,
}

impl<'a> Place<'a> {
    /// The place of an artifact of this name in the output directory.
    ///
    /// # Errors
    /// When the name is not one name.
    pub fn new(home: &'a Home, out: &Path, file: &str) -> Result<Self, Failure> {
        let mut parts = Path::new(file).components();
        if !matches!((parts.next(), parts.next()), (Some(std::path::Component::Normal(name)), None) if name == file)
        {
            let message = format!("`{file}` is not a file's name");
            return Err(Problem::new("bad-output-name", message).into());
        }
        let dir = std::path::absolute(out).map_err(Failure::machine("finding the output directory"))?;
        let path = dir.join(file);
        let name = BlobId::of(&os::bytes(path.as_os_str())).hex();
        Ok(Self { home, dir, path, name })
    }

    /// The artifact's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn failed(&self, error: io::Error) -> Failure {
        Failure::machine(format!("reading {}", self.path.display()))(error)
    }

    /// What is at the place, unless it is nothing.
    fn there(&self) -> Result<Option<fs::Metadata>, Failure> {
        match fs::symlink_metadata(&self.path) {
            Ok(meta) => Ok(Some(meta)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(error)),
        }
    }

    fn record(&self) -> Result<Option<Record>, Failure> {
        Record::load(self.home, &self.name).map_err(Failure::machine("reading the cache"))
    }

    /// What was made under this key and is still there, unaltered; with the warnings of then.
    ///
    /// # Errors
    /// What the machine says.
    pub fn current(&self, key: &StepKey, stop: &AtomicBool) -> Result<Option<(Made, Vec<Problem>)>, Failure> {
        let Some(record) = self.record()?.filter(|record| record.key == key.hex()) else { return Ok(None) };
        let Some(meta) = self.there()? else { return Ok(None) };
        let Some(made) = record.made() else { return Ok(None) };
        let warnings = record.warnings();
        if record.is_stamp_of(&meta) {
            return Ok(Some((made, warnings)));
        }
        // Stamps are taken before contents are read: what changes meanwhile is seen the next time.
        let inside = if meta.is_dir() { Inside::of(&self.path).ok() } else { None };
        if !may_be(&made, &meta) || self.content(&meta, stop)? != made {
            return Ok(None);
        }
        Record::new(key, &made, &meta, &self.path, inside).warning(&warnings).save(self.home, &self.name)?;
        Ok(Some((made, warnings)))
    }

    /// What is at the place, as if imgc had made it.
    fn content(&self, meta: &fs::Metadata, stop: &AtomicBool) -> Result<Made, Failure> {
        if meta.is_dir() {
            return Ok(listing::made(&listing::read(&self.path, stop)?));
        }
        Ok(Made { len: meta.len(), sha256: self.sha256(stop)?, directory: false })
    }

    /// Whether what is at the place may be replaced by this.
    fn check(&self, made: &Made, force: bool, stop: &AtomicBool) -> Result<bool, Failure> {
        let Some(meta) = self.there()? else { return Ok(true) };
        let path = self.path.display();
        if meta.is_dir() && !made.directory {
            let problem = Problem::new("output-exists", format!("`{path}` is a directory"));
            return Err(problem.help("move it away, or give the output another name").into());
        }
        let record = self.record()?;
        if force {
            return Ok(true);
        }
        if let Some(record) = record.as_ref().filter(|record| record.knows(&meta)) {
            return if meta.is_dir() { self.check_inside(record) } else { Ok(true) };
        }
        let known: Vec<Made> = record.and_then(|record| record.made()).into_iter().chain([*made]).collect();
        if known.iter().any(|made| may_be(made, &meta)) {
            let there = self.content(&meta, stop)?;
            if there == *made {
                return Ok(false);
            }
            if known.contains(&there) {
                return Ok(true);
            }
        }
        let problem = Problem::new("output-exists", format!("`{path}` exists, and imgc did not make it"));
        Err(problem.help("to replace it, build with `--force`").into())
    }

    /// A directory goes with all that it holds, so it must hold nothing of anybody else.
    fn check_inside(&self, record: &Record) -> Result<bool, Failure> {
        let names = listing::names(&self.path).map_err(|error| self.failed(error))?;
        let Some(foreign) = names.into_iter().find(|name| !record.put(name)) else { return Ok(true) };
        let foreign = imgc_plan::tree::BytePath(foreign);
        let message = format!("`{}` holds {foreign}, which imgc did not put there", self.path.display());
        let problem = Problem::new("output-exists", message);
        Err(problem.help("move it away, or build with `--force`, which removes it").into())
    }

    fn sha256(&self, stop: &AtomicBool) -> Result<[u8; 32], Failure> {
        let mut file = File::open(&self.path).map_err(|error| self.failed(error))?;
        let mut hasher = Sha256::new();
        let mut buf = vec![0; 1 << 20];
        loop {
            if stop.load(Ordering::Relaxed) {
                return Err(Failure::Interrupted);
            }
            match file.read(&mut buf).map_err(|error| self.failed(error))? {
                0 => return Ok(hasher.finalize().into()),
                len => hasher.update(&buf[..len]),
            }
        }
    }

    /// Writes the artifact beside its place.
    ///
    /// # Errors
    /// When contents cannot be read or the file cannot be written; then nothing is left behind.
    pub fn stage(
        &self,
        op: &Export,
        bytes: &Arc<Bytes>,
        blobs: &dyn Blobs,
        progress: &(dyn Fn(u64) + Sync),
        stop: &AtomicBool,
    ) -> Result<Staged, Failure> {
        let kind = imgc_formats::disk_format(&op.kind)
            .ok_or_else(|| Failure::Bug(format!("there is no disk format `{}`", op.kind)))?;
        let what = || format!("writing to {}", self.dir.display());
        fs::create_dir_all(&self.dir).map_err(Failure::machine(what()))?;
        stage::sweep(&self.dir);
        let mut staged = Staged::new(&self.dir).map_err(Failure::machine(what()))?;
        let job = ExportJob { options: &op.options, bytes, blobs, progress, stop };
        let exported = kind.export(&job, staged.file())?;
        staged.made = Made { len: exported.len, sha256: exported.sha256, directory: false };
        Ok(staged)
    }

    /// Writes a directory beside its place.
    ///
    /// # Errors
    /// As [`Place::stage`]; when a name cannot be one on this machine.
    pub fn stage_tree(
        &self,
        tree: &Tree,
        blobs: &dyn Blobs,
        progress: &(dyn Fn(u64) + Sync),
        stop: &AtomicBool,
    ) -> Result<Staged, Failure> {
        let what = || format!("writing to {}", self.dir.display());
        fs::create_dir_all(&self.dir).map_err(Failure::machine(what()))?;
        stage::sweep(&self.dir);
        let mut staged = Staged::directory(&self.dir).map_err(Failure::machine(what()))?;
        let job = directory::Job { tree, blobs, progress, stop };
        staged.made = listing::made(&directory::write(staged.path(), &job)?);
        staged.inside = Some(Inside::of(staged.path()).map_err(Failure::machine(what()))?);
        staged.warnings = losses(tree);
        Ok(staged)
    }

    /// Puts a staged artifact at its place and records it. Gives what was made, and whether it was put there: a file that
    /// is the same already stays.
    ///
    /// # Errors
    /// `output-exists` when something else is there that imgc did not make; what the machine says.
    pub fn publish(
        &self,
        staged: Staged,
        key: &StepKey,
        force: bool,
        stop: &AtomicBool,
    ) -> Result<(Made, bool), Failure> {
        let what = || format!("writing {}", self.path.display());
        let (made, inside, warnings) = (staged.made, staged.inside.clone(), staged.warnings.clone());
        let there = fs::symlink_metadata(staged.path()).map_err(Failure::machine(what()))?;
        if !made.directory && there.len() != made.len {
            return Err(Failure::Bug(format!(
                "an export of {} bytes says that it has {}",
                there.len(),
                made.len
            )));
        }
        let replace = self.check(&made, force, stop)?;
        let meta = if replace {
            // First the record: were it the other way round, a build killed in between would leave a file that nobody
            // knows. The rename changes the file's ctime, so the record is written once more.
            let intent =
                Record::new(key, &made, &there, &self.path, inside.clone()).replacing(self.record()?);
            intent.save(self.home, &self.name)?;
            staged.publish(&self.path).map_err(Failure::machine(what()))?
        } else {
            self.there()?.ok_or_else(|| Failure::machine(what())(io::ErrorKind::NotFound.into()))?
        };
        // Another directory that is the same has stamps of its own.
        let inside = match inside {
            Some(_) if !replace => Some(Inside::of(&self.path).map_err(Failure::machine(what()))?),
            inside => inside,
        };
        let record = Record::new(key, &made, &meta, &self.path, inside).warning(&warnings);
        record.save(self.home, &self.name)?;
        Ok((made, replace))
    }
}

/// Whether what is at a place can be what was made, before it is read.
fn may_be(made: &Made, meta: &fs::Metadata) -> bool {
    if made.directory { meta.is_dir() } else { meta.is_file() && meta.len() == made.len }
}

/// Where the artifact is that a record is about; `None` when the bytes are damaged.
pub fn recorded_path(bytes: &[u8]) -> Option<String> {
    Record::path_of(bytes)
}

/// Whether the bytes of a record are sound.
pub fn is_sound_record(bytes: &[u8]) -> bool {
    Record::is_sound(bytes)
}
