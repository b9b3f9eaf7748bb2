//! Compression of archives: found by its first bytes when read, chosen by options when written.

use std::io::{self, BufRead, Read, Write};

use imgc_image::BlobWriter;
use imgc_plan::{
    Data, Opt, OptType, Record,
    kind::{Default, OptionProblem},
};

use super::stream::Stream;

/// The most bytes that an archive may unpack to: far above any package or root filesystem in use, far below what fills a
/// cache. There is no limit of the ratio: zero runs, which compress a thousandfold, become holes and cost nothing.
const MAX_UNPACKED: u64 = 64 << 30;

/// The first bytes of each coding: RFC 1952 section 2.3.1, RFC 8878 section 3.1.1, the .xz format section 2.1.1.1.
const MAGICS: [(&[u8], Coding); 3] =
    [(b"\x1f\x8b", Coding::Gzip), (b"\x28\xb5\x2f\xfd", Coding::Zstd), (b"\xfd7zXZ\0", Coding::Xz)];

/// How an archive is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Not at all.
    None,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
    /// xz.
    Xz,
}

/// A coding and how hard it tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Squeeze {
    /// The coding.
    pub coding: Coding,
    /// Its level, within the coding's limits.
    pub level: u32,
}

/// The options of every archive that can be compressed.
pub const COMPRESS: Opt = Opt {
    name: "compress",
    ty: OptType::Choice(&["none", "gzip", "zstd", "xz"]),
    default: Default::Text("none"),
    doc: "How the archive is compressed. Without compression the contents of files are pointed at, not copied.",
    since: "0.1.0",
};

/// See [`COMPRESS`].
pub const LEVEL: Opt = Opt {
    name: "level",
    ty: OptType::Int { min: 0, max: 22 },
    default: Default::Absent,
    doc: "How hard `compress` tries: gzip 1 to 9, zstd 1 to 22, xz 0 to 9. When absent: gzip 9, zstd 19, xz 6.",
    since: "0.1.0",
};

impl Squeeze {
    /// Reads both options; a level out of limits (which [`check`] reports) is brought within them.
    pub fn of(options: &Record) -> Self {
        let coding = match options.get("compress").and_then(Data::as_text) {
            Some("gzip") => Coding::Gzip,
            Some("zstd") => Coding::Zstd,
            Some("xz") => Coding::Xz,
            _ => Coding::None,
        };
        let (min, max, default) = limits(coding);
        let asked = options.get("level").and_then(Data::as_u64);
        let level = asked.map_or(default, |level| u32::try_from(level).map_or(max, |l| l.clamp(min, max)));
        Self { coding, level }
    }
}

/// Least, most and usual level of a coding.
fn limits(coding: Coding) -> (u32, u32, u32) {
    match coding {
        Coding::None => (0, 0, 0),
        Coding::Gzip => (1, 9, 9),
        Coding::Zstd => (1, 22, 19),
        Coding::Xz => (0, 9, 6),
    }
}

/// Finds a level without compression, or one that the coding does not have.
pub fn check(options: &Record) -> Vec<OptionProblem> {
    let Some(asked) = options.get("level").and_then(Data::as_u64) else { return Vec::new() };
    let Squeeze { coding, .. } = Squeeze::of(options);
    let problem = |message: String, help: String| {
        vec![OptionProblem { option: Some("level"), message, help: Some(help) }]
    };
    if coding == Coding::None {
        return problem(
            "`level` says how hard to compress, but `compress` is none".into(),
            "set `compress` to gzip, zstd or xz, or drop `level`".into(),
        );
    }
    let (min, max, default) = limits(coding);
    if (u64::from(min)..=u64::from(max)).contains(&asked) {
        return Vec::new();
    }
    let name = options.get("compress").and_then(Data::as_text).unwrap_or_default();
    problem(format!("{name} has no level {asked}"), format!("{name} has {min} to {max}; {default} is usual"))
}

/// Decompresses a stream whose coding its first bytes tell; anything else is passed on as it is.
///
/// # Errors
/// When the first bytes cannot be read or the decompressor cannot start. Reading gives `InvalidData` after 64 GiB.
pub fn decode<'a>(mut stream: Stream<'a>) -> io::Result<Box<dyn Read + 'a>> {
    let head = stream.fill_buf()?;
    let coding =
        MAGICS.iter().find(|(magic, _)| head.starts_with(magic)).map_or(Coding::None, |(_, coding)| *coding);
    decode_as(stream, coding)
}

/// Decompresses a stream of a known coding.
///
/// # Errors
/// As [`decode`].
pub fn decode_as<'a>(stream: Stream<'a>, coding: Coding) -> io::Result<Box<dyn Read + 'a>> {
    let plain: Box<dyn Read + 'a> = match coding {
        Coding::None => Box::new(stream),
        Coding::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(stream)),
        Coding::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(stream)?),
        Coding::Xz => Box::new(lzma_rust2::XzReader::new(stream, true)),
    };
    Ok(Box::new(Limited { plain, left: MAX_UNPACKED }))
}

/// Fails when more comes out than anyone would unpack.
struct Limited<'a> {
    plain: Box<dyn Read + 'a>,
    left: u64,
}

impl Read for Limited<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = self.plain.read(buf)?;
        self.left = self.left.checked_sub(len as u64).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                "it unpacks to more than 64 GiB, the most that is unpacked",
            )
        })?;
        Ok(len)
    }
}

/// The receiver of a compressed archive.
type Sink<'s> = Box<dyn BlobWriter + 's>;

/// The compressor takes pieces of this many bytes, so that its output cannot depend on how the input came in pieces.
const PIECE: usize = 128 << 10;

/// Compresses into a blob.
pub struct Encoder<'s> {
    buf: Vec<u8>,
    inner: Inner<'s>,
}

enum Inner<'s> {
    Gzip(flate2::write::GzEncoder<Sink<'s>>),
    Zstd(zstd::stream::write::Encoder<'static, Sink<'s>>),
    Xz(Box<lzma_rust2::XzWriter<Sink<'s>>>),
}

impl<'s> Encoder<'s> {
    /// Starts; `None` when nothing is to be compressed.
    ///
    /// # Errors
    /// When the compressor cannot start.
    pub fn new(squeeze: Squeeze, sink: impl FnOnce() -> io::Result<Sink<'s>>) -> io::Result<Option<Self>> {
        let inner = match squeeze.coding {
            Coding::None => return Ok(None),
            Coding::Gzip => Inner::Gzip(
                // 255: an unknown system, so that the header does not say where it was made (RFC 1952, section 2.3.1).
                flate2::GzBuilder::new()
                    .mtime(0)
                    .operating_system(255)
                    .write(sink()?, flate2::Compression::new(squeeze.level)),
            ),
            Coding::Zstd => Inner::Zstd(zstd_encoder(squeeze.level, sink()?)?),
            Coding::Xz => {
                let mut options = lzma_rust2::XzOptions::with_preset(squeeze.level);
                // The decompressor of the Linux kernel knows no other check (Documentation/staging/xz.rst).
                options.set_check_sum_type(lzma_rust2::CheckType::Crc32);
                Inner::Xz(Box::new(lzma_rust2::XzWriter::new(sink()?, options)?))
            }
        };
        Ok(Some(Self { buf: Vec::with_capacity(PIECE), inner }))
    }

    /// Takes more input.
    ///
    /// # Errors
    /// When the store cannot take the output.
    pub fn put(&mut self, mut data: &[u8]) -> io::Result<()> {
        while !data.is_empty() {
            let (now, later) = data.split_at(data.len().min(PIECE - self.buf.len()));
            self.buf.extend_from_slice(now);
            data = later;
            if self.buf.len() == PIECE {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.inner {
            Inner::Gzip(out) => out.write_all(&self.buf)?,
            Inner::Zstd(out) => out.write_all(&self.buf)?,
            Inner::Xz(out) => out.write_all(&self.buf)?,
        }
        self.buf.clear();
        Ok(())
    }

    /// Ends the output.
    ///
    /// # Errors
    /// When the store cannot take it.
    pub fn finish(mut self) -> io::Result<Sink<'s>> {
        self.flush()?;
        match self.inner {
            Inner::Gzip(out) => out.finish(),
            Inner::Zstd(out) => out.finish(),
            Inner::Xz(out) => out.finish(),
        }
    }
}

/// Output of one and more workers is equal, that of none is not: so there is always one.
fn zstd_encoder<'s>(
    level: u32,
    sink: Sink<'s>,
) -> io::Result<zstd::stream::write::Encoder<'static, Sink<'s>>> {
    let level = i32::try_from(level).expect("because it is at most 22");
    let mut out = zstd::stream::write::Encoder::new(sink, level)?;
    out.include_checksum(true)?;
    let workers = rayon::current_num_threads().clamp(1, 16);
    out.multithread(u32::try_from(workers).expect("because it is at most 16"))?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bomb_is_stopped() {
        let mut limited = Limited { plain: Box::new(io::repeat(0)), left: 100_000 };
        let error = io::copy(&mut limited, &mut io::sink()).expect_err("stopped");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let mut enough = Limited { plain: Box::new(io::repeat(0).take(100_000)), left: 100_000 };
        assert_eq!(io::copy(&mut enough, &mut io::sink()).expect("read"), 100_000);
    }
}
