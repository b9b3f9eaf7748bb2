//! A menu in iPXE's language of scripts (ipxe.org/scripting, ipxe.org/cmd; `src/core/exec.c` for how lines are read).
//!
//! The language has no quotes: words end at blanks, `${` begins a setting wherever it stands, a word that begins with `#` is
//! a comment, `&&`, `||` and `;` end a command, and a `\` at the end of a line joins it with the next. What would be read as
//! one of these is refused.

use std::{collections::BTreeSet, fmt::Write};

use imgc_image::Failure;
use imgc_plan::{
    kind::OptionProblem,
    menu::{Menu, MenuEntry},
};

use crate::boot::start::{Start, check_each, sound_default, start};

const INFALLIBLE: &str = "because writing into a string does not fail";

/// How long a machine waits after something did not start before it tries again, in milliseconds: servers come back.
const AGAIN: u64 = 10_000;

/// What iPXE cannot express, each with the index of its outermost entry.
pub fn check(menu: &Menu) -> Vec<(usize, OptionProblem)> {
    check_each(menu, check_entry)
}

fn check_entry(entry: &MenuEntry, found: &mut Vec<OptionProblem>) {
    if entry.title.trim().is_empty() {
        found.push(problem(format!("iPXE cannot show `{}` without a title", entry.name), "give it a title"));
    }
    check_text(&entry.title, found);
    if entry.tries.is_some() {
        let message =
            format!("iPXE keeps nothing, so it does not count how often `{}` was started", entry.name);
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
    match start {
        Start::Linux { path, args, initrds, device_tree } => {
            check_file(path, args, found);
            let mut names = BTreeSet::new();
            for initrd in initrds {
                check_file(initrd, "", found);
                if !names.insert(name(initrd)) {
                    let message =
                        format!("iPXE knows initrds by their names, and two are `{}`", name(initrd));
                    found.push(problem(message, "rename one of them"));
                }
            }
            if device_tree.is_some() {
                let message = "iPXE hands no device tree to a kernel".to_owned();
                found.push(problem(message, "leave it out: firmware has one, or the kernel's image"));
            }
        }
        Start::Multiboot { version: 1, path, args, modules } => {
            check_file(path, args, found);
            modules.iter().for_each(|(path, args)| check_file(path, args, found));
        }
        Start::Multiboot { .. } => {
            let message = "iPXE starts no kernels of the Multiboot2 specification".to_owned();
            found.push(problem(message, "use `multiboot`, or have iPXE `chainload` GRUB"));
        }
        Start::Chainload { path, args } => check_file(path, args, found),
        Start::FirmwareSetup => {
            let message = "iPXE cannot enter the firmware's settings".to_owned();
            found.push(problem(message, "leave the entry out"));
        }
        Start::Exit | Start::Reboot | Start::PowerOff => {}
    }
}

fn check_file(path: &str, args: &str, found: &mut Vec<OptionProblem>) {
    // Everything else means something in an URI, or is written in another way there (RFC 3986, section 2.3).
    let plain = |c: char| {
        c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '~' | '+' | '=' | '@' | ',')
    };
    if !path.chars().all(plain) {
        let message = format!("iPXE would not ask a server for `{}` as it is", path.escape_debug());
        found.push(problem(message, "rename the file: letters, digits and `._-~+=@,`"));
    }
    check_text(args, found);
}

fn check_text(text: &str, found: &mut Vec<OptionProblem>) {
    let special = |word: &str| word.starts_with('#') || matches!(word, "&&" | "||" | ";");
    if text.contains("${")
        || text.chars().any(char::is_control)
        || text.ends_with('\\')
        || text.split_whitespace().any(special)
    {
        let message = format!("iPXE's language has no way to write `{}`", text.escape_debug());
        let help = "write it without `${`, words that begin with `#`, the words `&&`, `||`, `;`, and `\\` at its end";
        found.push(problem(message, help));
    }
}

fn problem(message: String, help: &str) -> OptionProblem {
    OptionProblem { option: None, message, help: Some(help.to_owned()) }
}

/// The name that a file has for iPXE.
fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// Renders the menu; `up` leads from the script to the root of the tree, such as `../`.
///
/// # Errors
/// Everything in it that iPXE cannot express.
pub fn render(menu: &Menu, up: &str) -> Result<String, Failure> {
    let default = &menu.entries[sound_default(menu, check(menu))?];
    let mut script = Script { text: String::new(), up };
    script.line(format_args!("#!ipxe\n# Made by imgc from the manifest's menu."));
    let default = format!("entry.{}", default.name);
    if menu.timeout == Some(0) {
        script.line(format_args!("goto {default}"));
    }
    let timeout = menu.timeout.map(|millis| if millis == 0 { AGAIN } else { millis });
    script.menu(
        &Labels { own: "menu", above: None, default: &default, timeout },
        "Boot",
        &menu.entries,
        "entry",
    );
    script
        .line(format_args!("\n:failed\nimgfree\nprompt --timeout {AGAIN} That did not start. ||\ngoto menu"));
    Ok(script.text)
}

/// Where a menu stands in a script, and what it starts by itself.
struct Labels<'m> {
    own: &'m str,
    above: Option<&'m str>,
    default: &'m str,
    /// In milliseconds.
    timeout: Option<u64>,
}

struct Script<'m> {
    text: String,
    up: &'m str,
}

impl Script<'_> {
    fn line(&mut self, words: std::fmt::Arguments<'_>) {
        writeln!(self.text, "{words}").expect(INFALLIBLE);
    }

    /// A menu and everything below it; the labels of its entries begin with `prefix`.
    fn menu(&mut self, labels: &Labels<'_>, title: &str, entries: &[MenuEntry], prefix: &str) {
        let Labels { own, above, default, timeout } = labels;
        // A program that was built without menus starts the default.
        self.line(format_args!("\n:{own}\nmenu {title} || goto {default}"));
        for entry in entries {
            self.line(format_args!("item {prefix}.{} {}", entry.name, entry.title));
        }
        if let Some(above) = above {
            self.line(format_args!("item {above} Back"));
        }
        let wait = timeout.map_or_else(String::new, |millis| format!("--timeout {millis} "));
        let back = above.unwrap_or(own);
        self.line(format_args!("choose --default {default} {wait}target && goto ${{target}} || goto {back}"));
        for entry in entries {
            let label = format!("{prefix}.{}", entry.name);
            match entry.entries.first() {
                None => self.entry(entry, &label),
                Some(first) => {
                    let default = format!("{label}.{}", first.name);
                    let labels = Labels { own: &label, above: Some(own), default: &default, timeout: None };
                    self.menu(&labels, &entry.title, &entry.entries, &label);
                }
            }
        }
    }

    fn entry(&mut self, entry: &MenuEntry, label: &str) {
        self.line(format_args!("\n:{label}"));
        match start(entry).expect("because the menu was checked") {
            Start::Linux { path, args, initrds, device_tree: _ } => {
                // Kernels that UEFI starts ask for their initrds by name; others look past the word.
                let names = initrds.iter().map(|initrd| format!("initrd={}", name(initrd)));
                let words: Vec<String> = names.chain([args.to_owned()]).collect();
                self.load("kernel", path, words.join(" ").trim());
                initrds.iter().for_each(|initrd| self.load("initrd", initrd, ""));
                self.line(format_args!("boot || goto failed"));
            }
            Start::Multiboot { version: _, path, args, modules } => {
                self.load("kernel", path, args);
                modules.iter().for_each(|(module, args)| self.load("module", module, args));
                self.line(format_args!("boot || goto failed"));
            }
            Start::Chainload { path, args } => self.load("chain", path, args),
            Start::Exit => self.line(format_args!("exit")),
            Start::Reboot => self.line(format_args!("reboot || goto failed")),
            Start::PowerOff => self.line(format_args!("poweroff || goto failed")),
            Start::FirmwareSetup => {}
        }
    }

    fn load(&mut self, command: &str, path: &str, args: &str) {
        let space = if args.is_empty() { "" } else { " " };
        let path = format!("{}{}", self.up, path.trim_start_matches('/'));
        self.line(format_args!("{command} {path}{space}{args} || goto failed"));
    }
}
