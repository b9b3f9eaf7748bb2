//! The dump: what lies where, read from the bytes.

use imgc_image::{Failure, ReadAt};

/// Dumps.
pub fn dump(_image: &dyn ReadAt) -> Result<String, Failure> {
    Ok(String::new())
}
