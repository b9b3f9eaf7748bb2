//! `loader.conf` (loader.conf(5) of systemd).

use imgc_plan::menu::Menu;

use super::{
    entry::{self, Start},
    options::Options,
};

/// Renders the settings. What starts by itself is said by name only where nothing counts: see [`Start`].
pub fn render(options: &Options, menu: Option<&Menu>) -> String {
    let mut lines = vec!["# Made by imgc from the manifest's loader and menu.".to_owned()];
    if let Some(menu) = menu {
        lines.push(format!("timeout {}", timeout(menu.timeout)));
    }
    lines.extend(options.console_mode.map(|mode| format!("console-mode {mode}")));
    let truth = |value: bool| if value { "yes" } else { "no" };
    lines.push(format!("editor {}", truth(options.editor)));
    lines.push(format!("auto-entries {}", truth(options.auto_entries)));
    lines.push(format!("auto-firmware {}", truth(options.auto_firmware)));
    match menu.map(entry::start) {
        Some(Start::Counted) => {}
        _ if options.remember => lines.push("default @saved".to_owned()),
        Some(Start::Named(name)) => lines.push(format!("default {name}.conf")),
        Some(Start::First) | None => {}
    }
    lines.push(String::new());
    lines.join("\n")
}

/// Whole seconds, rounded up; systemd-boot's word where it waits for ever.
fn timeout(millis: Option<u64>) -> String {
    millis.map_or_else(|| "menu-force".to_owned(), |millis| millis.div_ceil(1000).to_string())
}
