//! Reads a volume, whoever made it, every field taken for hostile: Rock Ridge where it is, else Joliet, else plain names.

mod fields;
mod scan;
mod source;

use std::{collections::BTreeMap, io};

use imgc_image::{Failure, Problem, ReadAt, Tree};
use imgc_plan::{Data, Record};

pub use self::{
    fields::{Rock, fields, find_skip},
    source::{Descriptor, Source},
};
use super::{
    super::{Run, Volume, runs::Runs},
    time,
};

/// A mistake in the image.
pub fn damaged(what: impl std::fmt::Display) -> Failure {
    Problem::new("damaged-filesystem", format!("the ISO 9660 filesystem is damaged: {what}")).into()
}

/// Opens a volume; `None` when it is not ISO 9660.
///
/// # Errors
/// When it is, but damaged.
pub fn open<'a>(image: &'a dyn ReadAt) -> Result<Option<Box<dyn Volume + 'a>>, Failure> {
    let Some(source) = Source::open(image)? else { return Ok(None) };
    let (tree, spots) = scan::scan(&source)?;
    Ok(Some(Box::new(Iso { source, tree, spots })))
}

/// Where contents lie, by path: (first byte, length) of each section.
type Spots = BTreeMap<Vec<u8>, Vec<(u64, u64)>>;

/// A volume that was read.
struct Iso<'a> {
    source: Source<'a>,
    tree: Tree,
    spots: Spots,
}

impl Volume for Iso<'_> {
    fn facts(&self) -> Record {
        let primary = &self.source.primary;
        let len = primary.sectors * self.source.block;
        let mut facts = Record::new();
        facts.insert("label".into(), Data::Text(String::from_utf8_lossy(&primary.volume).into_owned()));
        facts.insert("block-size".into(), Data::from(self.source.block));
        facts.insert("len".into(), Data::from(len));
        facts.insert("used".into(), Data::from(len));
        // The UUID that GRUB and blkid make of the time of modification, digit by digit, else of creation.
        let stamp =
            [primary.modified, primary.created].into_iter().find(|stamp| time::read_long(stamp).is_some());
        if let Some(stamp) = stamp {
            let digits = String::from_utf8_lossy(&stamp[..16]).into_owned();
            let parts = [0..4, 4..6, 6..8, 8..10, 10..12, 12..14, 14..16].map(|part| digits[part].to_owned());
            facts.insert("uuid".into(), Data::Text(parts.join("-")));
        }
        facts
    }

    fn tree(&self) -> Result<Tree, Failure> {
        Ok(self.tree.clone())
    }

    fn copy(&self, path: &[u8], out: &mut dyn io::Write) -> Result<(), Failure> {
        let mut buf = vec![0; 1 << 16];
        for (start, len) in self.sections(path)? {
            let mut done = 0;
            while done < *len {
                let now = usize::try_from(len - done).map_or(buf.len(), |left| left.min(buf.len()));
                self.source.image.read_at(start + done, &mut buf[..now])?;
                out.write_all(&buf[..now])?;
                done += now as u64;
            }
        }
        Ok(())
    }

    fn extents(&self, path: &[u8]) -> Result<Vec<Run>, Failure> {
        let mut runs = Runs::default();
        self.sections(path)?.iter().try_for_each(|(start, len)| runs.push(*start, *len))?;
        Ok(runs.finish())
    }
}

impl Iso<'_> {
    /// Where a file's sections lie.
    fn sections(&self, path: &[u8]) -> Result<&[(u64, u64)], Failure> {
        self.spots.get(path).map(Vec::as_slice).ok_or_else(|| {
            let path = path.escape_ascii();
            Problem::new("no-such-file", format!("there is no file /{path} in the image")).into()
        })
    }
}
