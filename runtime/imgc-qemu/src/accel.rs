//! What makes a machine run: the processor itself where that is shown to work, else a translator.
//!
//! That `/dev/kvm` opens does not say that a guest gets anywhere. So a boot sector of ours is started first, with the processor that
//! machines get later; only when it says so in time the accelerator is used.

use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use imgc_plan::test::{Bus, Firmware, MachineSpec, Medium};

use crate::{
    Host, Image, Machine,
    vm::TICK,
    words::{Beside, words},
};

/// What makes a machine run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accel {
    /// QEMU's translator: everywhere, and many times slower.
    Tcg,
    /// Linux.
    Kvm,
    /// macOS.
    Hvf,
    /// Windows.
    Whpx,
}

/// The boot sector: `accel/probe.S`, assembled.
const SECTOR: &[u8; 512] = include_bytes!("accel/probe.bin");

/// What it ends QEMU with: it writes 42 to port 0xf4.
const DONE: i32 = 85;

/// How long it may take. It does nothing but to print a line.
const PATIENCE: Duration = Duration::from_secs(5);

impl Accel {
    /// QEMU's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Tcg => "tcg",
            Self::Kvm => "kvm",
            Self::Hvf => "hvf",
            Self::Whpx => "whpx",
        }
    }

    /// The fastest that is shown to work on this computer; remembered for the process.
    pub fn best(host: &Host) -> Self {
        static BEST: OnceLock<Accel> = OnceLock::new();
        *BEST.get_or_init(|| match Self::of_system() {
            Some(accel) if accel.is_offered() && accel.works(host) => accel,
            _ => Self::Tcg,
        })
    }

    fn of_system() -> Option<Self> {
        match std::env::consts::OS {
            "linux" => Some(Self::Kvm),
            "macos" => Some(Self::Hvf),
            "windows" => Some(Self::Whpx),
            _ => None,
        }
    }

    /// Whether there is any sense in a try.
    fn is_offered(self) -> bool {
        self != Self::Kvm || File::options().read(true).write(true).open("/dev/kvm").is_ok()
    }

    /// Whether a guest gets to its end.
    pub fn works(self, host: &Host) -> bool {
        let Ok(dir) = tempfile::tempdir() else { return false };
        let sector = dir.path().join("probe");
        if fs::write(&sector, SECTOR).is_err() {
            return false;
        }
        self.start(host, &sector).is_some_and(|mut child| {
            let code = wait(&mut child);
            // It may have ended by itself; both calls fail then, and there is nothing to mend.
            let _ = child.kill();
            let _ = child.wait();
            code == Some(DONE)
        })
    }

    fn start(self, host: &Host, sector: &Path) -> Option<Child> {
        let mut spec = MachineSpec::new(Firmware::Bios, Medium::Disk, Some(Bus::Ide), None);
        spec.memory = 64 << 20;
        let machine = Machine::new(spec).image(Image::new(sector, "raw"));
        let beside = Beside { accel: self, flash: None, qmp: None, served: None };
        let mut command = Command::new(&host.qemu);
        command.args(words(&machine, &beside).ok()?);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().ok()
    }
}

fn wait(child: &mut Child) -> Option<i32> {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        match child.try_wait() {
            Ok(Some(status)) => return status.code(),
            Ok(None) => thread::sleep(TICK),
            Err(_) => return None,
        }
    }
    None
}
