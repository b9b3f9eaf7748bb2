//! Results go to standard output.

use crate::failure::Failure;

/// Prints to stdout; a reader that went away (`| head`) ends the command without a fuss.
pub fn print(text: &str) -> Result<(), Failure> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Machine(format!("writing to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints JSON to stdout.
pub fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::Bug(format!("JSON: {error}")))?;
    print(&(text + "\n"))
}
