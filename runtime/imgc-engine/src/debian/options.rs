//! Where archives are looked for, and what is believed of them.

use std::path::PathBuf;

/// How archives are found and whom they are believed.
#[derive(Clone, Debug)]
pub struct ResolveOptions {
    /// Mirrors to ask instead of the host's, in order; a mirror that a request names comes before them.
    pub mirrors: Vec<String>,
    /// Files of keys that count instead of those that the host's apt trusts.
    pub keyrings: Vec<PathBuf>,
    /// Whether an archive without a good signature may be used.
    pub allow_unsigned: bool,
    /// The directory below which `etc/apt` and `usr/share/keyrings` lie: `/`.
    pub apt_root: PathBuf,
    /// Whether only mirrors on this machine may be read.
    pub offline: bool,
}

impl Default for ResolveOptions {
    fn default() -> Self {
        Self {
            mirrors: Vec::new(),
            keyrings: Vec::new(),
            allow_unsigned: false,
            apt_root: PathBuf::from("/"),
            offline: false,
        }
    }
}
