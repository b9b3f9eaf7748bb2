//! Why a machine did not do what was asked of it.

use std::{io, path::Path};

/// Why a machine did not do what was asked of it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something is not installed on this computer.
    #[error("{what} is not on this machine\n  help: {help}")]
    Missing {
        /// What, for people.
        what: String,
        /// How it comes there, on each system.
        help: String,
    },
    /// QEMU makes no such machine, or cannot use such an image.
    #[error("{what}\n  help: {help}")]
    Impossible {
        /// What cannot be.
        what: String,
        /// What would do.
        help: String,
    },
    /// QEMU or this computer failed.
    #[error("{0}")]
    Failed(String),
    /// The machine did otherwise than was expected of it.
    #[error("{what}{}", tail(.log))]
    Unmet {
        /// What it did or did not.
        what: String,
        /// What its serial port said until then.
        log: String,
    },
    /// A person stopped it.
    #[error("interrupted")]
    Interrupted,
}

/// How many lines of a log are shown.
const TAIL: usize = 60;

/// The end of a log, as a message shows it.
fn tail(text: &str) -> String {
    let lines = last_lines(text);
    if lines.is_empty() {
        "; the serial log is empty".into()
    } else {
        format!("; the serial log ends with\n{lines}\n")
    }
}

/// The last lines of a log that say something.
pub fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}

impl Error {
    /// Wraps what this computer says with what was done to which file.
    pub fn file(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.display().to_string();
        move |error| Self::Failed(format!("{what} {path}: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_ends_with_the_last_lines_that_say_something() {
        let log: String = (0..100).map(|line| format!("line {line}\n\n")).collect();
        let said = Error::Unmet { what: "x".into(), log }.to_string();
        assert!(
            said.starts_with("x; the serial log ends with\nline 40\n") && said.ends_with("line 99\n"),
            "{said}"
        );
        assert!(Error::Unmet { what: "x".into(), log: "\n".into() }.to_string().ends_with("is empty"));
    }
}
