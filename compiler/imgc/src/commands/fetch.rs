//! `imgc fetch`: everything that a build needs from elsewhere.

use std::path::Path;

use imgc_engine::Goal;

use crate::{
    args::{Cli, FetchArgs},
    failure::Failure,
    render,
    session::{self, Session},
};

/// Fetches.
pub fn run(cli: &Cli, args: &FetchArgs) -> Result<(), Failure> {
    let session = Session::open(&args.manifest)?;
    let compilation = session.compile_shown()?;
    let engine = session.engine(&args.run, Path::new("out"), false)?;
    match session::run(cli, &engine, &compilation, &Goal::Fetch) {
        Ok(report) => {
            eprintln!("{} packages are in the cache", report.steps.len());
            Ok(())
        }
        Err(error) => Err(render::run_error(&compilation, error)),
    }
}
