//! Keyrings: the keys whose signatures are taken, from files as apt has them.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use imgc_image::Problem;
use pgp::{
    composed::{Deserializable, SignedPublicKey},
    types::KeyDetails,
};

use super::sources::SignedBy;
use crate::fetch::pinned::hex;

/// The most bytes that a keyring may have. Debian's has 60 KB.
const LIMIT: u64 = 16 << 20;
/// The most keys that are read from one file, so that a broken one cannot go on for ever.
const MOST: usize = 10_000;
const BEGIN: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
/// What stands at byte 8 of GnuPG's keybox files.
const KEYBOX: &[u8] = b"KBXf";

/// Keys, and where they come from.
pub(super) struct Keyring {
    /// The keys.
    pub keys: Vec<SignedPublicKey>,
    /// The files, for messages.
    pub names: Vec<String>,
}

/// Loads the keys that count: the given files if there are any, else what the host's entry names, else what apt trusts.
pub(super) fn load(root: &Path, entry: Option<&SignedBy>, given: &[PathBuf]) -> Result<Keyring, Problem> {
    let mut ring = Keyring { keys: Vec::new(), names: Vec::new() };
    let named = entry.filter(|by| !by.files.is_empty() || by.inline.is_some());
    if !given.is_empty() {
        for path in given {
            ring.file(path)?;
        }
    } else if let Some(by) = named {
        for path in &by.files {
            ring.file(&below(root, path))?;
        }
        if let Some(text) = &by.inline {
            ring.bytes(text.as_bytes(), "the key in apt's configuration")?;
        }
    } else {
        ring.trusted(root);
    }
    if let Some(by) = entry.filter(|by| given.is_empty() && !by.fingerprints.is_empty()) {
        ring.keys.retain(|key| by.fingerprints.iter().any(|wanted| has_fingerprint(key, wanted)));
    }
    if ring.keys.is_empty() {
        let places = if ring.names.is_empty() { "the host".to_owned() } else { ring.names.join(", ") };
        return Err(missing(format!("there is no key to check an archive's signature with in {places}")));
    }
    Ok(ring)
}

fn missing(message: String) -> Problem {
    Problem::new("keyring-missing", message).help(
        "give the archive's keyring with `--keyring FILE`: Debian's is in the package debian-archive-keyring",
    )
}

/// A path of the configuration, below another root.
fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

fn has_fingerprint(key: &SignedPublicKey, wanted: &str) -> bool {
    let is = |key: &dyn KeyDetails| hex(key.fingerprint().as_bytes()).eq_ignore_ascii_case(wanted);
    is(&key.primary_key) || key.public_subkeys.iter().any(|subkey| is(&subkey.key))
}

impl Keyring {
    /// The keys that apt trusts for everything; a file that cannot be used is passed over, as apt does.
    fn trusted(&mut self, root: &Path) {
        let mut paths: Vec<PathBuf> = ["gpg", "pgp", "asc"]
            .iter()
            .map(|end| root.join(format!("usr/share/keyrings/debian-archive-keyring.{end}")))
            .collect();
        paths.push(root.join("etc/apt/trusted.gpg"));
        let dir = std::fs::read_dir(root.join("etc/apt/trusted.gpg.d"));
        let mut parts: Vec<PathBuf> =
            dir.map(|dir| dir.filter_map(|entry| Some(entry.ok()?.path())).collect()).unwrap_or_default();
        parts.sort();
        let usable = |path: &PathBuf| path.extension().is_some_and(|end| end == "gpg" || end == "asc");
        paths.extend(parts.into_iter().filter(usable));
        for path in paths.iter().filter(|path| path.is_file()) {
            let _unusable = self.file(path);
        }
    }

    fn file(&mut self, path: &Path) -> Result<(), Problem> {
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(LIMIT).read_to_end(&mut bytes))
            .map_err(|error| missing(format!("the keyring {} cannot be read: {error}", path.display())))?;
        self.bytes(&bytes, &path.display().to_string())
    }

    /// Adds the keys of a file, armored or binary. Keys of a kind that is not known are left out.
    fn bytes(&mut self, bytes: &[u8], name: &str) -> Result<(), Problem> {
        if bytes.get(8..12) == Some(KEYBOX) {
            return Err(missing(format!("the keyring {name} is a keybox, which is not understood"))
                .help("export its keys: `gpg --no-default-keyring --keyring FILE --export > keys.gpg`"));
        }
        let before = self.keys.len();
        match std::str::from_utf8(bytes).ok().filter(|text| text.contains(BEGIN)) {
            Some(text) => {
                for block in text.split(BEGIN).skip(1) {
                    let block = format!("{BEGIN}{block}");
                    if let Ok((keys, _)) = SignedPublicKey::from_string_many(&block) {
                        self.keys.extend(keys.take(MOST).flatten());
                    }
                }
            }
            None => {
                if let Ok(keys) = SignedPublicKey::from_bytes_many(bytes) {
                    self.keys.extend(keys.take(MOST).flatten());
                }
            }
        }
        self.names.push(name.to_owned());
        if self.keys.len() == before {
            return Err(missing(format!("the keyring {name} has no key in it")));
        }
        Ok(())
    }
}
