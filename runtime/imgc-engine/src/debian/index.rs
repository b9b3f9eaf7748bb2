//! Indexes: the lists of packages that a suite has for an architecture, fetched, checked and read as a stream.

use std::{
    io::{self, BufRead, BufReader, Read},
    sync::atomic::AtomicBool,
};

use imgc_image::{Failure, Problem};
use imgc_plan::lock;
use lzma_rust2::XzReader;

use super::{
    archive::{Archive, demand_online},
    options::ResolveOptions,
    release::{Listed, is_sha256},
    stanza::{self, Stanza},
};
use crate::fetch::{
    mirror::shown,
    pinned::{self, Want, Why},
};

/// The component that is looked into: the one that every Debian system has.
const COMPONENT: &str = "main";
/// The most bytes that an index may have as it is stored. Debian's has 9 MB.
const STORED_LIMIT: u64 = 256 << 20;
/// The most bytes that an index may unpack to when the release file does not say it. Debian's has 50 MB.
const UNPACKED_LIMIT: u64 = 2 << 30;

/// How an index is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Xz,
    Gzip,
    Plain,
}

/// A list of packages, checked, as it was fetched.
pub(super) struct Index {
    /// What messages call it.
    name: String,
    bytes: Vec<u8>,
    form: Form,
    /// The most bytes that it may unpack to.
    limit: u64,
}

/// A package of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Package {
    pub name: String,
    pub version: String,
    pub size: u64,
    pub sha256: String,
    pub path: String,
    /// Its `Pre-Depends` and `Depends`.
    pub depends: String,
}

/// Fetches the indexes that hold an architecture's packages.
pub(super) fn fetch(
    archive: &Archive,
    arch: &str,
    options: &ResolveOptions,
    events: &dyn Fn(String),
    stop: &AtomicBool,
) -> Result<Vec<Index>, Failure> {
    let release = &archive.release;
    if !release.archs.is_empty() && arch != "all" && !release.archs.iter().any(|known| known == arch) {
        let message = format!("{} at {} has no architecture {arch}", archive.suite, shown(&archive.base));
        return Err(Problem::new("arch-unknown", message)
            .help(format!("it has {}", release.archs.join(", ")))
            .into());
    }
    demand_online(options, &archive.base, &archive.suite)?;
    let all = (release.separate_all && arch != "all").then_some("all");
    let mut out = Vec::new();
    for arch in std::iter::once(arch).chain(all) {
        out.push(one(archive, arch, events, stop)?);
    }
    Ok(out)
}

fn one(archive: &Archive, arch: &str, events: &dyn Fn(String), stop: &AtomicBool) -> Result<Index, Failure> {
    let path = format!("{COMPONENT}/binary-{arch}/Packages");
    let name = format!("the list of packages of {} ({arch}) at {}", archive.suite, shown(&archive.base));
    let files = &archive.release.files;
    let forms = [("xz", Form::Xz), ("gz", Form::Gzip), ("", Form::Plain)];
    let stored = |(end, form): (&str, Form)| {
        let file = if end.is_empty() { path.clone() } else { format!("{path}.{end}") };
        files.get(&file).map(|listed| (file, form, listed))
    };
    let (file, form, listed) = forms.into_iter().find_map(stored).ok_or_else(|| {
        Problem::new("index-unknown", format!("{name} is not in the release file"))
            .help(format!("an archive must have the component `{COMPONENT}`, as Debian's has"))
    })?;
    if listed.size > STORED_LIMIT {
        return Err(damaged(&name, &format!("it has {} bytes", listed.size)).into());
    }
    events(format!("fetching {name}: {}", imgc_plan::units::approximate_size(listed.size)));
    let bytes = bytes(archive, &file, listed, &name, stop)?;
    let limit = files.get(&path).map_or(UNPACKED_LIMIT, |listed| listed.size.min(UNPACKED_LIMIT));
    Ok(Index { name, bytes, form, limit })
}

/// The bytes of a listed file: by its digest where the archive offers that, so that a mirror that is just being renewed still has it.
fn bytes(
    archive: &Archive,
    file: &str,
    listed: &Listed,
    name: &str,
    stop: &AtomicBool,
) -> Result<Vec<u8>, Failure> {
    let dir = format!("dists/{}", archive.suite);
    let plain = format!("{dir}/{file}");
    let hashed = file
        .rsplit_once('/')
        .filter(|_| archive.release.by_hash)
        .map(|(folder, _)| format!("{dir}/{folder}/by-hash/SHA256/{}", listed.sha256));
    for path in hashed.iter().chain([&plain]) {
        let mut out = Vec::new();
        let want = Want { path, size: listed.size, sha256: &listed.sha256 };
        match pinned::read(&[&archive.base], &want, &mut out, stop, &|_| ()) {
            Ok(()) => return Ok(out),
            Err(Why::Gone) => {}
            Err(Why::Failed(failure)) => return Err(failure),
            Err(Why::Mismatch { expected, found, .. }) => {
                let message =
                    format!("{name} is not what the release file says: expected {expected}, found {found}");
                return Err(Problem::new("index-mismatch", message).help(RENEWED).into());
            }
        }
    }
    Err(Problem::new("index-gone", format!("{name} is in the release file, but the mirror does not have it"))
        .help(RENEWED)
        .into())
}

const RENEWED: &str =
    "the mirror may just be being renewed: try again in some minutes, or another mirror with `--mirror URL`";

fn damaged(name: &str, why: &str) -> Problem {
    Problem::new("index-damaged", format!("{name} is damaged: {why}"))
        .help("try another mirror with `--mirror URL`")
}

/// An error inside the reading of stanzas: of the bytes, or of what they say.
enum Broken {
    Io(io::Error),
    Says(String),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Index {
    /// The packages whose names are wanted.
    pub(super) fn packages(&self, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<Package>, Problem> {
        let mut out = Vec::new();
        self.each(|bytes| {
            if let Some(name) = name(bytes).filter(|name| wanted(name)) {
                out.push(package(name, bytes).map_err(Broken::Says)?);
            }
            Ok(())
        })?;
        Ok(out)
    }

    /// Every name, to look for near ones.
    pub(super) fn names(&self, take: &mut dyn FnMut(&str)) -> Result<(), Problem> {
        self.each(|bytes| {
            if let Some(name) = name(bytes) {
                take(name);
            }
            Ok(())
        })
    }

    fn each(&self, take: impl FnMut(&[u8]) -> Result<(), Broken>) -> Result<(), Problem> {
        let unpacked: Box<dyn BufRead + '_> = match self.form {
            Form::Xz => buffered(XzReader::new(self.bytes.as_slice(), true), self.limit),
            Form::Gzip => buffered(flate2::read::MultiGzDecoder::new(self.bytes.as_slice()), self.limit),
            Form::Plain => Box::new(self.bytes.as_slice()),
        };
        stanza::each(unpacked, take).map_err(|broken| match broken {
            Broken::Io(error) => damaged(&self.name, &error.to_string()),
            Broken::Says(why) => damaged(&self.name, &why),
        })
    }
}

fn buffered<'r>(reader: impl Read + 'r, limit: u64) -> Box<dyn BufRead + 'r> {
    Box::new(BufReader::with_capacity(256 << 10, Limited { reader, left: limit }))
}

/// A reader that fails when there is more than there may be.
struct Limited<R> {
    reader: R,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.left = self.left.checked_sub(count as u64).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "it unpacks to more than the release file says")
        })?;
        Ok(count)
    }
}

/// The value of `Package`, which is the first field in practice.
fn name(stanza: &[u8]) -> Option<&str> {
    let line = stanza.split(|byte| *byte == b'\n').find(|line| line.starts_with(b"Package:"))?;
    std::str::from_utf8(&line[b"Package:".len()..]).ok().map(str::trim)
}

/// Reads a package, checking all that goes into a lock file.
fn package(name: &str, bytes: &[u8]) -> Result<Package, String> {
    let stanza = Stanza::new(String::from_utf8_lossy(bytes));
    let field = |field: &str| {
        stanza.get(field).ok_or_else(|| format!("the package {} has no `{field}`", name.escape_debug()))
    };
    let (version, path, sha256) = (field("Version")?, field("Filename")?, field("SHA256")?);
    // Some archives write ./pool.
    let path = path.trim_start_matches("./").to_owned();
    lock::check_package(name)?;
    lock::check_version(&version)?;
    lock::check_path(&path)?;
    if !is_sha256(&sha256) {
        return Err(format!("the SHA-256 of {name} is `{}`", sha256.escape_debug()));
    }
    let size = field("Size")?;
    let size = size.parse().map_err(|_| format!("the size of {name} is `{}`", size.escape_debug()))?;
    let depends = [stanza.get("Pre-Depends"), stanza.get("Depends")];
    let depends = depends.into_iter().flatten().collect::<Vec<_>>().join(", ");
    Ok(Package { name: name.to_owned(), version, size, sha256, path, depends })
}
