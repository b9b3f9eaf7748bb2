//! FAT12, FAT16 and FAT32 with long names (Microsoft "FAT: General Overview of On-Disk Format", 1.03).
//!
//! ```text
//! reserved sectors | FATs | root directory (FAT12, FAT16) | clusters: directories first, then files, each in one piece
//! ```

mod boot;
mod dump;
mod geometry;
pub(super) mod names;
mod options;
mod read;
pub(super) mod survey;
mod table;
pub(super) mod time;
mod write;

use imgc_image::{BytesBuilder, Failure, Problem, ReadAt, Tree};
use imgc_plan::{
    Family, Kind, Record,
    kind::{FilesystemTraits, OptionProblem, Traits},
    units::{approximate_size, format_size},
};
pub use read::fat_bits;

use self::{geometry::Geometry, geometry::Width, options::Options, survey::Survey};
use super::{Filesystem, Volume};

/// The FAT family.
pub struct Vfat;

static KIND: Kind = Kind {
    family: Family::Filesystem,
    name: "vfat",
    doc: "FAT12, FAT16 or FAT32 with long names: EFI system partitions, and files for every machine. Times have \
          steps of two seconds, from 1980 to 2107. It holds no owners, modes, extended attributes, links or devices: what is left \
          out is warned of, and hard links become copies.",
    since: "0.1.0",
    options: &options::OPTIONS,
    traits: Traits::Filesystem(FilesystemTraits {
        takes_tree: true,
        own_length: false,
        stamps_start: true,
        system_area: 0,
        folds_case: true,
        default_type: "basic-data",
    }),
};

impl Filesystem for Vfat {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn check(&self, options: &Record) -> Vec<OptionProblem> {
        options::check(options)
    }

    fn check_len(&self, options: &Record, len: u64) -> Option<Problem> {
        let options = Options::of(options);
        geometry::choose(&options, len / options.sector).is_none().then(|| no_geometry(&options, len))
    }

    fn measure(&self, options: &Record, tree: Option<&Tree>) -> Result<u64, Failure> {
        let options = Options::of(options);
        let survey = Survey::of(tree, options.label.is_some())?;
        let geometry = least(&options, &survey)?;
        check_root(&options, &geometry, &survey)?;
        Ok(geometry.sectors * options.sector)
    }

    fn write(
        &self,
        options: &Record,
        tree: Option<&Tree>,
        len: u64,
        out: &mut BytesBuilder<'_>,
    ) -> Result<Vec<Problem>, Failure> {
        let options = Options::of(options);
        let survey = Survey::of(tree, options.label.is_some())?;
        let geometry =
            geometry::choose(&options, len / options.sector).ok_or_else(|| no_geometry(&options, len))?;
        check_root(&options, &geometry, &survey)?;
        if survey.clusters(&geometry) > geometry.clusters {
            return Err(too_large(&options, &survey, len).into());
        }
        write::write(&options, &geometry, &survey, out)?;
        Ok(survey.into_losses())
    }

    fn stamp(&self, options: &Record, len: u64, start_sector: u64) -> Vec<(u64, Vec<u8>)> {
        let options = Options::of(options);
        // The field has 32 bits; on larger disks every writer leaves 0, and readers there go by the table.
        let hidden = u32::try_from(start_sector).unwrap_or(0).to_le_bytes().to_vec();
        let mut pieces = vec![(boot::HIDDEN, hidden.clone())];
        let geometry = geometry::choose(&options, len / options.sector);
        if geometry.is_some_and(|geometry| geometry.width == Width::Fat32) {
            pieces.push((boot::BACKUP * options.sector + boot::HIDDEN, hidden));
        }
        pieces
    }

    fn dump(&self, image: &dyn ReadAt) -> Result<String, Failure> {
        dump::dump(image)
    }

    fn open<'a>(&self, image: &'a dyn ReadAt) -> Result<Option<Box<dyn Volume + 'a>>, Failure> {
        read::open(image)
    }
}

/// The least geometry that holds the tree.
fn least(options: &Options, survey: &Survey<'_>) -> Result<Geometry, Problem> {
    geometry::least(options, |geometry| survey.clusters(geometry)).ok_or_else(|| {
        Problem::new("tree-too-large", "no FAT with these options is large enough for the tree")
            .help("leave `fat` and `cluster-size` out, or choose larger ones")
    })
}

/// The root directory of FAT12 and FAT16 does not grow.
fn check_root(options: &Options, geometry: &Geometry, survey: &Survey<'_>) -> Result<(), Problem> {
    let slots = u64::from(survey.root_slots());
    if geometry.width == Width::Fat32 || slots <= options.root_entries {
        return Ok(());
    }
    let message = format!(
        "the root directory needs {slots} entries, and a {} has room for {} (a long name takes several)",
        geometry.width, options.root_entries
    );
    let step = options.sector / 32;
    Err(Problem::new("root-directory-too-large", message).help(format!(
        "set `root-entries` to {} or more, put files into directories, or set `fat` to \"32\"",
        slots.next_multiple_of(step)
    )))
}

fn too_large(options: &Options, survey: &Survey<'_>, len: u64) -> Problem {
    match least(options, survey) {
        // Automatic clusters grow with the length, so a larger filesystem can hold less than a smaller one.
        Ok(least) if least.sectors * options.sector < len => Problem::new(
            "tree-too-large",
            format!(
                "the tree does not fit into {} with the clusters of a filesystem of that size",
                format_size(len)
            ),
        )
        .help("set `cluster-size` to a smaller one, or make the filesystem larger"),
        Ok(least) => {
            let need = least.sectors * options.sector;
            let message = format!(
                "the tree needs {need} bytes ({}) as vfat; there are {len}, {} too few",
                approximate_size(need),
                need - len
            );
            Problem::new("tree-too-large", message)
                .help(format!("make it {} or larger", format_size(need.next_multiple_of(1 << 20))))
        }
        Err(problem) => problem,
    }
}

/// Why no geometry of the wanted kind has this length.
fn no_geometry(options: &Options, len: u64) -> Problem {
    let name = options.fat.map_or("FAT".to_owned(), |width| width.to_string());
    let size = format!("{len} bytes ({})", approximate_size(len));
    match geometry::least(options, |_| 1) {
        Some(least) if least.sectors * options.sector > len => {
            let need = (least.sectors * options.sector).next_multiple_of(1 << 10);
            Problem::new("tree-too-large", format!("a {name} with these options cannot be as small as {size}"))
                .help(format!("make it {} or larger, or leave `fat` and `cluster-size` out", format_size(need)))
        }
        // BPB_TotSec32 has 32 bits (FAT 1.03, section 3.1).
        _ if len / options.sector > u32::MAX.into() => {
            let most = u64::from(u32::MAX) * options.sector;
            let message = format!("FAT counts up to {} sectors: {most} bytes are the most, not {size}", u32::MAX);
            Problem::new("fat-geometry", message).help("make it smaller, use larger sectors, or use `exfat`")
        }
        _ => Problem::new("fat-geometry", format!("a {name} with these options cannot have {size}"))
            .help("leave `fat` and `cluster-size` out, or choose others: FAT12 has up to 4084 clusters, FAT16 4085 to 65524, FAT32 more"),
    }
}

#[cfg(test)]
mod tests;
