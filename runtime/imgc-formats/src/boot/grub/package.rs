//! The files of a GRUB package: where they lie in the source, and reading them with limits.

use imgc_image::{Content, Failure, Node, Problem, Reader, Store, Tree};

use super::{super::LoaderJob, platform::Platform};

/// The largest file of a package that is read, in bytes. In GRUB 2.12 for a BIOS it is `normal.mod` with 119 KiB.
const FILE_LIMIT: u64 = 4 << 20;

/// One platform's files in a source.
pub struct Package<'a> {
    tree: &'a Tree,
    store: &'a dyn Store,
    /// The directory that holds them, without a `/` at the start; empty when the source is that directory.
    dir: Vec<u8>,
}

impl<'a> Package<'a> {
    /// Finds the directory that has the platform's name and holds `kernel.img`, or takes the source itself for it.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub fn find(job: &LoaderJob<'a>, platform: Platform) -> Result<Self, Failure> {
        let name = platform.directory();
        let debian = platform.package();
        let tree = job.source.ok_or_else(|| {
            Problem::new("grub-source-missing", "GRUB needs the files of its package")
                .help(format!("give the loader a source, such as `source grub {{ deb \"{debian}\" }}`"))
        })?;
        let kernel = format!("{name}/kernel.img").into_bytes();
        let mut dirs = tree.entries().iter().filter_map(|entry| {
            let dir = entry.path.0.strip_suffix(b"/kernel.img")?;
            let whole = entry.path.0 == kernel || entry.path.0.ends_with(&[b"/", &kernel[..]].concat());
            whole.then_some(dir)
        });
        let dir = match (dirs.next(), dirs.next()) {
            (Some(dir), None) => dir.to_vec(),
            (None, _) if tree.get(b"kernel.img").is_some() => Vec::new(),
            (None, _) => {
                let message = format!("the source has no directory `{name}` with a file `kernel.img`");
                return Err(Problem::new("grub-file-missing", message)
                    .help(format!("Debian's package with GRUB for `{}` is `{debian}`", platform.name()))
                    .into());
            }
            (Some(_), Some(_)) => {
                let message =
                    format!("the source has more than one directory `{name}` with a file `kernel.img`");
                return Err(Problem::new("grub-file-ambiguous", message).into());
            }
        };
        Ok(Self { tree, store: job.store, dir })
    }

    /// The files beside `kernel.img` with their names, in canonical order. Names that are not UTF-8 are none of GRUB's.
    pub fn files(&self) -> impl Iterator<Item = (&'a str, &'a Content)> + '_ {
        self.tree.entries().iter().filter_map(|entry| {
            let Node::File { content, .. } = &entry.node else { return None };
            let here = entry.parent() == Some(&self.dir);
            here.then(|| std::str::from_utf8(entry.name()).ok().map(|name| (name, content))).flatten()
        })
    }

    /// Whether there is a file of this name.
    pub fn has(&self, name: &str) -> bool {
        self.find_file(name).is_some()
    }

    /// The content of a file.
    ///
    /// # Errors
    /// When there is none.
    pub fn content(&self, name: &str) -> Result<&'a Content, Problem> {
        self.find_file(name).ok_or_else(|| {
            let what = format!("the GRUB package has no file `{name}`");
            Problem::new("grub-file-missing", what)
                .help("all files must come from one and the same version of the package")
        })
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// When there is none, it is too large to be GRUB's, or it cannot be read.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, Failure> {
        self.read_content(name, self.content(name)?)
    }

    /// The bytes of the file at a path of the whole source.
    ///
    /// # Errors
    /// As [`Package::read`].
    pub fn read_path(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let entry = self.tree.get(path.trim_start_matches('/').as_bytes());
        match entry.map(|entry| &entry.node) {
            Some(Node::File { content, .. }) => self.read_content(path, content),
            _ => {
                let message = format!("the loader's source has no file `{path}`");
                Err(Problem::new("grub-file-missing", message).into())
            }
        }
    }

    fn read_content(&self, name: &str, content: &Content) -> Result<Vec<u8>, Failure> {
        if content.len() > FILE_LIMIT {
            return Err(unknown(name, format!("it has {} bytes", content.len())).into());
        }
        let bytes = content.to_bytes();
        Reader::new(&bytes, self.store)
            .read_all(FILE_LIMIT)
            .map_err(Failure::machine(format!("reading `{name}`")))
    }

    /// The text of a file.
    ///
    /// # Errors
    /// As [`Package::read`], and when it is not UTF-8.
    pub fn read_text(&self, name: &str) -> Result<String, Failure> {
        String::from_utf8(self.read(name)?).map_err(|_| unknown(name, "it is not text").into())
    }

    fn find_file(&self, name: &str) -> Option<&'a Content> {
        let mut path = self.dir.clone();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name.as_bytes());
        match &self.tree.get(&path)?.node {
            Node::File { content, .. } => Some(content),
            _ => None,
        }
    }
}

/// A file that is not what GRUB has under this name.
pub fn unknown(name: &str, why: impl std::fmt::Display) -> Problem {
    Problem::new("grub-file-unknown", format!("`{name}` is not a file of a GRUB that imgc knows: {why}"))
        .help("GRUB 2.06 and 2.12 are known")
}
