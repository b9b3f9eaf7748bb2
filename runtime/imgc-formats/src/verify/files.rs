//! A filesystem's files as loaders look for them: by paths through links, where case may not matter.

use std::{collections::BTreeMap, io};

use imgc_image::{Entry, Node, ReadAt, Tree};
use imgc_plan::kind::Traits;

use crate::fs::{self, Run, Volume};

/// How many symbolic links are followed on the way to one file, as Linux does (path_resolution(7)).
const LINKS: usize = 40;
/// The longest path that is followed, in names, with those of links.
const NAMES: usize = 1000;

/// An open filesystem.
pub(super) struct Files<'a> {
    volume: Box<dyn Volume + 'a>,
    /// The kind's name.
    pub(super) kind: &'static str,
    folds: bool,
    tree: Tree,
    index: BTreeMap<Vec<u8>, usize>,
}

impl<'a> Files<'a> {
    /// Opens what filesystem there is; `None` when it is none that is read, or has no files.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn open(image: &'a dyn ReadAt) -> Result<Option<Self>, String> {
        let mut wrong = None;
        for kind in fs::ALL {
            let Traits::Filesystem(traits) = &kind.kind().traits else { continue };
            if !traits.takes_tree {
                continue;
            }
            match kind.open(image) {
                Ok(None) => {}
                Ok(Some(volume)) => {
                    let tree = volume.tree().map_err(|failure| failure.to_string())?;
                    let index = if traits.folds_case { folded(&tree) } else { BTreeMap::new() };
                    let (kind, folds) = (kind.kind().name, traits.folds_case);
                    return Ok(Some(Self { volume, kind, folds, tree, index }));
                }
                Err(failure) => wrong = Some(failure.to_string()),
            }
        }
        wrong.map_or(Ok(None), Err)
    }

    /// All that is in it.
    pub(super) fn entries(&self) -> &[Entry] {
        self.tree.entries()
    }

    /// The entry at a path, through links.
    pub(super) fn find(&self, path: &str) -> Option<&Entry> {
        self.find_bytes(path.as_bytes())
    }

    /// The regular file at a path.
    pub(super) fn file(&self, path: &str) -> Option<&Entry> {
        self.find(path).filter(|entry| matches!(entry.node, Node::File { .. }))
    }

    fn find_bytes(&self, path: &[u8]) -> Option<&Entry> {
        let mut open: Vec<Vec<u8>> = names(path);
        let (mut at, mut links, mut steps) = (Vec::new(), 0, 0);
        let mut found = self.get(&[])?;
        while let Some(name) = open.pop() {
            steps += 1;
            if steps > NAMES {
                return None;
            }
            if name == b".." {
                let above = at.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                at.truncate(above);
                found = self.get(&at)?;
                continue;
            }
            let mut next = at.clone();
            if !next.is_empty() {
                next.push(b'/');
            }
            next.extend(&name);
            found = self.get(&next)?;
            if let Node::Symlink(target) = &found.node {
                links += 1;
                if links > LINKS {
                    return None;
                }
                if target.starts_with(b"/") {
                    at.clear();
                }
                open.extend(names(target));
                found = self.get(&at)?;
            } else {
                at = found.path.0.clone();
            }
        }
        Some(found)
    }

    fn get(&self, path: &[u8]) -> Option<&Entry> {
        if self.folds {
            return self.index.get(&path.to_ascii_lowercase()).map(|at| &self.tree.entries()[*at]);
        }
        self.tree.get(path)
    }

    /// The content of a file of at most so many bytes.
    ///
    /// # Errors
    /// Why it cannot be had: the end of a sentence that begins with its name.
    pub(super) fn read(&self, entry: &Entry, most: u64) -> Result<Vec<u8>, String> {
        let Node::File { content, .. } = &entry.node else { return Err("is no file".into()) };
        if content.len() > most {
            return Err(format!("has {} bytes, far more than such a file has", content.len()));
        }
        let mut out = Bounded { bytes: Vec::new(), most };
        let copied = self.volume.copy(&entry.path.0, &mut out);
        copied.map_err(|failure| format!("cannot be read: {failure}"))?;
        Ok(out.bytes)
    }

    /// The same as text; bytes that are none become marks.
    ///
    /// # Errors
    /// As [`Files::read`].
    pub(super) fn text(&self, entry: &Entry) -> Result<String, String> {
        self.read(entry, 1 << 20).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Where a file's bytes lie within the filesystem; nothing when that cannot be said.
    pub(super) fn runs(&self, entry: &Entry) -> Vec<Run> {
        self.volume.extents(&entry.path.0).unwrap_or_default()
    }
}

/// The length of a file; 0 of anything else.
pub(super) fn len(entry: &Entry) -> u64 {
    if let Node::File { content, .. } = &entry.node { content.len() } else { 0 }
}

fn folded(tree: &Tree) -> BTreeMap<Vec<u8>, usize> {
    let entries = tree.entries().iter().enumerate();
    entries.map(|(at, entry)| (entry.path.0.to_ascii_lowercase(), at)).collect()
}

/// The names of a path, the first one last.
fn names(path: &[u8]) -> Vec<Vec<u8>> {
    let names = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".");
    names.rev().map(<[u8]>::to_vec).collect()
}

/// Takes only so many bytes.
struct Bounded {
    bytes: Vec<u8>,
    most: u64,
}

impl io::Write for Bounded {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if (self.bytes.len() + buf.len()) as u64 > self.most {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is longer than its directory says"));
        }
        self.bytes.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
