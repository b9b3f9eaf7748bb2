//! Writes an artifact whose layout is known before its data: pieces in, one pass on all cores, SHA-256 out.
//!
//! Each job gathers about half a MiB of pieces into a buffer and writes it; the buffers are then hashed in order, zeros
//! between them from memory. Runs of zeros are never written (the file gets its length first), unless holes are unwanted.

use std::{
    fs::File,
    sync::atomic::{AtomicBool, Ordering},
};

use imgc_image::{Blobs, Failure};
use sha2::{Digest, Sha256};

use crate::disk::{
    ExportJob, Exported, os,
    pieces::{Chunks, Piece, Source},
    pipe::{self, Spares},
};

/// How zeros between pieces are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zeros {
    /// As holes of the file, where the host's filesystem has such.
    Holes,
    /// As space that is reserved but not written; written where the host cannot reserve.
    Reserved,
    /// Written.
    Written,
}

/// A hole smaller than this saves nothing: blocks of the hosts' filesystems (4 KiB on ext4, XFS, Btrfs, APFS, NTFS).
const BLOCK: u64 = 4096;

/// Zeros to hash and to write.
static ZERO: [u8; 256 << 10] = [0; 256 << 10];

/// How much is reserved at once, in bytes, so that an interruption need not wait.
const RESERVE: u64 = 4 << 30;

/// Writes an artifact of `len` bytes into an empty file. The pieces come in order and do not overlap; what lies between
/// them is zero.
///
/// # Errors
/// When contents cannot be read or the file cannot be written; [`Failure::Interrupted`].
pub fn emit<I>(
    job: &ExportJob<'_>,
    file: &File,
    len: u64,
    zeros: Zeros,
    pieces: I,
) -> Result<Exported, Failure>
where
    I: Iterator<Item = Piece> + Send,
{
    file.set_len(len).map_err(Failure::machine(format!("giving the artifact its {len} bytes")))?;
    let dense = match zeros {
        Zeros::Holes => false,
        Zeros::Written => true,
        Zeros::Reserved => !reserve(file, len, job.stop)?,
    };
    let spares = Spares::new();
    let mut out = Hashing::new(job, file, len, dense);
    let make = |pieces: Vec<Piece>| {
        let buf = spares.get().unwrap_or_default();
        let filled = fill(job, &pieces, buf)?;
        filled.write(file)?;
        Ok(filled)
    };
    let take = |filled: Filled| {
        for (at, range) in &filled.segments {
            out.zeros_to(*at)?;
            out.data(&filled.buf[range.clone()]);
        }
        spares.put(filled.buf);
        Ok(())
    };
    pipe::run(job.stop, Chunks::new(pieces).map(Ok), make, take)?;
    out.zeros_to(len)?;
    Ok(Exported { len, sha256: out.hash.finalize().into() })
}

fn reserve(file: &File, len: u64, stop: &AtomicBool) -> Result<bool, Failure> {
    let mut at = 0;
    while at < len {
        interrupted(stop)?;
        let step = RESERVE.min(len - at);
        let what = || format!("reserving {len} bytes for the artifact");
        if !os::reserve(file, at, step).map_err(Failure::machine(what()))? {
            return Ok(false);
        }
        at += step;
    }
    Ok(true)
}

/// Fails once the build is interrupted.
///
/// # Errors
/// [`Failure::Interrupted`].
pub fn interrupted(stop: &AtomicBool) -> Result<(), Failure> {
    if stop.load(Ordering::Relaxed) { Err(Failure::Interrupted) } else { Ok(()) }
}

/// Fills `buf` with a part of a blob.
///
/// # Errors
/// [`Failure::Machine`] with which part of which blob, when it cannot be read or is shorter.
pub fn read_blob(blobs: &dyn Blobs, piece: &Piece, buf: &mut [u8]) -> Result<(), Failure> {
    match &piece.source {
        Source::Data(data) => buf.copy_from_slice(data),
        Source::Blob(id, offset) => blobs.read_at(id, *offset, buf).map_err(|error| Failure::Machine {
            what: format!("reading {} bytes at {offset} of {id:?} for the artifact", piece.len),
            error,
        })?,
    }
    Ok(())
}

/// What one job has read: segments of the artifact, packed into one buffer.
struct Filled {
    buf: Vec<u8>,
    segments: Vec<(u64, std::ops::Range<usize>)>,
}

/// Reads pieces into a buffer. Gaps without a whole block are filled, so that they do not cost a write of their own.
fn fill(job: &ExportJob<'_>, pieces: &[Piece], mut buf: Vec<u8>) -> Result<Filled, Failure> {
    let mut segments: Vec<(u64, std::ops::Range<usize>)> = Vec::new();
    let mut used = 0;
    let mut end = 0;
    for piece in pieces {
        interrupted(job.stop)?;
        let gap = piece.at - end;
        let bridged = match segments.last_mut() {
            Some(last) if piece.at - piece.at % BLOCK < end.next_multiple_of(BLOCK) + BLOCK => Some(last),
            _ => None,
        };
        let zeros = if bridged.is_some() { small(gap) } else { 0 };
        let data = used + zeros;
        let next = data + small(piece.len);
        match bridged {
            Some(last) => last.1.end = next,
            None => segments.push((piece.at, data..next)),
        }
        if buf.len() < next {
            buf.resize(next, 0);
        }
        buf[used..data].fill(0);
        read_blob(job.blobs, piece, &mut buf[data..next])?;
        (used, end) = (next, piece.end());
    }
    Ok(Filled { buf, segments })
}

fn small(len: u64) -> usize {
    usize::try_from(len).expect("because a job's pieces fit into memory")
}

impl Filled {
    fn write(&self, file: &File) -> Result<(), Failure> {
        for (at, range) in &self.segments {
            write(file, &self.buf[range.clone()], *at)?;
        }
        Ok(())
    }
}

/// Writes a part of the artifact.
///
/// # Errors
/// [`Failure::Machine`] with which part.
pub fn write(file: &File, buf: &[u8], at: u64) -> Result<(), Failure> {
    os::write_at(file, buf, at).map_err(|error| Failure::Machine {
        what: format!("writing {} bytes at {at} of the artifact", buf.len()),
        error,
    })
}

/// The hash, where it stands, and how far the disk is told to be.
struct Hashing<'j> {
    job: &'j ExportJob<'j>,
    file: &'j File,
    dense: bool,
    hash: Sha256,
    at: u64,
    tally: Tally<'j>,
}

impl<'j> Hashing<'j> {
    fn new(job: &'j ExportJob<'j>, file: &'j File, len: u64, dense: bool) -> Self {
        Self { job, file, dense, hash: Sha256::new(), at: 0, tally: Tally::new(job, len) }
    }

    fn data(&mut self, data: &[u8]) {
        self.hash.update(data);
        self.at += data.len() as u64;
        self.tally.reach(self.at);
    }

    fn zeros_to(&mut self, end: u64) -> Result<(), Failure> {
        while self.at < end {
            interrupted(self.job.stop)?;
            let zeros = &ZERO[..small((end - self.at).min(ZERO.len() as u64))];
            if self.dense {
                write(self.file, zeros, self.at)?;
            }
            self.data(zeros);
        }
        Ok(())
    }
}

/// Tells progress in bytes of the disk while the work is measured in another unit.
pub struct Tally<'j> {
    job: &'j ExportJob<'j>,
    all: u64,
    told: u64,
}

impl<'j> Tally<'j> {
    /// `all` units of work make the whole disk.
    pub fn new(job: &'j ExportJob<'j>, all: u64) -> Self {
        Self { job, all, told: 0 }
    }

    /// So much work is done in all.
    pub fn reach(&mut self, done: u64) {
        let disk = self.job.bytes.len();
        let reached = u128::from(disk) * u128::from(done) / u128::from(self.all.max(1));
        let reached = u64::try_from(reached).unwrap_or(disk).min(disk);
        if reached > self.told {
            (self.job.progress)(reached - self.told);
            self.told = reached;
        }
    }
}

/// Hashes a finished file, reading ahead on all cores.
///
/// # Errors
/// When it cannot be read; [`Failure::Interrupted`].
pub fn rehash(file: &File, len: u64, stop: &AtomicBool) -> Result<[u8; 32], Failure> {
    const STEP: u64 = 512 << 10;
    let spares: Spares<Vec<u8>> = Spares::new();
    let mut hash = Sha256::new();
    let jobs = (0..len.div_ceil(STEP)).map(|n| Ok((n * STEP, small(STEP.min(len - n * STEP)))));
    let make = |(at, len): (u64, usize)| {
        let mut buf = spares.get().unwrap_or_default();
        buf.resize(len, 0);
        os::read_at(file, &mut buf, at)
            .map_err(Failure::machine(format!("reading the artifact back at {at}")))?;
        Ok(buf)
    };
    pipe::run(stop, jobs, make, |buf| {
        hash.update(&buf);
        spares.put(buf);
        Ok(())
    })?;
    Ok(hash.finalize().into())
}
