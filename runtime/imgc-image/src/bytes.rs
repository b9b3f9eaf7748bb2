//! Bytes: a length and a sorted list of extents over blobs and other Bytes. What no extent covers is zero.

use std::sync::Arc;

use imgc_plan::{BlobId, Canon, Canonical, ValueId};

/// A value of bytes: a file, a filesystem, a disk. Never in memory, however long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    len: u64,
    refs: Vec<Ref>,
    extents: Vec<Extent>,
}

/// What an extent points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ref {
    /// A blob of the store or a local source.
    Blob(BlobId),
    /// Other Bytes; flattened only by the final walk.
    Bytes(Arc<Bytes>),
}

/// A run of bytes that lie together in what they point at. 32 bytes in memory: there are millions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Where the run starts in the Bytes that it belongs to.
    pub at: u64,
    /// How long it is; never 0.
    pub len: u64,
    /// Where it starts in what it points at.
    pub offset: u64,
    /// Index into [`Bytes::refs`].
    pub source: u32,
}

impl Extent {
    /// The first byte after the run.
    pub fn end(&self) -> u64 {
        self.at + self.len
    }
}

impl Bytes {
    /// So many zero bytes.
    pub fn zeros(len: u64) -> Self {
        Self { len, refs: Vec::new(), extents: Vec::new() }
    }

    /// A whole blob.
    pub fn blob(id: BlobId, len: u64) -> Self {
        if len == 0 {
            return Self::default();
        }
        Self { len, refs: vec![Ref::Blob(id)], extents: vec![Extent { at: 0, len, offset: 0, source: 0 }] }
    }

    /// Takes parts that were checked by [`crate::BytesBuilder`] or the decoder.
    pub(crate) fn from_parts(len: u64, refs: Vec<Ref>, extents: Vec<Extent>) -> Self {
        Self { len, refs, extents }
    }

    /// The length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The runs, sorted by where they start, without overlaps.
    pub fn extents(&self) -> &[Extent] {
        &self.extents
    }

    /// What the runs point at.
    pub fn refs(&self) -> &[Ref] {
        &self.refs
    }

    /// What a run points at.
    pub fn source(&self, extent: &Extent) -> &Ref {
        &self.refs[extent.source as usize]
    }

    /// How many bytes are not known to be zero.
    pub fn allocated(&self) -> u64 {
        self.extents.iter().map(|extent| extent.len).sum()
    }

    /// The runs that touch `[from, to)`, by index.
    pub fn touching(&self, from: u64, to: u64) -> std::ops::Range<usize> {
        let first = self.extents.partition_point(|extent| extent.end() <= from);
        let last = self.extents.partition_point(|extent| extent.at < to);
        first..last.max(first)
    }

    /// The name of this value: see `specs/digests.md`.
    pub fn value_id(&self) -> ValueId {
        let mut c = Canon::new("imgc bytes v1");
        c.add(self);
        c.into()
    }
}

impl Canonical for Bytes {
    fn canon(&self, c: &mut Canon) {
        let Ok(()) = self.canon_by(c, |_| Ok::<(), std::convert::Infallible>(()));
    }
}

impl Bytes {
    /// The canonical encoding, with a pause after each source and run.
    pub(crate) fn canon_by<E>(
        &self,
        c: &mut Canon,
        mut pause: impl FnMut(&mut Canon) -> Result<(), E>,
    ) -> Result<(), E> {
        let Self { len, refs, extents } = self;
        c.int(*len).int(refs.len() as u64);
        for source in refs {
            match source {
                Ref::Blob(id) => c.text("blob").add(id),
                Ref::Bytes(bytes) => c.text("bytes").add(&bytes.value_id()),
            };
            pause(c)?;
        }
        c.int(extents.len() as u64);
        for Extent { at, len, offset, source } in extents {
            c.int(*at).int(*len).int(*offset).add(source);
            pause(c)?;
        }
        Ok(())
    }
}
