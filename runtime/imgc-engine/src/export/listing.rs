//! What a directory holds: its listing, whose digest names it, and its stamps, by which it is known again without reading it.

use std::{
    collections::BTreeMap,
    fs::{self, Metadata},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use imgc_image::Failure;
use imgc_plan::{BlobId, Canon, Canonical, ValueId};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::made::Made;
use crate::os::{self, FileKind};

/// One entry of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A directory.
    Dir,
    /// A file.
    File {
        /// Its permission bits.
        mode: u16,
        /// Its length in bytes.
        len: u64,
        /// Its SHA-256.
        sha256: [u8; 32],
    },
    /// A symbolic link and its target.
    Link(Vec<u8>),
    /// Something that imgc makes in no directory.
    Other,
}

/// A listing: entries by their paths, with `/` between names.
pub type Listing = BTreeMap<Vec<u8>, Line>;

/// What a directory with this listing is as an artifact: the bytes of its files, and SHA-256 over the listing as
/// `specs/digests.md` has it.
pub fn made(listing: &Listing) -> Made {
    let (mut hasher, mut len) = (Sha256::new(), 0u64);
    for (path, line) in listing {
        let fields = match line {
            Line::Dir => vec![b"dir".to_vec()],
            Line::File { mode, len: bytes, sha256 } => {
                len = len.saturating_add(*bytes);
                let sha256 = ValueId(*sha256).hex();
                vec![b"file".to_vec(), format!("{mode:04o}").into_bytes(), sha256.into_bytes()]
            }
            Line::Link(target) => vec![b"link".to_vec(), target.clone()],
            Line::Other => vec![b"other".to_vec()],
        };
        for field in fields.iter().chain([path]) {
            hasher.update(field);
            hasher.update([0]);
        }
    }
    Made { len, sha256: hasher.finalize().into(), directory: true }
}

/// Lists a directory, reading all of its files.
///
/// # Errors
/// What the machine says; when it is interrupted.
pub fn read(dir: &Path, stop: &AtomicBool) -> Result<Listing, Failure> {
    let failed = |path: &Path| Failure::machine(format!("reading {}", path.display()));
    let found = walk(dir).map_err(failed(dir))?;
    let line = |(name, (path, meta)): (Vec<u8>, (PathBuf, Metadata))| {
        if stop.load(Ordering::Relaxed) {
            return Err(Failure::Interrupted);
        }
        let line = match os::status(&meta).kind {
            FileKind::Dir => Line::Dir,
            FileKind::Symlink => {
                let target = fs::read_link(&path).map_err(failed(&path))?;
                Line::Link(os::bytes(target.as_os_str()).into_owned())
            }
            FileKind::File => {
                let (len, sha256) = hash(&path, stop)?;
                Line::File { mode: os::status(&meta).mode, len, sha256 }
            }
            _ => Line::Other,
        };
        Ok((name, line))
    };
    found.into_par_iter().map(line).collect()
}

fn hash(path: &Path, stop: &AtomicBool) -> Result<(u64, [u8; 32]), Failure> {
    let failed = |error: io::Error| Failure::machine(format!("reading {}", path.display()))(error);
    let mut file = os::open_no_follow(path).map_err(failed)?;
    let (mut hasher, mut buf, mut total) = (Sha256::new(), vec![0; 256 << 10], 0);
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err(Failure::Interrupted);
        }
        match file.read(&mut buf).map_err(failed)? {
            0 => return Ok((total, hasher.finalize().into())),
            len => {
                hasher.update(&buf[..len]);
                total += len as u64;
            }
        }
    }
}

/// What is remembered of the inside of a directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inside {
    /// The digest of every entry's name and stamp.
    pub stamp: String,
    /// The digest of each entry's path, sorted: what else is there, somebody else put there.
    pub names: Vec<String>,
}

impl Inside {
    /// Looks at a directory without reading files.
    ///
    /// # Errors
    /// What the machine says.
    pub fn of(dir: &Path) -> io::Result<Self> {
        let found = walk(dir)?;
        let mut c = Canon::new("imgc directory v1");
        for (name, (_, meta)) in &found {
            let status = os::status(meta);
            let os::Stamp { dev, ino, size, mtime, ctime } = status.stamp;
            // How long a directory or link is, is its filesystem's affair.
            let size = if meta.is_file() { size } else { 0 };
            c.bytes(name).int(dev).int(ino).int(size).int(status.mode.into());
            for (secs, nanos) in [mtime, ctime] {
                secs.canon(&mut c);
                c.int(nanos.into());
            }
        }
        let mut names: Vec<String> = found.keys().map(|name| name_of(name)).collect();
        names.sort_unstable();
        Ok(Self { stamp: ValueId::from(c).hex(), names })
    }

    /// Whether an entry was there.
    pub fn has(&self, name: &[u8]) -> bool {
        self.names.binary_search(&name_of(name)).is_ok()
    }
}

/// The paths of the entries of a directory.
///
/// # Errors
/// What the machine says.
pub fn names(dir: &Path) -> io::Result<Vec<Vec<u8>>> {
    Ok(walk(dir)?.into_keys().collect())
}

/// A path's digest in short: 64 bits are enough to tell one directory's paths apart.
fn name_of(path: &[u8]) -> String {
    BlobId::of(path).hex()[..16].to_owned()
}

/// Every entry below a directory, links not followed.
fn walk(dir: &Path) -> io::Result<BTreeMap<Vec<u8>, (PathBuf, Metadata)>> {
    let mut found = BTreeMap::new();
    let mut open = vec![(Vec::new(), dir.to_owned())];
    while let Some((above, dir)) = open.pop() {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let mut name: Vec<u8> = above.clone();
            if !name.is_empty() {
                name.push(b'/');
            }
            name.extend_from_slice(&os::bytes(&entry.file_name()));
            let (path, meta) = (entry.path(), entry.metadata()?);
            if meta.is_dir() {
                open.push((name.clone(), path.clone()));
            }
            found.insert(name, (path, meta));
        }
    }
    Ok(found)
}
