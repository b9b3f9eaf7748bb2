//! Checksums: CRC-32C without the final inversion, as ext4 uses it, and the CRC-16 of older group descriptors.

/// Goes on with a CRC-32C (Castagnoli) that is not inverted at either end.
pub fn crc32c(seed: u32, data: &[u8]) -> u32 {
    !crc32c::crc32c_append(!seed, data)
}

/// Goes on with the CRC-16 (polynomial 0x8005 reflected) of group descriptors with `uninit-bg`.
pub fn crc16(seed: u16, data: &[u8]) -> u16 {
    data.iter().fold(seed, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xA001 } else { crc >> 1 })
    })
}

/// The seed of all checksums of a filesystem.
pub fn filesystem_seed(uuid: &[u8; 16]) -> u32 {
    crc32c(!0, uuid)
}

/// The seed of checksums of what belongs to an inode.
pub fn inode_seed(seed: u32, inode: u32, generation: u32) -> u32 {
    crc32c(crc32c(seed, &inode.to_le_bytes()), &generation.to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_values_of_the_catalogue() {
        assert_eq!(!crc32c(!0, b"123456789"), 0xE306_9283);
        assert_eq!(crc16(0, b"123456789"), 0xBB3D);
        assert_eq!(crc32c(crc32c(!0, b"1234"), b"56789"), crc32c(!0, b"123456789"));
    }
}
