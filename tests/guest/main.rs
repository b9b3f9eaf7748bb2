//! The program that runs inside a guest: loads modules, and lists what a mounted filesystem holds, with every attribute.

mod list;
mod load;

use std::{path::PathBuf, process::ExitCode};

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let done = match args.next().as_ref().and_then(|word| word.to_str()) {
        Some("load") => load::load(args.map(|name| name.to_string_lossy().into_owned())),
        Some("list") => list::list(&PathBuf::from(args.next().unwrap_or_default())),
        _ => Err("guest: load MODULE… | list DIRECTORY".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("guest: {error}");
            ExitCode::FAILURE
        }
    }
}
