//! Fields of Rock Ridge as they are read: record by record, wherever they continue.

use imgc_image::Failure;

use super::{
    super::{
        record::Record,
        rock::{CONTINUE, CURRENT, PARENT, ROOT, TF_CREATION, TF_LONG, TF_MODIFY},
        time,
    },
    Source, damaged,
};

/// The most areas in which the fields of one record continue; Linux takes no more (`fs/isofs/rock.c`).
const MOST_AREAS: usize = 32;

/// The most bytes of such an area.
const MOST_BYTES: u64 = 64 << 10;

/// A field: signature and data.
pub type Raw = ([u8; 2], Vec<u8>);

/// What Rock Ridge says of a record.
#[derive(Clone, Debug, Default)]
pub struct Rock {
    /// Mode with the file type, number of names, owner, group.
    pub attributes: Option<[u32; 4]>,
    /// The number of the file.
    pub serial: Option<u32>,
    /// The time of the last change, and its nanoseconds.
    pub time: Option<(i64, u32)>,
    /// The name.
    pub name: Option<Vec<u8>>,
    /// The target of a symbolic link.
    pub target: Option<Vec<u8>>,
    /// Major and minor number.
    pub device: Option<(u32, u32)>,
    /// The block of the directory that was moved from here.
    pub moved_to: Option<u64>,
    /// Whether it is shown elsewhere.
    pub hidden: bool,
}

/// Reads the fields of a record, `skip` bytes of its area left out.
///
/// # Errors
/// When they make no sense, or go on and on.
pub fn fields(source: &Source<'_>, area: &[u8], skip: usize) -> Result<Vec<Raw>, Failure> {
    let mut found = Vec::new();
    let mut next = list(area.get(skip..).unwrap_or_default(), &mut found)?;
    let mut areas = 0;
    while let Some((block, offset, len)) = next {
        areas += 1;
        if areas > MOST_AREAS || len > MOST_BYTES {
            return Err(damaged("the fields of a record have no end"));
        }
        let bytes = source.read(block * source.block + offset, len)?;
        next = list(&bytes, &mut found)?;
    }
    Ok(found)
}

/// Lists the fields of one area; gives the block, offset and length of the next one.
fn list(mut area: &[u8], found: &mut Vec<Raw>) -> Result<Option<(u64, u64, u64)>, Failure> {
    let mut next = None;
    // Up to three bytes at the end may be left (SUSP, 4).
    while area.len() >= 4 && area[0] != 0 {
        let (signature, len) = ([area[0], area[1]], usize::from(area[2]));
        let data = area.get(4..len).ok_or_else(|| damaged("a field of a record is longer than its area"))?;
        if signature == *b"ST" {
            break;
        }
        if signature == *b"CE" {
            let number = |at| number(data, at).map(u64::from);
            let (block, offset, len) = (number(0), number(8), number(16));
            let all = block.zip(offset).zip(len).map(|((block, offset), len)| (block, offset, len));
            next = Some(all.ok_or_else(|| damaged("a CE field is too short"))?);
        }
        found.push((signature, data.to_vec()));
        area = &area[len..];
    }
    Ok(next)
}

/// The little-endian half of a number in both byte orders.
fn number(data: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(data.get(at..at + 4)?.try_into().ok()?))
}

/// Whether a root directory's first record says that there are Rock Ridge fields, and how many bytes to leave out before them.
///
/// # Errors
/// When the fields make no sense.
pub fn find_skip(source: &Source<'_>, own: &Record) -> Result<Option<usize>, Failure> {
    let start = own.fields.get(..7);
    let Some(&[b'S', b'P', _, _, 0xbe, 0xef, skip]) = start else { return Ok(None) };
    let all = fields(source, &own.fields, 0)?;
    let extension = |(signature, data): &Raw| {
        let name = |name: &[u8]| data.get(4..).is_some_and(|text| text.starts_with(name));
        *signature == *b"ER" && (name(b"RRIP_1991A") || name(b"IEEE_P1282") || name(b"IEEE_1282"))
    };
    // Some writers forget to name the extension; the attributes give them away.
    let there = all.iter().any(|field| extension(field) || field.0 == *b"PX");
    Ok(there.then_some(usize::from(skip)))
}

impl Rock {
    /// What the fields of a record say.
    ///
    /// # Errors
    /// When they make no sense.
    pub fn of(fields: &[Raw]) -> Result<Self, Failure> {
        let mut rock = Self::default();
        let mut links = Target::default();
        for (signature, data) in fields {
            let short = || damaged(format!("a {} field is too short", signature.escape_ascii()));
            let number = |at| number(data, at).ok_or_else(short);
            match signature {
                b"PX" => {
                    rock.attributes = Some([number(0)?, number(8)?, number(16)?, number(24)?]);
                    rock.serial = number(32).ok();
                }
                b"TF" => rock.time = times(data).or(rock.time),
                b"NM" => {
                    let (flags, text) = data.split_first().ok_or_else(short)?;
                    if flags & (CURRENT | PARENT) == 0 {
                        rock.name.get_or_insert_default().extend_from_slice(text);
                    }
                }
                b"SL" => links.add(data.get(1..).ok_or_else(short)?)?,
                b"PN" => rock.device = Some(device(number(0)?, number(8)?)),
                b"CL" => rock.moved_to = Some(number(0)?.into()),
                b"RE" => rock.hidden = true,
                _ => {}
            }
        }
        rock.target = links.started.then_some(links.text);
        Ok(rock)
    }
}

/// The time of the last change of a `TF` field, else that of creation; the order is that of the flags (Rock Ridge, 4.1.6).
fn times(data: &[u8]) -> Option<(i64, u32)> {
    let flags = *data.first()?;
    let size = if flags & TF_LONG == 0 { 7 } else { 17 };
    let before = usize::from(flags & TF_CREATION != 0 && flags & TF_MODIFY != 0);
    let bytes = data.get(1 + before * size..)?.get(..size)?;
    if flags & (TF_CREATION | TF_MODIFY) == 0 {
        return None;
    }
    if flags & TF_LONG == 0 {
        time::read_short(bytes).map(|seconds| (seconds, 0))
    } else {
        time::read_long(bytes)
    }
}

/// Major and minor number as Linux understands a `PN` field.
fn device(high: u32, low: u32) -> (u32, u32) {
    if high == 0 && low > 0xff { (low >> 8, low & 0xff) } else { (high, low) }
}

/// The target of a symbolic link in the making.
#[derive(Default)]
struct Target {
    text: Vec<u8>,
    started: bool,
    /// Whether the next component comes right after what is there.
    glued: bool,
}

impl Target {
    /// Adds the components of a field.
    fn add(&mut self, mut components: &[u8]) -> Result<(), Failure> {
        while let [flags, len, rest @ ..] = components {
            let text =
                rest.get(..usize::from(*len)).ok_or_else(|| damaged("a component of a link is too long"))?;
            if self.started && !self.glued {
                self.text.push(b'/');
            }
            let said: &[u8] = match flags & (CURRENT | PARENT | ROOT) {
                0 => text,
                CURRENT => b".",
                PARENT => b"..",
                _ => b"/",
            };
            self.text.extend_from_slice(said);
            self.started = true;
            self.glued = flags & (CONTINUE | ROOT) != 0;
            components = &rest[usize::from(*len)..];
        }
        Ok(())
    }
}
