//! Finds stamps that would change bytes which something has read already: dm-verity, or whoever signed a file.

use imgc_formats::is_signed;
use imgc_image::{Failure, Problem, Reader, build::Patch};
use imgc_plan::{layout::Layout, step::Seal};

use super::locate::OnDisk;

/// Pieces of a loader's stamp.
type Pieces = [(u64, Patch)];

/// What is wrong when pieces lie in partitions whose hashes are kept, once for each such partition.
pub fn hashed(kind: &str, pieces: &Pieces, seals: &[Seal], layout: &Layout) -> Vec<Problem> {
    let broken = |seal: &Seal| {
        let Seal { part: name, hashes } = seal;
        let part = layout.part(name)?;
        let (at, piece) = touching(pieces, part.start, part.len)?;
        let message = format!(
            "`{kind}` would change partition `{name}` ({} bytes at byte {at} of the disk), whose hashes in `{hashes}` were made before",
            piece.len()
        );
        let help = "keep hashes only of partitions into which no loader writes";
        Some(Problem::new("stamp-of-sealed", message).help(help))
    };
    seals.iter().filter_map(broken).collect()
}

/// What is wrong when pieces lie in signed files, of those that the loader looked for.
///
/// # Errors
/// When files cannot be read.
pub fn signed(kind: &str, pieces: &Pieces, files: &OnDisk<'_>) -> Result<Vec<Problem>, Failure> {
    let mut problems = Vec::new();
    for found in files.found() {
        if !found.runs.iter().any(|(at, len)| touching(pieces, *at, *len).is_some()) {
            continue;
        }
        let bytes = files.bytes(&found)?;
        if is_signed(&Reader::new(&bytes, files.store()))? {
            let message = format!(
                "`{kind}` would change the file `{}` in partition `{}`, which is signed: its signature would no longer hold",
                found.path, found.part
            );
            let help = "take a file without a signature, or leave out what is written into it";
            problems.push(Problem::new("stamp-of-sealed", message).help(help));
        }
    }
    problems.dedup();
    Ok(problems)
}

/// The first piece that lies, with any of its bytes, in so many bytes from `start`.
fn touching(pieces: &Pieces, start: u64, len: u64) -> Option<&(u64, Patch)> {
    let end = start.saturating_add(len);
    pieces.iter().find(|(at, piece)| !piece.is_empty() && *at < end && start < at.saturating_add(piece.len()))
}
