//! systemd-boot's entries (UAPI Group, "Boot Loader Specification"): the files that they name, and what defeats their counting.

use super::{disk::Disk, files::Files, report::Trail};

/// Where entries lie, where unified kernel images do, and the settings.
const ENTRIES: &str = "/loader/entries";
const IMAGES: &str = "/EFI/Linux";
const SETTINGS: &str = "/loader/loader.conf";

/// The most entries that are read.
const MOST: usize = 512;

/// Checks the entries on the EFI system partition and on those of type `xbootldr`.
pub(super) fn check(disk: &Disk<'_>, esp: &Files<'_>, place: &str, trail: &mut Trail) {
    let (mut count, mut missing, mut counted) = (0, 0, false);
    let extended = disk.parts.iter().filter(|part| part.ty == "xbootldr");
    let others = extended.filter_map(|part| Some((part.files()?, part.name())));
    for (files, place) in std::iter::once((esp, place.to_owned())).chain(others) {
        for path in below(files, ENTRIES, ".conf") {
            count += 1;
            counted |= counts(&path);
            missing += one(files, &path, &place, trail);
        }
        for path in below(files, IMAGES, ".efi") {
            count += 1;
            counted |= counts(&path);
        }
    }
    let words = if missing == 0 { "all files there".to_owned() } else { format!("{missing} missing") };
    trail.step(format!("{count} {}, {words}", if count == 1 { "entry" } else { "entries" }));
    if count == 0 {
        trail.error(
            place,
            format!("systemd-boot finds nothing to start in {ENTRIES} and {IMAGES}"),
            "add an entry",
        );
    }
    settings(esp, counted, place, trail);
}

/// The files of a directory that end so.
fn below(files: &Files<'_>, directory: &str, ending: &str) -> Vec<String> {
    let Some(directory) = files.find(directory) else { return Vec::new() };
    let above = &directory.path.0;
    let here = files
        .entries()
        .iter()
        .filter(|entry| entry.parent().is_some_and(|parent| parent == above) && !entry.is_dir());
    let paths = here.map(|entry| String::from_utf8_lossy(&entry.path.0).into_owned());
    paths.filter(|path| path.to_ascii_lowercase().ends_with(ending)).take(MOST).collect()
}

/// Whether a name such as `new+3.conf` or `new+2-1.conf` counts tries.
fn counts(path: &str) -> bool {
    let stem = path.rsplit_once('.').map_or(path, |(stem, _)| stem);
    let Some((_, tries)) = stem.rsplit_once('+') else { return false };
    let mut numbers = tries.split('-');
    numbers.clone().count() <= 2 && numbers.all(|number| number.parse::<u32>().is_ok())
}

/// How many of the files that an entry names are missing.
fn one(files: &Files<'_>, path: &str, place: &str, trail: &mut Trail) -> usize {
    let name = format!("/{path} in {place}");
    let Some(entry) = files.file(path) else { return 0 };
    let text = match files.text(entry) {
        Ok(text) => text,
        Err(why) => {
            trail.error(name, format!("it {why}"), "");
            return 0;
        }
    };
    let (mut missing, mut starts) = (0, false);
    for line in text.lines() {
        let (key, value) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
        let value = value.trim();
        starts |= matches!(key, "linux" | "efi" | "uki");
        if !matches!(key, "linux" | "efi" | "uki" | "initrd" | "devicetree") || files.file(value).is_some() {
            continue;
        }
        missing += 1;
        trail.error(
            &name,
            format!("`{key}` names {value}, and there is no such file"),
            "mend the path, or put the file there",
        );
    }
    if !starts {
        trail.error(name, "it says nothing to start", "add `linux`, `uki` or `efi`");
    }
    missing
}

/// A default is started also when no try is left, so counting falls back to nothing.
fn settings(esp: &Files<'_>, counted: bool, place: &str, trail: &mut Trail) {
    let Some(text) = esp.file(SETTINGS).and_then(|entry| esp.text(entry).ok()) else { return };
    let default = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("default"))
        .find(|rest| rest.starts_with(char::is_whitespace));
    if let (Some(default), true) = (default, counted) {
        let message = format!(
            "`default {}` is started even when no try is left, and there are entries that count tries",
            default.trim()
        );
        trail.warning(
            format!("{SETTINGS} in {place}"),
            message,
            "leave `default` out: the first entry in order is started",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_count_tries() {
        assert_eq!(
            ["a+3.conf", "a+2-1.efi", "a.conf", "a+b.conf", "a+1-2-3.conf"].map(counts),
            [true, true, false, false, false]
        );
    }
}
