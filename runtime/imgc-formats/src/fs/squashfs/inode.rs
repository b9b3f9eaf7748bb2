//! Inodes as they lie in the table.

use imgc_image::{Entry, Node};

use super::{
    data::{Blocks, NO_END, Placed},
    directory::Listing,
    format::{DIRECTORY_EXTRA, NONE, inode},
};

/// What an inode needs to know beside its entry.
pub struct Facts<'f> {
    /// Its number.
    pub number: u32,
    /// Places of owner and group in the table of ids.
    pub ids: (u16, u16),
    /// How many names it has.
    pub links: u32,
    /// The number of its extended attributes, or [`NONE`].
    pub xattr: u32,
    /// For a directory: its listing, and the number of the directory that holds it.
    pub listing: Option<(&'f Listing, u32)>,
    /// For a file that is not empty: where it lies.
    pub placed: Option<Placed<'f>>,
}

/// The basic kind of a node.
pub fn kind(node: &Node) -> u16 {
    match node {
        Node::Dir => inode::DIR,
        Node::File { .. } => inode::FILE,
        Node::Symlink(_) => inode::SYMLINK,
        Node::Block { .. } => inode::BLOCK,
        Node::Char { .. } => inode::CHAR,
        Node::Fifo => inode::FIFO,
        Node::Socket => inode::SOCKET,
    }
}

/// The bytes of an inode.
pub fn encode(entry: &Entry, facts: &Facts<'_>) -> Vec<u8> {
    let mut body = Vec::new();
    let extended = match &entry.node {
        Node::Dir => directory(facts, &mut body),
        Node::File { content, dense } => file(content.len(), *dense, facts, &mut body),
        Node::Symlink(target) => {
            words(&mut body, &[facts.links, narrow(target.len() as u64)]);
            body.extend_from_slice(target);
            attributes(facts, &mut body)
        }
        Node::Block { major, minor } | Node::Char { major, minor } => {
            // As the kernel's new_encode_dev: 12 bits of major between 8 low and 12 high bits of minor.
            words(&mut body, &[facts.links, minor & 0xff | major << 8 | (minor & !0xff) << 12]);
            attributes(facts, &mut body)
        }
        Node::Fifo | Node::Socket => {
            words(&mut body, &[facts.links]);
            attributes(facts, &mut body)
        }
    };
    let kind = kind(&entry.node) + if extended { inode::EXTENDED } else { 0 };
    let mut out = Vec::with_capacity(16 + body.len());
    for half in [kind, entry.meta.mode & 0o7777, facts.ids.0, facts.ids.1] {
        out.extend(half.to_le_bytes());
    }
    let mtime = u32::try_from(entry.meta.mtime).expect("because the survey refuses other times");
    words(&mut out, &[mtime, facts.number]);
    out.extend(body);
    out
}

fn words(out: &mut Vec<u8>, values: &[u32]) {
    for value in values {
        out.extend(value.to_le_bytes());
    }
}

/// For sizes that were checked.
fn narrow(size: u64) -> u32 {
    u32::try_from(size).expect("because it was checked to be below 4 GiB")
}

/// Adds the number of the attributes, where there are some: the inode is an extended one then.
fn attributes(facts: &Facts<'_>, out: &mut Vec<u8>) -> bool {
    if facts.xattr != NONE {
        words(out, &[facts.xattr]);
    }
    facts.xattr != NONE
}

fn directory(facts: &Facts<'_>, out: &mut Vec<u8>) -> bool {
    let (listing, parent) = facts.listing.expect("because a directory's inode follows its listing");
    let size = narrow(listing.len + u64::from(DIRECTORY_EXTRA));
    let block = narrow(listing.start.block);
    let offset = listing.start.offset.to_le_bytes();
    match u16::try_from(size) {
        Ok(size) if facts.xattr == NONE && listing.count == 0 => {
            words(out, &[block, facts.links]);
            out.extend(size.to_le_bytes());
            out.extend(offset);
            words(out, &[parent]);
            false
        }
        _ => {
            words(out, &[facts.links, size, block, parent]);
            // i_count is what the kernel calls the number of index entries; listings stay below 4 GiB, so it could overflow
            // only beyond 512 MiB: entries beyond that are left out, and names there are found by reading on.
            out.extend(u16::try_from(listing.count).unwrap_or(u16::MAX).to_le_bytes());
            out.extend(offset);
            words(out, &[facts.xattr]);
            out.extend(&listing.index);
            true
        }
    }
}

fn file(len: u64, dense: bool, facts: &Facts<'_>, out: &mut Vec<u8>) -> bool {
    let none = Blocks::default();
    let placed = facts.placed.unwrap_or(Placed { blocks: None, end: NO_END });
    let (blocks, (fragment, offset)) = (placed.blocks.unwrap_or(&none), placed.end);
    // What is dense says that it takes all the room it could.
    let sparse = if dense { 0 } else { blocks.sparse };
    let basic = facts.links == 1 && facts.xattr == NONE && sparse == 0;
    let extended = match (u32::try_from(blocks.start), u32::try_from(len)) {
        (Ok(start), Ok(len)) if basic => {
            words(out, &[start, fragment, offset, len]);
            false
        }
        _ => {
            for value in [blocks.start, len, sparse] {
                out.extend(value.to_le_bytes());
            }
            words(out, &[facts.links, fragment, offset, facts.xattr]);
            true
        }
    };
    words(out, &blocks.sizes);
    extended
}
