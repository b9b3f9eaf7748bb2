//! The peak memory of a whole cold build of a million tiny files, output by output.

use std::path::Path;

use crate::{filesystems::cold, measure::try_best, tree};

/// Every kind of which an output can be made of a tree alone, and that says something of each file.
const KINDS: [&str; 8] = ["exfat", "vfat", "cpio", "ext4", "tar", "erofs", "squashfs", "iso9660"];

/// Runs everything and prints the table, least first. What fails says so.
pub fn print(dir: &Path, files: u64, runs: u32) {
    let tree = tree::tiny(&dir.join("named"), files);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{files} files, names of {} bytes; {cores} cores; most of {runs} runs\n", tree::NAME);
    println!("| output | peak | bytes a file |\n|---|---:|---:|");
    let mut rows: Vec<(u64, String)> = KINDS.iter().map(|kind| row(dir, &tree, kind, files, runs)).collect();
    rows.sort();
    rows.iter().for_each(|(_, row)| println!("{row}"));
}

fn row(dir: &Path, tree: &Path, kind: &str, files: u64, runs: u32) -> (u64, String) {
    let output = format!("output \"{kind}\" tree=data {{ {kind} }}");
    match try_best(runs, || cold(dir, tree, kind, &output)) {
        Ok(sample) => {
            let bytes = sample.peak_kib << 10;
            (bytes, format!("| {kind} | {} MB | {} |", bytes / 1_000_000, bytes / files.max(1)))
        }
        Err(why) => (u64::MAX, format!("| {kind} | failed: {} | |", why.lines().last().unwrap_or_default())),
    }
}
