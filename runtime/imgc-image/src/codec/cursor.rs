//! Reads the canonical encoding piece by piece; every piece is checked against what is left.

use super::DecodeError;

/// A place in an encoding.
pub struct Cursor<'a> {
    all: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Starts at the beginning.
    pub fn new(all: &'a [u8]) -> Self {
        Self { all, at: 0 }
    }

    /// An error here.
    pub fn wrong(&self, what: &'static str) -> DecodeError {
        DecodeError::Malformed { at: self.at, what }
    }

    /// So many bytes.
    pub fn raw(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let found = self.at.checked_add(len).and_then(|end| self.all.get(self.at..end));
        let found = found.ok_or_else(|| self.wrong("it ends too early"))?;
        self.at += len;
        Ok(found)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let mut out = [0; N];
        out.copy_from_slice(self.raw(N)?);
        Ok(out)
    }

    /// An unsigned integer.
    pub fn int(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_le_bytes)
    }

    /// A signed integer.
    pub fn signed(&mut self) -> Result<i64, DecodeError> {
        self.array().map(i64::from_le_bytes)
    }

    /// An integer that a smaller type holds.
    pub fn small<T: TryFrom<u64>>(&mut self) -> Result<T, DecodeError> {
        let value = self.int()?;
        T::try_from(value).map_err(|_| self.wrong("a number is too large"))
    }

    /// A truth value.
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        match self.int()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.wrong("a truth value is neither 0 nor 1")),
        }
    }

    /// A count of things that take at least `least` bytes each: more than the rest can hold is refused before anything
    /// is allocated.
    pub fn count(&mut self, least: usize) -> Result<usize, DecodeError> {
        let count = self.small::<usize>()?;
        if count > (self.all.len() - self.at) / least {
            return Err(self.wrong("a list is longer than what is left"));
        }
        Ok(count)
    }

    /// Bytes with their length.
    pub fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.count(1)?;
        self.raw(len)
    }

    /// A text with its length.
    pub fn text(&mut self) -> Result<&'a str, DecodeError> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map_err(|_| self.wrong("a text is not UTF-8"))
    }

    /// A digest.
    pub fn digest(&mut self) -> Result<[u8; 32], DecodeError> {
        self.array()
    }

    /// The end.
    pub fn end(&self) -> Result<(), DecodeError> {
        if self.at == self.all.len() { Ok(()) } else { Err(self.wrong("bytes are left over")) }
    }
}
