//! `imgc.lock`: which packages a manifest's sources mean, exactly, so that a build needs no index.
//!
//! [`check`] says what a pin may hold, [`text`] prints the file and reads it back, [`diff`] tells people what changed.

mod check;
mod diff;
mod text;

use serde::Serialize;

pub use check::{check_arch, check_follow, check_package, check_path, check_suite, check_version};
pub use text::{Mistake, ParseError};

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
    /// The pins, sorted by request, without mirrors.
    pub pins: Vec<Pin>,
}

impl Request {
    /// Whether two requests have the same place in a lock, where mirrors do not count.
    pub fn same_pin(&self, other: &Self) -> bool {
        self.key() == other.key()
    }

    fn key(&self) -> (&str, &str, Option<&str>, Option<&str>) {
        (&self.package, &self.arch, self.suite.as_deref(), self.follow.as_deref())
    }
}

impl Lock {
    /// A lock with these pins: sorted, without their mirrors. Of several for one request the first counts.
    pub fn new(mut pins: Vec<Pin>) -> Self {
        for pin in &mut pins {
            pin.request.mirror = None;
        }
        pins.sort_by(|a, b| a.request.key().cmp(&b.request.key()));
        pins.dedup_by(|later, first| later.request.same_pin(&first.request));
        Self { pins }
    }

    /// The pin that answers a request, whatever mirror the request names.
    pub fn find(&self, request: &Request) -> Option<&Pin> {
        self.pins.iter().find(|pin| pin.request.same_pin(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_does_not_count() {
        let request = |mirror: Option<&str>, suite: Option<&str>| Request {
            package: "grub-pc-bin".into(),
            follow: None,
            arch: "amd64".into(),
            suite: suite.map(str::to_owned),
            mirror: mirror.map(str::to_owned),
        };
        let pin = |request: Request, version: &str| Pin {
            request,
            name: "grub-pc-bin".into(),
            version: version.into(),
            size: 1,
            sha256: "0".repeat(64),
            path: "pool/g.deb".into(),
        };
        let lock = Lock::new(vec![
            pin(request(Some("http://a/debian"), Some("trixie")), "2"),
            pin(request(Some("http://b/debian"), None), "1"),
            pin(request(None, Some("trixie")), "3"),
        ]);
        assert_eq!(lock.pins.len(), 2, "two mirrors, one request");
        assert!(lock.pins.iter().all(|pin| pin.request.mirror.is_none()));
        assert_eq!(lock.pins[0].version, "1");
        let found = lock.find(&request(Some("http://c/debian"), Some("trixie"))).expect("a pin");
        assert_eq!(found.version, "2", "the first of two counts");
        assert_eq!(lock.find(&request(None, Some("sid"))), None);
    }
}
