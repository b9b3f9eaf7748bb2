//! The structures as text, in the order in which they lie in the image.

use std::fmt::Write;

use imgc_image::{Failure, ReadAt};
use imgc_plan::tree::write_escaped;

use super::{
    format::{DATA_RAW, METADATA, NO_TABLE, NONE, SUPERBLOCK, Superblock, flag, inode},
    read::{Body, Budget, Cursor, Image, Inode, Listing, damaged},
};

/// How much of attributes is shown, in bytes.
const MAX_ATTRIBUTES: u64 = 64 << 20;

/// Prints an image.
///
/// # Errors
/// When it cannot be read, is damaged, or is no squashfs.
pub fn dump(bytes: &dyn ReadAt) -> Result<String, Failure> {
    let image = Image::open(bytes)?.ok_or_else(|| damaged("it does not begin like one"))?;
    let mut out = String::new();
    superblock(&image, &mut out)?;
    inodes(&image, &mut out)?;
    for index in 0..image.sb.fragments {
        let (start, size) = image.fragment(index)?;
        line(&mut out, format_args!("fragment {index}: {start} {}", stored(size)));
    }
    line(&mut out, format_args!("ids: {:?}", image.ids));
    Ok(out)
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("because a string takes everything");
}

fn superblock(image: &Image<'_>, out: &mut String) -> Result<(), Failure> {
    let sb = &image.sb;
    let flags: Vec<&str> =
        flag::NAMES.iter().filter(|(bit, _)| sb.flags & bit != 0).map(|(_, name)| *name).collect();
    line(
        out,
        format_args!(
            "superblock: inodes={} mkfs_time={} block_size={}",
            sb.inodes, sb.mkfs_time, sb.block_size
        ),
    );
    line(
        out,
        format_args!(
            "  compression={} flags={} bytes_used={}",
            sb.compression,
            flags.join(","),
            sb.bytes_used
        ),
    );
    let root = sb.root_inode;
    line(
        out,
        format_args!(
            "  root_inode={}:{} fragments={} no_ids={}",
            root >> 16,
            root & 0xffff,
            sb.fragments,
            sb.no_ids
        ),
    );
    tables(sb, out);
    if sb.flags & flag::COMPRESSOR_OPTIONS != 0 {
        let options = image.metadata_at(SUPERBLOCK)?;
        line(out, format_args!("compressor options: {options:02x?}"));
    }
    Ok(())
}

fn tables(sb: &Superblock, out: &mut String) {
    for (name, start) in [
        ("inode_table", sb.inode_table_start),
        ("directory_table", sb.directory_table_start),
        ("fragment_table", sb.fragment_table_start),
        ("lookup_table", sb.lookup_table_start),
        ("id_table", sb.id_table_start),
        ("xattr_id_table", sb.xattr_id_table_start),
    ] {
        match start {
            NO_TABLE => line(out, format_args!("  {name}: none")),
            start => line(out, format_args!("  {name}: {start}")),
        }
    }
}

/// Inodes in the order of the table. Each starts where the one before it ends.
fn inodes(image: &Image<'_>, out: &mut String) -> Result<(), Failure> {
    let end = image.sb.directory_table_start;
    let mut at = Cursor::new(image, image.sb.inode_table_start, end, 0)?;
    let mut budget = Budget::new(MAX_ATTRIBUTES);
    for _ in 0..image.sb.inodes {
        let (block, offset) = at.place();
        let found = super::read::read_inode(at)?;
        let place = block - image.sb.inode_table_start;
        line(
            out,
            format_args!(
                "inode {} at {place}:{offset}: {}{} mode={:04o} owner={}:{} mtime={} links={}",
                found.number,
                kind(found.kind),
                if found.extended { "+" } else { "" },
                found.mode,
                image.id(found.ids.0)?,
                image.id(found.ids.1)?,
                found.mtime,
                found.links
            ),
        );
        for (name, value) in image.xattrs(found.xattr, &mut budget)? {
            line(out, format_args!("  {} = {}", text(&name), text(&value)));
        }
        at = body(image, found, out)?;
    }
    Ok(())
}

fn kind(kind: u16) -> &'static str {
    match kind {
        inode::DIR => "directory",
        inode::FILE => "file",
        inode::SYMLINK => "symlink",
        inode::BLOCK => "block",
        inode::CHAR => "char",
        inode::FIFO => "fifo",
        _ => "socket",
    }
}

fn text(bytes: &[u8]) -> String {
    let mut out = String::new();
    write_escaped(bytes, &mut out).expect("because a string takes everything");
    out
}

fn stored(size: u32) -> String {
    let raw = if size & DATA_RAW != 0 { " raw" } else { "" };
    format!("{}{raw}", size & !DATA_RAW)
}

/// Prints what only one kind has; gives where the inode ends.
fn body<'i, 'a>(
    image: &'i Image<'a>,
    found: Inode<'i, 'a>,
    out: &mut String,
) -> Result<Cursor<'i, 'a>, Failure> {
    let mut rest = found.rest;
    match found.body {
        Body::Dir { block, offset, size, parent, index } => {
            line(out, format_args!("  parent={parent} listing={block}:{offset} size={size}"));
            for _ in 0..index {
                let (at, block, len) = (rest.u32()?, rest.u32()?, rest.u32()?);
                if len as usize >= METADATA {
                    return Err(damaged("a name in an index is too long"));
                }
                let name = rest.bytes(len as usize + 1)?;
                line(out, format_args!("  index {at} in {block}: {}", text(&name)));
            }
            let mut listing = Listing::new(image, block, offset, size)?;
            while let Some(name) = listing.next()? {
                let sign = if name.heads { '>' } else { ' ' };
                let (block, offset) = (name.reference >> 16, name.reference & 0xffff);
                line(
                    out,
                    format_args!("  {sign} {} -> {} at {block}:{offset}", text(&name.name), name.number),
                );
            }
        }
        Body::File { start, size, sparse, fragment, offset } => {
            line(out, format_args!("  size={size} start={start} sparse={sparse}"));
            let block_size = u64::from(image.sb.block_size);
            let blocks = if fragment == NONE { size.div_ceil(block_size) } else { size / block_size };
            print_blocks(&mut rest, blocks, out)?;
            if fragment != NONE {
                line(out, format_args!("  in fragment {fragment} at {offset}"));
            }
        }
        Body::Symlink(target) => line(out, format_args!("  -> {}", text(&target))),
        Body::Device(number) => line(out, format_args!("  device {number:#x}")),
        Body::Plain => {}
    }
    Ok(rest)
}

/// Sizes of blocks, equal ones counted.
fn print_blocks(sizes: &mut Cursor<'_, '_>, blocks: u64, out: &mut String) -> Result<(), Failure> {
    let mut run: Option<(u32, u64)> = None;
    let mut show = |run: Option<(u32, u64)>| match run {
        Some((size, 1)) => line(out, format_args!("  block {}", stored(size))),
        Some((size, count)) => line(out, format_args!("  {count} blocks {}", stored(size))),
        None => {}
    };
    for _ in 0..blocks {
        let size = sizes.u32()?;
        match &mut run {
            Some((known, count)) if *known == size => *count += 1,
            _ => show(run.replace((size, 1))),
        }
    }
    show(run);
    Ok(())
}
