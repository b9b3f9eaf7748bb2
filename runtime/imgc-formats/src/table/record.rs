//! The 16 bytes of a partition in a master or extended boot record, and the addresses in them.
//!
//! UEFI 2.10, section 5.2.1 (Legacy Master Boot Record), names the fields.

use std::fmt;

use super::listing::le32;

/// Offset of the first record in the sector; the four fill it up to the signature.
pub(super) const RECORDS: usize = 446;

/// Offset and value of the signature that ends a boot record, whatever the sector size.
pub(super) const SIGNATURE: (usize, [u8; 2]) = (510, [0x55, 0xaa]);

/// `BootIndicator` of the partition to start from.
pub(super) const BOOTABLE: u8 = 0x80;

/// Heads and sectors of a track that every tool assumes for disks without a geometry (libfdisk, sgdisk, BIOS with LBA).
const HEADS: u64 = 255;
const TRACK: u64 = 63;
/// Cylinders that ten bits can count.
const CYLINDERS: u64 = 1024;

/// A partition record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) boot_indicator: u8,
    pub(super) starting_chs: [u8; 3],
    pub(super) os_type: u8,
    pub(super) ending_chs: [u8; 3],
    /// In sectors, relative to what the boot record's kind says.
    pub(super) starting_lba: u32,
    pub(super) size_in_lba: u32,
}

impl Record {
    pub(super) fn encode(&self) -> [u8; 16] {
        let Self { boot_indicator, starting_chs, os_type, ending_chs, starting_lba, size_in_lba } = self;
        let mut bytes = [0; 16];
        bytes[0] = *boot_indicator;
        bytes[1..4].copy_from_slice(starting_chs);
        bytes[4] = *os_type;
        bytes[5..8].copy_from_slice(ending_chs);
        bytes[8..12].copy_from_slice(&starting_lba.to_le_bytes());
        bytes[12..16].copy_from_slice(&size_in_lba.to_le_bytes());
        bytes
    }

    /// The record with this index, 0 to 3, of a boot record's sector.
    pub(super) fn decode(sector: &[u8; 512], index: usize) -> Self {
        let bytes = &sector[RECORDS + 16 * index..][..16];
        Self {
            boot_indicator: bytes[0],
            starting_chs: [bytes[1], bytes[2], bytes[3]],
            os_type: bytes[4],
            ending_chs: [bytes[5], bytes[6], bytes[7]],
            starting_lba: le32(bytes, 8),
            size_in_lba: le32(bytes, 12),
        }
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chs = |[head, sector, cylinder]: [u8; 3]| {
            format!("{}/{head}/{}", u16::from(sector & 0xc0) << 2 | u16::from(cylinder), sector & 0x3f)
        };
        write!(
            f,
            "type {:02x}, start {}, {} sectors, CHS {} to {}",
            self.os_type,
            self.starting_lba,
            self.size_in_lba,
            chs(self.starting_chs),
            chs(self.ending_chs)
        )?;
        if self.boot_indicator & BOOTABLE != 0 { f.write_str(", bootable") } else { Ok(()) }
    }
}

/// The address of a sector as cylinder, head and sector: head, then sector with the cylinder's two high bits, then the
/// cylinder's low byte. `None` when 1024 cylinders do not reach it.
pub(super) fn chs(lba: u64) -> Option<[u8; 3]> {
    let (cylinder, rest) = (lba / (HEADS * TRACK), lba % (HEADS * TRACK));
    let (head, sector) = (rest / TRACK, rest % TRACK + 1);
    let low = |value: u64| u8::try_from(value & 0xff).expect("because it is masked");
    (cylinder < CYLINDERS).then(|| [low(head), low(sector | (cylinder >> 2 & 0xc0)), low(cylinder)])
}

/// As [`chs`]; sectors beyond its reach are cylinder 1023, head 254, sector 63, as libfdisk and parted write them.
pub(super) fn chs_or_last(lba: u64) -> [u8; 3] {
    chs(lba).unwrap_or([0xfe, 0xff, 0xff])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_255_heads_and_63_sectors() {
        assert_eq!(chs(0), Some([0, 1, 0]));
        assert_eq!(chs(1), Some([0, 2, 0]));
        assert_eq!(chs(2048), Some([0x20, 0x21, 0]));
        assert_eq!(chs(20480), Some([0x46, 0x06, 0x01]));
        let last = 1024 * 255 * 63 - 1;
        assert_eq!(chs(last), Some([0xfe, 0xff, 0xff]));
        assert_eq!(chs(last + 1), None);
        assert_eq!(chs_or_last(u64::MAX), [0xfe, 0xff, 0xff]);
    }

    #[test]
    fn records_are_read_back() {
        let record = Record {
            boot_indicator: 0x80,
            starting_chs: [1, 0xc2, 3],
            os_type: 0x83,
            ending_chs: [4, 5, 6],
            starting_lba: 0x0102_0304,
            size_in_lba: u32::MAX,
        };
        let mut sector = [0; 512];
        sector[RECORDS + 32..][..16].copy_from_slice(&record.encode());
        assert_eq!(Record::decode(&sector, 2), record);
        assert_eq!(
            record.to_string(),
            "type 83, start 16909060, 4294967295 sectors, CHS 771/1/2 to 6/4/5, bootable"
        );
    }
}
