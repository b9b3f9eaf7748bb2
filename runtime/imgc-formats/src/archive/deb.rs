//! Debian packages: an `ar` archive whose `data.tar` holds the files (deb(5), ar(5)).

mod ar;

use std::sync::Arc;

use imgc_image::{Bytes, Failure, Problem, Store, Tree};
use imgc_plan::{
    Family, Kind, Record,
    kind::{ArchiveTraits, OptionProblem, Traits},
    step::Keep,
};

use super::{
    Archive,
    coding::{self, Coding},
    gather::Gather,
    stream::{Stream, broken, failure},
    tar::read::TarReader,
};

/// Debian packages.
pub struct Deb;

static KIND: Kind = Kind {
    family: Family::Archive,
    name: "deb",
    doc: "A Debian package. Its files are taken out; its scripts never run.",
    since: "0.1.0",
    options: &[],
    traits: Traits::Archive(ArchiveTraits { packs: false, unpacks: true }),
};

impl Archive for Deb {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn check(&self, _: &Record) -> Vec<OptionProblem> {
        Vec::new()
    }

    fn pack(&self, _: &Record, _: &Tree, _: &dyn Store) -> Result<(Bytes, Vec<Problem>), Failure> {
        Err(Failure::Bug("a Debian package is only unpacked, as its traits say".into()))
    }

    fn unpack(&self, bytes: &Arc<Bytes>, keep: Keep, epoch: i64, store: &dyn Store) -> Result<Tree, Failure> {
        let data = ar::find_data(bytes, store)?;
        let stream = Stream::new(bytes, data.at, data.len, store);
        let input =
            coding::decode_as(stream, coding_of(&data.name)?).map_err(|error| failure("data.tar", error))?;
        let mut gather = Gather::new(keep, epoch, store);
        TarReader::new(input).read_into(&mut gather)?;
        gather.finish()
    }
}

/// The coding that a member's name says.
fn coding_of(name: &str) -> Result<Coding, Problem> {
    match name {
        "data.tar" => Ok(Coding::None),
        "data.tar.gz" => Ok(Coding::Gzip),
        "data.tar.xz" => Ok(Coding::Xz),
        "data.tar.zst" => Ok(Coding::Zstd),
        _ => Err(broken(format!("the package's files are in {name}, a compression that is not read"))
            .help("repack it with `dpkg-deb -Zxz`; none, gzip, xz and zstd are read")),
    }
}

#[cfg(test)]
mod tests;
