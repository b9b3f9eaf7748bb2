//! The structures as they lie on disk (UEFI 2.10, section 5.3.2 and 5.3.3).

use crate::table::listing::{le32, le64};

/// Entries in an array: what every tool writes, and the least that the specification allows (16 KiB of them).
pub(super) const ENTRIES: u32 = 128;

/// Bytes of an entry.
pub(super) const ENTRY_SIZE: u32 = 128;

/// `Signature` of a header.
pub(super) const SIGNATURE: &[u8; 8] = b"EFI PART";

/// `Revision` 1.0, unchanged since the first specification.
pub(super) const REVISION: u32 = 0x0001_0000;

/// `HeaderSize`: the fields up to `PartitionEntryArrayCRC32`.
pub(super) const HEADER_SIZE: usize = 92;

/// Where `HeaderCRC32` lies in a header.
const HEADER_CRC: std::ops::Range<usize> = 16..20;

/// `OSType` of the record that covers the disk in the protective MBR (section 5.2.3).
pub(super) const PROTECTIVE_TYPE: u8 = 0xee;

/// A header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) my_lba: u64,
    pub(super) alternate_lba: u64,
    pub(super) first_usable_lba: u64,
    pub(super) last_usable_lba: u64,
    pub(super) disk_guid: [u8; 16],
    pub(super) partition_entry_lba: u64,
    pub(super) number_of_partition_entries: u32,
    pub(super) size_of_partition_entry: u32,
    pub(super) partition_entry_array_crc32: u32,
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER_SIZE] {
        let Self {
            my_lba,
            alternate_lba,
            first_usable_lba,
            last_usable_lba,
            disk_guid,
            partition_entry_lba,
            number_of_partition_entries,
            size_of_partition_entry,
            partition_entry_array_crc32,
        } = self;
        let mut bytes = [0; HEADER_SIZE];
        bytes[0..8].copy_from_slice(SIGNATURE);
        bytes[8..12].copy_from_slice(&REVISION.to_le_bytes());
        bytes[12..16].copy_from_slice(&92u32.to_le_bytes());
        bytes[24..32].copy_from_slice(&my_lba.to_le_bytes());
        bytes[32..40].copy_from_slice(&alternate_lba.to_le_bytes());
        bytes[40..48].copy_from_slice(&first_usable_lba.to_le_bytes());
        bytes[48..56].copy_from_slice(&last_usable_lba.to_le_bytes());
        bytes[56..72].copy_from_slice(disk_guid);
        bytes[72..80].copy_from_slice(&partition_entry_lba.to_le_bytes());
        bytes[80..84].copy_from_slice(&number_of_partition_entries.to_le_bytes());
        bytes[84..88].copy_from_slice(&size_of_partition_entry.to_le_bytes());
        bytes[88..92].copy_from_slice(&partition_entry_array_crc32.to_le_bytes());
        let crc = crc32fast::hash(&bytes);
        bytes[HEADER_CRC].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads a header; `None` when its signature is not there.
    pub(super) fn decode(bytes: &[u8; HEADER_SIZE]) -> Option<Self> {
        (bytes[0..8] == *SIGNATURE).then(|| Self {
            my_lba: le64(bytes, 24),
            alternate_lba: le64(bytes, 32),
            first_usable_lba: le64(bytes, 40),
            last_usable_lba: le64(bytes, 48),
            disk_guid: bytes[56..72].try_into().expect("because sixteen bytes are sixteen bytes"),
            partition_entry_lba: le64(bytes, 72),
            number_of_partition_entries: le32(bytes, 80),
            size_of_partition_entry: le32(bytes, 84),
            partition_entry_array_crc32: le32(bytes, 88),
        })
    }
}

/// Whether a header's own checksum is right.
pub(super) fn header_crc_is_right(bytes: &[u8; HEADER_SIZE]) -> bool {
    let mut blank = *bytes;
    blank[HEADER_CRC].fill(0);
    crc32fast::hash(&blank) == le32(bytes, HEADER_CRC.start)
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) partition_type_guid: [u8; 16],
    pub(super) unique_partition_guid: [u8; 16],
    pub(super) starting_lba: u64,
    /// The last sector, which belongs to the partition.
    pub(super) ending_lba: u64,
    pub(super) attributes: u64,
    /// UTF-16LE; what is left of the 36 units is zero.
    pub(super) partition_name: [u16; 36],
}

impl Entry {
    pub(super) fn encode(&self) -> [u8; ENTRY_SIZE as usize] {
        let Self {
            partition_type_guid,
            unique_partition_guid,
            starting_lba,
            ending_lba,
            attributes,
            partition_name,
        } = self;
        let mut bytes = [0; ENTRY_SIZE as usize];
        bytes[0..16].copy_from_slice(partition_type_guid);
        bytes[16..32].copy_from_slice(unique_partition_guid);
        bytes[32..40].copy_from_slice(&starting_lba.to_le_bytes());
        bytes[40..48].copy_from_slice(&ending_lba.to_le_bytes());
        bytes[48..56].copy_from_slice(&attributes.to_le_bytes());
        for (place, unit) in bytes[56..].chunks_exact_mut(2).zip(partition_name) {
            place.copy_from_slice(&unit.to_le_bytes());
        }
        bytes
    }

    /// Reads an entry of at least 128 bytes; `None` when it is not used.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let guid =
            |at: usize| bytes[at..at + 16].try_into().expect("because sixteen bytes are sixteen bytes");
        let partition_type_guid: [u8; 16] = guid(0);
        (partition_type_guid != [0; 16]).then(|| Self {
            partition_type_guid,
            unique_partition_guid: guid(16),
            starting_lba: le64(bytes, 32),
            ending_lba: le64(bytes, 40),
            attributes: le64(bytes, 48),
            partition_name: std::array::from_fn(|unit| {
                u16::from_le_bytes([bytes[56 + 2 * unit], bytes[57 + 2 * unit]])
            }),
        })
    }
}
