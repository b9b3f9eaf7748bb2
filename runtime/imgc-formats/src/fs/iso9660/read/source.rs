//! An image with its descriptors, and its directories as lists of records.

use std::cell::Cell;

use imgc_image::{Failure, ReadAt};

use super::{
    super::{
        contents::SECTOR,
        descriptor::{
            BOOT_RECORD, BOOT_SYSTEM, CATALOG, FIRST, JOLIET, MAGIC, PRIMARY, SUPPLEMENTARY, TERMINATOR,
        },
        record::Record,
    },
    damaged,
};

/// The most descriptors that are read.
const MOST_DESCRIPTORS: u64 = 256;

/// The most bytes of a directory that is read: it has to fit into memory.
const MOST_DIRECTORY: u64 = 1 << 30;

/// A volume descriptor.
#[derive(Clone, Debug)]
pub struct Descriptor {
    /// The sector at which it lies.
    pub sector: u64,
    /// `Volume Descriptor Type`.
    pub sort: u8,
    /// `Volume Descriptor Version`: 2 for enhanced ones.
    pub version: u8,
    /// Whether its names are UCS-2.
    pub joliet: bool,
    /// `Volume Identifier` without the spaces at its end.
    pub volume: Vec<u8>,
    /// Blocks of the volume.
    pub sectors: u64,
    /// Bytes of a block.
    pub block: u64,
    /// Bytes of a path table.
    pub table_len: u64,
    /// Blocks of the path tables, little-endian and big-endian.
    pub tables: (u64, u64),
    /// The root directory.
    pub root: Record,
    /// The time of creation.
    pub created: [u8; 17],
    /// The time of modification.
    pub modified: [u8; 17],
    /// All of it.
    pub bytes: Vec<u8>,
}

impl Descriptor {
    fn parse(sector: u64, bytes: Vec<u8>) -> Result<Self, Failure> {
        let number = |at: usize| {
            u64::from(u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]))
        };
        let root =
            Record::parse(&bytes[156..190]).ok_or_else(|| damaged("a descriptor has no root directory"))?;
        let big = u32::from_be_bytes([bytes[148], bytes[149], bytes[150], bytes[151]]);
        let spaces = bytes[40..72].iter().rev().take_while(|byte| matches!(byte, b' ' | 0)).count();
        let escape = &bytes[88..91];
        let stamp = |at: usize| bytes[at..at + 17].try_into().expect("because it has that length");
        Ok(Self {
            sector,
            sort: bytes[0],
            version: bytes[6],
            joliet: bytes[0] == SUPPLEMENTARY && (escape == JOLIET || escape == b"%/@" || escape == b"%/C"),
            volume: bytes[40..72 - spaces].to_vec(),
            sectors: number(80),
            block: u64::from(u16::from_le_bytes([bytes[128], bytes[129]])),
            table_len: number(132),
            tables: (number(140), big.into()),
            root,
            created: stamp(813),
            modified: stamp(830),
            bytes,
        })
    }
}

/// An image with its descriptors.
pub struct Source<'a> {
    /// The image.
    pub image: &'a dyn ReadAt,
    /// The first primary descriptor.
    pub primary: Descriptor,
    /// All descriptors that name directories, the primary one too.
    pub descriptors: Vec<Descriptor>,
    /// The sector of the boot record, and that of the boot catalogue which it names.
    pub boot: Option<(u64, u32)>,
    /// The sector of the terminator, where there is one.
    pub end: Option<u64>,
    /// Bytes of a block.
    pub block: u64,
    /// Bytes that may still be read of directories and continued fields: sound images have each of them once.
    budget: Cell<u64>,
}

impl<'a> Source<'a> {
    /// Reads the descriptors; `None` when the image is not ISO 9660.
    ///
    /// # Errors
    /// When it is, but damaged.
    pub fn open(image: &'a dyn ReadAt) -> Result<Option<Self>, Failure> {
        let (mut descriptors, mut boot, mut end) = (Vec::new(), None, None);
        for sector in FIRST..FIRST + MOST_DESCRIPTORS {
            if (sector + 1) * SECTOR > image.len() {
                break;
            }
            let mut bytes = vec![0; SECTOR as usize];
            image.read_at(sector * SECTOR, &mut bytes)?;
            if &bytes[1..6] != MAGIC {
                break;
            }
            match bytes[0] {
                TERMINATOR => {
                    end = Some(sector);
                    break;
                }
                PRIMARY | SUPPLEMENTARY => descriptors.push(Descriptor::parse(sector, bytes)?),
                BOOT_RECORD if bytes[7..].starts_with(BOOT_SYSTEM) => {
                    let catalog = bytes[CATALOG..CATALOG + 4].try_into().expect("because it has four bytes");
                    boot = boot.or(Some((sector, u32::from_le_bytes(catalog))));
                }
                _ => {}
            }
        }
        let Some(primary) = descriptors.iter().find(|descriptor| descriptor.sort == PRIMARY).cloned() else {
            return Ok(None);
        };
        let block = primary.block;
        if !matches!(block, 512 | 1024 | 2048) {
            return Err(damaged(format!("its blocks have {block} bytes")));
        }
        // Hierarchies share no directories; continued fields can be named by several records.
        let budget = Cell::new(image.len().saturating_mul(4));
        Ok(Some(Self { image, primary, descriptors, boot, end, block, budget }))
    }

    /// Reads bytes of a directory or of its fields.
    ///
    /// # Errors
    /// When they are not within the image, or more was read than a sound image has.
    pub fn read(&self, start: u64, len: u64) -> Result<Vec<u8>, Failure> {
        if start.checked_add(len).is_none_or(|end| end > self.image.len()) {
            return Err(damaged(format!("{len} bytes at {start} are past its end")));
        }
        let left = self.budget.get().checked_sub(len);
        self.budget.set(left.ok_or_else(|| damaged("its directories lie over one another"))?);
        let mut bytes = vec![0; usize::try_from(len).map_err(|_| damaged("a directory is too large"))?];
        self.image.read_at(start, &mut bytes)?;
        Ok(bytes)
    }

    /// Reads a directory: its records, with the offset of each in the image.
    ///
    /// # Errors
    /// When it is not within the image, or a record makes no sense.
    pub fn directory(&self, block: u64, len: u64) -> Result<Vec<(u64, Record)>, Failure> {
        let start = block * self.block;
        if len > MOST_DIRECTORY {
            return Err(damaged(format!("a directory has {len} bytes")));
        }
        let bytes = self.read(start, len)?;
        let mut records = Vec::new();
        for (index, sector) in bytes.chunks(SECTOR as usize).enumerate() {
            let mut at = 0;
            // What follows the last record of a sector is zero.
            while let Some(size) = sector.get(at).map(|size| usize::from(*size)).filter(|size| *size > 0) {
                let offset = start + (index * SECTOR as usize + at) as u64;
                let record = sector.get(at..at + size).and_then(Record::parse);
                records.push((
                    offset,
                    record.ok_or_else(|| damaged(format!("the directory record at {offset}")))?,
                ));
                at += size;
            }
        }
        Ok(records)
    }

    /// The directory that starts at a block, by its first record: its length, and its fields.
    ///
    /// # Errors
    /// When there is none.
    pub fn directory_at(&self, block: u64) -> Result<Record, Failure> {
        let bytes = self.read(block * self.block, 255.min(SECTOR))?;
        let record = bytes.get(..usize::from(bytes[0])).and_then(Record::parse);
        record
            .filter(|record| record.is_dir() && record.is_dot())
            .ok_or_else(|| damaged(format!("there is no directory at block {block}")))
    }
}
