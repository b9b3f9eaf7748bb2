//! Path tables (ECMA-119, 9.4): all directories in one list, in either byte order.

use super::{contents::SECTOR, hierarchy::Hierarchy};

/// The largest number that a record can name as its parent.
pub const MAX_PARENT: usize = 0xffff;

/// Bytes of a path table.
pub fn len(hierarchy: &Hierarchy) -> u64 {
    hierarchy.dirs.iter().map(|dir| (8 + dir.id.len() as u64).next_multiple_of(2)).sum()
}

/// Sectors of a path table.
pub fn sectors(hierarchy: &Hierarchy) -> u64 {
    len(hierarchy).div_ceil(SECTOR)
}

/// A path table; parents that cannot be named become the last that can.
pub fn encode(hierarchy: &Hierarchy, big_endian: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for dir in &hierarchy.dirs {
        let sector = u32::try_from(dir.sector).expect("because the plan checked the volume's length");
        let parent = u16::try_from((dir.parent + 1).min(MAX_PARENT)).expect("because it is limited");
        out.push(u8::try_from(dir.id.len()).expect("because identifiers are shorter than records"));
        out.push(0); // no extended attributes
        if big_endian {
            out.extend(sector.to_be_bytes());
            out.extend(parent.to_be_bytes());
        } else {
            out.extend(sector.to_le_bytes());
            out.extend(parent.to_le_bytes());
        }
        out.extend_from_slice(&dir.id);
        out.resize(out.len().next_multiple_of(2), 0);
    }
    out
}
