//! Ids that nobody gave: GUIDs, UUIDs, volume serials and hash seeds from the image's seed and the node's place.

use crate::digest::{Canon, ValueId};

/// Derives 16 bytes from the seed, the place of the node in the manifest and what the id is for.
pub fn derive(seed: &str, cell: &str, node: &str, purpose: &str) -> [u8; 16] {
    let mut c = Canon::new("imgc id v1");
    c.text(seed).text(cell).text(node).text(purpose);
    let digest = ValueId::from(c).0;
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    id
}

/// The bytes as a version 8 UUID (RFC 9562, section 5.8), lower case with hyphens.
pub fn uuid_text(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    uuid_layout(bytes)
}

/// The bytes as they are in the form of a UUID, lower case with hyphens, whatever version they claim to be.
pub fn uuid_layout(bytes: [u8; 16]) -> String {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// The 16 bytes of a UUID's text in the order in which they are written (RFC 9562, section 4).
pub fn uuid_bytes(text: &str) -> Option<[u8; 16]> {
    let groups: Vec<&str> = text.split('-').collect();
    if groups.iter().map(|group| group.len()).ne([8, 4, 4, 4, 12]) || !text.is_ascii() {
        return None;
    }
    let hex = groups.concat();
    let mut bytes = [0; 16];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// The 16 bytes of a GUID as GPT and EFI store them: the first three groups little-endian (UEFI 2.10, appendix A).
pub fn guid_bytes(text: &str) -> Option<[u8; 16]> {
    let mut bytes = uuid_bytes(text)?;
    bytes[0..4].reverse();
    bytes[4..6].reverse();
    bytes[6..8].reverse();
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derived_uuid_is_version_8_and_depends_on_every_part() {
        let base = uuid_text(derive("s", "", "disk/main", "guid"));
        assert_eq!(base.len(), 36);
        assert_eq!(&base[14..15], "8");
        assert!("89ab".contains(&base[19..20]));
        for other in [
            derive("t", "", "disk/main", "guid"),
            derive("s", "c", "disk/main", "guid"),
            derive("s", "", "disk/x", "guid"),
            derive("s", "", "disk/main", "x"),
        ] {
            assert_ne!(uuid_text(other), base);
        }
    }

    #[test]
    fn guids_store_the_first_three_groups_backwards() {
        let guid = guid_bytes("21686148-6449-6e6f-744e-656564454649").expect("a GUID");
        assert_eq!(&guid, b"Hah!IdontNeedEFI");
        assert_eq!(uuid_bytes("2168614-86449-6e6f-744e-656564454649"), None);
        assert_eq!(uuid_bytes("21686148-6449-6e6f-744e-65656445464g"), None);
    }
}
