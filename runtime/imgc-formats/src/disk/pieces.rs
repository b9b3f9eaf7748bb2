//! Pieces: what an artifact is made of, in its order; what lies between two is zero.

use std::{iter::Peekable, sync::Arc};

use imgc_image::{
    Bytes,
    read::{Leaf, Walk},
};
use imgc_plan::BlobId;

/// A run of an artifact's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where it starts in the artifact, in bytes.
    pub at: u64,
    /// How long it is in bytes; never 0.
    pub len: u64,
    /// Where its bytes come from.
    pub source: Source,
}

/// Where a piece's bytes come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A blob, from this offset on.
    Blob(BlobId, u64),
    /// Bytes that the format made.
    Data(Vec<u8>),
}

impl Piece {
    /// Bytes that the format made.
    pub fn data(at: u64, data: Vec<u8>) -> Self {
        Self { at, len: data.len() as u64, source: Source::Data(data) }
    }

    /// The first byte after it.
    pub fn end(&self) -> u64 {
        self.at + self.len
    }

    /// Cuts off what lies from `at` on; only pieces of blobs are cut.
    fn split(&mut self, at: u64) -> Option<Self> {
        let Source::Blob(id, offset) = self.source else { return None };
        let head = at - self.at;
        let tail = Self { at, len: self.len - head, source: Source::Blob(id, offset + head) };
        self.len = head;
        Some(tail)
    }
}

impl From<Leaf> for Piece {
    fn from(Leaf { at, len, blob, offset }: Leaf) -> Self {
        Self { at, len, source: Source::Blob(blob, offset) }
    }
}

/// The pieces of a disk, as it lies.
pub fn of_disk(bytes: &Arc<Bytes>) -> impl Iterator<Item = Piece> + Send + use<> {
    Walk::new(bytes).map(Piece::from)
}

/// Bytes that one job reads, about. Several fit into a processor's second-level cache, so that hashing finds them there.
const CHUNK: u64 = 512 << 10;

/// Pieces that one job reads, at most: bounds memory where pieces are tiny.
const MOST: usize = 4096;

/// Groups pieces into jobs of about half a MiB. A piece that fits is not cut, for every cut costs another open of its file.
pub struct Chunks<I: Iterator<Item = Piece>> {
    pieces: Peekable<I>,
    rest: Option<Piece>,
}

impl<I: Iterator<Item = Piece>> Chunks<I> {
    /// Groups these pieces, which must be in order.
    pub fn new(pieces: I) -> Self {
        Self { pieces: pieces.peekable(), rest: None }
    }
}

impl<I: Iterator<Item = Piece>> Iterator for Chunks<I> {
    type Item = Vec<Piece>;

    fn next(&mut self) -> Option<Vec<Piece>> {
        let mut chunk = Vec::new();
        let mut len = 0;
        while len < CHUNK && chunk.len() < MOST {
            let fits = |piece: &Piece| len == 0 || len + piece.len <= 2 * CHUNK;
            let Some(mut piece) = self.rest.take().or_else(|| self.pieces.next_if(fits)) else { break };
            if piece.len > 2 * CHUNK {
                let cut = piece.at + CHUNK;
                self.rest = piece.split(cut - cut % CHUNK);
            }
            len += piece.len;
            chunk.push(piece);
        }
        (!chunk.is_empty()).then_some(chunk)
    }
}

/// The pieces of one window of a disk, for formats that work cluster by cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Where the window starts in the disk: a multiple of the cluster size.
    pub at: u64,
    /// The pieces in it, cut at its end; never empty.
    pub pieces: Vec<Piece>,
}

/// Cuts pieces of blobs into windows that start at a cluster with data and are at most so many bytes long.
pub struct Windows<I> {
    pieces: I,
    rest: Option<Piece>,
    cluster: u64,
    len: u64,
}

impl<I: Iterator<Item = Piece>> Windows<I> {
    /// Windows of about a quarter of a MiB, or one cluster where clusters are larger.
    pub fn new(pieces: I, cluster: u64) -> Self {
        Self { pieces, rest: None, cluster, len: cluster.max(256 << 10) }
    }

    /// The length of a window in bytes.
    pub fn window_len(&self) -> u64 {
        self.len
    }
}

impl<I: Iterator<Item = Piece>> Iterator for Windows<I> {
    type Item = Window;

    fn next(&mut self) -> Option<Window> {
        let first = self.rest.take().or_else(|| self.pieces.next())?;
        let at = first.at - first.at % self.cluster;
        let end = at + self.len;
        let mut pieces = Vec::new();
        let mut next = Some(first);
        while let Some(mut piece) = next {
            if piece.at >= end {
                self.rest = Some(piece);
                break;
            }
            if piece.end() > end {
                self.rest = piece.split(end);
                pieces.push(piece);
                break;
            }
            pieces.push(piece);
            next = self.pieces.next();
        }
        Some(Window { at, pieces })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(at: u64, len: u64) -> Piece {
        Piece { at, len, source: Source::Blob(BlobId::of(b"x"), at) }
    }

    fn shape(pieces: &[Piece]) -> Vec<(u64, u64)> {
        pieces.iter().map(|piece| (piece.at, piece.len)).collect()
    }

    #[test]
    fn small_pieces_are_grouped_and_large_ones_cut_at_even_places() {
        let all = vec![blob(0, 100), blob(200, 400 << 10), blob(500 << 10, 1 << 20), blob(2 << 20, 3 << 20)];
        let total: u64 = all.iter().map(|piece| piece.len).sum();
        let chunks: Vec<Vec<Piece>> = Chunks::new(all.into_iter()).collect();
        assert_eq!(shape(&chunks[0]), [(0, 100), (200, 400 << 10)]);
        assert_eq!(shape(&chunks[1]), [(500 << 10, 1 << 20)]);
        assert_eq!(shape(&chunks[2]), [(2 << 20, 512 << 10)]);
        assert_eq!(chunks.iter().flatten().map(|piece| piece.len).sum::<u64>(), total);
        for piece in chunks.iter().flatten() {
            assert!(matches!(piece.source, Source::Blob(_, offset) if offset == piece.at));
            assert!(piece.len <= 2 * CHUNK);
        }
    }

    #[test]
    fn windows_start_at_clusters_and_cut_pieces_at_their_end() {
        let all = vec![blob(5000, 10), blob(200 << 10, 100 << 10), blob(9 << 20, 1)];
        let windows: Vec<Window> = Windows::new(all.into_iter(), 4096).collect();
        assert_eq!(windows[0].at, 4096);
        assert_eq!(shape(&windows[0].pieces), [(5000, 10), (200 << 10, 60 << 10)]);
        assert_eq!(windows[1].at, 260 << 10);
        assert_eq!(shape(&windows[1].pieces), [(260 << 10, 40 << 10)]);
        assert_eq!((windows[2].at, windows.len()), (9 << 20, 3));
    }
}
