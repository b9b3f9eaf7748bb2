//! The last few pieces that were read, by where they came from.

use std::{collections::VecDeque, io, sync::Arc};

/// A few pieces, the one that was asked for last in front.
pub(super) struct Recent {
    most: usize,
    pieces: VecDeque<(u64, Arc<Vec<u8>>)>,
}

impl Recent {
    /// Keeps so many pieces.
    pub(super) fn new(most: usize) -> Self {
        Self { most, pieces: VecDeque::with_capacity(most) }
    }

    /// The piece from there, made if it is not at hand.
    ///
    /// # Errors
    /// Those of `make`.
    pub(super) fn get(
        &mut self,
        from: u64,
        make: impl FnOnce() -> io::Result<Vec<u8>>,
    ) -> io::Result<Arc<Vec<u8>>> {
        let known = self.pieces.iter().position(|(known, _)| *known == from);
        let piece = match known.and_then(|at| self.pieces.remove(at)) {
            Some((_, piece)) => piece,
            None => Arc::new(make()?),
        };
        self.pieces.truncate(self.most - 1);
        self.pieces.push_front((from, Arc::clone(&piece)));
        Ok(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_last_stays() {
        let mut recent = Recent::new(2);
        let mut made = Vec::new();
        for from in [1, 2, 1, 3, 1, 2] {
            let piece = recent.get(from, || {
                made.push(from);
                Ok(vec![from as u8])
            });
            assert_eq!(*piece.unwrap(), [from as u8]);
        }
        assert_eq!(made, [1, 2, 3, 2]);
        assert!(recent.get(9, || Err(io::ErrorKind::InvalidData.into())).is_err());
    }
}
