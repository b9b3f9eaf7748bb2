//! Contents: cut into blocks and fragments, compressed on all threads, written in order.
//!
//! What becomes a block or a piece of a fragment follows from lengths and holes alone, so jobs come one by one from a list that is
//! never in memory. While a batch is compressed, the one before it is written. Nothing depends on how many threads there are.

mod jobs;

use std::{io, mem};

use imgc_image::{Blobs, Content, Failure, Reader};
use rayon::prelude::*;

use self::jobs::{Job, Jobs, Piece};
use super::{
    codec::{Method, Pool},
    duplicates::Contents,
    format::{DATA_RAW, NONE},
    metadata::Output,
    options::Options,
    survey::Survey,
};

/// The most blocks of one file: their list is in memory while the image is made (256 MiB). With blocks of 128 KiB, 8 TiB.
pub const MAX_BLOCKS: u64 = 1 << 26;
/// How much each thread compresses in a batch, in bytes: enough that threads seldom wait for the slowest block.
const BATCH: usize = 4 << 20;
/// The fewest blocks for each thread in a batch.
const LEAST: usize = 4;

/// Where contents lie, by index. There is one for each of millions of files, most of which have no blocks.
pub struct Places {
    /// For each the number of the fragment that has its end, and the offset in it; [`NO_END`] when none has.
    ends: Vec<(u32, u32)>,
    /// For each its blocks, where it has some.
    blocks: Vec<Option<Box<Blocks>>>,
}

/// What stands for no end in a fragment.
pub const NO_END: (u32, u32) = (NONE, 0);

/// The blocks of a content.
#[derive(Debug, Default)]
pub struct Blocks {
    /// Where the first block is.
    pub start: u64,
    /// The sizes of the blocks as they are on disk; 0 for zeros.
    pub sizes: Vec<u32>,
    /// How many bytes are in blocks of zeros.
    pub sparse: u64,
}

/// Where a content lies.
#[derive(Clone, Copy, Debug)]
pub struct Placed<'p> {
    /// Its blocks, if it has some.
    pub blocks: Option<&'p Blocks>,
    /// The number of the fragment that has the rest, and the offset in it; else [`NO_END`].
    pub end: (u32, u32),
}

impl Places {
    /// Where a content lies.
    pub fn of(&self, content: u32) -> Placed<'_> {
        Placed { blocks: self.blocks[content as usize].as_deref(), end: self.ends[content as usize] }
    }
}

/// A fragment: where it is, and its size as it is on disk.
pub type Fragment = (u64, u32);

/// A job that is done.
enum Packed {
    /// Nothing but zeros.
    Zero,
    /// Compressed.
    Smaller(Vec<u8>),
    /// Not compressed, as that would not make it smaller.
    Raw(Vec<u8>),
    /// Not compressed, and not even read: it is pointed at.
    Pointed,
}

/// Writes the contents; gives where each lies, and the fragments.
///
/// # Errors
/// When a content cannot be read, or the store cannot take it.
pub fn write(
    options: &Options,
    survey: &Survey<'_>,
    contents: &Contents<'_>,
    pool: &Pool,
    out: &mut Output<'_, '_>,
) -> Result<(Places, Vec<Fragment>), Failure> {
    let blobs = out.bytes.store();
    let worker = Worker { options, survey, contents, pool, blobs };
    let mut sink = Sink { contents, out, blocks: Vec::new(), fragments: Vec::new() };
    sink.blocks = contents.distinct.iter().map(|(_, content)| empty(options, content)).collect();
    let mut jobs = Jobs::new(options, contents);
    let threads = rayon::current_num_threads();
    let batch_len = (BATCH / options.block_size as usize).max(LEAST) * threads;
    let mut done = Vec::new();
    loop {
        let batch: Vec<Job> = jobs.by_ref().take(batch_len).collect();
        if batch.is_empty() && done.is_empty() {
            break;
        }
        let before = mem::take(&mut done);
        let (packed, written) = rayon::join(|| worker.pack(batch), || sink.take(before));
        written.map_err(Failure::machine("writing the blocks of a squashfs"))?;
        done = packed?;
    }
    Ok((Places { ends: jobs.into_ends(), blocks: sink.blocks }, sink.fragments))
}

/// The blocks of a content of which nothing is placed yet: all are zero.
fn empty(options: &Options, content: &Content) -> Option<Box<Blocks>> {
    let blocks = jobs::blocks(options, content);
    if blocks == 0 {
        return None;
    }
    let sparse = content.len().min(blocks * u64::from(options.block_size));
    let sizes = vec![0; usize::try_from(blocks).expect("because the survey allows at most 2^26")];
    Some(Box::new(Blocks { start: 0, sizes, sparse }))
}

/// What the threads share.
struct Worker<'w> {
    options: &'w Options,
    survey: &'w Survey<'w>,
    contents: &'w Contents<'w>,
    pool: &'w Pool,
    blobs: &'w dyn Blobs,
}

impl Worker<'_> {
    fn pack(&self, batch: Vec<Job>) -> Result<Vec<(Job, Packed)>, Failure> {
        let packed: Vec<Result<Packed, Failure>> =
            batch.par_iter().with_max_len(1).map(|job| self.pack_one(job)).collect();
        batch.into_iter().zip(packed).map(|(job, packed)| Ok((job, packed?))).collect()
    }

    fn pack_one(&self, job: &Job) -> Result<Packed, Failure> {
        if self.options.squeeze.method == Method::None {
            return Ok(Packed::Pointed);
        }
        let mut data = vec![0; job.len()];
        let mut at = 0;
        for piece in job.pieces() {
            let (entry, content) = self.contents.distinct[piece.content as usize];
            let part = &mut data[at..at + piece.len as usize];
            read(content, self.blobs, piece.offset, part).map_err(|error| {
                let path = &self.survey.entries[entry as usize].path;
                Failure::machine(format!("reading the content of {path}"))(error)
            })?;
            at += piece.len as usize;
        }
        if matches!(job, Job::Block { .. }) && data.iter().all(|byte| *byte == 0) {
            return Ok(Packed::Zero);
        }
        match self.pool.pack(&data).map_err(Failure::machine("compressing"))? {
            Some(packed) => Ok(Packed::Smaller(packed)),
            // A block stays where it is; the pieces of a fragment would be too many extents.
            None if matches!(job, Job::Block { .. }) => Ok(Packed::Pointed),
            None => Ok(Packed::Raw(data)),
        }
    }
}

/// Takes what is done, in order.
struct Sink<'k, 'o, 's> {
    contents: &'k Contents<'k>,
    out: &'k mut Output<'o, 's>,
    blocks: Vec<Option<Box<Blocks>>>,
    fragments: Vec<Fragment>,
}

impl Sink<'_, '_, '_> {
    fn take(&mut self, done: Vec<(Job, Packed)>) -> io::Result<()> {
        for (job, packed) in done {
            let at = self.out.at;
            let size = match &packed {
                Packed::Zero => continue,
                Packed::Smaller(data) => {
                    self.out.put(data)?;
                    data.len()
                }
                Packed::Raw(data) => {
                    self.out.put(data)?;
                    data.len() | DATA_RAW as usize
                }
                Packed::Pointed => {
                    self.point(&job);
                    job.len() | DATA_RAW as usize
                }
            };
            let size = u32::try_from(size).expect("because a block has at most 1 MiB");
            match job {
                Job::Block { index, piece } => self.place(index, &piece, at, size),
                Job::Fragment(_) => self.fragments.push((at, size)),
            }
        }
        Ok(())
    }

    fn point(&mut self, job: &Job) {
        for piece in job.pieces() {
            let (_, content) = self.contents.distinct[piece.content as usize];
            self.out.bytes.content(self.out.at, content, piece.offset, piece.len.into());
            self.out.at += u64::from(piece.len);
        }
    }

    fn place(&mut self, index: u32, piece: &Piece, at: u64, size: u32) {
        let blocks = self.blocks[piece.content as usize].as_mut();
        let placed = blocks.expect("because a content with a block was given room for it");
        // The first block that is not zero is where the content starts: zeros before it take no room.
        if placed.start == 0 {
            placed.start = at;
        }
        placed.sizes[index as usize] = size;
        placed.sparse -= u64::from(piece.len);
    }
}

/// Fills `buf` from a content.
///
/// # Errors
/// When it cannot be read.
pub fn read(content: &Content, blobs: &dyn Blobs, offset: u64, buf: &mut [u8]) -> io::Result<()> {
    match content {
        Content::Blob { id, .. } => blobs.read_at(id, offset, buf),
        Content::Bytes(bytes) => Reader::new(bytes, blobs).read_at(offset, buf),
    }
}
