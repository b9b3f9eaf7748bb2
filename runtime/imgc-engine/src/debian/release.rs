//! Release files: what an archive says of one suite, above all the digests of its indexes
//! (<https://wiki.debian.org/DebianRepository/Format>).

use std::collections::BTreeMap;

use super::{date, stanza::Stanza};

/// What a release file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Release {
    /// Who made it: `Debian`, or a third party.
    pub origin: String,
    /// The suite's names: its role (`stable`), its own (`bookworm`), that of its version.
    pub names: Vec<String>,
    /// When it may no longer be used, in seconds since 1970.
    pub valid_until: Option<i64>,
    /// The architectures that it has.
    pub archs: Vec<String>,
    /// Whether indexes can be had by their digests.
    pub by_hash: bool,
    /// Whether packages for every architecture stand only in an index of their own.
    pub separate_all: bool,
    /// Files below the suite's directory.
    pub files: BTreeMap<String, Listed>,
}

/// A file that a release file lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256.
    pub sha256: String,
}

impl Release {
    /// Reads a release file.
    ///
    /// # Errors
    /// A sentence that says what is missing.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let stanza = Stanza::new(text);
        let files = files(&stanza.get("SHA256").ok_or("it has no list of SHA-256 digests")?)?;
        let valid_until = match stanza.get("Valid-Until") {
            None => None,
            Some(text) => Some(
                date::parse(&text)
                    .ok_or_else(|| format!("its `Valid-Until` is no date: `{}`", text.escape_debug()))?,
            ),
        };
        let archs = stanza.words("Architectures");
        let joined = stanza.words("No-Support-for-Architecture-all").iter().any(|word| word == "Packages");
        let version = stanza.get("Version").map(|version| format!("Debian{version}"));
        let names = [stanza.get("Suite"), stanza.get("Codename"), version].into_iter().flatten().collect();
        Ok(Self {
            origin: stanza.get("Origin").unwrap_or_default(),
            names,
            valid_until,
            by_hash: stanza.get("Acquire-By-Hash").as_deref() == Some("yes"),
            separate_all: archs.iter().any(|arch| arch == "all") && !joined,
            archs,
            files,
        })
    }

    /// Whether Debian made it.
    pub(super) fn is_debian(&self) -> bool {
        self.origin == "Debian"
    }

    /// Whether it is about this suite. `bookworm/updates` is the old way to write what calls itself `bookworm`.
    pub(super) fn is_about(&self, suite: &str) -> bool {
        let first = suite.split('/').next().unwrap_or(suite);
        self.names.is_empty() || self.names.iter().any(|name| name == suite || name == first)
    }
}

fn files(list: &str) -> Result<BTreeMap<String, Listed>, String> {
    let mut out = BTreeMap::new();
    for line in list.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut words = line.split_ascii_whitespace();
        let listed = (|| {
            let sha256 = words.next().filter(|hex| is_sha256(hex))?.to_owned();
            let size = words.next()?.parse().ok()?;
            Some((words.next()?.to_owned(), Listed { size, sha256 }))
        })();
        let (path, listed) = listed
            .ok_or_else(|| format!("a line of its list of digests is wrong: `{}`", line.escape_debug()))?;
        out.insert(path, listed);
    }
    Ok(out)
}

/// Whether a text is a SHA-256 as archives write it.
pub(super) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_file_is_read() {
        let digest = "ab".repeat(32);
        let text = format!(
            "Origin: Debian\r\nSuite: oldstable\r\nVersion: 12.15\r\nCodename: bookworm\r\nAcquire-By-Hash: yes\r\n\
             No-Support-for-Architecture-all: Packages\r\nArchitectures: all amd64 i386\r\nMD5Sum:\r\n 00 1 x\r\n\
             SHA256:\r\n {digest}  12 main/binary-amd64/Packages\r\n"
        );
        let release = Release::parse(&text).unwrap();
        assert!(release.is_debian() && release.by_hash && !release.separate_all);
        for suite in ["bookworm", "oldstable", "Debian12.15", "bookworm/updates"] {
            assert!(release.is_about(suite), "{suite}");
        }
        assert!(!release.is_about("trixie"));
        let listed = Listed { size: 12, sha256: digest };
        assert_eq!(release.files["main/binary-amd64/Packages"], listed);
        assert_eq!(release.files.len(), 1);
        let trixie = text.replace("No-Support-for-Architecture-all: Packages\r\n", "");
        assert!(Release::parse(&trixie).unwrap().separate_all);
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert!(Release::parse("Origin: x\n").unwrap_err().contains("no list"));
        assert!(Release::parse("SHA256:\n zz 1 x\n").unwrap_err().contains("`zz 1 x`"));
        assert!(Release::parse("Valid-Until: soon\nSHA256:\n").unwrap_err().contains("`soon`"));
    }
}
