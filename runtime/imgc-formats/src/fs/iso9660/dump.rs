//! A volume as text: descriptors, path tables, and the directories of every hierarchy as they are recorded, field by field.

use std::{
    collections::{BTreeSet, VecDeque},
    fmt::{self, Write},
};

use imgc_image::{Failure, Problem, ReadAt};

use super::{
    descriptor::PRIMARY,
    read::{Descriptor, Rock, Source, damaged, fields, find_skip},
    record::{MULTI_EXTENT, PARENT, Record, SELF},
    time,
};

/// The most records that are shown: hostile images could have more than fit into memory.
const MOST_RECORDS: usize = 1 << 20;

/// Where texts stand in a descriptor, and how many bytes they have (ECMA-119, 8.4).
const TEXTS: [(&str, usize, usize); 9] = [
    ("system", 8, 32),
    ("volume", 40, 32),
    ("set", 190, 128),
    ("publisher", 318, 128),
    ("preparer", 446, 128),
    ("application", 574, 128),
    ("copyright", 702, 37),
    ("abstract", 739, 37),
    ("biblio", 776, 37),
];

/// Shows the structures.
///
/// # Errors
/// When the image cannot be read, is not ISO 9660, or is damaged.
pub fn dump(image: &dyn ReadAt) -> Result<String, Failure> {
    let Some(source) = Source::open(image)? else {
        let message = "this is no ISO 9660 filesystem: there is no primary volume descriptor";
        return Err(Problem::new("not-this-filesystem", message).into());
    };
    let mut show = Show { source: &source, out: String::new(), records: 0 };
    for descriptor in &source.descriptors {
        show.descriptor(descriptor).expect(TAKES);
    }
    if let Some((sector, catalog)) = source.boot {
        writeln!(show.out, "sector {sector}: boot record, catalogue at {catalog}").expect(TAKES);
    }
    if let Some(end) = source.end {
        writeln!(show.out, "sector {end}: end").expect(TAKES);
    }
    let mut roots = BTreeSet::new();
    for descriptor in &source.descriptors {
        // An enhanced descriptor can name the hierarchy of the primary one.
        if roots.insert(descriptor.root.block) {
            show.path_table(descriptor)?;
            show.hierarchy(descriptor)?;
        }
    }
    Ok(show.out)
}

/// Why writing a line cannot fail.
const TAKES: &str = "because a String takes everything";

struct Show<'s, 'a> {
    source: &'s Source<'a>,
    out: String,
    records: usize,
}

impl Show<'_, '_> {
    fn descriptor(&mut self, descriptor: &Descriptor) -> fmt::Result {
        let sort = match descriptor {
            Descriptor { sort: PRIMARY, .. } => "primary",
            Descriptor { joliet: true, .. } => "joliet",
            Descriptor { version: 2, .. } => "enhanced",
            _ => "supplementary",
        };
        let out = &mut self.out;
        writeln!(
            out,
            "sector {}: {sort}, {} blocks of {} bytes",
            descriptor.sector, descriptor.sectors, descriptor.block
        )?;
        for (name, at, len) in TEXTS {
            let text = id_text(&descriptor.bytes[at..at + len], descriptor.joliet);
            let text = text.trim_end();
            if !text.is_empty() {
                writeln!(out, "  {name:<11} \"{text}\"")?;
            }
        }
        for (name, at) in [("created", 813), ("modified", 830), ("expires", 847), ("effective", 864)] {
            if let Some((seconds, _)) = time::read_long(&descriptor.bytes[at..at + 17]) {
                writeln!(out, "  {name:<11} {}", time::text(seconds))?;
            }
        }
        let (little, big) = descriptor.tables;
        writeln!(out, "  path tables {} bytes at {little} and {big}", descriptor.table_len)?;
        writeln!(out, "  root        {}", place(&descriptor.root))
    }

    fn path_table(&mut self, descriptor: &Descriptor) -> Result<(), Failure> {
        let bytes = self.source.read(descriptor.tables.0 * self.source.block, descriptor.table_len)?;
        let other = self.source.read(descriptor.tables.1 * self.source.block, descriptor.table_len)?;
        writeln!(self.out, "path table at {}", descriptor.tables.0).expect(TAKES);
        let (mut at, mut number) = (0, 1);
        while at + 8 < bytes.len() && bytes[at] > 0 {
            let end = at + 8 + usize::from(bytes[at]);
            let (Some(entry), Some(twin)) = (bytes.get(at..end), other.get(at..end)) else {
                return Err(damaged("a path table ends within an entry"));
            };
            let block = u32::from_le_bytes([entry[2], entry[3], entry[4], entry[5]]);
            let parent = u16::from_le_bytes([entry[6], entry[7]]);
            let same = u32::from_be_bytes([twin[2], twin[3], twin[4], twin[5]]) == block
                && u16::from_be_bytes([twin[6], twin[7]]) == parent
                && entry[8..] == twin[8..];
            let same = if same { "" } else { ", not in the other one" };
            let id = id_text(&entry[8..], descriptor.joliet);
            self.count()?;
            writeln!(self.out, "  {number} in {parent} at {block} \"{id}\"{same}").expect(TAKES);
            at = end.next_multiple_of(2);
            number += 1;
        }
        Ok(())
    }

    fn hierarchy(&mut self, descriptor: &Descriptor) -> Result<(), Failure> {
        let own = self.source.directory_at(descriptor.root.block)?;
        let skip = find_skip(self.source, &own)?;
        let mut open = VecDeque::from([(descriptor.root.block, descriptor.root.len)]);
        let mut seen = BTreeSet::new();
        while let Some((block, len)) = open.pop_front() {
            if !seen.insert(block) {
                return Err(damaged(format!(
                    "the directory at block {block} is in two places, or in itself"
                )));
            }
            let sort = if descriptor.joliet { "joliet directory" } else { "directory" };
            writeln!(self.out, "{sort} at {block}").expect(TAKES);
            for (offset, record) in self.source.directory(block, len)? {
                self.count()?;
                let root_own = block == descriptor.root.block && record.id == SELF;
                self.record(
                    offset,
                    &record,
                    descriptor.joliet,
                    skip.map(|skip| if root_own { 0 } else { skip }),
                )?;
                if record.is_dir() && !record.is_dot() {
                    open.push_back((record.block, record.len));
                }
            }
        }
        Ok(())
    }

    fn record(
        &mut self,
        offset: u64,
        record: &Record,
        joliet: bool,
        skip: Option<usize>,
    ) -> Result<(), Failure> {
        let sort = if record.is_dir() { "dir " } else { "file" };
        let more = if record.flags & MULTI_EXTENT == 0 { "" } else { " and more" };
        let time = time::read_short(&record.stamp).map_or("no time".to_owned(), time::text);
        let id = id_text(&record.id, joliet);
        write!(self.out, "  {offset:#x} {sort} {}{more} {time} \"{id}\"", place(record)).expect(TAKES);
        if let Some(skip) = skip {
            let all = fields(self.source, &record.fields, skip)?;
            for (signature, _) in &all {
                write!(self.out, " {}", signature.escape_ascii()).expect(TAKES);
            }
            let rock = Rock::of(&all)?;
            self.rock(&rock).expect(TAKES);
        }
        self.out.push('\n');
        Ok(())
    }

    fn rock(&mut self, rock: &Rock) -> fmt::Result {
        let out = &mut self.out;
        if let Some([mode, links, uid, gid]) = rock.attributes {
            write!(out, " | {mode:o} x{links} {uid}:{gid}")?;
        }
        if let Some(serial) = rock.serial {
            write!(out, " #{serial}")?;
        }
        if let Some((seconds, _)) = rock.time {
            write!(out, " {}", time::text(seconds))?;
        }
        if let Some(name) = &rock.name {
            write!(out, " \"{}\"", name.escape_ascii())?;
        }
        if let Some(target) = &rock.target {
            write!(out, " -> \"{}\"", target.escape_ascii())?;
        }
        if let Some((major, minor)) = rock.device {
            write!(out, " device {major}:{minor}")?;
        }
        if let Some(block) = rock.moved_to {
            write!(out, " moved to {block}")?;
        }
        if rock.hidden {
            write!(out, " hidden")?;
        }
        Ok(())
    }

    fn count(&mut self) -> Result<(), Failure> {
        self.records += 1;
        if self.records > MOST_RECORDS {
            return Err(Problem::new(
                "too-much-to-show",
                format!("there are more than {MOST_RECORDS} records"),
            )
            .into());
        }
        Ok(())
    }
}

/// The first block and the bytes of a record's section.
fn place(record: &Record) -> String {
    format!("{}+{}", record.block, record.len)
}

/// An identifier as text.
fn id_text(id: &[u8], joliet: bool) -> String {
    if id == SELF {
        return ".".into();
    }
    if id == PARENT {
        return "..".into();
    }
    if joliet {
        let units = id.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
        return char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    }
    id.escape_ascii().to_string()
}
