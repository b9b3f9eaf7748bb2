//! The commands: one file each, the same manners everywhere. Results on stdout, everything else on stderr.

mod build;
mod cache;
mod check;
mod completions;
mod fetch;
mod graph;
mod inspect;
mod lock;
mod plan;
mod run;
mod test;
mod verify;
mod why;

use crate::{
    args::{Cli, Command},
    failure::Failure,
    stdout::print,
};

/// Runs what was asked for.
pub fn run(cli: &Cli) -> Result<(), Failure> {
    if let Some(directory) = &cli.directory {
        std::env::set_current_dir(directory)
            .map_err(|error| Failure::Request(format!("-C {}: {error}", directory.display())))?;
    }
    match &cli.command {
        Command::Build(args) => build::run(cli, args),
        Command::Check(args) => check::run(args),
        Command::Plan(args) => plan::run(cli, args),
        Command::Graph(args) => graph::run(args),
        Command::Why(args) => why::run(args),
        Command::Run(args) => run::run(cli, args),
        Command::Test(args) => test::run(cli, args),
        Command::Lock(args) => lock::run(cli, args),
        Command::Fetch(args) => fetch::run(cli, args),
        Command::Inspect(args) => inspect::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Cache(args) => cache::run(args),
        Command::Completions(args) => completions::run(args),
        Command::Reference => {
            print(&imgc_plan::kind::reference(imgc_plan::kind::Kinds::all(&imgc_formats::Registry::new())))
        }
    }
}
