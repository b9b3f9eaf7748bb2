//! Reads local files: looks at everything, reads only what changed since it was read last.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use imgc_image::{Failure, Problem};
use imgc_plan::{
    Canon, StepKey,
    step::{Scan, ScanWhat},
};

use crate::os::{self, Moment, Stamp};

pub mod index;
pub mod local;
pub mod near;
pub mod read;
pub mod walk;

/// A stamp that was taken within this many seconds of the file's own times is not trusted: the file could change again
/// without its times showing it (FAT counts in 2 s; Linux in ticks of up to 10 ms).
pub const RACY: i64 = 2;

/// What stands at a scan's path, looked at but not read.
pub struct Look {
    /// The directory or file, without symbolic links.
    pub root: PathBuf,
    /// For a single file: the name that it has in the tree.
    pub single: Option<Vec<u8>>,
    /// Entries in canonical order, without the root.
    pub found: Vec<walk::Found>,
    /// The root's own state, for a directory.
    pub top: os::Status,
    /// The digest of everything that was seen.
    pub digest: StepKey,
    /// Whether something may have changed without its stamp showing it.
    pub racy: bool,
    /// When it was looked at.
    pub now: Moment,
}

/// Looks at what a scan reads.
///
/// # Errors
/// Everything that cannot be looked at, at once.
pub fn look(scan: &Scan, base: &Path) -> Result<Look, Failure> {
    let now = os::now();
    let given = base.join(&scan.path);
    let missing = |error: io::Error| unreadable(&given, &error, "source-missing");
    let root = fs::canonicalize(&given).map_err(missing)?;
    let top = os::status(&fs::metadata(&root).map_err(missing)?);
    let (single, found) = match (scan.what, top.kind) {
        (ScanWhat::Dir, os::FileKind::Dir) => (None, walk::walk(scan, &root)?),
        (ScanWhat::File, os::FileKind::File) => {
            let name = given.file_name().or(root.file_name()).map(os::bytes).unwrap_or_default().into_owned();
            let found = walk::Found { path: name.clone().into(), status: top, target: None };
            (Some(name), vec![found])
        }
        (ScanWhat::Dir, _) => {
            let message = format!("`{}` is not a directory", given.display());
            return Err(Problem::new("source-not-a-directory", message).into());
        }
        (ScanWhat::File, _) => {
            let message = format!("`{}` is not a regular file", given.display());
            return Err(Problem::new("source-not-a-file", message).into());
        }
    };
    let racy = found.iter().any(|found| found.kind_has_stamp() && is_racy(&found.status.stamp, now));
    let digest = digest(scan, &root, &top, &found);
    Ok(Look { root, single, found, top, digest, racy, now })
}

/// Whether a stamp taken at `now` may be shared by two states of the file.
pub fn is_racy(stamp: &Stamp, now: Moment) -> bool {
    [stamp.mtime, stamp.ctime].iter().any(|time| now.0.abs_diff(time.0) <= RACY.unsigned_abs())
}

/// A problem with a path of the host.
pub fn unreadable(path: &Path, error: &io::Error, code: &'static str) -> Problem {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => Problem::new(code, format!("there is no `{path}`")),
        io::ErrorKind::PermissionDenied => Problem::new(code, format!("`{path}` may not be read"))
            .help("make it readable for the user who builds, or leave it out with `exclude`"),
        _ => Problem::new(code, format!("`{path}` cannot be read: {error}")),
    }
}

/// The digest of what was seen: paths and, of what the scan keeps, everything whose change the stamp may not show.
fn digest(scan: &Scan, root: &Path, top: &os::Status, found: &[walk::Found]) -> StepKey {
    let mut c = Canon::new("imgc look v1");
    c.bytes(&os::bytes(root.as_os_str()));
    let keeps_dir_times = scan.keep.mtime || scan.keep.xattrs;
    let status = |c: &mut Canon, status: &os::Status| {
        let os::Status { stamp, kind, mode, uid, gid, names } = *status;
        let is_dir = kind == os::FileKind::Dir;
        let (name, major, minor) = match kind {
            os::FileKind::File => ("file", 0, 0),
            os::FileKind::Dir => ("dir", 0, 0),
            os::FileKind::Symlink => ("symlink", 0, 0),
            os::FileKind::Char { major, minor } => ("char", major, minor),
            os::FileKind::Block { major, minor } => ("block", major, minor),
            os::FileKind::Fifo => ("fifo", 0, 0),
            os::FileKind::Socket => ("socket", 0, 0),
        };
        c.text(name).add(&major).add(&minor);
        if !is_dir || scan.keep.mode {
            c.add(&mode);
        }
        if scan.keep.owner {
            c.add(&uid).add(&gid);
        }
        if !is_dir || keeps_dir_times {
            let Stamp { dev, ino, size, mtime, ctime } = stamp;
            c.int(dev).int(ino).int(size).add(&mtime).add(&ctime).int(names);
        }
    };
    status(&mut c, top);
    for walk::Found { path, status: seen, target } in found {
        c.bytes(path);
        status(&mut c, seen);
        c.bytes(target.as_deref().unwrap_or_default());
    }
    c.into()
}
