//! What of a neutral menu GRUB cannot express.

use imgc_plan::{
    kind::OptionProblem,
    menu::{BootAction, Menu, MenuEntry},
};

use super::{platform::Platform, quote::words};
use crate::boot::start::check_each;

/// What an entry has loaded so far.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Loaded {
    Nothing,
    Multiboot,
    Linux,
    LinuxWithInitrd,
    Chain,
}

/// Everything that cannot be, each with the index of its outermost entry.
pub fn check(menu: &Menu, platform: Platform) -> Vec<(usize, OptionProblem)> {
    check_each(menu, |entry, found| check_entry(entry, platform, found))
}

fn check_entry(entry: &MenuEntry, platform: Platform, found: &mut Vec<OptionProblem>) {
    check_names(entry, found);
    if entry.entries.is_empty() {
        check_actions(entry, platform, found);
    }
    entry.entries.iter().for_each(|inner| check_entry(inner, platform, found));
}

fn check_names(entry: &MenuEntry, found: &mut Vec<OptionProblem>) {
    let version = entry.version.as_ref();
    check_text("version", version.map_or("", String::as_str), found);
    for (what, text) in [("name", &entry.name), ("title", &entry.title)] {
        if text.trim().is_empty() {
            found.push(problem(format!("the {what} of a GRUB entry cannot be empty"), None));
        } else if text.starts_with('-') {
            let message = format!("GRUB would take the {what} `{text}` for an option of the entry");
            found.push(problem(message, Some("let it start with anything but `-`")));
        }
        check_text(what, text, found);
    }
}

fn check_text(what: &str, text: &str, found: &mut Vec<OptionProblem>) {
    if text.chars().any(char::is_control) {
        found.push(problem(format!("the {what} of a GRUB entry cannot hold control characters"), None));
    }
}

fn check_actions(entry: &MenuEntry, platform: Platform, found: &mut Vec<OptionProblem>) {
    let mut loaded = Loaded::Nothing;
    for action in &entry.actions {
        action.paths().into_iter().for_each(|path| check_path(path, found));
        loaded = match action {
            BootAction::Multiboot { args, .. } | BootAction::Multiboot2 { args, .. } => {
                check_args(args, found);
                if platform == Platform::Arm64Efi {
                    found.push(problem("GRUB for ARM knows no multiboot kernels".to_owned(), None));
                }
                first(loaded, Loaded::Multiboot, found)
            }
            BootAction::Linux { args, .. } => {
                check_args(args, found);
                first(loaded, Loaded::Linux, found)
            }
            BootAction::Chainload { args, .. } => {
                check_args(args, found);
                if !args.is_empty() && !platform.is_efi() {
                    let message = "a boot sector cannot be given a command line".to_owned();
                    found.push(problem(message, Some("leave the words after the path out")));
                }
                first(loaded, Loaded::Chain, found)
            }
            BootAction::Module { args, .. } => {
                check_args(args, found);
                if loaded != Loaded::Multiboot {
                    let message = "a module is loaded beside a multiboot kernel, and there is none before it"
                        .to_owned();
                    found.push(problem(message, Some("put `multiboot` or `multiboot2` before it")));
                }
                loaded
            }
            BootAction::Initrd { paths } => check_initrd(paths, loaded, found),
            BootAction::DeviceTree { .. } => check_device_tree(platform, loaded, found),
            BootAction::FirmwareSetup if !platform.is_efi() => {
                let message = "GRUB for a BIOS cannot enter the firmware's settings".to_owned();
                found.push(problem(message, None));
                loaded
            }
            BootAction::FirmwareSetup | BootAction::Exit | BootAction::Reboot | BootAction::PowerOff => {
                first(loaded, Loaded::Chain, found)
            }
        };
    }
    if loaded == Loaded::Nothing && found.is_empty() {
        let message = format!("the entry `{}` starts nothing", entry.name);
        found.push(problem(message, Some("give it `linux`, `multiboot`, `multiboot2` or `chainload`")));
    }
}

fn check_device_tree(platform: Platform, loaded: Loaded, found: &mut Vec<OptionProblem>) -> Loaded {
    if platform != Platform::Arm64Efi {
        let message = format!("GRUB for `{}` knows no device trees", platform.name());
        found.push(problem(message, None));
    } else if !matches!(loaded, Loaded::Linux | Loaded::LinuxWithInitrd) {
        let message = "a device tree is handed to a Linux kernel, and there is none before it".to_owned();
        found.push(problem(message, Some("put `linux` before it")));
    }
    loaded
}

/// An entry starts one thing: GRUB would forget the first silently.
fn first(loaded: Loaded, now: Loaded, found: &mut Vec<OptionProblem>) -> Loaded {
    if loaded != Loaded::Nothing {
        found
            .push(problem("an entry starts one kernel or loader, and this one starts more".to_owned(), None));
    }
    now
}

fn check_initrd(paths: &[String], loaded: Loaded, found: &mut Vec<OptionProblem>) -> Loaded {
    if paths.is_empty() {
        found.push(problem("`initrd` names no file".to_owned(), None));
    }
    match loaded {
        Loaded::Linux => {}
        Loaded::LinuxWithInitrd => {
            let message = "a second `initrd` takes the place of the first in GRUB".to_owned();
            found.push(problem(message, Some("name all files in one `initrd`")));
        }
        _ => {
            let message = "an initrd is loaded beside a Linux kernel, and there is none before it".to_owned();
            found.push(problem(message, Some("put `linux` before it")));
        }
    }
    Loaded::LinuxWithInitrd
}

fn check_path(path: &str, found: &mut Vec<OptionProblem>) {
    if !path.starts_with('/') || path.ends_with('/') {
        let message = format!("`{path}` is not the absolute path of a file");
        found
            .push(problem(message, Some("paths in a menu lie in the loader's partition and start with `/`")));
    }
    check_text("paths", path, found);
}

/// GRUB puts a backslash before these characters when it joins the words for the kernel (measured with GRUB 2.06).
fn check_args(args: &str, found: &mut Vec<OptionProblem>) {
    check_text("command line", args, found);
    match words(args) {
        Err(_) => {
            let message = format!("a double quote in `{args}` has no partner");
            found.push(problem(message, None));
        }
        Ok(words) if words.iter().any(|word| word.contains(['\'', '\\'])) => {
            let message = format!("GRUB cannot pass `'` and `\\` unaltered to a kernel: `{args}`");
            found.push(problem(message, Some("double quotes hold spaces together")));
        }
        Ok(_) => {}
    }
}

fn problem(message: String, help: Option<&str>) -> OptionProblem {
    OptionProblem { option: None, message, help: help.map(str::to_owned) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(actions: Vec<BootAction>) -> Vec<String> {
        let entry = MenuEntry { name: "a".into(), title: "A".into(), actions, ..MenuEntry::default() };
        let menu = Menu { timeout: None, default: None, consoles: vec![], entries: vec![entry] };
        check(&menu, Platform::I386Pc).into_iter().map(|(_, problem)| problem.message).collect()
    }

    fn linux(path: &str, args: &str) -> BootAction {
        BootAction::Linux { path: path.into(), args: args.into() }
    }

    fn initrd(paths: &[&str]) -> BootAction {
        BootAction::Initrd { paths: paths.iter().map(|path| (*path).to_owned()).collect() }
    }

    #[test]
    fn what_grub_can_do_passes() {
        assert!(found(vec![linux("/k", "a=\"b c\" $(x)"), initrd(&["/a", "/b"])]).is_empty());
        let module = BootAction::Module { path: "/m".into(), args: "${x}".into() };
        assert!(
            found(vec![BootAction::Multiboot2 { path: "/k".into(), args: String::new() }, module]).is_empty()
        );
    }

    #[test]
    fn what_it_cannot_do_is_named() {
        for (actions, part) in [
            (vec![], "starts nothing"),
            (vec![linux("boot/k", "")], "absolute path"),
            (vec![linux("", "")], "absolute path"),
            (vec![linux("/k\n}", "")], "control characters"),
            (vec![linux("/k", "a \"b")], "no partner"),
            (vec![linux("/k", "it's")], "unaltered"),
            (vec![linux("/k", "a\\x20b")], "unaltered"),
            (vec![linux("/k", ""), linux("/l", "")], "starts more"),
            (vec![initrd(&["/i"])], "none before it"),
            (vec![linux("/k", ""), initrd(&[])], "names no file"),
            (vec![linux("/k", ""), initrd(&["/i"]), initrd(&["/j"])], "second `initrd`"),
            (vec![BootAction::Module { path: "/m".into(), args: String::new() }], "none before it"),
            (vec![BootAction::Chainload { path: "/b".into(), args: "x".into() }], "cannot be given"),
        ] {
            let messages = found(actions);
            assert!(messages.iter().any(|message| message.contains(part)), "{part}: {messages:?}");
        }
    }

    #[test]
    fn platforms_differ() {
        let tree = BootAction::DeviceTree { path: "/d".into() };
        let chain = BootAction::Chainload { path: "/b".into(), args: "x".into() };
        let multiboot = BootAction::Multiboot { path: "/k".into(), args: String::new() };
        for (actions, pc, x86, arm) in [
            (vec![linux("/k", ""), tree.clone()], true, true, false),
            (vec![tree], true, true, true),
            (vec![BootAction::FirmwareSetup], true, false, false),
            (vec![chain], true, false, false),
            (vec![multiboot], false, false, true),
            (vec![BootAction::Exit], false, false, false),
        ] {
            let entry = MenuEntry { name: "a".into(), title: "A".into(), actions, ..MenuEntry::default() };
            let outer = MenuEntry {
                name: "o".into(),
                title: "O".into(),
                entries: vec![entry],
                ..MenuEntry::default()
            };
            let menu = Menu { timeout: None, default: None, consoles: vec![], entries: vec![outer] };
            let refused = |platform: Platform| !check(&menu, platform).is_empty();
            let found = [Platform::I386Pc, Platform::X8664Efi, Platform::Arm64Efi].map(refused);
            assert_eq!(found, [pc, x86, arm], "{menu:?}");
        }
    }

    #[test]
    fn titles_that_are_options_or_empty_are_refused() {
        for (title, part) in [("--hotkey=a", "option"), (" ", "empty"), ("a\u{1b}[2J", "control")] {
            let entry = MenuEntry {
                name: "a".into(),
                title: title.into(),
                actions: vec![linux("/k", "")],
                ..MenuEntry::default()
            };
            let menu = Menu { timeout: None, default: None, consoles: vec![], entries: vec![entry] };
            assert!(check(&menu, Platform::I386Pc)[0].1.message.contains(part), "{title}");
        }
    }
}
