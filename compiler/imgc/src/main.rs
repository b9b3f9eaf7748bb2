//! The driver and the only binary: it alone sees both houses, the compiler and the runtime.

mod args;
mod boots;
mod commands;
mod failure;
mod progress;
mod render;
mod session;
mod stdout;
mod text;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = match args::Cli::try_parse() {
        Ok(cli) => cli,
        Err(said) => {
            // Help and version are not mistakes; nothing can be done about a stream that is gone.
            let _ = said.print();
            return ExitCode::from(u8::from(said.use_stderr()));
        }
    };
    render::set_form(cli.progress);
    match commands::run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.show();
            ExitCode::from(failure.code())
        }
    }
}
