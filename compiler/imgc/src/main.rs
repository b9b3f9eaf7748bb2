//! The driver and the only binary: it alone sees both houses, the compiler and the runtime.

mod args;
mod commands;
mod failure;
mod progress;
mod render;
mod session;
mod text;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = args::Cli::parse();
    match commands::run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.show();
            ExitCode::from(failure.code())
        }
    }
}
