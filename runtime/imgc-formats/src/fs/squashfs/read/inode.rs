//! Inodes, read.

use imgc_image::Failure;

use super::{
    super::format::{MAX_TARGET, NONE, inode},
    Cursor, damaged,
};

/// An inode.
pub struct Inode<'i, 'a> {
    /// The basic kind.
    pub kind: u16,
    /// Whether it is an extended one.
    pub extended: bool,
    /// Permissions.
    pub mode: u16,
    /// Places of owner and group in the table of ids.
    pub ids: (u16, u16),
    /// When it was changed.
    pub mtime: u32,
    /// Its number.
    pub number: u32,
    /// How many names it says that it has.
    pub links: u32,
    /// The number of its extended attributes, or [`NONE`].
    pub xattr: u32,
    /// The rest.
    pub body: Body,
    /// What follows: sizes of blocks, or the index of a directory.
    pub rest: Cursor<'i, 'a>,
}

/// What only one kind of inode has.
pub enum Body {
    /// A directory.
    Dir {
        /// The block of its listing.
        block: u32,
        /// The offset there.
        offset: u16,
        /// The length of the listing, and 3.
        size: u32,
        /// The inode number of the directory that holds it.
        parent: u32,
        /// How many index entries follow.
        index: u16,
    },
    /// A file.
    File {
        /// Where its blocks start.
        start: u64,
        /// How long it is.
        size: u64,
        /// How many bytes are in blocks of zeros.
        sparse: u64,
        /// The fragment with its end, or [`NONE`].
        fragment: u32,
        /// The offset there.
        offset: u32,
    },
    /// The target of a symbolic link.
    Symlink(Vec<u8>),
    /// The number of a device.
    Device(u32),
    /// Nothing more.
    Plain,
}

/// Reads the inode at a cursor.
///
/// # Errors
/// When it is damaged.
pub fn read<'i, 'a>(mut at: Cursor<'i, 'a>) -> Result<Inode<'i, 'a>, Failure> {
    let (full, mode) = (at.u16()?, at.u16()?);
    let ids = (at.u16()?, at.u16()?);
    let (mtime, number) = (at.u32()?, at.u32()?);
    let extended = full > inode::EXTENDED;
    let kind = if extended { full - inode::EXTENDED } else { full };
    let (mut links, mut xattr) = (1, NONE);
    let body = match kind {
        inode::DIR => directory(&mut at, extended, &mut links, &mut xattr)?,
        inode::FILE => file(&mut at, extended, &mut links, &mut xattr)?,
        inode::SYMLINK..=inode::SOCKET => {
            links = at.u32()?;
            let body = special(&mut at, kind)?;
            if extended {
                xattr = at.u32()?;
            }
            body
        }
        _ => return Err(damaged(format_args!("there is an inode of the unknown kind {full}"))),
    };
    let mode = mode & 0o7777;
    Ok(Inode { kind, extended, mode, ids, mtime, number, links, xattr, body, rest: at })
}

fn directory(
    at: &mut Cursor<'_, '_>,
    extended: bool,
    links: &mut u32,
    xattr: &mut u32,
) -> Result<Body, Failure> {
    if !extended {
        let block = at.u32()?;
        *links = at.u32()?;
        let (size, offset, parent) = (at.u16()?.into(), at.u16()?, at.u32()?);
        return Ok(Body::Dir { block, offset, size, parent, index: 0 });
    }
    *links = at.u32()?;
    let (size, block, parent) = (at.u32()?, at.u32()?, at.u32()?);
    let (index, offset) = (at.u16()?, at.u16()?);
    *xattr = at.u32()?;
    Ok(Body::Dir { block, offset, size, parent, index })
}

fn file(at: &mut Cursor<'_, '_>, extended: bool, links: &mut u32, xattr: &mut u32) -> Result<Body, Failure> {
    if !extended {
        let start = at.u32()?.into();
        let (fragment, offset, size) = (at.u32()?, at.u32()?, at.u32()?.into());
        return Ok(Body::File { start, size, sparse: 0, fragment, offset });
    }
    let (start, size, sparse) = (at.u64()?, at.u64()?, at.u64()?);
    *links = at.u32()?;
    let (fragment, offset) = (at.u32()?, at.u32()?);
    *xattr = at.u32()?;
    if i64::try_from(size).is_err() {
        return Err(damaged(format_args!("a file would have {size} bytes")));
    }
    Ok(Body::File { start, size, sparse, fragment, offset })
}

fn special(at: &mut Cursor<'_, '_>, kind: u16) -> Result<Body, Failure> {
    Ok(match kind {
        inode::SYMLINK => {
            let len = at.u32()? as usize;
            if len > MAX_TARGET + 1 {
                return Err(damaged(format_args!("the target of a link would have {len} bytes")));
            }
            Body::Symlink(at.bytes(len)?)
        }
        inode::BLOCK | inode::CHAR => Body::Device(at.u32()?),
        _ => Body::Plain,
    })
}
