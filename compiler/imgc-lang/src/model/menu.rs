//! `menu NAME timeout= default= { console … entry … }`: a boot menu, neutral of the loader.

use std::collections::BTreeMap;

use imgc_plan::{
    menu::{BootAction, Console, Menu, MenuEntry},
    tree::BytePath,
};

use super::each;
use crate::{
    decode::{Cursor, Cx, Spanned, did_you_mean},
    diagnostic::{Diagnostic, Span},
    syntax::{Node, Value},
};

/// What an entry can do.
const ACTIONS: &[&str] = &[
    "multiboot",
    "multiboot2",
    "module",
    "linux",
    "initrd",
    "devicetree",
    "chainload",
    "exit",
    "firmware-setup",
    "reboot",
    "power-off",
];

/// How deep submenus can lie in one another.
const DEEPEST: usize = 4;

/// How often an entry can be tried: what systemd-boot counts to in file names stays readable, and GRUB counts by comparing.
const TRIES: (i64, i64) = (1, 99);

/// Bits per second of a serial console that says none, and what they may be.
const SPEED: u32 = 115_200;
const SPEEDS: (i64, i64) = (50, 4_000_000);

/// A `menu` node.
#[derive(Debug)]
pub struct MenuNode {
    /// Its name.
    pub name: Spanned<String>,
    /// What it says.
    pub menu: Menu,
    /// The names of its entries, by index.
    pub entries: Vec<Span>,
}

/// Decodes the node.
pub fn decode(cx: &Cx<'_>, node: &Node) -> Option<MenuNode> {
    let mut cursor = Cursor::new(cx, node);
    let name = cursor.name();
    let timeout = cursor.prop("timeout").and_then(|value| cx.duration(value));
    let default = cursor.prop("default").and_then(|value| cx.string(value, "the name of an entry"));
    let (mut consoles, mut entries) = (Vec::new(), Vec::<(MenuEntry, Span)>::new());
    let mut seen = BTreeMap::new();
    each(&cursor, &["console", "entry", "submenu"], |child| match child.name.text.as_str() {
        "console" => consoles.extend(console(cx, child).filter(|_| child.active)),
        _ => entries.extend(item(cx, child, &mut seen, 1).filter(|_| child.active)),
    });
    cursor.finish();
    needs_entries(cx, node, entries.is_empty());
    let starts = entries.iter().filter(|(entry, _)| entry.entries.is_empty());
    let names = starts.map(|(entry, _)| entry.name.as_str());
    if let Some(default) = &default
        && !names.clone().any(|name| name == default.value)
    {
        let message = format!("there is no entry `{}`", default.value);
        let mut found = Diagnostic::error("unknown-reference", default.span, message);
        found.help.extend(did_you_mean(&default.value, names));
        cx.report(found);
    }
    let (entries, spans) = entries.into_iter().unzip();
    let default = default.map(|default| default.value);
    let menu = Menu { timeout: timeout.map(|timeout| timeout.value), default, consoles, entries };
    Some(MenuNode { name: name?, menu, entries: spans })
}

fn needs_entries(cx: &Cx<'_>, node: &Node, none: bool) {
    let any = |child: &Node| matches!(child.name.text.as_str(), "entry" | "submenu") && child.active;
    if none && !node.children.iter().any(any) {
        let found = Diagnostic::error("missing-node", node.name.span, "a menu needs an entry");
        cx.report(found.help("add `entry NAME { linux \"/boot/vmlinuz\" }`"));
    }
}

/// The names of a menu's entries, each with the place where it was first.
type Seen = BTreeMap<String, Span>;

fn item(cx: &Cx<'_>, node: &Node, seen: &mut Seen, depth: usize) -> Option<(MenuEntry, Span)> {
    let found = match node.name.text.as_str() {
        "submenu" => submenu(cx, node, seen, depth),
        _ => entry(cx, node),
    };
    let (entry, span) = found.as_ref()?;
    if node.active
        && let Some(first) = seen.insert(entry.name.clone(), *span)
    {
        let message = format!("entry `{}` is there twice", entry.name);
        cx.report(Diagnostic::error("duplicate-name", *span, message).also(first, "first here"));
    }
    found
}

fn submenu(cx: &Cx<'_>, node: &Node, seen: &mut Seen, depth: usize) -> Option<(MenuEntry, Span)> {
    let mut cursor = Cursor::new(cx, node);
    let name = cursor.name();
    let title = cursor.prop("title").and_then(|value| line(cx, value));
    let mut entries = Vec::new();
    if depth < DEEPEST {
        each(&cursor, &["entry", "submenu"], |child| {
            let inner = item(cx, child, seen, depth + 1).filter(|_| child.active);
            entries.extend(inner.map(|(entry, _)| entry));
        });
    } else {
        let message = format!("submenus lie at most {} deep in one another", DEEPEST - 1);
        cx.report(Diagnostic::error("unexpected-node", node.name.span, message));
    }
    cursor.finish();
    needs_entries(cx, node, entries.is_empty());
    let name = name?;
    let title = title.unwrap_or_else(|| name.value.clone());
    Some((MenuEntry { name: name.value, title, entries, ..MenuEntry::default() }, name.span))
}

fn console(cx: &Cx<'_>, node: &Node) -> Option<Console> {
    let mut cursor = Cursor::new(cx, node);
    let kind = cursor.arg("`screen` or `serial`").and_then(|value| cx.choice(value, &["screen", "serial"]));
    let serial = kind.is_some_and(|kind| kind.value == "serial");
    let speed = if serial { cursor.prop("speed") } else { None };
    let speed = speed.map(|value| cx.int(value, SPEEDS.0, SPEEDS.1));
    cursor.no_children();
    cursor.finish();
    if !serial {
        return kind.map(|_| Console::Screen);
    }
    let speed = speed.map_or(Some(SPEED), |speed| u32::try_from(speed?.value).ok())?;
    Some(Console::Serial { speed })
}

fn entry(cx: &Cx<'_>, node: &Node) -> Option<(MenuEntry, Span)> {
    let mut cursor = Cursor::new(cx, node);
    let name = cursor.name();
    let title = cursor.prop("title").and_then(|value| line(cx, value));
    let version = cursor.prop("version").and_then(|value| line(cx, value));
    let tries = cursor.prop("tries").and_then(|value| cx.int(value, TRIES.0, TRIES.1));
    let tries = tries.and_then(|tries| u32::try_from(tries.value).ok());
    let mut actions = Vec::new();
    each(&cursor, ACTIONS, |child| actions.extend(action(cx, child).filter(|_| child.active)));
    cursor.finish();
    if !node.children.iter().any(|child| child.active) {
        let found = Diagnostic::error("missing-node", node.name.span, "an entry does something");
        cx.report(found.help("add a child such as `linux \"/boot/vmlinuz\"`"));
    }
    let name = name?;
    let title = title.unwrap_or_else(|| name.value.clone());
    Some((MenuEntry { name: name.value, title, version, tries, actions, entries: Vec::new() }, name.span))
}

fn action(cx: &Cx<'_>, node: &Node) -> Option<BootAction> {
    let mut cursor = Cursor::new(cx, node);
    if node.name.text == "initrd" {
        let paths = cursor.args("a path, such as \"/boot/initrd.img\"");
        let count = paths.len();
        let paths: Vec<String> = paths.into_iter().filter_map(|value| boot_path(cx, value)).collect();
        cursor.no_children();
        cursor.finish();
        return (count > 0 && paths.len() == count).then_some(BootAction::Initrd { paths });
    }
    let alone = match node.name.text.as_str() {
        "exit" => Some(BootAction::Exit),
        "firmware-setup" => Some(BootAction::FirmwareSetup),
        "reboot" => Some(BootAction::Reboot),
        "power-off" => Some(BootAction::PowerOff),
        _ => None,
    };
    if alone.is_some() {
        cursor.no_children();
        cursor.finish();
        return alone;
    }
    let path = cursor.arg("a path, such as \"/boot/kernel\"").and_then(|value| boot_path(cx, value));
    if node.name.text == "devicetree" {
        cursor.no_children();
        cursor.finish();
        return path.map(|path| BootAction::DeviceTree { path });
    }
    let words: Vec<Option<String>> = cursor.rest().iter().map(|value| words(cx, value)).collect();
    cursor.no_children();
    cursor.finish();
    let words: Option<Vec<String>> = words.into_iter().collect();
    let words = words?.into_iter().filter(|word| !word.is_empty());
    let (path, args) = (path?, words.collect::<Vec<_>>().join(" "));
    Some(match node.name.text.as_str() {
        "multiboot" => BootAction::Multiboot { path, args },
        "multiboot2" => BootAction::Multiboot2 { path, args },
        "module" => BootAction::Module { path, args },
        "linux" => BootAction::Linux { path, args },
        _ => BootAction::Chainload { path, args },
    })
}

/// A path in the loader's partition. Loaders read menus as text, so it is text, too.
fn boot_path(cx: &Cx<'_>, value: &Value) -> Option<String> {
    let text = line(cx, value)?;
    match BytePath::absolute(text.as_bytes()) {
        Ok(path) if !path.0.is_empty() => Some(format!("/{}", String::from_utf8(path.0).ok()?)),
        Ok(_) => cx.bad("bad-path", value, "`/` is a directory, not a file".into()),
        Err(message) => cx.bad("bad-path", value, message),
    }
}

/// Words of a command line, in which facts may stand.
fn words(cx: &Cx<'_>, value: &Value) -> Option<String> {
    checked(cx, value, cx.late_string(value, "a text in quotes")?.value)
}

/// A text without line breaks or other control characters, which would end a line of a loader's own file.
fn line(cx: &Cx<'_>, value: &Value) -> Option<String> {
    checked(cx, value, cx.string(value, "a text in quotes")?.value)
}

fn checked(cx: &Cx<'_>, value: &Value, text: String) -> Option<String> {
    if text.contains(char::is_control) {
        return cx.bad("bad-text", value, "a menu's texts have no line breaks or control characters".into());
    }
    Some(text)
}
