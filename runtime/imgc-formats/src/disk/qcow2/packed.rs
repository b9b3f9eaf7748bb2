//! Writes a compressed image: clusters are compressed on all cores, and placed one after another in guest order.
//!
//! ```text
//! header | L1 | L2 tables | data: compressed clusters packed by the byte, plain ones aligned | refcount blocks | refcount table
//! ```
//!
//! A cluster of zeros has no place; one that does not shrink is stored plain.

use std::fs::File;

use imgc_image::Failure;

use super::{
    codec::{Coder, Method},
    format::{ALL_SUBCLUSTERS, Places, compressed_entry, header, plain_entry, put_refcounts},
    layout::{Geometry, l1, runs, tables},
    options::Options,
};
use crate::disk::{
    ExportJob, Exported,
    emit::{Tally, interrupted, read_blob, rehash, write},
    pieces::{Window, Windows, of_disk},
    pipe::{self, Spares},
};

/// Writes the image.
///
/// # Errors
/// When contents cannot be read or the file cannot be written; `disk-too-large`; [`Failure::Interrupted`].
pub(super) fn export(
    job: &ExportJob<'_>,
    options: &Options,
    method: Method,
    file: &File,
) -> Result<Exported, Failure> {
    let geometry = Geometry::new(job.bytes.len(), options)?;
    let windows = Windows::new(of_disk(job.bytes), geometry.cluster);
    let len = bytes(windows.window_len());
    let (buffers, coders, packs) = (Spares::new(), Spares::new(), Spares::new());
    let make = |window: Window| {
        let mut buf = buffers.get().unwrap_or_else(|| vec![0; len]);
        let mut coder = coders.get().map_or_else(|| Coder::new(method), Ok)?;
        let mut pack: Pack = packs.get().unwrap_or_default();
        let filled = fill(job, &window, geometry.cluster, &mut buf)?;
        pack.fill(job, window.at, &filled, geometry.cluster, &buf, &mut coder)?;
        buffers.put(buf);
        coders.put(coder);
        Ok(pack)
    };
    let mut image = Image::new(job, geometry, options, file);
    let mut tally = Tally::new(job, job.bytes.len());
    let take = |pack: Pack| {
        image.add(&pack)?;
        tally.reach(pack.end);
        packs.put(pack);
        Ok(())
    };
    pipe::run(job.stop, windows.map(Ok), make, take)?;
    let len = image.finish(options)?;
    let sha256 = rehash(file, len, job.stop)?;
    tally.reach(job.bytes.len());
    Ok(Exported { len, sha256 })
}

fn bytes(len: u64) -> usize {
    usize::try_from(len).expect("because a window fits into memory")
}

/// Reads a window into `buf` and gives the ranges of it, in whole clusters, that have data.
fn fill(
    job: &ExportJob<'_>,
    window: &Window,
    cluster: u64,
    buf: &mut [u8],
) -> Result<Vec<std::ops::Range<usize>>, Failure> {
    let cluster = bytes(cluster);
    let mut filled: Vec<std::ops::Range<usize>> = Vec::new();
    let mut done = 0;
    for piece in &window.pieces {
        interrupted(job.stop)?;
        let from = bytes(piece.at - window.at);
        let to = from + bytes(piece.len);
        let first = from - from % cluster;
        match filled.last_mut() {
            Some(last) if first <= last.end => {
                buf[done..from].fill(0);
                last.end = to.next_multiple_of(cluster);
            }
            last => {
                if let Some(last) = last {
                    buf[done..last.end].fill(0);
                }
                buf[first..from].fill(0);
                filled.push(first..to.next_multiple_of(cluster));
            }
        }
        read_blob(job.blobs, piece, &mut buf[from..to])?;
        done = to;
    }
    if let Some(last) = filled.last() {
        buf[done..last.end].fill(0);
    }
    Ok(filled)
}

/// The clusters of one window, compressed.
#[derive(Default)]
struct Pack {
    /// Guest cluster, length of its bytes in `data`, whether they are compressed.
    clusters: Vec<(u64, usize, bool)>,
    data: Vec<u8>,
    /// The first byte of the disk after the window's data.
    end: u64,
}

impl Pack {
    fn fill(
        &mut self,
        job: &ExportJob<'_>,
        at: u64,
        filled: &[std::ops::Range<usize>],
        cluster: u64,
        buf: &[u8],
        coder: &mut Coder,
    ) -> Result<(), Failure> {
        self.clusters.clear();
        self.data.clear();
        for range in filled {
            let first = (at + range.start as u64) / cluster;
            for (guest, data) in (first..).zip(buf[range.clone()].chunks_exact(bytes(cluster))) {
                interrupted(job.stop)?;
                if is_zero(data) {
                    continue;
                }
                let len = coder.compress(data, &mut self.data)?;
                if len.is_none() {
                    self.data.extend_from_slice(data);
                }
                self.clusters.push((guest, len.unwrap_or(data.len()), len.is_some()));
            }
            self.end = at + range.end as u64;
        }
        Ok(())
    }
}

/// Whether there are only zeros; ends at the first block that is not.
fn is_zero(data: &[u8]) -> bool {
    let mut blocks = data.chunks_exact(64);
    blocks.by_ref().all(|block| block == [0; 64]) && blocks.remainder().iter().all(|byte| *byte == 0)
}

/// The image in the making.
struct Image<'f> {
    geometry: Geometry,
    tables: Vec<u32>,
    /// The host cluster of the first L2 table.
    l2: u64,
    /// The L2 table that is being filled, and its index in L1.
    table: Vec<u8>,
    current: Option<u32>,
    /// How often each host cluster is used.
    counts: Vec<u16>,
    most: u16,
    refcount_order: u32,
    /// Where the next compressed cluster may start, and the end of the host cluster that it is in.
    pack: (u64, u64),
    out: Stream<'f>,
}

impl<'f> Image<'f> {
    fn new(job: &ExportJob<'_>, geometry: Geometry, options: &Options, file: &'f File) -> Self {
        let tables = tables(&runs(of_disk(job.bytes), geometry.cluster), geometry.l2_entries);
        let l2 = 1 + geometry.l1_clusters();
        let first = l2 + tables.len() as u64;
        // Widths below 16 bits bound how many compressed clusters may share a host cluster.
        let most = u16::try_from((1_u64 << (1 << options.refcount_order.min(4))) - 1).unwrap_or(u16::MAX);
        Self {
            geometry,
            tables,
            l2,
            table: Vec::new(),
            current: None,
            counts: vec![1; bytes(first)],
            most,
            refcount_order: options.refcount_order,
            pack: (0, 0),
            out: Stream { file, at: 0, buf: Vec::new() },
        }
    }

    fn add(&mut self, pack: &Pack) -> Result<(), Failure> {
        let mut data = pack.data.as_slice();
        for &(guest, len, compressed) in &pack.clusters {
            let (head, tail) = data.split_at(len);
            data = tail;
            let (at, entry) = if compressed {
                let at = self.allocate_bytes(len as u64);
                (at, compressed_entry(self.geometry.cluster.trailing_zeros(), at, len as u64))
            } else {
                let at = self.allocate_cluster();
                (at, plain_entry(at))
            };
            self.out.put(at, head)?;
            self.enter(guest, entry, compressed)?;
        }
        Ok(())
    }

    /// A whole host cluster.
    fn allocate_cluster(&mut self) -> u64 {
        self.counts.push(1);
        (self.counts.len() as u64 - 1) * self.geometry.cluster
    }

    /// Bytes after the last compressed cluster, over a cluster's end where the next one is free.
    fn allocate_bytes(&mut self, len: u64) -> u64 {
        let cluster = self.geometry.cluster;
        let (mut at, mut end) = self.pack;
        let shared = at < end && self.counts[bytes(at / cluster)] < self.most;
        let last = self.counts.len() as u64 * cluster;
        if !(shared && (end - at >= len || end == last)) {
            (at, end) = (last, last);
        }
        if at < end {
            self.counts[bytes(at / cluster)] += 1;
        }
        if at + len > end {
            self.counts.push(1);
            end += cluster;
        }
        self.pack = (at + len, end);
        at
    }

    /// Enters a cluster into its L2 table; guest clusters come in order, so one table is open at a time.
    fn enter(&mut self, guest: u64, entry: u64, compressed: bool) -> Result<(), Failure> {
        let index = u32::try_from(guest / self.geometry.l2_entries).expect("because L1 is bounded");
        if self.current != Some(index) {
            self.end_table()?;
            self.current = Some(index);
            self.table.clear();
            self.table.resize(bytes(self.geometry.cluster), 0);
        }
        let at = bytes(guest % self.geometry.l2_entries * self.geometry.entry);
        self.table[at..at + 8].copy_from_slice(&entry.to_be_bytes());
        if self.geometry.entry == 16 && !compressed {
            self.table[at + 8..at + 16].copy_from_slice(&ALL_SUBCLUSTERS.to_be_bytes());
        }
        Ok(())
    }

    fn end_table(&mut self) -> Result<(), Failure> {
        let Some(index) = self.current else { return Ok(()) };
        let place = self.tables.binary_search(&index).expect("because every table was listed") as u64;
        write(self.out.file, &self.table, (self.l2 + place) * self.geometry.cluster)
    }

    /// Writes what is known now: refcounts, L1, header. Gives the image's length.
    fn finish(mut self, options: &Options) -> Result<u64, Failure> {
        self.end_table()?;
        self.out.flush()?;
        let cluster = self.geometry.cluster;
        let blocks = self.counts.len() as u64;
        let counts = self.geometry.refcounts(blocks)?;
        let table = blocks + counts.blocks;
        let len = (table + counts.table) * cluster;
        let file = self.out.file;
        file.set_len(len).map_err(Failure::machine(format!("giving the artifact its {len} bytes")))?;
        self.counts.resize(bytes(table + counts.table), 1);
        for (at, part) in (blocks..).zip(self.counts.chunks(bytes(self.geometry.counts))) {
            let mut block = vec![0; bytes(cluster)];
            put_refcounts(self.refcount_order, part.iter().map(|count| u64::from(*count)), &mut block);
            self.out.put(at * cluster, &block)?;
        }
        let entries: Vec<u8> = (blocks..table).flat_map(|block| (block * cluster).to_be_bytes()).collect();
        self.out.put(table * cluster, &entries)?;
        self.out.put(cluster, &l1(&self.geometry, &self.tables, self.l2 * cluster))?;
        let places = Places {
            l1_table_offset: cluster,
            refcount_table_offset: table * cluster,
            refcount_table_clusters: u32::try_from(counts.table)
                .expect("because the refcount table is bounded"),
        };
        self.out.put(0, &header(&self.geometry, options, &places))?;
        self.out.flush()?;
        Ok(len)
    }
}

/// Writes bytes that mostly follow one another.
struct Stream<'f> {
    file: &'f File,
    at: u64,
    buf: Vec<u8>,
}

impl Stream<'_> {
    fn put(&mut self, at: u64, data: &[u8]) -> Result<(), Failure> {
        if at != self.at + self.buf.len() as u64 || self.buf.len() + data.len() > 1 << 20 {
            self.flush()?;
            self.at = at;
        }
        self.buf.extend_from_slice(data);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Failure> {
        write(self.file, &self.buf, self.at)?;
        self.at += self.buf.len() as u64;
        self.buf.clear();
        Ok(())
    }
}
