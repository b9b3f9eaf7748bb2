//! What a machine is made of, in the words of tests.

use std::{
    path::Path,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

pub use imgc_plan::test::Firmware;
use imgc_plan::test::{self, MachineSpec, Medium};
use imgc_qemu::{Accel, Host, Image, vm::Setup};

use super::{slot::Slot, vm::Vm};

/// How long a machine may take for each thing that is expected of it. Emulated guests on a loaded machine take many times what they
/// take alone.
const PATIENCE: Duration = Duration::from_secs(240);

/// QEMU's word for the processor: all that it emulates but `cmpxchg16b`, behind which QEMU 7.2 now and then forgets the flags. Linux
/// 6.1 and later use it for every allocation, and one boot in eight ended in a double fault there (measured on a loaded machine).
const PROCESSOR: &str = "max,cx16=off";

/// How an image is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bus {
    /// The first disk of the first IDE channel, on board i440FX whatever the firmware.
    Ide,
    /// virtio-blk.
    Virtio,
    /// NVMe.
    Nvme,
    /// A USB stick.
    Usb,
    /// A disk at the first port of an AHCI controller.
    Sata,
    /// A disk at a SCSI controller of virtio.
    Scsi,
    /// A CD in the drive that is usual for the board.
    Cdrom,
}

impl Bus {
    fn place(self) -> (Medium, Option<test::Bus>) {
        match self {
            Self::Ide => (Medium::Disk, Some(test::Bus::Ide)),
            Self::Virtio => (Medium::Disk, Some(test::Bus::Virtio)),
            Self::Nvme => (Medium::Disk, Some(test::Bus::Nvme)),
            Self::Sata => (Medium::Disk, Some(test::Bus::Sata)),
            Self::Scsi => (Medium::Disk, Some(test::Bus::Scsi)),
            Self::Usb => (Medium::Usb, None),
            Self::Cdrom => (Medium::Cdrom, None),
        }
    }
}

/// A disk, and the variables of a firmware, that are kept from one boot to the next; the image that they started as is not written to.
#[derive(Debug)]
pub struct Kept(imgc_qemu::Kept);

impl Kept {
    /// A disk that is at first as this image. `format` is QEMU's name: `raw`, `qcow2` …
    ///
    /// # Panics
    /// When the image cannot be read.
    pub fn new(image: &Path, format: &str) -> Self {
        Self(imgc_qemu::Kept::new(&Image::new(image, format)).unwrap_or_else(|error| panic!("{error}")))
    }
}

/// A machine before it runs.
#[derive(Debug)]
pub struct Machine {
    inner: imgc_qemu::Machine,
    patience: Duration,
}

impl Machine {
    /// A machine with this firmware, 512 MiB of memory and no disk.
    pub fn new(firmware: Firmware) -> Self {
        let spec = MachineSpec::new(firmware, Medium::Disk, None, None);
        Self { inner: imgc_qemu::Machine::new(spec), patience: PATIENCE }
    }

    /// A BIOS machine with this disk. `format` is QEMU's name: `raw`, `qcow2` …
    pub fn bios(image: &Path, format: &str, bus: Bus) -> Self {
        Self::new(Firmware::Bios).disk(image, format, bus)
    }

    /// With this disk, stick or CD.
    #[must_use]
    pub fn disk(self, image: &Path, format: &str, bus: Bus) -> Self {
        let (medium, bus) = bus.place();
        self.with(medium, bus).image(Image::new(image, format))
    }

    /// With a disk that other boots wrote to, or will read.
    ///
    /// # Panics
    /// When a firmware is missing.
    #[must_use]
    pub fn kept(self, kept: &Kept, bus: Bus) -> Self {
        let (medium, bus) = bus.place();
        let machine = self.with(medium, bus);
        let inner = kept.0.machine(&machine.inner, &host());
        Self { inner: inner.unwrap_or_else(|error| panic!("{error}")), ..machine }
    }

    /// Started from the network: TFTP serves this directory, DHCP names this file of it. With 1 GiB of memory.
    #[must_use]
    pub fn network(self, dir: &Path, bootfile: &str) -> Self {
        let mut machine = self.with(Medium::Network, None).image(Image::new(dir, "raw"));
        machine.inner.spec.bootfile = Some(bootfile.to_owned());
        machine
    }

    /// With disks of sectors of so many bytes: 512 or 4096.
    #[must_use]
    pub fn sectors(mut self, bytes: u32) -> Self {
        self.inner.spec.sector_size = bytes;
        self
    }

    /// With variables of its firmware that are in this file, and change there.
    #[must_use]
    pub fn variables(mut self, file: &Path) -> Self {
        self.inner.variables = Some(file.to_owned());
        self
    }

    /// With so many MiB of memory.
    #[must_use]
    pub fn memory(mut self, mib: u32) -> Self {
        self.inner.spec.memory = u64::from(mib) << 20;
        self
    }

    /// With more words for QEMU.
    #[must_use]
    pub fn args(mut self, words: &[&str]) -> Self {
        self.inner.spec.extra.extend(words.iter().map(|word| (*word).to_owned()));
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
        let this = self.args(&["-cpu", PROCESSOR]);
        let setup = Setup { host: &host(), accel: Accel::Tcg, stop: Arc::new(AtomicBool::new(false)) };
        let vm = imgc_qemu::Vm::start(&this.inner, setup);
        Vm::new(vm.unwrap_or_else(|error| panic!("{error}")), slot, this.patience)
    }

    /// With what is usual for this medium and bus; what was said of it before is kept.
    fn with(self, medium: Medium, bus: Option<test::Bus>) -> Self {
        let Self { inner, patience } = self;
        let old = inner.spec.clone();
        let usual = MachineSpec::new(old.firmware, medium, bus, None);
        let memory = old.memory.max(usual.memory);
        let spec = MachineSpec { memory, sector_size: old.sector_size, extra: old.extra, ..usual };
        Self { inner: imgc_qemu::Machine { spec, ..inner }, patience }
    }

    fn image(mut self, image: Image) -> Self {
        self.inner.image = Some(image);
        self
    }
}

fn host() -> Host {
    Host::find().unwrap_or_else(|error| panic!("{error}"))
}
