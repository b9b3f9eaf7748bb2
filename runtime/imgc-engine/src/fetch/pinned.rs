//! Reads bytes of a known size and SHA-256, going on where a mirror broke off, be it at another mirror.

use std::{
    io::{self, Read, Write},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use imgc_image::Failure;
use sha2::{Digest, Sha256};

use super::mirror::{self, Opened, Trouble, shown};

/// How often one mirror is asked before the next is.
pub(super) const ATTEMPTS: u32 = 3;
/// The pause before the second attempt; each further one is three times as long.
const PAUSE: Duration = Duration::from_millis(300);
/// Bytes per read: large enough that calls do not count, small enough to stop and report soon.
const CHUNK: usize = 64 << 10;

/// What is wanted.
pub(crate) struct Want<'a> {
    /// The path below a mirror's base.
    pub path: &'a str,
    /// The size in bytes.
    pub size: u64,
    /// The SHA-256, 64 hexadecimal digits.
    pub sha256: &'a str,
}

/// Why it is not there.
pub(crate) enum Why<'a> {
    /// Every mirror says that it has no such path.
    Gone,
    /// A mirror has other bytes.
    Mismatch {
        /// Whose.
        base: &'a str,
        /// The size or the digest that was pinned.
        expected: String,
        /// What was there.
        found: String,
    },
    /// The network, the disk, the request, an interruption.
    Failed(Failure),
}

/// Writes what is wanted to `dest`, from the first of `bases` that has it.
pub(crate) fn read<'a>(
    bases: &[&'a str],
    want: &Want<'_>,
    dest: &mut dyn Write,
    stop: &AtomicBool,
    progress: &dyn Fn(u64),
) -> Result<(), Why<'a>> {
    let mut sink = Sink { dest, hash: Sha256::new(), done: 0, broken: false, progress };
    let mut mismatch = None;
    let mut failed = None;
    for base in bases {
        match from_mirror(base, want, &mut sink, stop) {
            Ok(()) => return Ok(()),
            Err(Why::Gone) => {}
            Err(why @ Why::Mismatch { .. }) if sink.done == 0 => mismatch = mismatch.or(Some(why)),
            Err(Why::Failed(failure @ Failure::Machine { .. })) if !sink.broken => {
                failed = failed.or(Some(Why::Failed(failure)));
            }
            Err(why) => return Err(why),
        }
    }
    Err(mismatch.or(failed).unwrap_or(Why::Gone))
}

/// Asks one mirror a few times.
fn from_mirror<'a>(
    base: &'a str,
    want: &Want<'_>,
    sink: &mut Sink<'_>,
    stop: &AtomicBool,
) -> Result<(), Why<'a>> {
    let mut attempt = 1;
    loop {
        match once(base, want, sink, stop) {
            Err(Broken::Transient(_)) if attempt < ATTEMPTS => {
                pause(attempt, stop).map_err(Why::Failed)?;
                attempt += 1;
            }
            Err(Broken::Transient(error)) => return Err(Why::Failed(unreachable(base, want.path, error))),
            Err(Broken::For(why)) => return Err(why),
            Ok(()) => return check(base, want, sink),
        }
    }
}

/// Waits before the attempt after the given one.
pub(super) fn pause(attempt: u32, stop: &AtomicBool) -> Result<(), Failure> {
    const STEP: Duration = Duration::from_millis(50);
    let mut left = PAUSE * 3u32.pow(attempt - 1);
    while !left.is_zero() {
        interrupted(stop)?;
        thread::sleep(left.min(STEP));
        left = left.saturating_sub(STEP);
    }
    interrupted(stop)
}

pub(super) fn interrupted(stop: &AtomicBool) -> Result<(), Failure> {
    if stop.load(Ordering::Relaxed) { Err(Failure::Interrupted) } else { Ok(()) }
}

pub(super) fn unreachable(base: &str, path: &str, error: io::Error) -> Failure {
    Failure::Machine { what: format!("fetching {path} from {}", shown(base)), error }
}

/// Why one attempt ended.
enum Broken<'a> {
    Transient(io::Error),
    For(Why<'a>),
}

impl<'a> Broken<'a> {
    fn failed(failure: Failure) -> Self {
        Self::For(Why::Failed(failure))
    }

    fn size(base: &'a str, want: &Want<'_>, found: String) -> Self {
        Self::For(Why::Mismatch { base, expected: format!("{} bytes", want.size), found })
    }
}

/// One attempt: afterwards exactly `want.size` bytes have gone through the sink.
fn once<'a>(
    base: &'a str,
    want: &Want<'_>,
    sink: &mut Sink<'_>,
    stop: &AtomicBool,
) -> Result<(), Broken<'a>> {
    interrupted(stop).map_err(Broken::failed)?;
    let opened = mirror::open(base, want.path, sink.done).map_err(|trouble| match trouble {
        Trouble::Gone => Broken::For(Why::Gone),
        Trouble::Transient(error) => Broken::Transient(error),
        Trouble::Lasting(error) => Broken::failed(unreachable(base, want.path, error)),
        Trouble::Problem(problem) => Broken::failed(problem.into()),
    })?;
    if let Some(len) = opened.len.filter(|len| *len != want.size) {
        return Err(Broken::size(base, want, format!("{len} bytes")));
    }
    pour(opened, base, want, sink, stop)?;
    if sink.done < want.size {
        let message = format!("the bytes end after {} of {}", sink.done, want.size);
        return Err(Broken::Transient(io::Error::new(io::ErrorKind::UnexpectedEof, message)));
    }
    Ok(())
}

/// Reads to the end, or to one byte more than is wanted, and gives the sink what it does not have yet.
fn pour<'a>(
    Opened { mut reader, start, len: _ }: Opened,
    base: &'a str,
    want: &Want<'_>,
    sink: &mut Sink<'_>,
    stop: &AtomicBool,
) -> Result<(), Broken<'a>> {
    let mut skip = sink.done - start;
    let mut buffer = vec![0; CHUNK];
    loop {
        interrupted(stop).map_err(Broken::failed)?;
        let room = (want.size - sink.done).saturating_add(skip).saturating_add(1);
        let room = usize::try_from(room).map_or(CHUNK, |room| room.min(CHUNK));
        let count = match reader.read(&mut buffer[..room]) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Broken::Transient(error)),
        };
        let again = usize::try_from(skip).map_or(count, |skip| skip.min(count));
        skip -= again as u64;
        let fresh = &buffer[again..count];
        if fresh.len() as u64 > want.size - sink.done {
            return Err(Broken::size(base, want, format!("more than {} bytes", want.size)));
        }
        sink.take(fresh).map_err(Broken::failed)?;
    }
}

/// Compares the digest of everything that went through the sink.
fn check<'a>(base: &'a str, want: &Want<'_>, sink: &mut Sink<'_>) -> Result<(), Why<'a>> {
    let found = hex(&std::mem::take(&mut sink.hash).finalize());
    if found.eq_ignore_ascii_case(want.sha256) {
        sink.dest.flush().map_err(|error| Why::Failed(Failure::machine("keeping what was fetched")(error)))
    } else {
        Err(Why::Mismatch {
            base,
            expected: format!("SHA-256 {}", want.sha256),
            found: format!("SHA-256 {found}"),
        })
    }
}

/// Where the bytes go, and what is known of those that went.
struct Sink<'s> {
    dest: &'s mut dyn Write,
    hash: Sha256,
    done: u64,
    /// Whether writing failed: no other mirror would help.
    broken: bool,
    progress: &'s dyn Fn(u64),
}

impl Sink<'_> {
    fn take(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.dest.write_all(bytes).map_err(|error| {
            self.broken = true;
            Failure::machine("keeping what was fetched")(error)
        })?;
        self.hash.update(bytes);
        self.done += bytes.len() as u64;
        (self.progress)(self.done);
        Ok(())
    }
}

/// Bytes as hexadecimal digits in lower case.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        write!(out, "{byte:02x}").expect("because writing to a String cannot fail");
        out
    })
}
