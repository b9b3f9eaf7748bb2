//! The tree in the making: directories as ordered maps in an arena, so that a million entries are copied without a search each.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
};

use imgc_image::{Entry, Failure, Meta, Node, Problem, Tree, TreeBuilder, tree::Xattr};
use imgc_plan::tree::BytePath;

use crate::glob::PathGlob;

/// Index of an entry in the arena.
pub type NodeId = u32;

/// The root's index.
pub const ROOT: NodeId = 0;

/// What is said of one entry.
#[derive(Clone, Debug)]
pub struct Item {
    /// Owner, mode, time.
    pub meta: Meta,
    /// Extended attributes, sorted.
    pub xattrs: Box<[Xattr]>,
    /// Names with the same number other than 0 are one file.
    pub group: u32,
    /// What it is.
    pub node: Node,
}

impl Item {
    /// A directory nobody said anything of.
    pub fn directory(epoch: i64) -> Self {
        Self { meta: Meta::new(0o755, epoch), xattrs: Box::default(), group: 0, node: Node::Dir }
    }
}

#[derive(Debug)]
struct Slot {
    item: Item,
    parent: NodeId,
    name: Box<[u8]>,
    children: BTreeMap<Box<[u8]>, NodeId>,
}

/// The names in a directory that are left to visit.
type Children<'w> = std::collections::btree_map::Iter<'w, Box<[u8]>, NodeId>;

/// A tree in the making.
#[derive(Debug)]
pub struct Work {
    slots: Vec<Slot>,
    epoch: i64,
}

impl Work {
    /// A root and nothing below.
    pub fn new(epoch: i64) -> Self {
        let mut work = Self { slots: Vec::new(), epoch };
        work.slots.push(Slot {
            item: Item::directory(epoch),
            parent: ROOT,
            name: Box::default(),
            children: BTreeMap::new(),
        });
        work
    }

    /// What is said of an entry.
    pub fn item(&self, id: NodeId) -> &Item {
        &self.slots[id as usize].item
    }

    /// What is said of an entry, to be changed.
    pub fn item_mut(&mut self, id: NodeId) -> &mut Item {
        &mut self.slots[id as usize].item
    }

    /// Whether an entry is a directory.
    pub fn is_dir(&self, id: NodeId) -> bool {
        matches!(self.item(id).node, Node::Dir)
    }

    /// An entry of a directory.
    pub fn child(&self, dir: NodeId, name: &[u8]) -> Option<NodeId> {
        self.slots[dir as usize].children.get(name).copied()
    }

    /// The names in a directory.
    pub fn names(&self, dir: NodeId) -> impl Iterator<Item = &[u8]> {
        self.slots[dir as usize].children.keys().map(AsRef::as_ref)
    }

    /// The entry at a path.
    pub fn find(&self, path: &[u8]) -> Option<NodeId> {
        names(path).try_fold(ROOT, |dir, name| self.child(dir, name))
    }

    /// The path of an entry.
    pub fn path(&self, mut id: NodeId) -> BytePath {
        let mut names = Vec::new();
        while id != ROOT {
            let slot = &self.slots[id as usize];
            names.push(slot.name.as_ref());
            id = slot.parent;
        }
        names.reverse();
        BytePath(names.join(&b'/'))
    }

    /// The directory at a path; it and those above it are made where they are missing.
    pub fn make_dirs(&mut self, path: &BytePath) -> Result<NodeId, Problem> {
        self.make_dirs_for(&path.0, path)
    }

    /// As [`Work::make_dirs`], on the way to `wanted`.
    fn make_dirs_for(&mut self, path: &[u8], wanted: &BytePath) -> Result<NodeId, Problem> {
        let mut dir = ROOT;
        for name in names(path) {
            dir = match self.child(dir, name) {
                None => self.insert(dir, name, Item::directory(self.epoch)),
                Some(id) if self.is_dir(id) => id,
                Some(id) => return Err(self.no_directory(id, wanted)),
            };
        }
        Ok(dir)
    }

    /// The directory that holds a path, made where it is missing, and the last name. `None` for the root.
    pub fn make_parent<'p>(&mut self, path: &'p BytePath) -> Result<Option<(NodeId, &'p [u8])>, Problem> {
        if path.0.is_empty() {
            return Ok(None);
        }
        let slash = path.0.iter().rposition(|byte| *byte == b'/');
        let (above, name) = slash.map_or((&[][..], &path.0[..]), |at| (&path.0[..at], &path.0[at + 1..]));
        Ok(Some((self.make_dirs_for(above, path)?, name)))
    }

    fn no_directory(&self, id: NodeId, wanted: &BytePath) -> Problem {
        let at = self.path(id);
        let what = describe(&self.item(id).node);
        if at == *wanted {
            return Problem::new(
                "path-exists",
                format!("`{at}` exists already and is {what}, not a directory"),
            );
        }
        let problem =
            Problem::new("not-a-directory", format!("`{wanted}` lies below `{at}`, which is {what}"));
        match &self.item(id).node {
            Node::Symlink(target) => problem.help(format!(
                "write to where it points: `{}`",
                BytePath(target.to_vec()).to_string().trim_start_matches('/')
            )),
            _ => problem,
        }
    }

    /// Puts an entry that is no directory at a path; directories above it are made where they are missing.
    pub fn put(&mut self, path: &BytePath, item: Item, replace: bool) -> Result<NodeId, Problem> {
        match self.make_parent(path)? {
            Some((dir, name)) => self.put_in(dir, name, item, replace),
            None => Err(Problem::new(
                "path-exists",
                "the root of a tree is a directory and cannot be anything else",
            )),
        }
    }

    /// Puts an entry that is no directory into a directory.
    pub fn put_in(&mut self, dir: NodeId, name: &[u8], item: Item, replace: bool) -> Result<NodeId, Problem> {
        let Some(there) = self.child(dir, name) else { return Ok(self.insert(dir, name, item)) };
        let path = self.path(there);
        if self.is_dir(there) {
            let message = format!("`{path}` exists already and is a directory");
            return Err(Problem::new("path-exists", message).help("take it out first with `remove`"));
        }
        if !replace {
            let message = format!("`{path}` exists already");
            return Err(
                Problem::new("path-exists", message).help("to put this in its place, add `replace=#true`")
            );
        }
        *self.item_mut(there) = item;
        Ok(there)
    }

    /// Puts an entry into a directory where nothing of that name is.
    pub fn insert(&mut self, dir: NodeId, name: &[u8], item: Item) -> NodeId {
        let id = NodeId::try_from(self.slots.len()).expect("because a tree has fewer than 2^32 entries");
        self.slots.push(Slot { item, parent: dir, name: name.into(), children: BTreeMap::new() });
        self.slots[dir as usize].children.insert(name.into(), id);
        id
    }

    /// Takes an entry out with all below it. Of the root only what is below it goes.
    pub fn remove(&mut self, id: NodeId) {
        if id == ROOT {
            self.slots[0].children.clear();
            return;
        }
        let (parent, name) = (self.slots[id as usize].parent, self.slots[id as usize].name.clone());
        // It may have gone with a directory that another match took out.
        if self.child(parent, &name) == Some(id) {
            self.slots[parent as usize].children.remove(&name);
        }
    }

    /// Every name of some files.
    pub fn names_of(&self, groups: &BTreeSet<u32>) -> Vec<NodeId> {
        (0..)
            .zip(&self.slots)
            .filter(|(_, slot)| groups.contains(&slot.item.group))
            .map(|(id, _)| id)
            .collect()
    }

    /// The entries that a glob matches, in canonical order.
    pub fn matching(&self, glob: &PathGlob) -> Vec<NodeId> {
        let mut found = Vec::new();
        self.walk(|id, path| {
            if glob.matches(path) {
                found.push(id);
            }
            glob.can_match_below(path)
        });
        found
    }

    /// Goes through all entries in canonical order. What `visit` says no to is not entered.
    fn walk<'w>(&'w self, mut visit: impl FnMut(NodeId, &[u8]) -> bool) {
        let mut path = Vec::new();
        if !visit(ROOT, &path) {
            return;
        }
        let mut open: Vec<(Children<'w>, usize)> = vec![(self.slots[0].children.iter(), 0)];
        while let Some((children, above)) = open.last_mut() {
            path.truncate(*above);
            let Some((name, id)) = children.next() else {
                open.pop();
                continue;
            };
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(name);
            let slot = &self.slots[*id as usize];
            if visit(*id, &path) && !slot.children.is_empty() {
                open.push((slot.children.iter(), path.len()));
            }
        }
    }

    /// Makes the tree.
    pub fn finish(mut self, epoch: i64) -> Result<Tree, Failure> {
        let mut order = Vec::with_capacity(self.slots.len());
        self.walk(|id, path| {
            order.push((id, path.to_vec()));
            true
        });
        let mut builder = TreeBuilder::new();
        for (id, path) in order {
            let slot = &mut self.slots[id as usize];
            let item = std::mem::replace(&mut slot.item, Item::directory(epoch));
            builder.push(Entry {
                path: BytePath(path),
                meta: item.meta,
                xattrs: item.xattrs,
                link: NonZeroU32::new(item.group),
                node: item.node,
            });
        }
        builder
            .finish(epoch)
            .map_err(|path| Failure::Bug(format!("composing gave {path} twice or below a file")))
    }
}

/// The names along a path.
pub fn names(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|name| !name.is_empty())
}

/// What an entry is, for people.
pub fn describe(node: &Node) -> &'static str {
    match node {
        Node::Dir => "a directory",
        Node::File { .. } => "a file",
        Node::Symlink(_) => "a symbolic link",
        Node::Char { .. } | Node::Block { .. } => "a device",
        Node::Fifo => "a named pipe",
        Node::Socket => "a socket",
    }
}
