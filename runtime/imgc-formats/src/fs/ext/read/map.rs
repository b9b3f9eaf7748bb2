//! Maps as they are read: which blocks hold which part of a file.

use imgc_image::Failure;

use super::{super::map::EXTENT_MAGIC, Image, damaged, u16_at, u32_at};

/// The most levels of an extent tree below its root (Linux, `EXT4_MAX_EXTENT_DEPTH`).
const MOST_DEPTH: u16 = 5;
/// Longer extents are unwritten ones (Linux, `EXT_INIT_MAX_LEN`).
const MOST_WRITTEN: u64 = 1 << 15;

/// Blocks of a file that lie together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The first block's place in the file.
    pub logical: u64,
    /// Its place in the filesystem.
    pub physical: u64,
    /// How many.
    pub len: u64,
    /// Whether they were ever written; if not, they count as zeros.
    pub written: bool,
}

/// What a walk over a map comes by.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// A block of the map itself.
    Own(u64),
    /// Blocks of the file, in ascending order.
    Piece(Piece),
}

impl Image<'_> {
    /// Walks the map in an `i_block`, as far as the first `limit` blocks of the file.
    ///
    /// # Errors
    /// When the map is damaged; and what `give` says.
    pub fn map(
        &self,
        root: &[u8; 60],
        extents: bool,
        limit: u64,
        give: &mut dyn FnMut(Step) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut walk = Walk { image: self, limit, next: 0, budget: self.blocks, pending: None, give };
        if extents {
            walk.extents(root, None)?;
        } else {
            let per = self.block_size / 4;
            for slot in 0..15 {
                let number = u64::from(u32_at(root, slot as usize * 4));
                let (start, level) = match slot {
                    0..12 => (slot, 0),
                    12 => (12, 1),
                    13 => (12 + per, 2),
                    _ => (12 + per + per * per, 3),
                };
                walk.numbers(number, start, level)?;
            }
        }
        walk.flush()
    }
}

/// A walk over a map.
struct Walk<'w, 'a> {
    image: &'w Image<'a>,
    /// Blocks of the file that count.
    limit: u64,
    /// The first block of the file that was not mapped yet.
    next: u64,
    /// Blocks that the map itself can still have: those of sound ones are all different.
    budget: u64,
    /// The last piece, while the next one may continue it.
    pending: Option<Piece>,
    give: &'w mut dyn FnMut(Step) -> Result<(), Failure>,
}

impl Walk<'_, '_> {
    fn own(&mut self, number: u64) -> Result<Vec<u8>, Failure> {
        self.budget = self.budget.checked_sub(1).ok_or_else(|| damaged("the map of a file has no end"))?;
        let block = self.image.block(number)?;
        (self.give)(Step::Own(number))?;
        Ok(block)
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.pending.take().map_or(Ok(()), |piece| (self.give)(Step::Piece(piece)))
    }

    fn push(&mut self, mut piece: Piece) -> Result<(), Failure> {
        let inside = piece.physical > 0 && piece.physical.saturating_add(piece.len) <= self.image.blocks;
        if !inside {
            return Err(damaged(format_args!("a file's blocks from {} on are past its end", piece.physical)));
        }
        piece.len = piece.len.min(self.limit.saturating_sub(piece.logical));
        if piece.len == 0 {
            return Ok(());
        }
        if let Some(last) = &mut self.pending
            && last.logical + last.len == piece.logical
            && last.physical + last.len == piece.physical
            && last.written == piece.written
        {
            last.len += piece.len;
            return Ok(());
        }
        self.flush()?;
        self.pending = Some(piece);
        Ok(())
    }

    /// A node of an extent tree: its root has any depth, what is below it just one less than what is above. As places in the
    /// file only ascend, and no node but the root is empty, no node is met twice.
    fn extents(&mut self, node: &[u8], depth: Option<u16>) -> Result<(), Failure> {
        let (count, most, found) = (usize::from(u16_at(node, 2)), u16_at(node, 4), u16_at(node, 6));
        let fits = 12 * (count + 1) <= node.len() && count <= usize::from(most);
        let level = depth.map_or(found <= MOST_DEPTH, |depth| found == depth && count > 0);
        if u16_at(node, 0) != EXTENT_MAGIC || !fits || !level {
            return Err(damaged("an extent tree has a node that is none"));
        }
        for record in node[12..].chunks_exact(12).take(count) {
            if found > 0 {
                let below = u64::from(u32_at(record, 4)) | u64::from(u16_at(record, 8)) << 32;
                let node = self.own(below)?;
                self.extents(&node, Some(found - 1))?;
                continue;
            }
            let len = u64::from(u16_at(record, 4));
            let piece = Piece {
                logical: u64::from(u32_at(record, 0)),
                physical: u64::from(u32_at(record, 8)) | u64::from(u16_at(record, 6)) << 32,
                len: if len > MOST_WRITTEN { len - MOST_WRITTEN } else { len },
                written: len <= MOST_WRITTEN,
            };
            if piece.len == 0 || piece.logical < self.next || piece.logical + piece.len > 1 << 32 {
                return Err(damaged("an extent tree has extents that are empty or over one another"));
            }
            self.next = piece.logical + piece.len;
            self.push(piece)?;
        }
        Ok(())
    }

    /// A block number with `level` levels of block numbers below it, for the part of the file from `start` on.
    fn numbers(&mut self, number: u64, start: u64, level: u32) -> Result<(), Failure> {
        if number == 0 || start >= self.limit {
            return Ok(());
        }
        if level == 0 {
            return self.push(Piece { logical: start, physical: number, len: 1, written: true });
        }
        let node = self.own(number)?;
        let reach = (self.image.block_size / 4).pow(level - 1);
        for (slot, cell) in node.chunks_exact(4).enumerate() {
            self.numbers(u64::from(u32_at(cell, 0)), start + slot as u64 * reach, level - 1)?;
        }
        Ok(())
    }
}
