//! Access control lists as text: tar programs restore them from records of their own, not from the attributes that hold them.

use std::fmt::Write;

/// The version of the attribute's form (Linux, `posix_acl_xattr.h`).
const VERSION: [u8; 4] = 2u32.to_le_bytes();

/// The record that star, GNU tar and libarchive read, for an attribute that is a list: its key, and what it says with numbers in
/// place of names. `None` for other attributes, and for a list that is malformed.
pub fn record(name: &[u8], value: &[u8]) -> Option<(&'static [u8], String)> {
    let key: &[u8] = match name {
        b"system.posix_acl_access" => b"SCHILY.acl.access",
        b"system.posix_acl_default" => b"SCHILY.acl.default",
        _ => return None,
    };
    let (entries, rest) = value.strip_prefix(&VERSION)?.as_chunks::<8>();
    if entries.is_empty() || !rest.is_empty() {
        return None;
    }
    let mut text = String::new();
    for [tag, tag_high, bits, bits_high, id @ ..] in entries {
        let id = u32::from_le_bytes(*id);
        let who = match (*tag, *tag_high) {
            (0x01, 0) => "user:".to_owned(),
            (0x02, 0) => format!("user:{id}"),
            (0x04, 0) => "group:".to_owned(),
            (0x08, 0) => format!("group:{id}"),
            (0x10, 0) => "mask:".to_owned(),
            (0x20, 0) => "other:".to_owned(),
            _ => return None,
        };
        if *bits > 7 || *bits_high != 0 {
            return None;
        }
        let bit = |bit: u8, letter: char| if bits & bit != 0 { letter } else { '-' };
        let comma = if text.is_empty() { "" } else { "," };
        let (r, w, x) = (bit(4, 'r'), bit(2, 'w'), bit(1, 'x'));
        write!(text, "{comma}{who}:{r}{w}{x}").expect("because text takes everything");
    }
    Some((key, text))
}
