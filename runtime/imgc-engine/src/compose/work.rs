//! The tree in the making: directories as ordered maps in an arena, so that a million entries are copied without a search each.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter::Peekable,
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

/// What is said of an entry, by itself or by the entry of an input that it is a plain copy of.
#[derive(Debug)]
pub enum Said<'a> {
    /// This.
    Own(Item),
    /// What an entry of an input says, in this group.
    Copied(&'a Entry, u32),
}

impl From<Item> for Said<'_> {
    fn from(item: Item) -> Self {
        Self::Own(item)
    }
}

/// An entry in the arena. There are millions of plain copies, so these are not made before the end.
#[derive(Debug)]
enum Held<'a> {
    Own(Box<Owned<'a>>),
    /// A copy under the same name, in this group.
    Copied(&'a Entry, u32),
}

#[derive(Debug)]
struct Owned<'a> {
    name: &'a [u8],
    item: Item,
}

impl<'a> Held<'a> {
    fn new(name: &'a [u8], said: Said<'a>) -> Self {
        match said {
            Said::Copied(entry, group) if entry.name() == name => Self::Copied(entry, group),
            Said::Copied(entry, group) => Self::Own(Box::new(Owned { name, item: copy(entry, group) })),
            Said::Own(item) => Self::Own(Box::new(Owned { name, item })),
        }
    }

    fn name(&self) -> &'a [u8] {
        match self {
            Self::Own(owned) => owned.name,
            Self::Copied(entry, _) => entry.name(),
        }
    }

    fn item(&self) -> Item {
        match self {
            Self::Own(owned) => owned.item.clone(),
            Self::Copied(entry, group) => copy(entry, *group),
        }
    }
}

fn copy(Entry { path: _, meta, xattrs, link: _, node }: &Entry, group: u32) -> Item {
    Item { meta: *meta, xattrs: xattrs.clone(), group, node: node.clone() }
}

#[derive(Debug)]
struct Slot<'a> {
    held: Held<'a>,
    parent: NodeId,
    /// The index of what is below a directory; 0: nothing yet.
    children: u32,
}

/// The names in a directory. Trees are copied in order, so that nearly every name comes after those before it.
#[derive(Debug, Default)]
struct Children<'a> {
    /// Those that came in order.
    run: Vec<NodeId>,
    /// Those that did not.
    late: BTreeMap<&'a [u8], NodeId>,
}

/// A tree in the making.
#[derive(Debug)]
pub struct Work<'a> {
    slots: Vec<Slot<'a>>,
    /// What is below directories. The first is empty.
    children: Vec<Children<'a>>,
    epoch: i64,
}

impl<'a> Work<'a> {
    /// A root and nothing below.
    pub fn new(epoch: i64) -> Self {
        let held = Held::new(b"", Item::directory(epoch).into());
        let root = Slot { held, parent: ROOT, children: 0 };
        Self { slots: vec![root], children: vec![Children::default()], epoch }
    }

    /// What an entry is.
    pub fn node(&self, id: NodeId) -> &Node {
        match &self.slots[id as usize].held {
            Held::Own(owned) => &owned.item.node,
            Held::Copied(entry, _) => &entry.node,
        }
    }

    /// The group of names that an entry is in; 0: none.
    pub fn group(&self, id: NodeId) -> u32 {
        match &self.slots[id as usize].held {
            Held::Own(owned) => owned.item.group,
            Held::Copied(_, group) => *group,
        }
    }

    /// What is said of an entry.
    pub fn item(&self, id: NodeId) -> Item {
        self.slots[id as usize].held.item()
    }

    /// What is said of an entry, to be changed.
    pub fn item_mut(&mut self, id: NodeId) -> &mut Item {
        let held = &mut self.slots[id as usize].held;
        if let Held::Copied(entry, group) = *held {
            *held = Held::Own(Box::new(Owned { name: entry.name(), item: copy(entry, group) }));
        }
        match held {
            Held::Own(owned) => &mut owned.item,
            Held::Copied(..) => unreachable!("because it was just made its own"),
        }
    }

    /// Says something else of an entry.
    pub fn say(&mut self, id: NodeId, said: Said<'a>) {
        self.slots[id as usize].held = Held::new(self.name(id), said);
    }

    /// Whether an entry is a directory.
    pub fn is_dir(&self, id: NodeId) -> bool {
        matches!(self.node(id), Node::Dir)
    }

    /// An entry of a directory.
    pub fn child(&self, dir: NodeId, name: &[u8]) -> Option<NodeId> {
        let children = self.below(dir);
        let at = self.place(&children.run, name).ok().map(|at| children.run[at]);
        at.or_else(|| children.late.get(name).copied())
    }

    fn name(&self, id: NodeId) -> &'a [u8] {
        self.slots[id as usize].held.name()
    }

    fn below(&self, dir: NodeId) -> &Children<'a> {
        &self.children[self.slots[dir as usize].children as usize]
    }

    fn place(&self, run: &[NodeId], name: &[u8]) -> Result<usize, usize> {
        match run.last() {
            // Nearly always.
            Some(last) if self.name(*last) < name => Err(run.len()),
            _ => run.binary_search_by(|id| self.name(*id).cmp(name)),
        }
    }

    /// The names in a directory, in order.
    pub fn names(&self, dir: NodeId) -> impl Iterator<Item = &'a [u8]> + use<'a, '_> {
        self.children(dir).map(|id| self.name(id))
    }

    fn children(&self, dir: NodeId) -> InOrder<'a, '_> {
        let Children { run, late } = self.below(dir);
        let (run, late) = (run.iter().copied().peekable(), late.values().copied().peekable());
        InOrder { work: self, run, late }
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
            names.push(slot.held.name());
            id = slot.parent;
        }
        names.reverse();
        BytePath(names.join(&b'/'))
    }

    /// The directory at a path; it and those above it are made where they are missing.
    pub fn make_dirs(&mut self, path: &'a BytePath) -> Result<NodeId, Problem> {
        self.make_dirs_for(&path.0, &path.0)
    }

    /// As [`Work::make_dirs`], on the way to `wanted`.
    fn make_dirs_for(&mut self, path: &'a [u8], wanted: &[u8]) -> Result<NodeId, Problem> {
        let mut dir = ROOT;
        for name in names(path) {
            dir = match self.child(dir, name) {
                None => self.insert(dir, name, Item::directory(self.epoch).into()),
                Some(id) if self.is_dir(id) => id,
                Some(id) => return Err(self.no_directory(id, wanted)),
            };
        }
        Ok(dir)
    }

    /// The directory that holds a path, made where it is missing, and the last name. `None` for the root.
    pub fn make_parent(&mut self, path: &'a BytePath) -> Result<Option<(NodeId, &'a [u8])>, Problem> {
        if path.0.is_empty() {
            return Ok(None);
        }
        let slash = path.0.iter().rposition(|byte| *byte == b'/');
        let (above, name) = slash.map_or((&[][..], &path.0[..]), |at| (&path.0[..at], &path.0[at + 1..]));
        Ok(Some((self.make_dirs_for(above, &path.0)?, name)))
    }

    /// The directory at a path for an entry of this name in it, made where it is missing.
    pub fn make_home(&mut self, path: &'a BytePath, name: &[u8]) -> Result<NodeId, Problem> {
        let slash: &[u8] = if path.0.is_empty() { b"" } else { b"/" };
        self.make_dirs_for(&path.0, &[&path.0, slash, name].concat())
    }

    fn no_directory(&self, id: NodeId, wanted: &[u8]) -> Problem {
        let at = self.path(id);
        let what = describe(self.node(id));
        if at.0 == wanted {
            return Problem::new(
                "path-exists",
                format!("`{at}` exists already and is {what}, not a directory"),
            );
        }
        let wanted = BytePath(wanted.to_vec());
        let problem =
            Problem::new("not-a-directory", format!("`{wanted}` lies below `{at}`, which is {what}"));
        match self.node(id) {
            Node::Symlink(target) => problem.help(format!(
                "write to where it points: `{}`",
                BytePath(target.to_vec()).to_string().trim_start_matches('/')
            )),
            _ => problem,
        }
    }

    /// Puts an entry that is no directory at a path; directories above it are made where they are missing.
    pub fn put(&mut self, path: &'a BytePath, item: Item, replace: bool) -> Result<NodeId, Problem> {
        match self.make_parent(path)? {
            Some((dir, name)) => self.put_in(dir, name, item.into(), replace),
            None => Err(Problem::new(
                "path-exists",
                "the root of a tree is a directory and cannot be anything else",
            )),
        }
    }

    /// Puts an entry that is no directory into a directory.
    pub fn put_in(
        &mut self,
        dir: NodeId,
        name: &'a [u8],
        said: Said<'a>,
        replace: bool,
    ) -> Result<NodeId, Problem> {
        let Some(there) = self.child(dir, name) else { return Ok(self.insert(dir, name, said)) };
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
        self.say(there, said);
        Ok(there)
    }

    /// Puts an entry into a directory where nothing of that name is.
    pub fn insert(&mut self, dir: NodeId, name: &'a [u8], said: Said<'a>) -> NodeId {
        let id = NodeId::try_from(self.slots.len()).expect("because a tree has fewer than 2^32 entries");
        self.slots.push(Slot { held: Held::new(name, said), parent: dir, children: 0 });
        let mut below = self.slots[dir as usize].children as usize;
        if below == 0 {
            below = self.children.len();
            self.slots[dir as usize].children = below as u32;
            self.children.push(Children::default());
        }
        let is_late = self.children[below].run.last().is_some_and(|last| self.name(*last) >= name);
        let children = &mut self.children[below];
        if is_late {
            children.late.insert(name, id);
        } else {
            children.run.push(id);
        }
        id
    }

    /// Takes entries out with all below them. Of the root only what is below it goes.
    pub fn remove(&mut self, ids: &[NodeId]) {
        let mut dirs = BTreeMap::<NodeId, BTreeSet<NodeId>>::new();
        for id in ids {
            match *id {
                ROOT => self.slots[0].children = 0,
                id => {
                    dirs.entry(self.slots[id as usize].parent).or_default().insert(id);
                }
            }
        }
        for (dir, gone) in dirs {
            let children = &mut self.children[self.slots[dir as usize].children as usize];
            children.run.retain(|id| !gone.contains(id));
            children.late.retain(|_, id| !gone.contains(id));
        }
    }

    /// Every name of some files.
    pub fn names_of(&self, groups: &BTreeSet<u32>) -> Vec<NodeId> {
        (0..).take(self.slots.len()).filter(|id| groups.contains(&self.group(*id))).collect()
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
    fn walk(&self, mut visit: impl FnMut(NodeId, &[u8]) -> bool) {
        let mut path = Vec::new();
        if !visit(ROOT, &path) {
            return;
        }
        let mut open: Vec<(InOrder<'a, '_>, usize)> = vec![(self.children(ROOT), 0)];
        while let Some((children, above)) = open.last_mut() {
            path.truncate(*above);
            let Some(id) = children.next() else {
                open.pop();
                continue;
            };
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(self.name(id));
            if visit(id, &path) && self.slots[id as usize].children != 0 {
                open.push((self.children(id), path.len()));
            }
        }
    }

    /// Makes the tree.
    pub fn finish(self, epoch: i64) -> Result<Tree, Failure> {
        let mut builder = TreeBuilder::new();
        builder.reserve(self.slots.len());
        self.walk(|id, path| {
            let Item { meta, xattrs, group, node } = self.item(id);
            let path = BytePath(path.to_vec());
            builder.push(Entry { path, meta, xattrs, link: NonZeroU32::new(group), node });
            true
        });
        builder
            .finish(epoch)
            .map_err(|path| Failure::Bug(format!("composing gave {path} twice or below a file")))
    }
}

/// The entries of a directory in the order of their names.
struct InOrder<'a, 'w> {
    work: &'w Work<'a>,
    run: Peekable<std::iter::Copied<std::slice::Iter<'w, NodeId>>>,
    late: Peekable<std::iter::Copied<std::collections::btree_map::Values<'w, &'a [u8], NodeId>>>,
}

impl Iterator for InOrder<'_, '_> {
    type Item = NodeId;

    fn next(&mut self) -> Option<NodeId> {
        match (self.run.peek(), self.late.peek()) {
            (Some(run), Some(late)) if self.work.name(*late) < self.work.name(*run) => self.late.next(),
            (Some(_), _) => self.run.next(),
            (None, _) => self.late.next(),
        }
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
