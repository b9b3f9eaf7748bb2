//! The files that a loader is made of, in the package or directory that supplies them: found by name, read with limits.

use imgc_image::{Content, Entry, Failure, Node, Problem, Reader, Store, Tree};

use super::LoaderJob;

/// The largest file of a loader that is read into memory, in bytes: none of them is near.
const FILE_LIMIT: u64 = 16 << 20;

/// What `source=` or `tree=` gives.
#[derive(Clone, Copy)]
pub struct Supply<'a> {
    tree: &'a Tree,
    store: &'a dyn Store,
    /// What people are told when a file is missing: where it is to be had.
    help: &'static str,
}

impl<'a> Supply<'a> {
    /// The supply of a loader; `help` says which packages have the files.
    ///
    /// # Errors
    /// When there is none.
    pub fn of(job: &LoaderJob<'a>, help: &'static str) -> Result<Self, Failure> {
        let tree = job.source.ok_or_else(|| {
            Problem::new("loader-source-missing", "the loader needs files of its own").help(help)
        })?;
        Ok(Self { tree, store: job.store, help })
    }

    /// The file of this name, wherever it lies. Where some of that name lie below a directory `below`, only those count; several
    /// with the same content are one.
    ///
    /// # Errors
    /// When there is none, or there are several that differ.
    pub fn find(&self, name: &str, below: &str) -> Result<&'a Content, Problem> {
        self.maybe(name, below)?.ok_or_else(|| {
            let message = format!("the loader's source has no file `{name}`");
            Problem::new("loader-file-missing", message).help(self.help)
        })
    }

    /// As [`Supply::find`], `None` when there is none.
    ///
    /// # Errors
    /// When there are several that differ.
    pub fn maybe(&self, name: &str, below: &str) -> Result<Option<&'a Content>, Problem> {
        let mut found: Vec<(&'a Entry, &'a Content)> =
            self.files().filter(|(entry, _)| entry.name() == name.as_bytes()).collect();
        let within = |entry: &Entry| {
            let parent = entry.parent().unwrap_or_default();
            parent.split(|byte| *byte == b'/').any(|part| part == below.as_bytes())
        };
        if found.iter().any(|(entry, _)| within(entry)) {
            found.retain(|(entry, _)| within(entry));
        }
        let Some((first, content)) = found.first() else { return Ok(None) };
        match found.iter().find(|(_, other)| other != content) {
            None => Ok(Some(content)),
            Some((other, _)) => {
                let message = format!(
                    "the loader's source has two files `{name}` that differ: {} and {}",
                    first.path, other.path
                );
                Err(Problem::new("loader-file-ambiguous", message).help("leave one of them out"))
            }
        }
    }

    /// The file at this path.
    ///
    /// # Errors
    /// When there is none.
    pub fn at(&self, path: &str) -> Result<&'a Content, Problem> {
        let entry = self.tree.get(path.trim_start_matches('/').as_bytes());
        match entry.map(|entry| &entry.node) {
            Some(Node::File { content, .. }) => Ok(content),
            _ => {
                let message = format!("the loader's source has no file at `{path}`");
                Err(Problem::new("loader-file-missing", message).help(self.help))
            }
        }
    }

    /// The bytes of a content.
    ///
    /// # Errors
    /// When it is too large to be a loader's, or cannot be read.
    pub fn read(&self, name: &str, content: &Content) -> Result<Vec<u8>, Failure> {
        if content.len() > FILE_LIMIT {
            let message = format!("`{name}` has {} bytes, too many for a file of a loader", content.len());
            return Err(Problem::new("loader-file-unknown", message).help(self.help).into());
        }
        let bytes = content.to_bytes();
        Reader::new(&bytes, self.store)
            .read_all(FILE_LIMIT)
            .map_err(Failure::machine(format!("reading `{name}`")))
    }

    fn files(&self) -> impl Iterator<Item = (&'a Entry, &'a Content)> + use<'a> {
        self.tree.entries().iter().filter_map(|entry| match &entry.node {
            Node::File { content, .. } => Some((entry, content)),
            _ => None,
        })
    }
}

/// A file that is not what the loader has under this name.
pub fn unknown(name: &str, why: impl std::fmt::Display) -> Problem {
    Problem::new("loader-file-unknown", format!("`{name}` is none that imgc knows: {why}"))
}
