//! `imgc.lock`: which packages a manifest's sources mean, exactly, so that a build needs no index.

use serde::Serialize;

/// What a manifest asks of a package archive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Request {
    /// The binary package's name.
    pub package: String,
    /// A glob: the package meant is the newest of that name among the dependencies of `package` (for metapackages).
    pub follow: Option<String>,
    /// Debian's name of the architecture, such as `amd64`.
    pub arch: String,
    /// The suite, such as `bookworm`; `None`: the one that the host's apt configuration names.
    pub suite: Option<String>,
    /// The mirror's base that the manifest names; `None`: the host's.
    pub mirror: Option<String>,
}

/// A request and the file that answers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pin {
    /// What was asked. The mirror is not stored: a lock file holds on every machine.
    pub request: Request,
    /// The name of the package that answers (another than the request's when it follows a dependency).
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256, 64 hexadecimal digits.
    pub sha256: String,
    /// Its path below a mirror's base.
    pub path: String,
}

/// A lock file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Lock {
    /// The pins, sorted by request.
    pub pins: Vec<Pin>,
}
