//! Writes an image without compression: its layout is known before its data, so it is a list of pieces.
//!
//! ```text
//! header | refcount table | refcount blocks | L1 | L2 tables | data clusters in guest order
//! ```

use std::fs::File;

use imgc_image::Failure;

use super::{
    format::{ALL_SUBCLUSTERS, Places, header, plain_entry, put_refcounts},
    layout::{Geometry, Run, l1, runs, tables},
    options::{Options, Preallocation},
};
use crate::disk::{
    ExportJob, Exported,
    emit::{Zeros, emit},
    pieces::{Piece, of_disk},
};

/// Writes the image.
///
/// # Errors
/// As [`emit`]; `disk-too-large`.
pub(super) fn export(job: &ExportJob<'_>, options: &Options, file: &File) -> Result<Exported, Failure> {
    let geometry = Geometry::new(job.bytes.len(), options)?;
    let runs = match options.preallocation {
        Preallocation::Off => runs(of_disk(job.bytes), geometry.cluster),
        _ if geometry.guest_clusters == 0 => Vec::new(),
        _ => vec![Run { first: 0, count: geometry.guest_clusters, before: 0 }],
    };
    let zeros = match options.preallocation {
        Preallocation::Off | Preallocation::Metadata => Zeros::Holes,
        Preallocation::Falloc => Zeros::Reserved,
        Preallocation::Full => Zeros::Written,
    };
    let plan = Plan::new(geometry, options, runs)?;
    emit(job, file, plan.clusters * geometry.cluster, zeros, plan.pieces(options, job))
}

/// Where everything lies, in host clusters.
struct Plan {
    geometry: Geometry,
    runs: Vec<Run>,
    tables: Vec<u32>,
    refcount_table: u64,
    refcount_blocks: u64,
    l1: u64,
    l2: u64,
    data: u64,
    /// All of them.
    clusters: u64,
}

impl Plan {
    fn new(geometry: Geometry, options: &Options, runs: Vec<Run>) -> Result<Self, Failure> {
        debug_assert!(options.method.is_none());
        let tables = tables(&runs, geometry.l2_entries);
        let data = runs.last().map_or(0, |last| last.before + last.count);
        let others = 1 + geometry.l1_clusters() + tables.len() as u64 + data;
        let counts = geometry.refcounts(others)?;
        let refcount_table = 1;
        let refcount_blocks = refcount_table + counts.table;
        let l1 = refcount_blocks + counts.blocks;
        let l2 = l1 + geometry.l1_clusters();
        let first = l2 + tables.len() as u64;
        Ok(Self {
            geometry,
            runs,
            tables,
            refcount_table,
            refcount_blocks,
            l1,
            l2,
            data: first,
            clusters: first + data,
        })
    }

    fn pieces<'p>(
        &'p self,
        options: &'p Options,
        job: &ExportJob<'_>,
    ) -> impl Iterator<Item = Piece> + Send + use<'p> {
        let cluster = self.geometry.cluster;
        let places = Places {
            l1_table_offset: self.l1 * cluster,
            refcount_table_offset: self.refcount_table * cluster,
            refcount_table_clusters: u32::try_from(self.refcount_blocks - self.refcount_table)
                .expect("because the refcount table is bounded"),
        };
        let head = [
            Piece::data(0, header(&self.geometry, options, &places)),
            Piece::data(places.refcount_table_offset, self.refcount_table()),
        ];
        let order = options.refcount_order;
        let blocks = (self.refcount_blocks..self.l1).map(move |at| self.refcount_block(at, order));
        let l1 = Piece::data(places.l1_table_offset, l1(&self.geometry, &self.tables, self.l2 * cluster));
        let l2 = (0..self.tables.len()).scan(0, |run, place| Some(self.l2_table(place, run)));
        let mut run = 0;
        let data = of_disk(job.bytes).map(move |piece| self.place(piece, &mut run));
        let meta = head.into_iter().chain(blocks).chain(Some(l1)).chain(l2);
        meta.filter(|piece| piece.len > 0).chain(data)
    }

    fn refcount_table(&self) -> Vec<u8> {
        let cluster = self.geometry.cluster;
        (self.refcount_blocks..self.l1).flat_map(|block| (block * cluster).to_be_bytes()).collect()
    }

    /// The refcount block at this host cluster: 1 for every cluster that there is.
    fn refcount_block(&self, at: u64, order: u32) -> Piece {
        let counts = self.geometry.counts;
        let first = (at - self.refcount_blocks) * counts;
        let used = (self.clusters - first).min(counts);
        let mut block = vec![0; bytes(self.geometry.cluster)];
        put_refcounts(order, (0..used).map(|_| 1), &mut block);
        Piece::data(at * self.geometry.cluster, block)
    }

    /// The L2 table at this place; `run` is the first run that may reach into it, and moves on.
    fn l2_table(&self, place: usize, run: &mut usize) -> Piece {
        let Geometry { cluster, entry, l2_entries, .. } = self.geometry;
        let first = u64::from(self.tables[place]) * l2_entries;
        let end = first + l2_entries;
        let mut table = vec![0; bytes(cluster)];
        while let Some(reach) = self.runs.get(*run).filter(|reach| reach.first < end) {
            for guest in reach.first.max(first)..(reach.first + reach.count).min(end) {
                let host = self.data + reach.before + (guest - reach.first);
                let at = bytes((guest - first) * entry);
                table[at..at + 8].copy_from_slice(&plain_entry(host * cluster).to_be_bytes());
                if entry == 16 {
                    table[at + 8..at + 16].copy_from_slice(&ALL_SUBCLUSTERS.to_be_bytes());
                }
            }
            if reach.first + reach.count > end {
                break;
            }
            *run += 1;
        }
        Piece::data((self.l2 + place as u64) * cluster, table)
    }

    /// Moves a piece of the disk to where it lies in the image. Its clusters lie in one run, and so together.
    fn place(&self, mut piece: Piece, run: &mut usize) -> Piece {
        let cluster = self.geometry.cluster;
        let guest = piece.at / cluster;
        while self.runs[*run].first + self.runs[*run].count <= guest {
            *run += 1;
        }
        let found = self.runs[*run];
        let host = self.data + found.before + (guest - found.first);
        piece.at = host * cluster + piece.at % cluster;
        piece
    }
}

fn bytes(len: u64) -> usize {
    usize::try_from(len).expect("because a cluster fits into memory")
}
