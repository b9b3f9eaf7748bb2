//! Decompresses files on their way into a tree, with a limit against bombs.

use std::{
    io::{self, BufReader, Read, Write},
    sync::atomic::{AtomicBool, Ordering},
};

use imgc_image::{
    Content, Failure, Problem, Reader, Store,
    holes::{self, HoleFinder},
};
use imgc_plan::tree::BytePath;

/// A compressed file may become this many times longer, and [`ALWAYS`] bytes in any case. gzip reaches 1032 (RFC 1951);
/// images of mostly empty disks reach a few thousand with xz.
const RATIO: u64 = 8192;

/// What any compressed file may become, in bytes.
const ALWAYS: u64 = 64 << 20;

/// Decompresses gzip, xz or zstd, told by the first bytes.
pub fn decompress(
    path: &BytePath,
    content: &Content,
    store: &dyn Store,
    stop: &AtomicBool,
) -> Result<Content, Failure> {
    let bytes = content.to_bytes();
    let reader = Reader::new(&bytes, store);
    let mut first = [0; 6];
    let known = usize::try_from(bytes.len()).map_or(first.len(), |len| len.min(first.len()));
    reader.read_at(0, &mut first[..known])?;
    let source = BufReader::with_capacity(256 << 10, Stream { reader, at: 0, len: bytes.len() });
    let source: Box<dyn Read + '_> = match first {
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(source)),
        [0xfd, b'7', b'z', b'X', b'Z', 0] => Box::new(lzma_rust2::XzReader::new(source, true)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            Box::new(zstd::stream::read::Decoder::with_buffer(source).map_err(|error| broken(path, &error))?)
        }
        _ => {
            let message = format!("`{path}` is not compressed with gzip, xz or zstd");
            return Err(Problem::new("not-compressed", message).help("leave out `decompress`").into());
        }
    };
    copy(path, source, bytes.len().saturating_mul(RATIO).max(ALWAYS), store, stop)
}

fn broken(path: &BytePath, error: &io::Error) -> Problem {
    Problem::new("damaged-compression", format!("`{path}` cannot be decompressed: {error}"))
}

fn copy(
    path: &BytePath,
    mut source: Box<dyn Read + '_>,
    limit: u64,
    store: &dyn Store,
    stop: &AtomicBool,
) -> Result<Content, Failure> {
    let mut writer = store.create()?;
    let mut finder = HoleFinder::new();
    let mut buf = vec![0; 256 << 10];
    let mut len = 0u64;
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err(Failure::Interrupted);
        }
        let got = match source.read(&mut buf) {
            Ok(0) => break,
            Ok(got) => got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(broken(path, &error).into()),
        };
        len += got as u64;
        if len > limit {
            let message = format!("`{path}` becomes longer than {limit} bytes when it is decompressed");
            let help = format!("a file may become {RATIO} times longer; decompress it before the build");
            return Err(Problem::new("decompression-bomb", message).help(help).into());
        }
        writer.write_all(&buf[..got])?;
        finder.push(&buf[..got]);
    }
    drop(source);
    let (len, runs) = finder.finish();
    if runs.is_empty() {
        return Ok(imgc_image::Bytes::zeros(len).into());
    }
    Ok(holes::content(writer.finish()?.0, len, &runs))
}

/// Reads Bytes from the first to the last.
struct Stream<'a> {
    reader: Reader<'a>,
    at: u64,
    len: u64,
}

impl Read for Stream<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.len - self.at).unwrap_or(usize::MAX);
        let part = buf.len().min(left);
        self.reader.read_at(self.at, &mut buf[..part])?;
        self.at += part as u64;
        Ok(part)
    }
}
