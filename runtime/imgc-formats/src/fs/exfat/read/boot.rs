//! The boot sector as it is read.

use imgc_image::Failure;

use super::{
    super::geometry::{BOOT_REGIONS, MAX_CLUSTERS},
    damaged, foreign,
    items::{le32, le64},
};

/// A boot sector that makes sense.
#[derive(Clone, Debug)]
pub struct Boot {
    /// Bytes in a sector.
    pub sector: u64,
    /// Sectors in a cluster.
    pub per_cluster: u64,
    /// `PartitionOffset`.
    pub partition_offset: u64,
    /// `VolumeLength`, in sectors.
    pub sectors: u64,
    /// The byte at which the FAT starts.
    pub fat_at: u64,
    /// `FatLength`, in sectors.
    pub fat_length: u64,
    /// The byte at which clusters start.
    pub heap_at: u64,
    /// `ClusterCount`.
    pub clusters: u64,
    /// `FirstClusterOfRootDirectory`.
    pub root: u64,
    /// `VolumeSerialNumber`.
    pub serial: u32,
    /// `PercentInUse`.
    pub percent: u8,
}

impl Boot {
    /// Decodes it; `None` when it is no exFAT's.
    ///
    /// # Errors
    /// When it makes no sense in an image of `len` bytes.
    pub fn decode(bytes: &[u8; 512], len: u64) -> Result<Option<Self>, Failure> {
        if bytes[3..11] != *b"EXFAT   " || bytes[510..] != [0x55, 0xaa] {
            return Ok(None);
        }
        let (sector_shift, cluster_shift, fats) = (bytes[108], bytes[109], bytes[110]);
        if !(9..=12).contains(&sector_shift) || cluster_shift > 25 - sector_shift {
            return Err(damaged("its sectors or clusters have no size that exFAT knows"));
        }
        if bytes[105] != 1 {
            return Err(foreign(&format!("the revision {}.{:02}", bytes[105], bytes[104])));
        }
        if fats != 1 {
            return Err(foreign(&format!("{fats} FATs")));
        }
        let field = |at| u64::from(le32(bytes, at));
        let (sector, per_cluster) = (1 << sector_shift, 1 << cluster_shift);
        let boot = Self {
            sector,
            per_cluster,
            partition_offset: le64(bytes, 64),
            sectors: le64(bytes, 72),
            fat_at: field(80) * sector,
            fat_length: field(84),
            heap_at: field(88) * sector,
            clusters: field(92),
            root: field(96),
            serial: le32(bytes, 100),
            percent: bytes[112],
        };
        boot.check(len)?;
        Ok(Some(boot))
    }

    fn check(&self, len: u64) -> Result<(), Failure> {
        let end = self.sectors.checked_mul(self.sector).filter(|end| *end <= len);
        let end = end.ok_or_else(|| damaged("it is longer than the image"))?;
        let fat_end = self.fat_at + self.fat_length * self.sector;
        if self.fat_at < BOOT_REGIONS * self.sector || fat_end > self.heap_at {
            return Err(damaged("its FAT lies over something else"));
        }
        if self.clusters > MAX_CLUSTERS || (self.clusters + 2) * 4 > self.fat_length * self.sector {
            return Err(damaged("its FAT is too small for its clusters"));
        }
        let room = end.checked_sub(self.heap_at).map(|room| room / self.cluster());
        if room.is_none_or(|room| room < self.clusters) {
            return Err(damaged("its clusters reach beyond its end"));
        }
        if !self.has(self.root) {
            return Err(damaged("its root directory is not among its clusters"));
        }
        Ok(())
    }

    /// Bytes in a cluster.
    pub fn cluster(&self) -> u64 {
        self.sector * self.per_cluster
    }

    /// Whether there is a cluster of this number.
    pub fn has(&self, cluster: u64) -> bool {
        (2..self.clusters + 2).contains(&cluster)
    }

    /// The byte at which a cluster starts.
    pub fn cluster_at(&self, cluster: u64) -> u64 {
        self.heap_at + (cluster - 2) * self.cluster()
    }
}
