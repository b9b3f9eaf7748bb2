//! What is expected and what must never be seen.

use std::time::{Duration, Instant};

use imgc_plan::test::Port;
use regex::{Regex, RegexBuilder};

use super::{TICK, Vm};
use crate::{Error, Picture};

/// How far back a pattern that must not be seen may reach from where the log grew, in bytes: a log is not read from its start again and again.
const REACH: usize = 64 << 10;

/// How long a screen is left alone before it is looked at again.
const LOOK: Duration = Duration::from_millis(250);

/// For how long a screen must not have changed to count as drawn.
const STILL: Duration = Duration::from_secs(1);

/// How many of a thousand pixels change on a screen that is drawn: where a cursor blinks.
const BLINKS: u32 = 1;

/// The largest compiled pattern, in bytes.
const LARGEST: usize = 1 << 20;

/// A pattern of a manifest: `^` and `$` are the ends of lines.
///
/// # Errors
/// What is wrong with it.
pub fn pattern(text: &str) -> Result<Regex, Error> {
    RegexBuilder::new(text).multi_line(true).size_limit(LARGEST).build().map_err(|error| Error::Impossible {
        what: format!("`{text}` is no regular expression: {error}"),
        help: "a sign that is meant as it is stands behind a backslash".into(),
    })
}

/// What is watched, and up to where it was looked at.
#[derive(Default)]
pub struct Watch {
    /// Up to where the serial text was matched already: what is expected comes in order.
    at: usize,
    rejected: Vec<(Regex, Port)>,
    /// Up to where the serial text holds nothing that must not be seen.
    clean: usize,
}

impl Vm {
    /// Fails from now on when this is seen, wherever on that port.
    pub fn reject(&mut self, pattern: Regex, on: Port) {
        self.watch.rejected.push((pattern, on));
        self.watch.clean = 0;
    }

    /// Waits until this is seen on the serial port behind all that was expected before, and gives what matched.
    ///
    /// # Errors
    /// When something is seen that must not be, the machine ends, or time runs out: with the end of the log.
    pub fn expect(&mut self, pattern: &Regex, within: Duration) -> Result<String, Error> {
        let until = Instant::now() + within;
        loop {
            self.check()?;
            let log = self.log.clone();
            let state = log.lock();
            if let Some(found) = pattern.find_at(&state.text, self.watch.at) {
                self.watch.at = found.end();
                return Ok(found.as_str().to_owned());
            }
            if state.ended {
                let text = state.text.clone();
                drop(state);
                let what = format!("the machine ended before `{pattern}` was seen{}", self.said_after_end());
                return Err(Error::Unmet { what, log: text });
            }
            let Some(left) = until.checked_duration_since(Instant::now()) else {
                drop(state);
                return Err(self.unmet(&format!("`{pattern}` was not seen within {within:?}")));
            };
            drop(log.wait(state, left.min(TICK)));
        }
    }

    /// Waits until this is on the screen, and gives what matched.
    ///
    /// # Errors
    /// As [`Vm::expect`]: with the screen as it was last.
    pub fn expect_on_screen(&mut self, pattern: &Regex, within: Duration) -> Result<String, Error> {
        let wanted = format!("`{pattern}` was on the screen");
        let until = Instant::now() + within;
        loop {
            self.check()?;
            let shown = match self.screen() {
                // It may end while it is looked at.
                Err(_) if self.has_ended() => return Err(self.ended_before(&wanted)),
                shown => shown?,
            };
            if let Some(found) = pattern.find(&shown) {
                return Ok(found.as_str().to_owned());
            }
            if Instant::now() >= until {
                let what = format!(
                    "`{pattern}` was not on the screen within {within:?}; it shows\n{}",
                    shown.trim_end()
                );
                return Err(self.unmet(&what));
            }
            self.pause(LOOK, &wanted)?;
        }
    }

    /// Waits until the screen looks as a picture does, but for so many of a thousand pixels.
    ///
    /// # Errors
    /// As [`Vm::expect`].
    pub fn expect_picture(
        &mut self,
        wanted: &Picture,
        tolerance: u32,
        within: Duration,
    ) -> Result<(), Error> {
        let until = Instant::now() + within;
        loop {
            self.check()?;
            let shown = self.picture()?;
            let difference = shown.difference(wanted);
            if difference.is_some_and(|share| share <= tolerance) {
                return Ok(());
            }
            if Instant::now() >= until {
                let how = match difference {
                    Some(share) => format!("{share} of 1000 pixels differ, {tolerance} may"),
                    None => format!("it has {} pixels, the picture {}", shown.size(), wanted.size()),
                };
                return Err(
                    self.unmet(&format!("the screen did not look as the picture within {within:?}: {how}"))
                );
            }
            self.pause(LOOK, "the screen looked as the picture")?;
        }
    }

    /// What the screen shows once it stands still, or when time runs out: a machine says on its serial port that it is ready before
    /// it has drawn the last of it.
    ///
    /// # Errors
    /// As [`Vm::expect`], and when QEMU cannot draw it.
    pub fn settled_picture(&mut self, within: Duration) -> Result<Picture, Error> {
        let until = Instant::now() + within;
        let mut first = self.picture()?;
        let mut since = Instant::now();
        loop {
            self.check()?;
            let now = Instant::now();
            if now >= until || now.duration_since(since) >= STILL {
                return Ok(first);
            }
            self.pause(LOOK, "its screen stood still")?;
            let shown = self.picture()?;
            if shown.difference(&first).is_none_or(|share| share > BLINKS) {
                (first, since) = (shown, Instant::now());
            }
        }
    }

    /// Fails when something is seen that must not be, or a person wants an end.
    ///
    /// # Errors
    /// What was seen.
    pub fn check(&mut self) -> Result<(), Error> {
        if self.interrupted() {
            return Err(Error::Interrupted);
        }
        let log = self.log.clone();
        let state = log.lock();
        let mut from = self.watch.clean.saturating_sub(REACH);
        while !state.text.is_char_boundary(from) {
            from -= 1;
        }
        let serial = self.watch.rejected.iter().filter(|(_, on)| *on == Port::Serial);
        let seen = serial.filter_map(|(regex, _)| regex.find_at(&state.text, from)).next();
        if let Some(seen) = seen {
            let seen = seen.as_str().to_owned();
            drop(state);
            return Err(self.unmet(&format!("`{seen}` must not be seen")));
        }
        self.watch.clean = state.text.len();
        let (full, ended) = (state.full, state.ended);
        drop(state);
        if full {
            return Err(self.unmet("the serial port gave more text than is kept"));
        }
        if !ended && self.watch.rejected.iter().any(|(_, on)| *on == Port::Screen) {
            // A machine that ends right now has no screen any more, which is for others to judge.
            let Ok(shown) = self.screen() else { return Ok(()) };
            let screen = self.watch.rejected.iter().filter(|(_, on)| *on == Port::Screen);
            let seen = screen
                .filter_map(|(regex, _)| regex.find(&shown))
                .next()
                .map(|seen| seen.as_str().to_owned());
            if let Some(seen) = seen {
                return Err(self
                    .unmet(&format!("`{seen}` must not be on the screen; it shows\n{}", shown.trim_end())));
            }
        }
        Ok(())
    }

    /// Waits a little, unless the machine ends before this is so.
    fn pause(&mut self, time: Duration, wanted: &str) -> Result<(), Error> {
        let until = Instant::now() + time;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            if self.log.lock().ended {
                self.check()?;
                return Err(self.ended_before(wanted));
            }
            let state = self.log.lock();
            drop(self.log.wait(state, left.min(TICK)));
        }
        Ok(())
    }

    fn ended_before(&mut self, wanted: &str) -> Error {
        let said = self.said_after_end();
        self.unmet(&format!("the machine ended before {wanted}{said}"))
    }

    /// What QEMU said, once its own end made that complete.
    fn said_after_end(&mut self) -> String {
        let until = Instant::now() + super::MANNERS;
        let complaints = self.complaints.clone();
        let mut state = complaints.lock();
        while !state.ended && Instant::now() < until {
            state = complaints.wait(state, TICK);
        }
        drop(state);
        let said = self.said();
        if said.is_empty() { said } else { format!("; QEMU says:{said}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_know_the_ends_of_lines() {
        assert!(pattern("^b$").expect("a pattern").is_match("a\nb\nc"));
        assert!(pattern("(").expect_err("no pattern").to_string().contains("`(`"));
    }
}
