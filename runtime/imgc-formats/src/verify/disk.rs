//! The disk as firmware sees it: its table, its partitions, the filesystems in them.

use std::io;

use imgc_image::ReadAt;

use super::{
    files::Files,
    report::{Finding, Level, Report},
};
use crate::table;

/// Bytes of a sector, as a BIOS and boot code count them.
pub(super) const SECTOR: u64 = 512;

/// The attribute of a GPT's partition that marks it for code in sector 0 (UEFI 2.10, table 5.8: "Legacy BIOS Bootable").
const LEGACY_BOOT: u8 = 1 << 2;

/// The longest array of entries of a GPT that is read, in bytes: 16 KiB are usual.
const LONGEST_ARRAY: u64 = 1 << 20;

/// The most partitions that are opened.
const MOST_PARTS: usize = 128;

/// A part of an image.
pub(super) struct Window<'a> {
    image: &'a dyn ReadAt,
    start: u64,
    len: u64,
}

impl<'a> Window<'a> {
    /// The part from `start` on of at most `len` bytes: no more than there is.
    pub(super) fn new(image: &'a dyn ReadAt, start: u64, len: u64) -> Self {
        Self { image, start, len: len.min(image.len().saturating_sub(start)) }
    }
}

impl ReadAt for Window<'_> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(buf.len() as u64).filter(|end| *end <= self.len);
        end.ok_or(io::ErrorKind::UnexpectedEof)?;
        self.image.read_at(self.start + offset, buf)
    }

    fn len(&self) -> u64 {
        self.len
    }
}

/// Reads so many bytes; `None` when they are not there.
pub(super) fn read(image: &dyn ReadAt, at: u64, len: usize) -> Option<Vec<u8>> {
    let end = at.checked_add(len as u64)?;
    if end > image.len() {
        return None;
    }
    let mut bytes = vec![0; len];
    image.read_at(at, &mut bytes).ok()?;
    Some(bytes)
}

/// A little-endian number of so many bytes; `None` past the end.
pub(super) fn number(bytes: &[u8], at: usize, len: usize) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(len)?)?;
    Some(field.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

/// Whether the bytes are somewhere among the others.
pub(super) fn has(bytes: &[u8], mark: &[u8]) -> bool {
    bytes.windows(mark.len()).any(|window| window == mark)
}

/// A partition before its filesystem is opened; the first one is the whole image.
pub(super) struct Place<'a> {
    number: Option<u32>,
    start: u64,
    ty: String,
    marked: bool,
    window: Window<'a>,
}

/// A partition, or the whole image.
pub(super) struct Part<'a> {
    /// Its number in the table; none of the whole image.
    pub(super) number: Option<u32>,
    /// Its first byte on the disk.
    pub(super) start: u64,
    /// Its type's name, or code.
    pub(super) ty: &'a str,
    /// Whether it is marked for the code in sector 0.
    pub(super) marked: bool,
    /// Its bytes.
    pub(super) window: &'a Window<'a>,
    /// Its files, if they are read; else what is wrong with them.
    pub(super) files: Result<Option<Files<'a>>, String>,
}

impl Part<'_> {
    /// How a sentence names it.
    pub(super) fn name(&self) -> String {
        self.number.map_or("the whole image".into(), |number| format!("partition {number}"))
    }

    /// Its files.
    pub(super) fn files(&self) -> Option<&Files<'_>> {
        self.files.as_ref().ok()?.as_ref()
    }

    /// Where a file is, for people.
    pub(super) fn path(&self, path: impl std::fmt::Display) -> String {
        format!("{path} in {}", self.name())
    }
}

/// An image with its partitions, that of the whole image first.
pub(super) struct Disk<'a> {
    pub(super) image: &'a dyn ReadAt,
    pub(super) parts: Vec<Part<'a>>,
}

impl<'a> Disk<'a> {
    /// Opens the filesystems.
    pub(super) fn open(image: &'a dyn ReadAt, places: &'a [Place<'a>]) -> Self {
        let parts = places.iter().map(|place| Part {
            number: place.number,
            start: place.start,
            ty: &place.ty,
            marked: place.marked,
            window: &place.window,
            files: Files::open(&place.window),
        });
        Self { image, parts: parts.collect() }
    }

    /// Whether it has a table that lists partitions.
    pub(super) fn has_table(&self) -> bool {
        self.parts.len() > 1
    }

    /// The parts with files.
    pub(super) fn readable(&self) -> impl Iterator<Item = (&Part<'a>, &Files<'a>)> {
        self.parts.iter().filter_map(|part| Some((part, part.files.as_ref().ok()?.as_ref()?)))
    }

    /// Whether there are partitions in which files may be that cannot be seen here.
    pub(super) fn hides_something(&self) -> bool {
        self.parts
            .iter()
            .skip(1)
            .any(|part| part.files().is_none() && !matches!(part.ty, "bios-boot" | "esp"))
    }
}

/// Reads the table.
pub(super) fn list<'a>(image: &'a dyn ReadAt, report: &mut Report) -> Vec<Place<'a>> {
    let whole = Window::new(image, 0, image.len());
    let mut places = vec![Place { number: None, start: 0, ty: String::new(), marked: false, window: whole }];
    for kind in table::ALL {
        let listed = match kind.read(image) {
            Ok(None) => continue,
            Ok(Some(listed)) => listed,
            Err(failure) => {
                report.say(Finding {
                    level: Level::Error,
                    place: format!("the {} table", kind.kind().name),
                    message: failure.to_string(),
                    help: Some(
                        "partition editors such as sgdisk mend it from its copy at the end, if that is whole"
                            .into(),
                    ),
                });
                continue;
            }
        };
        let gpt = kind.kind().name == "gpt";
        if gpt {
            backup(image, report);
            if checksums(image) == Some(false) {
                report.say(Finding {
                    level: Level::Error,
                    place: "the gpt table".into(),
                    message: "a checksum of it is wrong, so firmware does not take it".into(),
                    help: Some("sgdisk mends it from its copy at the end, if that is whole".into()),
                });
            }
        }
        for part in listed.into_iter().take(MOST_PARTS) {
            let marked = if gpt { legacy_boot(image, part.number) } else { active(image, part.number) };
            let window = Window::new(image, part.start, part.len);
            places.push(Place { number: Some(part.number), start: part.start, ty: part.ty, marked, window });
        }
        break;
    }
    places
}

/// Whether the record of an MBR says that its partition is the one to start.
fn active(image: &dyn ReadAt, number: u32) -> bool {
    let at = (1..=4).contains(&number).then(|| 446 + 16 * (u64::from(number) - 1));
    at.and_then(|at| read(image, at, 1)).is_some_and(|flag| flag[0] == 0x80)
}

/// The GPT's header, and the bytes of a sector there.
fn header(image: &dyn ReadAt) -> Option<(u64, Vec<u8>)> {
    let at = |sector: u64| Some((sector, read(image, sector, 92)?));
    [512, 4096].into_iter().filter_map(at).find(|(_, header)| header.starts_with(b"EFI PART"))
}

fn legacy_boot(image: &dyn ReadAt, index: u32) -> bool {
    let attributes = || {
        let (sector, header) = header(image)?;
        let array = number(&header, 72, 8)?.checked_mul(sector)?;
        let skip = u64::from(index.checked_sub(1)?).checked_mul(number(&header, 84, 4)?)?;
        read(image, array.checked_add(skip)?.checked_add(48)?, 1)
    };
    attributes().is_some_and(|flags| flags[0] & LEGACY_BOOT != 0)
}

/// Whether the checksums of the header and of its entries are right (UEFI 2.10, table 5.5, `HeaderCRC32` and
/// `PartitionEntryArrayCRC32`).
fn checksums(image: &dyn ReadAt) -> Option<bool> {
    let (sector, start) = header(image)?;
    let len = usize::try_from(number(&start, 12, 4)?).ok().filter(|len| (92..=4096).contains(len))?;
    let mut header = read(image, sector, len)?;
    header[16..20].fill(0);
    let array =
        number(&start, 80, 4)?.checked_mul(number(&start, 84, 4)?).filter(|len| *len <= LONGEST_ARRAY)?;
    let at = number(&start, 72, 8)?.checked_mul(sector)?;
    let array = read(image, at, usize::try_from(array).ok()?)?;
    let right = |bytes: &[u8], at: usize| number(&start, at, 4) == Some(u64::from(crc32fast::hash(bytes)));
    Some(right(&header, 16) && right(&array, 88))
}

/// Says when the copy of the header is not where the header says (UEFI 2.10, table 5.5, `AlternateLBA`).
fn backup(image: &dyn ReadAt, report: &mut Report) {
    let Some((sector, header)) = header(image) else { return };
    let at = number(&header, 32, 8).and_then(|lba| lba.checked_mul(sector));
    if at.and_then(|at| read(image, at, 8)).is_some_and(|mark| mark == b"EFI PART") {
        return;
    }
    report.say(Finding {
        level: Level::Warning,
        place: "the gpt table".into(),
        message: "its copy is not at the end of the disk, where its header says".into(),
        help: Some("the image was cut or made longer: `sgdisk -e` moves the copy".into()),
    });
}
