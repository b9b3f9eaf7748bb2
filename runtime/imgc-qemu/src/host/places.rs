//! Where systems keep QEMU and OVMF. The first that is there is taken.

use std::path::{Path, PathBuf};

use imgc_plan::test::Firmware;

use super::{Flash, prefix};

/// QEMU outside of the search path.
pub const PROGRAMS: &[&str] = &[
    "/opt/homebrew/bin/qemu-system-x86_64",
    "/usr/local/bin/qemu-system-x86_64",
    "/opt/local/bin/qemu-system-x86_64",
    "C:\\Program Files\\qemu\\qemu-system-x86_64.exe",
];

/// Plain UEFI: code and variables.
const UEFI: &[(&str, &str)] = &[
    // Debian and Ubuntu.
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
    // Fedora.
    ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
    // Arch, now and before 2024.
    ("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),
    ("/usr/share/edk2-ovmf/x64/OVMF_CODE.fd", "/usr/share/edk2-ovmf/x64/OVMF_VARS.fd"),
    // Gentoo.
    ("/usr/share/edk2-ovmf/OVMF_CODE.fd", "/usr/share/edk2-ovmf/OVMF_VARS.fd"),
    // openSUSE.
    ("/usr/share/qemu/ovmf-x86_64-code.bin", "/usr/share/qemu/ovmf-x86_64-vars.bin"),
];

/// UEFI with secure boot and Microsoft's keys enrolled.
const SECURE: &[(&str, &str)] = &[
    // Debian and Ubuntu.
    ("/usr/share/OVMF/OVMF_CODE_4M.secboot.fd", "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"),
    ("/usr/share/OVMF/OVMF_CODE.secboot.fd", "/usr/share/OVMF/OVMF_VARS.ms.fd"),
    // Fedora.
    ("/usr/share/edk2/ovmf/OVMF_CODE.secboot.fd", "/usr/share/edk2/ovmf/OVMF_VARS.secboot.fd"),
    // openSUSE.
    ("/usr/share/qemu/ovmf-x86_64-smm-ms-code.bin", "/usr/share/qemu/ovmf-x86_64-smm-ms-vars.bin"),
];

/// What QEMU's own builds bring, below their prefix. The variables are the same for 32 and 64 bits.
const BROUGHT: (&str, &str) = ("edk2-x86_64-code.fd", "edk2-i386-vars.fd");

/// Where a firmware can be, the likeliest first.
pub fn flashes(qemu: &Path, firmware: Firmware) -> Vec<Flash> {
    let secure = firmware == Firmware::UefiSecure;
    let known = if secure { SECURE } else { UEFI };
    let mut found: Vec<Flash> = known
        .iter()
        .map(|(code, variables)| Flash { code: PathBuf::from(code), variables: PathBuf::from(variables) })
        .collect();
    if !secure {
        let beside =
            prefix(qemu).into_iter().flat_map(|prefix| [prefix.join("share/qemu"), prefix.join("share")]);
        // On Windows the data lie beside the program.
        let beside = beside.chain(qemu.parent().map(|dir| dir.join("share")));
        found.extend(beside.map(|dir| Flash { code: dir.join(BROUGHT.0), variables: dir.join(BROUGHT.1) }));
    }
    found
}
