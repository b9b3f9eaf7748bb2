//! Compares what a tool extracted into a directory with the tree that it should be.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    io::Read,
    os::unix::{
        ffi::OsStrExt,
        fs::{FileTypeExt, MetadataExt},
    },
    path::{Path, PathBuf},
};

use imgc_image::{Entry, MemoryStore, Node, Reader, Tree};

/// What a tool restores.
#[derive(Clone, Copy, Debug)]
pub struct Restored {
    /// The bits of modes; 0: none are looked at.
    pub mode: u16,
    /// Whether times, in whole seconds.
    pub times: bool,
    /// Whether times of directories, too.
    pub dir_times: bool,
    /// Whether several names are one file.
    pub links: bool,
    /// Whether files with holes, or with blocks of zeros that may have become holes, have the right content.
    pub holes: bool,
    /// Whether named pipes.
    pub pipes: bool,
}

impl Restored {
    /// Everything that a plain user can be given.
    pub const ALL: Self =
        Self { mode: 0o777, times: true, dir_times: true, links: true, holes: true, pipes: true };
}

/// How much of a file is compared at once.
const PIECE: u64 = 1 << 20;

/// Compares a directory with a tree. Names in `own` directly below the root are the format's, and may be there besides.
///
/// # Panics
/// With the first difference.
pub fn same(root: &Path, tree: &Tree, store: &MemoryStore, restored: Restored, own: &[&str]) {
    let mut groups = BTreeMap::new();
    let mut missing = 0;
    for entry in tree.entries().iter().skip(1) {
        let path = root.join(Path::new(OsStr::from_bytes(&entry.path.0)));
        let found = match fs::symlink_metadata(&path) {
            Ok(found) => found,
            Err(_) if may_be_missing(&entry.node, restored) => {
                missing += 1;
                continue;
            }
            Err(error) => panic!("{}: {error}", entry.path),
        };
        same_node(entry, &path, &found, store, restored);
        if matches!(entry.node, Node::Symlink(_)) {
            continue;
        }
        let mode = (found.mode() as u16) & restored.mode;
        assert_eq!(mode, entry.meta.mode & restored.mode, "the mode of {}", entry.path);
        if restored.times && (restored.dir_times || !entry.is_dir()) {
            assert_eq!(found.mtime(), entry.meta.mtime, "the time of {}", entry.path);
        }
        if let Some(group) = entry.link.filter(|_| restored.links) {
            let first = *groups.entry(group).or_insert(found.ino());
            assert_eq!(first, found.ino(), "{} is another file", entry.path);
        }
    }
    let there = count(root, own) + missing;
    assert_eq!(there, tree.entries().len() - 1, "there is more than in the tree");
}

fn same_node(entry: &Entry, path: &PathBuf, found: &fs::Metadata, store: &MemoryStore, restored: Restored) {
    let kind = found.file_type();
    let is = match &entry.node {
        Node::Dir => kind.is_dir(),
        Node::File { content, .. } => {
            if restored.holes || !has_zeros(entry, store) {
                assert_eq!(found.len(), content.len(), "the length of {}", entry.path);
                same_content(entry, path, store);
            }
            kind.is_file()
        }
        Node::Symlink(target) => {
            let found = fs::read_link(path).unwrap_or_else(|error| panic!("{}: {error}", entry.path));
            assert!(found.as_os_str().as_bytes() == &target[..], "the target of {}", entry.path);
            kind.is_symlink()
        }
        Node::Char { .. } => kind.is_char_device(),
        Node::Block { .. } => kind.is_block_device(),
        Node::Fifo => kind.is_fifo(),
        Node::Socket => kind.is_socket(),
    };
    assert!(is, "{} is something else: {kind:?}", entry.path);
}

/// Plain users cannot make devices, and some tools make no sockets.
fn may_be_missing(node: &Node, restored: Restored) -> bool {
    match node {
        Node::Char { .. } | Node::Block { .. } | Node::Socket => true,
        Node::Fifo => !restored.pipes,
        _ => false,
    }
}

/// Whether a file has a page of zeros; one that is too large to be looked at has.
fn has_zeros(entry: &Entry, store: &MemoryStore) -> bool {
    let Node::File { content, .. } = &entry.node else { return false };
    let bytes = content.to_bytes();
    let whole = Reader::new(&bytes, store).read_all(64 << 20);
    whole.map_or(true, |whole| whole.chunks(4096).any(|page| page.iter().all(|byte| *byte == 0)))
}

/// Compares the runs of data, and of files up to 64 MiB everything.
fn same_content(entry: &Entry, path: &PathBuf, store: &MemoryStore) {
    let Node::File { content, .. } = &entry.node else { return };
    let bytes = content.to_bytes();
    let reader = Reader::new(&bytes, store);
    let mut file = fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", entry.path));
    let runs = if content.len() <= 64 << 20 { vec![(0, content.len())] } else { content.data_runs() };
    for (from, len) in runs {
        std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(from)).expect("a place in a file");
        let mut done = 0;
        while done < len {
            let now = usize::try_from(PIECE.min(len - done)).expect("a piece is small");
            let (mut is, mut should) = (vec![0; now], vec![0; now]);
            file.read_exact(&mut is).unwrap_or_else(|error| panic!("{}: {error}", entry.path));
            reader.read_at(from + done, &mut should).expect("the content is there");
            assert!(is == should, "the content of {}", entry.path);
            done += now as u64;
        }
    }
}

/// Everything below a directory but these names directly below it.
fn count(dir: &Path, own: &[&str]) -> usize {
    let mut found = 0;
    for entry in fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display())) {
        let entry = entry.expect("an entry");
        if own.iter().any(|own| entry.file_name() == *own) {
            continue;
        }
        found += 1;
        if entry.file_type().expect("a type").is_dir() {
            found += count(&entry.path(), &[]);
        }
    }
    found
}
