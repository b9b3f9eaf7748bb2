//! A machine that runs, of which everything that goes wrong fails the test.

use std::{path::Path, time::Duration};

use imgc_plan::test::Port;
use imgc_qemu::{Error, Picture};
use regex::Regex;

use super::slot::Slot;

/// The key with the arrow that points down, as terminals send it.
pub const DOWN: &str = "\x1b[B";

/// The key that ends a line, as terminals send it.
pub const ENTER: &str = "\r";

/// A running machine; stopped when it is dropped.
pub struct Vm {
    vm: imgc_qemu::Vm,
    patience: Duration,
    _slot: Slot,
}

/// What was asked for, or a test that failed.
fn got<T>(result: Result<T, Error>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a regular expression")
}

impl Vm {
    pub(super) fn new(vm: imgc_qemu::Vm, slot: Slot, patience: Duration) -> Self {
        Self { vm, patience, _slot: slot }
    }

    /// Fails from now on when this is seen, wherever on the serial port.
    ///
    /// # Panics
    /// When it is no regular expression.
    pub fn reject(&mut self, pattern: &str) -> &mut Self {
        self.vm.reject(regex(pattern), Port::Serial);
        self
    }

    /// Waits until this is seen on the serial port behind all that was expected before, and gives what matched.
    ///
    /// # Panics
    /// When something is seen that must not be, the machine ends, or time runs out: with the end of the log.
    pub fn expect(&mut self, pattern: &str) -> String {
        got(self.vm.expect(&regex(pattern), self.patience))
    }

    /// Waits until this is on the text screen of a BIOS machine, and gives what matched.
    ///
    /// # Panics
    /// As [`Vm::expect`]: with the screen as it was last.
    pub fn expect_on_screen(&mut self, pattern: &str) -> String {
        got(self.vm.expect_on_screen(&regex(pattern), self.patience))
    }

    /// The text on the screen of a BIOS machine.
    ///
    /// # Panics
    /// When the machine is gone.
    pub fn screen(&mut self) -> String {
        got(self.vm.screen())
    }

    /// What the screen shows.
    ///
    /// # Panics
    /// When the machine is gone.
    pub fn picture(&mut self) -> Picture {
        got(self.vm.picture())
    }

    /// Waits until the screen looks as the picture in this file, but for so many of a thousand pixels.
    ///
    /// # Panics
    /// As [`Vm::expect`].
    pub fn expect_picture(&mut self, file: &Path, tolerance: u32) -> &mut Self {
        got(Picture::open(file).and_then(|wanted| self.vm.expect_picture(&wanted, tolerance, self.patience)));
        self
    }

    /// Sends a text over the serial port.
    ///
    /// # Panics
    /// When the machine is gone.
    pub fn send(&mut self, keys: &str) -> &mut Self {
        got(self.vm.send(keys));
        self
    }

    /// Presses keys of the keyboard by their names, such as `down` or `ctrl-alt-delete`.
    ///
    /// # Panics
    /// When there is no such key, or the machine is gone.
    pub fn press(&mut self, keys: &[&str]) -> &mut Self {
        keys.iter().for_each(|key| got(self.vm.press(key, Port::Screen)));
        self
    }

    /// Presses the power button, and waits until the machine is off.
    ///
    /// # Panics
    /// When it stays on.
    pub fn power_off(mut self) -> i32 {
        got(self.vm.power_off());
        self.exit()
    }

    /// Pulls the plug; what the machine wrote is in its disk.
    pub fn stop(mut self) {
        self.vm.stop();
    }

    /// Waits until the machine turns itself off, and gives QEMU's exit code: 0 for a power-off or a reset, 2n+1 when the guest wrote n
    /// to port 0xf4.
    ///
    /// # Panics
    /// When it does not, or something is seen that must not be.
    pub fn exit(mut self) -> i32 {
        got(self.vm.wait(self.patience))
    }

    /// Everything that came so far, as text.
    pub fn text(&self) -> String {
        self.vm.text()
    }
}
