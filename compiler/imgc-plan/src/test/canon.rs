//! The canonical encoding of what decides a test's result: for the key under which that is remembered.

use super::{Act, Boot, MachineSpec, Port, Reject};
use crate::digest::{Canon, Canonical};

impl Canonical for MachineSpec {
    fn canon(&self, c: &mut Canon) {
        let Self { firmware, chipset, medium, bus, memory, cpus, sector_size, bootfile, extra } = self;
        c.text(firmware.word()).text(chipset.word()).text(medium.word()).text(bus.word());
        c.add(memory).add(cpus).add(sector_size).add(bootfile).add(extra);
    }
}

impl Canonical for Boot {
    fn canon(&self, c: &mut Canon) {
        let Self { rejects, acts } = self;
        c.add(rejects).add(acts);
    }
}

impl Canonical for Reject {
    fn canon(&self, c: &mut Canon) {
        let Self { pattern, on } = self;
        c.text(pattern).add(on);
    }
}

impl Canonical for Port {
    fn canon(&self, c: &mut Canon) {
        c.text(match self {
            Self::Serial => "serial",
            Self::Screen => "screen",
        });
    }
}

impl Canonical for Act {
    fn canon(&self, c: &mut Canon) {
        match self {
            Self::Expect { pattern, on, within } => c.text("expect").text(pattern).add(on).add(within),
            Self::Press { keys, on } => c.text("press").add(keys).add(on),
            Self::Type { text, on } => c.text("type").text(text).add(on),
            Self::Screenshot { file, tolerance, within } => {
                c.text("screenshot").text(file).add(tolerance).add(within)
            }
            Self::PowerOff { within } => c.text("power-off").add(within),
            Self::End { within, code } => c.text("end").add(within).add(&i64::from(*code)),
        };
    }
}
