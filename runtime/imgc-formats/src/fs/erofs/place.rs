//! Where inodes lie in the metadata: each in the fullest block that still has room for it and its tail.

use super::format::{BLOCK, SLOT};

/// Slots of a block.
const PER_BLOCK: u64 = BLOCK / SLOT;

/// The blocks of the metadata, by how many slots at their end are free.
#[derive(Debug)]
pub struct Slots {
    free: Vec<Vec<u64>>,
    blocks: u64,
}

impl Slots {
    /// Starts with one block of which the first slot is taken: no inode has the number 0, which readers of directories
    /// take for a name that was removed.
    pub fn new() -> Self {
        let mut free = vec![Vec::new(); PER_BLOCK as usize];
        free[PER_BLOCK as usize - 1].push(0);
        Self { free, blocks: 1 }
    }

    /// Blocks so far.
    pub fn blocks(&self) -> u64 {
        self.blocks
    }

    /// Places an inode with all that follows it, so many bytes, and gives its number. What fits into a block lies in one.
    pub fn place(&mut self, len: u64) -> u64 {
        let slots = len.div_ceil(SLOT);
        let fitting = self.free.iter_mut().enumerate().skip(slots as usize);
        let found = fitting.filter_map(|(free, blocks)| Some((free as u64, blocks.pop()?))).next();
        let (first, end) = match found {
            Some((free, block)) => (block * PER_BLOCK + PER_BLOCK - free, (block + 1) * PER_BLOCK),
            None => {
                let first = self.blocks * PER_BLOCK;
                self.blocks += slots.div_ceil(PER_BLOCK);
                (first, self.blocks * PER_BLOCK)
            }
        };
        let left = end - first - slots;
        if left > 0 {
            self.free[left as usize].push(end / PER_BLOCK - 1);
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inodes_fill_the_fullest_block_that_has_room() {
        let mut slots = Slots::new();
        assert_eq!(slots.place(32), 1);
        assert_eq!(slots.place(4096), 128);
        assert_eq!(slots.place(4000), 2);
        assert_eq!(slots.place(33), 256);
        assert_eq!(slots.place(32), 127);
        assert_eq!(slots.place(10_000), 384);
        assert_eq!(slots.place(2200), 697);
        assert_eq!(slots.place(64), 766);
        assert_eq!(slots.blocks(), 6);
    }
}
