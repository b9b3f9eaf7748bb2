//! The header as it is read, and the L1 table that it names.

use imgc_image::{Failure, Problem, ReadAt};

/// The longest L1 table that QEMU opens, in bytes (`block/qcow2.h`, `QCOW_MAX_L1_SIZE`).
const LONGEST_L1: u64 = 32 << 20;
/// Bytes of the header that every version has.
const LEAST: u64 = 72;
/// Bytes of the header of version 3 up to and with `header_length`.
const V3: u64 = 104;
/// Incompatible features that change nothing for a reader, or that are understood: dirty refcounts, the compression type,
/// extended L2 entries.
const READABLE: u64 = 1 | COMPRESSION | EXTENDED;
const COMPRESSION: u64 = 1 << 3;
const EXTENDED: u64 = 1 << 4;

/// What a header says, as far as reading needs it.
#[derive(Clone, Debug)]
pub(super) struct Header {
    /// 2 or 3.
    pub(super) version: u32,
    /// The cluster's length is two to this.
    pub(super) cluster_bits: u32,
    /// The disk's length in bytes.
    pub(super) size: u64,
    /// Whether clusters are compressed with zstd, and not deflate.
    pub(super) zstd: bool,
    /// Whether L2 entries have 128 bits.
    pub(super) extended: bool,
    l1_size: u32,
    l1_table_offset: u64,
}

impl Header {
    /// Decodes it; `None` when the image is not qcow2.
    ///
    /// # Errors
    /// When it makes no sense, or asks for what is not understood.
    pub(super) fn read(file: &dyn ReadAt) -> Result<Option<Self>, Failure> {
        let mut bytes = vec![0; usize::try_from(file.len().min(512)).expect("because it is at most 512")];
        file.read_at(0, &mut bytes)?;
        if !bytes.starts_with(b"QFI\xfb") {
            return Ok(None);
        }
        let version = if bytes.len() < 8 { 0 } else { word(&bytes, 4) };
        if !matches!(version, 2 | 3) {
            return Err(foreign(
                format!("version {version} of qcow"),
                "convert it to version 3 with qemu-img",
            ));
        }
        if (bytes.len() as u64) < if version == 2 { LEAST } else { V3 } {
            return Err(damaged("its header is cut short"));
        }
        let features = if version == 2 { 0 } else { long(&bytes, 72) };
        refuse(file, &bytes, features)?;
        let header = Self {
            version,
            cluster_bits: word(&bytes, 20),
            size: long(&bytes, 24),
            zstd: compression(&bytes, features)?,
            extended: features & EXTENDED != 0,
            l1_size: word(&bytes, 36),
            l1_table_offset: long(&bytes, 40),
        };
        header.check(file.len())?;
        Ok(Some(header))
    }

    fn check(&self, len: u64) -> Result<(), Failure> {
        let least = if self.extended { 14 } else { 9 };
        if !(least..=21).contains(&self.cluster_bits) {
            return Err(damaged("its clusters have a length that none has"));
        }
        let (l1, needed) = (u64::from(self.l1_size), self.size.div_ceil(self.cluster() * self.entries()));
        if l1 < needed || l1 * 8 > LONGEST_L1 {
            return Err(damaged(format!("its L1 table has {l1} entries, and {needed} are needed")));
        }
        let end = self.l1_table_offset.checked_add(l1 * 8);
        if l1 > 0 && (end.is_none_or(|end| end > len) || !self.l1_table_offset.is_multiple_of(self.cluster()))
        {
            return Err(damaged("its L1 table is not there"));
        }
        Ok(())
    }

    /// The L1 table, as far as the disk's length needs it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn l1(&self, file: &dyn ReadAt) -> Result<Vec<u64>, Failure> {
        let needed = self.size.div_ceil(self.cluster() * self.entries());
        let mut bytes = vec![0; usize::try_from(needed * 8).expect("because it was limited to 32 MiB")];
        file.read_at(self.l1_table_offset, &mut bytes)?;
        Ok(bytes.as_chunks().0.iter().map(|entry| u64::from_be_bytes(*entry)).collect())
    }

    /// Bytes of a cluster.
    pub(super) fn cluster(&self) -> u64 {
        1 << self.cluster_bits
    }

    /// Bytes of what one mapping is for: a cluster, or a part of it.
    pub(super) fn unit(&self) -> u64 {
        if self.extended { self.cluster() / super::SUBCLUSTERS } else { self.cluster() }
    }

    /// Entries of an L2 table.
    pub(super) fn entries(&self) -> u64 {
        self.cluster() / if self.extended { 16 } else { 8 }
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("because it is four bytes"))
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(bytes[at..at + 8].try_into().expect("because it is eight bytes"))
}

fn damaged(what: impl std::fmt::Display) -> Failure {
    let help = "qemu-img check says more";
    Problem::new("image-damaged", format!("the qcow2 image is damaged: {what}")).help(help).into()
}

fn foreign(what: impl std::fmt::Display, help: &str) -> Failure {
    Problem::new("image-unsupported", format!("the image has {what}, which is not read here"))
        .help(help)
        .into()
}

/// Refuses what would need more than this one file, or more than this reader knows.
fn refuse(file: &dyn ReadAt, bytes: &[u8], features: u64) -> Result<(), Failure> {
    const FLATTEN: &str = "make one image of all: qemu-img convert -O qcow2 IMAGE whole.qcow2";
    if long(bytes, 8) != 0 {
        let name = backing(file, long(bytes, 8), word(bytes, 16));
        return Err(foreign(format!("a backing file{name}"), FLATTEN));
    }
    if word(bytes, 32) != 0 {
        return Err(foreign("encryption", "make an image without: qemu-img convert"));
    }
    if features & 2 != 0 {
        return Err(damaged("it is marked as damaged"));
    }
    if features & 4 != 0 {
        return Err(foreign("a data file of its own", FLATTEN));
    }
    match features & !READABLE {
        0 => Ok(()),
        bits => {
            Err(foreign(format!("the incompatible features {bits:#x}"), "convert it with fewer features"))
        }
    }
}

/// The name of the backing file for a message, as far as it can be read (it has at most 1023 bytes).
fn backing(file: &dyn ReadAt, at: u64, len: u32) -> String {
    let mut name = vec![0; len.min(1023) as usize];
    match file.read_at(at, &mut name) {
        Ok(()) if !name.is_empty() => format!(" (`{}`)", name.escape_ascii()),
        _ => String::new(),
    }
}

/// Whether clusters are compressed with zstd: the field is only there when a feature says so.
fn compression(bytes: &[u8], features: u64) -> Result<bool, Failure> {
    if features & COMPRESSION == 0 {
        return Ok(false);
    }
    match bytes.get(104).filter(|_| u64::from(word(bytes, 100)) > V3) {
        Some(0) => Ok(false),
        Some(1) => Ok(true),
        Some(other) => Err(foreign(format!("the compression type {other}"), "convert it with zlib or zstd")),
        None => Err(damaged("its header says not how it is compressed")),
    }
}
