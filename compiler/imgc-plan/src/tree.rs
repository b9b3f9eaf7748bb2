//! What a manifest says of files: the operations that compose a tree, in the order in which they are applied.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::digest::{Canon, Canonical};

/// A path or name inside an image: bytes with `/` between the names, no `/` at the start, empty for the root.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BytePath(pub Vec<u8>);

impl BytePath {
    /// Reads an absolute path of a manifest. Repeated and trailing slashes are dropped.
    ///
    /// # Errors
    /// A sentence when the path is not absolute, has a `.` or `..` in it, a NUL byte, or a name over 255 bytes.
    pub fn absolute(path: &[u8]) -> Result<Self, String> {
        if path.first() != Some(&b'/') {
            return Err("a path inside an image starts with `/`".into());
        }
        let mut clean = Vec::with_capacity(path.len());
        for name in path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
            check_name(name)?;
            if !clean.is_empty() {
                clean.push(b'/');
            }
            clean.extend_from_slice(name);
        }
        Ok(Self(clean))
    }
}

/// Whether these bytes can be one name of a path inside an image.
///
/// # Errors
/// A sentence when they cannot.
pub fn check_name(name: &[u8]) -> Result<(), String> {
    match name {
        b"" => Err("a name inside an image is not empty".into()),
        b"." | b".." => Err("`.` and `..` cannot be in a path inside an image".into()),
        _ if name.contains(&0) => Err("a path inside an image has no NUL byte".into()),
        _ if name.contains(&b'/') => Err("a name inside an image has no `/`".into()),
        _ if name.len() > 255 => Err(format!("a name has at most 255 bytes; this one has {}", name.len())),
        _ => Ok(()),
    }
}

impl fmt::Display for BytePath {
    /// With a `/` at the start; bytes that are not printable UTF-8 as `\xNN`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("/")?;
        write_escaped(&self.0, f)
    }
}

impl fmt::Debug for BytePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl Serialize for BytePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Writes bytes as text: what is not printable UTF-8 becomes `\xNN`, a backslash becomes `\\`.
pub fn write_escaped(bytes: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => out.write_str("\\\\")?,
                c if c.is_control() => {
                    let mut buffer = [0; 4];
                    for byte in c.encode_utf8(&mut buffer).bytes() {
                        write!(out, "\\x{byte:02x}")?;
                    }
                }
                c => out.write_char(c)?,
            }
        }
        for byte in chunk.invalid() {
            write!(out, "\\x{byte:02x}")?;
        }
    }
    Ok(())
}

impl Canonical for BytePath {
    fn canon(&self, c: &mut Canon) {
        c.bytes(&self.0);
    }
}

/// Attributes that an operation sets; what is `None` stays as it is, or takes the default of new entries
/// (0:0, 0755 for directories, 0644 for files, the epoch).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Attributes {
    /// Permission bits with set-id and sticky bits, at most 0o7777.
    pub mode: Option<u16>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// Time of last change: seconds since 1970 and nanoseconds.
    pub mtime: Option<(i64, u32)>,
    /// Extended attributes by full name, such as `security.capability`; they replace equal names.
    pub xattrs: Vec<(String, Vec<u8>)>,
    /// Keep zero runs of the content as allocated blocks instead of holes.
    pub dense: bool,
}

impl Canonical for Attributes {
    fn canon(&self, c: &mut Canon) {
        let Self { mode, uid, gid, mtime, xattrs, dense } = self;
        c.add(mode).add(uid).add(gid);
        match mtime {
            None => c.int(0),
            Some((seconds, nanos)) => c.int(1).add(seconds).add(nanos),
        };
        c.int(xattrs.len() as u64);
        for (name, value) in xattrs {
            c.text(name).bytes(value);
        }
        c.add(dense);
    }
}

/// Where a file's content comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileContent {
    /// These bytes.
    Inline(Vec<u8>),
    /// So many zero bytes, held as a hole unless the entry is dense.
    Zeros(u64),
    /// The Bytes value of the step's input of this index (an archive, for instance).
    Input(usize),
    /// A text in which facts take the place of marks ([`crate::late`]), each named by the index of the step's input that is it.
    Late(String),
}

impl Canonical for FileContent {
    fn canon(&self, c: &mut Canon) {
        match self {
            Self::Inline(bytes) => c.text("inline").bytes(bytes),
            Self::Zeros(len) => c.text("zeros").int(*len),
            Self::Input(index) => c.text("input").int(*index as u64),
            Self::Late(text) => c.text("late").text(text),
        };
    }
}

/// One operation. Parents that do not exist yet are made with default attributes. Writing a path that exists already
/// is an error unless `replace` is set; making a directory that exists sets its attributes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "op")]
pub enum TreeOp {
    /// A directory.
    Dir {
        /// Where.
        path: BytePath,
        /// Its attributes.
        attributes: Attributes,
    },
    /// A file with given content.
    File {
        /// Where.
        path: BytePath,
        /// What is in it.
        content: FileContent,
        /// Its attributes.
        attributes: Attributes,
        /// Whether it may take the place of an existing entry.
        replace: bool,
    },
    /// Entries of an input tree.
    Copy {
        /// Index of the input that is the tree.
        input: usize,
        /// A glob over paths of that tree without a `/` at the start (`*` and `?` stay within a name, `**` crosses).
        /// A directory that matches is copied with all that it holds. Empty: the whole tree.
        from: String,
        /// Globs over paths that are left out, relative to the input tree.
        exclude: Vec<String>,
        /// The path of the copy, or the directory that receives all matches under their last names.
        to: BytePath,
        /// Whether `to` is a directory that receives matches (it was written with a `/` at its end). Otherwise exactly
        /// one entry must match and becomes `to`.
        into: bool,
        /// Decompress matched files (gzip, xz or zstd by their first bytes; a file that is none of them is an error).
        decompress: bool,
        /// Attributes that override those of each copied entry (`mode` of files only, not of directories).
        attributes: Attributes,
        /// Whether copies may take the place of existing entries.
        replace: bool,
    },
    /// A symbolic link.
    Symlink {
        /// Where.
        path: BytePath,
        /// What it points at, as it is written.
        target: Vec<u8>,
        /// Its attributes.
        attributes: Attributes,
        /// Whether it may take the place of an existing entry.
        replace: bool,
    },
    /// Another name for a file that is already in the tree.
    Hardlink {
        /// Where.
        path: BytePath,
        /// The existing file.
        target: BytePath,
        /// Whether it may take the place of an existing entry.
        replace: bool,
    },
    /// A device node, fifo or socket.
    Special {
        /// Where.
        path: BytePath,
        /// Which kind.
        special: Special,
        /// Its attributes.
        attributes: Attributes,
        /// Whether it may take the place of an existing entry.
        replace: bool,
    },
    /// Sets attributes of entries that exist.
    Set {
        /// A glob over paths without a `/` at the start; at least one entry must match.
        paths: String,
        /// What is set.
        attributes: Attributes,
    },
    /// Takes entries out again, directories with all that they hold.
    Remove {
        /// A glob over paths without a `/` at the start; at least one entry must match.
        paths: String,
    },
    /// Lays a whole input tree over this one: directories merge, other entries replace. For a loader's own files.
    Overlay {
        /// Index of the input that is the tree.
        input: usize,
    },
    /// Changes nothing: these files must be there, links followed. For what a boot menu names.
    Require {
        /// The files, by absolute paths.
        paths: Vec<String>,
        /// Whether names that differ only in case are the same.
        folds_case: bool,
    },
    /// Changes nothing: these files must be EFI applications that somebody signed, links followed; those that are not there are
    /// passed over. For what a boot menu starts under secure boot.
    Signed {
        /// The files, by absolute paths.
        paths: Vec<String>,
        /// Whether names that differ only in case are the same.
        folds_case: bool,
    },
    /// Changes nothing: this input tree must not put anything else at a path than the others do. For loaders that share a
    /// filesystem.
    Apart {
        /// Index of the input that is the tree.
        input: usize,
        /// Indices of the inputs that were laid over before it.
        others: Vec<usize>,
        /// Whether names that differ only in case are the same.
        folds_case: bool,
    },
}

/// Entries that are neither file, directory nor link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Special {
    /// A character device.
    Char {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    Block {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// A socket's name.
    Socket,
}

impl Canonical for Special {
    fn canon(&self, c: &mut Canon) {
        match self {
            Self::Char { major, minor } => c.text("char").add(major).add(minor),
            Self::Block { major, minor } => c.text("block").add(major).add(minor),
            Self::Fifo => c.text("fifo"),
            Self::Socket => c.text("socket"),
        };
    }
}

impl Canonical for TreeOp {
    fn canon(&self, c: &mut Canon) {
        match self {
            Self::Dir { path, attributes } => c.text("dir").add(path).add(attributes),
            Self::File { path, content, attributes, replace } => {
                c.text("file").add(path).add(content).add(attributes).add(replace)
            }
            Self::Copy { input, from, exclude, to, into, decompress, attributes, replace } => c
                .text("copy")
                .int(*input as u64)
                .add(from)
                .add(exclude)
                .add(to)
                .add(into)
                .add(decompress)
                .add(attributes)
                .add(replace),
            Self::Symlink { path, target, attributes, replace } => {
                c.text("symlink").add(path).bytes(target).add(attributes).add(replace)
            }
            Self::Hardlink { path, target, replace } => c.text("hardlink").add(path).add(target).add(replace),
            Self::Special { path, special, attributes, replace } => {
                c.text("special").add(path).add(special).add(attributes).add(replace)
            }
            Self::Set { paths, attributes } => c.text("set").add(paths).add(attributes),
            Self::Remove { paths } => c.text("remove").add(paths),
            Self::Overlay { input } => c.text("overlay").int(*input as u64),
            Self::Require { paths, folds_case } => c.text("require").add(paths).add(folds_case),
            Self::Signed { paths, folds_case } => c.text("signed").add(paths).add(folds_case),
            Self::Apart { input, others, folds_case } => {
                c.text("apart").int(*input as u64).int(others.len() as u64);
                others.iter().fold(c, |c, other| c.int(*other as u64)).add(folds_case)
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_and_hostile_ones_refused() {
        assert_eq!(BytePath::absolute(b"/boot//grub/").expect("a path").0, b"boot/grub");
        assert_eq!(BytePath::absolute(b"/").expect("the root").0, b"");
        for bad in [&b"boot"[..], b"/a/../b", b"/./a", b"/a\0b", &[b"/".as_slice(), &[b'x'; 256]].concat()] {
            assert!(BytePath::absolute(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn odd_bytes_are_shown_escaped() {
        assert_eq!(BytePath(b"caf\xe9/a\\b\n".to_vec()).to_string(), "/caf\\xe9/a\\\\b\\x0a");
    }
}
