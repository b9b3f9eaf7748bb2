//! Menu entries as files of type 1 (Boot Loader Specification), their order, and what cannot be one.

use std::collections::BTreeSet;

use imgc_plan::{
    kind::OptionProblem,
    menu::{BootAction, Menu, MenuEntry},
};

use super::options::Options;
use crate::boot::start::default_index;

/// A file in `loader/entries`.
#[derive(Debug, PartialEq, Eq)]
pub struct File {
    /// Its name.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// How systemd-boot finds what starts by itself.
#[derive(Debug, PartialEq, Eq)]
pub enum Start<'m> {
    /// It is the first in the menu's order.
    First,
    /// It is named in `loader.conf`; nothing counts its tries.
    Named(&'m str),
    /// The menu begins with it: a name in `loader.conf` would be started also without a try left.
    Counted,
}

/// How a menu starts.
pub fn start(menu: &Menu) -> Start<'_> {
    if menu.entries.iter().any(|entry| entry.tries.is_some()) {
        return Start::Counted;
    }
    match &menu.default {
        Some(name) if menu.entries.first().is_none_or(|entry| entry.name != *name) => Start::Named(name),
        _ => Start::First,
    }
}

/// Renders the entries of a menu in which [`check`] finds nothing.
pub fn render(options: &Options, menu: &Menu) -> Vec<File> {
    let mut entries: Vec<&MenuEntry> = menu.entries.iter().collect();
    if start(menu) == Start::Counted {
        // What comes after the default is what it falls back to, so what stands before it goes to the end.
        entries.rotate_left(default_index(menu).unwrap_or(0));
    }
    entries.iter().enumerate().map(|(place, entry)| file(options, place, entry)).collect()
}

fn file(options: &Options, place: usize, entry: &MenuEntry) -> File {
    let name = match entry.tries {
        None => format!("{}.conf", entry.name),
        Some(tries) => format!("{}+{tries}.conf", entry.name),
    };
    // Keys are compared before versions and names, so the menu's order is kept whatever those are.
    let mut lines = vec![("title", entry.title.clone())];
    lines.extend(entry.version.clone().map(|version| ("version", version)));
    lines.push(("sort-key", format!("{place:03}")));
    lines.push(("architecture", options.arch.to_owned()));
    for action in &entry.actions {
        match action {
            BootAction::Linux { path, args } => lines.extend(command("linux", path, args)),
            BootAction::Chainload { path, args } => lines.extend(command("efi", path, args)),
            BootAction::Initrd { paths } => lines.extend(paths.iter().map(|path| ("initrd", path.clone()))),
            BootAction::DeviceTree { path } => lines.push(("devicetree", path.clone())),
            // Refused by `check`.
            BootAction::Multiboot { .. }
            | BootAction::Multiboot2 { .. }
            | BootAction::Module { .. }
            | BootAction::Exit
            | BootAction::FirmwareSetup
            | BootAction::Reboot
            | BootAction::PowerOff => {}
        }
    }
    let text = lines.iter().map(|(key, value)| format!("{key} {value}\n")).collect();
    File { name, text }
}

fn command(key: &'static str, path: &str, args: &str) -> Vec<(&'static str, String)> {
    let options = (!args.is_empty()).then(|| ("options", args.to_owned()));
    std::iter::once((key, path.to_owned())).chain(options).collect()
}

/// What systemd-boot cannot express of a menu, with the index of the entry.
pub fn check(options: &Options, menu: &Menu) -> Vec<(usize, OptionProblem)> {
    let mut found = Vec::new();
    let mut names = BTreeSet::new();
    for (index, entry) in menu.entries.iter().enumerate() {
        let mut problems = check_entry(entry);
        if !names.insert(entry.name.to_ascii_lowercase()) {
            let message = format!("another entry has the name `{}`, but for the case of letters", entry.name);
            problems
                .push(problem(message, Some("entries are files on a FAT filesystem: give it another name")));
        }
        if options.remember && entry.tries.is_some() {
            let message = "an entry that is remembered is started also when none of its tries is left";
            problems
                .push(problem(message.to_owned(), Some("leave out `remember` of the loader, or `tries`")));
        }
        found.extend(problems.into_iter().map(|problem| (index, problem)));
    }
    found
}

fn check_entry(entry: &MenuEntry) -> Vec<OptionProblem> {
    let mut found = Vec::new();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if entry.name.is_empty() || !entry.name.chars().all(plain) {
        found.push(problem(format!("`{}` cannot be the name of an entry's file", entry.name), None));
    }
    check_value("the title", &entry.title, &mut found);
    if let Some(version) = &entry.version {
        check_value("the version", version, &mut found);
    }
    if !entry.entries.is_empty() {
        found.push(problem(
            "systemd-boot has no submenus".to_owned(),
            Some("put the entries into the menu itself"),
        ));
        return found;
    }
    let (mut starts, mut initrds, mut trees) = (0, 0, 0);
    for action in &entry.actions {
        match action {
            BootAction::Linux { path, args } | BootAction::Chainload { path, args } => {
                starts += 1;
                check_path(path, &mut found);
                if !args.is_empty() {
                    check_value("the command line", args, &mut found);
                }
            }
            BootAction::Initrd { paths } => {
                initrds += 1;
                paths.iter().for_each(|path| check_initrd(path, &mut found));
            }
            BootAction::DeviceTree { path } => {
                trees += 1;
                check_path(path, &mut found);
            }
            other => found.push(inexpressible(other)),
        }
    }
    let kernel = entry.actions.iter().any(|action| matches!(action, BootAction::Linux { .. }));
    if starts > 1 {
        found.push(problem("an entry starts one thing, and this one starts more".to_owned(), None));
    } else if starts == 0 && found.is_empty() {
        found.push(problem(
            "this entry starts nothing".to_owned(),
            Some("put `linux` or `chainload` into it"),
        ));
    }
    if !kernel && starts == 1 && (initrds > 0 || trees > 0) {
        found.push(problem(
            "an initrd and a device tree are loaded beside a Linux kernel only".to_owned(),
            None,
        ));
    }
    if trees > 1 {
        found.push(problem("a Linux kernel is given one device tree".to_owned(), None));
    }
    found
}

/// What an action is that is neither a Linux kernel nor an EFI application.
fn inexpressible(action: &BootAction) -> OptionProblem {
    let (what, help) = match action {
        BootAction::Multiboot { .. } | BootAction::Multiboot2 { .. } | BootAction::Module { .. } => {
            ("start Multiboot kernels", "start GRUB by `chainload`, or use GRUB as the loader")
        }
        BootAction::FirmwareSetup => (
            "enter the firmware's settings by an entry of its own",
            "it shows one by itself: `auto-firmware=#true`",
        ),
        BootAction::Exit => {
            ("go back to the firmware by an entry", "take the entry out: the key Q of its menu does it")
        }
        _ => (
            "switch the machine off or start it anew by an entry",
            "take the entry out: its menu has keys for it",
        ),
    };
    problem(format!("systemd-boot cannot {what}"), Some(help))
}

fn check_initrd(path: &str, found: &mut Vec<OptionProblem>) {
    check_path(path, found);
    if path.contains(char::is_whitespace) {
        let message =
            format!("systemd-boot puts `{path}` on the kernel's command line, where a space ends it");
        found.push(problem(message, Some("rename the file")));
    }
}

fn check_path(path: &str, found: &mut Vec<OptionProblem>) {
    if !path.starts_with('/') || path.ends_with('/') || path.contains('\\') {
        let help = "paths in a menu lie in the loader's partition and start with `/`";
        found.push(problem(format!("`{path}` is not the absolute path of a file"), Some(help)));
    }
    check_value("a path", path, found);
}

/// A line is a key, spaces and a value without spaces around it; quotes around the whole value are taken off.
fn check_value(what: &str, text: &str, found: &mut Vec<OptionProblem>) {
    if text.is_empty() || text.trim() != text {
        found.push(problem(format!("{what} is empty, or has spaces around it"), None));
    }
    if text.contains(char::is_control) {
        found.push(problem(format!("{what} has control characters in it"), None));
    }
    if text.len() > 1 && text.starts_with('"') && text.ends_with('"') {
        let message = format!("systemd-boot takes the quotes around {what} off: `{text}`");
        found.push(problem(message, Some("put something before or behind them")));
    }
}

fn problem(message: String, help: Option<&str>) -> OptionProblem {
    OptionProblem { option: None, message, help: help.map(str::to_owned) }
}
