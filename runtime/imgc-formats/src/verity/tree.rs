//! The tree of hashes: the data is read once, in windows on all cores, and every level is written as its blocks fill.

use imgc_image::{Bytes, BytesBuilder, Failure, Reader, Ref, Store};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::{BLOCK, DIGEST, PER_BLOCK, Params, data_blocks, hash_len, superblock::Superblock};

/// Bytes of a block in memory.
const BLOCK_LEN: usize = BLOCK as usize;

/// Bytes of data behind one block of hashes: what one task reads and hashes.
const PIECE: u64 = PER_BLOCK * BLOCK;

/// Pieces that are hashed between two looks at the clock of the build (progress, interruption): 64 MiB of data, enough
/// that cores do not wait for one another.
const WINDOW: u64 = 128;

/// SHA-256 of the salt and a block.
pub fn hash(salt: &[u8], block: &[u8]) -> [u8; DIGEST] {
    Sha256::new_with_prefix(salt).chain_update(block).finalize().into()
}

/// Writes the hash device of `data`. Contents are never in memory as a whole; blocks of zeros are hashed once. `progress` is told
/// how many bytes of data were hashed since the last time, and ends the work with an error.
///
/// # Errors
/// When the data is empty or not whole blocks, when contents cannot be read or hashes stored, and what `progress` says.
pub fn write(
    data: &Bytes,
    params: &Params<'_>,
    store: &dyn Store,
    progress: &dyn Fn(u64) -> Result<(), Failure>,
) -> Result<Bytes, Failure> {
    let blocks = data_blocks(data)?;
    let mut out = BytesBuilder::new(store);
    if let Some(uuid) = params.uuid {
        let superblock = Superblock { uuid, data_blocks: blocks, salt: params.salt.to_vec() };
        let encoded = superblock.encode().ok_or_else(|| Failure::Bug("a salt is too long".into()))?;
        out.put(0, &encoded)?;
    }
    let superblock = params.uuid.is_some();
    let mut tree = Levels::new(if superblock { BLOCK } else { 0 }, blocks, params.salt);
    let leaves = Leaves { data, store, salt: params.salt, zero: hash(params.salt, &[0; BLOCK_LEN]) };
    let pieces = if tree.levels.is_empty() { 0 } else { data.len().div_ceil(PIECE) };
    for first in (0..pieces).step_by(usize::try_from(WINDOW).unwrap_or(1)) {
        let last = (first + WINDOW).min(pieces);
        let hashed = (first..last).into_par_iter().map(|piece| leaves.piece(piece));
        for block in hashed.collect::<Result<Vec<_>, _>>()? {
            tree.add(&mut out, 0, &block)?;
        }
        progress((last * PIECE).min(data.len()) - first * PIECE)?;
    }
    tree.flush(&mut out)?;
    let len =
        hash_len(data.len(), superblock).ok_or_else(|| Failure::Bug("a length was not checked".into()))?;
    out.finish(len).map_err(Failure::from)
}

/// Hashes of the data.
struct Leaves<'a> {
    data: &'a Bytes,
    store: &'a dyn Store,
    salt: &'a [u8],
    /// The hash of a block of zeros.
    zero: [u8; DIGEST],
}

impl Leaves<'_> {
    /// The hashes of a piece, one after the other.
    fn piece(&self, piece: u64) -> Result<Vec<u8>, Failure> {
        let from = piece * PIECE;
        let to = (from + PIECE).min(self.data.len());
        let len = usize::try_from(to - from).map_err(|_| Failure::Bug("a piece is small".into()))?;
        if is_hole(self.data, from, to) {
            return Ok(self.zero.repeat(len / BLOCK_LEN));
        }
        let mut buf = vec![0; len];
        Reader::new(self.data, self.store).read_at(from, &mut buf)?;
        let mut hashes = Vec::with_capacity(len / BLOCK_LEN * DIGEST);
        for block in buf.chunks(BLOCK_LEN) {
            let zero = block.iter().all(|byte| *byte == 0);
            hashes.extend(if zero { self.zero } else { hash(self.salt, block) });
        }
        Ok(hashes)
    }
}

/// Whether nothing is stored between these places, so that nothing need be read.
fn is_hole(bytes: &Bytes, from: u64, to: u64) -> bool {
    bytes.extents()[bytes.touching(from, to)].iter().all(|run| match bytes.source(run) {
        Ref::Blob(_) => false,
        Ref::Bytes(inner) => {
            let start = run.offset + (run.at.max(from) - run.at);
            let end = run.offset + (run.end().min(to) - run.at);
            is_hole(inner, start, end)
        }
    })
}

/// The levels in the making, the hashes of the data first.
struct Levels<'a> {
    salt: &'a [u8],
    levels: Vec<Level>,
}

/// A level: where its next block goes, and what there is of that block.
struct Level {
    at: u64,
    open: Vec<u8>,
}

impl<'a> Levels<'a> {
    /// Their places: the top level comes first, at `at`, which is right after the superblock's block where there is one.
    fn new(mut at: u64, data_blocks: u64, salt: &'a [u8]) -> Self {
        let place = |blocks: &u64| {
            let level = Level { at, open: Vec::with_capacity(BLOCK_LEN) };
            at += blocks * BLOCK;
            level
        };
        let mut levels: Vec<Level> = super::levels(data_blocks).iter().rev().map(place).collect();
        levels.reverse();
        Self { salt, levels }
    }

    /// Adds hashes to a level, at most what its open block still takes, and lets a full block go.
    fn add(&mut self, out: &mut BytesBuilder<'_>, level: usize, hashes: &[u8]) -> Result<(), Failure> {
        self.levels[level].open.extend_from_slice(hashes);
        if self.levels[level].open.len() == BLOCK_LEN { self.close(out, level) } else { Ok(()) }
    }

    /// Writes a level's open block, and adds its hash to the level above.
    fn close(&mut self, out: &mut BytesBuilder<'_>, level: usize) -> Result<(), Failure> {
        let Level { at, open } = &mut self.levels[level];
        open.resize(BLOCK_LEN, 0);
        out.put(*at, open)?;
        *at += BLOCK;
        let digest = hash(self.salt, open);
        open.clear();
        if level + 1 < self.levels.len() { self.add(out, level + 1, &digest) } else { Ok(()) }
    }

    /// Writes what is open, from the data up.
    fn flush(&mut self, out: &mut BytesBuilder<'_>) -> Result<(), Failure> {
        for level in 0..self.levels.len() {
            if !self.levels[level].open.is_empty() {
                self.close(out, level)?;
            }
        }
        Ok(())
    }
}
