//! What is told of things that are not installed: where they are packaged.

use std::path::Path;

use imgc_plan::test::Firmware;

use crate::Error;

/// QEMU.
pub fn qemu() -> Error {
    Error::Missing {
        what: "QEMU (qemu-system-x86_64)".into(),
        help: "install it: Debian and Ubuntu: apt install qemu-system-x86; Fedora: dnf install qemu-system-x86-core; \
               Arch: pacman -S qemu-system-x86; Homebrew: brew install qemu; or give its path in IMGC_QEMU"
            .into(),
    }
}

/// Firmware.
pub fn ovmf(firmware: Firmware) -> Error {
    let override_help = "or give the paths of its two files in IMGC_OVMF_CODE and IMGC_OVMF_VARS";
    match firmware {
        Firmware::UefiSecure => Error::Missing {
            what: "UEFI firmware with secure boot and enrolled keys (OVMF)".into(),
            help: format!(
                "install it: Debian and Ubuntu: apt install ovmf; Fedora: dnf install edk2-ovmf; Arch and Homebrew \
                 package none with enrolled keys; {override_help}"
            ),
        },
        Firmware::Bios | Firmware::Uefi => Error::Missing {
            what: "UEFI firmware (OVMF)".into(),
            help: format!(
                "install it: Debian and Ubuntu: apt install ovmf; Fedora: dnf install edk2-ovmf; Arch: pacman -S \
                 edk2-ovmf; Homebrew: it comes with brew install qemu; {override_help}"
            ),
        },
    }
}

/// A file that a variable of the environment names.
pub fn named(variable: &str, path: &Path) -> Error {
    Error::Missing {
        what: format!("{}, which {variable} names,", path.display()),
        help: format!("correct {variable}, or unset it so that the usual places are searched"),
    }
}
