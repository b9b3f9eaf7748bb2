//! Bytes read from start to end, with errors that tell a broken archive from a broken machine.

use std::io::{self, BufRead, Read};

use imgc_image::{Bytes, Failure, Problem, Reader, Store};

/// Bytes that are read ahead: large enough that a read of the store costs little beside decompression.
const AHEAD: u64 = 256 << 10;

/// A section of Bytes as a stream.
pub struct Stream<'a> {
    reader: Reader<'a>,
    at: u64,
    end: u64,
    buf: Vec<u8>,
    from: usize,
}

impl<'a> Stream<'a> {
    /// Streams `len` bytes from `at` on; the section must lie within the Bytes.
    pub fn new(bytes: &'a Bytes, at: u64, len: u64, store: &'a dyn Store) -> Self {
        Self { reader: Reader::new(bytes, store), at, end: at + len, buf: Vec::new(), from: 0 }
    }
}

impl BufRead for Stream<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.from == self.buf.len() && self.at < self.end {
            let len = AHEAD.min(self.end - self.at);
            self.buf.resize(usize::try_from(len).expect("because it is at most AHEAD"), 0);
            self.reader.read_at(self.at, &mut self.buf).map_err(StoreFault::wrap)?;
            self.at += len;
            self.from = 0;
        }
        Ok(&self.buf[self.from..])
    }

    fn consume(&mut self, amount: usize) {
        self.from += amount;
    }
}

impl Read for Stream<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let ready = self.fill_buf()?;
        let len = ready.len().min(out.len());
        out[..len].copy_from_slice(&ready[..len]);
        self.consume(len);
        Ok(len)
    }
}

/// Marks an error of the store, so that it is told from a mistake in the archive after passing through a decompressor.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StoreFault(io::Error);

impl StoreFault {
    /// Marks it.
    pub fn wrap(error: io::Error) -> io::Error {
        io::Error::other(Self(error))
    }
}

/// What an error met while reading `what` means: the store's fault, or that the archive is broken.
pub fn failure(what: &str, error: io::Error) -> Failure {
    match error.downcast::<StoreFault>() {
        Ok(StoreFault(error)) => Failure::Machine { what: format!("unpacking {what}"), error },
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            broken(format!("the archive ends within {what}")).into()
        }
        Err(error) => broken(format!("{what} cannot be read: {error}")).into(),
    }
}

/// A mistake in an archive.
pub fn broken(message: impl Into<String>) -> Problem {
    Problem::new("broken-archive", message)
}
