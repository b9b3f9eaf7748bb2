//! Writes a tree into an empty directory: what the machine's filesystem holds of it, for anybody who builds.
//!
//! Nothing is written outside of the directory: names are checked one by one, every directory on the way was made here, and no
//! file is written over or through something that is there.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Component, Path, PathBuf},
    sync::atomic::AtomicBool,
};

use imgc_formats::{
    disk::ExportJob,
    loss::{Loss, warnings},
};
use imgc_image::{Blobs, Content, Entry, Failure, Node, Problem, Tree};
use imgc_plan::{Record, kind::PLAIN_FORMAT};
use rayon::prelude::*;

use super::listing::{Line, Listing};
use crate::os;

/// What a directory is made of.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// What it holds.
    pub tree: &'a Tree,
    /// Reads contents.
    pub blobs: &'a dyn Blobs,
    /// Called with the number of bytes that are done since the last call.
    pub progress: &'a (dyn Fn(u64) + Sync),
    /// Set when the build is interrupted.
    pub stop: &'a AtomicBool,
}

/// What every user's directory can hold is what it gets.
const LOSSES: &[Loss] = &[
    Loss {
        code: "owners-dropped",
        what: "an owner other than 0:0",
        lost: |entry| (entry.meta.uid, entry.meta.gid) != (0, 0),
    },
    Loss {
        code: "modes-dropped",
        what: "a mode that is not the usual one",
        lost: |entry| !matches!(entry.node, Node::Symlink(_)) && entry.meta.mode != mode(entry),
    },
    Loss { code: "xattrs-dropped", what: "extended attributes", lost: |entry| !entry.xattrs.is_empty() },
    Loss {
        code: "links-dropped",
        what: "other names (hard links), which become copies",
        lost: |entry| entry.link.is_some(),
    },
    Loss { code: "devices-dropped", what: "a device, pipe or socket behind its name", lost: is_special },
];

/// What a directory does not hold of a tree.
pub fn losses(tree: &Tree) -> Vec<Problem> {
    warnings("a directory", LOSSES, tree.entries())
}

/// How many bytes the files of a tree have.
pub fn contents(tree: &Tree) -> u64 {
    let len = |entry: &Entry| match &entry.node {
        Node::File { content, .. } => content.len(),
        _ => 0,
    };
    tree.entries().iter().map(len).fold(0, u64::saturating_add)
}

fn is_special(entry: &Entry) -> bool {
    matches!(entry.node, Node::Char { .. } | Node::Block { .. } | Node::Fifo | Node::Socket)
}

/// The permissions that an entry gets: for everybody, and for whom it may be executed at all.
fn mode(entry: &Entry) -> u16 {
    if entry.is_dir() || entry.meta.mode & 0o111 != 0 { 0o755 } else { 0o644 }
}

/// Writes the tree into a directory that is there and empty.
///
/// # Errors
/// When a name cannot be one here; what the machine says.
pub fn write(into: &Path, job: &Job<'_>) -> Result<Listing, Failure> {
    let entries: Vec<&Entry> =
        job.tree.entries().iter().filter(|entry| !entry.path.0.is_empty() && !is_special(entry)).collect();
    let places: Vec<Result<PathBuf, Problem>> =
        entries.iter().map(|entry| place(into, &entry.path.0, entry)).collect();
    let problems: Vec<Problem> = places.iter().filter_map(|place| place.as_ref().err().cloned()).collect();
    if !problems.is_empty() {
        return Err(problems.into());
    }
    let items: Vec<(&Entry, PathBuf)> = entries.into_iter().zip(places.into_iter().flatten()).collect();
    // Entries come after the directories that they are in.
    for (_, at) in items.iter().filter(|(entry, _)| entry.is_dir()) {
        fs::create_dir(at).map_err(failed(at))?;
    }
    let lines: Vec<(Vec<u8>, Line)> = items
        .par_iter()
        .map(|(entry, at)| Ok((entry.path.0.clone(), make(entry, at, job)?)))
        .collect::<Result<_, Failure>>()?;
    let root = job.tree.get(b"").map(|root| (root, into.to_owned()));
    let dirs = items.iter().filter(|(entry, _)| entry.is_dir());
    // What is put into a directory changes its time, so it comes last, from within.
    for (entry, at) in dirs.rev().map(|(entry, at)| (*entry, at.clone())).chain(root) {
        os::set_mode(&at, mode(entry)).map_err(failed(&at))?;
        // Where directories cannot be opened, their times stay as they are.
        if let Ok(dir) = File::open(&at) {
            let _ = os::set_modified(&dir, time(entry));
        }
    }
    Ok(lines.into_iter().collect())
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> Failure + use<> {
    Failure::machine(format!("writing {}", path.display()))
}

fn time(entry: &Entry) -> os::Moment {
    (entry.meta.mtime, entry.meta.mtime_nanos)
}

/// Where a path of the tree lies: within the directory, name by name.
fn place(into: &Path, path: &[u8], entry: &Entry) -> Result<PathBuf, Problem> {
    let cannot = || {
        let message = format!("{} cannot be the name of a file on this machine", entry.path);
        Problem::new("bad-output-name", message)
            .help("give it another name, or make an archive of the tree: `{ tar }`")
    };
    let relative = os::path(path).map_err(|_| cannot())?;
    let names = path.split(|byte| *byte == b'/').count();
    let is_name = |part: Component<'_>| matches!(part, Component::Normal(_));
    if path.contains(&0) || !relative.components().all(is_name) || relative.components().count() != names {
        return Err(cannot());
    }
    Ok(into.join(relative))
}

/// Makes what is no directory.
fn make(entry: &Entry, at: &Path, job: &Job<'_>) -> Result<Line, Failure> {
    match &entry.node {
        Node::File { content, dense: _ } => file(entry, content, at, job),
        Node::Symlink(target) => {
            os::symlink(target, at).map_err(failed(at))?;
            Ok(Line::Link(target.to_vec()))
        }
        _ => Ok(Line::Dir),
    }
}

fn file(entry: &Entry, content: &Content, at: &Path, job: &Job<'_>) -> Result<Line, Failure> {
    let plain = imgc_formats::disk_format(PLAIN_FORMAT)
        .ok_or_else(|| Failure::Bug("there is no format of plain bytes".into()))?;
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(at).map_err(failed(at))?;
    let export = ExportJob {
        options: &Record::new(),
        bytes: &content.to_bytes(),
        blobs: job.blobs,
        progress: job.progress,
        stop: job.stop,
    };
    let exported = plain.export(&export, &file)?;
    os::set_mode(at, mode(entry)).map_err(failed(at))?;
    os::set_modified(&file, time(entry)).map_err(failed(at))?;
    Ok(Line::File { mode: mode(entry), len: exported.len, sha256: exported.sha256 })
}
