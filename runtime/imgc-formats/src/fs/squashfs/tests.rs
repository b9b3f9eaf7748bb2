//! What unsquashfs says, what our own reader gives back, pinned bytes, and what is refused.

mod bytes;
mod hostile;
mod oracle;
mod reading;
mod refused;
mod trees;

use std::sync::Arc;

use imgc_image::{Bytes, BytesBuilder, Failure, MemoryStore, Problem, Reader, Tree};
use imgc_plan::{Data, Record};

use super::Squashfs;
use crate::fs::{Filesystem, Volume};

/// The time at which everything in these tests was made.
const EPOCH: i64 = 1_700_000_000;

/// Every compressor.
const METHODS: [&str; 5] = ["none", "gzip", "xz", "lz4", "zstd"];

/// Options with their defaults, and these.
fn options(given: &[(&str, Data)]) -> Record {
    let mut record = Record::from([("epoch".to_owned(), Data::Int(EPOCH))]);
    record.extend(given.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    assert_eq!(Squashfs.check(&record), [], "{record:?}");
    record
}

/// A finished image and what it is made of.
struct Made {
    bytes: Arc<Bytes>,
    warnings: Vec<Problem>,
}

fn make(options: &Record, tree: &Tree, store: &MemoryStore) -> Result<Made, Failure> {
    let mut out = BytesBuilder::new(store);
    let warnings = Squashfs.write(options, Some(tree), 0, &mut out)?;
    let len = out.chosen_len().expect("a squashfs says its length");
    Ok(Made { bytes: Arc::new(out.finish(len).expect("pieces do not overlap")), warnings })
}

impl Made {
    fn reader<'r>(&'r self, store: &'r MemoryStore) -> Reader<'r> {
        Reader::new(&self.bytes, store)
    }

    fn image(&self, store: &MemoryStore) -> Vec<u8> {
        self.reader(store).read_all(1 << 30).expect("it reads")
    }
}

/// Opens an image that must be one.
fn open<'a>(reader: &'a dyn imgc_image::ReadAt) -> Box<dyn Volume + 'a> {
    Squashfs.open(reader).expect("it is sound").expect("it is a squashfs")
}

/// The codes of the problems, in order.
fn codes(failure: Failure) -> Vec<&'static str> {
    match failure {
        Failure::Problems(problems) => {
            assert!(problems.iter().all(|problem| problem.help.is_some()), "{problems:?}");
            problems.iter().map(|problem| problem.code).collect()
        }
        other => panic!("{other:?}"),
    }
}
