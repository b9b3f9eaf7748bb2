//! What starts GRUB, in GRUB's own words.

/// The words of the option `platform`.
pub const PLATFORMS: &[&str] = &["i386-pc", "i386-pc-pxe", "x86_64-efi", "i386-efi", "arm64-efi"];

/// What starts GRUB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// A BIOS, from a disk or a CD.
    I386Pc,
    /// A BIOS, over a network.
    I386PcPxe,
    /// UEFI on 64-bit x86.
    X8664Efi,
    /// UEFI of 32 bits on x86.
    I386Efi,
    /// UEFI on 64-bit ARM.
    Arm64Efi,
}

impl Platform {
    /// The platform of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::I386Pc, Self::I386PcPxe, Self::X8664Efi, Self::I386Efi, Self::Arm64Efi]
            .into_iter()
            .find(|platform| platform.name() == name)
    }

    /// GRUB's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::I386Pc => "i386-pc",
            Self::I386PcPxe => "i386-pc-pxe",
            Self::X8664Efi => "x86_64-efi",
            Self::I386Efi => "i386-efi",
            Self::Arm64Efi => "arm64-efi",
        }
    }

    /// The name of the directory that holds its modules.
    pub fn directory(self) -> &'static str {
        if self == Self::I386PcPxe { "i386-pc" } else { self.name() }
    }

    /// Debian's package with its files.
    pub fn package(self) -> &'static str {
        match self {
            Self::I386Pc | Self::I386PcPxe => "grub-pc-bin",
            Self::X8664Efi => "grub-efi-amd64-bin",
            Self::I386Efi => "grub-efi-ia32-bin",
            Self::Arm64Efi => "grub-efi-arm64-bin",
        }
    }

    /// Whether its firmware is UEFI, which starts files of a FAT filesystem.
    pub fn is_efi(self) -> bool {
        self.removable().is_some()
    }

    /// The file that UEFI starts when nothing names another (UEFI 2.10, section 3.5.1.1).
    pub fn removable(self) -> Option<&'static str> {
        match self {
            Self::I386Pc | Self::I386PcPxe => None,
            Self::X8664Efi => Some("/EFI/BOOT/BOOTX64.EFI"),
            Self::I386Efi => Some("/EFI/BOOT/BOOTIA32.EFI"),
            Self::Arm64Efi => Some("/EFI/BOOT/BOOTAA64.EFI"),
        }
    }

    /// The architecture in UEFI's words, as in the names of signed images; the firmware of a BIOS has none.
    pub fn efi_arch(self) -> Option<&'static str> {
        match self {
            Self::I386Pc | Self::I386PcPxe => None,
            Self::X8664Efi => Some("x64"),
            Self::I386Efi => Some("ia32"),
            Self::Arm64Efi => Some("aa64"),
        }
    }

    /// The module that reads disks through a BIOS; for UEFI the kernel does it.
    pub fn disk_module(self) -> Option<&'static str> {
        (!self.is_efi()).then_some("biosdisk")
    }
}
