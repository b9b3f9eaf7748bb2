//! What comes out of a serial port, as text: control sequences of terminals are taken out.

use std::{
    io::Read,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
    time::Duration,
};

/// How much text is kept, in bytes: a guest that prints without end must not take all memory.
const MOST: usize = 8 << 20;

/// The text so far, filled by a thread of its own.
#[derive(Clone, Default)]
pub struct Log(Arc<(Mutex<State>, Condvar)>);

/// What is known of the port.
#[derive(Default)]
pub struct State {
    /// The text, without control sequences, carriage returns and what is not ASCII. Moving the cursor starts a line.
    pub text: String,
    /// Whether nothing more will come: the machine is gone.
    pub ended: bool,
    /// Whether more came than is kept.
    pub full: bool,
    within: Within,
}

/// Where in a control sequence (ECMA-48, section 5.4) the next byte lies.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Within {
    #[default]
    Text,
    Escape,
    Sequence,
}

impl Log {
    /// Starts to read.
    pub fn of(mut port: impl Read + Send + 'static) -> Self {
        let log = Self::default();
        let writer = log.clone();
        thread::spawn(move || {
            let mut buf = [0; 4096];
            loop {
                let read = port.read(&mut buf).unwrap_or(0);
                let mut state = writer.lock();
                buf[..read].iter().for_each(|byte| state.take(*byte));
                state.ended = read == 0;
                drop(state);
                writer.0.1.notify_all();
                if read == 0 {
                    return;
                }
            }
        });
        log
    }

    /// What is known now.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().expect("because the reader does not panic")
    }

    /// Waits for more, at most this long.
    pub fn wait<'a>(&'a self, state: MutexGuard<'a, State>, time: Duration) -> MutexGuard<'a, State> {
        self.0.1.wait_timeout(state, time).expect("because the reader does not panic").0
    }
}

impl State {
    fn take(&mut self, byte: u8) {
        self.within = match (self.within, byte) {
            (_, 0x1b) => Within::Escape,
            (Within::Escape, b'[') => Within::Sequence,
            (Within::Escape, _) => Within::Text,
            (Within::Sequence, 0x40..=0x7e) => {
                if byte == b'H' && !self.text.ends_with('\n') {
                    self.push('\n');
                }
                Within::Text
            }
            (Within::Sequence, _) => Within::Sequence,
            (Within::Text, b'\n' | b'\t' | 0x20..=0x7e) => {
                self.push(char::from(byte));
                Within::Text
            }
            (Within::Text, _) => Within::Text,
        };
    }

    fn push(&mut self, sign: char) {
        self.full |= self.text.len() >= MOST;
        if !self.full {
            self.text.push(sign);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(port: impl Read + Send + 'static) -> (String, bool) {
        let log = Log::of(port);
        let mut state = log.lock();
        while !state.ended {
            state = log.wait(state, Duration::from_secs(10));
        }
        (state.text.clone(), state.full)
    }

    #[test]
    fn control_sequences_are_taken_out() {
        let bytes = &b"\x1b[2J\x1b[1;1HGRUB\x1b[7m menu\x1b[0m\r\n\x1b(Bx\x1b[5;3Hy\xe2\x94\x80\x00z"[..];
        assert_eq!(all(bytes), ("\nGRUB menu\nBx\nyz".to_owned(), false));
    }

    #[test]
    fn no_more_is_kept_than_memory_is_for() {
        let (text, full) = all(std::io::repeat(b'x').take(MOST as u64 + 1));
        assert!(full && text.len() == MOST);
    }
}
