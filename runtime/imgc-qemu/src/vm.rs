//! A machine that runs: what it shows, what is expected of it and must never be seen, keys for it, how it ends.

mod launch;
mod qmp;
mod screen;
mod serial;
mod watch;

use std::{
    io::Write,
    process::{Child, ChildStdin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use imgc_plan::test::{Port, keys};
use tempfile::TempDir;

use crate::{Error, Picture, os};
use qmp::{Qmp, Trouble};
use serial::Log;

pub use launch::{Setup, TICK};
pub use watch::pattern;

/// How long QEMU may take to end after it was told to, before it is killed.
const MANNERS: Duration = Duration::from_secs(10);

/// A running machine; stopped when it is dropped.
pub struct Vm {
    child: Child,
    keys: Option<ChildStdin>,
    log: Log,
    complaints: Log,
    qmp: Qmp,
    watch: watch::Watch,
    /// Set when a person wants it to stop.
    stop: Arc<AtomicBool>,
    dir: TempDir,
}

impl Vm {
    /// Everything that came from the serial port so far, as text.
    pub fn text(&self) -> String {
        self.log.lock().text.clone()
    }

    /// Sends a text to the serial port.
    ///
    /// # Errors
    /// When the machine is gone.
    pub fn send(&mut self, text: &str) -> Result<(), Error> {
        let port = self.keys.as_mut().expect("because only the machine's end takes it");
        let sent = port.write_all(text.as_bytes()).and_then(|()| port.flush());
        sent.map_err(|_| self.gone("it was sent keys"))
    }

    /// Presses a key by the name that a manifest gives it ([`keys`]).
    ///
    /// # Errors
    /// When there is no such key, or the machine is gone.
    pub fn press(&mut self, key: &str, on: Port) -> Result<(), Error> {
        let unknown = || Error::Impossible {
            what: format!(
                "there is no key `{key}` on the {}",
                if on == Port::Serial { "serial port" } else { "keyboard" }
            ),
            help: "keys are named as in `down`, `f2`, `a` or `ctrl-alt-delete`".into(),
        };
        match on {
            Port::Serial => self.send(&keys::sends(key).ok_or_else(unknown)?),
            Port::Screen => {
                let pressed = self.qmp.press(&keys::codes(key).ok_or_else(unknown)?);
                self.unless_ended(pressed)
            }
        }
    }

    /// Types a text.
    ///
    /// # Errors
    /// When a sign of it is on no US keyboard, or the machine is gone.
    pub fn type_text(&mut self, text: &str, on: Port) -> Result<(), Error> {
        if on == Port::Serial {
            // A terminal sends a carriage return for the key that ends a line.
            return self.send(&text.replace('\n', "\r"));
        }
        for sign in text.chars() {
            let codes = keys::sign(sign).ok_or_else(|| Error::Impossible {
                what: format!("{sign:?} is on no US keyboard"),
                help: "type it on the serial port, or give its keys".into(),
            })?;
            let pressed = self.qmp.press(&codes);
            self.unless_ended(pressed)?;
        }
        Ok(())
    }

    /// The text on the screen of a BIOS machine: 25 lines, without spaces at their ends. Without meaning once it shows graphics.
    ///
    /// # Errors
    /// When the machine is gone.
    pub fn screen(&mut self) -> Result<String, Error> {
        let file = self.dir.path().join("screen");
        let saved = self.qmp.save_memory(screen::ADDRESS, screen::LEN as u64, &file);
        saved.map_err(|trouble| self.trouble(trouble))?;
        let cells = std::fs::read(&file).map_err(Error::file("reading", &file))?;
        Ok(screen::text(&cells))
    }

    /// What the screen shows, as a picture.
    ///
    /// # Errors
    /// When the machine is gone, or QEMU cannot draw it.
    pub fn picture(&mut self) -> Result<Picture, Error> {
        let file = self.dir.path().join("picture.ppm");
        let saved = self.qmp.picture(&file);
        saved.map_err(|trouble| self.trouble(trouble))?;
        let bytes = std::fs::read(&file).map_err(Error::file("reading", &file))?;
        Picture::from_ppm(&bytes)
    }

    /// Presses the power button.
    ///
    /// # Errors
    /// When the machine is gone.
    pub fn power_off(&mut self) -> Result<(), Error> {
        let pressed = self.qmp.command("system_powerdown", &serde_json::json!({})).map(drop);
        self.unless_ended(pressed)
    }

    /// Waits until the machine ends by itself, and gives QEMU's exit code: 0 for a power-off or a reset, 2n+1 when the guest wrote n to
    /// port 0xf4.
    ///
    /// # Errors
    /// When it does not, or something is seen that must not be.
    pub fn wait(&mut self, within: Duration) -> Result<i32, Error> {
        let until = Instant::now() + within;
        while !self.log.lock().ended {
            self.check()?;
            if Instant::now() >= until {
                return Err(self.unmet(&format!("the machine still runs after {within:?}")));
            }
            let state = self.log.lock();
            drop(self.log.wait(state, TICK));
        }
        self.check()?;
        self.code()
    }

    /// Turns it off at once; what it wrote is in its disk.
    pub fn stop(&mut self) {
        // It may be gone already: then there is nothing to stop.
        let _ = self.qmp.command("quit", &serde_json::json!({}));
        let until = Instant::now() + MANNERS;
        while Instant::now() < until && matches!(self.child.try_wait(), Ok(None)) {
            thread::sleep(TICK);
        }
        self.kill();
    }

    /// Passes over a command without an answer when the machine ended: that may be what the command did.
    fn unless_ended(&mut self, done: Result<(), Trouble>) -> Result<(), Error> {
        match done {
            Err(Trouble::Gone(_)) if self.has_ended() => Ok(()),
            done => done.map_err(|trouble| self.trouble(trouble)),
        }
    }

    fn trouble(&mut self, trouble: Trouble) -> Error {
        match trouble {
            Trouble::Gone(_) if self.has_ended() => self.gone("it was looked at"),
            Trouble::Gone(said) | Trouble::Refused(said) => Error::Failed(said),
        }
    }

    /// Whether QEMU is gone, or goes right now.
    fn has_ended(&mut self) -> bool {
        let until = Instant::now() + MANNERS;
        while Instant::now() < until {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return true;
            }
            thread::sleep(TICK);
        }
        false
    }

    fn code(&mut self) -> Result<i32, Error> {
        let status =
            self.child.wait().map_err(|error| Error::Failed(format!("waiting for QEMU: {error}")))?;
        match (status.code(), os::signal(status)) {
            // QEMU itself ends with 1 when something is wrong, and says what.
            (Some(1), _) if !self.said().is_empty() => {
                Err(Error::Failed(format!("QEMU failed: {}", self.said())))
            }
            (Some(code), _) => Ok(code),
            (None, Some(signal)) => {
                Err(Error::Failed(format!("QEMU was ended by signal {signal}{}", self.said())))
            }
            (None, None) => Err(Error::Failed(format!("QEMU ended with {status}{}", self.said()))),
        }
    }

    /// What QEMU said of itself, with a line break before it.
    fn said(&self) -> String {
        let text = self.complaints.lock().text.trim().to_owned();
        if text.is_empty() { text } else { format!("\n{text}") }
    }

    fn gone(&self, when: &str) -> Error {
        Error::Unmet { what: format!("the machine was gone when {when}{}", self.said()), log: self.text() }
    }

    fn unmet(&self, what: &str) -> Error {
        Error::Unmet { what: what.to_owned(), log: self.text() }
    }

    fn interrupted(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn kill(&mut self) {
        // It may have ended by itself; both calls fail then, and there is nothing to mend.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        self.kill();
    }
}
