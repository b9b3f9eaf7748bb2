//! The options as their own types.

use imgc_plan::{Data, Record};

use crate::boot::options::epoch;

/// The words of the option `arch`: those for which there is a systemd-boot.
pub const ARCHES: &[&str] = &["x64", "aa64", "ia32", "arm", "riscv64", "loongarch64"];

/// The words of the option `console-mode` (loader.conf(5)).
pub const CONSOLE_MODES: &[&str] = &["0", "1", "2", "auto", "max", "keep"];

/// The options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The architecture, one of [`ARCHES`].
    pub arch: &'static str,
    /// One of [`CONSOLE_MODES`].
    pub console_mode: Option<&'static str>,
    /// Whether command lines can be changed.
    pub editor: bool,
    /// Whether other systems are looked for.
    pub auto_entries: bool,
    /// Whether the firmware's settings are an entry.
    pub auto_firmware: bool,
    /// Whether the last choice is the next default.
    pub remember: bool,
    /// Whether it lies where firmware looks by itself.
    pub removable: bool,
    /// Whether it must be signed.
    pub secure_boot: bool,
    /// The time of its files, in seconds since 1970.
    pub epoch: i64,
}

impl Options {
    /// Reads a record in which every option has its type.
    pub fn of(record: &Record) -> Self {
        let word = |name: &str, words: &[&'static str]| {
            let said = record.get(name).and_then(Data::as_text)?;
            words.iter().copied().find(|word| *word == said)
        };
        let truth = |name: &str, default: bool| record.get(name).and_then(Data::as_bool).unwrap_or(default);
        Self {
            arch: word("arch", ARCHES).unwrap_or("x64"),
            console_mode: word("console-mode", CONSOLE_MODES),
            editor: truth("editor", true),
            auto_entries: truth("auto-entries", true),
            auto_firmware: truth("auto-firmware", true),
            remember: truth("remember", false),
            removable: truth("removable", true),
            secure_boot: truth("secure-boot", false),
            epoch: epoch(record),
        }
    }
}
