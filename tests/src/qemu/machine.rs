//! What a machine is made of, and QEMU's words for it.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;

use super::{slot::Slot, vm::Vm};
use crate::tools::{file, tool};

/// How long a machine may take for each thing that is expected of it. Emulated guests on a loaded machine take many times what they
/// take alone.
const PATIENCE: Duration = Duration::from_secs(240);

/// What starts the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Firmware {
    /// SeaBIOS.
    Bios,
    /// OVMF, with variables of its own for each machine.
    Uefi,
}

/// How a disk is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bus {
    /// The first disk of the first IDE channel (a BIOS machine only).
    Ide,
    /// virtio-blk.
    Virtio,
    /// NVMe.
    Nvme,
    /// A USB stick.
    Usb,
}

/// A machine before it runs.
#[derive(Debug)]
pub struct Machine {
    firmware: Firmware,
    memory: u32,
    disks: Vec<(PathBuf, String, Bus)>,
    kernel: Option<(PathBuf, PathBuf, String)>,
    patience: Duration,
}

impl Machine {
    /// A machine with this firmware, 512 MiB of memory and no disk.
    pub fn new(firmware: Firmware) -> Self {
        Self { firmware, memory: 512, disks: Vec::new(), kernel: None, patience: PATIENCE }
    }

    /// A BIOS machine with this disk. `format` is QEMU's name: `raw`, `qcow2` …
    pub fn bios(image: &Path, format: &str, bus: Bus) -> Self {
        Self::new(Firmware::Bios).disk(image, format, bus)
    }

    /// With this disk, after those that it has; the firmware tries the first one first.
    #[must_use]
    pub fn disk(mut self, image: &Path, format: &str, bus: Bus) -> Self {
        self.disks.push((image.to_owned(), format.to_owned(), bus));
        self
    }

    /// With this Linux kernel, which QEMU itself starts, its initramfs and its command line.
    #[must_use]
    pub fn kernel(mut self, kernel: &Path, initramfs: &Path, arguments: &str) -> Self {
        self.kernel = Some((kernel.to_owned(), initramfs.to_owned(), arguments.to_owned()));
        self
    }

    /// With so many MiB of memory.
    #[must_use]
    pub fn memory(mut self, mib: u32) -> Self {
        self.memory = mib;
        self
    }

    /// With this much time for each thing that is expected of it.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience.max(Duration::from_secs(60));
        self
    }

    /// Starts it, once one of this computer's places for machines is free.
    ///
    /// # Panics
    /// When QEMU or a firmware is missing.
    pub fn start(self) -> Vm {
        let slot = Slot::take();
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        let mut command = Command::new(tool("qemu-system-x86_64", "qemu-system-x86"));
        command.args([
            "-nodefaults",
            "-no-user-config",
            "-display",
            "none",
            "-vga",
            "std",
            "-monitor",
            "none",
        ]);
        command.args(["-accel", "tcg", "-cpu", self.cpu(), "-smp", "1", "-m", &self.memory.to_string()]);
        command.args(["-no-reboot", "-rtc", "base=utc", "-boot", "strict=off", "-serial", "stdio"]);
        command.args(["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"]);
        self.firmware_args(&mut command, &dir);
        self.disk_args(&mut command);
        self.kernel_args(&mut command);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Vm::new(child, slot, dir, self.patience)
    }

    fn firmware_args(&self, command: &mut Command, dir: &TempDir) {
        match self.firmware {
            Firmware::Bios => {
                command.args(["-machine", "pc"]);
            }
            Firmware::Uefi => {
                let code = file("/usr/share/OVMF/OVMF_CODE_4M.fd", "ovmf");
                let vars = dir.path().join("vars.fd");
                std::fs::copy(file("/usr/share/OVMF/OVMF_VARS_4M.fd", "ovmf"), &vars).expect("copied");
                let flash = |unit: u32, more: &str, path: &Path| {
                    format!("if=pflash,unit={unit},format=raw{more},file={}", escaped(path))
                };
                command.args(["-machine", "q35"]);
                command.arg("-drive").arg(flash(0, ",readonly=on", &code));
                command.arg("-drive").arg(flash(1, "", &vars));
            }
        }
    }

    /// QEMU 7.2 emulates `cmpxchg16b` with wrong flags when an interrupt comes at the wrong moment; Linux 6.12 uses it for every piece
    /// of memory that it hands out, and dies of that now and then. It does without where there is none.
    fn cpu(&self) -> &'static str {
        if self.kernel.is_some() { "max,cx16=off" } else { "max" }
    }

    fn disk_args(&self, command: &mut Command) {
        for (at, (image, format, bus)) in self.disks.iter().enumerate() {
            let drive = format!("if=none,id=d{at},format={format},snapshot=on,file={}", escaped(image));
            let device = match bus {
                // Without a bus QEMU takes the second channel, and kernels find hd2 instead of hd0.
                Bus::Ide => "ide-hd,bus=ide.0",
                Bus::Virtio => "virtio-blk-pci",
                Bus::Nvme => "nvme,serial=1",
                Bus::Usb => {
                    command.args(["-device", "qemu-xhci"]);
                    "usb-storage"
                }
            };
            command.arg("-drive").arg(drive);
            // 0 is that of a kernel which QEMU starts.
            command.arg("-device").arg(format!("{device},drive=d{at},bootindex={}", at + 1));
        }
    }

    fn kernel_args(&self, command: &mut Command) {
        let Some((kernel, initramfs, arguments)) = &self.kernel else { return };
        command.arg("-kernel").arg(kernel).arg("-initrd").arg(initramfs).arg("-append").arg(arguments);
    }
}

/// A path within one of QEMU's comma lists.
fn escaped(path: &Path) -> String {
    path.to_str().expect("because tests use paths that are text").replace(',', ",,")
}
