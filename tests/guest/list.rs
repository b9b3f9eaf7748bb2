//! Lists a filesystem: a line for each name, as [`imgc_tests::listing`] has it.

use std::{
    error::Error,
    ffi::OsStr,
    fs::{self, File, Metadata},
    io::{self, BufWriter, Write},
    os::unix::{
        ffi::OsStrExt,
        fs::{FileExt, MetadataExt},
    },
    path::Path,
};

use imgc_tests::listing::{Digest, Kind, Line, digest};

/// Lists a directory and everything below it.
pub fn list(root: &Path) -> Result<(), Box<dyn Error>> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut open = vec![root.to_owned()];
    while let Some(path) = open.pop() {
        let line = line(root, &path).map_err(|error| format!("{}: {error}", path.display()))?;
        if line.kind == Kind::Dir {
            for entry in fs::read_dir(&path)? {
                open.push(entry?.path());
            }
        }
        writeln!(out, "{line}")?;
    }
    out.flush()?;
    Ok(())
}

fn line(root: &Path, path: &Path) -> Result<Line, Box<dyn Error>> {
    let meta = fs::symlink_metadata(path)?;
    let kind = kind(&meta)?;
    let rdev = meta.rdev();
    Ok(Line {
        path: path.strip_prefix(root)?.as_os_str().as_bytes().to_vec(),
        kind,
        mode: meta.mode() & 0o7777,
        uid: meta.uid(),
        gid: meta.gid(),
        links: meta.nlink(),
        inode: meta.ino(),
        size: if kind == Kind::File { meta.size() } else { 0 },
        device: (rustix::fs::major(rdev), rustix::fs::minor(rdev)),
        mtime: (meta.mtime(), u32::try_from(meta.mtime_nsec())?),
        target: if kind == Kind::Symlink {
            fs::read_link(path)?.as_os_str().as_bytes().to_vec()
        } else {
            Vec::new()
        },
        digest: if kind == Kind::File { content(path, meta.size())? } else { Digest::default() },
        xattrs: xattrs(path)?,
    })
}

fn kind(meta: &Metadata) -> Result<Kind, String> {
    Ok(match meta.mode() & 0o170_000 {
        0o100_000 => Kind::File,
        0o040_000 => Kind::Dir,
        0o120_000 => Kind::Symlink,
        0o020_000 => Kind::Char,
        0o060_000 => Kind::Block,
        0o010_000 => Kind::Fifo,
        0o140_000 => Kind::Socket,
        other => return Err(format!("no type {other:o} is known")),
    })
}

fn content(path: &Path, len: u64) -> io::Result<Digest> {
    let file = File::open(path)?;
    digest(len, |at, bytes| file.read_exact_at(bytes, at))
}

fn xattrs(path: &Path) -> io::Result<Vec<(String, Digest)>> {
    let mut names = vec![0; 64 << 10];
    let len = match rustix::fs::llistxattr(path, &mut names[..]) {
        Err(rustix::io::Errno::OPNOTSUPP) => 0,
        other => other?,
    };
    let mut found = Vec::new();
    for name in names[..len].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let mut value = vec![0; 64 << 10];
        let len = rustix::fs::lgetxattr(path, OsStr::from_bytes(name), &mut value[..])?;
        let digest = digest(len as u64, |at, bytes| {
            bytes.copy_from_slice(&value[at as usize..][..bytes.len()]);
            Ok(())
        })?;
        found.push((String::from_utf8_lossy(name).into_owned(), digest));
    }
    found.sort();
    Ok(found)
}
