//! Extended attributes as they are read: in an inode and in a block.

use imgc_image::{Failure, tree::Xattr};

use super::{
    super::xattr::{ENTRY, HEADER, MAGIC, PREFIXES},
    Image, damaged, foreign,
    inode::Inode,
    u16_at, u32_at,
};

impl Image<'_> {
    /// All attributes of an inode, by full names, sorted.
    ///
    /// # Errors
    /// When they are damaged, or kept in a way that is not understood.
    pub fn xattrs(&self, inode: &Inode) -> Result<Box<[Xattr]>, Failure> {
        let mut found = Vec::new();
        if inode.tail.len() >= 8 && u32_at(&inode.tail, 0) == MAGIC {
            // Offsets count from the first entry.
            list(&inode.tail[4..], 0, &mut found)?;
        }
        if inode.xattr_block != 0 {
            let block = self.block(inode.xattr_block)?;
            if u32_at(&block, 0) != MAGIC || u32_at(&block, 8) != 1 {
                return Err(damaged(format_args!("block {} has no attributes", inode.xattr_block)));
            }
            list(&block, HEADER, &mut found)?;
        }
        found.sort();
        if found.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(damaged(format_args!("inode {} has an attribute twice", inode.number)));
        }
        Ok(found.into())
    }
}

/// Lists the entries in a space from `at` on; values lie where offsets from its start say.
fn list(space: &[u8], mut at: usize, found: &mut Vec<Xattr>) -> Result<(), Failure> {
    // Four zero bytes end the list; it may also fill the space.
    while space.len() - at >= 4 && u32_at(space, at) != 0 {
        let cut = || damaged("an attribute reaches out of its space");
        let entry = space.get(at..at + ENTRY).ok_or_else(cut)?;
        let (name_len, index) = (usize::from(entry[0]), entry[1]);
        if u32_at(entry, 4) != 0 {
            return Err(foreign("attributes in inodes of their own", "make it without `ea_inode`"));
        }
        let (start, len) = (usize::from(u16_at(entry, 2)), u32_at(entry, 8) as usize);
        let name = space.get(at + ENTRY..at + ENTRY + name_len).ok_or_else(cut)?;
        let value = space.get(start..start.saturating_add(len)).ok_or_else(cut)?;
        found.push(convert(index, name, value)?);
        at = (at + ENTRY + name_len.next_multiple_of(4)).min(space.len());
    }
    Ok(())
}

/// The full name, and the value as of `getxattr`.
fn convert(index: u8, name: &[u8], value: &[u8]) -> Result<Xattr, Failure> {
    let prefix = PREFIXES.iter().find(|(_, known)| *known == index);
    let (prefix, _) = prefix
        .ok_or_else(|| foreign(format_args!("an attribute of kind {index}"), "take the attribute away"))?;
    if name.contains(&0) || name.is_empty() != matches!(index, 2 | 3 | 8) {
        return Err(damaged("an attribute has a name that none has"));
    }
    let value = match index {
        2 | 3 => acl(value).ok_or_else(|| damaged("an access control list makes no sense"))?,
        _ => value.to_vec(),
    };
    Ok(([prefix, name].concat().into(), value.into()))
}

/// An ACL from the form on disk (Linux, `fs/ext4/acl.h`, version 1) to that of `getxattr` (`posix_acl_xattr.h`, version 2), in
/// which every entry has an id: `ACL_UNDEFINED_ID` where there is none.
fn acl(value: &[u8]) -> Option<Vec<u8>> {
    let (version, mut rest) = value.split_first_chunk::<4>()?;
    if u32::from_le_bytes(*version) != 1 {
        return None;
    }
    let mut out = 2u32.to_le_bytes().to_vec();
    while !rest.is_empty() {
        let (entry, more) = rest.split_first_chunk::<4>()?;
        out.extend_from_slice(entry);
        rest = more;
        match u16::from_le_bytes([entry[0], entry[1]]) {
            // ACL_USER, ACL_GROUP
            0x02 | 0x08 => {
                let (id, more) = rest.split_first_chunk::<4>()?;
                out.extend_from_slice(id);
                rest = more;
            }
            // ACL_USER_OBJ, ACL_GROUP_OBJ, ACL_MASK, ACL_OTHER
            0x01 | 0x04 | 0x10 | 0x20 => out.extend_from_slice(&u32::MAX.to_le_bytes()),
            _ => return None,
        }
    }
    Some(out)
}
