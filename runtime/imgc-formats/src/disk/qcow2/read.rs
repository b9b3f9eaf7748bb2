//! Reads the disk in an image, whoever made it, every field taken for hostile.
//!
//! Snapshots are left alone: it is the present state that is read. Refcounts are not looked at, as reading needs none.

mod header;
mod recent;
mod unpack;

use std::{
    io,
    sync::{Arc, Mutex},
};

use imgc_image::{Failure, ReadAt};

use self::{header::Header, recent::Recent};
use super::format::COMPRESSED;
use crate::disk::Damaged;

/// The offset in an entry of L1 or L2: bits 9 to 55 (specification, "Cluster mapping").
const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;
/// L2 entries of version 3: the cluster reads as zeros, whatever it points at.
const ZERO: u64 = 1;
/// Bytes of an L2 table that are read at once.
const SLICE: u64 = 4096;
/// Slices of L2 tables, and unpacked clusters, that are kept.
const SLICES: usize = 64;
const CLUSTERS: usize = 4;
/// Subclusters of a cluster where L2 entries are extended.
const SUBCLUSTERS: u64 = 32;

/// The disk in an image.
pub(super) struct Disk<'a> {
    file: &'a dyn ReadAt,
    header: Header,
    /// The active L1 table, as far as the disk's length needs it.
    l1: Vec<u64>,
    slices: Mutex<Recent>,
    clusters: Mutex<Recent>,
}

/// What a part of the disk is.
enum Place {
    /// Zeros.
    Zero,
    /// Bytes at this offset in the file.
    At(u64),
    /// A part of what this entry's compressed cluster holds.
    Packed(u64),
}

/// Opens an image; `None` when it is not qcow2.
///
/// # Errors
/// When it is damaged, or has what is not understood: a backing file, encryption, a data file, features of later versions.
pub(super) fn open<'a>(file: &'a dyn ReadAt) -> Result<Option<Disk<'a>>, Failure> {
    let Some(header) = Header::read(file)? else { return Ok(None) };
    let l1 = header.l1(file)?;
    let (slices, clusters) = (Mutex::new(Recent::new(SLICES)), Mutex::new(Recent::new(CLUSTERS)));
    Ok(Some(Disk { file, header, l1, slices, clusters }))
}

fn damaged(what: impl std::fmt::Display) -> io::Error {
    let damaged = Damaged(format!("the qcow2 image is damaged: {what}"));
    io::Error::new(io::ErrorKind::InvalidData, damaged)
}

impl ReadAt for Disk<'_> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(buf.len() as u64).filter(|end| *end <= self.header.size);
        let (mut at, mut rest) = (offset, buf);
        end.ok_or(io::ErrorKind::UnexpectedEof)?;
        while !rest.is_empty() {
            let unit = self.header.unit();
            let inside = unit - at % unit;
            let now = usize::try_from(inside).map_or(rest.len(), |inside| inside.min(rest.len()));
            let (part, more) = rest.split_at_mut(now);
            self.read_part(at, part)?;
            rest = more;
            at += now as u64;
        }
        Ok(())
    }

    fn len(&self) -> u64 {
        self.header.size
    }
}

impl Disk<'_> {
    /// Reads what lies within one cluster, or subcluster where there are some.
    fn read_part(&self, at: u64, part: &mut [u8]) -> io::Result<()> {
        let within = at % self.header.cluster();
        match self.place(at)? {
            Place::Zero => part.fill(0),
            Place::At(start) => self.read_plain(start + within, part)?,
            Place::Packed(entry) => {
                let cluster = self.unpacked(entry)?;
                let from = usize::try_from(within).expect("because a cluster has at most 2 MiB");
                part.copy_from_slice(&cluster[from..from + part.len()]);
            }
        }
        Ok(())
    }

    /// Reads bytes of the file. The last cluster need not be there as a whole: what is beyond the file's end is zero.
    fn read_plain(&self, at: u64, part: &mut [u8]) -> io::Result<()> {
        let there = self.file.len().saturating_sub(at);
        let there = usize::try_from(there).map_or(part.len(), |there| there.min(part.len()));
        part[there..].fill(0);
        self.file.read_at(at, &mut part[..there])
    }

    fn place(&self, at: u64) -> io::Result<Place> {
        let cluster = self.header.cluster();
        let index = at / cluster;
        let per = self.header.entries();
        let table = usize::try_from(index / per).ok().and_then(|table| self.l1.get(table));
        let table = table.expect("because L1 was as long as the disk's length needs") & OFFSET;
        if table == 0 {
            return Ok(Place::Zero);
        }
        if !table.is_multiple_of(cluster)
            || table.checked_add(cluster).is_none_or(|end| end > self.file.len())
        {
            return Err(damaged(format_args!("an L2 table at {table} is not there")));
        }
        let (entry, bitmap) = self.entry(table, index % per)?;
        if entry & COMPRESSED != 0 {
            return Ok(Place::Packed(entry));
        }
        let start = entry & OFFSET;
        let zero = if self.header.extended {
            let shift = at % cluster / (cluster / SUBCLUSTERS);
            match (bitmap >> shift & 1, bitmap >> (shift + SUBCLUSTERS) & 1) {
                (1, 1) => return Err(damaged("a subcluster is both data and zeros")),
                (data, _) => data == 0,
            }
        } else {
            start == 0 || (self.header.version >= 3 && entry & ZERO != 0)
        };
        if zero {
            return Ok(Place::Zero);
        }
        if start == 0 || !start.is_multiple_of(cluster) || start >= self.file.len() {
            return Err(damaged(format_args!("a cluster at {start} is not there")));
        }
        Ok(Place::At(start))
    }

    /// An entry of an L2 table; with extended ones the second half, too.
    fn entry(&self, table: u64, index: u64) -> io::Result<(u64, u64)> {
        let size = if self.header.extended { 16 } else { 8 };
        let slice = SLICE.min(self.header.cluster());
        let start = table + index * size / slice * slice;
        let mut slices = self.slices.lock().expect("because no holder of the lock panics");
        let bytes = slices.get(start, || {
            let mut bytes = vec![0; usize::try_from(slice).expect("because a slice is small")];
            self.file.read_at(start, &mut bytes).map(|()| bytes)
        })?;
        let at = usize::try_from(index * size % slice).expect("because a slice is small");
        let word =
            |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().expect("because it is eight bytes"));
        Ok((word(at), if self.header.extended { word(at + 8) } else { 0 }))
    }

    /// What a compressed cluster holds ("Compressed Clusters Descriptor").
    fn unpacked(&self, entry: u64) -> io::Result<Arc<Vec<u8>>> {
        let mut clusters = self.clusters.lock().expect("because no holder of the lock panics");
        clusters.get(entry, || {
            let border = 62 - (self.header.cluster_bits - 8);
            let start = entry & ((1 << border) - 1);
            let sectors = ((entry & !(3 << 62)) >> border) + 1;
            let end = (start / 512 + sectors) * 512;
            if start >= self.file.len() {
                return Err(damaged(format_args!("a compressed cluster at {start} is not there")));
            }
            let len = usize::try_from(end.min(self.file.len()) - start);
            let mut packed = vec![0; len.expect("because it is not longer than a few clusters")];
            self.file.read_at(start, &mut packed)?;
            let len = usize::try_from(self.header.cluster()).expect("because a cluster has at most 2 MiB");
            unpack::unpack(self.header.zstd, &packed, len)
                .ok_or_else(|| damaged(format_args!("the compressed cluster at {start} cannot be unpacked")))
        })
    }
}
