//! Fetches pinned files: a stand-in until the fetcher is merged.

use std::{io::Write, sync::atomic::AtomicBool};

use imgc_image::{Failure, Problem};
use imgc_plan::step::Fetch;

/// Fetches a file into `dest`.
///
/// # Errors
/// Always: there is no fetcher in this branch.
pub fn fetch(
    fetch: &Fetch,
    _mirrors: &[String],
    _dest: &mut dyn Write,
    _stop: &AtomicBool,
    _progress: &dyn Fn(u64),
) -> Result<(), Failure> {
    Err(Problem::new("fetch", format!("{}: fetching is not merged yet", fetch.name)).into())
}
