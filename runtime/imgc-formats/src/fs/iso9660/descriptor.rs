//! Volume descriptors (ECMA-119, 8): what the volume is called, and where its hierarchies start.

use super::{
    contents::SECTOR,
    hierarchy::Hierarchy,
    options::Options,
    path_table, record,
    record::{both16, both32},
    survey::Survey,
    time,
};

/// The sector of the first descriptor (ECMA-119, 6.7.1): those before it belong to nobody.
pub const FIRST: u64 = 16;
/// `Standard Identifier` (8.1.2).
pub const MAGIC: &[u8; 5] = b"CD001";
/// Types (8.1.1).
pub const PRIMARY: u8 = 1;
/// Supplementary, and enhanced ones by version 2.
pub const SUPPLEMENTARY: u8 = 2;
/// A boot record.
pub const BOOT_RECORD: u8 = 0;
/// The end of the list.
pub const TERMINATOR: u8 = 255;
/// The escape sequence of UCS-2 level 3 (Joliet, "SVD Escape Sequences field").
pub const JOLIET: &[u8; 3] = b"%/E";

/// Which descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// The primary one.
    Primary,
    /// The boot record of El Torito, which names no hierarchy.
    Boot,
    /// That of Joliet.
    Joliet,
    /// That of level 4 (ISO 9660:1999, 8.5); it names the hierarchy of the primary one.
    Enhanced,
}

/// What a descriptor says of places.
pub struct Places<'a> {
    /// The hierarchy.
    pub hierarchy: &'a Hierarchy,
    /// The tree.
    pub survey: &'a Survey<'a>,
    /// Sectors of the volume.
    pub sectors: u64,
    /// The sectors of the path tables, little-endian and big-endian.
    pub tables: (u64, u64),
    /// The time of the root directory.
    pub root_time: i64,
    /// The copyright, abstract and bibliographic file, by entry.
    pub files: [Option<usize>; 3],
}

/// Bytes of a file's identifier in a descriptor (8.4.23).
pub const FILE_ID: usize = 37;

/// A descriptor in the making.
struct Descriptor {
    bytes: Vec<u8>,
    joliet: bool,
}

impl Descriptor {
    fn put(&mut self, at: usize, data: &[u8]) {
        self.bytes[at..at + data.len()].copy_from_slice(data);
    }

    /// A text, padded with spaces; as UCS-2 for Joliet.
    fn text(&mut self, at: usize, len: usize, text: &str) {
        // What the check of options refuses becomes harmless here.
        let mut bytes = text.bytes().map(|byte| if (b' '..=b'~').contains(&byte) { byte } else { b'_' });
        if self.joliet {
            for pair in self.bytes[at..at + len].chunks_exact_mut(2) {
                pair.copy_from_slice(&[0, bytes.next().unwrap_or(b' ')]);
            }
        } else {
            self.bytes[at..at + len].fill_with(|| bytes.next().unwrap_or(b' '));
        }
    }
}

/// Makes a primary, supplementary or enhanced descriptor (8.4, 8.5).
pub fn encode(sort: Sort, options: &Options, places: &Places<'_>) -> Vec<u8> {
    let mut out = Descriptor { bytes: vec![0; SECTOR as usize], joliet: sort == Sort::Joliet };
    out.put(0, &[if sort == Sort::Primary { PRIMARY } else { SUPPLEMENTARY }]);
    out.put(1, MAGIC);
    let version = if sort == Sort::Enhanced { 2 } else { 1 };
    out.put(6, &[version]);
    let texts = &options.texts;
    out.text(8, 32, &texts.system);
    out.text(40, 32, &texts.volume);
    out.put(80, &both32(places.sectors)); // Volume Space Size
    if sort == Sort::Joliet {
        out.put(88, JOLIET);
    }
    out.put(120, &both16(1)); // Volume Set Size
    out.put(124, &both16(1)); // Volume Sequence Number
    out.put(128, &both16(2048)); // Logical Block Size
    out.put(132, &both32(path_table::len(places.hierarchy)));
    let (little, big) = (both32(places.tables.0), both32(places.tables.1));
    out.put(140, &little[..4]);
    out.put(148, &big[4..]);
    let root = &places.hierarchy.dirs[0];
    let stamp = time::short(places.root_time);
    out.put(156, &record::encode(root.sector, root.len(), stamp, record::DIRECTORY, record::SELF, &[]));
    out.text(190, 128, &texts.set);
    out.text(318, 128, &texts.publisher);
    out.text(446, 128, &texts.preparer);
    out.text(574, 128, &texts.application);
    for (at, file) in [702, 739, 776].into_iter().zip(places.files) {
        out.text(at, FILE_ID, ""); // copyright, abstract and bibliographic file
        // Where its name there is too long, a hierarchy has none.
        let id = file.and_then(|entry| places.hierarchy.root_file(places.survey, entry));
        if let Some(id) = id.filter(|id| id.len() <= FILE_ID) {
            out.put(at, &id);
        }
    }
    for (at, stamp) in [813, 830, 847, 864].into_iter().zip(options.times) {
        out.put(at, &stamp.map_or(time::NONE, time::long)); // creation, modification, expiration, effective
    }
    out.put(881, &[version]); // File Structure Version
    out.bytes
}

/// `Boot System Identifier` of El Torito, and where it says the sector of the catalogue ("El Torito" 1.0, figure 7).
pub const BOOT_SYSTEM: &[u8] = b"EL TORITO SPECIFICATION";
pub const CATALOG: usize = 0x47;

/// The boot record (8.2), which "El Torito" wants at sector 17: where the boot catalogue lies.
pub fn boot_record(catalog: u64) -> Vec<u8> {
    let mut out = vec![0; SECTOR as usize];
    out[0] = BOOT_RECORD;
    out[1..6].copy_from_slice(MAGIC);
    out[6] = 1;
    out[7..7 + BOOT_SYSTEM.len()].copy_from_slice(BOOT_SYSTEM);
    out[CATALOG..CATALOG + 4].copy_from_slice(&both32(catalog)[..4]);
    out
}

/// The descriptor that ends the list (8.3).
pub fn terminator() -> Vec<u8> {
    let mut out = vec![0; SECTOR as usize];
    out[0] = TERMINATOR;
    out[1..6].copy_from_slice(MAGIC);
    out[6] = 1;
    out
}
