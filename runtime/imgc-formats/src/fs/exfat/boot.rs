//! The boot region: boot sector, extended boot sectors, parameters, checksum (exFAT 1.00, section 3).

use super::{geometry::Geometry, options::Options};

/// Sectors of a boot region: its backup follows it.
pub const SECTORS: u64 = 12;

/// The sector of a boot region that repeats its checksum (exFAT 1.00, section 3.4).
pub const CHECKSUM: u64 = 11;

/// Where the boot sector says its partition's first sector (`PartitionOffset`; exFAT 1.00, section 3.1.4).
pub const PARTITION_OFFSET: usize = 64;

/// Where the boot sector says what changes while it is mounted: `VolumeFlags`, two bytes, and `PercentInUse`. They are not summed.
const VOLUME_FLAGS: usize = 106;
const PERCENT_IN_USE: usize = 112;

/// What a computer does that tries to boot from it: halt (exFAT 1.00, section 3.1.19).
const HALT: u8 = 0xf4;

/// A whole boot region. Only `used`, the number of clusters that are taken, depends on the tree, and the checksum does not count
/// what follows from it.
pub fn region(options: &Options, geometry: &Geometry, start_sector: u64, used: u64) -> Vec<u8> {
    let sector = usize::try_from(geometry.sector).expect("because a sector has at most 4096 bytes");
    let mut out = boot_sector(options, geometry, start_sector, used).to_vec();
    out.resize(sector * usize::try_from(SECTORS).expect("because it is small"), 0);
    // Extended boot sectors end with a mark of four bytes (`ExtendedBootSignature`).
    for end in (2..=9).map(|number| number * sector) {
        out[end - 2..end].copy_from_slice(&[0x55, 0xaa]);
    }
    let (summed, rest) = out.split_at_mut(sector * usize::try_from(CHECKSUM).expect("because it is small"));
    let sum = checksum(summed).to_le_bytes();
    rest.chunks_exact_mut(4).for_each(|place| place.copy_from_slice(&sum));
    out
}

/// The sum of the first eleven sectors (exFAT 1.00, section 3.4).
pub fn checksum(sectors: &[u8]) -> u32 {
    let skipped = [VOLUME_FLAGS, VOLUME_FLAGS + 1, PERCENT_IN_USE];
    let counted = sectors.iter().enumerate().filter(|(at, _)| !skipped.contains(at));
    counted.fold(0u32, |sum, (_, byte)| sum.rotate_right(1).wrapping_add(u32::from(*byte)))
}

fn boot_sector(options: &Options, geometry: &Geometry, start_sector: u64, used: u64) -> [u8; 512] {
    let mut out = [0; 512];
    let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
    let small = |value: u64| u32::try_from(value).expect("because the geometry keeps fields in their limits");
    let shift = |value: u64| u8::try_from(value.ilog2()).expect("because a logarithm is below 64");
    put(0, &[0xeb, 0x76, 0x90]); // JumpBoot
    put(3, b"EXFAT   "); // FileSystemName
    put(PARTITION_OFFSET, &start_sector.to_le_bytes());
    put(72, &geometry.sectors.to_le_bytes()); // VolumeLength
    put(80, &small(geometry.fat_offset).to_le_bytes()); // FatOffset
    put(84, &small(geometry.fat_length).to_le_bytes()); // FatLength
    put(88, &small(geometry.heap_offset).to_le_bytes()); // ClusterHeapOffset
    put(92, &small(geometry.clusters).to_le_bytes()); // ClusterCount
    put(96, &small(geometry.root_cluster()).to_le_bytes()); // FirstClusterOfRootDirectory
    put(100, &options.serial.to_le_bytes()); // VolumeSerialNumber
    put(104, &[0, 1]); // FileSystemRevision: 1.00
    put(108, &[shift(geometry.sector), shift(geometry.per_cluster), 1, 0x80]); // …Shift, NumberOfFats, DriveSelect
    let percent = u128::from(used) * 100 / u128::from(geometry.clusters.max(1));
    put(PERCENT_IN_USE, &[u8::try_from(percent).unwrap_or(100)]);
    put(120, &[HALT; 390]); // BootCode
    put(510, &[0x55, 0xaa]); // BootSignature
    out
}
