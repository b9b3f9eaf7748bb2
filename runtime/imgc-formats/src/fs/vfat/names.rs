//! Long names and the short ones that stand behind them (FAT 1.03, sections 6.1 and 7).

use std::collections::{BTreeMap, BTreeSet};

/// The most UTF-16 units in a long name (FAT 1.03, section 7.1).
pub const MAX_UNITS: usize = 255;

/// UTF-16 units in one directory entry of a long name.
const UNITS_PER_SLOT: usize = 13;

/// Characters that a long name cannot have, beside controls (FAT 1.03, section 7.1).
const NOT_LONG: &str = "\"*/:<>?\\|";

/// Characters that a short name can have, beside letters and digits (FAT 1.03, section 6.1).
const SHORT_MARKS: &[u8] = b"$%'-_@~`!(){}^#&";

/// A short name: eight bytes and three, padded with spaces.
pub type Short = [u8; 11];

/// A name of a tree as FAT can hold it.
///
/// # Errors
/// Why it cannot.
pub fn check(name: &[u8]) -> Result<&str, String> {
    let text = std::str::from_utf8(name).map_err(|_| "it is not UTF-8".to_owned())?;
    if let Some(bad) = text.chars().find(|c| NOT_LONG.contains(*c) || c.is_ascii_control()) {
        return Err(format!("FAT names cannot have `{}`", bad.escape_debug()));
    }
    if text.ends_with(['.', ' ']) {
        return Err("FAT names cannot end with a dot or a space".into());
    }
    let units = text.encode_utf16().count();
    if units > MAX_UNITS {
        return Err(format!("FAT names have at most {MAX_UNITS} UTF-16 units; this one has {units}"));
    }
    Ok(text)
}

/// What two names have in common that FAT takes for the same.
pub fn fold(text: &str) -> String {
    let upper = |c: char| {
        let mut all = c.to_uppercase();
        match (all.next(), all.next()) {
            (Some(one), None) => one,
            _ => c,
        }
    };
    text.chars().map(upper).collect()
}

/// Directory entries that a name takes.
pub fn slots(text: &str) -> u32 {
    if exact(text).is_some() {
        return 1;
    }
    let long = text.encode_utf16().count().div_ceil(UNITS_PER_SLOT);
    1 + u32::try_from(long).expect("because names are checked")
}

/// The short name that is the name itself: upper-case, eight and three.
fn exact(text: &str) -> Option<Short> {
    let (base, extension) = text.split_once('.').unwrap_or((text, ""));
    let good = |part: &str, most: usize| part.len() <= most && part.bytes().all(is_short);
    if base.is_empty() || !good(base, 8) || !good(extension, 3) || text.ends_with('.') {
        return None;
    }
    Some(join(base.as_bytes(), extension.as_bytes()))
}

fn is_short(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || SHORT_MARKS.contains(&byte)
}

fn join(base: &[u8], extension: &[u8]) -> Short {
    let mut short = [b' '; 11];
    short[..base.len()].copy_from_slice(base);
    short[8..8 + extension.len()].copy_from_slice(extension);
    short
}

/// Base and extension from which a short name with a number is made; `_` stands for what a short name cannot have.
fn basis(text: &str) -> (Vec<u8>, Vec<u8>) {
    let text = text.trim_start_matches(['.', ' ']);
    let (base, extension) = text.rsplit_once('.').unwrap_or((text, ""));
    let part = |part: &str, most: usize| -> Vec<u8> {
        let kept = part.chars().filter(|c| *c != ' ' && *c != '.');
        let byte = |c: char| {
            u8::try_from(c.to_ascii_uppercase()).ok().filter(|byte| is_short(*byte)).unwrap_or(b'_')
        };
        kept.map(byte).take(most).collect()
    };
    let base = part(base, 8);
    (if base.is_empty() { vec![b'_'] } else { base }, part(extension, 3))
}

/// Gives every name of a directory a short one, none twice: the name itself where it is one or differs only in case, otherwise its
/// beginning, `~` and the least number that is free. The result depends only on the names and their order.
pub fn assign(names: &[&str]) -> Vec<Short> {
    let mut shorts = vec![[0; 11]; names.len()];
    let mut used = BTreeSet::new();
    let mut numbered = Vec::new();
    for (at, name) in names.iter().enumerate() {
        match exact(&name.to_ascii_uppercase()) {
            Some(short) if used.insert(short) => shorts[at] = short,
            _ => numbered.push(at),
        }
    }
    let mut tails = Tails { used, next: BTreeMap::new() };
    for at in numbered {
        let (base, extension) = basis(names[at]);
        shorts[at] = tails.number(&base, &extension);
    }
    shorts
}

/// Numbers that short names have taken.
struct Tails {
    used: BTreeSet<Short>,
    /// The next number to try after a beginning, for each count of digits; so that ten thousand alike take no longer each.
    next: BTreeMap<(Short, u32), u32>,
}

impl Tails {
    fn number(&mut self, base: &[u8], extension: &[u8]) -> Short {
        for digits in 1..=6 {
            let kept = base.len().min(7 - digits as usize);
            let end = 10u32.pow(digits);
            let next = self.next.entry((join(&base[..kept], extension), digits)).or_insert(end / 10);
            while *next < end {
                let short = join(&[&base[..kept], format!("~{next}").as_bytes()].concat(), extension);
                *next += 1;
                if self.used.insert(short) {
                    return short;
                }
            }
        }
        unreachable!("because a directory has at most 65536 entries, and there are 999999 numbers")
    }
}

/// The sum of a short name that ties the long one to it (FAT 1.03, section 7.2).
pub fn checksum(short: &Short) -> u8 {
    short.iter().fold(0u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte))
}

/// The directory entries of a long name, last piece first; none when the short name says it all.
pub fn long_entries(text: &str, short: &Short) -> Vec<[u8; 32]> {
    if exact(text).as_ref() == Some(short) {
        return Vec::new();
    }
    let units: Vec<u16> = text.encode_utf16().collect();
    let sum = checksum(short);
    let pieces: Vec<&[u16]> = units.chunks(UNITS_PER_SLOT).collect();
    let last = pieces.len() - 1;
    let entry = |(at, piece): (usize, &&[u16])| {
        // The name ends with 0 where there is room, then 0xffff.
        let unit =
            |index: usize| piece.get(index).copied().unwrap_or(if index == piece.len() { 0 } else { 0xffff });
        let mut entry = [0; 32];
        entry[0] = u8::try_from(at + 1).expect("because a name has at most 20 pieces")
            | if at == last { 0x40 } else { 0 };
        entry[11] = 0x0f;
        entry[13] = sum;
        let places = (1..11).step_by(2).chain((14..26).step_by(2)).chain((28..32).step_by(2));
        for (index, place) in places.enumerate() {
            entry[place..place + 2].copy_from_slice(&unit(index).to_le_bytes());
        }
        entry
    };
    pieces.iter().enumerate().rev().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shorts(names: &[&str]) -> Vec<String> {
        assign(names).iter().map(|short| String::from_utf8_lossy(short).into_owned()).collect()
    }

    #[test]
    fn short_names_are_what_dos_would_show() {
        let names = [
            "README.TXT",
            "readme.md",
            ".bashrc",
            "long file name.html",
            "long file other.htmlx",
            "a.b.c",
            "ünï.txt",
            "x+y",
            "NOEXT",
            "LONGFI~1.HTM",
            "a.tar.gz",
            " lead",
            "trailing.dots..x",
            "日本",
        ];
        let wanted = [
            "README  TXT",
            "README  MD ",
            "BASHRC~1   ",
            "LONGFI~2HTM",
            "LONGFI~3HTM",
            "AB~1    C  ",
            "_N_~1   TXT",
            "X_Y~1      ",
            "NOEXT      ",
            "LONGFI~1HTM",
            "ATAR~1  GZ ",
            "LEAD~1     ",
            "TRAILI~1X  ",
            "__~1       ",
        ];
        assert_eq!(shorts(&names), wanted);
    }

    #[test]
    fn a_hundred_thousand_alike_get_different_short_names() {
        let names: Vec<String> = (0..120_000).map(|n| format!("a name that begins alike {n}.txt")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let shorts = assign(&names);
        assert_eq!(shorts.iter().collect::<BTreeSet<_>>().len(), names.len());
        assert_eq!(&shorts[0], b"ANAMET~1TXT");
        assert_eq!(&shorts[99], b"ANAM~100TXT");
        assert_eq!(&shorts[119_999], b"A~120000TXT");
    }

    #[test]
    fn names_that_fat_cannot_hold_are_told_why() {
        for (name, why) in [
            (&b"a:b"[..], "`:`"),
            (b"a\x07", "`\\u{7}`"),
            (b"dot.", "dot or a space"),
            (b"space ", "dot or a space"),
            (b"caf\xe9", "UTF-8"),
        ] {
            assert!(check(name).expect_err("refused").contains(why), "{why}");
        }
        let long = "é".repeat(127) + "x";
        assert_eq!(check(long.as_bytes()), Ok(long.as_str()));
        assert!(check("x".repeat(256).as_bytes()).expect_err("refused").contains("256"));
    }

    #[test]
    fn long_entries_end_with_a_mark_only_where_there_is_room() {
        let short = assign(&["thirteen.char"])[0];
        let full = long_entries("thirteen.char", &short);
        assert_eq!(full.len(), 1);
        assert_eq!(full[0][0], 0x41);
        assert_eq!(&full[0][28..32], b"a\0r\0");
        let short = assign(&["fourteen.chars"])[0];
        let more = long_entries("fourteen.chars", &short);
        assert_eq!((more.len(), more[0][0], more[1][0]), (2, 0x42, 1));
        assert_eq!(&more[0][1..7], b"s\0\0\0\xff\xff");
        assert!(long_entries("SHORT.TXT", &assign(&["SHORT.TXT"])[0]).is_empty());
    }
}
