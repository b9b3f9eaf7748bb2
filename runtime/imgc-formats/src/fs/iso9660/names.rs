//! Names that ISO 9660 and Joliet can hold, none twice in a directory; the result depends only on the names and their order.
//!
//! Sources: ECMA-119, 7.5 to 7.6 and 10; Joliet Specification (Microsoft, 1995), "Joliet Filename Format". A name is a list of
//! units here: bytes of plain names, UCS-2 of Joliet names.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::exfat::upcase,
    options::{Options, is_d},
};

/// What stands for a character that a name cannot have.
const STAND_IN: u16 = b'_' as u16;
const DOT: u16 = b'.' as u16;

/// Characters that a Joliet name cannot have, beside controls.
const NOT_JOLIET: &[u8] = b"*/:;?\\";

/// What comes after the name of a file: the version, always 1 (ECMA-119, 7.5.1).
const VERSION: &[u8] = b";1";

/// An extension that is cut keeps at least so many units.
const EXTENSION: usize = 8;

/// What names of one hierarchy may be: of which units, how long, how they end.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    alphabet: Alphabet,
    /// The most units of a file's name without its extension.
    stem: usize,
    /// The most units of an extension.
    extension: usize,
    /// The most units of a file's name with its dot, without its version.
    file: usize,
    /// The most units of a directory's name.
    directory: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alphabet {
    /// d-characters.
    Strict,
    /// Printable ASCII.
    Relaxed,
    /// Bytes as they are.
    Raw,
    /// UCS-2 without a few characters.
    Joliet,
}

impl Rules {
    /// Those of the plain hierarchy.
    pub fn plain(options: &Options) -> Self {
        let alphabet = match (options.level, options.relaxed) {
            (4, _) => Alphabet::Raw,
            (_, true) => Alphabet::Relaxed,
            (_, false) => Alphabet::Strict,
        };
        // A record has 254 bytes: 33 before the name; Rock Ridge needs 28 after it, to continue elsewhere.
        let raw = if options.rock_ridge { 193 } else { 207 };
        match options.level {
            1 => Self { alphabet, stem: 8, extension: 3, file: 12, directory: 8 },
            4 => Self { alphabet, stem: raw, extension: raw, file: raw, directory: raw },
            _ => Self { alphabet, stem: 30, extension: 30, file: 31, directory: 31 },
        }
    }

    /// Those of the Joliet hierarchy.
    pub fn joliet(units: usize) -> Self {
        Self { alphabet: Alphabet::Joliet, stem: units, extension: units, file: units, directory: units }
    }

    /// Whether every file's name has a dot and a version.
    fn has_version(self) -> bool {
        matches!(self.alphabet, Alphabet::Strict | Alphabet::Relaxed)
    }

    /// Gives every name of a directory, which is that of a directory where the second is true, an identifier as it is recorded.
    pub fn assign(self, names: &[(&[u8], bool)]) -> Vec<Box<[u8]>> {
        let mut bases: Vec<Base> = names.iter().map(|(name, dir)| self.base(name, *dir)).collect();
        let mut used = BTreeSet::new();
        let mut open: Vec<usize> = (0..names.len()).collect();
        // Names that stay as they are come first, then those that change, then those that must have a number.
        for kept in [true, false] {
            open.retain(|at| {
                let first_come = !kept || !bases[*at].changed;
                !(first_come && used.insert(self.key(&bases[*at])))
            });
        }
        let mut numbers = Numbers { used, next: BTreeMap::new() };
        for at in open {
            bases[at] = numbers.number(self, &bases[at]);
        }
        bases.iter().map(|base| self.record(base)).collect()
    }

    /// The identifier that most names have, made without looking at others or at limits: not always what [`Rules::assign`] gives.
    pub fn plainly(self, name: &[u8], directory: bool) -> Vec<u8> {
        let strict = self.alphabet == Alphabet::Strict;
        match (self.alphabet, std::str::from_utf8(name)) {
            (Alphabet::Raw, _) => name.to_vec(),
            (Alphabet::Joliet, Ok(text)) => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            (Alphabet::Joliet, Err(_)) => name.iter().flat_map(|byte| [0, *byte]).collect(),
            _ => {
                let dot = name.iter().rposition(|byte| *byte == b'.').filter(|at| *at > 0 && !directory);
                let mut id = Vec::with_capacity(name.len() + 1 + VERSION.len());
                id.extend(name.iter().enumerate().map(|(at, byte)| {
                    let upper = byte.to_ascii_uppercase();
                    let stands = is_d(upper) || Some(at) == dot;
                    if !strict {
                        *byte
                    } else if stands {
                        upper
                    } else {
                        b'_'
                    }
                }));
                if !directory {
                    id.extend(dot.is_none().then_some(b'.'));
                    id.extend(VERSION);
                }
                id
            }
        }
    }

    /// The name as far as these rules can hold it.
    fn base(self, name: &[u8], directory: bool) -> Base {
        let units = self.translate(name);
        let dot = units.iter().rposition(|unit| *unit == DOT).filter(|at| *at > 0 && !directory);
        let (stem, extension) = match dot {
            Some(dot) => (units[..dot].to_vec(), Some(units[dot + 1..].to_vec())),
            None => (units, None),
        };
        let mut base = Base { stem, extension, directory, changed: false };
        if self.alphabet == Alphabet::Strict {
            base.stem.iter_mut().filter(|unit| **unit == DOT).for_each(|unit| *unit = STAND_IN);
        }
        if let Some(extension) = &mut base.extension {
            let rest = self.file.saturating_sub(1 + base.stem.len());
            extension.truncate(self.extension.min(rest.max(EXTENSION)));
        }
        base.stem.truncate(self.stem_room(&base));
        base.changed = base.join() != self.units(name);
        base
    }

    /// Units for the stem of this name.
    fn stem_room(self, base: &Base) -> usize {
        if base.directory {
            return self.directory;
        }
        let dot = usize::from(self.has_version() || base.extension.is_some());
        self.stem.min(self.file - dot - base.extension.as_ref().map_or(0, Vec::len))
    }

    /// A name as units, before anything is replaced.
    fn units(self, name: &[u8]) -> Vec<u16> {
        match (self.alphabet, std::str::from_utf8(name)) {
            (Alphabet::Raw, _) | (_, Err(_)) => name.iter().map(|byte| u16::from(*byte)).collect(),
            // A character beyond UCS-2 becomes 0, which no alphabet has.
            (_, Ok(text)) => text.chars().map(|c| u16::try_from(u32::from(c)).unwrap_or(0)).collect(),
        }
    }

    fn translate(self, name: &[u8]) -> Vec<u16> {
        let mut units = self.units(name);
        for unit in &mut units {
            let ascii = u8::try_from(*unit).ok().filter(u8::is_ascii);
            let printable = ascii.is_none_or(|byte| byte >= b' ' && byte != 0x7f);
            let good = match self.alphabet {
                Alphabet::Strict => {
                    if let Some(byte) = ascii {
                        *unit = byte.to_ascii_uppercase().into();
                    }
                    ascii.is_some_and(|byte| is_d(byte.to_ascii_uppercase()) || byte == b'.')
                }
                Alphabet::Relaxed => ascii.is_some_and(|byte| byte != b';') && printable,
                Alphabet::Raw => ascii != Some(b';') && printable,
                Alphabet::Joliet => printable && !ascii.is_some_and(|byte| NOT_JOLIET.contains(&byte)),
            };
            if !good {
                *unit = STAND_IN;
            }
        }
        units
    }

    /// What two names have in common that readers take for the same. Of Joliet names that are Windows, for which the case of letters and
    /// dots at the end mean nothing, and Linux, which looks names up as Windows does (`fs/isofs`).
    fn key(self, base: &Base) -> Vec<u16> {
        let mut key = base.join();
        if self.alphabet == Alphabet::Joliet {
            key.iter_mut().for_each(|unit| *unit = upcase::upper(*unit));
            while key.last() == Some(&DOT) {
                key.pop();
            }
        } else if self.has_version() {
            key.iter_mut().for_each(|unit| *unit = upper(*unit));
            if key.last() == Some(&DOT) {
                key.pop();
            }
        }
        key
    }

    /// The identifier as it is recorded.
    fn record(self, base: &Base) -> Box<[u8]> {
        let mut units = base.join();
        if self.has_version() && !base.directory {
            if base.extension.is_none() {
                units.push(DOT);
            }
            units.extend(VERSION.iter().map(|byte| u16::from(*byte)));
        }
        match self.alphabet {
            Alphabet::Joliet => units.into_iter().flat_map(u16::to_be_bytes).collect(),
            _ => units
                .into_iter()
                .map(|unit| u8::try_from(unit).expect("because plain names are bytes"))
                .collect(),
        }
    }
}

fn upper(unit: u16) -> u16 {
    u8::try_from(unit).map_or(unit, |byte| byte.to_ascii_uppercase().into())
}

/// A name in its parts.
#[derive(Clone, Debug)]
struct Base {
    stem: Vec<u16>,
    extension: Option<Vec<u16>>,
    directory: bool,
    /// Whether it is not the name that it stands for.
    changed: bool,
}

impl Base {
    fn join(&self) -> Vec<u16> {
        let mut units = self.stem.clone();
        if let Some(extension) = &self.extension {
            units.push(DOT);
            units.extend_from_slice(extension);
        }
        units
    }
}

/// Beginning, count of digits, extension.
type Series = (Vec<u16>, usize, Option<Vec<u16>>);

/// Numbers that names have taken.
struct Numbers {
    used: BTreeSet<Vec<u16>>,
    /// The next number of each series, so that ten thousand alike take no longer each.
    next: BTreeMap<Series, u64>,
}

impl Numbers {
    /// The name with `_` and the least number that is free.
    fn number(&mut self, rules: Rules, base: &Base) -> Base {
        let mut digits = 1;
        loop {
            let room = rules.stem_room(base).saturating_sub(1 + digits);
            let mut stem = base.stem.clone();
            stem.truncate(room);
            let series = (stem, digits, base.extension.clone());
            let end = 10u64.pow(u32::try_from(digits).expect("because numbers have few digits"));
            let mut number = self.next.get(&series).copied().unwrap_or(end / 10);
            let mut found = None;
            while number < end && found.is_none() {
                let mut tried = Base { stem: series.0.clone(), ..base.clone() };
                tried.stem.extend(format!("_{number}").bytes().map(u16::from));
                found = Some(tried).filter(|tried| self.used.insert(rules.key(tried)));
                number += 1;
            }
            self.next.insert(series, number);
            if let Some(found) = found {
                return found;
            }
            digits += 1;
        }
    }
}

/// What orders identifiers in a directory: name, then extension, each as if padded with spaces (ECMA-119, 9.3); the version is always the same.
pub fn order(id: &[u8], joliet: bool) -> Vec<u16> {
    let units: Vec<u16> = if joliet {
        id.chunks(2).map(|pair| pair.iter().fold(0, |unit, byte| unit << 8 | u16::from(*byte))).collect()
    } else {
        id.iter().map(|byte| u16::from(*byte)).collect()
    };
    let end = units.iter().position(|unit| *unit == u16::from(b';')).unwrap_or(units.len());
    units[..end].iter().map(|unit| if *unit == DOT { 0 } else { *unit }).collect()
}

#[cfg(test)]
mod tests;
