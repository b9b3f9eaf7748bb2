//! Files with holes: how large the chunks must be so that chunks and their addresses take the least room.

use imgc_image::Content;

use super::format::BLOCK;

/// Larger chunks do not fit the `1 << bits` of readers with 32-bit words.
const MOST_BITS: u32 = 30;

/// The blocks of a file that are not holes as ranges, sorted and apart from one another.
pub fn data_blocks(content: &Content) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for (at, len) in content.data_runs() {
        let (from, to) = (at / BLOCK, (at + len).div_ceil(BLOCK));
        match ranges.last_mut() {
            Some(last) if last.1 >= from => last.1 = last.1.max(to),
            _ => ranges.push((from, to)),
        }
    }
    ranges
}

/// The size of chunks, as a power of two, with which a file of `size` bytes takes the least room, if that is less than all of
/// its blocks.
pub fn chunk_bits(ranges: &[(u64, u64)], size: u64) -> Option<u32> {
    let blocks = size.div_ceil(BLOCK);
    let used: u64 = ranges.iter().map(|(from, to)| to - from).sum();
    if used == blocks {
        return None;
    }
    (BLOCK.ilog2()..=MOST_BITS)
        .map(|bits| (cost(ranges, size, bits), bits))
        .min()
        .filter(|(cost, _)| *cost < blocks * BLOCK)
        .map(|(_, bits)| bits)
}

/// Bytes of chunks and addresses.
fn cost(ranges: &[(u64, u64)], size: u64, bits: u32) -> u64 {
    let per = (1 << bits) / BLOCK;
    let blocks = size.div_ceil(BLOCK);
    let touched: u64 = touched(ranges, per).map(|chunk| ((chunk + 1) * per).min(blocks) - chunk * per).sum();
    touched * BLOCK + 4 * size.div_ceil(1 << bits)
}

/// The chunks of `per` blocks that hold data.
pub fn touched(ranges: &[(u64, u64)], per: u64) -> impl Iterator<Item = u64> {
    let mut next = 0;
    ranges.iter().flat_map(move |(from, to)| {
        let first = (from / per).max(next);
        next = to.div_ceil(per).max(next);
        first..next
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_grow_with_what_lies_between_holes() {
        assert_eq!(chunk_bits(&[(0, 10)], 10 * BLOCK), None);
        assert_eq!(chunk_bits(&[], 20 << 30), Some(MOST_BITS));
        assert_eq!(chunk_bits(&[(3, 4)], 100 * BLOCK), Some(12));
        assert_eq!(chunk_bits(&[(3, 4)], (20 << 30) + 1), Some(18));
        assert_eq!(chunk_bits(&[(0, 5), (6, 12)], 12 * BLOCK), Some(12));
        assert_eq!(touched(&[(0, 1), (2, 3), (9, 17)], 4).collect::<Vec<_>>(), [0, 2, 3, 4]);
    }
}
