//! Makes a tree of trees: applies the operations of a manifest in order, and finds all that is wrong with them at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::AtomicBool},
};

use imgc_image::{Bytes, Content, Failure, Meta, Node, Problem, Tree, Value, holes};
use imgc_plan::{
    late,
    step::Compose,
    tree::{Attributes, BytePath, FileContent, Special, TreeOp},
};

use crate::{glob::PathGlob, run::fact, store::step::StepStore};

mod apart;
mod copy;
mod decompress;
mod nearest;
mod require;
mod work;

use work::{Item, NodeId, Work};

/// What the operations work with.
struct Maker<'a> {
    work: Work<'a>,
    epoch: i64,
    inputs: &'a [Value],
    store: &'a StepStore<'a>,
    stop: &'a AtomicBool,
    /// Link groups of inputs by operation and their number there, and the next number here.
    groups: BTreeMap<(usize, u32), u32>,
    next_group: u32,
}

/// Applies the operations to an empty tree.
///
/// # Errors
/// Everything that is wrong with the operations, each at its index; or that the store or a content cannot be used.
pub fn compose<'a>(
    compose: &'a Compose,
    inputs: &'a [Value],
    store: &'a StepStore<'a>,
    stop: &'a AtomicBool,
) -> Result<Arc<Tree>, Failure> {
    if let Some(whole) = whole_copy(&compose.ops, inputs) {
        return Ok(Arc::clone(whole));
    }
    let mut maker = Maker {
        work: Work::new(compose.epoch),
        epoch: compose.epoch,
        inputs,
        store,
        stop,
        groups: BTreeMap::new(),
        next_group: 1,
    };
    let mut problems = Vec::new();
    for (index, op) in compose.ops.iter().enumerate() {
        match maker.apply(index, op) {
            Ok(()) => {}
            Err(Failure::Problems(found)) => {
                problems.extend(found.into_iter().map(|problem| problem.at(index)));
            }
            Err(failure) => return Err(failure),
        }
    }
    if problems.is_empty() { Ok(Arc::new(maker.work.finish(compose.epoch)?)) } else { Err(problems.into()) }
}

/// The input that the operations only copy, all of it, to the root: then it is the tree, and nothing has to be made.
fn whole_copy<'a>(ops: &[TreeOp], inputs: &'a [Value]) -> Option<&'a Arc<Tree>> {
    let [TreeOp::Copy { input, from, exclude, to, into: _, decompress, attributes, replace: _ }] = ops else {
        return None;
    };
    let is_plain = exclude.is_empty() && !decompress && *attributes == Attributes::default();
    let is_all = from.trim_matches('/').is_empty() && to.0.is_empty();
    match inputs.get(*input) {
        // Into the root or as the root: the root of a tree has no name.
        Some(Value::Tree(tree)) if is_plain && is_all => Some(tree),
        _ => None,
    }
}

impl<'a> Maker<'a> {
    fn apply(&mut self, index: usize, op: &'a TreeOp) -> Result<(), Failure> {
        match op {
            TreeOp::Dir { path, attributes } => self.dir(path, attributes),
            TreeOp::File { path, content, attributes, replace } => {
                let content = self.content(content)?;
                self.add(path, Node::File { content, dense: false }, attributes, *replace)
            }
            TreeOp::Symlink { path, target, attributes, replace } => {
                self.add(path, Node::Symlink(target.as_slice().into()), attributes, *replace)
            }
            TreeOp::Special { path, special, attributes, replace } => {
                let node = match *special {
                    Special::Char { major, minor } => Node::Char { major, minor },
                    Special::Block { major, minor } => Node::Block { major, minor },
                    Special::Fifo => Node::Fifo,
                    Special::Socket => Node::Socket,
                };
                self.add(path, node, attributes, *replace)
            }
            TreeOp::Hardlink { path, target, replace } => self.hardlink(path, target, *replace),
            TreeOp::Copy { .. } => self.copy(index, op),
            TreeOp::Set { paths, attributes } => {
                let ids = self.matching(paths)?;
                self.set(&ids, attributes);
                Ok(())
            }
            TreeOp::Remove { paths } => {
                let ids = self.matching(paths)?;
                self.work.remove(&ids);
                Ok(())
            }
            TreeOp::Overlay { input } => self.overlay(index, *input),
            TreeOp::Require { paths, folds_case } => require::check(&self.work, paths, *folds_case),
            TreeOp::Signed { paths, folds_case } => {
                require::signed(&self.work, paths, *folds_case, self.store)
            }
            TreeOp::Apart { input, others, folds_case } => {
                let others = others.iter().map(|other| self.tree(*other)).collect::<Result<Vec<_>, _>>()?;
                apart::check(self.tree(*input)?, &others, *folds_case)
            }
        }
    }

    fn dir(&mut self, path: &'a BytePath, attributes: &Attributes) -> Result<(), Failure> {
        let id = self.work.make_dirs(path)?;
        self.set(&[id], attributes);
        Ok(())
    }

    /// Adds an entry with attributes over those of new entries.
    fn add(
        &mut self,
        path: &'a BytePath,
        node: Node,
        attributes: &Attributes,
        replace: bool,
    ) -> Result<(), Failure> {
        let mode = if matches!(node, Node::Symlink(_)) { 0o777 } else { 0o644 };
        let item = Item { meta: Meta::new(mode, self.epoch), xattrs: Box::default(), group: 0, node };
        let id = self.work.put(path, item, replace)?;
        self.set(&[id], attributes);
        Ok(())
    }

    fn content(&self, content: &FileContent) -> Result<Content, Failure> {
        match content {
            FileContent::Inline(bytes) => Ok(holes::store(self.store, bytes)?),
            FileContent::Late(text) => {
                Ok(holes::store(self.store, late::fill(text, |name| fact(self.inputs, name))?.as_bytes())?)
            }
            FileContent::Zeros(len) => Ok(Bytes::zeros(*len).into()),
            FileContent::Input(index) => match self.inputs.get(*index) {
                Some(Value::Bytes(bytes)) if bytes.extents().len() == 1 => Ok(bytes.as_ref().clone().into()),
                Some(Value::Bytes(bytes)) => Ok(Content::Bytes(bytes.clone())),
                _ => Err(Failure::Bug(format!("a compose step names input {index}, which is no Bytes"))),
            },
        }
    }

    fn tree(&self, index: usize) -> Result<&'a Tree, Failure> {
        match self.inputs.get(index) {
            Some(Value::Tree(tree)) => Ok(tree),
            _ => Err(Failure::Bug(format!("a compose step names input {index}, which is no Tree"))),
        }
    }

    fn hardlink(&mut self, path: &'a BytePath, target: &BytePath, replace: bool) -> Result<(), Failure> {
        let Some(first) = self.work.find(&target.0) else {
            let near = nearest::in_work(&self.work, &target.0);
            return Err(missing(format!("there is no `{target}` in the tree yet"), near).into());
        };
        if self.work.is_dir(first) {
            let message = format!("`{target}` is a directory, and directories have one name only");
            return Err(Problem::new("link-to-directory", message).help("make a symbolic link").into());
        }
        if self.work.group(first) == 0 {
            self.work.item_mut(first).group = self.next_group;
            self.next_group += 1;
        }
        let copy = self.work.item(first);
        if *path == *target {
            return Err(Problem::new("path-exists", format!("`{path}` is the file itself")).into());
        }
        self.work.put(path, copy, replace)?;
        Ok(())
    }

    /// Sets attributes of entries and of every other name of the same files.
    fn set(&mut self, ids: &[NodeId], attributes: &Attributes) {
        if *attributes == Attributes::default() {
            return;
        }
        let groups: BTreeSet<u32> =
            ids.iter().map(|id| self.work.group(*id)).filter(|group| *group != 0).collect();
        let others = if groups.is_empty() { Vec::new() } else { self.work.names_of(&groups) };
        let single = ids.iter().filter(|id| self.work.group(**id) == 0).copied();
        for id in single.chain(others).collect::<Vec<_>>() {
            override_attributes(self.work.item_mut(id), attributes);
        }
    }

    /// The entries that a glob matches; none is a problem.
    fn matching(&self, paths: &str) -> Result<Vec<NodeId>, Failure> {
        let glob = PathGlob::new(paths).map_err(|message| Problem::new("bad-pattern", message))?;
        if let Some(path) = glob.literal() {
            return match self.work.find(path) {
                Some(id) => Ok(vec![id]),
                None => {
                    let path = BytePath(path.to_vec());
                    let near = nearest::in_work(&self.work, &path.0);
                    Err(missing(format!("there is no `{path}` in the tree"), near).into())
                }
            };
        }
        let found = self.work.matching(&glob);
        if found.is_empty() {
            let message = format!("nothing in the tree matches `/{}`", glob.text());
            return Err(Problem::new("no-match", message).into());
        }
        Ok(found)
    }

    /// The number here of a link group of an input, for one operation: two copies of a file are two files.
    fn group(&mut self, op: usize, link: Option<imgc_image::LinkGroup>) -> u32 {
        let Some(link) = link else { return 0 };
        *self.groups.entry((op, link.get())).or_insert_with(|| {
            self.next_group += 1;
            self.next_group - 1
        })
    }
}

/// A problem with a path that is not there, and the nearest one that is.
fn missing(message: String, near: Option<BytePath>) -> Problem {
    let problem = Problem::new("path-missing", message);
    match near {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem,
    }
}

/// Puts attributes over those that are there.
fn override_attributes(item: &mut Item, attributes: &Attributes) {
    let Attributes { mode, uid, gid, mtime, xattrs, dense } = attributes;
    let meta = &mut item.meta;
    meta.mode = mode.unwrap_or(meta.mode);
    meta.uid = uid.unwrap_or(meta.uid);
    meta.gid = gid.unwrap_or(meta.gid);
    (meta.mtime, meta.mtime_nanos) = mtime.unwrap_or((meta.mtime, meta.mtime_nanos));
    if !xattrs.is_empty() {
        let mut all: BTreeMap<Box<[u8]>, Box<[u8]>> = std::mem::take(&mut item.xattrs).into_iter().collect();
        all.extend(xattrs.iter().map(|(name, value)| (name.as_bytes().into(), value.as_slice().into())));
        item.xattrs = all.into_iter().collect();
    }
    if let (true, Node::File { dense, .. }) = (dense, &mut item.node) {
        *dense = true;
    }
}

#[cfg(test)]
mod tests;
