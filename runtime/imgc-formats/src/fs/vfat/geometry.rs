//! Which FAT, which clusters: from the length and the options; and the least length for a demand.

use std::fmt;

use super::options::{MAX_CLUSTER, Options};

/// Bits of a FAT entry; the number of clusters decides it for every reader (FAT 1.03, section 3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Width {
    /// Fewer than 4085 clusters.
    Fat12,
    /// 4085 to 65524 clusters.
    Fat16,
    /// More.
    Fat32,
}

impl Width {
    /// Bits of an entry.
    pub fn bits(self) -> u64 {
        match self {
            Self::Fat12 => 12,
            Self::Fat16 => 16,
            Self::Fat32 => 32,
        }
    }

    /// Least and most clusters (FAT 1.03, section 3.5; the most of FAT32 leaves the marks from 0x0FFFFFF7 on).
    pub fn clusters(self) -> (u64, u64) {
        match self {
            Self::Fat12 => (1, 4084),
            Self::Fat16 => (4085, 65524),
            Self::Fat32 => (65525, 0x0fff_fff5),
        }
    }
}

impl fmt::Display for Width {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FAT{}", self.bits())
    }
}

/// Where everything lies, in sectors from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Bits of an entry.
    pub width: Width,
    /// Bytes in a sector.
    pub sector: u64,
    /// Sectors in a cluster.
    pub per_cluster: u64,
    /// Sectors before the first FAT.
    pub reserved: u64,
    /// Copies of the FAT.
    pub fats: u64,
    /// Sectors of one FAT.
    pub fat_sectors: u64,
    /// Sectors of the root directory of FAT12 and FAT16.
    pub root_sectors: u64,
    /// Sectors in all.
    pub sectors: u64,
    /// Clusters.
    pub clusters: u64,
}

impl Geometry {
    /// Bytes in a cluster.
    pub fn cluster_bytes(&self) -> u64 {
        self.per_cluster * self.sector
    }

    /// The byte at which a FAT starts.
    pub fn fat_at(&self, index: u64) -> u64 {
        (self.reserved + index * self.fat_sectors) * self.sector
    }

    /// The byte at which the root directory of FAT12 and FAT16 starts.
    pub fn root_at(&self) -> u64 {
        self.fat_at(self.fats)
    }

    /// The byte at which a cluster starts; the first has the number 2.
    pub fn cluster_at(&self, cluster: u32) -> u64 {
        self.root_at() + self.root_sectors * self.sector + (u64::from(cluster) - 2) * self.cluster_bytes()
    }

    /// Clusters that so many bytes take.
    pub fn clusters_of(&self, bytes: u64) -> u64 {
        bytes.div_ceil(self.cluster_bytes())
    }
}

/// The geometry of this width and cluster; `None` when there is no room, or the clusters are not as many as the width has.
fn fit(options: &Options, width: Width, per_cluster: u64, sectors: u64) -> Option<Geometry> {
    u32::try_from(sectors).ok()?;
    let sector = options.sector;
    let fat32 = width == Width::Fat32;
    let root_sectors = if fat32 { 0 } else { (options.root_entries * 32).div_ceil(sector) };
    let mut reserved = options.reserved.unwrap_or(if fat32 { 32 } else { 1 });
    let room = sectors.checked_sub(reserved + root_sectors)?;
    let table = |clusters: u64| ((clusters + 2) * width.bits()).div_ceil(8 * sector);
    let fat_sectors = least_where(1, table(room / per_cluster), |size| {
        table(room.saturating_sub(options.fats * size) / per_cluster) <= size
    });
    let before = reserved + options.fats * fat_sectors + root_sectors;
    if options.reserved.is_none() {
        reserved += before.next_multiple_of(per_cluster) - before;
    }
    let clusters = sectors.checked_sub(reserved + options.fats * fat_sectors + root_sectors)? / per_cluster;
    let (min, max) = width.clusters();
    (min..=max).contains(&clusters).then_some(Geometry {
        width,
        sector,
        per_cluster,
        reserved,
        fats: options.fats,
        fat_sectors,
        root_sectors,
        sectors,
        clusters,
    })
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

/// Lengths in bytes up to which FAT32 has clusters of so many bytes; as mkfs.fat of dosfstools 4.2 has it.
const FAT32_CLUSTERS: [(u64, u64); 5] =
    [(260 << 20, 512), (8 << 30, 4 << 10), (16 << 30, 8 << 10), (32 << 30, 16 << 10), (u64::MAX, 32 << 10)];

/// From this length on an automatic FAT has 32 bits; as mkfs.fat has it.
const AUTO_FAT32: u64 = 512 << 20;

/// Clusters of FAT12 and FAT16 have so many bytes unless there are too many or too few.
const USUAL_CLUSTER: u64 = 2 << 10;

/// The geometry that the options choose for this many sectors; `None` when there is none.
pub fn choose(options: &Options, sectors: u64) -> Option<Geometry> {
    let bytes = sectors.checked_mul(options.sector)?;
    let widths = match options.fat {
        Some(Width::Fat12) => &[Width::Fat12][..],
        Some(Width::Fat16) => &[Width::Fat16],
        Some(Width::Fat32) => &[Width::Fat32],
        None if options.cluster.is_some() => &[Width::Fat12, Width::Fat16, Width::Fat32],
        None if bytes >= AUTO_FAT32 => &[Width::Fat32],
        None => &[Width::Fat16, Width::Fat12],
    };
    widths.iter().find_map(|width| {
        preferred(options, *width, bytes).find_map(|per_cluster| fit(options, *width, per_cluster, sectors))
    })
}

/// Sectors in a cluster, the one to try first first.
fn preferred(options: &Options, width: Width, bytes: u64) -> impl Iterator<Item = u64> {
    let sector = options.sector;
    let first = match (options.cluster, width) {
        (Some(cluster), _) => cluster / sector,
        (None, Width::Fat32) => {
            let row = FAT32_CLUSTERS.iter().find(|(up_to, _)| bytes <= *up_to);
            row.map_or(1, |(_, cluster)| cluster / sector).max(1)
        }
        (None, _) => (USUAL_CLUSTER / sector).max(1),
    };
    let most = if options.cluster.is_some() { first } else { (MAX_CLUSTER / sector).min(128) };
    let least = match (options.cluster, width, options.fat) {
        (Some(_), ..) => first,
        // An automatic FAT16 does not shrink its clusters: a FAT12 is better then.
        (None, Width::Fat12, _) | (None, Width::Fat16, None) => first,
        _ => 1,
    };
    let up = std::iter::successors(Some(first), move |size| Some(size * 2).filter(|size| *size <= most));
    let down = std::iter::successors(Some(first / 2).filter(|size| *size >= least), move |size| {
        Some(size / 2).filter(|size| *size >= least)
    });
    up.chain(down)
}

/// The geometry of the least length that [`choose`] makes large enough: `need` says how many clusters a geometry must have.
///
/// Which clusters are chosen depends on the length, so the lengths that do are not one range: every length at which something
/// changes is tried, and its neighbours, since one more sector of FAT can cost a cluster.
pub fn least(options: &Options, need: impl Fn(&Geometry) -> u64) -> Option<Geometry> {
    let enough =
        |sectors: u64| choose(options, sectors).filter(|geometry| need(geometry) <= geometry.clusters);
    let mut best: Option<Geometry> = None;
    for (middle, around) in turning_points(options, &need) {
        let below = best.map_or(u64::MAX, |geometry| geometry.sectors);
        let from = middle.saturating_sub(around);
        best = (from..=(middle + around).min(below.saturating_sub(1))).find_map(enough).or(best);
    }
    best
}

/// Lengths in sectors near which a least one can lie, each with how far around it.
fn turning_points(options: &Options, need: impl Fn(&Geometry) -> u64) -> Vec<(u64, u64)> {
    let mut points: Vec<(u64, u64)> = FAT32_CLUSTERS[..4]
        .iter()
        .map(|(bytes, _)| *bytes)
        .chain([AUTO_FAT32])
        .map(|bytes| (bytes / options.sector, 2))
        .collect();
    for width in [Width::Fat12, Width::Fat16, Width::Fat32] {
        let sizes = std::iter::successors(Some(1), |size| Some(size * 2));
        for per_cluster in sizes.take_while(|size| size * options.sector <= MAX_CLUSTER) {
            let mut shape = Geometry {
                width,
                sector: options.sector,
                per_cluster,
                reserved: options.reserved.unwrap_or(if width == Width::Fat32 { 32 } else { 1 }),
                fats: options.fats,
                fat_sectors: 0,
                root_sectors: 0,
                sectors: 0,
                clusters: 0,
            };
            if width != Width::Fat32 {
                shape.root_sectors = (options.root_entries * 32).div_ceil(options.sector);
            }
            for clusters in [need(&shape), 1, 4085, 65525] {
                let table = ((clusters + 2) * width.bits()).div_ceil(8 * options.sector);
                let before = shape.reserved + options.fats * table + shape.root_sectors;
                points.push((before + clusters * per_cluster, 2 * per_cluster + 8));
            }
        }
    }
    points.sort_unstable();
    points
}

#[cfg(test)]
mod tests {
    use imgc_plan::{Data, Record};

    use super::*;

    fn options(pairs: &[(&str, Data)]) -> Options {
        Options::of(
            &pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect::<Record>(),
        )
    }

    #[test]
    fn automatic_choices_follow_the_reference() {
        let auto = options(&[]);
        for (mib, width, cluster) in [
            (1, Width::Fat12, 2048),
            (8, Width::Fat12, 2048),
            (9, Width::Fat16, 2048),
            (128, Width::Fat16, 2048),
            (129, Width::Fat16, 4096),
            (511, Width::Fat16, 8192),
            (512, Width::Fat32, 4096),
            (9000, Width::Fat32, 8192),
            (40_000, Width::Fat32, 32_768),
        ] {
            let geometry = choose(&auto, mib * 2048).unwrap_or_else(|| panic!("{mib} MiB"));
            assert_eq!((geometry.width, geometry.cluster_bytes()), (width, cluster), "{mib} MiB");
            assert_eq!(geometry.cluster_at(2) % cluster, 0);
        }
    }

    #[test]
    fn every_length_up_to_half_a_gibibyte_has_an_automatic_geometry() {
        let auto = options(&[]);
        let first = (1..).find(|sectors| choose(&auto, *sectors).is_some()).expect("one");
        assert!(first < 64, "{first}");
        for sectors in (first..40_000).chain((40_000..(1 << 20) + 5000).step_by(17)) {
            assert!(choose(&auto, sectors).is_some(), "{sectors}");
        }
    }

    #[test]
    fn least_is_what_trying_every_length_finds() {
        for pairs in [
            vec![],
            vec![("fat", Data::from("16"))],
            vec![("fat", Data::from("32"))],
            vec![("cluster-size", Data::from(512u64))],
            vec![("cluster-size", Data::from(4096u64)), ("fats", Data::from(1u64))],
            vec![("sector-size", Data::from(4096u64))],
            vec![("fat", Data::from("12")), ("reserved-sectors", Data::from(3u64))],
        ] {
            let options = options(&pairs);
            for bytes in
                [0, 1, 100_000, 2_088_960, 2_091_000, 5_000_000, 8_364_032, 8_366_080, 20_000_000, 33_600_000]
            {
                let need = |geometry: &Geometry| geometry.clusters_of(bytes).max(1);
                let tried = (1..(80 << 20) / options.sector).find(|s| {
                    choose(&options, *s).is_some_and(|geometry| need(&geometry) <= geometry.clusters)
                });
                let found = least(&options, need).map(|geometry| geometry.sectors);
                assert_eq!(found.filter(|s| *s < (80 << 20) / options.sector), tried, "{pairs:?} {bytes}");
            }
        }
    }
}
