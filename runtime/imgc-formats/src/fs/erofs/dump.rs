//! Prints an image: the superblock, then every name with its inode, attributes and data.

use std::fmt::Write;

use imgc_image::{Failure, Problem, ReadAt};

use super::{
    format::{
        CHUNK_BASED, COMPRESSED_COMPACT, COMPRESSED_FULL, FLAT_INLINE, FLAT_PLAIN, SUPER_OFFSET, TYPES,
        device_parts,
    },
    read::{Image, Inode, Place, Run, damaged},
};

/// More stretches of a file are only counted.
const MOST_RUNS: u64 = 64;

/// Prints it.
///
/// # Errors
/// When it is not an erofs, or damaged.
pub fn dump(io: &dyn ReadAt) -> Result<String, Failure> {
    let image = Image::open(io)?
        .ok_or_else(|| Problem::new("not-erofs", "there is no superblock of an erofs at byte 1024"))?;
    let mut out = String::new();
    superblock(&image, &mut out);
    let mut found = image.walk()?;
    found.sort_by(|(a, _), (b, _)| imgc_image::tree::compare_paths(&a.0, &b.0));
    for (path, inode) in found {
        head(&image, &inode, &mut out)?;
        put(&mut out, format_args!(" {path}\n"));
        for (name, value) in image.xattrs(&inode)? {
            let name = String::from_utf8_lossy(&name).into_owned();
            put(&mut out, format_args!("              {name}: {} bytes\n", value.len()));
        }
        runs(&image, &inode, &mut out)?;
    }
    Ok(out)
}

fn put(out: &mut String, what: std::fmt::Arguments<'_>) {
    out.write_fmt(what).expect("because a String takes everything");
}

fn superblock(image: &Image<'_>, out: &mut String) {
    use imgc_plan::tree::write_escaped;
    let sb = &image.sb;
    put(out, format_args!("{SUPER_OFFSET:010x}  superblock: {} blocks of {}, ", sb.blocks, image.block));
    put(out, format_args!("features {:#x} {:#x}, ", sb.feature_compat, sb.feature_incompat));
    put(out, format_args!("{} inodes, root {}, ", sb.inos, sb.root_nid));
    put(
        out,
        format_args!("metadata at block {}, attributes at block {}, ", sb.meta_blkaddr, sb.xattr_blkaddr),
    );
    put(out, format_args!("built at {}.{:09}, ", sb.build_time, sb.build_time_nsec));
    let hex: String = sb.uuid.iter().map(|byte| format!("{byte:02x}")).collect();
    put(out, format_args!("uuid {hex}, label \""));
    let label = sb.volume_name.split(|byte| *byte == 0).next().unwrap_or_default();
    write_escaped(label, out).expect("because a String takes everything");
    put(out, format_args!("\"\n"));
}

fn head(image: &Image<'_>, inode: &Inode, out: &mut String) -> Result<(), Failure> {
    let disk = &inode.disk;
    let kinds = ["file", "directory", "character device", "block device", "fifo", "socket", "symlink"];
    let kind = TYPES.iter().position(|(bits, _)| *bits == disk.mode & 0o170_000);
    let kind = kind.map(|at| kinds[at]).ok_or_else(|| damaged(format!("inode {} has no type", inode.nid)))?;
    let form = if disk.extended { "extended" } else { "compact" };
    let layout = match disk.layout {
        FLAT_PLAIN => "plain",
        FLAT_INLINE => "inline",
        CHUNK_BASED => "chunks",
        COMPRESSED_FULL => "compressed, full indexes",
        COMPRESSED_COMPACT => "compressed, compact indexes",
        _ => "unknown layout",
    };
    put(out, format_args!("{:010x}  inode {}: {kind}, {form}, {layout}, ", inode.at, inode.nid));
    put(out, format_args!("{:04o} {}:{}, ", disk.mode & 0o7777, disk.uid, disk.gid));
    put(out, format_args!("{} links, {} bytes", disk.nlink, disk.size));
    if disk.extended {
        let (seconds, nanos) = image.time(inode);
        put(out, format_args!(", at {seconds}.{nanos:09}"));
    }
    if matches!(disk.mode & 0o170_000, 0o020_000 | 0o060_000) {
        let (major, minor) = device_parts(disk.u);
        put(out, format_args!(", device {major}:{minor}"));
    }
    Ok(())
}

/// Prints where the data is; stretches that follow one another in the file and on disk are one.
fn runs(image: &Image<'_>, inode: &Inode, out: &mut String) -> Result<(), Failure> {
    let mut last: Option<Run> = None;
    let mut count = 0;
    let mut line = |run: Run| {
        count += 1;
        if count > MOST_RUNS {
            return;
        }
        let Run { from, len, place } = run;
        match place {
            Place::Hole => put(out, format_args!("              {from}+{len}: zero\n")),
            Place::Raw(at) => put(out, format_args!("{at:010x}    {from}+{len}\n")),
            Place::Lz4(at, packed) => {
                put(out, format_args!("{at:010x}    {from}+{len}: {packed} bytes of LZ4\n"));
            }
            Place::Zstd(at, packed) => {
                put(out, format_args!("{at:010x}    {from}+{len}: {packed} bytes of Zstandard\n"));
            }
        }
    };
    image.runs(inode, &mut |run| {
        match &mut last {
            Some(last) if follows(last, &run) => last.len += run.len,
            _ => last.replace(run).into_iter().for_each(&mut line),
        }
        Ok(())
    })?;
    last.into_iter().for_each(&mut line);
    if count > MOST_RUNS {
        put(out, format_args!("              and {} more\n", count - MOST_RUNS));
    }
    Ok(())
}

fn follows(last: &Run, next: &Run) -> bool {
    match (last.place, next.place) {
        (Place::Hole, Place::Hole) => true,
        (Place::Raw(one), Place::Raw(two)) => one + last.len == two,
        _ => false,
    }
}
