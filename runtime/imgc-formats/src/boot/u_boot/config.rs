//! `extlinux.conf` as U-Boot reads it (`boot/pxe_utils.c` and `doc/README.pxe` of U-Boot).

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
    let mut only = |what: &str, help: &str| {
        let message = format!("U-Boot {what}");
        found.push(OptionProblem { option: None, message, help: Some(help.to_owned()) });
    };
    if entry.title.trim() != entry.title
        || entry.title.is_empty()
        || entry.title.chars().any(char::is_control)
    {
        only("cannot show an empty title, or blanks at its ends", "give the entry a title");
    }
    if entry.tries.is_some() {
        only("does not count in a menu how often an entry was started", "leave `tries` out");
    }
    if !entry.entries.is_empty() {
        only("has no submenus", "put its entries into the menu itself");
        return;
    }
    match start(entry) {
        Ok(Start::Linux { path, args, initrds, device_tree }) => {
            if initrds.len() > 1 {
                only("loads one initrd", "join the archives in one file");
            }
            let mut paths = [path].into_iter().chain(initrds).chain(device_tree);
            if paths.any(|path| path.contains([' ', '#']) || path.chars().any(char::is_control)) {
                only("takes no paths with blanks or `#`", "rename the file");
            }
            if args.chars().any(char::is_control) {
                only("takes no command line with control characters", "leave them out");
            }
        }
        Ok(_) => only("starts only Linux kernels from a menu", "use `linux`"),
        Err(problems) => found.extend(problems),
    }
}

/// Renders the menu.
///
/// # Errors
/// Everything in it that U-Boot cannot express.
pub fn render(menu: &Menu) -> Result<String, Failure> {
    let default = &menu.entries[sound_default(menu, check(menu))?];
    let mut text = String::from("# Made by imgc from the manifest's menu.\n");
    let mut line = |words: std::fmt::Arguments<'_>| writeln!(text, "{words}").expect(INFALLIBLE);
    line(format_args!("default {}", default.name));
    // Tenths of a second; without a prompt the default starts at once, and 0 with one waits for ever.
    line(format_args!("prompt {}", u8::from(menu.timeout != Some(0))));
    line(format_args!("timeout {}", menu.timeout.unwrap_or(0).div_ceil(100)));
    for entry in &menu.entries {
        line(format_args!("\nlabel {}\n\tmenu label {}", entry.name, entry.title));
        if let Ok(Start::Linux { path, args, initrds, device_tree }) = start(entry) {
            line(format_args!("\tlinux {path}"));
            initrds.iter().for_each(|initrd| line(format_args!("\tinitrd {initrd}")));
            device_tree.into_iter().for_each(|tree| line(format_args!("\tfdt {tree}")));
            if !args.is_empty() {
                line(format_args!("\tappend {args}"));
            }
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use imgc_plan::menu::BootAction;

    use super::*;

    fn linux() -> BootAction {
        BootAction::Linux { path: "/Image".into(), args: "console=ttyS0 rw".into() }
    }

    fn entry(actions: Vec<BootAction>) -> MenuEntry {
        MenuEntry { name: "board".into(), title: "A board".into(), actions, ..MenuEntry::default() }
    }

    fn menu(entry: MenuEntry) -> Menu {
        Menu { timeout: Some(2000), default: None, consoles: vec![], entries: vec![entry] }
    }

    #[test]
    fn an_entry_has_its_kernel_and_what_lies_beside_it() {
        let tree = BootAction::DeviceTree { path: "/board.dtb".into() };
        let initrd = BootAction::Initrd { paths: vec!["/initrd".into()] };
        let expected = "# Made by imgc from the manifest's menu.
default board
prompt 1
timeout 20

label board
\tmenu label A board
\tlinux /Image
\tinitrd /initrd
\tfdt /board.dtb
\tappend console=ttyS0 rw
";
        assert_eq!(render(&menu(entry(vec![linux(), tree, initrd]))).expect("fine"), expected);
    }

    #[test]
    fn what_it_cannot_do_is_named() {
        let initrd = BootAction::Initrd { paths: vec!["/a".into(), "/b".into()] };
        for (entry, part) in [
            (entry(vec![BootAction::Reboot]), "only Linux"),
            (entry(vec![linux(), initrd]), "one initrd"),
            (entry(vec![]), "starts nothing"),
            (MenuEntry { entries: vec![entry(vec![linux()])], ..entry(vec![]) }, "submenus"),
            (MenuEntry { tries: Some(1), ..entry(vec![linux()]) }, "count"),
        ] {
            let problems = check(&menu(entry));
            assert!(
                problems.iter().any(|(_, problem)| problem.message.contains(part)),
                "{part}: {problems:?}"
            );
        }
    }
}
