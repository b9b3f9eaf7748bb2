//! A FAT filesystem as text: boot sector, FSInfo, and the directories with the clusters of everything in them.

use std::{
    collections::BTreeSet,
    fmt::{self, Write},
};

use imgc_image::{Failure, Problem, ReadAt};

use super::{
    boot,
    geometry::{Geometry, Width},
};

/// The most directory entries that are shown: hostile images could have more than fit into memory.
const MAX_ENTRIES: usize = 1 << 20;

/// Directories below paths of more bytes are not entered.
const MAX_PATH: usize = 32 << 10;

/// Shows the structures.
///
/// # Errors
/// When the image cannot be read, or is no FAT.
pub fn dump(image: &dyn ReadAt) -> Result<String, Failure> {
    let mut boot = [0; 512];
    if image.len() < 512 {
        return Err(not_fat("it is shorter than a sector").into());
    }
    image.read_at(0, &mut boot)?;
    let geometry = geometry_of(&boot).map_err(not_fat)?;
    if geometry.sectors * geometry.sector > image.len() {
        return Err(not_fat("it is longer than the image").into());
    }
    let mut out = String::new();
    show_boot(&boot, &geometry, &mut out).expect("because a String takes everything");
    // Every cluster is walked twice at most, unless chains cross.
    let steps = 2 * geometry.clusters;
    let mut walk = Walk { image, geometry, seen: BTreeSet::new(), shown: 0, steps, out };
    walk.fs_info(&boot)?;
    let root = match geometry.width {
        Width::Fat32 => walk.chain_bytes(field(&boot, 44, 4))?,
        _ => walk.read(geometry.root_at(), geometry.root_sectors * geometry.sector)?,
    };
    let mut open = walk.directory("/", &root)?;
    while let Some((path, first)) = open.pop() {
        let bytes = walk.chain_bytes(first)?;
        open.extend(walk.directory(&path, &bytes)?);
    }
    Ok(walk.out)
}

fn not_fat(why: impl fmt::Display) -> Problem {
    Problem::new("not-this-filesystem", format!("this is no FAT filesystem: {why}"))
}

/// A little-endian number of up to four bytes.
pub(super) fn field(bytes: &[u8], at: usize, len: usize) -> u32 {
    bytes[at..at + len].iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte))
}

pub(super) fn geometry_of(boot: &[u8; 512]) -> Result<Geometry, &'static str> {
    let number = |at, len| u64::from(field(boot, at, len));
    let either = |short: u64, long: u64| if short == 0 { long } else { short };
    let (sector, per_cluster) = (number(11, 2), number(13, 1));
    if boot[510..] != [0x55, 0xaa] {
        return Err("its first sector does not end with 55 aa");
    }
    if !matches!(sector, 512 | 1024 | 2048 | 4096) || !per_cluster.is_power_of_two() {
        return Err("its sectors or clusters have no size that FAT knows");
    }
    let (reserved, fats) = (number(14, 2), number(16, 1));
    let root_sectors = (number(17, 2) * 32).div_ceil(sector);
    let fat_sectors = either(number(22, 2), number(36, 4));
    let sectors = either(number(19, 2), number(32, 4));
    let before = reserved + fats * fat_sectors + root_sectors;
    let clusters = sectors.checked_sub(before).ok_or("its FATs are larger than itself")? / per_cluster;
    let width = match clusters {
        // Other tools make small ones, too: without a size of 16 bits the FAT is one of FAT32 (Linux `fs/fat/inode.c`).
        _ if number(22, 2) == 0 => Width::Fat32,
        ..4085 => Width::Fat12,
        4085..65525 => Width::Fat16,
        _ => Width::Fat32,
    };
    if (clusters + 2) * width.bits() > fat_sectors * sector * 8 {
        return Err("its FAT is too small for its clusters");
    }
    Ok(Geometry { width, sector, per_cluster, reserved, fats, fat_sectors, root_sectors, sectors, clusters })
}

fn show_boot(boot: &[u8; 512], geometry: &Geometry, out: &mut String) -> fmt::Result {
    let extended = if geometry.width == Width::Fat32 { 64 } else { 36 };
    let text = |at: usize, len: usize| boot[at..at + len].escape_ascii().to_string();
    writeln!(out, "{} in {} sectors of {} bytes", geometry.width, geometry.sectors, geometry.sector)?;
    writeln!(out, "  made by   \"{}\"", text(3, 8))?;
    writeln!(out, "  media     0x{:02x}", boot[21])?;
    writeln!(out, "  hidden    {} sectors", field(boot, 0x1c, 4))?;
    let serial = field(boot, extended + 3, 4);
    writeln!(out, "  serial    {:04x}-{:04x}", serial >> 16, serial & 0xffff)?;
    writeln!(out, "  label     \"{}\"", text(extended + 7, 11))?;
    writeln!(out, "  reserved  {} sectors", geometry.reserved)?;
    writeln!(
        out,
        "  fats      {} of {} sectors from byte {}",
        geometry.fats,
        geometry.fat_sectors,
        geometry.fat_at(0)
    )?;
    if geometry.root_sectors > 0 {
        writeln!(out, "  root      {} sectors from byte {}", geometry.root_sectors, geometry.root_at())?;
    }
    let first = geometry.cluster_at(2);
    writeln!(out, "  clusters  {} of {} bytes from byte {first}", geometry.clusters, geometry.cluster_bytes())
}

struct Walk<'a> {
    image: &'a dyn ReadAt,
    geometry: Geometry,
    /// First clusters of directories that were shown, so that a loop ends.
    seen: BTreeSet<u32>,
    shown: usize,
    /// How many more clusters may be walked, so that chains that cross do not take for ever.
    steps: u64,
    out: String,
}

impl Walk<'_> {
    fn line(&mut self, line: fmt::Arguments<'_>) {
        writeln!(self.out, "{line}").expect("because a String takes everything");
    }

    fn read(&self, at: u64, len: u64) -> Result<Vec<u8>, Failure> {
        let mut buf = vec![0; usize::try_from(len).map_err(|_| not_fat("a directory is too long"))?];
        self.image.read_at(at, &mut buf)?;
        Ok(buf)
    }

    fn fs_info(&mut self, boot: &[u8; 512]) -> Result<(), Failure> {
        if self.geometry.width != Width::Fat32 {
            return Ok(());
        }
        let info = self.read(boot::FS_INFO * self.geometry.sector, 512)?;
        let backup = self.read(boot::BACKUP * self.geometry.sector, 512)?;
        let same = if backup == boot { "equal" } else { "different" };
        self.line(format_args!(
            "  free      {} clusters, next {}",
            field(&info, 488, 4),
            field(&info, 492, 4)
        ));
        self.line(format_args!("  backup    {same}, at sector {}", boot::BACKUP));
        Ok(())
    }

    /// What the FAT says of a cluster.
    fn next(&self, cluster: u32) -> Result<u32, Failure> {
        let bits = self.geometry.width.bits();
        let bit = u64::from(cluster) * bits;
        let bytes = self.read(self.geometry.fat_at(0) + bit / 8, bits.div_ceil(8))?;
        let value = field(&bytes, 0, bytes.len());
        Ok(match self.geometry.width {
            Width::Fat12 if bit % 8 == 4 => value >> 4,
            Width::Fat12 => value & 0xfff,
            Width::Fat16 => value,
            Width::Fat32 => value & 0x0fff_ffff,
        })
    }

    /// The clusters of a chain as runs of (first, count); broken chains end where they break.
    fn chain(&mut self, first: u32) -> Result<Vec<(u32, u32)>, Failure> {
        let mut runs: Vec<(u32, u32)> = Vec::new();
        let mut cluster = first;
        while self.steps > 0 && cluster >= 2 && u64::from(cluster) < self.geometry.clusters + 2 {
            match runs.last_mut() {
                Some((start, count)) if *start + *count == cluster => *count += 1,
                _ => runs.push((cluster, 1)),
            }
            cluster = self.next(cluster)?;
            self.steps -= 1;
        }
        Ok(runs)
    }

    /// The content of a directory: at most 2 MiB.
    fn chain_bytes(&mut self, first: u32) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        for (start, count) in self.chain(first)? {
            for cluster in start..start + count {
                if bytes.len() >= 2 << 20 {
                    return Ok(bytes);
                }
                bytes.extend(self.read(self.geometry.cluster_at(cluster), self.geometry.cluster_bytes())?);
            }
        }
        Ok(bytes)
    }

    /// Shows one directory, and gives those in it with their first clusters, last one first.
    fn directory(&mut self, path: &str, bytes: &[u8]) -> Result<Vec<(String, u32)>, Failure> {
        self.line(format_args!("{path}"));
        let mut long: Vec<u16> = Vec::new();
        let mut below = Vec::new();
        for entry in bytes.chunks_exact(32).take_while(|entry| entry[0] != 0) {
            self.shown += 1;
            if self.shown > MAX_ENTRIES {
                self.line(format_args!("  … and more"));
                return Ok(Vec::new());
            }
            match entry[11] {
                _ if entry[0] == 0xe5 => {}
                0x0f => long.splice(0..0, units(entry)).for_each(drop),
                _ => {
                    let name = String::from_utf16_lossy(&std::mem::take(&mut long));
                    self.entry(entry, &name)?;
                    let first = field(entry, 20, 2) << 16 | field(entry, 26, 2);
                    let new = entry[11] & 0x18 == 0x10 && entry[0] != b'.' && path.len() < MAX_PATH;
                    if new && self.seen.insert(first) {
                        let shown = if name.is_empty() { short(entry) } else { name };
                        below.push((format!("{path}{}/", shown.escape_debug()), first));
                    }
                }
            }
        }
        below.reverse();
        Ok(below)
    }

    fn entry(&mut self, entry: &[u8], long: &str) -> Result<(), Failure> {
        let kind = match entry[11] {
            attr if attr & 0x08 != 0 => "label",
            attr if attr & 0x10 != 0 => "dir",
            _ => "file",
        };
        let (date, time) = (field(entry, 24, 2), field(entry, 22, 2));
        let date = format!("{}-{:02}-{:02}", 1980 + (date >> 9), date >> 5 & 15, date & 31);
        let time = format!("{:02}:{:02}:{:02}", time >> 11, time >> 5 & 63, (time & 31) * 2);
        let first = field(entry, 20, 2) << 16 | field(entry, 26, 2);
        let runs: Vec<String> = match first {
            0 => Vec::new(),
            _ => self.chain(first)?.iter().map(|(start, count)| format!("{start}+{count}")).collect(),
        };
        let long = if long.is_empty() { String::new() } else { format!(" \"{}\"", long.escape_debug()) };
        let (name, len, runs) = (short(entry), field(entry, 28, 4), runs.join(","));
        self.line(format_args!("  {kind:<5} {name:<12} {len:>10} {date}T{time} [{runs}]{long}"));
        Ok(())
    }
}

fn short(entry: &[u8]) -> String {
    let base = entry[..8].trim_ascii_end().escape_ascii().to_string();
    match entry[8..11].trim_ascii_end() {
        b"" => base,
        // A label has no dot in it.
        rest if entry[11] & 0x08 != 0 => format!("{}{}", entry[..8].escape_ascii(), rest.escape_ascii()),
        extension => format!("{base}.{}", extension.escape_ascii()),
    }
}

/// The units of a piece of a long name, up to its end.
pub(super) fn units(entry: &[u8]) -> Vec<u16> {
    let places = (1..11).step_by(2).chain((14..26).step_by(2)).chain((28..32).step_by(2));
    let unit = |at: usize| u16::from_le_bytes([entry[at], entry[at + 1]]);
    places.map(unit).take_while(|unit| *unit != 0 && *unit != 0xffff).collect()
}
