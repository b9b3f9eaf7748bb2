//! Extended attributes: each set of them is stored once, and so is each longer value.

use std::{collections::BTreeMap, io};

use imgc_image::Entry;

use super::{
    codec::Pool,
    format::{NO_TABLE, NONE, OUT_OF_LINE},
    metadata::{Metadata, Output},
    survey::{Survey, split_name},
};

/// A reference to a value takes as many bytes: shorter values are never referred to.
const REFERENCE: usize = 8;

type Set<'t> = Vec<(u16, &'t [u8], &'t [u8])>;

/// The sets of a tree.
pub struct Xattrs<'t> {
    sets: BTreeMap<Set<'t>, u32>,
    order: Vec<Set<'t>>,
    of_entry: Vec<u32>,
}

impl<'t> Xattrs<'t> {
    /// Collects the sets, in the order of their first use. Without `keep` there are none.
    pub fn of(survey: &Survey<'t>, keep: bool) -> Self {
        let mut xattrs = Self { sets: BTreeMap::new(), order: Vec::new(), of_entry: Vec::new() };
        if keep {
            xattrs.of_entry = survey.entries.iter().map(|entry| xattrs.number(entry)).collect();
        }
        xattrs
    }

    fn number(&mut self, entry: &'t Entry) -> u32 {
        let set: Set<'t> = entry
            .xattrs
            .iter()
            .filter_map(|(name, value)| split_name(name).map(|(kind, rest)| (kind, rest, &**value)))
            .collect();
        if set.is_empty() {
            return NONE;
        }
        let next = u32::try_from(self.order.len()).expect("because a tree has fewer than 2^32 entries");
        *self.sets.entry(set).or_insert_with_key(|set| {
            self.order.push(set.clone());
            next
        })
    }

    /// The number of an entry's set; [`NONE`] when it has no attributes.
    pub fn of_entry(&self, index: u32) -> u32 {
        self.of_entry.get(index as usize).copied().unwrap_or(NONE)
    }

    /// Writes the sets and their table; gives where the table is.
    ///
    /// # Errors
    /// When the compressor fails, or the store cannot take it.
    pub fn write(&self, pool: &Pool, out: &mut Output<'_, '_>) -> io::Result<u64> {
        if self.order.is_empty() {
            return Ok(NO_TABLE);
        }
        let mut sets = Metadata::new(pool);
        let mut known = BTreeMap::new();
        let mut table = Vec::with_capacity(self.order.len() * 16);
        for set in &self.order {
            // `size` is what listxattr and the values would take: full names with a NUL byte each, and the values.
            let sizes = set.iter().map(|(kind, name, value)| {
                super::format::PREFIXES[usize::from(*kind)].len() + name.len() + 1 + value.len()
            });
            let size = u32::try_from(sizes.sum::<usize>()).map_err(io::Error::other)?;
            let count = u32::try_from(set.len()).map_err(io::Error::other)?;
            table.extend(sets.place().reference().to_le_bytes());
            table.extend(count.to_le_bytes());
            table.extend(size.to_le_bytes());
            write_set(set, &mut sets, &mut known)?;
        }
        let start = out.at;
        out.put(&sets.finish()?)?;
        let count = u32::try_from(self.order.len()).expect("because a tree has fewer than 2^32 entries");
        let head = [&start.to_le_bytes()[..], &count.to_le_bytes(), &[0; 4]].concat();
        out.table(pool, &table, &head)
    }
}

fn write_set<'t>(
    set: &Set<'t>,
    out: &mut Metadata<'_>,
    known: &mut BTreeMap<&'t [u8], u64>,
) -> io::Result<()> {
    for (kind, name, value) in set {
        let name_len = u16::try_from(name.len()).expect("because names have at most 255 bytes");
        let value_len = u32::try_from(value.len()).expect("because values have at most 64 KiB");
        let before = known.get(value).filter(|_| value.len() > REFERENCE).copied();
        let flag = if before.is_some() { OUT_OF_LINE } else { 0 };
        out.write(&[&(kind | flag).to_le_bytes(), &name_len.to_le_bytes(), &name[..]].concat())?;
        match before {
            Some(reference) => {
                out.write(&8_u32.to_le_bytes())?;
                out.write(&reference.to_le_bytes())?;
            }
            None => {
                known.insert(value, out.place().reference());
                out.write(&value_len.to_le_bytes())?;
                out.write(value)?;
            }
        }
    }
    Ok(())
}
