//! SYSLINUX, EXTLINUX and ISOLINUX: the core by its own fields, then its module, its configuration, what that names.
//!
//! Fields: `libinstaller/syslxint.h` of SYSLINUX 6.

use super::{
    disk::{Disk, Part, SECTOR, number},
    files::{Files, len},
    report::Trail,
};

/// The patch area of `ldlinux.sys`: `LDLINUX_MAGIC`, and fields from it on: the dwords that are summed up, the offset of the extended area.
const MAGIC: u32 = 0x3eb2_02fe;
const AREA: usize = 0x18;
const DWORDS: usize = 12;
const EXTENDED: usize = 22;

/// The longest core, in bytes: it lies in one segment, and little more.
const LONGEST: u64 = 1 << 20;

/// What `isolinux.bin` has behind its boot information table (isohybrid, `check_image`).
pub(super) const ISO_MARK: (u64, &[u8]) = (0x40, b"\xfb\xc0\x78\x70");

/// Where configurations are looked for after the core's own directory, and their names.
const DIRECTORIES: [&str; 8] = [
    "/boot/isolinux",
    "/isolinux",
    "/boot/syslinux",
    "/syslinux",
    "/boot/extlinux",
    "/extlinux",
    "/boot",
    "",
];
const NAMES: [&str; 3] = ["extlinux.conf", "isolinux.cfg", "syslinux.cfg"];

/// How many configurations are read.
const MOST_FILES: usize = 32;

/// Follows a partition's boot sector.
pub(super) fn follow(part: &Part<'_>, boot: &[u8], trail: &mut Trail) {
    let Some(files) = part.files() else {
        return trail.error(
            part.name(),
            "SYSLINUX is in its boot sector, and its files cannot be read",
            "use vfat or ext",
        );
    };
    let is_core = |entry: &&imgc_image::Entry| entry.name().eq_ignore_ascii_case(b"ldlinux.sys");
    let Some(entry) = files.entries().iter().find(is_core) else {
        return trail.error(
            part.name(),
            "SYSLINUX's boot sector loads ldlinux.sys, and there is none",
            "install SYSLINUX again",
        );
    };
    let path = entry.path.to_string();
    trail.step(part.path(&path));
    let core = match files.read(entry, LONGEST) {
        Ok(core) => core,
        Err(why) => return trail.error(part.path(&path), format!("it {why}"), ""),
    };
    let Some(fields) = fields(&core) else {
        return trail.error(
            part.path(&path),
            "its fields are not where SYSLINUX 6 has them: it is damaged, or of another version",
            "install SYSLINUX again",
        );
    };
    if fields.sum != MAGIC {
        trail.error(
            part.path(&path),
            "its checksum is wrong, so SYSLINUX does not start it",
            "install SYSLINUX again",
        );
    }
    let said = number(boot, fields.first, 4);
    let lies = files.runs(entry).first().map(|run| run.offset / SECTOR);
    if let (Some(said), Some(lies)) = (said, lies)
        && said != lies
    {
        let message = format!(
            "it loads ldlinux.sys from sector {said} of the partition, and that lies at sector {lies}"
        );
        trail.error(format!("the boot sector of {}", part.name()), message, "install SYSLINUX again");
    }
    let directory = entry.parent().unwrap_or_default();
    let directory = String::from_utf8_lossy(directory).into_owned();
    configuration(part, files, &absolute("", &directory), trail);
}

struct Fields {
    /// What the dwords sum up to.
    sum: u32,
    /// Where in the boot sector the first sector's number is.
    first: usize,
}

fn fields(core: &[u8]) -> Option<Fields> {
    if number(core, AREA, 4)? != u64::from(MAGIC) {
        return None;
    }
    let dwords = usize::try_from(number(core, AREA + DWORDS, 4)?).ok()?;
    let extended = usize::try_from(number(core, AREA + EXTENDED, 2)?).ok()?;
    let first = usize::try_from(number(core, extended + 14, 2)?).ok()?;
    let summed = core.get(..dwords.checked_mul(4)?)?;
    let words = summed.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
    Some(Fields { sum: words.fold(0, u32::wrapping_add), first })
}

/// Follows an `isolinux.bin` that lies at this byte of the disk.
pub(super) fn isolinux(disk: &Disk<'_>, at: u64, trail: &mut Trail) {
    let whole = &disk.parts[0];
    let Some(files) = whole.files() else {
        return trail.error(
            "the volume",
            "ISOLINUX reads its files from an ISO 9660 volume, and there is none",
            "",
        );
    };
    let here = |entry: &&imgc_image::Entry| {
        len(entry) > 0
            && entry.name().ends_with(b".bin")
            && files.runs(entry).first().is_some_and(|run| run.offset == at)
    };
    let found = files.entries().iter().find(here);
    let directory = found.and_then(imgc_image::Entry::parent).unwrap_or_default();
    configuration(whole, files, &absolute("", &String::from_utf8_lossy(directory)), trail);
}

/// Finds the configuration, and checks what it names.
fn configuration(part: &Part<'_>, files: &Files<'_>, own: &str, trail: &mut Trail) {
    let directories: Vec<&str> = std::iter::once(own).chain(DIRECTORIES).collect();
    let module =
        |name: &str| directories.iter().any(|directory| files.file(&format!("{directory}/{name}")).is_some());
    if !module("ldlinux.c32") {
        let place = part.path(format!("{own}/ldlinux.c32"));
        trail.error(
            place,
            "SYSLINUX needs it before anything else, and it is missing",
            "copy it from SYSLINUX's files",
        );
    }
    let mut candidates =
        directories.iter().flat_map(|directory| NAMES.map(|name| format!("{directory}/{name}")));
    let Some(path) = candidates.find(|path| files.file(path).is_some()) else {
        return trail.error(
            part.name(),
            "SYSLINUX finds no configuration",
            "put one beside ldlinux.sys or isolinux.bin",
        );
    };
    trail.step(part.path(&path));
    let mut reading =
        Reading { part, files, directories: &directories, open: vec![path], read: 0, entries: 0, missing: 0 };
    while let Some(path) = reading.open.pop() {
        reading.file(&path, trail);
    }
    let files = if reading.missing == 0 {
        "all files there".to_owned()
    } else {
        format!("{} missing", reading.missing)
    };
    trail.step(format!(
        "{} {}, {files}",
        reading.entries,
        if reading.entries == 1 { "entry" } else { "entries" }
    ));
}

struct Reading<'c> {
    part: &'c Part<'c>,
    files: &'c Files<'c>,
    directories: &'c [&'c str],
    open: Vec<String>,
    read: usize,
    entries: usize,
    missing: usize,
}

impl Reading<'_> {
    fn file(&mut self, path: &str, trail: &mut Trail) {
        self.read += 1;
        let Some(entry) = self.files.file(path).filter(|_| self.read <= MOST_FILES) else { return };
        let text = match self.files.text(entry) {
            Ok(text) => text,
            Err(why) => return trail.error(self.part.path(path), format!("it {why}"), ""),
        };
        let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
        for (line, text) in (1..).zip(text.lines()) {
            let place = format!("line {line} of {}", self.part.path(path));
            self.line(directory, text, &place, trail);
        }
    }

    fn line(&mut self, directory: &str, text: &str, place: &str, trail: &mut Trail) {
        let (command, rest) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), ""));
        let first = rest.split_whitespace().next().unwrap_or_default();
        match command.to_ascii_lowercase().as_str() {
            "label" => self.entries += 1,
            "kernel" | "linux" | "com32" | "ui" | "fdt" => {
                self.named(directory, command, first, place, trail);
            }
            "initrd" => first.split(',').for_each(|path| self.named(directory, command, path, place, trail)),
            "append" => {
                let initrds = rest.split_whitespace().filter_map(|word| word.strip_prefix("initrd="));
                initrds
                    .flat_map(|paths| paths.split(','))
                    .for_each(|path| self.named(directory, "initrd=", path, place, trail));
            }
            "include" | "config" if self.open.len() < MOST_FILES => {
                self.named(directory, command, first, place, trail);
                self.open.push(absolute(directory, first));
            }
            _ => {}
        }
    }

    fn named(&mut self, directory: &str, command: &str, path: &str, place: &str, trail: &mut Trail) {
        // A name with colons is on a network.
        if path.is_empty() || path.contains(':') || self.files.file(&absolute(directory, path)).is_some() {
            return;
        }
        // Modules are looked for where SYSLINUX's own are.
        let is_module = path.ends_with(".c32");
        if is_module
            && self.directories.iter().any(|directory| self.files.file(&absolute(directory, path)).is_some())
        {
            return;
        }
        self.missing += 1;
        let message = format!("`{command}` names {path}, and there is no such file");
        trail.error(place, message, "mend the path, or put the file there");
    }
}

/// A path from a directory on.
fn absolute(directory: &str, path: &str) -> String {
    let path = if path.starts_with('/') { path.to_owned() } else { format!("{directory}/{path}") };
    path.trim_end_matches('/').to_owned()
}
