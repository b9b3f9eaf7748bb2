//! Tar archives: packed in the PAX form with every attribute, unpacked from any form in use.

mod acl;
pub mod header;
pub mod pax;
pub mod read;
mod write;

use std::sync::Arc;

use imgc_image::{Bytes, Failure, Problem, Store, Tree};
use imgc_plan::{
    Family, Kind, Record,
    kind::{ArchiveTraits, OptionProblem, Traits},
    step::Keep,
};

use self::read::TarReader;
use super::{
    Archive,
    coding::{self, Squeeze},
    gather::Gather,
    stream::{Stream, failure},
};
use crate::loss::{self, SOCKETS};

/// Tar archives.
pub struct Tar;

static KIND: Kind = Kind {
    family: Family::Archive,
    name: "tar",
    doc: "A tar archive. It is packed in the PAX form with every attribute: owners by number, nanoseconds, extended attributes, hard \
          links, devices, names that are not UTF-8; sockets are left out. Unpacked are ustar, GNU and PAX archives, plain or \
          compressed by gzip, xz or zstd; sparse, incremental and multi-volume ones are refused.",
    since: "0.1.0",
    options: &[coding::COMPRESS, coding::LEVEL],
    traits: Traits::Archive(ArchiveTraits { packs: true, unpacks: true }),
};

impl Archive for Tar {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn check(&self, options: &Record) -> Vec<OptionProblem> {
        coding::check(options)
    }

    fn pack(
        &self,
        options: &Record,
        tree: &Tree,
        store: &dyn Store,
    ) -> Result<(Bytes, Vec<Problem>), Failure> {
        let bytes = write::pack(Squeeze::of(options), tree, store)?;
        Ok((bytes, loss::left_out("tar", &[SOCKETS], tree.entries())))
    }

    fn unpack(&self, bytes: &Arc<Bytes>, keep: Keep, epoch: i64, store: &dyn Store) -> Result<Tree, Failure> {
        let stream = Stream::new(bytes, 0, bytes.len(), store);
        let input = coding::decode(stream).map_err(|error| failure("the archive", error))?;
        let mut gather = Gather::new(keep, epoch, store);
        TarReader::new(input).read_into(&mut gather)?;
        gather.finish()
    }
}

#[cfg(test)]
mod tests;
