//! `imgc completions`: a script for a shell.

use clap::CommandFactory;

use crate::{
    args::{Cli, CompletionsArgs},
    failure::Failure,
    stdout::print,
};

/// Prints the script.
pub fn run(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "imgc", &mut script);
    print(&String::from_utf8_lossy(&script))
}
