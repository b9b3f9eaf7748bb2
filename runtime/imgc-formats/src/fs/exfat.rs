//! exFAT (Microsoft "exFAT file system specification", revision 1.00).
//!
//! ```text
//! boot region | its backup | FAT | clusters: bitmap, up-case table, root directory; then directories, then files, each in one piece
//! ```
//!
//! Nothing before the root directory depends on the tree but a count, so [`mod@boot`] can be made again for a stamp. [`geometry`] says
//! where everything lies, [`survey`] what a tree needs, [`mod@write`] puts it; [`read`] opens what anyone made.

mod boot;
mod dump;
mod entries;
mod geometry;
mod options;
mod read;
mod survey;
#[cfg(test)]
mod tests;
pub(super) mod upcase;
mod write;

use imgc_image::{BytesBuilder, Failure, Problem, ReadAt, Tree};
use imgc_plan::{
    Family, Kind, Record,
    kind::{FilesystemTraits, OptionProblem, Traits},
    units::{approximate_size, format_size},
};

use self::{geometry::Geometry, options::Options, read::Image, survey::Survey};
use super::{Filesystem, Volume};

/// The kind.
pub struct Exfat;

static KIND: Kind = Kind {
    family: Family::Filesystem,
    name: "exfat",
    doc: "exFAT: files beyond 4 GiB on memory cards and sticks, for every machine. It holds no owners, modes, extended \
          attributes, links or devices: what is left out is warned of, and hard links become copies.",
    since: "0.1.0",
    options: &options::OPTIONS,
    traits: Traits::Filesystem(FilesystemTraits {
        takes_tree: true,
        own_length: false,
        stamps_start: true,
        system_area: 0,
        folds_case: true,
        default_type: "exfat",
    }),
};

impl Filesystem for Exfat {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn check(&self, options: &Record) -> Vec<OptionProblem> {
        options::check(options)
    }

    fn check_len(&self, options: &Record, len: u64) -> Option<Problem> {
        let options = Options::of(options);
        let survey = Survey::of(&options, None).ok()?;
        fitting(&options, &survey, len).is_none().then(|| too_large(&options, &survey, len))
    }

    fn measure(&self, options: &Record, tree: Option<&Tree>) -> Result<u64, Failure> {
        let options = Options::of(options);
        Ok(least(&options, &Survey::of(&options, tree)?)?)
    }

    fn write(
        &self,
        options: &Record,
        tree: Option<&Tree>,
        len: u64,
        out: &mut BytesBuilder<'_>,
    ) -> Result<Vec<Problem>, Failure> {
        let options = Options::of(options);
        let survey = Survey::of(&options, tree)?;
        let geometry = fitting(&options, &survey, len).ok_or_else(|| too_large(&options, &survey, len))?;
        write::write(&options, &geometry, &survey, out)?;
        Ok(survey.into_losses())
    }

    /// The partition's first sector in both boot sectors, and the checksums of both regions.
    fn stamp(&self, options: &Record, len: u64, start_sector: u64) -> Vec<(u64, Vec<u8>)> {
        let options = Options::of(options);
        let Some(geometry) = geometry::choose(&options, len / options.sector) else { return Vec::new() };
        let region = boot::region(&options, &geometry, start_sector, 0);
        let checksum = boot::CHECKSUM * options.sector;
        let sums =
            &region[region.len() - usize::try_from(options.sector).expect("because sectors are small")..];
        let regions = [0, boot::SECTORS * options.sector];
        let pieces = regions.map(|at| {
            let offset = at + boot::PARTITION_OFFSET as u64;
            [(offset, start_sector.to_le_bytes().to_vec()), (at + checksum, sums.to_vec())]
        });
        pieces.into_iter().flatten().collect()
    }

    fn dump(&self, image: &dyn ReadAt) -> Result<String, Failure> {
        dump::dump(image)
    }

    fn open<'a>(&self, image: &'a dyn ReadAt) -> Result<Option<Box<dyn Volume + 'a>>, Failure> {
        Ok(Image::open(image)?.map(|image| Box::new(image) as Box<dyn Volume + 'a>))
    }
}

/// The least length in bytes that holds the tree.
fn least(options: &Options, survey: &Survey<'_>) -> Result<u64, Problem> {
    let sectors = geometry::least(options, |cluster| survey.clusters(cluster));
    sectors.map(|sectors| sectors * options.sector).ok_or_else(|| {
        Problem::new("tree-too-large", "no exFAT with these options is large enough for the tree")
            .help("leave `cluster-size` out, or choose a larger one")
    })
}

/// The geometry of this length, if it holds the tree.
fn fitting(options: &Options, survey: &Survey<'_>, len: u64) -> Option<Geometry> {
    geometry::choose(options, len / options.sector).filter(|geometry| {
        let bitmap = geometry.clusters_of(geometry.bitmap_bytes());
        survey.clusters(geometry.cluster_bytes()).saturating_add(bitmap) <= geometry.clusters
    })
}

fn too_large(options: &Options, survey: &Survey<'_>, len: u64) -> Problem {
    match least(options, survey) {
        // Automatic clusters grow with the length, so a larger filesystem can hold less than a smaller one.
        Ok(least) if least <= len => {
            let size = format_size(len);
            let message =
                format!("the tree does not fit into {size} with the clusters of a filesystem of that size");
            Problem::new("tree-too-large", message)
                .help("set `cluster-size` to a smaller one, or make the filesystem larger")
        }
        Ok(need) => {
            let message = format!(
                "the tree needs {need} bytes ({}) as exfat; there are {len}, {} too few",
                approximate_size(need),
                need - len
            );
            Problem::new("tree-too-large", message)
                .help(format!("make it {} or larger", format_size(need.next_multiple_of(1 << 20))))
        }
        Err(problem) => problem,
    }
}
