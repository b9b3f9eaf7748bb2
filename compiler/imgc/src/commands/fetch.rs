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
    match session::run(cli, &engine, &compilation, &Goal::Fetch, None) {
        Ok(report) => {
            let count = report.steps.len();
            eprintln!("{count} package{} in the cache", if count == 1 { " is" } else { "s are" });
            Ok(())
        }
        Err(error) => Err(render::run_error(&compilation, error)),
    }
}
