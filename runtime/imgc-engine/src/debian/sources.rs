//! The host's apt configuration: which archives it uses (sources.list(5)).

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use imgc_plan::lock;

use super::stanza::{self, Stanza};

/// The archives of binary packages that a host's apt uses, in apt's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// What is enabled and can be used: one for each address and suite.
    pub entries: Vec<Entry>,
    /// What was not understood, in one line each.
    pub notes: Vec<String>,
}

/// One address and suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The archive's base, without a slash at the end.
    pub base: String,
    /// The suite.
    pub suite: String,
    /// The components, such as `main`.
    pub components: Vec<String>,
    /// Whose signature is taken.
    pub signed_by: SignedBy,
    /// Whether an index that is out of date is refused.
    pub check_valid_until: bool,
}

/// Whose signature an entry takes. Nothing in it: that of any key that apt trusts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignedBy {
    /// Files of keys; absolute paths below apt's root.
    pub files: Vec<PathBuf>,
    /// An armored key that stands in the configuration itself.
    pub inline: Option<String>,
    /// Fingerprints in upper case, of which the key must have one.
    pub fingerprints: Vec<String>,
}

/// A place where a request may be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate<'a> {
    /// The entry that names the archive.
    pub entry: &'a Entry,
    /// The suite that is looked for.
    pub suite: &'a str,
    /// Whether the entry names this suite, and not only the archive that may have it.
    pub exact: bool,
}

/// The bases of the mirrors that a host's apt configuration names, Debian's first; others only when there is none of Debian.
pub fn host_mirrors(root: &Path) -> Vec<String> {
    let sources = Sources::read(root);
    let debian = sources.entries.iter().any(Entry::looks_like_debian);
    let mut bases: Vec<String> = Vec::new();
    for entry in sources.main().filter(|entry| !debian || entry.looks_like_debian()) {
        if !bases.contains(&entry.base) {
            bases.push(entry.base.clone());
        }
    }
    bases
}

impl Sources {
    /// Reads `etc/apt/sources.list` and `etc/apt/sources.list.d` below `root`. What is missing is empty; what cannot be read or
    /// understood is noted and passed over, as one bad line of a third party must not keep images from being built.
    pub fn read(root: &Path) -> Self {
        let apt = root.join("etc/apt");
        let mut out = Self::default();
        out.file(&apt.join("sources.list"));
        let mut files: Vec<PathBuf> = match fs::read_dir(apt.join("sources.list.d")) {
            Ok(dir) => dir.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect(),
            Err(_) => Vec::new(),
        };
        files.sort();
        for path in files {
            out.file(&path);
        }
        out
    }

    fn file(&mut self, path: &Path) {
        let kind = path.extension().and_then(|extension| extension.to_str());
        if !matches!(kind, Some("list" | "sources")) {
            return;
        }
        match fs::read_to_string(path) {
            Ok(text) if kind == Some("list") => self.lines(&path.display().to_string(), &text),
            Ok(text) => self.stanzas(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.notes.push(format!("{} cannot be read: {error}", path.display())),
        }
    }

    /// The one-line style: `deb [options] uri suite components…`.
    fn lines(&mut self, file: &str, text: &str) {
        for (index, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or("").trim();
            let Some((kind, rest)) = line.split_once(char::is_whitespace) else { continue };
            if kind == "deb" && self.one_line(rest.trim()).is_none() {
                self.notes.push(format!("line {} of {file} is not understood", index + 1));
            }
        }
    }

    fn one_line(&mut self, line: &str) -> Option<()> {
        let (options, line) = match line.strip_prefix('[') {
            Some(rest) => rest.split_once(']')?,
            None => ("", line),
        };
        let mut words = line.split_whitespace();
        let (uri, suite) = (words.next()?, words.next()?);
        let components: Vec<String> = words.map(str::to_owned).collect();
        let option = |name: &str| {
            let options = options.split_whitespace().filter_map(|option| option.split_once('='));
            options
                .filter(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.to_owned())
                .next_back()
        };
        let signed_by = SignedBy::parse(&option("signed-by").unwrap_or_default());
        let check = option("check-valid-until").is_none_or(|value| is_yes(&value));
        self.add(uri, suite, &components, &signed_by, check);
        Some(())
    }

    /// The deb822 style.
    fn stanzas(&mut self, text: &str) {
        for stanza in stanza::all(text) {
            let off = stanza.get("Enabled").is_some_and(|value| !is_yes(&value));
            if off || !stanza.words("Types").iter().any(|kind| kind == "deb") {
                continue;
            }
            self.stanza(&stanza);
        }
    }

    fn stanza(&mut self, stanza: &Stanza) {
        let signed_by = SignedBy::parse(&stanza.get("Signed-By").unwrap_or_default());
        let check = stanza.get("Check-Valid-Until").is_none_or(|value| is_yes(&value));
        let components = stanza.words("Components");
        for uri in stanza.words("URIs") {
            for suite in stanza.words("Suites") {
                self.add(&uri, &suite, &components, &signed_by, check);
            }
        }
    }

    fn add(&mut self, uri: &str, suite: &str, components: &[String], signed_by: &SignedBy, check: bool) {
        let local = uri.strip_prefix("file:").filter(|path| !path.starts_with("//"));
        let base = local.map_or_else(|| uri.to_owned(), |path| format!("file://{path}"));
        let usable = ["http://", "https://", "file://"].iter().any(|scheme| base.starts_with(scheme));
        // A suite that ends in a slash is a directory without components, as only private archives have.
        if !usable || lock::check_suite(suite).is_err() {
            return;
        }
        self.entries.push(Entry {
            base: base.trim_end_matches('/').to_owned(),
            suite: suite.to_owned(),
            components: components.to_vec(),
            signed_by: signed_by.clone(),
            check_valid_until: check,
        });
    }

    /// Entries with the component `main`, those that look like Debian's first. Which architectures the host takes from them
    /// does not matter: a mirror has others as well.
    fn main(&self) -> impl Iterator<Item = &Entry> {
        let of = |debian: bool| {
            self.entries.iter().filter(move |entry| {
                entry.looks_like_debian() == debian && entry.components.iter().any(|name| name == "main")
            })
        };
        of(true).chain(of(false))
    }

    /// Where to look for a suite (`None`: for the host's own), the best first: entries that name it, then archives that an
    /// entry names with another suite, since one mirror holds all of them.
    pub(super) fn candidates<'a>(&'a self, suite: Option<&'a str>) -> Vec<Candidate<'a>> {
        let mut out: Vec<Candidate<'a>> = Vec::new();
        let mut add = |candidate: Candidate<'a>| {
            let same = |known: &Candidate<'_>| {
                known.entry.base == candidate.entry.base && known.suite == candidate.suite
            };
            if !out.iter().any(same) {
                out.push(candidate);
            }
        };
        for entry in self.main() {
            let named = match suite {
                Some(suite) => entry.suite == suite,
                None => !entry.is_pocket(),
            };
            if named {
                add(Candidate { entry, suite: &entry.suite, exact: true });
            }
        }
        if let Some(suite) = suite {
            for entry in self.main().filter(|entry| !entry.is_pocket()) {
                add(Candidate { entry, suite, exact: false });
            }
        }
        out
    }

    /// The entry for an archive's base.
    pub(super) fn entry(&self, base: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.base == base.trim_end_matches('/'))
    }
}

impl Entry {
    /// A guess by name, which decides only in which order archives are asked; their release files say what they are.
    fn looks_like_debian(&self) -> bool {
        let (host, path) = self
            .base
            .split_once("://")
            .and_then(|(_, rest)| rest.split_once('/'))
            .unwrap_or((&self.base, ""));
        let last = path.rsplit('/').next().unwrap_or("");
        let keyring = |file: &PathBuf| file.to_string_lossy().contains("/debian-archive-");
        host.ends_with("debian.org")
            || matches!(last, "debian" | "debian-security")
            || self.signed_by.files.iter().any(keyring)
    }

    /// Whether the suite only adds to another one.
    fn is_pocket(&self) -> bool {
        let ends =
            ["-updates", "-security", "/updates", "-backports", "-backports-sloppy", "-proposed-updates"];
        ends.iter().any(|end| self.suite.ends_with(end))
    }
}

impl SignedBy {
    /// Reads the option's value: paths and fingerprints, separated by commas or space, or a key of several lines.
    fn parse(value: &str) -> Self {
        let mut out = Self::default();
        if value.contains("-----BEGIN PGP PUBLIC KEY BLOCK-----") {
            // In a control file an empty line is written as a dot, and every line is indented.
            let line = |line: &str| match line.trim() {
                "." => String::new(),
                line => line.to_owned(),
            };
            out.inline =
                Some(value.lines().map(line).collect::<Vec<_>>().join("\n").trim().to_owned() + "\n");
            return out;
        }
        for word in value.split([',', ' ', '\t', '\n']).filter(|word| !word.is_empty()) {
            if word.starts_with('/') {
                out.files.push(PathBuf::from(word));
            } else {
                out.fingerprints.push(word.trim_end_matches('!').to_ascii_uppercase());
            }
        }
        out
    }
}

/// Apt's reading of a boolean.
fn is_yes(value: &str) -> bool {
    !["no", "false", "without", "off", "disable", "0"].contains(&value.trim().to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> (tempfile::TempDir, Sources) {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join("etc/apt").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let sources = Sources::read(root.path());
        (root, sources)
    }

    fn pairs<'s>(candidates: &'s [Candidate<'_>]) -> Vec<(&'s str, &'s str, bool)> {
        candidates.iter().map(|c| (c.entry.base.as_str(), c.suite, c.exact)).collect()
    }

    const DEBIAN: &str = "\
# A remark
Types: deb deb-src
# snapshot
URIs: http://mirror.example/debian/ http://ftp.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Architectures: amd64
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main

Types: deb-src
URIs: http://src.example/debian
Suites: bookworm
Components: main
";

    const THIRD: &str = "\
deb [arch=amd64 signed-by=/etc/apt/keyrings/x.gpg,/etc/apt/keyrings/y.asc] https://apt.example.com bookworm main # x
deb-src https://apt.example.com bookworm main
#deb https://gone.example.com bookworm main
deb [ check-valid-until=no ] file:/srv/mirror/debian bullseye main
deb https://flat.example.com ./
deb cdrom:[Debian]/ bookworm main
deb nonsense
";

    #[test]
    fn both_styles_are_read() {
        let (_root, sources) = read(&[
            ("sources.list.d/debian.sources", DEBIAN),
            ("sources.list.d/apt.list", THIRD),
            ("sources.list.d/x.list.off", THIRD),
        ]);
        let seen: Vec<_> = sources.entries.iter().map(|e| (e.base.as_str(), e.suite.as_str())).collect();
        assert_eq!(
            seen,
            [
                ("https://apt.example.com", "bookworm"),
                ("file:///srv/mirror/debian", "bullseye"),
                ("http://mirror.example/debian", "bookworm"),
                ("http://mirror.example/debian", "bookworm-updates"),
                ("http://ftp.example/debian", "bookworm"),
                ("http://ftp.example/debian", "bookworm-updates"),
            ]
        );
        assert_eq!(sources.entries[0].signed_by.files.len(), 2);
        assert!(!sources.entries[1].check_valid_until && sources.entries[2].check_valid_until);
        assert_eq!(sources.notes.len(), 1, "{:?}", sources.notes);
        assert!(sources.notes[0].starts_with("line 7 of "), "{:?}", sources.notes);
    }

    #[test]
    fn debian_is_asked_before_third_parties() {
        let (root, sources) = read(&[("sources.list.d/debian.sources", DEBIAN), ("sources.list", THIRD)]);
        assert_eq!(
            pairs(&sources.candidates(Some("bookworm"))),
            [
                ("http://mirror.example/debian", "bookworm", true),
                ("http://ftp.example/debian", "bookworm", true),
                ("https://apt.example.com", "bookworm", true),
                ("file:///srv/mirror/debian", "bookworm", false),
            ]
        );
        assert_eq!(pairs(&sources.candidates(None))[0], ("file:///srv/mirror/debian", "bullseye", true));
        assert_eq!(
            host_mirrors(root.path()),
            ["file:///srv/mirror/debian", "http://mirror.example/debian", "http://ftp.example/debian"]
        );
        assert!(host_mirrors(&root.path().join("nothing")).is_empty());
    }

    #[test]
    fn keys_stand_in_the_configuration_itself() {
        let text = "Types: deb\nURIs: http://x/y\nSuites: s\nComponents: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQ==\n -----END PGP PUBLIC KEY BLOCK-----\n";
        let (_root, sources) = read(&[("sources.list.d/x.sources", text)]);
        assert_eq!(
            sources.entries[0].signed_by.inline.as_deref(),
            Some("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQ==\n-----END PGP PUBLIC KEY BLOCK-----\n")
        );
        assert_eq!(SignedBy::parse("abcd!").fingerprints, ["ABCD"]);
    }
}
