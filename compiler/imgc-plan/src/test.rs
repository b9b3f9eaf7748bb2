//! Boot tests: on which machines an output is started and what is expected of it. Data beside the steps, which no step reads.

mod canon;
pub mod keys;
mod machine;

use serde::Serialize;

pub use machine::{Bus, Chipset, Firmware, MachineSpec, Medium};

/// A test of the manifest: cases that differ in output and machine, and what is expected of each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Test {
    /// Its name.
    pub name: String,
    /// What is started, in the order of the manifest.
    pub cases: Vec<Case>,
    /// What is expected, boot after boot. What the machine wrote is there in the next boot.
    pub boots: Vec<Boot>,
}

/// One output on one machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Case {
    /// The output's file.
    pub output: String,
    /// The index of the step that exports it.
    pub export: usize,
    /// The machine.
    pub machine: MachineSpec,
}

impl Case {
    /// How people are told of it: the output and what the machine is, as the manifest would say it.
    pub fn title(&self) -> String {
        format!("{} {}", self.output, self.machine.title())
    }
}

/// One boot of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Boot {
    /// What must never be seen in it.
    pub rejects: Vec<Reject>,
    /// What is expected and done, in order.
    pub acts: Vec<Act>,
}

/// Something that must never be seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reject {
    /// A regular expression in which `^` and `$` are the ends of lines.
    pub pattern: String,
    /// Where.
    pub on: Port,
}

/// Where a machine shows something, or takes keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Port {
    /// The first serial port.
    Serial,
    /// The screen (as text, so on a BIOS machine only) and the keyboard.
    Screen,
}

/// Something that is expected of a machine, or done to it. Times are in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "act")]
pub enum Act {
    /// Waits until a pattern is seen: on the serial port behind all that was expected there before, on the screen as it is.
    Expect {
        /// A regular expression in which `^` and `$` are the ends of lines.
        pattern: String,
        /// Where.
        on: Port,
        /// How long at most.
        within: u64,
    },
    /// Presses keys, one after the other.
    Press {
        /// Their names ([`keys`]).
        keys: Vec<String>,
        /// Where.
        on: Port,
    },
    /// Types a text.
    Type {
        /// The text: on the keyboard what a US keyboard can type.
        text: String,
        /// Where.
        on: Port,
    },
    /// Waits until the screen looks as a picture does.
    Screenshot {
        /// The picture: PNG or PPM, a path in the manifest's directory.
        file: String,
        /// How many of a thousand pixels may differ.
        tolerance: u32,
        /// How long at most.
        within: u64,
    },
    /// Presses the power button and waits until the machine is off.
    PowerOff {
        /// How long at most.
        within: u64,
    },
    /// Waits until the machine ends by itself: it turns itself off, or resets.
    End {
        /// How long at most.
        within: u64,
        /// QEMU's exit code: 0 for a power-off or a reset, 2n+1 when the guest wrote n to port 0xf4.
        code: i32,
    },
}
