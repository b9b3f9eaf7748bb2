//! `refind.conf` of a neutral menu (the comments of `refind.conf-sample` in rEFInd 0.13).

use std::fmt::Write;

use imgc_image::Failure;
use imgc_plan::{
    kind::OptionProblem,
    menu::{Menu, MenuEntry},
};

use crate::boot::start::{Start, check_each, sound_default, start};

const INFALLIBLE: &str = "because writing into a string does not fail";

/// What it cannot express, each with the index of its entry.
pub fn check(menu: &Menu) -> Vec<(usize, OptionProblem)> {
    check_each(menu, check_entry)
}

fn check_entry(entry: &MenuEntry, found: &mut Vec<OptionProblem>) {
    if entry.title.trim().is_empty() {
        found.push(problem("a title of rEFInd cannot be empty".to_owned(), "give the entry a title"));
    }
    check_text(&entry.title, found);
    if entry.tries.is_some() {
        let message = format!("rEFInd does not count how often `{}` was started", entry.name);
        found.push(problem(message, "leave `tries` out"));
    }
    if !entry.entries.is_empty() {
        let message = format!("rEFInd has no submenus such as `{}`", entry.name);
        found.push(problem(message, "put its entries into the menu itself"));
        return;
    }
    let mut only = |what: &str, help: &str| found.push(problem(format!("rEFInd {what}"), help));
    match start(entry) {
        Ok(Start::Linux { path, args, initrds, device_tree }) => {
            if initrds.len() > 1 {
                only("loads one initrd", "join the archives in one file");
            }
            if device_tree.is_some() {
                only("hands no device tree to a kernel", "leave it out");
            }
            [path, args].into_iter().chain(initrds).for_each(|text| check_text(text, found));
        }
        Ok(Start::Chainload { path, args }) => {
            [path, args].into_iter().for_each(|text| check_text(text, found));
        }
        Ok(Start::Multiboot { .. }) => only("loads no multiboot kernels", "use GRUB"),
        Ok(Start::Exit | Start::FirmwareSetup | Start::Reboot | Start::PowerOff) => {
            only("has its own tools for this and no entries", "leave the entry out");
        }
        Err(problems) => found.extend(problems),
    }
}

/// Everything stands in double quotes, where `"` ends them and `\` divides paths.
fn check_text(text: &str, found: &mut Vec<OptionProblem>) {
    if text.contains(['"', '\\']) || text.chars().any(char::is_control) {
        let message = format!("rEFInd cannot be told of `\"` and `\\`: `{text}`");
        found.push(problem(message, "write it without"));
    }
}

fn problem(message: String, help: &str) -> OptionProblem {
    OptionProblem { option: None, message, help: Some(help.to_owned()) }
}

/// Renders the menu.
///
/// # Errors
/// Everything in it that rEFInd cannot express.
pub fn render(menu: &Menu, textonly: bool) -> Result<String, Failure> {
    let default = sound_default(menu, check(menu))?;
    // 0 waits for ever, -1 does not show the menu.
    let timeout = match menu.timeout {
        None => "0".to_owned(),
        Some(0) => "-1".to_owned(),
        Some(millis) => millis.div_ceil(1000).to_string(),
    };
    let mut text = String::from("# Made by imgc from the manifest's menu.\n");
    let mut line = |words: std::fmt::Arguments<'_>| writeln!(text, "{words}").expect(INFALLIBLE);
    line(format_args!("timeout {timeout}\nuse_nvram false\nscanfor manual"));
    line(format_args!("showtools reboot, shutdown, firmware\ndefault_selection {}", default + 1));
    if textonly {
        line(format_args!("textonly"));
    }
    for entry in &menu.entries {
        line(format_args!("\nmenuentry \"{}\" {{", entry.title));
        let (path, args, initrd) = match start(entry).expect("because the menu was checked") {
            Start::Linux { path, args, initrds, device_tree: _ } => (path, args, initrds.first().copied()),
            Start::Chainload { path, args } => (path, args, None),
            _ => ("", "", None),
        };
        // In quotes only `\` divides paths.
        line(format_args!("    loader \"{}\"", path.replace('/', "\\")));
        if let Some(initrd) = initrd {
            line(format_args!("    initrd \"{}\"", initrd.replace('/', "\\")));
        }
        if !args.is_empty() {
            line(format_args!("    options \"{args}\""));
        }
        line(format_args!("}}"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use imgc_plan::menu::BootAction;

    use super::*;

    fn entry(name: &str, actions: Vec<BootAction>) -> MenuEntry {
        MenuEntry { name: name.into(), title: format!("Entry {name}"), actions, ..MenuEntry::default() }
    }

    fn linux(args: &str) -> BootAction {
        BootAction::Linux { path: "/boot/vmlinuz".into(), args: args.into() }
    }

    #[test]
    fn every_entry_has_its_words() {
        let initrd = BootAction::Initrd { paths: vec!["/boot/initrd".into()] };
        let chain = BootAction::Chainload { path: "/EFI/x.efi".into(), args: String::new() };
        let entries = vec![entry("a", vec![chain]), entry("b", vec![linux("root=/dev/vda2 x#y"), initrd])];
        let menu = Menu { timeout: Some(0), default: Some("b".into()), consoles: vec![], entries };
        let expected = r#"# Made by imgc from the manifest's menu.
timeout -1
use_nvram false
scanfor manual
showtools reboot, shutdown, firmware
default_selection 2
textonly

menuentry "Entry a" {
    loader "\EFI\x.efi"
}

menuentry "Entry b" {
    loader "\boot\vmlinuz"
    initrd "\boot\initrd"
    options "root=/dev/vda2 x#y"
}
"#;
        assert_eq!(render(&menu, true).expect("fine"), expected);
    }

    #[test]
    fn what_it_cannot_do_is_named() {
        let initrd = BootAction::Initrd { paths: vec!["/a".into(), "/b".into()] };
        let kernel = BootAction::Multiboot { path: "/k".into(), args: String::new() };
        let submenu = MenuEntry { entries: vec![entry("x", vec![linux("")])], ..entry("s", vec![]) };
        for (entry, part) in [
            (entry("a", vec![linux("a\"b")]), "cannot be told"),
            (entry("a", vec![linux(""), initrd]), "one initrd"),
            (entry("a", vec![kernel]), "multiboot"),
            (entry("a", vec![BootAction::Exit]), "no entries"),
            (entry("a", vec![]), "starts nothing"),
            (submenu, "submenus"),
            (MenuEntry { tries: Some(3), ..entry("a", vec![linux("")]) }, "count"),
            (MenuEntry { title: " ".into(), ..entry("a", vec![linux("")]) }, "empty"),
        ] {
            let menu = Menu { timeout: None, default: None, consoles: vec![], entries: vec![entry] };
            let problems = check(&menu);
            assert!(
                problems.iter().any(|(_, problem)| problem.message.contains(part)),
                "{part}: {problems:?}"
            );
        }
    }
}
