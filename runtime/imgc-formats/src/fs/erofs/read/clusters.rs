//! The indexes of compressed files, full and compact, back to pieces.

use imgc_image::Failure;

use super::{
    super::format::{
        ADVISE_BIG_PCLUSTER_1, ADVISE_COMPACTED_2B, ALGORITHM_LZ4, ALGORITHM_ZSTD, COMPRESSED_FULL,
        D0_CBLKCNT, TYPE_HEAD, TYPE_NONHEAD, TYPE_PLAIN, le16, le32,
    },
    Image, Inode, Place, Run, damaged, foreign,
};

/// `Z_EROFS_PCLUSTER_MAX_SIZE`: the most bytes that a piece is compressed into.
const MOST_PACKED: u64 = 1 << 20;
/// `Z_EROFS_ADVISE_BIG_PCLUSTER_2`: the same for a second algorithm.
const ADVISE_BIG_PCLUSTER_2: u16 = 0x4;
/// Full indexes are read so many at a time.
const BATCH: u64 = 4096;

type Visit<'v> = &'v mut dyn FnMut(Run) -> Result<(), Failure>;

/// What an index says of its cluster.
#[derive(Clone, Copy, Debug)]
enum Cluster {
    /// A piece starts in it.
    Head { plain: bool, offset: u64, block: u32 },
    /// None does; the number of blocks of the piece, if this is where it is said.
    Middle { blocks: Option<u16> },
}

/// Walks the pieces of a compressed inode.
///
/// # Errors
/// When its indexes make no sense, or use what is not understood.
pub fn runs(image: &Image<'_>, inode: &Inode, visit: Visit<'_>) -> Result<(), Failure> {
    let header_at = inode.end().next_multiple_of(8);
    let header = image.bytes(header_at, 8)?;
    let (advise, algorithms, bits) = (le16(&header, 4), header[6], header[7]);
    if advise & !(ADVISE_COMPACTED_2B | ADVISE_BIG_PCLUSTER_1 | ADVISE_BIG_PCLUSTER_2) != 0 || bits >> 7 != 0
    {
        return Err(foreign("compressed tails or fragments"));
    }
    let place: fn(u64, u64) -> Place = match algorithms & 15 {
        ALGORITHM_LZ4 => Place::Lz4,
        ALGORITHM_ZSTD => Place::Zstd,
        _ => return Err(foreign("another compression than LZ4 and Zstandard")),
    };
    if bits & 7 != 0 {
        return Err(foreign("clusters of several blocks"));
    }
    let mut joiner = Joiner { image, inode, place, head: None, visit };
    let count = inode.disk.size.div_ceil(image.block);
    if inode.disk.layout == COMPRESSED_FULL {
        full(image, header_at + 16, count, &mut joiner)?;
    } else {
        compact(image, header_at + 8, count, advise, &mut joiner)?;
    }
    joiner.end(inode.disk.size)
}

fn full(image: &Image<'_>, at: u64, count: u64, joiner: &mut Joiner<'_, '_>) -> Result<(), Failure> {
    image.within(at, count.saturating_mul(8))?;
    for first in (0..count).step_by(BATCH as usize) {
        let bytes = image.bytes(at + first * 8, (count - first).min(BATCH) * 8)?;
        for (n, index) in (first..).zip(bytes.chunks_exact(8)) {
            let distance = le16(index, 4);
            let blocks = (distance & D0_CBLKCNT != 0).then_some(distance & !D0_CBLKCNT);
            let cluster = match le16(index, 0) & 3 {
                TYPE_NONHEAD => Cluster::Middle { blocks },
                kind => joiner.head_of(kind, le16(index, 2).into(), le32(index, 4))?,
            };
            joiner.take(n, cluster)?;
        }
    }
    Ok(())
}

/// Compact indexes: packs of 2 clusters in 8 bytes up to where 32 bytes are aligned, then, if so advised, of 16 in 32 bytes,
/// then of 2 again. A pack ends with the block number that its first piece follows.
fn compact(
    image: &Image<'_>,
    at: u64,
    count: u64,
    advise: u16,
    joiner: &mut Joiner<'_, '_>,
) -> Result<(), Failure> {
    let initial = ((32 - at % 32) / 4) % 8;
    let dense = if advise & ADVISE_COMPACTED_2B != 0 && image.sb.blkszbits == 12 {
        count.saturating_sub(initial) / 16 * 16
    } else {
        0
    };
    let (mut next, mut place) = (0, at);
    while next < count {
        let (clusters, len) =
            if dense > 0 && (initial..initial + dense).contains(&next) { (16, 32) } else { (2, 8) };
        let bytes = image.bytes(place, len)?;
        let take = clusters.min(count - next);
        pack(&bytes, clusters, next, take, advise, joiner)?;
        next += take;
        place += len;
    }
    Ok(())
}

fn pack(
    bytes: &[u8],
    clusters: u64,
    first: u64,
    take: u64,
    advise: u16,
    joiner: &mut Joiner<'_, '_>,
) -> Result<(), Failure> {
    let low_bits = u32::from(joiner.image.sb.blkszbits);
    let big = advise & ADVISE_BIG_PCLUSTER_1 != 0;
    let width = (bytes.len() as u64 - 4) * 8 / clusters;
    let mut padded = bytes.to_vec();
    padded.extend_from_slice(&[0; 4]);
    let entry = |n: u64| {
        let word = le32(&padded, (n * width / 8) as usize) >> (n * width % 8);
        ((word >> low_bits & 3) as u16, word & ((1 << low_bits) - 1))
    };
    let counts = |n: u64| {
        let (kind, low) = entry(n);
        let count = u32::from(D0_CBLKCNT);
        (kind == TYPE_NONHEAD && low & count != 0 && big).then_some((low & !count) as u16)
    };
    let mut block = le32(bytes, bytes.len() - 4).wrapping_add(u32::from(!big));
    for n in 0..take {
        let (kind, low) = entry(n);
        let cluster = if kind == TYPE_NONHEAD {
            block = block.wrapping_add(counts(n).unwrap_or(0).into());
            Cluster::Middle { blocks: counts(n) }
        } else {
            let head = joiner.head_of(kind, low.into(), block)?;
            // A piece of several blocks says so in the next cluster, and is counted there.
            if n + 1 == clusters || counts(n + 1).is_none() {
                block = block.wrapping_add(1);
            }
            head
        };
        joiner.take(first + n, cluster)?;
    }
    Ok(())
}

/// Makes pieces of clusters.
struct Joiner<'a, 'v> {
    image: &'a Image<'a>,
    inode: &'a Inode,
    /// What compressed pieces are.
    place: fn(u64, u64) -> Place,
    /// The piece that is open: where it starts, whether it is plain, its block, its blocks.
    head: Option<(u64, bool, u32, u16)>,
    visit: Visit<'v>,
}

impl Joiner<'_, '_> {
    fn head_of(&self, kind: u16, offset: u64, block: u32) -> Result<Cluster, Failure> {
        match kind {
            TYPE_PLAIN | TYPE_HEAD if offset < self.image.block => {
                Ok(Cluster::Head { plain: kind == TYPE_PLAIN, offset, block })
            }
            TYPE_PLAIN | TYPE_HEAD => Err(self.wrong()),
            _ => Err(foreign("a second compression")),
        }
    }

    fn wrong(&self) -> Failure {
        damaged(format!("the indexes of inode {} make no sense", self.inode.nid))
    }

    fn take(&mut self, n: u64, cluster: Cluster) -> Result<(), Failure> {
        match cluster {
            Cluster::Middle { blocks } => {
                let Some(head) = &mut self.head else { return Err(self.wrong()) };
                if let Some(blocks) = blocks {
                    head.3 = blocks;
                }
                Ok(())
            }
            Cluster::Head { plain, offset, block } => {
                let from = n * self.image.block + offset;
                if self.head.is_none() && from != 0 {
                    return Err(self.wrong());
                }
                self.end(from)?;
                // The last index may only say where the file ends.
                self.head = (from < self.inode.disk.size).then_some((from, plain, block, 1));
                Ok(())
            }
        }
    }

    /// Ends the open piece.
    fn end(&mut self, to: u64) -> Result<(), Failure> {
        let Some((from, plain, block, blocks)) = self.head.take() else { return Ok(()) };
        let (at, packed) = (u64::from(block) * self.image.block, u64::from(blocks) * self.image.block);
        let len = to.saturating_sub(from);
        if len == 0 || to > self.inode.disk.size || packed == 0 || packed > MOST_PACKED {
            return Err(self.wrong());
        }
        if plain && len > self.image.block {
            return Err(self.wrong());
        }
        (self.visit)(Run { from, len, place: if plain { Place::Raw(at) } else { (self.place)(at, packed) } })
    }
}
