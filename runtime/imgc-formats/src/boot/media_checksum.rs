//! The media checksum: an MD5 in a CD's primary volume descriptor, by which `checkisomd5` and installers find media that were burnt
//! or copied wrong.
//!
//! It is no loader, but is installed as one: as the last of them, when nothing of the disk changes any more.
//!
//! ```text
//! sector 16, byte 883     Application Use: 512 characters, which count as spaces in the sum
//!   ISO MD5SUM = …;       all of the volume but its last 15 sectors
//!   SKIPSECTORS = 15;     those
//!   RHLISOSTATUS=0;       whether its maker says that it is supported: nobody asks any more
//!   FRAGMENT SUMS = …;    60 digits: three of what the sum is so far, at each of 20 places on the way
//!   FRAGMENT COUNT = 20;
//! ```
//! Source: isomd5sum 1.2.3, which reads and writes it; there is no specification. Where a volume is so short that pieces of 32 KiB
//! step over some of the 20 places, their digits are 0 here, as the reader looks for each at its place.

#[cfg(test)]
mod tests;

use std::io;

use imgc_image::{Failure, Problem, ReadAt, Reader, build::Patch};
use imgc_plan::{
    Family, Kind, Record,
    kind::{LoaderTraits, OptionProblem, Products, Traits},
    step::LoaderHome,
};
use md5::{Digest, Md5};

use super::{Loader, StampJob, eltorito};

/// The kind `media-checksum`.
pub struct MediaChecksum;

static KIND: Kind = Kind {
    family: Family::Loader,
    name: "media-checksum",
    doc: "A checksum in the descriptor of an `iso9660` volume that begins its disk (isomd5sum's): `checkisomd5`, and systems that start from the \
          CD, find with it whether the medium is as it was made. It comes after all loaders.",
    since: "0.1.0",
    options: &[],
    traits: Traits::Loader(LoaderTraits {
        takes_source: false,
        needs_source: false,
        takes_menu: false,
        takes_esp: false,
    }),
};

/// Bytes of a sector.
const SECTOR: u64 = eltorito::SECTOR;
/// Where the primary volume descriptor lies, and in it the length of the volume and the application's own bytes (ECMA-119, 8.4).
const PRIMARY: u64 = 16 * SECTOR;
const VOLUME_SPACE_SIZE: usize = 80;
const APPLICATION_USE: u64 = 883;
const APPLICATION_LEN: usize = 512;
/// What is not summed up, at the end: drives read it badly.
const SKIPPED: u64 = 15;
/// The pieces in which readers go through the volume; places on the way are looked at behind each.
const PIECE: u64 = 32768;
/// How many places on the way there are, and how many digits each has.
const FRAGMENTS: u64 = 20;
const DIGITS: usize = 3;
/// Bytes that are read at once.
const READ: u64 = 1 << 20;

impl Loader for MediaChecksum {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn products(&self, _options: &Record, _home: &LoaderHome) -> Products {
        Products { stamp: true, own: true, ..Products::default() }
    }

    fn check(&self, _options: &Record) -> Vec<OptionProblem> {
        Vec::new()
    }

    fn check_home(&self, _options: &Record, home: &LoaderHome) -> Vec<OptionProblem> {
        eltorito::home_problem(home).into_iter().collect()
    }

    fn seals(&self) -> bool {
        true
    }

    fn stamp(&self, job: &StampJob<'_>) -> Result<Vec<(u64, Patch)>, Failure> {
        let own = job.home.own().ok_or_else(|| Failure::Bug("a CD is a disk".into()))?;
        eltorito::at_start(job, own)?;
        let reader = Reader::new(job.disk, job.store);
        let sums = Sums::of(&reader)?;
        Ok(vec![(PRIMARY + APPLICATION_USE, Patch::Data(sums.encode()?))])
    }
}

/// The sums of a volume.
struct Sums {
    all: String,
    fragments: [u8; FRAGMENTS as usize * DIGITS],
}

impl Sums {
    fn of(disk: &dyn ReadAt) -> Result<Self, Failure> {
        let end = volume(disk)? - SKIPPED * SECTOR;
        let mut sums = Self { all: String::new(), fragments: [b'0'; FRAGMENTS as usize * DIGITS] };
        let (mut hash, mut last, mut done) = (Md5::new(), 0, 0);
        let mut buf = vec![0; READ as usize];
        while done < end {
            let now = usize::try_from((end - done).min(READ)).expect("because it is at most 1 MiB");
            disk.read_at(done, &mut buf[..now])?;
            blank(&mut buf[..now], done);
            for piece in buf[..now].chunks(PIECE as usize) {
                hash.update(piece);
                let fragment = u128::from(done) * u128::from(FRAGMENTS + 1) / u128::from(end);
                let fragment = usize::try_from(fragment).expect("because it is at most 20");
                if fragment != last {
                    let digest = hash.clone().finalize();
                    let place = &mut sums.fragments[(fragment - 1) * DIGITS..][..DIGITS];
                    place.iter_mut().zip(digest).for_each(|(digit, byte)| *digit = first_digit(byte));
                    last = fragment;
                }
                done += piece.len() as u64;
            }
        }
        sums.all = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(sums)
    }

    /// The application's own bytes.
    fn encode(&self) -> Result<Vec<u8>, Failure> {
        let Self { all, fragments } = self;
        let fragments = String::from_utf8_lossy(fragments);
        let text = format!(
            "ISO MD5SUM = {all};SKIPSECTORS = {SKIPPED};RHLISOSTATUS=0;FRAGMENT SUMS = {fragments};FRAGMENT COUNT = {FRAGMENTS};"
        );
        let mut bytes = text.into_bytes();
        if bytes.len() >= APPLICATION_LEN {
            return Err(Failure::Bug("the media checksum is too long".into()));
        }
        bytes.resize(APPLICATION_LEN, b' ');
        Ok(bytes)
    }
}

/// The length of the volume in bytes, which lies within the disk.
fn volume(disk: &dyn ReadAt) -> Result<u64, Failure> {
    let mut descriptor = [0; VOLUME_SPACE_SIZE + 4];
    let read = disk.read_at(PRIMARY, &mut descriptor);
    match read {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(no_volume().into()),
        read => read?,
    }
    let sectors = descriptor[VOLUME_SPACE_SIZE..].try_into().expect("because it has four bytes");
    let len = u64::from(u32::from_le_bytes(sectors)) * SECTOR;
    let sound = descriptor.starts_with(b"\x01CD001") && len > PRIMARY + SECTOR && len <= disk.len();
    if sound { Ok(len) } else { Err(no_volume().into()) }
}

fn no_volume() -> Problem {
    Problem::new("medium-not-iso", "the disk does not begin with a whole ISO 9660 volume")
}

/// Makes what is the application's own spaces, as readers do: `buf` starts at byte `at` of the disk.
fn blank(buf: &mut [u8], at: u64) {
    let len = buf.len() as u64;
    let within = |byte: u64| byte.saturating_sub(at).min(len) as usize;
    let (from, to) = (PRIMARY + APPLICATION_USE, PRIMARY + APPLICATION_USE + APPLICATION_LEN as u64);
    buf[within(from)..within(to)].fill(b' ');
}

/// The first digit of a byte in hexadecimal, without a zero before it.
fn first_digit(byte: u8) -> u8 {
    let digit = if byte < 16 { byte } else { byte >> 4 };
    b"0123456789abcdef"[usize::from(digit)]
}
