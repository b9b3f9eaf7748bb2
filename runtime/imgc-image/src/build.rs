//! Makes Bytes: metadata goes into one new blob, contents are pointed at.

use std::{io, sync::Arc};

use imgc_plan::BlobId;

use crate::{
    blob::{BlobWriter, Store},
    bytes::{Bytes, Extent, Ref},
    tree::Content,
};

/// Bytes in the making. Pieces may come in any order but must not overlap; [`BytesBuilder::finish`] sorts them.
pub struct BytesBuilder<'s> {
    store: &'s dyn Store,
    writer: Option<Box<dyn BlobWriter + 's>>,
    written: u64,
    refs: Vec<Ref>,
    extents: Vec<Extent>,
    chosen_len: Option<u64>,
}

/// The index that stands for the blob being written until its name is known.
const SELF: u32 = u32::MAX;

impl<'s> BytesBuilder<'s> {
    /// Starts with nothing: all zero.
    pub fn new(store: &'s dyn Store) -> Self {
        Self { store, writer: None, written: 0, refs: Vec::new(), extents: Vec::new(), chosen_len: None }
    }

    /// The store that it writes into, for writers that must read contents.
    pub fn store(&self) -> &'s dyn Store {
        self.store
    }

    /// Says the length, where the writer decides it.
    pub fn set_len(&mut self, len: u64) {
        self.chosen_len = Some(len);
    }

    /// The length that the writer decided.
    pub fn chosen_len(&self) -> Option<u64> {
        self.chosen_len
    }

    /// Puts bytes of our own making at `at`. They are streamed into the store.
    ///
    /// # Errors
    /// When the store cannot take them.
    pub fn put(&mut self, at: u64, data: &[u8]) -> io::Result<()> {
        if data.is_empty() {
            return Ok(());
        }
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => none.insert(self.store.create()?),
        };
        writer.write_all(data)?;
        let len = data.len() as u64;
        match self.extents.last_mut() {
            Some(last)
                if last.source == SELF && last.end() == at && last.offset + last.len == self.written =>
            {
                last.len += len;
            }
            _ => self.extents.push(Extent { at, len, offset: self.written, source: SELF }),
        }
        self.written += len;
        Ok(())
    }

    /// Points at a part of a file's content: `len` bytes from `offset` on appear at `at`.
    ///
    /// # Panics
    /// When the part is not within the content: a mistake of the writer.
    pub fn content(&mut self, at: u64, content: &Content, offset: u64, len: u64) {
        assert!(offset.checked_add(len).is_some_and(|end| end <= content.len()), "content part out of range");
        match content {
            Content::Blob { id, .. } => self.blob(at, *id, offset, len),
            Content::Bytes(bytes) => self.part(at, bytes, offset, len),
        }
    }

    /// Points at a part of a blob.
    pub fn blob(&mut self, at: u64, id: BlobId, offset: u64, len: u64) {
        if len == 0 {
            return;
        }
        // A blob that comes again later is found out in the end, all at once: a map would cost more than what it names.
        if !matches!(self.refs.last(), Some(Ref::Blob(last)) if *last == id) {
            self.refs.push(Ref::Blob(id));
        }
        let source = u32::try_from(self.refs.len() - 1).expect("because a value has fewer than 2^32 sources");
        self.extents.push(Extent { at, len, offset, source });
    }

    /// Points at a part of other Bytes, run by run, so that nothing is nested; for contents.
    pub fn part(&mut self, at: u64, bytes: &Bytes, offset: u64, len: u64) {
        let end = offset + len;
        for run in &bytes.extents()[bytes.touching(offset, end)] {
            let from = run.at.max(offset);
            let to = run.end().min(end);
            let start = run.offset + (from - run.at);
            match bytes.source(run) {
                Ref::Blob(id) => self.blob(at + (from - offset), *id, start, to - from),
                Ref::Bytes(inner) => self.part(at + (from - offset), inner, start, to - from),
            }
        }
    }

    /// Points at other Bytes as a whole, by name; for a partition in a disk.
    pub fn nest(&mut self, at: u64, bytes: &Arc<Bytes>) {
        if bytes.is_empty() {
            return;
        }
        let source = u32::try_from(self.refs.len()).expect("because a value has fewer than 2^32 sources");
        self.refs.push(Ref::Bytes(Arc::clone(bytes)));
        self.extents.push(Extent { at, len: bytes.len(), offset: 0, source });
    }

    /// Ends it: `len` bytes in all.
    ///
    /// # Errors
    /// When the store cannot take the metadata, or (`InvalidInput`, our bug) when pieces overlap or reach past the end.
    pub fn finish(mut self, len: u64) -> io::Result<Bytes> {
        if let Some(writer) = self.writer.take() {
            let (id, _) = writer.finish()?;
            let own = u32::try_from(self.refs.len()).expect("because a value has fewer than 2^32 sources");
            self.refs.push(Ref::Blob(id));
            for extent in self.extents.iter_mut().filter(|extent| extent.source == SELF) {
                extent.source = own;
            }
        }
        let mut extents = self.extents;
        if let Some(first) = first_of_equals(&self.refs) {
            extents.iter_mut().for_each(|extent| extent.source = first[extent.source as usize]);
        }
        extents.sort_unstable_by_key(|extent| extent.at);
        merge(&mut extents)?;
        if extents.last().is_some_and(|last| last.end() > len) {
            let message = format!("a piece reaches past the end {len}: {:?}", extents.last());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        extents.shrink_to_fit();
        Ok(canonical(len, self.refs, extents))
    }
}

/// For each source the first that is the same blob; `None` when all blobs differ.
fn first_of_equals(refs: &[Ref]) -> Option<Vec<u32>> {
    let id = |at: u32| match &refs[at as usize] {
        Ref::Blob(id) => Some(id),
        Ref::Bytes(_) => None,
    };
    let count = u32::try_from(refs.len()).expect("because a value has fewer than 2^32 sources");
    let mut order: Vec<u32> = (0..count).filter(|at| id(*at).is_some()).collect();
    order.sort_unstable_by_key(|at| (id(*at), *at));
    if order.windows(2).all(|pair| id(pair[0]) != id(pair[1])) {
        return None;
    }
    let mut first: Vec<u32> = (0..count).collect();
    for equal in order.chunk_by(|a, b| id(*a) == id(*b)) {
        equal.iter().for_each(|at| first[*at as usize] = equal[0]);
    }
    Some(first)
}

/// Joins sorted runs that go on in the same source, in place.
fn merge(extents: &mut Vec<Extent>) -> io::Result<()> {
    let mut kept = 0;
    for at in 0..extents.len() {
        let extent = extents[at];
        if let Some(last) = extents[..kept].last_mut() {
            if extent.at < last.end() {
                let message = format!("pieces overlap at {}: {last:?} and {extent:?}", extent.at);
                return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
            }
            if last.source == extent.source
                && last.end() == extent.at
                && last.offset + last.len == extent.offset
            {
                last.len += extent.len;
                continue;
            }
        }
        extents[kept] = extent;
        kept += 1;
    }
    extents.truncate(kept);
    Ok(())
}

/// Numbers the sources in the order of their first use, so that equal Bytes have equal forms; in place, too.
fn canonical(len: u64, mut refs: Vec<Ref>, mut extents: Vec<Extent>) -> Bytes {
    let mut order = vec![u32::MAX; refs.len()];
    let mut used = 0;
    for extent in &mut extents {
        let slot = &mut order[extent.source as usize];
        if *slot == u32::MAX {
            *slot = used;
            used += 1;
        }
        extent.source = *slot;
    }
    let mut unused = used..;
    for slot in order.iter_mut().filter(|slot| **slot == u32::MAX) {
        *slot = unused.next().expect("because a value has fewer than 2^32 sources");
    }
    for at in 0..refs.len() {
        while order[at] as usize != at {
            let to = order[at] as usize;
            refs.swap(at, to);
            order.swap(at, to);
        }
    }
    refs.truncate(used as usize);
    refs.shrink_to_fit();
    Bytes::from_parts(len, refs, extents)
}

/// Lays pieces over Bytes: where a piece is, the base is not. Pieces must not overlap one another.
///
/// # Errors
/// As [`BytesBuilder::finish`]; also when a piece reaches past the end of the base.
pub fn overlay(store: &dyn Store, base: &Arc<Bytes>, pieces: &[(u64, Patch)]) -> io::Result<Bytes> {
    let mut sorted: Vec<&(u64, Patch)> = pieces.iter().filter(|(_, piece)| !piece.is_empty()).collect();
    sorted.sort_by_key(|(at, _)| *at);
    let mut out = BytesBuilder::new(store);
    let mut done = 0;
    for (at, piece) in sorted {
        if *at < done || at.checked_add(piece.len()).is_none_or(|end| end > base.len()) {
            let message =
                format!("a stamp at {at} of {} bytes does not lie within {} bytes", piece.len(), base.len());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        out.section(done, base, done, at - done);
        match piece {
            Patch::Data(data) => out.put(*at, data)?,
            Patch::Bytes(bytes) => out.nest(*at, bytes),
        }
        done = at + piece.len();
    }
    out.section(done, base, done, base.len() - done);
    out.finish(base.len())
}

/// What is laid over Bytes.
#[derive(Clone, Debug)]
pub enum Patch {
    /// These bytes.
    Data(Vec<u8>),
    /// These Bytes, as a whole.
    Bytes(Arc<Bytes>),
}

impl Patch {
    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Data(data) => data.len() as u64,
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl BytesBuilder<'_> {
    /// Points at a section of other Bytes by name, without flattening them.
    pub fn section(&mut self, at: u64, bytes: &Arc<Bytes>, offset: u64, len: u64) {
        if len == 0 {
            return;
        }
        let found =
            self.refs.iter().rposition(|known| matches!(known, Ref::Bytes(b) if Arc::ptr_eq(b, bytes)));
        let index = found.unwrap_or_else(|| {
            self.refs.push(Ref::Bytes(Arc::clone(bytes)));
            self.refs.len() - 1
        });
        let source = u32::try_from(index).expect("because a value has fewer than 2^32 sources");
        self.extents.push(Extent { at, len, offset, source });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{blob::MemoryStore, read::Reader};

    fn text(store: &MemoryStore, bytes: &Bytes) -> String {
        let mut buf = vec![0; usize::try_from(bytes.len()).expect("small")];
        Reader::new(bytes, store).read_at(0, &mut buf).expect("reads");
        String::from_utf8(buf).expect("text").replace('\0', ".")
    }

    #[test]
    fn pieces_are_sorted_merged_and_read_back() {
        let store = MemoryStore::default();
        let id = store.put(b"0123456789").expect("stored");
        let mut out = BytesBuilder::new(&store);
        out.put(10, b"cd").expect("stored");
        out.put(0, b"a").expect("stored");
        out.put(1, b"b").expect("stored");
        out.blob(4, id, 3, 4);
        let bytes = out.finish(14).expect("made");
        assert_eq!(text(&store, &bytes), "ab..3456..cd..");
        assert_eq!(bytes.extents().len(), 3);
    }

    #[test]
    fn overlaps_and_overhangs_are_refused() {
        let store = MemoryStore::default();
        let mut out = BytesBuilder::new(&store);
        out.put(0, b"abc").expect("stored");
        out.put(2, b"d").expect("stored");
        assert!(out.finish(9).is_err());
        let mut out = BytesBuilder::new(&store);
        out.put(8, b"abc").expect("stored");
        assert!(out.finish(9).is_err());
    }

    #[test]
    fn stamps_lie_over_the_base() {
        let store = MemoryStore::default();
        let mut out = BytesBuilder::new(&store);
        out.put(2, b"abcdef").expect("stored");
        let base = Arc::new(out.finish(10).expect("made"));
        let pieces = [(7, Patch::Data(b"XY".to_vec())), (3, Patch::Data(b"Z".to_vec()))];
        let stamped = overlay(&store, &base, &pieces).expect("stamped");
        assert_eq!(text(&store, &stamped), "..aZcdeXY.");
        assert!(overlay(&store, &base, &[(9, Patch::Data(b"XY".to_vec()))]).is_err());
    }
}
