//! Reads a small file whose size and digest nobody has said yet.

use std::{
    io::{self, Read},
    sync::atomic::AtomicBool,
};

use imgc_image::Failure;

use super::{
    mirror::{self, Trouble},
    pinned::{ATTEMPTS, interrupted, pause, unreachable},
};

/// Reads `path` below `base`, at most `limit` bytes; `None` when the mirror does not have it.
///
/// # Errors
/// A machine's failure when the mirror cannot be reached or the file is larger than `limit`; `mirror-address`; interruption.
pub(crate) fn read(
    base: &str,
    path: &str,
    limit: u64,
    stop: &AtomicBool,
) -> Result<Option<Vec<u8>>, Failure> {
    let mut attempt = 1;
    loop {
        interrupted(stop)?;
        let error = match once(base, path, limit) {
            Ok(bytes) => return Ok(Some(bytes)),
            Err(Trouble::Gone) => return Ok(None),
            Err(Trouble::Problem(problem)) => return Err(problem.into()),
            Err(Trouble::Transient(_)) if attempt < ATTEMPTS => {
                pause(attempt, stop)?;
                attempt += 1;
                continue;
            }
            Err(Trouble::Transient(error) | Trouble::Lasting(error)) => error,
        };
        return Err(unreachable(base, path, error));
    }
}

fn once(base: &str, path: &str, limit: u64) -> Result<Vec<u8>, Trouble> {
    let opened = mirror::open(base, path, 0)?;
    let mut bytes = Vec::new();
    opened.reader.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(Trouble::Transient)?;
    if bytes.len() as u64 > limit {
        return Err(Trouble::Lasting(io::Error::other(format!("the file is larger than {limit} bytes"))));
    }
    match opened.len.filter(|len| *len != bytes.len() as u64) {
        Some(len) => Err(Trouble::Transient(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            format!("the bytes end after {} of {len}", bytes.len()),
        ))),
        None => Ok(bytes),
    }
}
