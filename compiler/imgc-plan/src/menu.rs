//! A boot menu, neutral of the loader: each loader renders it in its own form and says what it cannot express.

use serde::Serialize;

use crate::digest::{Canon, Canonical};

/// A boot menu.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Menu {
    /// How long the menu waits, in milliseconds; `None` waits for ever, 0 does not show it.
    pub timeout: Option<u64>,
    /// The name of the entry that starts by itself; the first when `None`.
    pub default: Option<String>,
    /// Where the menu shows itself and takes keys, in order.
    pub consoles: Vec<Console>,
    /// The entries, in the order in which they are shown.
    pub entries: Vec<MenuEntry>,
}

/// Where a menu shows itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Console {
    /// The firmware's screen and keyboard.
    Screen,
    /// The first serial port.
    Serial {
        /// Bits per second.
        speed: u32,
    },
}

/// One entry of a boot menu: it does something, or holds a menu of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MenuEntry {
    /// Its name in the manifest.
    pub name: String,
    /// What the menu shows.
    pub title: String,
    /// The version of what it starts, for loaders that sort or show it.
    pub version: Option<String>,
    /// How often it may be started before the started system must have said that it is good. When none is left, the entry is
    /// passed over, and the next one in the menu's order starts by itself.
    pub tries: Option<u32>,
    /// What it does, in order; nothing for a submenu.
    pub actions: Vec<BootAction>,
    /// The entries of a submenu; none for an entry that does something.
    pub entries: Vec<MenuEntry>,
}

/// One thing that a menu entry does. Paths lie in the partition that the loader belongs to and start with `/`;
/// `args` is the command line after the path: words with single spaces between them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "action")]
pub enum BootAction {
    /// Loads a kernel by the Multiboot specification 0.6.96.
    Multiboot {
        /// The kernel.
        path: String,
        /// Its command line.
        args: String,
    },
    /// Loads a kernel by the Multiboot2 specification 2.0.
    Multiboot2 {
        /// The kernel.
        path: String,
        /// Its command line.
        args: String,
    },
    /// Loads a module beside a multiboot kernel.
    Module {
        /// The file.
        path: String,
        /// Its command line.
        args: String,
    },
    /// Loads a Linux kernel.
    Linux {
        /// The kernel.
        path: String,
        /// Its command line.
        args: String,
    },
    /// Loads initial RAM disks beside a Linux kernel, one after the other.
    Initrd {
        /// The files.
        paths: Vec<String>,
    },
    /// Starts another loader: a boot sector or an EFI image.
    Chainload {
        /// The file.
        path: String,
        /// Its command line.
        args: String,
    },
    /// Hands a device tree (DTB) to a Linux kernel.
    DeviceTree {
        /// The file.
        path: String,
    },
    /// Goes back to the firmware, which tries its next device.
    Exit,
    /// Enters the firmware's own settings.
    FirmwareSetup,
    /// Starts the machine anew.
    Reboot,
    /// Switches the machine off.
    PowerOff,
}

impl BootAction {
    fn args_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Multiboot { args, .. }
            | Self::Multiboot2 { args, .. }
            | Self::Module { args, .. }
            | Self::Linux { args, .. }
            | Self::Chainload { args, .. } => Some(args),
            _ => None,
        }
    }

    /// The files that this action reads.
    pub fn paths(&self) -> Vec<&str> {
        match self {
            Self::Multiboot { path, .. }
            | Self::Multiboot2 { path, .. }
            | Self::Module { path, .. }
            | Self::Linux { path, .. }
            | Self::Chainload { path, .. }
            | Self::DeviceTree { path } => vec![path],
            Self::Initrd { paths } => paths.iter().map(String::as_str).collect(),
            Self::Exit | Self::FirmwareSetup | Self::Reboot | Self::PowerOff => Vec::new(),
        }
    }

    /// The file that this action starts, or makes ready to be started.
    pub fn program(&self) -> Option<&str> {
        match self {
            Self::Multiboot { path, .. }
            | Self::Multiboot2 { path, .. }
            | Self::Linux { path, .. }
            | Self::Chainload { path, .. } => Some(path),
            Self::Module { .. }
            | Self::Initrd { .. }
            | Self::DeviceTree { .. }
            | Self::Exit
            | Self::FirmwareSetup
            | Self::Reboot
            | Self::PowerOff => None,
        }
    }
}

impl Menu {
    /// Its texts that may hold marks ([`crate::late`]): the arguments of what its entries start.
    pub fn args_mut(&mut self) -> Vec<&mut String> {
        fn of<'m>(entry: &'m mut MenuEntry, out: &mut Vec<&'m mut String>) {
            out.extend(entry.actions.iter_mut().filter_map(BootAction::args_mut));
            entry.entries.iter_mut().for_each(|inner| of(inner, out));
        }
        let mut out = Vec::new();
        self.entries.iter_mut().for_each(|entry| of(entry, &mut out));
        out
    }

    /// The files that its entries read, each with the index of the entry (of the outermost menu) that reads it.
    pub fn paths(&self) -> Vec<(usize, &str)> {
        self.each(&|action| action.paths())
    }

    /// The files that its entries start, as [`Menu::paths`].
    pub fn programs(&self) -> Vec<(usize, &str)> {
        self.each(&|action| action.program().into_iter().collect())
    }

    fn each<'m>(&'m self, paths: &dyn Fn(&'m BootAction) -> Vec<&'m str>) -> Vec<(usize, &'m str)> {
        fn of<'m>(
            entry: &'m MenuEntry,
            index: usize,
            paths: &dyn Fn(&'m BootAction) -> Vec<&'m str>,
            out: &mut Vec<(usize, &'m str)>,
        ) {
            out.extend(entry.actions.iter().flat_map(paths).map(|path| (index, path)));
            entry.entries.iter().for_each(|inner| of(inner, index, paths, out));
        }
        let mut out = Vec::new();
        self.entries.iter().enumerate().for_each(|(index, entry)| of(entry, index, paths, &mut out));
        out
    }
}

impl Canonical for Menu {
    fn canon(&self, c: &mut Canon) {
        let Self { timeout, default, consoles, entries } = self;
        c.add(timeout).add(default).add(consoles).add(entries);
    }
}

impl Canonical for Console {
    fn canon(&self, c: &mut Canon) {
        match self {
            Self::Screen => c.text("screen"),
            Self::Serial { speed } => c.text("serial").add(speed),
        };
    }
}

impl Canonical for MenuEntry {
    fn canon(&self, c: &mut Canon) {
        let Self { name, title, version, tries, actions, entries } = self;
        c.text(name).text(title).add(version).add(tries).add(actions).add(entries);
    }
}

impl Canonical for BootAction {
    fn canon(&self, c: &mut Canon) {
        match self {
            Self::Multiboot { path, args } => c.text("multiboot").text(path).text(args),
            Self::Multiboot2 { path, args } => c.text("multiboot2").text(path).text(args),
            Self::Module { path, args } => c.text("module").text(path).text(args),
            Self::Linux { path, args } => c.text("linux").text(path).text(args),
            Self::Initrd { paths } => c.text("initrd").add(paths),
            Self::Chainload { path, args } => c.text("chainload").text(path).text(args),
            Self::DeviceTree { path } => c.text("devicetree").text(path),
            Self::Exit => c.text("exit"),
            Self::FirmwareSetup => c.text("firmware-setup"),
            Self::Reboot => c.text("reboot"),
            Self::PowerOff => c.text("power-off"),
        };
    }
}
