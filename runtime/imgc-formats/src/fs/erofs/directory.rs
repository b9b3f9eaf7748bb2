//! Directories: blocks of sorted entries, the names of a block after its entries.

use super::format::{BLOCK, DIRENT, le16, le64};

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item<'n> {
    /// The name.
    pub name: &'n [u8],
    /// The inode's number.
    pub nid: u64,
    /// The file's type (`FT_*`).
    pub kind: u8,
}

/// Splits sorted names of these lengths into blocks: gives how many names each block has, and the length of the whole.
pub fn split(lengths: impl Iterator<Item = usize>) -> (Vec<u16>, u64) {
    let (mut counts, mut used) = (Vec::new(), BLOCK as usize + 1);
    for len in lengths {
        used += DIRENT + len;
        if used > BLOCK as usize {
            counts.push(0);
            used = DIRENT + len;
        }
        *counts.last_mut().expect("because a block was begun") += 1;
    }
    let len =
        (counts.len() as u64).saturating_sub(1) * BLOCK + if counts.is_empty() { 0 } else { used as u64 };
    (counts, len)
}

/// The bytes of a directory with these sorted names.
pub fn encode(items: &[Item<'_>]) -> Vec<u8> {
    let (counts, len) = split(items.iter().map(|item| item.name.len()));
    let mut bytes = vec![0; usize::try_from(len).expect("because names in memory become bytes in memory")];
    let mut rest = items;
    for (block, count) in bytes.chunks_mut(BLOCK as usize).zip(counts) {
        let (own, after) = rest.split_at(count.into());
        rest = after;
        let mut name_at = own.len() * DIRENT;
        for (entry, item) in own.iter().enumerate() {
            let at = entry * DIRENT;
            block[at..at + 8].copy_from_slice(&item.nid.to_le_bytes());
            block[at + 8..at + 10].copy_from_slice(&(name_at as u16).to_le_bytes());
            block[at + 10] = item.kind;
            block[name_at..name_at + item.name.len()].copy_from_slice(item.name);
            name_at += item.name.len();
        }
    }
    bytes
}

/// The names in one block of a directory; `None` when it is damaged.
pub fn decode(block: &[u8]) -> Option<Vec<Item<'_>>> {
    if block.len() < DIRENT {
        return None;
    }
    let first = usize::from(le16(block, 8));
    if first < DIRENT || first % DIRENT != 0 || first > block.len() {
        return None;
    }
    let mut items = Vec::with_capacity(first / DIRENT);
    for at in (0..first).step_by(DIRENT) {
        let start = usize::from(le16(block, at + 8));
        let last = at + DIRENT == first;
        let end = if last { block.len() } else { usize::from(le16(block, at + DIRENT + 8)) };
        let mut name = block.get(start..end).filter(|_| start >= first)?;
        if last {
            name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        }
        if name.is_empty() || name.len() > 255 || name.contains(&0) || name.contains(&b'/') {
            return None;
        }
        items.push(Item { name, nid: le64(block, at), kind: block[at + 10] });
    }
    Some(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_come_back() {
        let names: Vec<Vec<u8>> =
            (0..1000).map(|n| format!("{n:0width$}", width = 4 + n % 200).into_bytes()).collect();
        let items: Vec<Item<'_>> =
            names.iter().enumerate().map(|(nid, name)| Item { name, nid: nid as u64, kind: 1 }).collect();
        let bytes = encode(&items);
        assert_eq!(split(names.iter().map(Vec::len)).1, bytes.len() as u64);
        let back: Vec<Item<'_>> =
            bytes.chunks(BLOCK as usize).flat_map(|block| decode(block).expect("whole")).collect();
        assert_eq!(back, items);
    }

    #[test]
    fn damaged_blocks_are_refused() {
        let bytes = encode(&[Item { name: b".", nid: 1, kind: 2 }, Item { name: b"..", nid: 1, kind: 2 }]);
        assert!(decode(&bytes).is_some());
        for (at, byte) in [(8, 0), (8, 13), (9, 99), (20, 0), (20, 200), (24, b'/'), (25, 0)] {
            let mut bad = bytes.clone();
            bad[at] = byte;
            assert_eq!(decode(&bad), None, "{at}");
        }
        assert_eq!(decode(&bytes[..11]), None);
    }
}
