//! Fields of descriptors: tags, times, identifiers, texts.

use super::{super::time, name};

/// Revision 1.02 of UDF, as identifiers have it (UDF 2.1.4.3).
pub const REVISION: u16 = 0x0102;

/// Bytes of a tag (3/7.2).
pub const TAG: usize = 16;

/// A descriptor in the making: its fields are little-endian.
pub struct Fields {
    bytes: Vec<u8>,
}

impl Fields {
    /// One of so many bytes, of which the first are for its tag.
    pub fn new(len: usize) -> Self {
        Self { bytes: vec![0; len] }
    }

    /// Puts bytes somewhere.
    pub fn put(&mut self, at: usize, bytes: &[u8]) -> &mut Self {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    /// A number of 16 bits.
    pub fn u16(&mut self, at: usize, value: u16) -> &mut Self {
        self.put(at, &value.to_le_bytes())
    }

    /// A number of 32 bits.
    pub fn u32(&mut self, at: usize, value: u32) -> &mut Self {
        self.put(at, &value.to_le_bytes())
    }

    /// A number of 64 bits.
    pub fn u64(&mut self, at: usize, value: u64) -> &mut Self {
        self.put(at, &value.to_le_bytes())
    }

    /// A place on the medium: bytes and first sector (`extent_ad`, 3/7.1).
    pub fn extent(&mut self, at: usize, len: u32, sector: u32) -> &mut Self {
        self.u32(at, len).u32(at + 4, sector)
    }

    /// A place in the partition: bytes and first block (`long_ad`, 4/14.14.2). There is one partition, so its number stays 0.
    pub fn long(&mut self, at: usize, len: u32, block: u32) -> &mut Self {
        self.u32(at, len).u32(at + 4, block)
    }

    /// The character set that UDF wants (`charspec`, UDF 2.1.2): type 0 and its name.
    pub fn charset(&mut self, at: usize) -> &mut Self {
        self.put(at + 1, b"OSTA Compressed Unicode")
    }

    /// A text in a field of so many bytes (`dstring`, UDF 2.1.3): the last says how many are used; none for an empty text.
    pub fn text(&mut self, at: usize, len: usize, text: &str) -> &mut Self {
        if text.is_empty() {
            return self;
        }
        let mut coded = name::encode(text);
        // Texts of options are ASCII and shorter than their fields; whatever else becomes harmless.
        coded.truncate(len - 1);
        let used = u8::try_from(coded.len()).expect("because fields of text have at most 128 bytes");
        self.put(at, &coded).put(at + len - 1, &[used])
    }

    /// Who wrote or defined something (`regid`, 1/7.4).
    pub fn identifier(&mut self, at: usize, id: &[u8], suffix: &[u8]) -> &mut Self {
        self.put(at + 1, id).put(at + 24, suffix)
    }

    /// imgc as the writer (UDF 2.1.5.2: a developer's name after an asterisk).
    pub fn writer(&mut self, at: usize) -> &mut Self {
        self.identifier(at, b"*imgc", &[])
    }

    /// The domain: which revision of UDF it is, and that nobody may write (UDF 2.1.5.3).
    pub fn domain(&mut self, at: usize) -> &mut Self {
        let [low, high] = REVISION.to_le_bytes();
        self.identifier(at, b"*OSTA UDF Compliant", &[low, high, 0x03])
    }

    /// A time in UTC (1/7.3): seconds since 1970 and nanoseconds, down to microseconds.
    pub fn time(&mut self, at: usize, seconds: i64, nanos: u32) -> &mut Self {
        let [year, month, day, hour, minute, second] = time::parts(seconds.clamp(time::LONG.0, time::LONG.1));
        let small = |part: i64| u8::try_from(part).expect("because the parts of a clamped time are small");
        let part =
            |unit: u32, of: u32| u8::try_from(nanos / unit % of).expect("because a rest of 100 is small");
        // Type 1 (local time, which differs from UTC by no minutes) in the upper four bits.
        self.u16(at, 0x1000);
        self.u16(at + 2, u16::try_from(year).expect("because a clamped year has four digits"));
        self.put(at + 4, &[small(month), small(day), small(hour), small(minute), small(second)]);
        self.put(at + 9, &[part(10_000_000, 100), part(100_000, 100), part(1000, 100)])
    }

    /// It without a tag.
    pub fn bare(self) -> Vec<u8> {
        self.bytes
    }

    /// Tags it (3/7.2, 4/7.2): what it is, where it lies, a checksum of all that follows the tag.
    pub fn tagged(mut self, what: u16, location: u32) -> Vec<u8> {
        let crc = crc(&self.bytes[TAG..]);
        let len =
            u16::try_from(self.bytes.len() - TAG).expect("because descriptors are no longer than a sector");
        self.u16(0, what).u16(2, 2).u16(8, crc).u16(10, len).u32(12, location);
        self.bytes[4] = self.bytes[..TAG].iter().fold(0, |sum, byte| sum.wrapping_add(*byte));
        self.bytes
    }
}

/// CRC-16 of ITU-T V.41: x^16 + x^12 + x^5 + 1, from 0, not reflected (3/7.2.6).
fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(
            crc ^ u16::from(*byte) << 8,
            |crc, _| {
                if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 }
            },
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        // The example of UDF 1.02, 6.4: 0x70 0x6A 0x77 give 0x3299.
        assert_eq!(crc(&[0x70, 0x6a, 0x77]), 0x3299);
    }

    #[test]
    fn tags_sum_to_their_checksum() {
        let bytes = Fields::new(512).tagged(8, 37);
        let sum = bytes[..TAG].iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)).wrapping_sub(bytes[4]);
        assert_eq!((sum, &bytes[12..16]), (bytes[4], &[37, 0, 0, 0][..]));
    }

    #[test]
    fn times_have_microseconds() {
        let mut fields = Fields::new(12);
        fields.time(0, 1_000_000_001, 123_456_789);
        assert_eq!(fields.bytes, [0, 0x10, 0xd1, 7, 9, 9, 1, 46, 41, 12, 34, 56]);
    }
}
