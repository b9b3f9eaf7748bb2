//! What of a neutral menu SYSLINUX cannot express.

use imgc_plan::{
    kind::OptionProblem,
    menu::{Console, Menu, MenuEntry},
};

use super::options::{Options, Ui, Variant, config_path};
use crate::boot::start::{Start, check_each, start};

/// The longest time that the menu waits, in milliseconds: 35996 tenths of a second (SYSLINUX, `doc/syslinux.txt`, TIMEOUT).
pub const LONGEST: u64 = 3_599_600;

/// The longest command line of a kernel, in bytes: what the Linux boot protocol has room for (`cmdline_size` of x86 kernels).
const COMMAND_LINE: usize = 2047;

/// The index that blames the menu itself.
const MENU: usize = usize::MAX;

/// Everything that cannot be, each with the index of its outermost entry.
pub fn check(options: &Options, variant: Variant, menu: &Menu) -> Vec<(usize, OptionProblem)> {
    let mut problems = Vec::new();
    if menu.timeout.is_some_and(|timeout| timeout > LONGEST) {
        let message = "a SYSLINUX menu waits at most 59 minutes".to_owned();
        problems.push((MENU, problem(message, "leave the timeout out to wait for ever")));
    }
    for console in &menu.consoles {
        if let Console::Serial { speed } = console
            && !is_speed(*speed)
        {
            let message = format!("SYSLINUX cannot run a serial port at {speed} bits per second");
            problems.push((MENU, problem(message, "115200, 57600, 38400, 19200 and 9600 are usual")));
        }
    }
    problems.extend(check_each(menu, |entry, found| {
        check_entry(options, variant, entry, found);
        if menu.default.as_ref() == Some(&entry.name) && !entry.entries.is_empty() {
            let message = format!("the submenu `{}` cannot start by itself", entry.name);
            found.push(problem(message, "name an entry as `default`"));
        }
    }));
    problems
}

/// Whether a port whose clock is 115200 bits per second runs at this speed within a 30th: it divides by whole numbers, and
/// SYSLINUX takes 75 for the slowest.
fn is_speed(speed: u32) -> bool {
    let divisor = 115_200_u32.checked_div(speed).unwrap_or(0);
    speed >= 75 && divisor > 0 && (115_200 / divisor).abs_diff(speed) <= speed / 30
}

fn check_entry(options: &Options, variant: Variant, entry: &MenuEntry, found: &mut Vec<OptionProblem>) {
    check_title(&entry.title, found);
    if entry.tries.is_some() {
        let message = format!("SYSLINUX does not count how often `{}` was started", entry.name);
        found.push(problem(message, "leave `tries` out"));
    }
    if !entry.entries.is_empty() {
        if options.ui == Ui::None {
            let message = format!("the submenu `{}` needs something that shows it", entry.name);
            found.push(problem(message, "give the loader `ui=menu`"));
        }
        entry.entries.iter().for_each(|inner| check_entry(options, variant, inner, found));
        return;
    }
    match start(entry) {
        Ok(start) => check_start(variant, &start, found),
        Err(problems) => found.extend(problems),
    }
}

fn check_title(title: &str, found: &mut Vec<OptionProblem>) {
    if title.trim().is_empty() || title.trim() != title {
        let message = format!("SYSLINUX cannot show the title `{title}`: it drops blanks at the ends");
        found.push(problem(message, "let it start and end with a letter"));
    }
    if title.contains('^') {
        let message = format!("SYSLINUX would take the `^` in `{title}` for the mark of a hot key");
        found.push(problem(message, "write the title without it"));
    }
    check_ascii("titles", title, found);
}

/// Its screens show the code page of the firmware, and its filesystems compare names in it.
fn check_ascii(what: &str, text: &str, found: &mut Vec<OptionProblem>) {
    if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        found.push(problem(
            format!("SYSLINUX knows {what} in printable ASCII only, not `{}`", text.escape_debug()),
            "write it without other characters",
        ));
    }
}

fn check_start(variant: Variant, start: &Start<'_>, found: &mut Vec<OptionProblem>) {
    match start {
        Start::Linux { path, args, initrds, device_tree } => {
            check_path(variant, path, found);
            initrds.iter().for_each(|path| check_path(variant, path, found));
            if let Some(path) = initrds.iter().find(|path| path.contains(',')) {
                let message = format!("SYSLINUX would take `{path}` for two files, as it has a comma");
                found.push(problem(message, "rename the file"));
            }
            check_args(args, |args| args == "-", found);
            if args.split(' ').any(|word| word.starts_with("initrd=")) {
                let message = "SYSLINUX would load what the kernel's argument `initrd=` names".to_owned();
                found.push(problem(message, "name it in an `initrd` of the entry"));
            }
            if device_tree.is_some() {
                found.push(problem("SYSLINUX hands no device tree to a kernel".to_owned(), "leave it out"));
            }
        }
        Start::Multiboot { version: 2, .. } => {
            let message = "SYSLINUX loads kernels by Multiboot 1 only".to_owned();
            found.push(problem(message, "use `multiboot`, or GRUB"));
        }
        Start::Multiboot { .. } if variant.is_efi() => {
            let message = "SYSLINUX for UEFI loads no multiboot kernels".to_owned();
            found.push(problem(message, "use `platform=bios`, or GRUB"));
        }
        Start::Multiboot { version: _, path, args, modules } => {
            for (path, args) in modules.iter().chain([&(*path, *args)]) {
                check_path(variant, path, found);
                check_args(args, |args| args.split(' ').any(|word| word == "---"), found);
            }
        }
        Start::Chainload { .. } if variant.is_efi() => {
            let message = "SYSLINUX for UEFI starts no other loader".to_owned();
            found.push(problem(message, "use `platform=bios`, or another loader"));
        }
        Start::Chainload { path, args } => {
            check_path(variant, path, found);
            if !args.is_empty() {
                let message = "a boot sector cannot be given a command line".to_owned();
                found.push(problem(message, "leave the words after the path out"));
            }
        }
        Start::FirmwareSetup => {
            found.push(problem("SYSLINUX cannot enter a firmware's settings".to_owned(), "leave it out"));
        }
        Start::PowerOff if variant.is_efi() => {
            let message = "SYSLINUX for UEFI cannot switch the machine off".to_owned();
            found.push(problem(message, "leave it out"));
        }
        Start::Exit | Start::Reboot | Start::PowerOff => {}
    }
}

/// A line of its configuration is split at blanks, and on a network `::` divides a server from a path.
fn check_path(variant: Variant, path: &str, found: &mut Vec<OptionProblem>) {
    check_ascii("paths", path, found);
    if path.contains(' ') {
        found.push(problem(format!("SYSLINUX takes no paths with blanks: `{path}`"), "rename the file"));
    }
    if variant.is_network() && config_path(variant, "", path).contains(':') {
        let message = format!("SYSLINUX would take `{path}` for the name of a server, as it has a `:`");
        found.push(problem(message, "rename the file"));
    }
}

/// A length, and words that mean something else to SYSLINUX or its modules.
fn check_args(args: &str, is_meant: impl Fn(&str) -> bool, found: &mut Vec<OptionProblem>) {
    if args.len() > COMMAND_LINE || args.chars().any(char::is_control) {
        let message = format!("a command line has at most {COMMAND_LINE} bytes, and no control characters");
        found.push(problem(message, "make it shorter"));
    }
    if is_meant(args) {
        let message = format!("SYSLINUX would take dashes in `{args}` for its own");
        found.push(problem(message, "leave them out"));
    }
}

fn problem(message: String, help: &str) -> OptionProblem {
    OptionProblem { option: None, message, help: Some(help.to_owned()) }
}
