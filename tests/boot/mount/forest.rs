//! What a hostile but legal tree holds, as a manifest says it and as a kernel should show it.

use std::{
    fs::{self, File, FileTimes},
    os::unix::fs::FileExt,
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

use imgc_tests::listing::{Kind, Line, digest};

/// What not every filesystem can hold; each has all before it, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// What every filesystem with owners and links can hold.
    Base,
    /// Times that need 32 bits without a sign.
    Late,
    /// A file of more than 4 GiB.
    Huge,
    /// Names of 255 bytes.
    Long,
    /// Times before 1970 and after 2106.
    Wide,
}

/// All of them, from the least.
pub const LAYERS: [Layer; 5] = [Layer::Base, Layer::Late, Layer::Huge, Layer::Long, Layer::Wide];

/// What a path stands for.
#[derive(Clone, Debug)]
pub enum What {
    Dir,
    /// A length, and what is not zero in it.
    File(u64, Vec<(u64, Vec<u8>)>),
    Symlink(Vec<u8>),
    Char(u32, u32),
    Block(u32, u32),
    Fifo,
    Socket,
    /// Another name of the file at this path.
    Hard(Vec<u8>),
}

/// An entry.
#[derive(Clone, Debug)]
pub struct Item {
    pub layer: Layer,
    /// Without a slash at its start; the root's is empty.
    pub path: Vec<u8>,
    pub what: What,
    pub mode: u32,
    pub owner: (u32, u32),
    pub mtime: (i64, u32),
    pub xattrs: Vec<(&'static str, Vec<u8>)>,
}

/// 2020-09-13 12:26:40 UTC.
pub const USUAL: i64 = 1_600_000_000;

/// Entries in the order in which a manifest can make them.
#[derive(Default)]
pub struct Forest {
    pub items: Vec<Item>,
}

impl Forest {
    /// Adds an entry with usual attributes, to be changed.
    pub fn add(&mut self, path: impl AsRef<[u8]>, what: What) -> &mut Item {
        let mode = if matches!(what, What::Dir) { 0o755 } else { 0o644 };
        self.items.push(Item {
            layer: Layer::Base,
            path: path.as_ref().to_vec(),
            what,
            mode,
            owner: (0, 0),
            mtime: (USUAL, 0),
            xattrs: Vec::new(),
        });
        self.items.last_mut().expect("because one was added")
    }

    /// Adds a file with this content. Its time has a part of a second: it comes from a file of this machine.
    pub fn file(&mut self, path: impl AsRef<[u8]>, content: Vec<u8>) -> &mut Item {
        let number = self.items.len() as u32;
        let item = self.add(path, What::File(content.len() as u64, vec![(0, content)]));
        item.mtime = (USUAL + i64::from(number), 120_000_000 + number);
        item
    }

    /// Writes the contents of files, each named by its number, with its time.
    pub fn write_contents(&self, dir: &Path, prefix: &str) {
        fs::create_dir_all(dir).expect("a directory");
        for (number, item) in self.items.iter().enumerate() {
            let What::File(len, pieces) = &item.what else { continue };
            let file = File::create(dir.join(format!("{prefix}{number}"))).expect("a file");
            file.set_len(*len).expect("room");
            pieces.iter().for_each(|(at, bytes)| file.write_all_at(bytes, *at).expect("room"));
            let (seconds, nanos) = item.mtime;
            let whole = Duration::from_secs(seconds.unsigned_abs());
            let time = if seconds < 0 { UNIX_EPOCH - whole } else { UNIX_EPOCH + whole };
            let time = time + Duration::from_nanos(nanos.into());
            file.set_times(FileTimes::new().set_modified(time)).expect("a time");
        }
    }

    /// The nodes of a manifest's tree that make what this layer adds.
    pub fn kdl(&self, layer: Layer, prefix: &str) -> String {
        let own =
            self.items.iter().enumerate().filter(|(_, item)| item.layer == layer || item.path.is_empty());
        own.map(|(number, item)| item.kdl(&format!("{prefix}{number}"))).collect()
    }

    /// What should be seen of everything up to a layer, but for link counts and inodes of what has one name; sorted.
    pub fn lines(&self, layer: Layer) -> Vec<Line> {
        let items: Vec<&Item> = self.items.iter().filter(|item| item.layer <= layer).collect();
        let mut lines: Vec<Line> = items.iter().map(|item| item.line(&items)).collect();
        lines.sort_by(|a, b| a.path.cmp(&b.path));
        lines
    }
}

impl Item {
    fn kdl(&self, source: &str) -> String {
        let path = bytes(&[b"/", &self.path[..]].concat());
        let node = match &self.what {
            What::Dir => format!("dir {path}"),
            What::File(..) => format!("copy \"{source}\" source=contents to={path}"),
            What::Symlink(target) => format!("symlink {path} to={}", bytes(target)),
            What::Char(major, minor) => format!("device {path} kind=char major={major} minor={minor}"),
            What::Block(major, minor) => format!("device {path} kind=block major={major} minor={minor}"),
            What::Fifo => format!("fifo {path}"),
            What::Socket => format!("socket {path}"),
            What::Hard(to) => {
                return format!("    hardlink {path} to={}\n", bytes(&[b"/", &to[..]].concat()));
            }
        };
        let mode = if matches!(self.what, What::Symlink(_)) {
            String::new()
        } else {
            format!(" mode=\"{:04o}\"", self.mode)
        };
        let owner = format!(" owner=\"{}:{}\"", self.owner.0, self.owner.1);
        // A file's comes with it.
        let time = if matches!(self.what, What::File(..)) {
            String::new()
        } else {
            format!(" mtime={}", self.mtime.0)
        };
        let xattrs: String =
            self.xattrs.iter().map(|(name, value)| format!("xattr \"{name}\" {}; ", bytes(value))).collect();
        let children = if xattrs.is_empty() { String::new() } else { format!(" {{ {xattrs}}}") };
        format!("    {node}{mode}{owner}{time}{children}\n")
    }

    fn line(&self, all: &[&Item]) -> Line {
        let origin = match &self.what {
            What::Hard(to) => all.iter().find(|item| item.path == *to).expect("a hard link's file is there"),
            _ => self,
        };
        let names =
            all.iter().filter(|item| matches!(&item.what, What::Hard(to) if *to == origin.path)).count();
        let dirs =
            all.iter().filter(|item| matches!(item.what, What::Dir) && item.parent() == Some(&self.path[..]));
        let mut line = Line {
            path: self.path.clone(),
            kind: Kind::File,
            mode: origin.mode,
            uid: origin.owner.0,
            gid: origin.owner.1,
            links: 1 + names as u64,
            inode: 0,
            size: 0,
            device: (0, 0),
            mtime: origin.mtime,
            target: Vec::new(),
            digest: Default::default(),
            xattrs: origin.xattrs.iter().map(|(name, value)| (name.to_string(), whole(value))).collect(),
        };
        line.xattrs.sort();
        match &origin.what {
            What::Dir => (line.kind, line.links) = (Kind::Dir, 2 + dirs.count() as u64),
            What::File(len, pieces) => {
                line.size = *len;
                line.digest = digest(*len, |at, bytes| {
                    read(pieces, at, bytes);
                    Ok(())
                })
                .expect("memory is readable");
            }
            What::Symlink(target) => {
                (line.kind, line.mode) = (Kind::Symlink, 0o777);
                line.target.clone_from(target);
            }
            What::Char(major, minor) => (line.kind, line.device) = (Kind::Char, (*major, *minor)),
            What::Block(major, minor) => (line.kind, line.device) = (Kind::Block, (*major, *minor)),
            What::Fifo => line.kind = Kind::Fifo,
            What::Socket => line.kind = Kind::Socket,
            What::Hard(_) => unreachable!("hard links are to files"),
        }
        line
    }

    /// The path of its directory; the root has none.
    fn parent(&self) -> Option<&[u8]> {
        if self.path.is_empty() {
            return None;
        }
        Some(&self.path[..self.path.iter().rposition(|byte| *byte == b'/').unwrap_or(0)])
    }
}

fn whole(value: &[u8]) -> imgc_tests::listing::Digest {
    digest(value.len() as u64, |at, out| {
        out.copy_from_slice(&value[at as usize..][..out.len()]);
        Ok(())
    })
    .expect("memory is readable")
}

/// Part of a content of pieces, between which is zero.
fn read(pieces: &[(u64, Vec<u8>)], at: u64, out: &mut [u8]) {
    out.fill(0);
    let end = at + out.len() as u64;
    for (from, bytes) in pieces {
        let (start, stop) = (at.max(*from), end.min(from + bytes.len() as u64));
        if start < stop {
            let piece = &bytes[(start - from) as usize..(stop - from) as usize];
            out[(start - at) as usize..(stop - at) as usize].copy_from_slice(piece);
        }
    }
}

/// Bytes as a value of a manifest.
pub fn bytes(value: &[u8]) -> String {
    let mut out = String::from("(bytes)#\"");
    for byte in value {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' => {
                out.push(char::from(*byte));
            }
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out + "\"#"
}

/// Bytes that cannot be compressed (SplitMix64).
pub fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    let mut bytes: Vec<u8> = (0..len.div_ceil(8)).flat_map(|_| next().to_le_bytes()).collect();
    bytes.truncate(len);
    bytes
}

/// Bytes that can be, to about a third.
pub fn prose(len: usize, seed: u64) -> Vec<u8> {
    let words = noise(len, seed);
    let mut bytes: Vec<u8> =
        words.iter().take(len / 4 + 1).flat_map(|word| format!("word{} ", word % 97).into_bytes()).collect();
    bytes.truncate(len);
    bytes
}
