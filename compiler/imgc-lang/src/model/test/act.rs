//! What a test expects and does: `expect`, `press`, `type`, `screenshot`, `power-off`, `end`; and what it rejects.

use imgc_plan::test::{Act, Firmware, MachineSpec, Port, Reject, keys};
use regex::RegexBuilder;

use crate::{
    decode::{Cursor, Cx, Spanned, local_path},
    diagnostic::{Diagnostic, Span},
    syntax::{Node, Scalar, Value},
};

/// The nodes that are done in order.
pub const ACTS: &[&str] = &["expect", "press", "type", "screenshot", "power-off", "end"];

/// The largest compiled pattern, in bytes; that of the machine's side.
const LARGEST: usize = 1 << 20;

/// What is expected and done in one boot.
#[derive(Default)]
pub struct Acts {
    /// In order.
    pub acts: Vec<Act>,
    /// The node of each.
    pub spans: Vec<Span>,
    /// Whether there is one that can fail; also when it has a mistake.
    pub can_fail: bool,
}

/// The acts among the children of a node.
pub fn all(cx: &Cx<'_>, node: &Node, timeout: u64) -> Acts {
    let mut acts = Acts::default();
    for child in node.children.iter().filter(|child| ACTS.contains(&child.name.text.as_str())) {
        let act = cx.when(child.active, || act(cx, child, timeout));
        acts.can_fail |= child.active && !matches!(child.name.text.as_str(), "press" | "type");
        if let Some(act) = act {
            acts.acts.push(act);
            acts.spans.push(child.name.span);
        }
    }
    acts
}

/// What must never be seen, among the children of a node.
pub fn rejects(cx: &Cx<'_>, node: &Node) -> Vec<Reject> {
    let mut rejects = Vec::new();
    for child in node.children.iter().filter(|child| child.name.text == "reject") {
        let found = cx.when(child.active, || {
            let mut cursor = Cursor::new(cx, child);
            let patterns = cursor.args("a regular expression in quotes");
            let on = port(&mut cursor, Port::Serial);
            cursor.no_children();
            cursor.finish();
            let patterns = patterns.into_iter().filter_map(|value| pattern(cx, value));
            Some(patterns.map(|pattern| Reject { pattern, on }).collect::<Vec<_>>())
        });
        rejects.extend(found.into_iter().flatten());
    }
    rejects
}

/// Complains about texts on screens that show none.
pub fn check_screens(cx: &Cx<'_>, test: &Node, machines: &[Spanned<MachineSpec>]) {
    let Some(uefi) = machines.iter().find(|machine| machine.value.firmware != Firmware::Bios) else { return };
    let boots = test.children.iter().filter(|child| child.name.text == "boot");
    let nodes = boots.flat_map(|boot| &boot.children).chain(&test.children);
    for node in nodes.filter(|node| node.active && matches!(node.name.text.as_str(), "expect" | "reject")) {
        let on = node.props.iter().find(|prop| prop.name.text == "on").map(|prop| &prop.value);
        let Some(value) = on else { continue };
        if matches!(&value.scalar, Scalar::Text(text) if text.text == "screen") {
            let found = Diagnostic::error("unsupported-property", value.span, "UEFI has no screen of text");
            let found = found.also(uefi.span, "a machine with UEFI");
            cx.report(found.help("expect it on the serial port, or compare a `screenshot`"));
        }
    }
}

fn act(cx: &Cx<'_>, node: &Node, timeout: u64) -> Option<Act> {
    let mut cursor = Cursor::new(cx, node);
    let act = match node.name.text.as_str() {
        "expect" => {
            let text = cursor.arg("a regular expression in quotes").and_then(|value| pattern(cx, value));
            let on = port(&mut cursor, Port::Serial);
            let within = within(&mut cursor, timeout);
            text.map(|pattern| Act::Expect { pattern, on, within })
        }
        "press" => {
            let on = port(&mut cursor, Port::Screen);
            let names = cursor.args("a key in quotes, such as \"enter\"");
            let count = names.len();
            let keys: Vec<String> = names.into_iter().filter_map(|value| key(cx, value, on)).collect();
            (count > 0 && keys.len() == count).then_some(Act::Press { keys, on })
        }
        "type" => {
            let on = port(&mut cursor, Port::Screen);
            let text = cursor.arg("a text in quotes").and_then(|value| typed(cx, value, on));
            text.map(|text| Act::Type { text, on })
        }
        "screenshot" => {
            let file = cursor.arg("a picture's path in quotes").and_then(|value| local_path(cx, value));
            let tolerance = cursor.prop("tolerance").map_or(Some(0), |value| share(cx, value));
            let within = within(&mut cursor, timeout);
            file.zip(tolerance).map(|(file, tolerance)| Act::Screenshot {
                file: file.value,
                tolerance,
                within,
            })
        }
        "power-off" => Some(Act::PowerOff { within: within(&mut cursor, timeout) }),
        _ => {
            let within = within(&mut cursor, timeout);
            let code = cursor.prop("code").map_or(Some(0), |value| Some(cx.int(value, 0, 255)?.value));
            code.and_then(|code| Some(Act::End { within, code: i32::try_from(code).ok()? }))
        }
    };
    cursor.no_children();
    cursor.finish();
    act
}

fn port(cursor: &mut Cursor<'_>, usual: Port) -> Port {
    let cx = cursor.cx;
    let word = cursor.prop("on").and_then(|value| cx.choice(value, &["serial", "screen"]));
    match word.map(|word| word.value) {
        Some("serial") => Port::Serial,
        Some(_) => Port::Screen,
        None => usual,
    }
}

fn within(cursor: &mut Cursor<'_>, timeout: u64) -> u64 {
    let cx = cursor.cx;
    cursor.prop("within").and_then(|value| cx.duration(value)).map_or(timeout, |within| within.value)
}

fn pattern(cx: &Cx<'_>, value: &Value) -> Option<String> {
    let text = cx.string(value, "a regular expression in quotes")?.value;
    match RegexBuilder::new(&text).multi_line(true).size_limit(LARGEST).build() {
        Ok(regex) if regex.is_match("") => {
            cx.bad("bad-pattern", value, "this matches where nothing is, so it is always seen".into())
        }
        Ok(_) => Some(text),
        Err(error) => {
            // The last line says what is wrong, those before it draw where.
            let said = error.to_string();
            let said = said.lines().last().unwrap_or_default().trim_start_matches("error: ");
            cx.bad("bad-pattern", value, format!("this is no regular expression: {said}"))
        }
    }
}

fn key(cx: &Cx<'_>, value: &Value, on: Port) -> Option<String> {
    let name = cx.string(value, "a key in quotes, such as \"enter\"")?.value;
    let known = match on {
        Port::Serial => keys::sends(&name).is_some(),
        Port::Screen => keys::codes(&name).is_some(),
    };
    if known {
        return Some(name);
    }
    let (message, help) = match keys::codes(&name) {
        Some(_) => (format!("no terminal sends `{name}`"), "press it without `on=serial`".to_owned()),
        None => {
            let names = keys::NAMED.iter().map(|key| key.name);
            let near = crate::decode::did_you_mean(&name, names).filter(|help| help.starts_with("did"));
            let all = "keys are signs such as `a`, names such as `enter`, `f2` and `page-down`, and either after `ctrl-`, `alt-` or `shift-`";
            (format!("there is no key `{name}`"), near.unwrap_or_else(|| all.to_owned()))
        }
    };
    cx.report(Diagnostic::error("unknown-key", value.span, message).help(help));
    None
}

fn typed(cx: &Cx<'_>, value: &Value, on: Port) -> Option<String> {
    let text = cx.string(value, "a text in quotes")?.value;
    match text.chars().find(|sign| on == Port::Screen && keys::sign(*sign).is_none()) {
        Some(sign) => {
            cx.bad("bad-text", value, format!("{sign:?} is on no US keyboard: type it `on=serial`"))
        }
        None => Some(text),
    }
}

/// A share in percent, as thousandths.
fn share(cx: &Cx<'_>, value: &Value) -> Option<u32> {
    let text = cx.string(value, "a share in quotes, such as \"2%\"")?.value;
    let digits = text.strip_suffix('%').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    match digits.and_then(|digits| digits.parse::<u32>().ok()).filter(|percent| *percent < 100) {
        Some(percent) => Some(percent * 10),
        None => {
            cx.bad("bad-size", value, "a share is a whole number of percent below 100, such as \"2%\"".into())
        }
    }
}
