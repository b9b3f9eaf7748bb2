//! The boot sector and the stages in a form that knows no place: a sector with their lengths, and each from a new sector on.

use std::sync::Arc;

use imgc_image::{Bytes, BytesBuilder, Failure, Reader, Store};

use super::spec::Spec;
use crate::boot::supply::Supply;

/// Bytes to which each part is aligned.
const GRAIN: u64 = 512;

/// Makes it: the boot sector first, if there is one, then the stages.
///
/// # Errors
/// When the supply lacks a file.
pub fn image(spec: &Spec, supply: &Supply<'_>, store: &dyn Store) -> Result<Bytes, Failure> {
    let paths = spec.boot.iter().chain(spec.stages.iter().map(|stage| &stage.path));
    let (mut parts, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        match supply.at(path) {
            Ok(content) => parts.push(content),
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        return Err(problems.into());
    }
    let mut out = BytesBuilder::new(store);
    let lengths: Vec<u8> = parts.iter().flat_map(|part| part.len().to_le_bytes()).collect();
    out.put(0, &lengths)?;
    let mut at = GRAIN;
    for part in parts {
        out.content(at, part, 0, part.len());
        at += part.len().next_multiple_of(GRAIN);
    }
    Ok(out.finish(at)?)
}

/// A boot sector and stages.
pub type Parts = (Option<Arc<Bytes>>, Vec<Arc<Bytes>>);

/// The boot sector and the stages of an image that [`image()`] made.
///
/// # Errors
/// When it is not of this loader.
pub fn read(spec: &Spec, image: Option<&Arc<Bytes>>, store: &dyn Store) -> Result<Parts, Failure> {
    let count = usize::from(spec.boot.is_some()) + spec.stages.len();
    if count == 0 {
        return Ok((None, Vec::new()));
    }
    let image = image.ok_or_else(|| Failure::Bug("the loader's stamp has no image".into()))?;
    let mut lengths = vec![0; 8 * count];
    Reader::new(image, store).read_at(0, &mut lengths)?;
    let (mut parts, mut at) = (Vec::new(), GRAIN);
    for length in lengths.chunks_exact(8) {
        let len = u64::from_le_bytes(length.try_into().expect("because it has eight bytes"));
        let mut part = BytesBuilder::new(store);
        part.section(0, image, at, len);
        parts.push(Arc::new(part.finish(len)?));
        at += len.next_multiple_of(GRAIN);
    }
    let boot = spec.boot.is_some().then(|| parts.remove(0));
    Ok((boot, parts))
}
