//! Which units of UTF-16 are the same name: the up-case table (exFAT 1.00, section 7.2).

use std::sync::LazyLock;

/// What a run of units that stay as they are begins with in the compressed form (exFAT 1.00, section 7.2.5).
const RUN: u16 = 0xffff;

/// For each unit, the one that stands for it. A unit whose upper case is one unit becomes that; all others, also halves of
/// surrogate pairs, stay. The standard library's edition of Unicode decides; a test pins what it gives.
static MAP: LazyLock<Vec<u16>> = LazyLock::new(|| (0..=u16::MAX).map(upper_of).collect());

/// The table as it is stored, compressed.
static TABLE: LazyLock<Vec<u8>> = LazyLock::new(|| compress(&MAP));

fn upper_of(unit: u16) -> u16 {
    let Some(c) = char::from_u32(unit.into()) else { return unit };
    let mut all = c.to_uppercase();
    match (all.next().map(|c| u16::try_from(u32::from(c))), all.next()) {
        (Some(Ok(one)), None) => one,
        _ => unit,
    }
}

/// The unit that stands for this one.
pub fn upper(unit: u16) -> u16 {
    MAP[usize::from(unit)]
}

/// What two names have in common that are the same to exFAT.
pub fn fold(name: &str) -> Vec<u16> {
    name.encode_utf16().map(upper).collect()
}

/// The table as it is stored.
pub fn table() -> &'static [u8] {
    &TABLE
}

/// The sum of a table (exFAT 1.00, section 7.2.2).
pub fn checksum(table: &[u8]) -> u32 {
    table.iter().fold(0u32, |sum, byte| sum.rotate_right(1).wrapping_add(u32::from(*byte)))
}

/// The sum of a name: of the bytes of its folded units (exFAT 1.00, section 7.6.4).
pub fn name_hash(folded: &[u16]) -> u16 {
    let bytes = folded.iter().flat_map(|unit| unit.to_le_bytes());
    bytes.fold(0u16, |sum, byte| sum.rotate_right(1).wrapping_add(u16::from(byte)))
}

fn compress(map: &[u16]) -> Vec<u8> {
    let stays = |at: usize| usize::from(map[at]) == at;
    let mut units = Vec::new();
    let mut at = 0;
    while at < map.len() {
        let run = (at..map.len()).take_while(|at| stays(*at)).count();
        match u16::try_from(run) {
            // A single unit takes less as it is.
            Ok(0 | 1) => {
                units.push(map[at]);
                at += 1;
            }
            Ok(len) => {
                units.extend([RUN, len]);
                at += run;
            }
            Err(_) => unreachable!("because letters begin at 97"),
        }
    }
    units.iter().flat_map(|unit| unit.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(table: &[u8]) -> Vec<u16> {
        let mut units = table.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        let mut map: Vec<u16> = Vec::new();
        while let Some(unit) = units.next() {
            if unit == RUN {
                let len = usize::from(units.next().expect("a length"));
                let from = map.len();
                map.extend((from..from + len).map(|at| u16::try_from(at).expect("a unit")));
            } else {
                map.push(unit);
            }
        }
        map
    }

    #[test]
    fn the_table_says_what_the_map_says() {
        assert_eq!(expand(table()), *MAP);
    }

    /// The first 128 units are as the specification fixes them (section 7.2.5.1), and folding twice is folding once.
    #[test]
    fn the_map_is_one_that_the_specification_allows() {
        for unit in 0..128u8 {
            assert_eq!(upper(unit.into()), u16::from(unit.to_ascii_uppercase()));
        }
        for unit in 0..=u16::MAX {
            assert_eq!(upper(upper(unit)), upper(unit), "{unit:#x}");
        }
        assert_eq!(fold("ñandú ß 🦀"), "ÑANDÚ ß 🦀".encode_utf16().collect::<Vec<_>>());
        assert!((0xd800..=0xdfff).all(|unit| upper(unit) == unit));
    }

    /// Another edition of Unicode would change images: then the table must be kept, not this test changed.
    #[test]
    fn the_table_is_pinned() {
        assert_eq!((table().len(), checksum(table())), (3774, 503_511_620));
    }

    #[test]
    fn sums_are_those_of_the_specification() {
        assert_eq!(checksum(&[1, 0]), 0x8000_0000);
        assert_eq!(name_hash(&fold("a")), ((0x41u16 >> 1) | 0x8000));
    }
}
