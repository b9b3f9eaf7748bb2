//! A line for each name that a kernel shows: written inside a guest, read outside of it, and made of what is expected.

use std::{fmt, io};

use sha2::{Digest as _, Sha256};

/// Contents up to this length are hashed as a whole, of longer ones some stretches: emulated machines are slow.
const WHOLE: u64 = 64 << 20;
/// How long such a stretch is.
const STRETCH: u64 = 64 << 10;
/// How many of them are spread over a content, beside those at its end and around every 4 GiB.
const SPREAD: u64 = 16;

/// The first half of a SHA-256.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest(pub [u8; 16]);

/// The digest of a content: of all of it, or of stretches that depend on its length only.
///
/// # Errors
/// What `read` says.
pub fn digest(len: u64, mut read: impl FnMut(u64, &mut [u8]) -> io::Result<()>) -> io::Result<Digest> {
    let stretches: Vec<(u64, u64)> = if len <= WHOLE {
        (0..len.div_ceil(STRETCH)).map(|n| (n * STRETCH, STRETCH.min(len - n * STRETCH))).collect()
    } else {
        let spread = (0..SPREAD).map(|n| len / SPREAD * n);
        let around = (1..=len >> 32).map(|n| (n << 32) - STRETCH / 2);
        spread
            .chain(around)
            .map(|at| at.min(len - STRETCH))
            .chain([len - STRETCH])
            .map(|at| (at, STRETCH))
            .collect()
    };
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; STRETCH as usize];
    for (at, len) in stretches {
        let bytes = &mut buffer[..len as usize];
        read(at, bytes)?;
        hasher.update(&*bytes);
    }
    let whole = hasher.finalize();
    Ok(Digest(*whole.first_chunk().expect("because 32 bytes have a first half")))
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Symlink,
    /// A character device.
    Char,
    /// A block device.
    Block,
    /// A named pipe.
    Fifo,
    /// A socket's name.
    Socket,
}

/// Their letters in a line.
const KINDS: [(Kind, &str); 7] = [
    (Kind::File, "f"),
    (Kind::Dir, "d"),
    (Kind::Symlink, "l"),
    (Kind::Char, "c"),
    (Kind::Block, "b"),
    (Kind::Fifo, "p"),
    (Kind::Socket, "s"),
];

/// A name with its attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The path below the root, without a slash at its start.
    pub path: Vec<u8>,
    /// What it stands for.
    pub kind: Kind,
    /// Permission bits.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// How many names there are of it.
    pub links: u64,
    /// By what those names are known to be of one thing.
    pub inode: u64,
    /// The length of a file, in bytes.
    pub size: u64,
    /// Major and minor number of a device.
    pub device: (u32, u32),
    /// The time of last change: seconds since 1970, and nanoseconds.
    pub mtime: (i64, u32),
    /// Where a symbolic link points to.
    pub target: Vec<u8>,
    /// Of a file's content.
    pub digest: Digest,
    /// Names, and digests of values, sorted.
    pub xattrs: Vec<(String, Digest)>,
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = KINDS.iter().find(|(kind, _)| *kind == self.kind).map_or("?", |(_, letter)| letter);
        write!(f, "|{}|{kind}|{:o}|{}|{}|", escape(&self.path), self.mode, self.uid, self.gid)?;
        write!(f, "{}|{}|{}|{}|{}|", self.links, self.inode, self.size, self.device.0, self.device.1)?;
        write!(f, "{}|{}|{}|{}|", self.mtime.0, self.mtime.1, escape(&self.target), self.digest)?;
        self.xattrs.iter().try_for_each(|(name, digest)| write!(f, "{}={digest} ", escape(name.as_bytes())))
    }
}

impl Line {
    /// Reads a line; `None` when it is none of these.
    pub fn parse(line: &str) -> Option<Self> {
        let mut fields = line.strip_prefix('|')?.split('|');
        let mut next = || fields.next();
        let path = unescape(next()?)?;
        let letter = next()?;
        let kind = KINDS.iter().find(|(_, known)| *known == letter)?.0;
        let line = Self {
            path,
            kind,
            mode: u32::from_str_radix(next()?, 8).ok()?,
            uid: next()?.parse().ok()?,
            gid: next()?.parse().ok()?,
            links: next()?.parse().ok()?,
            inode: next()?.parse().ok()?,
            size: next()?.parse().ok()?,
            device: (next()?.parse().ok()?, next()?.parse().ok()?),
            mtime: (next()?.parse().ok()?, next()?.parse().ok()?),
            target: unescape(next()?)?,
            digest: parse_digest(next()?)?,
            xattrs: next()?.split_whitespace().map(xattr).collect::<Option<_>>()?,
        };
        next().is_none().then_some(line)
    }
}

fn xattr(word: &str) -> Option<(String, Digest)> {
    let (name, digest) = word.rsplit_once('=')?;
    Some((String::from_utf8(unescape(name)?).ok()?, parse_digest(digest)?))
}

fn parse_digest(hex: &str) -> Option<Digest> {
    let bytes: Vec<u8> = hex
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect::<Option<_>>()?;
    Some(Digest(bytes.try_into().ok()?))
}

/// Bytes as printable ASCII without `|`, `%`, `=` and spaces.
pub fn escape(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'|' | b'%' | b'=' => out.push_str(&format!("%{byte:02x}")),
            0x21..=0x7e => out.push(char::from(*byte)),
            _ => out.push_str(&format!("%{byte:02x}")),
        }
    }
    out
}

fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            out.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            out.push(byte);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back() {
        let line = Line {
            path: b"a b|c%\xff\n=".to_vec(),
            kind: Kind::Symlink,
            mode: 0o7777,
            uid: 1,
            gid: u32::MAX,
            links: 3,
            inode: u64::MAX,
            size: 1 << 40,
            device: (4095, 1_048_575),
            mtime: (-5, 999_999_999),
            target: b"x|".to_vec(),
            digest: Digest([7; 16]),
            xattrs: vec![("user.a=b c".into(), Digest([1; 16])), ("user.b".into(), Digest([2; 16]))],
        };
        assert_eq!(Line::parse(&line.to_string()), Some(line));
        assert_eq!(Line::parse("|a|f|644"), None);
    }

    #[test]
    fn long_contents_are_looked_at_here_and_there() {
        let mut seen = Vec::new();
        let len = (9 << 30) + 5;
        digest(len, |at, bytes| {
            seen.push((at, bytes.len() as u64));
            Ok(())
        })
        .expect("nothing fails");
        assert!(seen.iter().all(|(at, len_here)| at + len_here <= len));
        assert!(seen.contains(&(0, STRETCH)) && seen.contains(&(len - STRETCH, STRETCH)));
        assert!(seen.contains(&((1 << 32) - STRETCH / 2, STRETCH)), "around 4 GiB: {seen:?}");
    }
}
