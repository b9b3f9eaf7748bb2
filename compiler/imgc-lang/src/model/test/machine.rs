//! `qemu firmware= medium= bus= …`: one machine, or each combination of several words.

use imgc_plan::test::{Bus, Chipset, Firmware, MachineSpec, Medium};

use super::several;
use crate::{
    decode::{Cursor, Cx, Spanned},
    diagnostic::Diagnostic,
    syntax::{Node, Value},
};

/// The least memory in bytes that a PC starts with, and the most that a test may ask for.
const MEMORY: (u64, u64) = (16 << 20, 1 << 40);

/// The most processors.
const CPUS: i64 = 64;

/// The machines of all `qemu` nodes of a test.
pub fn all(cx: &Cx<'_>, test: &Node) -> Vec<Spanned<MachineSpec>> {
    let nodes: Vec<&Node> = test.children.iter().filter(|child| child.name.text == "qemu").collect();
    if !nodes.iter().any(|node| node.active) {
        let found = Diagnostic::error("missing-node", test.name.span, "a test says on which machine");
        cx.report(found.help("add `qemu firmware=bios` or `qemu firmware=uefi`"));
    }
    let decode = |node: &&Node| cx.when(node.active, || Some(machines(cx, node))).unwrap_or_default();
    nodes.iter().flat_map(decode).collect()
}

/// A value that is one of a few words.
fn word<T: std::str::FromStr>(cx: &Cx<'_>, value: &Value, words: &[&'static str]) -> Option<Spanned<T>> {
    let word = cx.choice(value, words)?;
    Some(Spanned { value: word.value.parse().ok()?, span: word.span })
}

fn machines(cx: &Cx<'_>, node: &Node) -> Vec<Spanned<MachineSpec>> {
    let mut cursor = Cursor::new(cx, node);
    let firmwares =
        several(&mut cursor, "firmware", "a firmware", |cx, value| word(cx, value, Firmware::WORDS));
    let media = several(&mut cursor, "medium", "a medium", |cx, value| word(cx, value, Medium::WORDS));
    let buses = several(&mut cursor, "bus", "a bus", |cx, value| word(cx, value, Bus::WORDS));
    let chipset = cursor.prop("machine").and_then(|value| word::<Chipset>(cx, value, Chipset::WORDS));
    let memory = cursor.prop("memory").and_then(|value| memory(cx, value));
    let cpus = cursor.prop("cpus").and_then(|value| cx.int(value, 1, CPUS));
    let bootfile = cursor.prop("bootfile").and_then(|value| bootfile(cx, value));
    let extra = extra(&cursor);
    cursor.only_children(&["firmware", "medium", "bus", "args"]);
    cursor.finish();
    if firmwares.is_none() {
        let found = Diagnostic::error("missing-property", node.name.span, "`qemu` needs `firmware`");
        cx.report(found.help("write `firmware=bios`, `firmware=uefi` or a child `firmware bios uefi`"));
    }
    let media = media.map_or_else(|| vec![Medium::Disk], |media| media.iter().map(|one| one.value).collect());
    let pointless = |what: &str, span, why: &str| {
        cx.report(Diagnostic::error(
            "pointless-property",
            span,
            format!("`{what}` says nothing here: {why}"),
        ));
    };
    if let Some(bus) = buses.iter().flatten().next()
        && !media.iter().any(|medium| matches!(medium, Medium::Disk | Medium::Cdrom))
    {
        pointless("bus", bus.span, "it is for disks and CDs");
    }
    if let Some(bootfile) = bootfile.as_ref().filter(|_| !media.contains(&Medium::Network)) {
        pointless("bootfile", bootfile.span, "it is for `medium=network`");
    }
    let mut cells = Vec::new();
    for firmware in firmwares.iter().flatten() {
        for medium in &media {
            for bus in buses_of(*medium, &media, buses.as_deref()) {
                let mut spec = MachineSpec::new(
                    firmware.value,
                    *medium,
                    bus.map(|bus| bus.value),
                    chipset.map(|one| one.value),
                );
                spec.memory = memory.unwrap_or(spec.memory);
                spec.cpus = cpus.and_then(|cpus| u32::try_from(cpus.value).ok()).unwrap_or(1);
                spec.bootfile =
                    bootfile.as_ref().filter(|_| *medium == Medium::Network).map(|one| one.value.clone());
                spec.extra.clone_from(&extra);
                if let Err((what, help)) = spec.check() {
                    let span = bus.map_or(firmware.span, |bus| bus.span);
                    cx.report(Diagnostic::error("unsupported-machine", span, what).help(help));
                }
                cells.push(Spanned { value: spec, span: node.name.span });
            }
        }
    }
    cells
}

/// The buses of a medium: those that were given are of disks, and of CDs where there is no disk beside them.
fn buses_of(medium: Medium, media: &[Medium], given: Option<&[Spanned<Bus>]>) -> Vec<Option<Spanned<Bus>>> {
    let is_meant = match medium {
        Medium::Disk => true,
        Medium::Cdrom => !media.contains(&Medium::Disk),
        Medium::Usb | Medium::Network => false,
    };
    match given.filter(|_| is_meant) {
        Some(given) => given.iter().map(|bus| Some(*bus)).collect(),
        None => vec![None],
    }
}

fn memory(cx: &Cx<'_>, value: &Value) -> Option<u64> {
    let size = cx.size(value)?.value;
    if !(MEMORY.0..=MEMORY.1).contains(&size) || !size.is_multiple_of(1 << 20) {
        let message = "a machine has whole MiB of memory, at least \"16MiB\" and at most \"1TiB\"";
        return cx.bad("bad-size", value, message.into());
    }
    Some(size)
}

/// A file of what TFTP serves.
fn bootfile(cx: &Cx<'_>, value: &Value) -> Option<Spanned<String>> {
    let path = cx.string(value, "a path in quotes, such as \"EFI/BOOT/BOOTX64.EFI\"")?;
    if path.value.contains(char::is_control)
        || path.value.split('/').any(|name| matches!(name, "" | "." | ".."))
    {
        let message = "a boot file is a relative path without `.`, `..` and empty names";
        return cx.bad("bad-path", value, message.into());
    }
    Some(path)
}

/// More words for QEMU.
fn extra(cursor: &Cursor<'_>) -> Vec<String> {
    let Some(child) = cursor.child("args") else { return Vec::new() };
    let cx = cursor.cx;
    let mut inner = Cursor::new(cx, child);
    let words = inner.args("a word for QEMU in quotes");
    inner.no_children();
    inner.finish();
    words.into_iter().filter_map(|value| Some(cx.string(value, "a word for QEMU in quotes")?.value)).collect()
}
