//! Reads a tar stream member by member: ustar, GNU long names, PAX records; shared by tar and deb.

use std::io::{self, Read};

use imgc_image::{Failure, Meta, Node};

use super::{
    super::{
        gather::{Gather, Item, What, show},
        stream::{broken, failure},
    },
    header::{BLOCK, Header},
    pax::Records,
};

/// The most bytes of one extended header or long name: the longest path and 64 KiB of attributes fit many times.
const MAX_EXTRA: u64 = 1 << 20;

/// Reads members off a stream.
pub struct TarReader<R> {
    input: R,
    /// Where the next block lies, for messages.
    at: u64,
    global: Records,
    local: Records,
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
}

/// One member with everything that extra headers said of it.
struct Member {
    header: Header,
    records: Records,
}

impl<R: Read> TarReader<R> {
    /// Starts at the first header.
    pub fn new(input: R) -> Self {
        Self {
            input,
            at: 0,
            global: Records::default(),
            local: Records::default(),
            long_name: None,
            long_link: None,
        }
    }

    /// Reads all members into a tree in the making, and the stream to its end, so that its checksum is verified.
    ///
    /// # Errors
    /// What is wrong with the archive, and at which entry.
    pub fn read_into(&mut self, gather: &mut Gather<'_>) -> Result<(), Failure> {
        while let Some(member) = self.next()? {
            self.take(&member, gather)?;
        }
        io::copy(&mut self.input, &mut io::sink())
            .map_err(|error| failure("what follows the last entry", error))?;
        Ok(())
    }

    /// The next member; headers that only add to it are read on the way.
    fn next(&mut self) -> Result<Option<Member>, Failure> {
        loop {
            let Some(mut header) = self.header()? else { return Ok(None) };
            match header.typeflag {
                b'x' | b'g' => self.pax(&header)?,
                b'L' => self.long_name = Some(self.extra(&header)?),
                b'K' => self.long_link = Some(self.extra(&header)?),
                // The label of a GNU archive is no entry.
                b'V' => self.skip(&header, header.size)?,
                _ => {
                    let records = self.global.with(&std::mem::take(&mut self.local));
                    header.name = self.long_name.take().unwrap_or(header.name);
                    header.linkname = self.long_link.take().unwrap_or(header.linkname);
                    return apply(header, &records).map(Some);
                }
            }
        }
    }

    fn header(&mut self) -> Result<Option<Header>, Failure> {
        let mut block = [0; BLOCK];
        let what = format!("the header at byte {} of the archive", self.at);
        self.input.read_exact(&mut block).map_err(|error| failure(&what, error))?;
        self.at += BLOCK as u64;
        Header::decode(&block)
            .map_err(|why| broken(format!("the entry at byte {} is broken: {why}", self.at - 512)).into())
    }

    fn pax(&mut self, header: &Header) -> Result<(), Failure> {
        let body = self.extra(header)?;
        let records = if header.typeflag == b'g' { &mut self.global } else { &mut self.local };
        records
            .read(&body)
            .map_err(|why| broken(format!("the entry {} is broken: {why}", show(&header.name))).into())
    }

    /// The body of a header that adds to the next one, without NUL bytes at its end.
    fn extra(&mut self, header: &Header) -> Result<Vec<u8>, Failure> {
        if header.size > MAX_EXTRA {
            let name = show(&header.name);
            let message = format!("the extra header {name} has {} bytes, more than 1 MiB", header.size);
            return Err(broken(message).into());
        }
        let mut body = Vec::new();
        let wrong = |error| failure(&format!("the extra header {}", show(&header.name)), error);
        let read = (&mut self.input).take(header.size).read_to_end(&mut body).map_err(wrong)?;
        if (read as u64) < header.size {
            return Err(wrong(io::ErrorKind::UnexpectedEof.into()));
        }
        self.padding(&header.name, header.size)?;
        // Only long names end with NUL; a PAX body ends with a newline.
        while body.last() == Some(&0) {
            body.pop();
        }
        Ok(body)
    }

    fn skip(&mut self, header: &Header, len: u64) -> Result<(), Failure> {
        let wrong = |error| failure(&format!("the entry {}", show(&header.name)), error);
        let skipped = io::copy(&mut (&mut self.input).take(len), &mut io::sink()).map_err(wrong)?;
        if skipped < len {
            return Err(wrong(io::ErrorKind::UnexpectedEof.into()));
        }
        self.padding(&header.name, len)
    }

    /// Reads on to the next block after `len` bytes of content.
    fn padding(&mut self, name: &[u8], len: u64) -> Result<(), Failure> {
        let rest = usize::try_from(len.wrapping_neg() % BLOCK as u64).expect("because it is below BLOCK");
        let mut pad = [0; BLOCK];
        let wrong = |error| failure(&format!("the entry {}", show(name)), error);
        self.input.read_exact(&mut pad[..rest]).map_err(wrong)?;
        self.at = self.at.saturating_add(len).saturating_add(rest as u64);
        Ok(())
    }

    fn take(&mut self, member: &Member, gather: &mut Gather<'_>) -> Result<(), Failure> {
        let Member { header, records } = member;
        let refuse = |why: String| {
            Failure::from(broken(format!("the entry {} is refused: {why}", show(&header.name))))
        };
        let node = match header.typeflag {
            b'1' => return gather.link(&header.name, &header.linkname),
            b'0' | b'\0' | b'7' if !header.name.ends_with(b"/") => {
                let wrong = |error| failure(&format!("the entry {}", show(&header.name)), error);
                let stored = gather.content(&mut self.input, header.size).map_err(wrong)?;
                self.padding(&header.name, header.size)?;
                What::File(stored)
            }
            b'0' | b'\0' | b'7' => {
                self.skip(header, header.size)?;
                What::Node(Node::Dir)
            }
            b'2' => What::Node(symlink(header).map_err(refuse)?),
            b'3' | b'4' => What::Node(device(header).map_err(refuse)?),
            b'5' => What::Node(Node::Dir),
            b'6' => What::Node(Node::Fifo),
            b'S' => return Err(refuse("it is a sparse file in the old GNU form, which is not read".into())),
            b'M' => return Err(refuse("it goes on from another volume, and those are not read".into())),
            b'D' => {
                return Err(refuse(
                    "it belongs to an incremental GNU archive, and those are not read".into(),
                ));
            }
            other => return Err(refuse(format!("its type `{}` is unknown", other.escape_ascii()))),
        };
        let meta = meta(header, records).map_err(refuse)?;
        gather.add(&header.name, Item { meta, xattrs: records.xattrs(), what: node })
    }
}

/// Puts what records say in the place of what the header says.
fn apply(mut header: Header, records: &Records) -> Result<Member, Failure> {
    let name = records.get("path").map_or_else(|| header.name.clone(), <[u8]>::to_vec);
    let refuse = |why: String| Failure::from(broken(format!("the entry {} is refused: {why}", show(&name))));
    if records.has_prefix("GNU.sparse.") {
        return Err(refuse("it is a sparse file in a GNU form, which is not read".into()));
    }
    if let Some(link) = records.get("linkpath") {
        header.linkname = link.to_vec();
    }
    header.size = records.number("size").map_err(refuse)?.unwrap_or(header.size);
    header.uid = records.number("uid").map_err(refuse)?.unwrap_or(header.uid);
    header.gid = records.number("gid").map_err(refuse)?.unwrap_or(header.gid);
    header.name = name;
    Ok(Member { header, records: records.clone() })
}

fn meta(header: &Header, records: &Records) -> Result<Meta, String> {
    let id = |value: u64, what: &str| {
        u32::try_from(value).map_err(|_| format!("its {what} {value} is above 2^32"))
    };
    let (mtime, mtime_nanos) = records.time("mtime")?.unwrap_or((header.mtime, 0));
    Ok(Meta {
        mode: header.mode,
        uid: id(header.uid, "uid")?,
        gid: id(header.gid, "gid")?,
        mtime,
        mtime_nanos,
    })
}

fn symlink(header: &Header) -> Result<Node, String> {
    if header.linkname.is_empty() {
        return Err("it is a symbolic link to nothing".into());
    }
    Ok(Node::Symlink(header.linkname.clone().into()))
}

fn device(header: &Header) -> Result<Node, String> {
    let part = |value: u64| u32::try_from(value).map_err(|_| "its device number is above 2^32".to_owned());
    let (major, minor) = (part(header.devmajor)?, part(header.devminor)?);
    Ok(if header.typeflag == b'3' { Node::Char { major, minor } } else { Node::Block { major, minor } })
}
