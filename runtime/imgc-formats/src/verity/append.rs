//! Hashes behind the data that they are of, in one partition or file.

use std::sync::Arc;

use imgc_image::{Bytes, BytesBuilder, Failure, Store};

use super::{BLOCK, hash_len};

/// The length in bytes of so much data, in whole blocks, with its hash device behind it; `None` when it is more than 8 EiB.
pub fn grown_len(data_len: u64, superblock: bool) -> Option<u64> {
    let data = data_len.checked_next_multiple_of(BLOCK)?;
    data.checked_add(hash_len(data, superblock)?).filter(|len| i64::try_from(*len).is_ok())
}

/// The most data, in bytes that are whole blocks, that fits with its hash device behind it into so many bytes; 0 when not even
/// one block does.
pub fn left_len(len: u64, superblock: bool) -> u64 {
    let fits = |blocks: u64| {
        let grown = blocks.checked_mul(BLOCK).and_then(|data| grown_len(data, superblock));
        grown.is_some_and(|grown| grown <= len)
    };
    let (mut fitting, mut beyond) = (0, len / BLOCK + 1);
    while beyond - fitting > 1 {
        let middle = fitting + (beyond - fitting) / 2;
        if fits(middle) {
            fitting = middle;
        } else {
            beyond = middle;
        }
    }
    fitting * BLOCK
}

/// Data with its hash device right behind it, and zeros up to `len` bytes; neither is copied.
///
/// # Errors
/// When the data is not whole blocks, which whoever hashed it has found already, or when both do not fit.
pub fn append(
    data: &Arc<Bytes>,
    hashes: &Arc<Bytes>,
    len: Option<u64>,
    store: &dyn Store,
) -> Result<Bytes, Failure> {
    let both = data.len() + hashes.len();
    if !data.len().is_multiple_of(BLOCK) || len.is_some_and(|len| len < both) {
        return Err(Failure::Bug("data and hashes that do not fit one another cannot be appended".into()));
    }
    let mut out = BytesBuilder::new(store);
    out.nest(0, data);
    out.nest(data.len(), hashes);
    out.finish(len.unwrap_or(both)).map_err(Failure::from)
}
