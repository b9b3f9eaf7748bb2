//! Holes: a function of content alone, so that equal contents are equal values wherever they come from.
//!
//! An aligned page of 4096 zero bytes that lies whole within the content is a hole. A shorter page at the end is data.

use std::io;

use imgc_plan::BlobId;

use crate::{
    blob::Store,
    bytes::{Bytes, Extent, Ref},
    tree::Content,
};

/// The grain of holes in bytes: the page and block size of the systems that we write for. Changing it
/// changes values.
pub const PAGE: usize = 4096;

/// Finds the runs of data in a content that arrives piece by piece.
#[derive(Clone, Debug, Default)]
pub struct HoleFinder {
    /// The runs so far, as (start, length).
    runs: Vec<(u64, u64)>,
    at: u64,
    /// The page that is not whole yet: how much of it came, and whether that was all zero.
    partial: usize,
    zero: bool,
}

impl HoleFinder {
    /// Starts at the beginning of a content.
    pub fn new() -> Self {
        Self { zero: true, ..Self::default() }
    }

    /// Takes the next piece.
    pub fn push(&mut self, mut piece: &[u8]) {
        while !piece.is_empty() {
            let (page, rest) = piece.split_at(piece.len().min(PAGE - self.partial));
            self.zero = self.zero && is_zero(page);
            self.partial += page.len();
            if self.partial == PAGE {
                self.page(!self.zero);
            }
            piece = rest;
        }
    }

    /// Takes zero bytes that nobody had to read.
    pub fn skip(&mut self, mut len: u64) {
        while len > 0 {
            let room = (PAGE - self.partial) as u64;
            if self.partial == 0 && len >= PAGE as u64 {
                let whole = len / PAGE as u64 * PAGE as u64;
                self.at += whole;
                len -= whole;
            } else {
                let part = len.min(room);
                self.partial += usize::try_from(part).expect("because it is at most a page");
                len -= part;
                if self.partial == PAGE {
                    self.page(!self.zero);
                }
            }
        }
    }

    fn page(&mut self, data: bool) {
        let len = self.partial as u64;
        if data {
            match self.runs.last_mut() {
                Some((at, run)) if *at + *run == self.at => *run += len,
                _ => self.runs.push((self.at, len)),
            }
        }
        self.at += len;
        self.partial = 0;
        self.zero = true;
    }

    /// The length and the runs of data, as (start, length).
    pub fn finish(mut self) -> (u64, Vec<(u64, u64)>) {
        if self.partial > 0 {
            self.page(true);
        }
        (self.at, self.runs)
    }
}

/// Whether all of these bytes are zero.
pub fn is_zero(bytes: &[u8]) -> bool {
    let words = bytes.chunks_exact(16);
    let tail = words.remainder();
    // The first byte alone settles most pages.
    bytes.first().is_none_or(|byte| *byte == 0)
        && words.into_iter().all(|word| word == [0; 16])
        && tail.iter().all(|byte| *byte == 0)
}

/// The content that a blob of this name and length is, when only these runs of it are data.
pub fn content(id: BlobId, len: u64, runs: &[(u64, u64)]) -> Content {
    match runs {
        [(0, run)] if *run == len => Content::Blob { id, len },
        [] => Bytes::zeros(len).into(),
        _ => {
            let extent = |(at, len): &(u64, u64)| Extent { at: *at, len: *len, offset: *at, source: 0 };
            Bytes::from_parts(len, vec![Ref::Blob(id)], runs.iter().map(extent).collect()).into()
        }
    }
}

/// Stores bytes that are in memory as a content with its holes.
///
/// # Errors
/// When the store cannot take them.
pub fn store(store: &dyn Store, bytes: &[u8]) -> io::Result<Content> {
    let mut finder = HoleFinder::new();
    finder.push(bytes);
    let (len, runs) = finder.finish();
    if runs.is_empty() {
        return Ok(Bytes::zeros(len).into());
    }
    Ok(content(store.put(bytes)?, len, &runs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::MemoryStore;

    #[test]
    fn holes_depend_on_content_not_on_pieces() {
        let mut bytes = vec![0; 5 * PAGE + 100];
        bytes[PAGE + 7] = 1;
        bytes[4 * PAGE] = 2;
        let page = PAGE as u64;
        let expect = vec![(page, page), (4 * page, page + 100)];
        for step in [1, 7, 4095, 4096, 4097, 30_000] {
            let mut finder = HoleFinder::new();
            bytes.chunks(step).for_each(|piece| finder.push(piece));
            assert_eq!(finder.finish(), (bytes.len() as u64, expect.clone()), "{step}");
        }
        let mut finder = HoleFinder::new();
        finder.push(&bytes[..PAGE + 10]);
        finder.push(&bytes[PAGE + 10..2 * PAGE + 5]);
        finder.skip(2 * PAGE as u64 - 5);
        finder.push(&bytes[4 * PAGE..]);
        assert_eq!(finder.finish().1, expect);
    }

    #[test]
    fn zeros_need_no_blob_and_short_ends_are_data() {
        let memory = MemoryStore::default();
        assert_eq!(store(&memory, &[0; 8192]).expect("stored"), Bytes::zeros(8192).into());
        assert!(matches!(store(&memory, &[0; 100]).expect("stored"), Content::Blob { len: 100, .. }));
        assert_eq!(store(&memory, b"").expect("stored"), Content::empty());
        assert!(!is_zero(&[0, 0, 0, 1]) && is_zero(&[]) && !is_zero(&[&[0; 64][..], &[1]].concat()));
    }
}
