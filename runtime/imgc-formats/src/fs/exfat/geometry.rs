//! Where everything lies: from the length and the options; and the least length for a demand.

use super::{
    options::{MAX_CLUSTER, Options},
    upcase,
};

/// Sectors of the boot region and its backup (exFAT 1.00, section 2): the FAT comes no sooner.
pub const BOOT_REGIONS: u64 = 24;

/// The most clusters (exFAT 1.00, section 3.1.9).
pub const MAX_CLUSTERS: u64 = 0xffff_fff5;

/// The least bytes of a volume (exFAT 1.00, section 3.1.5).
pub const MIN_VOLUME: u64 = 1 << 20;

/// Lengths in bytes up to which clusters have so many bytes, as mkfs.exfat of exfatprogs has it.
const CLUSTERS: [(u64, u64); 2] = [(256 << 20, 4 << 10), (32 << 30, 32 << 10)];

/// Bytes of a cluster beyond.
const LARGE_CLUSTER: u64 = 128 << 10;

/// From this length in bytes on, clusters grow with it, so that there are fewer than [`MAX_CLUSTERS`].
const LARGE: u64 = LARGE_CLUSTER << 31;

/// Where everything lies, in sectors from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Bytes in a sector.
    pub sector: u64,
    /// Sectors in a cluster.
    pub per_cluster: u64,
    /// `FatOffset`.
    pub fat_offset: u64,
    /// `FatLength`.
    pub fat_length: u64,
    /// `ClusterHeapOffset`.
    pub heap_offset: u64,
    /// `VolumeLength`.
    pub sectors: u64,
    /// `ClusterCount`.
    pub clusters: u64,
}

impl Geometry {
    /// Bytes in a cluster.
    pub fn cluster_bytes(&self) -> u64 {
        self.per_cluster * self.sector
    }

    /// The byte at which a cluster starts; the first has the number 2.
    pub fn cluster_at(&self, cluster: u64) -> u64 {
        self.heap_offset * self.sector + (cluster - 2) * self.cluster_bytes()
    }

    /// Clusters that so many bytes take.
    pub fn clusters_of(&self, bytes: u64) -> u64 {
        bytes.div_ceil(self.cluster_bytes())
    }

    /// Bytes of the allocation bitmap.
    pub fn bitmap_bytes(&self) -> u64 {
        self.clusters.div_ceil(8)
    }

    /// Where the up-case table starts: after the bitmap, which has the first clusters.
    pub fn upcase_cluster(&self) -> u64 {
        2 + self.clusters_of(self.bitmap_bytes())
    }

    /// Where the root directory starts: what lies before it does not depend on the tree, so the boot sector does not either.
    pub fn root_cluster(&self) -> u64 {
        self.upcase_cluster() + self.clusters_of(upcase::table().len() as u64)
    }
}

/// What follows from the options and the cluster size alone.
struct Shape {
    sector: u64,
    per_cluster: u64,
    align: u64,
    fat_offset: u64,
}

impl Shape {
    fn of(options: &Options, cluster: u64) -> Self {
        let align = options.align.unwrap_or(cluster) / options.sector;
        Self {
            sector: options.sector,
            per_cluster: cluster / options.sector,
            align,
            fat_offset: BOOT_REGIONS.next_multiple_of(align),
        }
    }

    /// Sectors of a FAT for so many clusters.
    fn fat_length(&self, clusters: u64) -> u64 {
        ((clusters + 2) * 4).div_ceil(self.sector)
    }

    /// Where clusters begin after a FAT of this length.
    fn heap_offset(&self, fat_length: u64) -> u64 {
        (self.fat_offset + fat_length).next_multiple_of(self.align)
    }

    /// Clusters of which a FAT of this length can speak.
    fn spoken_of(&self, fat_length: u64) -> u64 {
        (fat_length * self.sector / 4 - 2).min(MAX_CLUSTERS)
    }

    /// Clusters for which there is room behind a FAT of this length.
    fn room(&self, sectors: u64, fat_length: u64) -> u64 {
        (sectors.saturating_sub(self.heap_offset(fat_length)) / self.per_cluster).min(MAX_CLUSTERS)
    }

    fn geometry(&self, fat_length: u64, clusters: u64, sectors: u64) -> Geometry {
        Geometry {
            sector: self.sector,
            per_cluster: self.per_cluster,
            fat_offset: self.fat_offset,
            fat_length,
            heap_offset: self.heap_offset(fat_length),
            sectors,
            clusters,
        }
    }

    /// The geometry with the most clusters. One more sector of FAT can cost more clusters, by alignment, than it adds: then the
    /// volume ends before its partition does, so that a longer one never holds less.
    fn fit(&self, sectors: u64) -> Option<Geometry> {
        let most = self.fat_length((sectors / self.per_cluster).min(MAX_CLUSTERS));
        let enough = least_where(1, most, |len| self.room(sectors, len) <= self.spoken_of(len));
        let clusters = self.room(sectors, enough);
        let fewer = enough.saturating_sub(1).max(1);
        let capped = self.spoken_of(fewer).min(self.room(sectors, fewer));
        let end = self.heap_offset(fewer) + capped * self.per_cluster;
        let least = MIN_VOLUME / self.sector;
        let found = if capped > clusters && end >= least {
            self.geometry(fewer, capped, end)
        } else {
            self.geometry(enough, clusters, sectors)
        };
        (found.clusters > 0 && found.sectors >= least).then_some(found)
    }
}

/// The least number in `[low, high]` that holds, given that `high` does and all above one that does.
fn least_where(mut low: u64, mut high: u64, holds: impl Fn(u64) -> bool) -> u64 {
    while low < high {
        let middle = low.midpoint(high);
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// Cluster sizes to choose from, each with the greatest length in bytes that has it, the least first.
fn choices(options: &Options) -> Vec<(u64, u64)> {
    if let Some(cluster) = options.cluster {
        return vec![(u64::MAX, cluster)];
    }
    let mut all = CLUSTERS.to_vec();
    let (mut up_to, mut cluster) = (LARGE, LARGE_CLUSTER);
    while cluster < MAX_CLUSTER {
        all.push((up_to, cluster));
        (up_to, cluster) = (up_to * 2, cluster * 2);
    }
    all.push((u64::MAX, cluster));
    all
}

/// The geometry that the options choose for this many sectors; `None` when there is none.
pub fn choose(options: &Options, sectors: u64) -> Option<Geometry> {
    let bytes = sectors.checked_mul(options.sector)?;
    let (_, cluster) = choices(options).into_iter().find(|(up_to, _)| bytes <= *up_to)?;
    Shape::of(options, cluster).fit(sectors)
}

/// The least number of sectors for which [`choose`] gives a geometry that is large enough: `need` says how many clusters it must
/// have for all but the bitmap, by the bytes of a cluster. Within one cluster size a longer volume has no fewer clusters.
pub fn least(options: &Options, need: impl Fn(u64) -> u64) -> Option<u64> {
    let mut from = MIN_VOLUME / options.sector;
    for (up_to, cluster) in choices(options) {
        let shape = Shape::of(options, cluster);
        let need = need(cluster);
        let bitmap = |clusters: u64| clusters.div_ceil(8).div_ceil(cluster);
        let clusters = least_where(need, need.saturating_add(need / 64 + 2), |all| all - bitmap(all) >= need);
        if clusters <= MAX_CLUSTERS {
            let end = shape.heap_offset(shape.fat_length(clusters)) + clusters * shape.per_cluster;
            // A volume is not cut below the least length, so some lengths right above it hold less than the shorter ones.
            let enough = |sectors: &u64| shape.fit(*sectors).is_some_and(|found| found.clusters >= clusters);
            let first = end.max(from);
            let found = (first..=first + shape.per_cluster).find(enough);
            if let Some(found) = found.filter(|found| *found <= up_to / options.sector) {
                return Some(found);
            }
        }
        from = up_to / options.sector + 1;
    }
    None
}
