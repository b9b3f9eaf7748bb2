//! `imgc check`: every mistake that can be known before anything runs.

use crate::{
    args::CheckArgs,
    failure::Failure,
    render,
    session::{self, Session},
    stdout::print_json,
};

/// Checks a manifest.
pub fn run(args: &CheckArgs) -> Result<(), Failure> {
    let session = Session::open(&args.manifest)?;
    if args.json {
        let compilation = session.compile();
        print_json(&render::diagnostics_json(&compilation))?;
        return if session::has_errors(&compilation) { Err(Failure::Shown) } else { Ok(()) };
    }
    session.compile_shown().map(drop)
}
