//! Which modules a module needs: `DT_NEEDED` of its ELF form (System V ABI, chapter 5), for 32 and 64 bits.

use std::collections::BTreeMap;

use imgc_image::{Content, Failure};

use crate::boot::supply::{Supply, unknown};

/// `PT_LOAD` and `PT_DYNAMIC`.
const LOAD: u64 = 1;
const DYNAMIC: u64 = 2;
/// `DT_NEEDED` and `DT_STRTAB`.
const NEEDED: u64 = 1;
const STRINGS: u64 = 5;

/// The most program headers, entries of a dynamic section and bytes of a name that are looked at.
const MOST: usize = 256;

/// The modules of these names and all that they need, by name.
///
/// # Errors
/// When one is missing, or is no module.
pub fn closure<'a>(
    supply: &Supply<'a>,
    below: &str,
    wanted: Vec<String>,
) -> Result<BTreeMap<String, &'a Content>, Failure> {
    let (mut open, mut found) = (wanted, BTreeMap::new());
    let mut problems = Vec::new();
    while let Some(name) = open.pop() {
        if found.contains_key(&name) {
            continue;
        }
        match supply.find(&name, below) {
            Ok(content) => {
                let bytes = supply.read(&name, content)?;
                open.extend(needed(&bytes).ok_or_else(|| unknown(&name, "it is no module of SYSLINUX 6"))?);
                found.insert(name, content);
            }
            Err(problem) => problems.push(problem),
        }
    }
    problems.dedup();
    if problems.is_empty() { Ok(found) } else { Err(problems.into()) }
}

/// The names of what a module needs; `None` when it is no ELF file.
pub fn needed(bytes: &[u8]) -> Option<Vec<String>> {
    let file = File::read(bytes)?;
    let (_, dynamic, len) = file.segments(DYNAMIC).next()?;
    let step = 2 * file.word;
    let entries = (0..len / step).take(MOST).map(|index| {
        let at = dynamic + index * step;
        Some((file.number(at)?, file.number(at + file.word)?))
    });
    let entries: Vec<(u64, u64)> = entries.collect::<Option<_>>()?;
    let strings = entries.iter().find(|(tag, _)| *tag == STRINGS)?.1;
    entries
        .iter()
        .filter(|(tag, _)| *tag == NEEDED)
        .map(|(_, name)| file.text(strings.checked_add(*name)?))
        .collect()
}

/// An ELF file, little-endian.
struct File<'b> {
    bytes: &'b [u8],
    /// Bytes of an address.
    word: usize,
}

impl<'b> File<'b> {
    fn read(bytes: &'b [u8]) -> Option<Self> {
        let word = match bytes.get(..6)? {
            b"\x7fELF\x01\x01" => 4,
            b"\x7fELF\x02\x01" => 8,
            _ => return None,
        };
        Some(Self { bytes, word })
    }

    /// Segments of a type, as (address, offset, length in the file).
    fn segments(&self, wanted: u64) -> impl Iterator<Item = (u64, usize, usize)> + '_ {
        // e_phoff, e_phentsize, e_phnum; of a program header p_offset, p_vaddr, p_filesz.
        let (table, entry, count, fields) =
            if self.word == 4 { (28, 42, 44, [4, 8, 16]) } else { (32, 54, 56, [8, 16, 32]) };
        let start = self.number(table).and_then(|start| usize::try_from(start).ok()).unwrap_or(usize::MAX);
        let (entry, count) = (self.half(entry).unwrap_or(0), self.half(count).unwrap_or(0));
        (0..count.min(MOST)).filter_map(move |index| {
            let at = start.checked_add(index * entry)?;
            let kind = self.bytes.get(at..at.checked_add(4)?)?;
            let [offset, address, len] = fields.map(|field| self.number(at + field));
            let is_wanted = u64::from(u32::from_le_bytes(kind.try_into().ok()?)) == wanted;
            is_wanted.then_some(())?;
            Some((address?, usize::try_from(offset?).ok()?, usize::try_from(len?).ok()?))
        })
    }

    /// The text at an address.
    fn text(&self, address: u64) -> Option<String> {
        let at = self.segments(LOAD).find_map(|(start, offset, len)| {
            let within = usize::try_from(address.checked_sub(start)?).ok()?;
            (within < len).then(|| offset.checked_add(within))?
        })?;
        let rest = self.bytes.get(at..)?;
        let end = rest.iter().take(MOST).position(|byte| *byte == 0)?;
        String::from_utf8(rest[..end].to_vec()).ok()
    }

    fn number(&self, at: usize) -> Option<u64> {
        let bytes = self.bytes.get(at..at.checked_add(self.word)?)?;
        let mut wide = [0; 8];
        wide[..self.word].copy_from_slice(bytes);
        Some(u64::from_le_bytes(wide))
    }

    fn half(&self, at: usize) -> Option<usize> {
        Some(usize::from(u16::from_le_bytes(self.bytes.get(at..at + 2)?.try_into().ok()?)))
    }
}
