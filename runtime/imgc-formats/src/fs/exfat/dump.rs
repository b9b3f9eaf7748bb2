//! A volume as text: boot sector, what the root directory says of it, and every name with its clusters.

use std::fmt::{self, Write};

use imgc_image::{Failure, Problem, ReadAt, tree::compare_paths};

use super::read::{Data, Image};

/// More runs of a file are only counted.
const MOST_RUNS: u64 = 64;

/// Shows the structures.
///
/// # Errors
/// When the image cannot be read, is no exFAT, or damaged.
pub fn dump(io: &dyn ReadAt) -> Result<String, Failure> {
    let none = "this is no exFAT filesystem: its first sector does not say so";
    let image = Image::open(io)?.ok_or_else(|| Problem::new("not-this-filesystem", none))?;
    let mut out = String::new();
    head(&image, image.backup_is_equal()?, &mut out).expect("because a String takes everything");
    about(&image, &mut out)?;
    let mut found = image.walk()?;
    found.sort_by(|(a, _), (b, _)| compare_paths(&a.0, &b.0));
    for (path, file) in found {
        let kind = if file.is_dir() { "dir " } else { "file" };
        let (seconds, nanos) = file.mtime;
        let (len, attributes) = (file.data.len, file.attributes);
        let runs = runs(&image, &file.data)?;
        put(&mut out, format_args!("{kind} {len:>10} {attributes:04x} {seconds}.{nanos:09} {runs} {path}\n"));
    }
    Ok(out)
}

fn put(out: &mut String, what: fmt::Arguments<'_>) {
    out.write_fmt(what).expect("because a String takes everything");
}

fn head(image: &Image<'_>, equal: bool, out: &mut String) -> fmt::Result {
    let boot = &image.boot;
    writeln!(out, "exFAT in {} sectors of {} bytes", boot.sectors, boot.sector)?;
    writeln!(out, "  partition at sector {}", boot.partition_offset)?;
    writeln!(out, "  serial    {:04x}-{:04x}", boot.serial >> 16, boot.serial & 0xffff)?;
    writeln!(out, "  fat       {} sectors from byte {}", boot.fat_length, boot.fat_at)?;
    writeln!(out, "  clusters  {} of {} bytes from byte {}", boot.clusters, boot.cluster(), boot.heap_at)?;
    writeln!(out, "  used      {} clusters, {} percent", image.about.used, boot.percent)?;
    writeln!(out, "  backup    {}", if equal { "equal" } else { "different" })
}

fn about(image: &Image<'_>, out: &mut String) -> Result<(), Failure> {
    let about = &image.about;
    put(out, format_args!("  label     \"{}\"\n", about.label.escape_debug()));
    if let Some(guid) = about.guid {
        let hex: String = guid.iter().map(|byte| format!("{byte:02x}")).collect();
        put(out, format_args!("  guid      {hex}\n"));
    }
    if let Some(bitmap) = about.bitmap {
        put(out, format_args!("  bitmap    {} bytes {}\n", bitmap.len, runs(image, &bitmap)?));
    }
    if let Some((table, sum)) = about.upcase {
        put(out, format_args!("  up-case   {} bytes, sum {sum:08x} {}\n", table.len, runs(image, &table)?));
    }
    put(out, format_args!("  root      {}\n", runs(image, &image.root())?));
    Ok(())
}

/// The clusters of an allocation as `[first+count,…]`, with `!` for those of which the FAT says nothing.
fn runs(image: &Image<'_>, data: &Data) -> Result<String, Failure> {
    let mut shown: Vec<String> = Vec::new();
    let mut more = 0u64;
    image.runs(data, &mut |first, count| {
        if shown.len() as u64 >= MOST_RUNS {
            more += 1;
        } else {
            shown.push(format!("{first}+{count}"));
        }
        Ok(true)
    })?;
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let mark = if data.contiguous { "!" } else { "" };
    Ok(format!("[{}{more}]{mark}", shown.join(",")))
}
