//! The options as their own types, and which of the family they come to.

use imgc_image::Failure;
use imgc_plan::{Data, Record, kind::OptionProblem, step::LoaderHome};

use crate::boot::{
    files::{as_problem, directory},
    options::epoch,
};

/// The words of the option `platform`.
pub const PLATFORMS: &[&str] = &["bios", "efi64"];

/// The words of the option `ui`.
pub const UIS: &[&str] = &["menu", "vesamenu", "none"];

/// What starts the loader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// A BIOS.
    Bios,
    /// UEFI on x86-64.
    Efi64,
}

/// What shows the menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ui {
    /// A text screen.
    Menu,
    /// A graphical screen.
    Vesamenu,
    /// A prompt.
    None,
}

/// Which of the family it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// From FAT on a BIOS.
    Syslinux,
    /// From ext on a BIOS.
    Extlinux,
    /// From a CD on a BIOS.
    Isolinux,
    /// From a server on a BIOS.
    Pxelinux,
    /// From FAT on UEFI.
    Efi,
    /// From a server on UEFI.
    EfiNetwork,
}

/// The options, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What starts the loader.
    pub platform: Platform,
    /// What shows the menu.
    pub ui: Ui,
    /// Where its files lie if it is said, without a `/` at the end; empty for the root.
    pub directory: Option<String>,
    /// More modules, by their names without ending.
    pub modules: Vec<String>,
    /// Whether sector 0 gets its code.
    pub mbr: bool,
    /// The time of its files, in seconds since 1970.
    pub epoch: i64,
}

impl Options {
    /// Reads a record that has every option with its default.
    ///
    /// # Errors
    /// Everything that cannot be, at once.
    pub fn read(record: &Record) -> Result<Self, Vec<OptionProblem>> {
        let mut problems = Vec::new();
        let text = |name: &str| record.get(name).and_then(Data::as_text);
        let platform = if text("platform") == Some("efi64") { Platform::Efi64 } else { Platform::Bios };
        let ui = match text("ui") {
            Some("none") => Ui::None,
            Some("vesamenu") => Ui::Vesamenu,
            _ => Ui::Menu,
        };
        let directory = text("directory")
            .and_then(|text| directory("directory", text).map_err(|p| problems.push(p)).ok());
        let listed = record.get("modules").and_then(Data::as_list).unwrap_or_default();
        let modules: Vec<String> = listed.iter().filter_map(Data::as_text).map(str::to_owned).collect();
        for name in modules.iter().filter(|name| !is_module_name(name)) {
            problems.push(OptionProblem {
                option: Some("modules"),
                message: format!("`{name}` cannot be the name of a SYSLINUX module"),
                help: Some("names without path and ending, such as `hdt`".to_owned()),
            });
        }
        let mbr = !matches!(record.get("mbr"), Some(Data::Bool(false)));
        let epoch = epoch(record);
        if problems.is_empty() {
            Ok(Self { platform, ui, directory, modules, mbr, epoch })
        } else {
            Err(problems)
        }
    }

    /// As [`Options::read`], for a step: there the options were checked before.
    ///
    /// # Errors
    /// As [`Options::read`].
    pub fn for_step(record: &Record) -> Result<Self, Failure> {
        Self::read(record).map_err(|found| Failure::Problems(found.into_iter().map(as_problem).collect()))
    }

    /// Which of the family it is there, for a step.
    ///
    /// # Errors
    /// When there is none for that filesystem.
    pub fn variant(&self, home: &LoaderHome) -> Result<Variant, Failure> {
        Variant::of(self.platform, home).map_err(|problem| as_problem(problem).into())
    }

    /// Where its files lie, without a `/` at the end; empty for the root.
    pub fn directory(&self, variant: Variant) -> &str {
        self.directory.as_deref().unwrap_or(match variant {
            Variant::Syslinux | Variant::Extlinux | Variant::Isolinux => "/boot/syslinux",
            Variant::Efi => "/EFI/BOOT",
            Variant::Pxelinux | Variant::EfiNetwork => "",
        })
    }
}

impl Variant {
    /// Which of the family reads this home.
    ///
    /// # Errors
    /// When there is none for that filesystem.
    pub fn of(platform: Platform, home: &LoaderHome) -> Result<Self, OptionProblem> {
        let Some(own) = home.own() else {
            return Ok(match platform {
                Platform::Bios => Self::Pxelinux,
                Platform::Efi64 => Self::EfiNetwork,
            });
        };
        let (message, help) = match (platform, own.filesystem.as_str()) {
            (Platform::Bios, "vfat") => return Ok(Self::Syslinux),
            (Platform::Bios, "ext2" | "ext3" | "ext4") => return Ok(Self::Extlinux),
            (Platform::Bios, "iso9660") => return Ok(Self::Isolinux),
            (Platform::Efi64, "vfat") => return Ok(Self::Efi),
            (Platform::Bios, other) => (
                format!("SYSLINUX cannot read `{other}`"),
                "it reads `vfat`, `ext2`, `ext3`, `ext4` and `iso9660`",
            ),
            (Platform::Efi64, other) => (
                format!("firmware starts SYSLINUX for UEFI from `vfat` only, not from `{other}`"),
                "give it the partition in which firmware looks; its kernels must lie there, too",
            ),
        };
        Err(OptionProblem { option: Some("partition"), message, help: Some(help.to_owned()) })
    }

    /// Whether bytes of the disk are changed when it is installed.
    pub fn is_stamped(self) -> bool {
        matches!(self, Self::Syslinux | Self::Extlinux | Self::Isolinux)
    }

    /// Whether UEFI starts it.
    pub fn is_efi(self) -> bool {
        matches!(self, Self::Efi | Self::EfiNetwork)
    }

    /// Whether it reads from a server.
    pub fn is_network(self) -> bool {
        matches!(self, Self::Pxelinux | Self::EfiNetwork)
    }

    /// The directory of its modules in packages.
    pub fn modules(self) -> &'static str {
        if self.is_efi() { "efi64" } else { "bios" }
    }

    /// Its configuration, relative to its directory.
    pub fn config(self) -> &'static str {
        match self {
            Self::Syslinux | Self::Efi => "syslinux.cfg",
            Self::Extlinux => "extlinux.conf",
            Self::Isolinux => "isolinux.cfg",
            Self::Pxelinux | Self::EfiNetwork => "pxelinux.cfg/default",
        }
    }
}

fn is_module_name(name: &str) -> bool {
    let ok = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    !name.is_empty() && name.len() <= 64 && !name.starts_with('-') && name.bytes().all(ok)
}

/// A path as the configuration has it: absolute, but on a network relative to a directory that is the top of the tree, so that a
/// server may keep the tree below another directory.
pub fn config_path(variant: Variant, directory: &str, path: &str) -> String {
    let relative = variant.is_network() && directory.is_empty();
    if relative { path.trim_start_matches('/').to_owned() } else { path.to_owned() }
}
