//! `limine.conf` of a neutral menu (`CONFIG.md` of Limine 8; later versions take these words, too).

use std::fmt::Write;

use imgc_image::Failure;
use imgc_plan::{
    kind::OptionProblem,
    menu::{Console, Menu, MenuEntry},
};

use crate::boot::start::{Start, check_each, sound_default, start};

const INFALLIBLE: &str = "because writing into a string does not fail";

/// How kernels of multiboot entries are started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// By the Multiboot specifications.
    Multiboot,
    /// By Limine's own.
    Limine,
}

/// What it cannot express, each with the index of its outermost entry.
pub fn check(menu: &Menu) -> Vec<(usize, OptionProblem)> {
    check_each(menu, check_entry)
}

fn check_entry(entry: &MenuEntry, found: &mut Vec<OptionProblem>) {
    let title = &entry.title;
    if title.trim() != title || title.is_empty() || title.starts_with(['/', '+']) {
        let message = format!("Limine would not show the title `{title}` as it is");
        found.push(problem(message, "let it start with a letter, and end without blanks"));
    }
    check_text(title, found);
    if entry.tries.is_some() {
        let message = format!("Limine does not count how often `{}` was started", entry.name);
        found.push(problem(message, "leave `tries` out"));
    }
    if !entry.entries.is_empty() {
        entry.entries.iter().for_each(|inner| check_entry(inner, found));
        return;
    }
    match start(entry) {
        Ok(start) => check_start(&start, found),
        Err(problems) => found.extend(problems),
    }
}

fn check_start(start: &Start<'_>, found: &mut Vec<OptionProblem>) {
    let mut file = |path: &str, args: &str| {
        check_text(path, found);
        check_text(args, found);
        if path.contains('#') {
            let message = format!("Limine would take what follows `#` in `{path}` for a checksum");
            found.push(problem(message, "rename the file"));
        }
    };
    match start {
        Start::Linux { path, args, initrds, device_tree } => {
            file(path, args);
            initrds.iter().for_each(|path| file(path, ""));
            if device_tree.is_some() {
                let message = "a device tree means nothing to a kernel for x86-64".to_owned();
                found.push(problem(message, "leave it out"));
            }
        }
        Start::Multiboot { version: _, path, args, modules } => {
            file(path, args);
            modules.iter().for_each(|(path, args)| file(path, args));
        }
        Start::Chainload { path, args } => file(path, args),
        Start::Exit | Start::FirmwareSetup | Start::Reboot | Start::PowerOff => {
            let message = "Limine starts kernels and other loaders only".to_owned();
            found.push(problem(
                message,
                "leave the entry out: its screen has keys for the firmware's settings",
            ));
        }
    }
}

/// `${` starts the name of a macro.
fn check_text(text: &str, found: &mut Vec<OptionProblem>) {
    if text.contains("${") || text.chars().any(char::is_control) {
        let message =
            format!("Limine would take `${{` in `{}` for the start of a macro", text.escape_debug());
        found.push(problem(message, "write it without"));
    }
}

fn problem(message: String, help: &str) -> OptionProblem {
    OptionProblem { option: None, message, help: Some(help.to_owned()) }
}

/// Renders the menu; paths lie in `resource`, such as `boot()`.
///
/// # Errors
/// Everything in it that Limine cannot express.
pub fn render(menu: &Menu, resource: &str, protocol: Protocol) -> Result<String, Failure> {
    let default = sound_default(menu, check(menu))?;
    let timeout = menu.timeout.map_or_else(|| "no".to_owned(), |millis| millis.div_ceil(1000).to_string());
    let mut text = format!(
        "# Made by imgc from the manifest's menu.\ntimeout: {timeout}\ndefault_entry: {}\n",
        default + 1
    );
    if menu.consoles.iter().any(|console| matches!(console, Console::Serial { .. })) {
        text.push_str("serial: yes\n");
    }
    menu.entries.iter().for_each(|entry| render_entry(entry, 1, resource, protocol, &mut text));
    Ok(text)
}

fn render_entry(entry: &MenuEntry, depth: usize, resource: &str, protocol: Protocol, text: &mut String) {
    writeln!(text, "\n{}{}", "/".repeat(depth), entry.title).expect(INFALLIBLE);
    if !entry.entries.is_empty() {
        entry.entries.iter().for_each(|inner| render_entry(inner, depth + 1, resource, protocol, text));
        return;
    }
    let path = |path: &str| format!("{resource}:{path}");
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            writeln!(text, "    {name}: {value}").expect(INFALLIBLE);
        }
    };
    match start(entry).expect("because the menu was checked") {
        Start::Linux { path: kernel, args, initrds, device_tree: _ } => {
            line("protocol", "linux");
            line("kernel_path", &path(kernel));
            line("cmdline", args);
            initrds.iter().for_each(|initrd| line("module_path", &path(initrd)));
        }
        Start::Multiboot { version, path: kernel, args, modules } => {
            let (name, string) = match (protocol, version) {
                (Protocol::Limine, _) => ("limine", "module_cmdline"),
                (Protocol::Multiboot, 1) => ("multiboot", "module_string"),
                (Protocol::Multiboot, _) => ("multiboot2", "module_string"),
            };
            line("protocol", name);
            line("kernel_path", &path(kernel));
            line("cmdline", args);
            for (module, args) in modules {
                line("module_path", &path(module));
                line(string, args);
            }
        }
        Start::Chainload { path: image, args } => {
            line("protocol", "efi_chainload");
            line("image_path", &path(image));
            line("cmdline", args);
        }
        Start::Exit | Start::FirmwareSetup | Start::Reboot | Start::PowerOff => {}
    }
}

#[cfg(test)]
mod tests {
    use imgc_plan::menu::BootAction;

    use super::*;

    fn entry(name: &str, actions: Vec<BootAction>) -> MenuEntry {
        MenuEntry { name: name.into(), title: format!("Entry {name}"), actions, ..MenuEntry::default() }
    }

    fn menu(entries: Vec<MenuEntry>) -> Menu {
        let consoles = vec![Console::Serial { speed: 115_200 }];
        Menu { timeout: Some(2500), default: Some("b".into()), consoles, entries }
    }

    #[test]
    fn every_entry_has_its_words() {
        let linux = BootAction::Linux { path: "/vmlinuz".into(), args: "a=b c".into() };
        let initrd = BootAction::Initrd { paths: vec!["/i".into(), "/j".into()] };
        let kernel = BootAction::Multiboot2 { path: "/kernel".into(), args: String::new() };
        let module = BootAction::Module { path: "/m".into(), args: "x y".into() };
        let chain = BootAction::Chainload { path: "/EFI/x.efi".into(), args: String::new() };
        let inner = vec![entry("c", vec![kernel, module]), entry("d", vec![chain])];
        let more = MenuEntry { entries: inner, ..entry("more", vec![]) };
        let menu = menu(vec![more, entry("b", vec![linux, initrd])]);
        let expected = "# Made by imgc from the manifest's menu.
timeout: 3
default_entry: 2
serial: yes

/Entry more

//Entry c
    protocol: multiboot2
    kernel_path: boot(2):/kernel
    module_path: boot(2):/m
    module_string: x y

//Entry d
    protocol: efi_chainload
    image_path: boot(2):/EFI/x.efi

/Entry b
    protocol: linux
    kernel_path: boot(2):/vmlinuz
    cmdline: a=b c
    module_path: boot(2):/i
    module_path: boot(2):/j
";
        assert_eq!(render(&menu, "boot(2)", Protocol::Multiboot).expect("fine"), expected);
        let own = render(&menu, "boot()", Protocol::Limine).expect("fine");
        assert!(own.contains("protocol: limine\n    kernel_path: boot():/kernel"), "{own}");
        assert!(own.contains("module_cmdline: x y"), "{own}");
    }

    #[test]
    fn what_it_cannot_do_is_named() {
        let linux = |path: &str, args: &str| BootAction::Linux { path: path.into(), args: args.into() };
        for (actions, part) in [
            (vec![], "starts nothing"),
            (vec![linux("/k", "${x}")], "macro"),
            (vec![linux("/k#1", "")], "checksum"),
            (vec![BootAction::Reboot], "only"),
        ] {
            let problems = check(&menu(vec![entry("b", actions)]));
            assert!(
                problems.iter().any(|(_, problem)| problem.message.contains(part)),
                "{part}: {problems:?}"
            );
        }
        for title in ["/x", "+x", " x", ""] {
            let entry = MenuEntry { title: title.into(), ..entry("b", vec![linux("/k", "")]) };
            assert_eq!(check(&menu(vec![entry])).len(), 1, "{title}");
        }
    }
}
