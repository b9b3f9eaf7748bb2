//! The configuration of a neutral menu (`doc/syslinux.txt` and `doc/menu.txt` of SYSLINUX 6).

use std::fmt::Write;

use imgc_image::{Failure, Problem};
use imgc_plan::menu::{Console, Menu, MenuEntry};

use super::{
    menu,
    options::{Options, Ui, Variant, config_path},
};
use crate::boot::{
    files::as_problem,
    start::{Start, start},
};

const INFALLIBLE: &str = "because writing into a string does not fail";

/// The modules that the menu uses directly, with their endings.
pub fn modules(options: &Options, menu: &Menu) -> Vec<String> {
    fn of(entry: &MenuEntry, out: &mut Vec<String>) {
        out.extend(start(entry).ok().and_then(|start| module(&start)).map(str::to_owned));
        entry.entries.iter().for_each(|inner| of(inner, out));
    }
    let mut out: Vec<String> = ui(options, menu).into_iter().map(str::to_owned).collect();
    menu.entries.iter().for_each(|entry| of(entry, &mut out));
    out.extend(options.modules.iter().map(|name| format!("{name}.c32")));
    out
}

/// The module that an entry is started by.
fn module(start: &Start<'_>) -> Option<&'static str> {
    match start {
        Start::Multiboot { .. } => Some("mboot.c32"),
        Start::Chainload { .. } => Some("chain.c32"),
        Start::Reboot => Some("reboot.c32"),
        Start::PowerOff => Some("poweroff.c32"),
        Start::Linux { .. } | Start::Exit | Start::FirmwareSetup => None,
    }
}

/// The module that shows the menu. One that does not wait is not shown.
fn ui(options: &Options, menu: &Menu) -> Option<&'static str> {
    match options.ui {
        _ if menu.timeout == Some(0) => None,
        Ui::Menu => Some("menu.c32"),
        Ui::Vesamenu => Some("vesamenu.c32"),
        Ui::None => None,
    }
}

/// Renders the menu.
///
/// # Errors
/// Everything in it that SYSLINUX cannot express.
pub fn render(options: &Options, variant: Variant, menu: &Menu) -> Result<String, Failure> {
    let mut problems: Vec<Problem> =
        menu::check(options, variant, menu).into_iter().map(|(_, problem)| as_problem(problem)).collect();
    let default = match &menu.default {
        None => menu.entries.iter().find(|entry| entry.entries.is_empty()),
        Some(name) => menu.entries.iter().find(|entry| entry.name == *name),
    };
    if default.is_none() {
        let message = "the menu has no entry that can start by itself";
        problems.push(Problem::new("menu-default-missing", message));
    }
    let (Some(default), true) = (default, problems.is_empty()) else { return Err(problems.into()) };
    let mut text = String::from("# Made by imgc from the manifest's menu.\n");
    consoles(menu, &mut text);
    let mut line = |words: std::fmt::Arguments<'_>| writeln!(text, "{words}").expect(INFALLIBLE);
    let ui = ui(options, menu);
    ui.into_iter().for_each(|ui| line(format_args!("UI {ui}")));
    let prompt = u8::from(ui.is_none() && menu.timeout != Some(0));
    line(format_args!("PROMPT {prompt}\nTIMEOUT {}\nDEFAULT {}", timeout(menu.timeout), default.name));
    let renderer = Renderer { variant, directory: options.directory(variant) };
    menu.entries.iter().for_each(|entry| renderer.entry(entry, &mut text));
    Ok(text)
}

/// Tenths of a second, rounded up; 0 waits for ever.
fn timeout(millis: Option<u64>) -> u64 {
    millis.unwrap_or(0).div_ceil(100)
}

fn consoles(menu: &Menu, text: &mut String) {
    let serial = menu.consoles.iter().find_map(|console| match console {
        Console::Serial { speed } => Some(*speed),
        Console::Screen => None,
    });
    if let Some(speed) = serial {
        writeln!(text, "SERIAL 0 {speed}").expect(INFALLIBLE);
    }
    if serial.is_some() && !menu.consoles.contains(&Console::Screen) {
        text.push_str("CONSOLE 0\n");
    }
}

struct Renderer<'a> {
    variant: Variant,
    directory: &'a str,
}

impl Renderer<'_> {
    fn entry(&self, entry: &MenuEntry, text: &mut String) {
        if !entry.entries.is_empty() {
            writeln!(text, "\nMENU BEGIN {}\nMENU TITLE {}", entry.name, entry.title).expect(INFALLIBLE);
            entry.entries.iter().for_each(|inner| self.entry(inner, text));
            text.push_str("\nMENU END\n");
            return;
        }
        writeln!(text, "\nLABEL {}\n\tMENU LABEL {}", entry.name, entry.title).expect(INFALLIBLE);
        let start = start(entry).expect("because the menu was checked");
        for (command, words) in self.commands(&start) {
            let space = if words.is_empty() { "" } else { " " };
            writeln!(text, "\t{command}{space}{words}").expect(INFALLIBLE);
        }
    }

    fn commands(&self, start: &Start<'_>) -> Vec<(&'static str, String)> {
        let path = |text: &str| config_path(self.variant, self.directory, text);
        match start {
            Start::Linux { path: kernel, args, initrds, device_tree: _ } => {
                let mut commands = vec![("LINUX", path(kernel))];
                if !initrds.is_empty() {
                    let paths: Vec<String> = initrds.iter().map(|initrd| path(initrd)).collect();
                    commands.push(("INITRD", paths.join(",")));
                }
                if !args.is_empty() {
                    commands.push(("APPEND", (*args).to_owned()));
                }
                commands
            }
            Start::Multiboot { version: _, path: kernel, args, modules } => {
                let file =
                    |(file, args): &(&str, &str)| format!("{} {args}", path(file)).trim_end().to_owned();
                let files: Vec<String> =
                    [file(&(kernel, args))].into_iter().chain(modules.iter().map(file)).collect();
                vec![("COM32", "mboot.c32".to_owned()), ("APPEND", files.join(" --- "))]
            }
            Start::Chainload { path: file, args: _ } => {
                vec![
                    ("COM32", "chain.c32".to_owned()),
                    ("APPEND", format!("boot nosect file={}", path(file))),
                ]
            }
            // -1: the firmware tries its next device (`doc/syslinux.txt`, LOCALBOOT).
            Start::Exit => vec![("LOCALBOOT", "-1".to_owned())],
            Start::Reboot => vec![("COM32", "reboot.c32".to_owned())],
            Start::PowerOff => vec![("COM32", "poweroff.c32".to_owned())],
            Start::FirmwareSetup => Vec::new(),
        }
    }
}
