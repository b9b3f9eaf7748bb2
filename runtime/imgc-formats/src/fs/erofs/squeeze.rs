//! Compressed files: segments become pieces, pieces become indexes.
//!
//! A piece is an extent of a file that lies in whole blocks: compressed, at their end, or as it is, in one block. Segments are
//! compressed apart from one another, so that threads share the work and the bytes do not depend on how many there are.

use std::io;

use super::{
    format::{ADVISE_BIG_PCLUSTER_1, BLOCK, D0_CBLKCNT, TYPE_HEAD, TYPE_NONHEAD, TYPE_PLAIN},
    lz4::{Search, fill},
    options::Method,
    zstandard::Filler,
};

/// Bytes of a file that are compressed together. Much less than what a kernel accepts as one piece (12 MiB,
/// `Z_EROFS_PCLUSTER_MAX_DSIZE`), much more than the window; changing it changes bytes.
pub const SEGMENT: u64 = 1 << 20;

/// An extent of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Bytes of the file.
    pub len: u32,
    /// Blocks of compressed bytes; 0: as it is, in one block.
    pub packed: u16,
}

impl Piece {
    /// Blocks that it takes.
    pub fn blocks(&self) -> u64 {
        u64::from(self.packed.max(1))
    }
}

/// Bytes of a segment with pieces of at most so many blocks.
pub fn segment(cluster_blocks: u64) -> u64 {
    SEGMENT.max(4 * cluster_blocks * BLOCK)
}

/// A compressor at work on a segment.
enum Engine<'i> {
    Lz4(Search<'i>),
    Zstd(Filler<'i>),
}

impl Engine<'_> {
    /// Compresses from `at` on into at most `room` bytes: how many bytes of the segment they hold, and the bytes.
    fn fill(&mut self, at: usize, room: usize) -> io::Result<(usize, Vec<u8>)> {
        match self {
            Self::Lz4(search) => Ok(fill(search, at, room)),
            Self::Zstd(filler) => filler.fill(at, room),
        }
    }
}

/// Compresses a segment: pieces, with their blocks where they are compressed.
///
/// # Errors
/// When the compressor fails.
pub fn squeeze(input: &[u8], method: Method, cluster_blocks: u64) -> io::Result<Vec<(Piece, Vec<u8>)>> {
    let block = BLOCK as usize;
    let mut engine = match method {
        Method::Lz4(effort) => Engine::Lz4(Search::new(input, effort)),
        Method::Zstd { level, window } => Engine::Zstd(Filler::new(input, level, window)?),
    };
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < input.len() {
        let rest = input.len() - at;
        let (taken, bytes) =
            if rest > block { engine.fill(at, cluster_blocks as usize * block)? } else { (0, Vec::new()) };
        let blocks = bytes.len().div_ceil(block);
        // A sixteenth must be saved to be worth decompressing, or a block at the end. Then a piece before the end is longer than
        // a block, so no cluster of the file ever holds the starts of two.
        let pays = taken * 16 >= blocks * block * 17 || (taken == rest && blocks < rest.div_ceil(block));
        if blocks > 0 && pays {
            let mut padded = vec![0; blocks * block - bytes.len()];
            padded.extend_from_slice(&bytes);
            pieces.push((Piece { len: taken as u32, packed: blocks as u16 }, padded));
            at += taken;
            continue;
        }
        for _ in 0..(taken / block).max(1) {
            let len = block.min(input.len() - at);
            pieces.push((Piece { len: len as u32, packed: 0 }, Vec::new()));
            at += len;
        }
    }
    Ok(pieces)
}

/// `h_advise` with pieces of at most so many blocks.
pub fn advise(cluster_blocks: u64) -> u16 {
    if cluster_blocks > 1 { ADVISE_BIG_PCLUSTER_1 } else { 0 }
}

/// Bytes from the end of an inode's attributes, which is at `from` in the metadata, to the end of its indexes.
pub fn indexes_len(from: u64, size: u64) -> u64 {
    from.next_multiple_of(8) - from + 16 + 8 * size.div_ceil(BLOCK)
}

/// The indexes of a file whose pieces lie from block `first` on: `z_erofs_map_header`, eight unused bytes, and a
/// `z_erofs_lcluster_index` for each cluster of the file.
pub fn indexes(first: u32, pieces: &[Piece], advise: u16, algorithm: u8, mut put: impl FnMut(&[u8; 8])) {
    let [low, high] = advise.to_le_bytes();
    put(&[0, 0, 0, 0, low, high, algorithm, 0]);
    put(&[0; 8]);
    let (mut block, mut offset) = (first, 0);
    for piece in pieces {
        let kind = if piece.packed == 0 { TYPE_PLAIN } else { TYPE_HEAD };
        put(&index(kind, offset as u16, block.to_le_bytes()));
        // The next piece starts, or the file ends, in the cluster that is so many after this one.
        let clusters = (offset + u64::from(piece.len)) / BLOCK;
        for back in 1..clusters {
            let distance = match back {
                1 if advise & ADVISE_BIG_PCLUSTER_1 != 0 => piece.packed | D0_CBLKCNT,
                // Readers look back again from where such a step leads.
                _ => back.min(u64::from(D0_CBLKCNT) - 1) as u16,
            };
            let ahead = (clusters - back).min(u16::MAX.into()) as u16;
            let [d0, d1] = [distance.to_le_bytes(), ahead.to_le_bytes()];
            put(&index(TYPE_NONHEAD, 0, [d0[0], d0[1], d1[0], d1[1]]));
        }
        offset = if clusters == 0 { 0 } else { (offset + u64::from(piece.len)) % BLOCK };
        block += piece.blocks() as u32;
    }
    // The last piece may end in a cluster in which none starts.
    if offset > 0 {
        put(&index(TYPE_PLAIN, offset as u16, [0; 4]));
    }
}

fn index(advise: u16, cluster_offset: u16, u: [u8; 4]) -> [u8; 8] {
    let [a0, a1] = advise.to_le_bytes();
    let [c0, c1] = cluster_offset.to_le_bytes();
    [a0, a1, c0, c1, u[0], u[1], u[2], u[3]]
}
