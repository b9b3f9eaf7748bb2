//! Listings of directories, with the index of long ones.
//!
//! ```text
//! header: count - 1, start_block of the inodes, an inode number | entry: offset, difference of number, type, name | …
//! ```
//! Names under one header have inodes in one metadata block and numbers near to the header's.

use std::io;

use super::{
    format::{DIRECTORY_RUN, METADATA},
    metadata::{Metadata, Place},
};

/// A name in a directory.
#[derive(Clone, Copy)]
pub struct Name<'t> {
    /// The name: 1 to 255 bytes.
    pub name: &'t [u8],
    /// Where its inode is.
    pub inode: Place,
    /// The number of the inode.
    pub number: u32,
    /// The basic kind of the inode.
    pub kind: u16,
}

/// A finished listing.
pub struct Listing {
    /// Where it starts.
    pub start: Place,
    /// How long it is, in bytes.
    pub len: u64,
    /// The index as it follows the inode: one entry for about 8 KiB.
    pub index: Vec<u8>,
    /// How many entries the index has.
    pub count: u32,
}

/// Writes a listing. Names come in order.
///
/// # Errors
/// When the compressor fails.
pub fn write(names: &[Name<'_>], out: &mut Metadata<'_>) -> io::Result<Listing> {
    let mut listing = Listing { start: out.place(), len: 0, index: Vec::new(), count: 0 };
    let mut indexed = 0;
    let mut rest = names;
    while let [first, ..] = rest {
        let (run, crosses) = take_run(rest, usize::try_from(listing.len - indexed).unwrap_or(METADATA));
        if crosses {
            indexed = listing.len;
            add_index(&mut listing, first, out.place())?;
            continue;
        }
        let bytes = encode(&rest[..run]);
        out.write(&bytes)?;
        listing.len += bytes.len() as u64;
        rest = &rest[run..];
    }
    Ok(listing)
}

/// How many names the next header has, when the listing since the last index entry has `used` bytes; `true` when an index
/// entry must come first.
fn take_run(names: &[Name<'_>], used: usize) -> (usize, bool) {
    let first = &names[0];
    let mut len = used + 12;
    let fits = |name: &Name<'_>| {
        let apart = i64::from(name.number) - i64::from(first.number);
        name.inode.block == first.inode.block && i16::try_from(apart).is_ok()
    };
    let mut run = 0;
    for name in names.iter().take(DIRECTORY_RUN).take_while(|name| fits(name)) {
        len += 8 + name.name.len();
        if len > METADATA {
            break;
        }
        run += 1;
    }
    (run, run == 0)
}

fn add_index(listing: &mut Listing, first: &Name<'_>, place: Place) -> io::Result<()> {
    let at = u32::try_from(listing.len).map_err(io::Error::other)?;
    listing.index.extend(at.to_le_bytes());
    listing.index.extend(block(place)?.to_le_bytes());
    listing.index.extend(name_size(first.name).to_le_bytes());
    listing.index.extend([0; 2]);
    listing.index.extend(first.name);
    listing.count += 1;
    Ok(())
}

fn name_size(name: &[u8]) -> u16 {
    u16::try_from(name.len() - 1).expect("because a name has 1 to 255 bytes")
}

/// Tables of more than 4 GiB cannot be pointed into; [`super::write`] finds them before.
fn block(place: Place) -> io::Result<u32> {
    u32::try_from(place.block).map_err(io::Error::other)
}

fn encode(run: &[Name<'_>]) -> Vec<u8> {
    let first = &run[0];
    let count = u32::try_from(run.len() - 1).expect("because a run has at most 256 names");
    let mut out = Vec::with_capacity(12 + run.iter().map(|name| 8 + name.name.len()).sum::<usize>());
    out.extend(count.to_le_bytes());
    out.extend(u32::try_from(first.inode.block).unwrap_or(u32::MAX).to_le_bytes());
    out.extend(first.number.to_le_bytes());
    for name in run {
        let apart = i64::from(name.number) - i64::from(first.number);
        let apart = i16::try_from(apart).expect("because the run ends before they are far apart");
        out.extend(name.inode.offset.to_le_bytes());
        out.extend(apart.to_le_bytes());
        out.extend(name.kind.to_le_bytes());
        out.extend(name_size(name.name).to_le_bytes());
        out.extend(name.name);
    }
    out
}
