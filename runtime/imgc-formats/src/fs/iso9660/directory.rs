//! A directory's bytes: its records, and after them the area in which fields continue that have no room in a record.

use imgc_image::Meta;

use super::{
    contents::{Contents, SECTOR},
    hierarchy::{Dir, Hierarchy, MOVED, What},
    options::Options,
    record::{self, DIRECTORY, MAX_RECORD, MULTI_EXTENT, system_use},
    rock::{self, CE_LEN, Field},
    survey::Survey,
    time,
};

/// Everything that records tell of.
pub struct View<'a, 't> {
    /// Options.
    pub options: &'a Options,
    /// The tree.
    pub survey: &'a Survey<'t>,
    /// Where contents are.
    pub contents: &'a Contents<'t>,
    /// The sector that entries without content name.
    pub empty: u64,
}

/// A directory's bytes.
pub struct Encoded {
    /// Its records, in whole sectors.
    pub records: Vec<u8>,
    /// Fields that continue.
    pub more: Vec<u8>,
}

/// Makes a directory's bytes. Their lengths do not depend on any place, so that the first pass can find the places.
pub fn encode(view: &View<'_, '_>, hierarchy: &Hierarchy, at: usize) -> Encoded {
    let dir = &hierarchy.dirs[at];
    let area = Area { bytes: Vec::new(), sector: dir.sector + dir.sectors };
    let mut out = Packer { records: Vec::new(), area };
    let rock = view.options.rock_ridge && !hierarchy.joliet;
    let fields = |fields: Vec<Field>| if rock { fields } else { Vec::new() };
    out.push(&stretch(dir), view.stamp(dir.entry), DIRECTORY, record::SELF, &fields(view.own(hierarchy, at)));
    let above = &hierarchy.dirs[dir.parent];
    let upper = view.upper(hierarchy, dir);
    out.push(&stretch(above), view.stamp(above.entry), DIRECTORY, record::PARENT, &fields(upper));
    for child in &dir.children {
        let id = hierarchy.id(view.survey, dir, child);
        match child.what {
            What::Dir(inner) => {
                let inner = &hierarchy.dirs[inner as usize];
                let mut described = view.describe(inner.entry);
                described.extend((inner.home.is_some() || inner.entry.is_none()).then(rock::re));
                out.push(&stretch(inner), view.stamp(inner.entry), DIRECTORY, &id, &fields(described));
            }
            What::Leaf(entry) => {
                let entry = entry as usize;
                let sections = view.contents.sections(entry, view.empty);
                let described = if rock { view.describe(Some(entry)) } else { Vec::new() };
                out.push(&sections, view.stamp(Some(entry)), 0, &id, &described);
            }
            What::Moved(inner) => {
                let inner = &hierarchy.dirs[inner as usize];
                let mut described = view.describe(inner.entry);
                described.push(rock::cl(inner.sector));
                out.push(&[(view.empty, 0)], view.stamp(inner.entry), 0, &id, &fields(described));
            }
        }
    }
    out.records.resize(out.records.len().next_multiple_of(SECTOR as usize), 0);
    Encoded { records: out.records, more: out.area.bytes }
}

fn stretch(dir: &Dir) -> [(u64, u64); 1] {
    [(dir.sector, dir.len())]
}

impl View<'_, '_> {
    /// The time of an entry, or of the directory that is in no tree.
    fn stamp(&self, entry: Option<usize>) -> [u8; 7] {
        time::short(entry.map_or(self.options.epoch, |entry| self.survey.entries[entry].meta.mtime))
    }

    /// Mode, owner and time of a directory.
    fn attributes(&self, entry: Option<usize>) -> Vec<Field> {
        let survey = self.survey;
        let own = Meta::new(0o755, self.options.epoch);
        let (meta, links, serial) = match entry {
            Some(at) => (&survey.entries[at].meta, survey.links[at], survey.serials[at]),
            None => (&own, 2, survey.next_serial),
        };
        vec![rock::px(rock::S_IFDIR, meta, links, serial), rock::tf(meta.mtime)]
    }

    /// All fields of an entry, or of the directory that is in no tree.
    fn describe(&self, entry: Option<usize>) -> Vec<Field> {
        match entry {
            Some(at) => {
                rock::describe(&self.survey.entries[at], self.survey.links[at], self.survey.serials[at])
            }
            None => {
                let mut fields = self.attributes(None);
                fields.extend(rock::nm(MOVED));
                fields
            }
        }
    }

    /// The fields of `.`: in the root, also those that say that there are fields at all.
    fn own(&self, hierarchy: &Hierarchy, at: usize) -> Vec<Field> {
        let attributes = self.attributes(hierarchy.dirs[at].entry);
        if at > 0 {
            return attributes;
        }
        [vec![rock::sp()], attributes, vec![rock::er()]].concat()
    }

    /// The fields of `..`: of the directory where this one belongs, wherever it was moved.
    fn upper(&self, hierarchy: &Hierarchy, dir: &Dir) -> Vec<Field> {
        let above = &hierarchy.dirs[dir.home.unwrap_or(dir.parent)];
        let mut fields = self.attributes(above.entry);
        fields.extend(dir.home.map(|_| rock::pl(above.sector)));
        fields
    }
}

/// Packs records into sectors: none crosses the end of one (ECMA-119, 6.8.1.1).
struct Packer {
    records: Vec<u8>,
    area: Area,
}

impl Packer {
    /// Adds a record for each section of a file.
    fn push(&mut self, sections: &[(u64, u64)], stamp: [u8; 7], flags: u8, id: &[u8], fields: &[Field]) {
        let fields = self.area.fit(MAX_RECORD - system_use(id.len()), fields);
        for (index, (sector, len)) in sections.iter().enumerate() {
            let more = if index + 1 < sections.len() { MULTI_EXTENT } else { 0 };
            let record = record::encode(*sector, *len, stamp, flags | more, id, &fields);
            let used = self.records.len() % SECTOR as usize;
            if used + record.len() > SECTOR as usize {
                self.records.resize(self.records.len() + SECTOR as usize - used, 0);
            }
            self.records.extend_from_slice(&record);
        }
    }
}

/// The area of a directory in which fields continue. No piece crosses the end of a sector: Linux refuses such.
struct Area {
    bytes: Vec<u8>,
    /// The sector at which it starts.
    sector: u64,
}

impl Area {
    /// The system use area of a record with room for so many bytes; what does not fit goes here.
    fn fit(&mut self, room: usize, fields: &[Field]) -> Vec<u8> {
        if total(fields) <= room {
            return fields.concat();
        }
        let (kept, rest) = fields.split_at(first(fields, room - CE_LEN));
        let mut out = kept.concat();
        out.extend(self.store(rest));
        out
    }

    /// Stores fields, and gives the field that says where they are.
    fn store(&mut self, fields: &[Field]) -> Field {
        let sector = SECTOR as usize;
        let left = sector - self.bytes.len() % sector;
        let all = total(fields);
        if all > left && (all <= sector || left < CE_LEN + 255) {
            self.bytes.resize(self.bytes.len() + left, 0);
        }
        let start = self.bytes.len();
        let left = sector - start % sector;
        if all <= left {
            self.bytes.extend(fields.concat());
        } else {
            let (now, rest) = fields.split_at(first(fields, left - CE_LEN));
            self.bytes.extend(now.concat());
            let link = self.bytes.len();
            self.bytes.resize(link + CE_LEN, 0);
            let next = self.store(rest);
            self.bytes[link..link + CE_LEN].copy_from_slice(&next);
            return self.name(start, total(now) + CE_LEN);
        }
        self.name(start, all)
    }

    fn name(&self, start: usize, len: usize) -> Field {
        let start = start as u64;
        rock::ce(self.sector + start / SECTOR, start % SECTOR, len as u64)
    }
}

fn total(fields: &[Field]) -> usize {
    fields.iter().map(Vec::len).sum()
}

/// How many fields from the first on fit into a room.
fn first(fields: &[Field], room: usize) -> usize {
    let ends = fields.iter().scan(0, |end, field| {
        *end += field.len();
        Some(*end)
    });
    ends.take_while(|end| *end <= room).count()
}
