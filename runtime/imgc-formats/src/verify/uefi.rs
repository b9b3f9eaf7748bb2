//! What UEFI finds: applications in `/EFI/BOOT` of a FAT filesystem, whose loader is known by its sections.

use super::{
    core::Area,
    disk::{Disk, has},
    entries,
    files::Files,
    grub,
    report::{Firmware, Medium, Trail},
};
use crate::pe::{EFI_APPLICATION, Field, MACHINES, Machine, Pe, machine_name};

/// The longest application: unified kernel images have whole systems in them.
const LONGEST: u64 = 512 << 20;

/// Bytes of a symbol in the COFF symbol table, and the longest name of a section that is read.
const SYMBOL: u64 = 18;
const LONGEST_NAME: usize = 256;

/// In a kernel's header, `HdrS` (Linux, `Documentation/arch/x86/boot.rst`).
const KERNEL: (usize, &[u8]) = (0x202, b"HdrS");

/// What UEFI would do with the disk: one trail for each application, and one for each system partition that is broken.
pub(super) fn check(disk: &Disk<'_>) -> Vec<Trail> {
    let mut trails = Vec::new();
    for part in &disk.parts {
        let is_esp = part.ty == "esp";
        let mut broken = Trail::new(Firmware::Uefi(""), Medium::Disk);
        match &part.files {
            Ok(Some(files)) if files.kind == "vfat" => {
                let mut found = applications(disk, files, &part.name(), Medium::Disk, part.number, &[]);
                if let (Some(first), false, Some(_)) = (found.first_mut(), is_esp, part.number) {
                    let message = "it has applications for UEFI, but not the type of an EFI system partition: some firmware does not look there";
                    first.warning(part.name(), message, "give it `type=esp`");
                }
                if found.is_empty() && is_esp {
                    broken.unsure(part.name(), "the EFI system partition has nothing in /EFI/BOOT: only firmware that was told of a loader starts it");
                    broken.step(format!("the EFI system partition {}", part.number.unwrap_or(0)));
                    found.push(broken);
                }
                trails.extend(found);
                continue;
            }
            Ok(Some(files)) if is_esp => {
                let message = format!("the EFI system partition holds {}, and UEFI reads FAT", files.kind);
                broken.error(part.name(), message, "make it with FAT");
            }
            Ok(None) if is_esp => {
                broken.error(part.name(), "the EFI system partition holds no filesystem", "make it with FAT");
            }
            Err(why) if is_esp => broken.error(
                part.name(),
                format!("the EFI system partition is damaged: {why}"),
                "make it anew",
            ),
            _ => continue,
        }
        broken.step(part.name());
        trails.push(broken);
    }
    trails
}

/// Follows the applications that firmware finds by itself; each comes after these steps.
pub(super) fn applications(
    disk: &Disk<'_>,
    files: &Files<'_>,
    place: &str,
    medium: Medium,
    part: Option<u32>,
    before: &[String],
) -> Vec<Trail> {
    let mut trails = Vec::new();
    for machine in MACHINES {
        let path = format!("/EFI/BOOT/BOOT{}.EFI", machine.name.to_ascii_uppercase());
        if files.file(&path).is_none() {
            continue;
        }
        let mut trail = Trail::new(Firmware::Uefi(machine.name), medium);
        before.iter().for_each(|step| trail.step(step.clone()));
        Application { disk, files, place, part, machine }.follow(&path, 0, &mut trail);
        trails.push(trail);
    }
    trails
}

struct Application<'c> {
    disk: &'c Disk<'c>,
    files: &'c Files<'c>,
    place: &'c str,
    part: Option<u32>,
    machine: &'static Machine,
}

impl Application<'_> {
    fn follow(&self, path: &str, depth: usize, trail: &mut Trail) {
        let place = format!("{path} in {}", self.place);
        let Some(entry) = self.files.file(path) else {
            return trail.error(place, "it is started, and is not there", "put it there");
        };
        let bytes = match self.files.read(entry, LONGEST) {
            Ok(bytes) => bytes,
            Err(why) => return trail.error(place, format!("it {why}"), ""),
        };
        let pe = match Pe::read(&bytes[..]) {
            Ok(pe) => pe,
            Err(error) => {
                let why = error.of("efi-image", "the file").to_string();
                return trail.error(place, why, "put an EFI application there");
            }
        };
        if pe.machine() != self.machine.code {
            let message = format!(
                "it is for {}, and firmware for {} looks there",
                machine_name(pe.machine()),
                self.machine.name
            );
            trail.error(&place, message, "put the application of that architecture there");
        }
        if pe.subsystem() != EFI_APPLICATION {
            trail.error(&place, "it is a PE image, but no EFI application", "put an EFI application there");
        }
        let signed = if pe.signature.is_some() { "signed" } else { "unsigned" };
        self.kind(&pe, &bytes, &place, signed, depth, trail);
    }

    /// What it is, by its sections.
    fn kind(&self, pe: &Pe, bytes: &[u8], place: &str, signed: &str, depth: usize, trail: &mut Trail) {
        let section = |name: &str| {
            let found = pe.sections.iter().find(|section| long_name(pe, &section.name(), bytes) == name)?;
            let from = usize::try_from(found.pointer_to_raw_data).ok()?;
            let len = usize::try_from(found.size_of_raw_data).ok()?;
            bytes.get(from..from.checked_add(len)?)
        };
        if let Some(modules) = section("mods") {
            trail.step(format!("GRUB 2, {signed}, {place}"));
            match Area::find(modules) {
                Some(area) => grub::menu(self.disk, &area, platform(self.machine), self.part, trail),
                None => trail.error(place, "the modules in GRUB's image are damaged", "install GRUB again"),
            }
        } else if let Some(kernel) = section(".linux") {
            trail.step(format!("unified kernel image, {signed}, {place}"));
            let is_kernel = kernel.starts_with(b"MZ")
                || kernel.get(KERNEL.0..).is_some_and(|at| at.starts_with(KERNEL.1));
            if !is_kernel {
                trail.error(place, "its section `.linux` holds no kernel", "make the image anew");
            }
            if section(".cmdline").is_none() {
                trail.note(place, "it has no section `.cmdline`: the kernel gets only what firmware passes");
            }
        } else if section(".sdmagic").is_some() || has(bytes, b"#### LoaderInfo: systemd-boot") {
            trail.step(format!("systemd-boot, {signed}, {place}"));
            entries::check(self.disk, self.files, self.place, trail);
        } else if bytes.get(KERNEL.0..).is_some_and(|at| at.starts_with(KERNEL.1)) {
            trail.step(format!("Linux by its EFI stub, {signed}, {place}"));
            trail.note(
                place,
                "a kernel that firmware starts gets only the command line that it was built with",
            );
        } else if section(".vendor_cert").is_some() && depth == 0 {
            trail.step(format!("shim, {signed}, {place}"));
            let next = format!("/EFI/BOOT/grub{}.efi", self.machine.name);
            self.follow(&next, 1, trail);
        } else {
            trail.step(format!("an EFI application, {signed}, {place}"));
            trail.note(place, "firmware starts it; what it does, imgc does not know");
        }
    }
}

/// The name of a section: one of more than 8 bytes is `/` and its place in the string table behind the symbols (PE Format, "Section
/// Table" and "COFF String Table").
fn long_name(pe: &Pe, name: &str, bytes: &[u8]) -> String {
    let long = || {
        let at: u64 = name.strip_prefix('/')?.parse().ok()?;
        let symbols = u64::from(pe.get(Field::NumberOfSymbols)) * SYMBOL;
        let table = u64::from(pe.get(Field::PointerToSymbolTable)).checked_add(symbols)?;
        let rest = bytes.get(usize::try_from(table.checked_add(at)?).ok()?..)?;
        let end = rest.iter().take(LONGEST_NAME).position(|byte| *byte == 0)?;
        Some(String::from_utf8_lossy(&rest[..end]).into_owned())
    };
    long().unwrap_or_else(|| name.to_owned())
}

/// GRUB's word for an architecture of UEFI.
fn platform(machine: &Machine) -> &'static str {
    match machine.name {
        "x64" => "x86_64-efi",
        "ia32" => "i386-efi",
        "aa64" => "arm64-efi",
        "arm" => "arm-efi",
        "riscv64" => "riscv64-efi",
        _ => "loongarch64-efi",
    }
}
