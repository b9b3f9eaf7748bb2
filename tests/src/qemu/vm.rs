//! A machine that runs: what is expected of it, what must never be seen, keys for it, how it ends.

use std::{
    io::{Read, Write},
    process::{Child, ChildStdin},
    time::{Duration, Instant},
};

use regex::Regex;
use tempfile::TempDir;

use super::{serial::Log, slot::Slot};

/// The key with the arrow that points down, as terminals send it.
pub const DOWN: &str = "\x1b[B";

/// The key that ends a line, as terminals send it.
pub const ENTER: &str = "\r";

/// How many lines of a log are shown when something fails.
const TAIL: usize = 60;

/// A running machine; stopped when it is dropped.
pub struct Vm {
    child: Child,
    keys: Option<ChildStdin>,
    log: Log,
    /// Up to where the text was matched already: what is expected comes in order.
    at: usize,
    rejected: Vec<Regex>,
    /// Up to where the text was looked through for what must not be seen: a whole number of lines.
    looked: usize,
    patience: Duration,
    _slot: Slot,
    _dir: TempDir,
}

impl Vm {
    pub(super) fn new(mut child: Child, slot: Slot, dir: TempDir, patience: Duration) -> Self {
        let output = child.stdout.take().expect("because it was asked for");
        let keys = child.stdin.take();
        Self {
            child,
            keys,
            log: Log::of(output),
            at: 0,
            rejected: Vec::new(),
            looked: 0,
            patience,
            _slot: slot,
            _dir: dir,
        }
    }

    /// Fails from now on when this is seen in a line, wherever.
    ///
    /// # Panics
    /// When it is no regular expression.
    pub fn reject(&mut self, pattern: &str) -> &mut Self {
        self.rejected.push(Regex::new(pattern).expect("a regular expression"));
        self.looked = 0;
        self
    }

    /// Waits until this is seen behind all that was expected before, and gives what matched.
    ///
    /// # Panics
    /// When something is seen that must not be, the machine ends, or time runs out: with the end of the log.
    pub fn expect(&mut self, pattern: &str) -> String {
        let regex = Regex::new(pattern).expect("a regular expression");
        let until = Instant::now() + self.patience;
        let log = self.log.clone();
        let mut state = log.lock();
        loop {
            let unseen = &state.text[self.looked..];
            let seen = self.rejected.iter().find_map(|regex| regex.find(unseen)).map(|found| found.as_str());
            if let Some(seen) = seen {
                panic!("{seen:?} must not be seen{}", tail(&state.text));
            }
            // Guests say megabytes, a few bytes at a time.
            self.looked += unseen.rfind('\n').map_or(0, |at| at + 1);
            if let Some(found) = regex.find_at(&state.text, self.at) {
                self.at = found.end();
                return found.as_str().to_owned();
            }
            if state.ended {
                let text = std::mem::take(&mut state.text);
                drop(state);
                panic!("the machine ended before {pattern:?} was seen{}{}", self.complaints(), tail(&text));
            }
            let Some(left) = until.checked_duration_since(Instant::now()) else {
                panic!("{pattern:?} was not seen within {:?}{}", self.patience, tail(&state.text));
            };
            state = log.wait(state, left);
        }
    }

    /// Sends keys over the serial port.
    ///
    /// # Panics
    /// When the machine is gone.
    pub fn send(&mut self, keys: &str) -> &mut Self {
        let port = self.keys.as_mut().expect("because it is taken only at the end");
        port.write_all(keys.as_bytes()).and_then(|()| port.flush()).expect("the machine runs");
        self
    }

    /// Waits until the machine turns itself off, and gives QEMU's exit code: 0 for a power-off or a reset, 2n+1 when the guest wrote n
    /// to port 0xf4.
    ///
    /// # Panics
    /// When it does not, or something is seen that must not be.
    pub fn exit(mut self) -> i32 {
        let until = Instant::now() + self.patience;
        let log = self.log.clone();
        let mut state = log.lock();
        while !state.ended {
            let Some(left) = until.checked_duration_since(Instant::now()) else {
                panic!("the machine still runs after {:?}{}", self.patience, tail(&state.text));
            };
            state = log.wait(state, left);
        }
        for regex in &self.rejected {
            assert!(!regex.is_match(&state.text), "{regex} must not be seen{}", tail(&state.text));
        }
        drop(state);
        let status = self.child.wait().expect("a child can be waited for");
        status.code().unwrap_or_else(|| panic!("QEMU ended with {status}{}", self.complaints()))
    }

    /// Everything that came so far, as text.
    pub fn text(&self) -> String {
        self.log.lock().text.clone()
    }

    /// What QEMU said of itself, once it has ended.
    fn complaints(&mut self) -> String {
        let mut text = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            let _ = stderr.read_to_string(&mut text);
        }
        if text.is_empty() { text } else { format!("\nQEMU says: {text}") }
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        // It may have ended by itself; both calls fail then, and there is nothing to mend.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let shown = &lines[lines.len().saturating_sub(TAIL)..];
    format!("; the serial log ends with\n{}\n", shown.join("\n"))
}
