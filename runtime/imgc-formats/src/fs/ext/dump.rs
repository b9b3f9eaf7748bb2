//! The dump: what lies where, read from the bytes and not from a plan.

use std::fmt::Write;

use imgc_image::{Failure, Problem, ReadAt};
use imgc_plan::{ids::uuid_layout, tree::write_escaped};

use super::{
    features::Features,
    inode::EXTENTS_FLAG,
    read::{Image, Piece, Step, u16_at, u32_at},
    superblock::{BLOCK_UNINIT, INODE_UNINIT, INODE_ZEROED, OFFSET},
};

/// The most inodes and the most runs of an inode that are listed; the rest is counted.
const MOST_INODES: u64 = 100_000;
const MOST_RUNS: usize = 64;

/// Prints superblock, groups and the inodes in use, each line with the byte offset at which the thing lies.
///
/// # Errors
/// When the bytes cannot be read or are no ext filesystem.
pub fn dump(image: &dyn ReadAt) -> Result<String, Failure> {
    let not_ext = || Problem::new("not-this-filesystem", "this is no ext filesystem");
    let volume = Image::open(image)?.ok_or_else(not_ext)?;
    let mut out = String::new();
    superblock(&volume, &mut out);
    let mut listed = 0;
    for group in 0..volume.groups() {
        let descriptor = volume.descriptor(group)?;
        let place = Group::of(&descriptor);
        describe(&volume, group, &place, &descriptor, &mut out);
        if place.flags & INODE_UNINIT == 0 {
            inodes(&volume, group, &place, &mut listed, &mut out)?;
        }
    }
    if listed > MOST_INODES {
        line(&mut out, None, format_args!("and {} inodes more", listed - MOST_INODES));
    }
    Ok(out)
}

/// Writes a line with the offset before it.
fn line(out: &mut String, at: Option<u64>, text: std::fmt::Arguments<'_>) {
    let written = match at {
        Some(at) => writeln!(out, "{at:#012x} {text}"),
        None => writeln!(out, "{:12} {text}", ""),
    };
    written.expect("because a String takes everything");
}

fn superblock(volume: &Image<'_>, out: &mut String) {
    let sb = &volume.superblock;
    let mut uuid = [0; 16];
    uuid.copy_from_slice(&sb[0x68..0x78]);
    let (names, unknown) = Features::names([u32_at(sb, 0x5C), u32_at(sb, 0x60), u32_at(sb, 0x64)]);
    let mut label = String::new();
    let end = sb[0x78..0x88].iter().position(|byte| *byte == 0).unwrap_or(16);
    write_escaped(&sb[0x78..0x78 + end], &mut label).expect("because a String takes everything");
    line(out, Some(OFFSET), format_args!("superblock label=\"{label}\" uuid={}", uuid_layout(uuid)));
    line(out, None, format_args!("features {}", names.join(" ")));
    if unknown != [0; 3] {
        line(out, None, format_args!("features unknown to us {unknown:#x?}"));
    }
    let free = u64::from(u32_at(sb, 0x0C)) | u64::from(u32_at(sb, 0x158)) << 32;
    line(
        out,
        None,
        format_args!(
            "blocks {} of {} bytes, {free} free, first {}",
            volume.blocks, volume.block_size, volume.first
        ),
    );
    line(
        out,
        None,
        format_args!("inodes {} of {} bytes, {} free", u32_at(sb, 0), volume.inode_size, u32_at(sb, 0x10)),
    );
    let times = [u32_at(sb, 0x108), u32_at(sb, 0x30)];
    line(out, None, format_args!("made {} written {} creator {}", times[0], times[1], u32_at(sb, 0x48)));
    line(
        out,
        None,
        format_args!(
            "groups {} of {} blocks and {} inodes, {} descriptor blocks in reserve",
            volume.groups(),
            volume.per_group,
            volume.inodes_per_group,
            u16_at(sb, 0xCE)
        ),
    );
}

/// Where a group's metadata lies.
struct Group {
    block_bitmap: u64,
    inode_bitmap: u64,
    inode_table: u64,
    flags: u16,
}

impl Group {
    fn of(descriptor: &[u8]) -> Self {
        let number = |at| u64::from(u32_at(descriptor, at)) | u64::from(u32_at(descriptor, at + 0x20)) << 32;
        Self {
            block_bitmap: number(0),
            inode_bitmap: number(4),
            inode_table: number(8),
            flags: u16_at(descriptor, 0x12),
        }
    }
}

fn describe(volume: &Image<'_>, group: u64, place: &Group, descriptor: &[u8], out: &mut String) {
    let at = (volume.first + group * volume.per_group) * volume.block_size;
    let number = |low, high| u32::from(u16_at(descriptor, low)) | u32::from(u16_at(descriptor, high)) << 16;
    let flags: String =
        [(INODE_UNINIT, " inode-uninit"), (BLOCK_UNINIT, " block-uninit"), (INODE_ZEROED, " zeroed")]
            .iter()
            .filter(|(bit, _)| place.flags & bit != 0)
            .map(|(_, word)| *word)
            .collect();
    line(
        out,
        Some(at),
        format_args!(
            "group {group} bitmaps {} {} table {}, {} blocks and {} inodes free, {} directories{flags}",
            place.block_bitmap,
            place.inode_bitmap,
            place.inode_table,
            number(0x0C, 0x2C),
            number(0x0E, 0x2E),
            number(0x10, 0x30),
        ),
    );
}

fn inodes(
    volume: &Image<'_>,
    group: u64,
    place: &Group,
    listed: &mut u64,
    out: &mut String,
) -> Result<(), Failure> {
    let bitmap = volume.block(place.inode_bitmap)?;
    for index in 0..volume.inodes_per_group {
        if bitmap[index as usize / 8] >> (index % 8) & 1 == 0 {
            continue;
        }
        let before = u32::try_from(group * u64::from(volume.inodes_per_group));
        let number = before.expect("because the number of inodes has 32 bits") + index + 1;
        let inode = volume.raw_inode(number)?;
        // Reserved inodes are in use even if there is nothing in them.
        if u16_at(&inode, 0) == 0 && u16_at(&inode, 0x1A) == 0 {
            continue;
        }
        *listed += 1;
        if *listed <= MOST_INODES {
            one_inode(volume, number, &inode, out)?;
        }
    }
    Ok(())
}

fn one_inode(volume: &Image<'_>, number: u32, inode: &[u8], out: &mut String) -> Result<(), Failure> {
    let at = volume.inode_at(number)?;
    let mode = u16_at(inode, 0);
    let size = u64::from(u32_at(inode, 4)) | u64::from(u32_at(inode, 0x6C)) << 32;
    let owner = |low, high| u32::from(u16_at(inode, low)) | u32::from(u16_at(inode, high)) << 16;
    line(
        out,
        Some(at),
        format_args!(
            "inode {number} mode {mode:06o} {}:{} links {} size {size} time {} flags {:#x}",
            owner(0x02, 0x78),
            owner(0x18, 0x7A),
            u16_at(inode, 0x1A),
            u32_at(inode, 0x10) as i32,
            u32_at(inode, 0x20)
        ),
    );
    let xattr = u32_at(inode, 0x68);
    if xattr != 0 {
        let at = u64::from(xattr) * volume.block_size;
        line(out, Some(at), format_args!("  attributes in block {xattr}"));
    }
    // Files, directories and long symbolic links have blocks; the rest keeps something else where the map would be.
    let kind = mode & 0o170_000;
    let mapped = matches!(kind, 0o100_000 | 0o040_000) || (kind == 0o120_000 && size >= 60);
    if !mapped {
        return Ok(());
    }
    map(volume, inode, out)
}

/// The map of an inode: the blocks of the map itself, then those of the file.
fn map(volume: &Image<'_>, inode: &[u8], out: &mut String) -> Result<(), Failure> {
    let (mut own, mut pieces, mut more): (Vec<u64>, Vec<Piece>, u64) = (Vec::new(), Vec::new(), 0);
    let mut root = [0; 60];
    root.copy_from_slice(&inode[0x28..0x64]);
    volume.map(&root, u32_at(inode, 0x20) & EXTENTS_FLAG != 0, u64::MAX, &mut |step| {
        match step {
            Step::Own(block) if own.len() < MOST_RUNS => own.push(block),
            Step::Piece(piece) if pieces.len() < MOST_RUNS => pieces.push(piece),
            _ => more += 1,
        }
        Ok(())
    })?;
    for block in own {
        line(out, Some(block * volume.block_size), format_args!("  map block {block}"));
    }
    for Piece { logical, physical, len, written } in pieces {
        let unwritten = if written { "" } else { ", never written" };
        let at = physical * volume.block_size;
        line(out, Some(at), format_args!("  blocks {len} for {logical} from {physical}{unwritten}"));
    }
    if more > 0 {
        line(out, None, format_args!("  and {more} runs more"));
    }
    Ok(())
}
