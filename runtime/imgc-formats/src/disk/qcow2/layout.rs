//! Where things lie: sizes of tables, limits of QEMU, clusters with data.

use imgc_image::{Failure, Problem};
use imgc_plan::units::approximate_size;

use super::options::Options;
use crate::disk::pieces::Piece;

/// The largest L1 table that QEMU opens, in bytes (`QCOW_MAX_L1_SIZE`, `block/qcow2.h`).
const MAX_L1: u64 = 32 << 20;

/// The largest refcount table that QEMU opens, in bytes (`QCOW_MAX_REFTABLE_SIZE`, `block/qcow2.h`).
const MAX_REFCOUNT_TABLE: u64 = 8 << 20;

/// What follows from the disk's length and the cluster size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    /// The virtual size: the disk's length, in whole sectors of 512 bytes.
    pub size: u64,
    /// A cluster in bytes.
    pub cluster: u64,
    /// How many clusters the guest sees.
    pub guest_clusters: u64,
    /// An L2 entry in bytes: 8 or 16.
    pub entry: u64,
    /// How many L2 entries there are in a table.
    pub l2_entries: u64,
    /// How many L1 entries there are.
    pub l1_size: u32,
    /// How many refcounts there are in a block.
    pub counts: u64,
}

impl Geometry {
    /// Computes it for a disk of so many bytes.
    ///
    /// # Errors
    /// `disk-too-large` when QEMU would not open the image with this cluster size.
    pub(super) fn new(len: u64, options: &Options) -> Result<Self, Failure> {
        let cluster = 1 << options.cluster_bits;
        let entry = if options.extended_l2 { 16 } else { 8 };
        let l2_entries = cluster / entry;
        let guest_clusters = len.div_ceil(cluster);
        let l1_size = guest_clusters.div_ceil(l2_entries);
        if l1_size > MAX_L1 / 8 {
            return Err(too_large(len, MAX_L1 / 8 * l2_entries * cluster, cluster));
        }
        Ok(Self {
            size: len.div_ceil(512) * 512,
            cluster,
            guest_clusters,
            entry,
            l2_entries,
            l1_size: u32::try_from(l1_size).expect("because it was bounded"),
            counts: (cluster * 8) >> options.refcount_order,
        })
    }

    /// The clusters that the L1 table takes.
    pub(super) fn l1_clusters(&self) -> u64 {
        (u64::from(self.l1_size) * 8).div_ceil(self.cluster)
    }

    /// How many refcount blocks and clusters of refcount table an image needs whose other clusters number `others`.
    ///
    /// # Errors
    /// `disk-too-large` when QEMU would not open it.
    pub(super) fn refcounts(&self, others: u64) -> Result<Refcounts, Failure> {
        let mut all = Refcounts { blocks: 0, table: 1 };
        loop {
            let blocks = (others + all.blocks + all.table).div_ceil(self.counts);
            let table = (blocks * 8).div_ceil(self.cluster).max(1);
            let next = Refcounts { blocks, table };
            if next == all {
                break;
            }
            all = next;
        }
        if all.table * self.cluster > MAX_REFCOUNT_TABLE {
            let limit = MAX_REFCOUNT_TABLE / 8 * self.counts * self.cluster;
            return Err(too_large(others * self.cluster, limit, self.cluster));
        }
        Ok(all)
    }
}

fn too_large(len: u64, limit: u64, cluster: u64) -> Failure {
    let message = format!(
        "a qcow2 image with clusters of {cluster} bytes cannot hold {}: QEMU opens at most {}",
        approximate_size(len),
        approximate_size(limit),
    );
    Problem::new("disk-too-large", message).help("use a larger `cluster-size`; 64KiB is usual").into()
}

/// How many clusters the refcounts take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refcounts {
    pub blocks: u64,
    pub table: u64,
}

/// A run of guest clusters that have data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// The first guest cluster.
    pub first: u64,
    /// How many.
    pub count: u64,
    /// How many clusters with data there are before it.
    pub before: u64,
}

/// The guest clusters that have data, in order.
pub(super) fn runs(pieces: impl Iterator<Item = Piece>, cluster: u64) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for piece in pieces {
        let first = piece.at / cluster;
        let end = piece.end().div_ceil(cluster);
        match runs.last_mut() {
            Some(last) if first <= last.first + last.count => last.count = end - last.first,
            last => {
                let before = last.map_or(0, |last| last.before + last.count);
                runs.push(Run { first, count: end - first, before });
            }
        }
    }
    runs
}

/// The indices of the L2 tables that these runs need, in order.
pub(super) fn tables(runs: &[Run], l2_entries: u64) -> Vec<u32> {
    let mut tables: Vec<u32> = Vec::new();
    for run in runs {
        let first = run.first / l2_entries;
        let last = (run.first + run.count - 1) / l2_entries;
        for index in first..=last {
            let index = u32::try_from(index).expect("because L1 is bounded");
            if tables.last() != Some(&index) {
                tables.push(index);
            }
        }
    }
    tables
}

/// An L1 table whose L2 tables lie one after another from `offset` on.
pub(super) fn l1(geometry: &Geometry, tables: &[u32], offset: u64) -> Vec<u8> {
    let mut l1 = vec![0; geometry.l1_size as usize * 8];
    for (index, place) in tables.iter().zip(0_u64..) {
        let entry = super::format::plain_entry(offset + place * geometry.cluster);
        let at = *index as usize * 8;
        l1[at..at + 8].copy_from_slice(&entry.to_be_bytes());
    }
    l1
}
