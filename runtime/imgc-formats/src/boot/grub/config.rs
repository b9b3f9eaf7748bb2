//! `grub.cfg` of a neutral menu.

use std::fmt::Write;

use imgc_image::{Failure, Problem};
use imgc_plan::menu::{BootAction, Console, Menu, MenuEntry};

use super::{
    env, graphics, menu,
    options::Options,
    quote::{quoted, words},
};
use crate::boot::files::as_problem;

/// The clock of a PC's serial port over 16: the fastest speed, of which others are whole parts.
const SERIAL_CLOCK: u32 = 115_200;

/// The modules that a menu uses, each once, sorted: those by which its commands work, also without `command.lst`.
pub fn modules(menu: &Menu, options: &Options) -> Vec<&'static str> {
    fn of(entry: &MenuEntry, modules: &mut Vec<&'static str>) {
        modules.extend(entry_modules(entry));
        entry.entries.iter().for_each(|inner| of(inner, modules));
    }
    let mut modules = vec!["normal"];
    if !menu.consoles.is_empty() {
        modules.push("terminal");
    }
    if serial(menu).is_some() {
        modules.push("serial");
    }
    if env::counts(menu) {
        modules.extend(["loadenv", "test"]);
    }
    modules.extend(graphics::modules(options));
    menu.entries.iter().for_each(|entry| of(entry, &mut modules));
    modules.sort_unstable();
    modules.dedup();
    modules
}

/// Renders the menu. The text does not depend on the platform, so that several of them share a directory.
///
/// # Errors
/// Everything in it that GRUB cannot express.
pub fn render(menu: &Menu, options: &Options) -> Result<String, Failure> {
    let found = menu::check(menu, options.platform);
    let mut problems: Vec<Problem> = found.into_iter().map(|(_, problem)| as_problem(problem)).collect();
    let default = default(menu, &mut problems);
    if let Some(speed) = serial(menu).filter(|speed| !is_speed(*speed)) {
        let message = format!("GRUB cannot run a serial port at {speed} bits per second");
        let help = "115200, 57600, 38400, 19200 and 9600 are usual";
        problems.push(Problem::new("grub-serial-speed", message).help(help));
    }
    if !problems.is_empty() {
        return Err(problems.into());
    }
    let mut text = String::from("# Made by imgc from the manifest's menu.\n");
    consoles(menu, options, &mut text);
    if env::counts(menu) {
        env::choose(menu, default, |index| reference(menu, index), &mut text);
    } else {
        writeln!(text, "set default={}", reference(menu, default)).expect(INFALLIBLE);
    }
    writeln!(text, "set timeout={}", timeout(menu.timeout)).expect(INFALLIBLE);
    for entry in &menu.entries {
        text.push('\n');
        render_entry(entry, "", &mut text);
    }
    Ok(text)
}

const INFALLIBLE: &str = "because writing into a string does not fail";

/// Whole seconds, rounded up; -1 waits for ever.
fn timeout(millis: Option<u64>) -> String {
    millis.map_or_else(|| "-1".to_owned(), |millis| millis.div_ceil(1000).to_string())
}

/// The entry that starts by itself.
fn default(menu: &Menu, problems: &mut Vec<Problem>) -> usize {
    let Some(name) = &menu.default else { return 0 };
    let found = menu.entries.iter().position(|entry| entry.name == *name);
    found.unwrap_or_else(|| {
        let message = format!("the menu's default `{name}` is none of its entries");
        problems.push(Problem::new("menu-default-missing", message));
        0
    })
}

/// What `default` is set to for an entry: its name where GRUB finds it by that, otherwise its number. GRUB takes a name that starts
/// with a digit for a number, one with `>` for a path of submenus, and looks at titles, too.
fn reference(menu: &Menu, index: usize) -> String {
    let Some(name) = menu.entries.get(index).map(|entry| &entry.name) else { return index.to_string() };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let by_name = menu.default.is_some()
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(plain)
        && menu.entries[..index].iter().all(|entry| title(entry) != *name);
    if by_name { quoted(name) } else { index.to_string() }
}

/// What the menu shows: the title and the version.
fn title(entry: &MenuEntry) -> String {
    match &entry.version {
        Some(version) => format!("{} ({version})", entry.title),
        None => entry.title.clone(),
    }
}

/// Whether GRUB takes this speed: the nearest that the port can run at differs by no more than a 30th (and 1). Measured with GRUB
/// 2.06 in QEMU; the same rule is in `grub-core/term/ns8250.c`.
fn is_speed(speed: u32) -> bool {
    let divisor = (SERIAL_CLOCK + speed / 2).checked_div(speed).unwrap_or(0);
    (1..=0xffff).contains(&divisor) && (SERIAL_CLOCK / divisor).abs_diff(speed) <= speed / 30 + 1
}

/// The speed of the (first) serial console.
fn serial(menu: &Menu) -> Option<u32> {
    menu.consoles.iter().find_map(|console| match console {
        Console::Serial { speed } => Some(*speed),
        Console::Screen => None,
    })
}

fn consoles(menu: &Menu, options: &Options, text: &mut String) {
    if menu.consoles.is_empty() {
        return graphics::render(options, "", text);
    }
    if let Some(speed) = serial(menu) {
        let line = format!("serial --unit=0 --speed={speed} --word=8 --parity=no --stop=1");
        writeln!(text, "insmod serial\n{line}").expect(INFALLIBLE);
    }
    let mut names: Vec<&str> = Vec::new();
    for console in &menu.consoles {
        let name = match console {
            Console::Screen => "console",
            Console::Serial { .. } => "serial",
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let screen = names.contains(&"console");
    let words = names.join(" ");
    writeln!(text, "terminal_input {words}\nterminal_output {words}").expect(INFALLIBLE);
    if screen {
        names.retain(|name| *name != "console");
        graphics::render(options, &names.join(" "), text);
    }
}

/// The modules that an entry's commands live in. With gzio a kernel may be compressed.
fn entry_modules(entry: &MenuEntry) -> Vec<&'static str> {
    let mut modules = Vec::new();
    for action in &entry.actions {
        match action {
            BootAction::Multiboot { .. } => modules.extend(["gzio", "multiboot"]),
            BootAction::Multiboot2 { .. } => modules.extend(["gzio", "multiboot2"]),
            BootAction::Linux { .. } => modules.extend(["gzio", "linux"]),
            BootAction::Chainload { .. } => modules.push("chain"),
            BootAction::Reboot => modules.push("reboot"),
            BootAction::PowerOff => modules.push("halt"),
            BootAction::DeviceTree { .. } => modules.push("fdt"),
            BootAction::FirmwareSetup => modules.push("efifwsetup"),
            BootAction::Exit => modules.push("minicmd"),
            BootAction::Module { .. } | BootAction::Initrd { .. } => {}
        }
    }
    modules
}

fn render_entry(entry: &MenuEntry, indent: &str, text: &mut String) {
    let inner = format!("{indent}\t");
    let command = if entry.entries.is_empty() { "menuentry" } else { "submenu" };
    let (title, name) = (quoted(&title(entry)), quoted(&entry.name));
    writeln!(text, "{indent}{command} {title} --id {name} {{").expect(INFALLIBLE);
    entry.entries.iter().for_each(|entry| render_entry(entry, &inner, text));
    if entry.entries.is_empty() {
        env::count(entry, &inner, text);
        render_actions(entry, &inner, text);
    }
    writeln!(text, "{indent}}}").expect(INFALLIBLE);
}

fn render_actions(entry: &MenuEntry, indent: &str, text: &mut String) {
    for module in entry_modules(entry) {
        writeln!(text, "{indent}insmod {module}").expect(INFALLIBLE);
    }
    let mut module_command = "module";
    for action in &entry.actions {
        let (command, paths, args) = match action {
            BootAction::Multiboot { path, args } => {
                module_command = "module";
                ("multiboot", vec![path], args.as_str())
            }
            BootAction::Multiboot2 { path, args } => {
                module_command = "module2";
                ("multiboot2", vec![path], args.as_str())
            }
            BootAction::Module { path, args } => (module_command, vec![path], args.as_str()),
            BootAction::Linux { path, args } => ("linux", vec![path], args.as_str()),
            BootAction::Initrd { paths } => ("initrd", paths.iter().collect(), ""),
            BootAction::Chainload { path, args } => ("chainloader", vec![path], args.as_str()),
            BootAction::DeviceTree { path } => ("devicetree", vec![path], ""),
            BootAction::Exit => ("exit", Vec::new(), ""),
            BootAction::FirmwareSetup => ("fwsetup", Vec::new(), ""),
            BootAction::Reboot => ("reboot", Vec::new(), ""),
            BootAction::PowerOff => ("halt", Vec::new(), ""),
        };
        text.push_str(indent);
        text.push_str(command);
        let args = words(args).expect("because the menu was checked");
        for word in paths.into_iter().chain(&args) {
            write!(text, " {}", quoted(word)).expect(INFALLIBLE);
        }
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, title: &str) -> MenuEntry {
        let action = BootAction::Chainload { path: "/b".into(), args: String::new() };
        MenuEntry { name: name.into(), title: title.into(), actions: vec![action], ..MenuEntry::default() }
    }

    fn menu(entries: Vec<MenuEntry>, default: Option<&str>) -> Menu {
        Menu { timeout: Some(1), default: default.map(str::to_owned), consoles: vec![], entries }
    }

    fn plain() -> Options {
        Options::read(&imgc_plan::Record::new()).expect("the defaults")
    }

    #[test]
    fn timeouts_are_whole_seconds_rounded_up() {
        for (millis, text) in
            [(None, "-1"), (Some(0), "0"), (Some(1), "1"), (Some(1000), "1"), (Some(1001), "2")]
        {
            assert_eq!(timeout(millis), text);
        }
        assert_eq!(timeout(Some(u64::MAX)), "18446744073709552");
    }

    #[test]
    fn a_default_is_named_only_where_grub_finds_it_by_name() {
        let entries = vec![entry("x", "two"), entry("2nd", "b"), entry("two", "c"), entry("c", "d")];
        for (name, text) in
            [("x", "set default='x'"), ("2nd", "default=1"), ("two", "default=2"), ("c", "default=3")]
        {
            let text_of = render(&menu(entries.clone(), Some(name)), &plain()).expect("fine");
            assert!(text_of.contains(text), "{name}: {text_of}");
        }
        assert!(render(&menu(entries, Some("nobody")), &plain()).is_err());
    }

    #[test]
    fn speeds_are_those_that_grub_took_when_it_was_asked() {
        let taken = [2, 50, 300, 1200, 2400, 4800, 9600, 14400, 19200, 28800, 38400, 56000, 57600, 112_000];
        assert!(taken.into_iter().chain([115_200, 119_000]).all(is_speed));
        let refused = [0, 1, 12345, 31250, 50000, 60000, 100_000, 120_000, 230_400, u32::MAX];
        assert!(!refused.into_iter().any(is_speed));
    }

    #[test]
    fn a_speed_that_grub_does_not_know_is_refused() {
        let mut odd = menu(vec![entry("a", "A")], None);
        odd.consoles = vec![Console::Serial { speed: 12345 }];
        assert!(render(&odd, &plain()).expect_err("refused").to_string().contains("12345"));
    }
}
