//! Extended attributes: beside their inode, or once in the shared area when several inodes have the same.

use std::collections::BTreeMap;

use super::format::{le16, le32};

/// Bytes of `erofs_xattr_ibody_header`.
pub const HEADER: usize = 12;
/// Bytes of `erofs_xattr_entry` without its name.
pub const ENTRY: usize = 4;
/// The most attributes of an inode that may be shared ones (`h_shared_count`).
const MOST_SHARED: usize = u8::MAX as usize;
/// The most bytes of an inode's attributes (`i_xattr_icount`).
const MOST_BYTES: usize = HEADER + 4 * (u16::MAX as usize - 1);

/// Names and the indexes that stand for their beginnings (`EROFS_XATTR_INDEX_*`); the ACLs have no rest.
const PREFIXES: [(&[u8], u8); 5] = [
    (b"user.", 1),
    (b"system.posix_acl_access", 2),
    (b"system.posix_acl_default", 3),
    (b"trusted.", 4),
    (b"security.", 6),
];

/// An attribute that was read: its full name and its value.
pub type Attribute = (Vec<u8>, Vec<u8>);

/// The attributes of one entry, as a tree has them.
pub type Attributes = [(Box<[u8]>, Box<[u8]>)];

/// Encodes one attribute; values are stored as `getxattr` shows them.
///
/// # Errors
/// A sentence without a full stop that says why it cannot be stored, and a hint.
fn encode(name: &[u8], value: &[u8]) -> Result<Vec<u8>, (String, &'static str)> {
    let shown = || String::from_utf8_lossy(name).into_owned();
    let found = PREFIXES.iter().find(|(prefix, index)| match index {
        2 | 3 => name == *prefix,
        _ => name.starts_with(prefix),
    });
    let Some((prefix, index)) = found else {
        return Err((
            format!("erofs has no place for an extended attribute `{}`", shown()),
            "names begin with `user.`, `trusted.` or `security.`, or are those of POSIX ACLs",
        ));
    };
    let rest = &name[prefix.len()..];
    if (rest.is_empty() && !matches!(index, 2 | 3)) || rest.len() > 255 || rest.contains(&0) {
        return Err((format!("`{}` is not a name of an extended attribute", shown()), "take it away"));
    }
    let Ok(size) = u16::try_from(value.len()) else {
        let message =
            format!("the extended attribute `{}` has {} bytes, at most 65535 fit", shown(), value.len());
        return Err((message, "shorten it or take it away"));
    };
    let mut bytes = vec![rest.len() as u8, *index];
    bytes.extend_from_slice(&size.to_le_bytes());
    bytes.extend_from_slice(rest);
    bytes.extend_from_slice(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    Ok(bytes)
}

/// The attributes of all inodes: which are shared, and where.
#[derive(Debug, Default)]
pub struct Pool {
    /// How many inodes have an attribute, by its encoded form.
    uses: BTreeMap<Vec<u8>, u32>,
    /// The shared ones, and their places in the shared area in units of 4 bytes.
    ids: BTreeMap<Vec<u8>, u32>,
    /// The shared area.
    pub area: Vec<u8>,
}

impl Pool {
    /// Counts the attributes of one inode.
    ///
    /// # Errors
    /// As [`encode`], for each attribute that cannot be stored.
    pub fn count(&mut self, attributes: &Attributes) -> Result<(), Vec<(String, &'static str)>> {
        let mut wrong = Vec::new();
        let mut bytes = HEADER;
        for (name, value) in attributes {
            match encode(name, value) {
                Ok(entry) => {
                    bytes += entry.len();
                    *self.uses.entry(entry).or_default() += 1;
                }
                Err(why) => wrong.push(why),
            }
        }
        if bytes > MOST_BYTES {
            wrong.push((
                format!("its extended attributes have {bytes} bytes, at most {MOST_BYTES} fit"),
                "take some away",
            ));
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    /// Lays out the shared area, when all are counted: what at least two inodes have, in the order of the bytes.
    ///
    /// # Errors
    /// A sentence when it would not fit under 32-bit addresses.
    pub fn seal(&mut self) -> Result<(), String> {
        for (entry, uses) in std::mem::take(&mut self.uses) {
            // A reference takes 4 bytes: an empty attribute of the shortest name saves nothing.
            if uses > 1 && entry.len() > 8 {
                let id = u32::try_from(self.area.len() / 4).map_err(|_| {
                    "the extended attributes that files share are more than 16 GiB".to_owned()
                })?;
                self.area.extend_from_slice(&entry);
                self.ids.insert(entry, id);
            }
        }
        Ok(())
    }

    /// What follows an inode with these attributes, which were counted without an error.
    pub fn body(&self, attributes: &Attributes) -> Vec<u8> {
        if attributes.is_empty() {
            return Vec::new();
        }
        let (mut ids, mut own) = (Vec::new(), Vec::new());
        for (name, value) in attributes {
            let entry = encode(name, value).expect("because it was encoded when it was counted");
            match self.ids.get(&entry) {
                Some(id) if ids.len() < MOST_SHARED => ids.push(*id),
                _ => own.push(entry),
            }
        }
        let mut bytes = vec![0; HEADER];
        bytes[4] = ids.len() as u8;
        bytes.extend(ids.iter().flat_map(|id| id.to_le_bytes()));
        bytes.extend(own.concat());
        bytes
    }
}

/// The number of an inode's bytes of attributes in its `i_xattr_icount`.
pub fn icount(len: usize) -> u16 {
    if len == 0 { 0 } else { ((len - HEADER) / 4 + 1) as u16 }
}

/// Bytes of the attributes of an inode that says this of them.
pub fn len(icount: u16) -> usize {
    if icount == 0 { 0 } else { HEADER + (usize::from(icount) - 1) * 4 }
}

/// The shared ids and the attributes in a body; `None` when it is damaged.
pub fn decode_body(body: &[u8]) -> Option<(Vec<u32>, Vec<Attribute>)> {
    let shared = usize::from(*body.get(4)?);
    let mut rest = body.get(HEADER..)?;
    let ids = rest.get(..4 * shared)?.chunks_exact(4).map(|id| le32(id, 0)).collect();
    rest = &rest[4 * shared..];
    let mut own = Vec::new();
    while !rest.is_empty() {
        let head: [u8; ENTRY] = rest.get(..ENTRY)?.try_into().ok()?;
        let len = entry_len(head);
        own.push(decode_entry(rest.get(..len)?)?);
        rest = &rest[len..];
    }
    Some((ids, own))
}

/// Bytes of the entry that begins like this.
pub fn entry_len(head: [u8; ENTRY]) -> usize {
    (ENTRY + usize::from(head[0]) + usize::from(le16(&head, 2))).next_multiple_of(4)
}

/// The full name and the value of an entry; `None` when its prefix is not known or it is damaged.
pub fn decode_entry(entry: &[u8]) -> Option<Attribute> {
    let (prefix, _) = PREFIXES.iter().find(|(_, index)| *index == entry[1])?;
    let name = entry.get(ENTRY..ENTRY + usize::from(entry[0]))?;
    let value = entry.get(ENTRY + name.len()..)?.get(..usize::from(le16(entry, 2)))?;
    Some(([prefix, name].concat(), value.to_vec()))
}
