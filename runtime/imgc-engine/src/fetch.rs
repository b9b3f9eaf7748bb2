//! Fetches bytes that are pinned by size and SHA-256 from mirrors: over HTTP, or from directories that hold a mirror's files.
//!
//! [`mirror`] opens a path below a base, [`pinned`] reads it until it is whole and checks it, [`small`] reads what no
//! digest pins yet (an archive's release file). What a mirror sends is hostile until its digest says otherwise.

pub(crate) mod mirror;
pub(crate) mod pinned;
#[cfg(test)]
pub(crate) mod server;
pub(crate) mod small;
#[cfg(test)]
mod tests;

use std::{io::Write, sync::atomic::AtomicBool};

use imgc_image::{Failure, Problem};
use imgc_plan::{lock, step};

use self::{
    mirror::shown,
    pinned::{Want, Why},
};

/// Writes the bytes of a fetch step to `dest`: from the mirror that the step names if it names one, then from `mirrors` in
/// order. `progress` is told how many bytes are there so far. Proxies come from the environment (`http_proxy`, …).
///
/// Transient troubles of the network are tried again a few times, going on where the bytes ended. After an error `dest` may
/// hold a part of the bytes, or wrong ones: the caller throws it away.
///
/// # Errors
/// Problems `package-gone` (no mirror has the path any more), `package-mismatch` (a mirror has other bytes there), `no-mirror`
/// and `mirror-address`; a machine's failure when no mirror could be reached or `dest` not written; interruption.
pub fn fetch(
    fetch: &step::Fetch,
    mirrors: &[String],
    dest: &mut dyn Write,
    stop: &AtomicBool,
    progress: &dyn Fn(u64),
) -> Result<(), Failure> {
    let step::Fetch { path, size, sha256, mirror, name } = fetch;
    lock::check_path(path).map_err(|message| Problem::new("package-path", message))?;
    let mut bases: Vec<&str> = Vec::new();
    for base in mirror.iter().chain(mirrors) {
        if !bases.contains(&base.as_str()) {
            bases.push(base);
        }
    }
    if bases.is_empty() {
        return Err(no_mirror(name).into());
    }
    let want = Want { path, size: *size, sha256 };
    pinned::read(&bases, &want, dest, stop, progress).map_err(|why| match why {
        Why::Gone => gone(name, path, &bases).into(),
        Why::Mismatch { base, expected, found } => mismatch(name, base, &expected, &found).into(),
        Why::Failed(failure) => failure,
    })
}

fn no_mirror(name: &str) -> Problem {
    Problem::new("no-mirror", format!("there is no mirror to fetch {name} from"))
        .help("give one with `--mirror URL`, or with `mirror=` at the source in the manifest")
}

fn gone(name: &str, path: &str, bases: &[&str]) -> Problem {
    let bases: Vec<_> = bases.iter().map(|base| shown(base)).collect();
    let has = if bases.len() == 1 { "no longer has" } else { "no longer have" };
    Problem::new("package-gone", format!("{} {has} {name} ({path})", bases.join(", "))).help(
        "mirrors drop a version when a newer one comes: pin the newest with `imgc lock --update` or \
         `imgc build --update-lock`, or name a mirror that keeps old versions with `--mirror URL`",
    )
}

fn mismatch(name: &str, base: &str, expected: &str, found: &str) -> Problem {
    let message = format!(
        "{} has other bytes for {name} than the lock: expected {expected}, found {found}",
        shown(base)
    );
    Problem::new("package-mismatch", message).help(
        "the mirror is damaged or not to be trusted: try another with `--mirror URL`; if the package was replaced \
         under the same version, `imgc lock --update` pins what is there now",
    )
}
