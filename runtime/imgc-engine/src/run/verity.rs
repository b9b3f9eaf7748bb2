//! Runs the steps of dm-verity.

use std::sync::atomic::Ordering;

use imgc_formats::verity::{self, Device, Params};
use imgc_image::{Failure, Problem};
use imgc_plan::{Data, Record, ids::uuid_bytes, layout, step::Verity, units::approximate_size};

use super::kinds::{Job, Made, plain};

/// Runs one.
///
/// # Errors
/// What is wrong with what is hashed.
pub fn run(job: &Job<'_>, op: &Verity) -> Made {
    match op {
        Verity::Length { superblock, alone } => {
            let fits: Vec<Option<u64>> =
                (0..job.inputs.len()).map(|at| job.number(at).map(Some)).collect::<Result<_, _>>()?;
            // Where it cannot be placed, the real layout says why.
            let content = fits.first().copied().flatten().unwrap_or(0);
            let placed = alone.as_ref().and_then(|alone| layout::solve(alone, &fits).ok());
            let placed = placed.and_then(|layout| Some(layout.parts.first()?.len));
            Ok(len(verity::hash_len(placed.unwrap_or(content), *superblock).unwrap_or(0)))
        }
        Verity::Grown { superblock } => {
            let content = job.number(0)?;
            let grown = verity::grown_len(content, *superblock).ok_or_else(|| {
                let message = format!("the hashes of {content} bytes would fit on no disk");
                Failure::from(Problem::new("verity-too-large", message))
            });
            grown.map(len)
        }
        Verity::Left { superblock } => left(job.number(0)?, *superblock).map(len),
        Verity::Hashes { salt, uuid } => {
            let bytes =
                |uuid: &String| uuid_bytes(uuid).ok_or_else(|| Failure::Bug(format!("`{uuid}` is no UUID")));
            let params = Params { salt, uuid: uuid.as_ref().map(bytes).transpose()? };
            let progress = |more| {
                job.meter.add(more);
                if job.stop.load(Ordering::Relaxed) { Err(Failure::Interrupted) } else { Ok(()) }
            };
            verity::write(job.bytes(0)?, &params, job.store, &progress).map(plain)
        }
        Verity::Append => {
            let len = if job.inputs.len() > 2 { Some(job.number(2)?) } else { None };
            verity::append(job.bytes(0)?, job.bytes(1)?, len, job.store).map(plain)
        }
        Verity::Facts { salt, superblock, appended } => {
            let device = Device { salt, superblock: *superblock, appended: *appended };
            verity::facts(job.bytes(0)?, job.bytes(1)?, &device, job.store).map(plain)
        }
    }
}

fn len(len: u64) -> (imgc_image::Value, Vec<Problem>) {
    plain(Data::Map(Record::from([("len".to_owned(), Data::from(len))])))
}

/// How long a content can be that shares so many bytes with its hashes.
fn left(len: u64, superblock: bool) -> Result<u64, Failure> {
    let left = verity::left_len(len, superblock);
    if left > 0 {
        return Ok(left);
    }
    let least = verity::grown_len(1, superblock).unwrap_or(0);
    let message = format!(
        "{} ({len} bytes) have no room for a filesystem with its hashes: one block and its hashes have {least} bytes",
        approximate_size(len)
    );
    Err(Problem::new("tree-too-large", message).help("make it larger, or use `size=fit`").into())
}
