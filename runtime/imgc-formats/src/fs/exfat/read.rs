//! Reading: volumes of any maker, none of which is trusted.
//!
//! Names are compared as they are written. Volumes with two FATs (TexFAT) are not understood.

mod boot;
mod items;
mod volume;

use std::io::Write;

use imgc_image::{Failure, Problem, ReadAt};

pub use self::{
    boot::Boot,
    items::{Data, File, Item},
};
use super::{boot as region, entries, survey::MAX_DIRECTORY};

/// Contents and directories are read through a buffer of so many bytes.
const BUFFER: usize = 64 << 10;

/// Entries of the FAT that are read at once.
const FAT_PIECE: u64 = 1024;

pub(super) fn damaged(what: impl Into<String>) -> Failure {
    Problem::new("exfat-damaged", format!("this exfat is damaged: {}", what.into())).into()
}

pub(super) fn foreign(what: &str) -> Failure {
    let message = format!("this exfat has {what}, which is not understood here");
    Problem::new("exfat-unsupported", message).help("make it without that").into()
}

/// An open volume.
pub struct Image<'a> {
    io: &'a dyn ReadAt,
    /// The boot sector.
    pub boot: Boot,
    /// What the root directory says of the volume.
    pub about: About,
}

/// What the root directory says of the volume.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// The label.
    pub label: String,
    /// The GUID as it is stored.
    pub guid: Option<[u8; 16]>,
    /// The bitmap.
    pub bitmap: Option<Data>,
    /// The up-case table and its checksum.
    pub upcase: Option<(Data, u32)>,
    /// Clusters that the bitmap says are taken.
    pub used: u64,
}

/// What to do with clusters that follow one another: the first, and how many.
type OnRun<'f> = dyn FnMut(u64, u64) -> Result<bool, Failure> + 'f;

impl<'a> Image<'a> {
    /// Opens a volume; `None` when it is not an exFAT.
    ///
    /// # Errors
    /// When it is damaged, or has what is not understood.
    pub fn open(io: &'a dyn ReadAt) -> Result<Option<Self>, Failure> {
        if io.len() < 512 {
            return Ok(None);
        }
        let mut sector = [0; 512];
        io.read_at(0, &mut sector)?;
        let Some(boot) = Boot::decode(&sector, io.len())? else { return Ok(None) };
        let mut image = Self { io, boot, about: About::default() };
        image.check_sum()?;
        image.about = image.read_about()?;
        Ok(Some(image))
    }

    fn check_sum(&self) -> Result<(), Failure> {
        let summed = self.bytes(0, region::CHECKSUM * self.boot.sector)?;
        let stored = self.bytes(region::CHECKSUM * self.boot.sector, self.boot.sector)?;
        let sum = region::checksum(&summed).to_le_bytes();
        if stored.chunks_exact(4).all(|place| place == sum) {
            return Ok(());
        }
        Err(damaged("the checksum of the boot sectors is wrong"))
    }

    /// Whether the backup of the boot region is equal to it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn backup_is_equal(&self) -> Result<bool, Failure> {
        let len = region::SECTORS * self.boot.sector;
        Ok(self.bytes(0, len)? == self.bytes(len, len)?)
    }

    fn read_about(&self) -> Result<About, Failure> {
        let mut about = About::default();
        self.items(&self.root(), &mut |item| {
            match item {
                Item::Label(label) => about.label = label,
                Item::Guid(guid) => about.guid = Some(guid),
                Item::Bitmap(data) => about.bitmap = about.bitmap.or(Some(data)),
                Item::Upcase(data, sum) => about.upcase = Some((data, sum)),
                Item::File(_) => {}
            }
            Ok(true)
        })?;
        let bitmap = about.bitmap.ok_or_else(|| damaged("there is no allocation bitmap"))?;
        let (clusters, mut left) = (self.boot.clusters, self.boot.clusters);
        if bitmap.len < clusters.div_ceil(8) {
            return Err(damaged("the allocation bitmap is too short"));
        }
        self.stream(&Data { len: clusters.div_ceil(8), ..bitmap }, &mut |bytes| {
            for byte in bytes {
                // Bits after the last cluster's mean nothing.
                let mask = if left >= 8 { 0xff } else { (1u8 << left) - 1 };
                about.used += u64::from((byte & mask).count_ones());
                left = left.saturating_sub(8);
            }
            Ok(true)
        })?;
        Ok(about)
    }

    /// The root directory: its length is that of its chain.
    pub fn root(&self) -> Data {
        let most = MAX_DIRECTORY.div_ceil(self.boot.cluster()).min(self.boot.clusters);
        Data {
            first: self.boot.root,
            len: most * self.boot.cluster(),
            valid: most * self.boot.cluster(),
            contiguous: false,
            open: true,
        }
    }

    /// Bytes of the volume; asked for in small pieces only.
    fn bytes(&self, at: u64, len: u64) -> Result<Vec<u8>, Failure> {
        let within = at.checked_add(len).is_some_and(|end| end <= self.io.len());
        let len = usize::try_from(len).ok().filter(|_| within);
        let mut bytes = vec![0; len.ok_or_else(|| damaged(format!("byte {at} lies beyond its end")))?];
        self.io.read_at(at, &mut bytes)?;
        Ok(bytes)
    }

    /// Walks the clusters of an allocation in order, run by run, until `visit` has enough.
    ///
    /// # Errors
    /// When the chain is broken or has another length than it should; and what `visit` says.
    pub fn runs(&self, data: &Data, visit: &mut OnRun<'_>) -> Result<(), Failure> {
        let count = data.len.div_ceil(self.boot.cluster());
        if count == 0 {
            return Ok(());
        }
        if !self.boot.has(data.first) || count > self.boot.clusters {
            return Err(damaged(format!("{count} clusters from {} on are not there", data.first)));
        }
        if data.contiguous {
            if !self.boot.has(data.first + count - 1) {
                return Err(damaged(format!(
                    "{count} clusters from {} on reach beyond the last",
                    data.first
                )));
            }
            return visit(data.first, count).map(drop);
        }
        let (mut start, mut len, mut piece) = (data.first, 1, Vec::new());
        let mut piece_at = u64::MAX;
        for step in 1..=count {
            let cluster = start + len - 1;
            if piece_at != cluster / FAT_PIECE {
                piece_at = cluster / FAT_PIECE;
                piece = self.fat_piece(piece_at)?;
            }
            let next = u64::from(items::le32(&piece, usize::try_from(cluster % FAT_PIECE * 4).unwrap_or(0)));
            // What knows its length is not asked for an end mark.
            let ends = next == 0xffff_ffff || step == count;
            if ends && step < count && !data.open {
                return Err(damaged(format!("the chain from {} is too short", data.first)));
            }
            if step == count && data.open && next != 0xffff_ffff {
                return Err(damaged(format!("the chain from {} has no end", data.first)));
            }
            if ends {
                return visit(start, len).map(drop);
            }
            if !self.boot.has(next) {
                return Err(damaged(format!("the chain from {} leads to cluster {next}", data.first)));
            }
            if next == cluster + 1 {
                len += 1;
            } else {
                if !visit(start, len)? {
                    return Ok(());
                }
                (start, len) = (next, 1);
            }
        }
        Ok(())
    }

    /// A few entries of the FAT.
    fn fat_piece(&self, number: u64) -> Result<Vec<u8>, Failure> {
        let from = number * FAT_PIECE;
        let entries = (self.boot.clusters + 2 - from).min(FAT_PIECE);
        let mut bytes = self.bytes(self.boot.fat_at + from * 4, entries * 4)?;
        bytes.resize(BUFFER.min(4 * 1024), 0);
        Ok(bytes)
    }

    /// Gives the bytes of an allocation piece by piece, until `take` has enough; those that were never written are zero.
    ///
    /// # Errors
    /// As [`Image::runs`].
    pub fn stream(
        &self,
        data: &Data,
        take: &mut dyn FnMut(&[u8]) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let mut buffer = vec![0; BUFFER];
        let mut done = 0;
        self.runs(data, &mut |first, count| {
            let end = done + (count * self.boot.cluster()).min(data.len - done);
            let base = self.boot.cluster_at(first);
            let start = done;
            while done < end {
                let now = (end - done).min(BUFFER as u64);
                let piece = &mut buffer[..usize::try_from(now).unwrap_or(BUFFER)];
                let written =
                    usize::try_from(data.valid.saturating_sub(done).min(now)).unwrap_or(piece.len());
                self.io.read_at(base + (done - start), &mut piece[..written])?;
                piece[written..].fill(0);
                done += now;
                if !take(piece)? {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    /// Gives what a directory holds, until `take` has enough.
    ///
    /// # Errors
    /// When it is damaged, or has what is not understood.
    pub fn items(
        &self,
        directory: &Data,
        take: &mut dyn FnMut(Item) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        if directory.len > MAX_DIRECTORY.max(self.boot.cluster()) {
            return Err(damaged("a directory is larger than exFAT allows"));
        }
        let mut sets = items::Sets::default();
        self.stream(directory, &mut |bytes| {
            for entry in bytes.chunks_exact(32) {
                if entry[0] == 0 {
                    return Ok(false);
                }
                if let Some(item) = sets.push(entry)?
                    && !take(item)?
                {
                    return Ok(false);
                }
            }
            Ok(true)
        })?;
        sets.finish()
    }

    /// The file or directory at a path.
    ///
    /// # Errors
    /// When a directory on the way is damaged.
    pub fn find(&self, path: &[u8]) -> Result<Option<File>, Failure> {
        let mut found: Option<File> = None;
        for part in path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()) {
            let directory = match &found {
                None => self.root(),
                Some(file) if file.is_dir() => file.data,
                Some(_) => return Ok(None),
            };
            let mut next = None;
            self.items(&directory, &mut |item| {
                if let Item::File(file) = item
                    && file.name.as_bytes() == part
                {
                    next = Some(file);
                }
                Ok(next.is_none())
            })?;
            if next.is_none() {
                return Ok(None);
            }
            found = next;
        }
        Ok(found)
    }

    /// Copies out an allocation.
    ///
    /// # Errors
    /// When it is damaged, or `out` takes no more.
    pub fn copy_data(&self, data: &Data, out: &mut dyn Write) -> Result<(), Failure> {
        self.stream(data, &mut |bytes| {
            out.write_all(bytes)?;
            Ok(true)
        })
    }

    /// Bytes that an entry takes at least: so many can there be.
    pub fn most_items(&self) -> u64 {
        self.boot.clusters * self.boot.cluster() / (3 * entries::BYTES)
    }
}
