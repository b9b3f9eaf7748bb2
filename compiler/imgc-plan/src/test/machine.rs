//! A machine as a manifest says it, and which ones QEMU can make.

use serde::Serialize;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// All of them, in the order in which they are explained.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Their words.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// Its word in a manifest and on the command line.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let found = Self::ALL.iter().copied().find(|one| one.word() == text);
                found.ok_or_else(|| format!("it is one of {}", Self::WORDS.join(", ")))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

words!(
    /// What starts a machine.
    Firmware {
        /// A PC BIOS (SeaBIOS).
        Bios = "bios",
        /// UEFI (OVMF), which asks nobody for signatures.
        Uefi = "uefi",
        /// UEFI with secure boot on and Microsoft's keys enrolled, unless variables with others are given.
        UefiSecure = "uefi-secure",
    }
);

words!(
    /// Which board a machine is.
    Chipset {
        /// i440FX with PIIX: PCI and IDE.
        Pc = "pc",
        /// Q35 with ICH9: PCI Express and SATA.
        Q35 = "q35",
    }
);

words!(
    /// What an image is to a machine.
    Medium {
        /// A hard disk.
        Disk = "disk",
        /// A CD or DVD.
        Cdrom = "cdrom",
        /// A USB stick.
        Usb = "usb",
        /// What a boot server gives by TFTP.
        Network = "network",
    }
);

words!(
    /// How a disk is attached.
    Bus {
        /// virtio-blk.
        Virtio = "virtio",
        /// NVMe.
        Nvme = "nvme",
        /// IDE: the first disk of the first channel.
        Ide = "ide",
        /// SATA: the first port of an AHCI controller.
        Sata = "sata",
        /// SCSI, at a virtio controller.
        Scsi = "scsi",
        /// USB storage, at an xHCI controller.
        Usb = "usb",
    }
);

/// How much memory a machine has unless more is asked for, in bytes: what Linux with a small initramfs takes.
const MEMORY: u64 = 512 << 20;

/// The same of a machine that starts from the network, and keeps all that it was sent.
const NETWORK_MEMORY: u64 = 1 << 30;

/// A machine on which an output is started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MachineSpec {
    /// What starts it.
    pub firmware: Firmware,
    /// Which board it is.
    pub chipset: Chipset,
    /// What the image is to it.
    pub medium: Medium,
    /// How the image is attached; without meaning for a network.
    pub bus: Bus,
    /// Memory in bytes.
    pub memory: u64,
    /// Processors.
    pub cpus: u32,
    /// Bytes in a sector of its disk: 512 or 4096.
    pub sector_size: u32,
    /// The file that a boot server names, for a network.
    pub bootfile: Option<String>,
    /// More words for QEMU.
    pub extra: Vec<String>,
}

impl MachineSpec {
    /// A machine with what is usual for its firmware and medium wherever nothing is said.
    pub fn new(firmware: Firmware, medium: Medium, bus: Option<Bus>, chipset: Option<Chipset>) -> Self {
        // IDE is on one of the boards only.
        let chipset = chipset.unwrap_or(match (firmware, bus) {
            (Firmware::Bios, _) | (Firmware::Uefi, Some(Bus::Ide)) => Chipset::Pc,
            (Firmware::Uefi | Firmware::UefiSecure, _) => Chipset::Q35,
        });
        let bus = bus.unwrap_or(match (medium, chipset) {
            (Medium::Disk | Medium::Network, _) => Bus::Virtio,
            (Medium::Cdrom, Chipset::Pc) => Bus::Ide,
            (Medium::Cdrom, Chipset::Q35) => Bus::Sata,
            (Medium::Usb, _) => Bus::Usb,
        });
        let memory = if medium == Medium::Network { NETWORK_MEMORY } else { MEMORY };
        Self {
            firmware,
            chipset,
            medium,
            bus,
            memory,
            cpus: 1,
            sector_size: 512,
            bootfile: None,
            extra: Vec::new(),
        }
    }

    /// What of it there is not: a sentence, and one that says what would do.
    ///
    /// # Errors
    /// When QEMU makes no such machine.
    pub fn check(&self) -> Result<(), (String, String)> {
        let wrong = |what: &str, help: &str| Err((what.to_owned(), help.to_owned()));
        match (self.firmware, self.chipset, self.medium, self.bus) {
            (Firmware::UefiSecure, Chipset::Pc, ..) => {
                wrong("secure boot keeps its variables in a way that only machine q35 has", "use machine=q35")
            }
            (_, _, Medium::Usb, bus) if bus != Bus::Usb => {
                wrong("a USB stick is on bus usb", "use medium=disk for a disk on another bus")
            }
            (_, _, Medium::Cdrom, Bus::Virtio | Bus::Nvme | Bus::Usb) => {
                wrong("a CD drive is on ide, sata or scsi", "leave the bus out for the usual one")
            }
            (_, Chipset::Q35, Medium::Disk | Medium::Cdrom, Bus::Ide) => {
                wrong("machine q35 has no IDE", "use bus=sata, or machine=pc")
            }
            _ => Ok(()),
        }
    }

    /// How people are told of it: what tells it from other machines.
    pub fn title(&self) -> String {
        let Self { firmware, chipset, medium, bus, .. } = self;
        let usual = Self::new(*firmware, *medium, Some(*bus), None).chipset;
        let mut words = vec![firmware.word()];
        match medium {
            Medium::Disk => words.push(bus.word()),
            Medium::Cdrom | Medium::Usb | Medium::Network => words.push(medium.word()),
        }
        if *medium == Medium::Cdrom && *bus == Bus::Scsi {
            words.push(bus.word());
        }
        if *chipset != usual {
            words.push(chipset.word());
        }
        words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_usual_can_be_made_and_has_a_title_of_its_own() {
        let mut titles = std::collections::BTreeSet::new();
        for firmware in Firmware::ALL {
            for medium in Medium::ALL {
                let machine = MachineSpec::new(*firmware, *medium, None, None);
                assert_eq!(machine.check(), Ok(()), "{machine:?}");
                assert!(titles.insert(machine.title()), "{titles:?}");
            }
        }
        let ide = MachineSpec::new(Firmware::Uefi, Medium::Disk, Some(Bus::Ide), None);
        assert_eq!((ide.chipset, ide.check()), (Chipset::Pc, Ok(())));
    }

    #[test]
    fn what_qemu_cannot_make_says_what_would_do() {
        for (firmware, medium, bus, chipset, help) in [
            (Firmware::UefiSecure, Medium::Disk, Bus::Virtio, Chipset::Pc, "q35"),
            (Firmware::Bios, Medium::Usb, Bus::Ide, Chipset::Pc, "medium=disk"),
            (Firmware::Bios, Medium::Cdrom, Bus::Nvme, Chipset::Pc, "leave the bus out"),
            (Firmware::Uefi, Medium::Disk, Bus::Ide, Chipset::Q35, "bus=sata"),
        ] {
            let machine = MachineSpec::new(firmware, medium, Some(bus), Some(chipset));
            assert!(machine.check().unwrap_err().1.contains(help), "{machine:?}");
        }
    }

    #[test]
    fn words_are_read_as_they_are_printed() {
        for bus in Bus::ALL {
            assert_eq!(bus.to_string().parse(), Ok(*bus));
        }
        assert!("floppy".parse::<Bus>().unwrap_err().contains("nvme"));
    }
}
