//! Reading: images of any maker, with blocks of any size, none of which is trusted.
//!
//! What later makers can do beside is named when it is met: fragments, tails of compressed files beside their inodes, other
//! devices, long prefixes of attributes, algorithms other than LZ4 and Zstandard.

mod clusters;
mod volume;

use std::io::{self, Write};

use imgc_image::{Failure, Problem, ReadAt};

use super::{
    directory,
    format::{
        BLOCK, CHUNK_BASED, CHUNK_BITS_MASK, CHUNK_INDEXES, COMPAT_SB_CHKSUM, COMPRESSED_COMPACT,
        COMPRESSED_FULL, Disk, EXTENDED, FLAT_INLINE, FLAT_PLAIN, INCOMPAT_CHUNKED_FILE, INCOMPAT_COMPR_CFGS,
        INCOMPAT_ZERO_PADDING, NULL_ADDR, SLOT, SUPER_OFFSET, SUPER_SIZE, Super, le16, le32,
    },
    lz4, xattr, zstandard,
};

/// Features that are understood.
const KNOWN: u32 = INCOMPAT_ZERO_PADDING | INCOMPAT_COMPR_CFGS | INCOMPAT_CHUNKED_FILE;
/// `Z_EROFS_PCLUSTER_MAX_DSIZE`: the most bytes of one compressed piece.
const MOST_DECODED: u64 = 12 << 20;
/// Contents are copied through a buffer of so many bytes.
const BUFFER: usize = 64 << 10;

/// An open image.
pub struct Image<'a> {
    io: &'a dyn ReadAt,
    /// The superblock.
    pub sb: Super,
    /// Bytes of a block.
    pub block: u64,
}

/// An inode that was read.
#[derive(Clone, Debug)]
pub struct Inode {
    /// Its number.
    pub nid: u64,
    /// Where it lies.
    pub at: u64,
    /// What it says.
    pub disk: Disk,
}

impl Inode {
    /// Where its attributes end.
    pub fn end(&self) -> u64 {
        self.at + (self.disk.len() + self.disk.xattr_len()) as u64
    }
}

/// A stretch of a file and where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Where it starts in the file.
    pub from: u64,
    /// Bytes of the file.
    pub len: u64,
    /// Where it lies.
    pub place: Place,
}

/// Where a stretch lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nowhere: it is zero.
    Hole,
    /// At this byte, as it is.
    Raw(u64),
    /// At this byte, in so many bytes of LZ4.
    Lz4(u64, u64),
    /// At this byte, in so many bytes of Zstandard.
    Zstd(u64, u64),
}

pub(super) fn damaged(what: impl Into<String>) -> Failure {
    Problem::new("erofs-damaged", format!("this erofs is damaged: {}", what.into())).into()
}

fn foreign(what: &str) -> Failure {
    let message = format!("this erofs has {what}, which is not understood here");
    Problem::new("erofs-unsupported", message).help("make it without that").into()
}

impl<'a> Image<'a> {
    /// Opens an image; `None` when it is not an erofs.
    ///
    /// # Errors
    /// When it is damaged, or has what is not understood.
    pub fn open(io: &'a dyn ReadAt) -> Result<Option<Self>, Failure> {
        if io.len() < BLOCK {
            return Ok(None);
        }
        let mut bytes = [0; SUPER_SIZE];
        io.read_at(SUPER_OFFSET, &mut bytes)?;
        let Some(sb) = Super::decode(&bytes) else { return Ok(None) };
        if !(9..=16).contains(&sb.blkszbits) {
            return Err(damaged(format!("its blocks have 2^{} bytes", sb.blkszbits)));
        }
        if sb.feature_incompat & !KNOWN != 0 {
            return Err(foreign(&format!("features {:#x}", sb.feature_incompat & !KNOWN)));
        }
        let image = Self { io, block: 1 << sb.blkszbits, sb };
        image.check_sum()?;
        Ok(Some(image))
    }

    fn check_sum(&self) -> Result<(), Failure> {
        if self.sb.feature_compat & COMPAT_SB_CHKSUM == 0 {
            return Ok(());
        }
        let len = if self.block > SUPER_OFFSET { self.block - SUPER_OFFSET } else { self.block };
        let mut bytes = self.bytes(SUPER_OFFSET, len)?;
        bytes[4..8].fill(0);
        if !crc32c::crc32c(&bytes) == self.sb.checksum {
            return Ok(());
        }
        Err(damaged("the checksum of the superblock is wrong"))
    }

    /// Bytes of the image; asked for in small pieces only.
    fn bytes(&self, at: u64, len: u64) -> Result<Vec<u8>, Failure> {
        self.within(at, len)?;
        let mut bytes = vec![0; usize::try_from(len).map_err(|_| damaged("a structure is too large"))?];
        self.io.read_at(at, &mut bytes)?;
        Ok(bytes)
    }

    fn within(&self, at: u64, len: u64) -> Result<(), Failure> {
        match at.checked_add(len) {
            Some(end) if end <= self.io.len() => Ok(()),
            _ => Err(damaged(format!("{len} bytes at {at} lie beyond its end"))),
        }
    }

    /// The inode of this number.
    ///
    /// # Errors
    /// When it is not there.
    pub fn inode(&self, nid: u64) -> Result<Inode, Failure> {
        let at = nid
            .checked_mul(SLOT)
            .and_then(|at| at.checked_add(u64::from(self.sb.meta_blkaddr) * self.block))
            .ok_or_else(|| damaged(format!("there can be no inode {nid}")))?;
        let format = le16(&self.bytes(at, 2)?, 0);
        let len = if Disk::is_extended(format) { EXTENDED as u64 } else { SLOT };
        let disk = Disk::decode(&self.bytes(at, len)?);
        if disk.layout > CHUNK_BASED || disk.size > i64::MAX as u64 {
            return Err(damaged(format!("inode {nid} makes no sense")));
        }
        Ok(Inode { nid, at, disk })
    }

    /// The time of an inode: compact ones have the one of the superblock.
    pub fn time(&self, inode: &Inode) -> (i64, u32) {
        if inode.disk.extended {
            (inode.disk.mtime, inode.disk.mtime_nsec)
        } else {
            (self.sb.build_time, self.sb.build_time_nsec)
        }
    }

    /// The attributes of an inode, by full name.
    ///
    /// # Errors
    /// When they are damaged.
    pub fn xattrs(&self, inode: &Inode) -> Result<Vec<xattr::Attribute>, Failure> {
        if inode.disk.xattr_icount == 0 {
            return Ok(Vec::new());
        }
        let wrong = || damaged(format!("the attributes of inode {} make no sense", inode.nid));
        let body = self.bytes(inode.at + inode.disk.len() as u64, inode.disk.xattr_len() as u64)?;
        let (ids, mut all) = xattr::decode_body(&body).ok_or_else(wrong)?;
        for id in ids {
            let at = u64::from(self.sb.xattr_blkaddr) * self.block + 4 * u64::from(id);
            let head = self.bytes(at, xattr::ENTRY as u64)?;
            let len = xattr::entry_len([head[0], head[1], head[2], head[3]]);
            all.push(xattr::decode_entry(&self.bytes(at, len as u64)?).ok_or_else(wrong)?);
        }
        all.sort();
        Ok(all)
    }

    /// Walks the stretches of an inode's data in order.
    ///
    /// # Errors
    /// When they make no sense or lie beyond the end; and what `visit` says.
    pub fn runs(
        &self,
        inode: &Inode,
        visit: &mut dyn FnMut(Run) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if inode.disk.size == 0 {
            return Ok(());
        }
        let mut checked = |run: Run| {
            match run.place {
                Place::Hole => {}
                Place::Raw(at) => self.within(at, run.len)?,
                Place::Lz4(at, len) | Place::Zstd(at, len) => self.within(at, len)?,
            }
            visit(run)
        };
        match inode.disk.layout {
            FLAT_PLAIN | FLAT_INLINE => self.flat(inode, &mut checked),
            CHUNK_BASED => self.chunks(inode, &mut checked),
            COMPRESSED_FULL | COMPRESSED_COMPACT => clusters::runs(self, inode, &mut checked),
            other => Err(damaged(format!("inode {} has the layout {other}", inode.nid))),
        }
    }

    fn flat(&self, inode: &Inode, visit: &mut dyn FnMut(Run) -> Result<(), Failure>) -> Result<(), Failure> {
        let size = inode.disk.size;
        let inlined = inode.disk.layout == FLAT_INLINE;
        let whole = if inlined { (size - 1) / self.block * self.block } else { size };
        if whole > 0 {
            let at = u64::from(inode.disk.u) * self.block;
            visit(Run { from: 0, len: whole, place: Place::Raw(at) })?;
        }
        let (at, len) = (inode.end(), size - whole);
        if len > 0 {
            if at % self.block + len > self.block {
                return Err(damaged(format!("the tail of inode {} crosses a block", inode.nid)));
            }
            visit(Run { from: whole, len, place: Place::Raw(at) })?;
        }
        Ok(())
    }

    fn chunks(
        &self,
        inode: &Inode,
        visit: &mut dyn FnMut(Run) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let (size, format) = (inode.disk.size, inode.disk.u & 0xFFFF);
        let bits = u32::from(self.sb.blkszbits) + (format & CHUNK_BITS_MASK);
        if format & !(CHUNK_BITS_MASK | CHUNK_INDEXES) != 0 {
            return Err(damaged(format!("inode {} has a chunk format {format:#x}", inode.nid)));
        }
        let unit = if format & CHUNK_INDEXES == 0 { 4 } else { 8 };
        let count = size.div_ceil(1 << bits);
        let table = inode.end().next_multiple_of(unit);
        self.within(table, count.saturating_mul(unit))?;
        for first in (0..count).step_by(BUFFER / 8) {
            let entries = (count - first).min(BUFFER as u64 / 8);
            let bytes = self.bytes(table + first * unit, entries * unit)?;
            for (n, entry) in (first..).zip(bytes.chunks_exact(unit as usize)) {
                let block = le32(entry, entry.len() - 4);
                if unit == 8 && le16(entry, 2) != 0 {
                    return Err(foreign("data on other devices"));
                }
                let from = n << bits;
                let place =
                    if block == NULL_ADDR { Place::Hole } else { Place::Raw(u64::from(block) * self.block) };
                visit(Run { from, len: (size - from).min(1 << bits), place })?;
            }
        }
        Ok(())
    }

    /// Copies out an inode's data.
    ///
    /// # Errors
    /// When it is damaged, or `out` takes no more.
    pub fn copy(&self, inode: &Inode, out: &mut dyn Write) -> Result<(), Failure> {
        let mut buffer = vec![0; BUFFER];
        self.runs(inode, &mut |run| match run.place {
            Place::Hole => {
                buffer.fill(0);
                pieces(run.len, |_, len| out.write_all(&buffer[..len]))
            }
            Place::Raw(at) => pieces(run.len, |done, len| {
                self.io.read_at(at + done, &mut buffer[..len])?;
                out.write_all(&buffer[..len])
            }),
            Place::Lz4(..) | Place::Zstd(..) => Ok(out.write_all(&self.unpack(inode, &run)?)?),
        })
    }

    fn unpack(&self, inode: &Inode, run: &Run) -> Result<Vec<u8>, Failure> {
        type Decode = fn(&[u8], usize) -> Option<Vec<u8>>;
        let (at, len, decode) = match run.place {
            Place::Lz4(at, len) => (at, len, lz4::decode as Decode),
            Place::Zstd(at, len) => (at, len, zstandard::decode as Decode),
            Place::Hole | Place::Raw(_) => unreachable!("only what is compressed is unpacked"),
        };
        let wrong = || damaged(format!("the compressed bytes of inode {} at {at} make no sense", inode.nid));
        if run.len > MOST_DECODED {
            return Err(wrong());
        }
        let bytes = self.bytes(at, len)?;
        let mut packed = bytes.as_slice();
        if self.sb.feature_incompat & INCOMPAT_ZERO_PADDING != 0 {
            let padding = packed.iter().take(self.block as usize).take_while(|byte| **byte == 0).count();
            packed = &packed[padding..];
        }
        decode(packed, run.len as usize).ok_or_else(wrong)
    }

    /// What a directory has under this name. Blocks are sorted, so few are looked at, as a kernel does.
    ///
    /// # Errors
    /// When a block that was looked at is damaged.
    pub fn lookup(&self, dir: &Inode, name: &[u8]) -> Result<Option<u64>, Failure> {
        let wrong = || damaged(format!("the directory of inode {} makes no sense", dir.nid));
        let (mut from, mut to) = (0, dir.disk.size.div_ceil(self.block));
        while from < to {
            let middle = from + (to - from) / 2;
            let block = self.dir_block(dir, middle)?;
            let items = directory::decode(&block).ok_or_else(wrong)?;
            match items.iter().position(|item| item.name >= name) {
                Some(at) if items[at].name == name => return Ok(Some(items[at].nid)),
                Some(0) => to = middle,
                Some(_) => return Ok(None),
                None => from = middle + 1,
            }
        }
        Ok(None)
    }

    /// One block of a directory.
    fn dir_block(&self, dir: &Inode, number: u64) -> Result<Vec<u8>, Failure> {
        let (start, mut block) = (number * self.block, Vec::new());
        let len = (dir.disk.size - start).min(self.block);
        self.runs(dir, &mut |run| {
            match run.place {
                Place::Raw(at) if (run.from..run.from + run.len).contains(&start) => {
                    block = self.bytes(at + (start - run.from), len.min(run.from + run.len - start))?;
                }
                Place::Raw(_) => {}
                _ => return Err(foreign("a compressed directory")),
            }
            Ok(())
        })?;
        Ok(block)
    }

    /// The names in a directory, `.` and `..` among them: name, inode, type.
    ///
    /// # Errors
    /// When it is damaged, or has more than `most` names.
    pub fn names(&self, inode: &Inode, most: u64) -> Result<Vec<Name>, Failure> {
        let mut names = Names { block: Vec::new(), size: self.block as usize, names: Vec::new(), most };
        self.copy(inode, &mut names)
            .and_then(|()| Ok(names.take()?))
            .map_err(|_| damaged(format!("the directory of inode {} makes no sense", inode.nid)))?;
        Ok(names.names)
    }
}

/// A name in a directory: name, inode, type.
pub type Name = (Vec<u8>, u64, u8);

/// Collects the names of a directory, block by block.
struct Names {
    block: Vec<u8>,
    size: usize,
    names: Vec<Name>,
    most: u64,
}

impl Names {
    fn take(&mut self) -> io::Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        let items = directory::decode(&self.block).ok_or(io::ErrorKind::InvalidData)?;
        self.names.extend(items.into_iter().map(|item| (item.name.to_vec(), item.nid, item.kind)));
        self.block.clear();
        if self.names.len() as u64 > self.most { Err(io::ErrorKind::InvalidData.into()) } else { Ok(()) }
    }
}

impl Write for Names {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = bytes.len().min(self.size - self.block.len());
        self.block.extend_from_slice(&bytes[..len]);
        if self.block.len() == self.size {
            self.take()?;
        }
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Does `len` bytes buffer by buffer: what is done, and how many come now.
fn pieces(len: u64, mut piece: impl FnMut(u64, usize) -> io::Result<()>) -> Result<(), Failure> {
    let mut done = 0;
    while done < len {
        let now = (len - done).min(BUFFER as u64);
        piece(done, now as usize)?;
        done += now;
    }
    Ok(())
}
