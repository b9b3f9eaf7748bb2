//! `imgc verify`: what an image starts from, and what is wrong with that.

use imgc_formats::verify::{BootPath, Finding, Firmware, Level, Medium, Report, State, verify};
use serde_json::{Value, json};

use super::inspect::source;
use crate::{
    args::{VerifyArgs, WayForm},
    failure::Failure,
    stdout::{print, print_json},
};

/// Looks at an image.
pub fn run(args: &VerifyArgs) -> Result<(), Failure> {
    let file = source::open(&args.image)?;
    let (_, image) = source::disk(&file, &args.image)?;
    let report = verify(image.as_ref());
    let missing: Vec<&str> =
        args.expect.iter().map(|way| name(*way)).filter(|way| !report.works(way)).collect();
    if args.json {
        print_json(&as_json(&report))?;
    } else {
        print(&as_text(&report))?;
    }
    if !missing.is_empty() {
        let ways = missing.join(", ");
        return Err(Failure::Request(format!("{} does not start by: {ways}", args.image.display())));
    }
    if report.is_broken() { Err(Failure::Shown) } else { Ok(()) }
}

fn name(way: WayForm) -> &'static str {
    match way {
        WayForm::BiosDisk => "bios-disk",
        WayForm::UefiDisk => "uefi-disk",
        WayForm::BiosCd => "bios-cd",
        WayForm::UefiCd => "uefi-cd",
    }
}

fn as_text(report: &Report) -> String {
    let mut out = String::new();
    if report.paths.is_empty() {
        out.push_str("nothing that firmware starts was found\n");
    }
    for path in &report.paths {
        let state = match path.state {
            State::Works => "",
            State::Unknown => " (cannot be followed to its end)",
            State::Broken => " (BROKEN)",
        };
        out.push_str(&format!("{}{state}: {}\n", title(path), shown(&path.steps.join(" → "))));
    }
    for Finding { level, place, message, help } in &report.findings {
        out.push_str(&format!("{}: {}: {}\n", level_name(*level), shown(place), shown(message)));
        if let Some(help) = help {
            out.push_str(&format!("  help: {}\n", shown(help)));
        }
    }
    out
}

fn title(path: &BootPath) -> String {
    let firmware = match path.firmware {
        Firmware::Bios => "BIOS".to_owned(),
        Firmware::Uefi("") => "UEFI".to_owned(),
        Firmware::Uefi(machine) => format!("UEFI {machine}"),
    };
    let medium = match path.medium {
        Medium::Disk => "disk",
        Medium::Cd => "CD",
    };
    format!("{firmware} from {medium}")
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::Note => "note",
        Level::Warning => "warning",
        Level::Error => "error",
    }
}

/// Text of an image on a terminal: nothing in it moves the cursor.
fn shown(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

fn as_json(report: &Report) -> Value {
    let path = |path: &BootPath| {
        let machine = match path.firmware {
            Firmware::Uefi(machine) if !machine.is_empty() => Some(machine),
            _ => None,
        };
        let state = match path.state {
            State::Works => "works",
            State::Unknown => "unknown",
            State::Broken => "broken",
        };
        json!({ "way": path.name(), "machine": machine, "state": state, "steps": path.steps })
    };
    let finding = |Finding { level, place, message, help }: &Finding| json!({ "level": level_name(*level), "place": place, "message": message, "help": help });
    json!({
        "paths": report.paths.iter().map(path).collect::<Vec<_>>(),
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}
