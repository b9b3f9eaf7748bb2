//! Swap space as it is read: what its header says. There are no files in it.

use std::io::Write;

use imgc_image::{Failure, Problem, ReadAt, Tree};
use imgc_plan::{Data, Record, ids::uuid_layout};

use super::{INFO, LABEL, VERSION, find};
use crate::fs::{Run, Volume};

/// Swap space whose header makes sense.
pub(super) struct Space {
    header: Vec<u8>,
    page: u64,
    /// Pages, the one with the header too.
    pages: u64,
}

/// Opens it; `None` when it is no swap space.
///
/// # Errors
/// When it is damaged, or was made by a machine of the other byte order.
pub(super) fn open(image: &dyn ReadAt) -> Result<Option<Space>, Failure> {
    let Some((header, page)) = find(image)? else { return Ok(None) };
    let number =
        |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("because it is four bytes"));
    if number(INFO) != VERSION {
        let message = format!("this swap space says that it has the version {:#x}", number(INFO));
        let help = "only version 1 in little-endian order is read";
        return Err(Problem::new("filesystem-unsupported", message).help(help).into());
    }
    let pages = u64::from(number(INFO + 4)) + 1;
    if pages < 2 || pages * page > image.len() {
        let message =
            format!("the swap space is damaged: it has {pages} pages, but there is no room for so many");
        let message = if pages < 2 { "the swap space is damaged: it has no pages".into() } else { message };
        return Err(Problem::new("filesystem-damaged", message).into());
    }
    Ok(Some(Space { header, page, pages }))
}

impl Volume for Space {
    fn facts(&self) -> Record {
        let mut uuid = [0; 16];
        uuid.copy_from_slice(&self.header[INFO + 12..][..16]);
        let label = self.header[INFO + 28..][..LABEL].split(|byte| *byte == 0).next().unwrap_or_default();
        Record::from([
            ("label".into(), Data::Text(String::from_utf8_lossy(label).into_owned())),
            ("uuid".into(), Data::Text(uuid_layout(uuid))),
            ("block-size".into(), Data::from(self.page)),
            ("len".into(), Data::from(self.pages * self.page)),
        ])
    }

    fn tree(&self) -> Result<Tree, Failure> {
        Err(no_files())
    }

    fn copy(&self, _: &[u8], _: &mut dyn Write) -> Result<(), Failure> {
        Err(no_files())
    }

    fn extents(&self, _: &[u8]) -> Result<Vec<Run>, Failure> {
        Err(no_files())
    }
}

fn no_files() -> Failure {
    Problem::new("no-files", "swap space holds no files").into()
}
