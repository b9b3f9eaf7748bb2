//! GRUB's directory: the menu that it reads, and its modules.

use super::{
    disk::{Disk, Part},
    files::Files,
    report::Trail,
    script,
};
use crate::boot::grub::Area;

/// Where a menu is read from, and by what.
pub(super) struct Home<'d> {
    /// The partition; none when the filesystem is an image in another one.
    pub(super) part: &'d Part<'d>,
    pub(super) files: &'d Files<'d>,
    /// GRUB's directory, without a `/` at its end.
    pub(super) directory: String,
    /// `i386-pc`, `x86_64-efi` and so on.
    pub(super) platform: &'static str,
}

/// Finds the menu that GRUB shows, and checks what it names. `beside` is where the image itself was, in which an unnamed device is looked for first.
pub(super) fn menu(
    disk: &Disk<'_>,
    area: &Area,
    platform: &'static str,
    beside: Option<u32>,
    trail: &mut Trail,
) {
    let (device, directory) = split(&directory(area));
    let wanted = device.as_deref().and_then(partition).or(beside.filter(|_| device.is_none()));
    let searches = area.config.contains("search") || device.is_none() || area.memdisk;
    let path = format!("{directory}/grub.cfg");
    let mut candidates: Vec<_> = disk.readable().filter(|(_, files)| files.file(&path).is_some()).collect();
    candidates.sort_by_key(|(part, _)| wanted.is_none() || part.number != wanted);
    if !searches && wanted.is_some() {
        candidates.retain(|(part, _)| part.number == wanted);
    }
    let Some((part, files)) = candidates.into_iter().next() else {
        let place = format!("{path}, which GRUB reads");
        return if area.memdisk {
            trail.unsure(place, "GRUB brings a disk of its own, which is not looked into");
        } else if disk.hides_something() {
            trail.unsure(place, "it is in no filesystem that imgc reads, and there are others");
        } else {
            trail.error(
                place,
                "it is in no partition, so GRUB shows its prompt only",
                "put the menu there, or install GRUB for its directory",
            );
        };
    };
    trail.step(part.path(&path));
    let home = Home { part, files, directory, platform };
    if !home.has_module(area, "normal") {
        let place = part.path(format!("{}/{platform}", home.directory));
        trail.error(
            place,
            "GRUB needs the module `normal` to show a menu, and it is missing",
            "copy GRUB's modules there",
        );
    }
    let found = script::check(disk, &home, area, &path, trail);
    let files = match (found.missing, found.perhaps) {
        (0, 0) => "all files there".to_owned(),
        (0, perhaps) => format!("all files there but {perhaps} under conditions"),
        (missing, _) => format!("{missing} missing"),
    };
    trail.step(format!(
        "{} {}, {files}",
        found.entries,
        if found.entries == 1 { "entry" } else { "entries" }
    ));
    if found.entries == 0 && found.commands == 0 {
        trail.warning(part.path(&path), "it has no entries, and starts nothing by itself", "");
    }
}

impl Home<'_> {
    /// Whether GRUB has a module, in itself or in its directory.
    pub(super) fn has_module(&self, area: &Area, name: &str) -> bool {
        let path = format!("{}/{}/{name}.mod", self.directory, self.platform);
        area.has_module(name) || self.files.file(&path).is_some()
    }
}

/// The directory that GRUB has when it looks for its menu: the last `set prefix` of what it starts with counts.
fn directory(area: &Area) -> String {
    let set = area.config.lines().filter_map(|line| line.trim().strip_prefix("set prefix=")).next_back();
    set.map_or_else(|| area.prefix.clone(), |prefix| prefix.trim_matches(['"', '\'']).to_owned())
}

/// The device of a prefix, unless it is to be found, and the directory.
fn split(prefix: &str) -> (Option<String>, String) {
    let clean = |directory: &str| directory.trim_end_matches('/').to_owned();
    let Some((device, directory)) = prefix.strip_prefix('(').and_then(|rest| rest.split_once(')')) else {
        return (None, clean(prefix));
    };
    let known = !device.is_empty() && !device.contains('$');
    (known.then(|| device.to_owned()), clean(directory))
}

/// The number of the partition in a device such as `hd0,gpt2` or `,msdos1`.
fn partition(device: &str) -> Option<u32> {
    let (_, part) = device.rsplit_once(',')?;
    part.trim_start_matches(|c: char| c.is_ascii_alphabetic()).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_devices_and_directories() {
        assert_eq!(split("(,gpt3)/boot/grub"), (Some(",gpt3".into()), "/boot/grub".into()));
        assert_eq!(split("()/boot/grub/"), (None, "/boot/grub".into()));
        assert_eq!(split("($root)/g"), (None, "/g".into()));
        assert_eq!(split("/EFI/debian"), (None, "/EFI/debian".into()));
        assert_eq!(
            [",gpt3", "hd0,msdos12", "hd0,5", "memdisk"].map(partition),
            [Some(3), Some(12), Some(5), None]
        );
    }
}
