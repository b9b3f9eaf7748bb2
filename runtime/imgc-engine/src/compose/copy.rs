//! Copies entries of an input tree, and lays whole trees over one another.

use std::sync::atomic::Ordering;

use imgc_image::{Entry, Failure, Node, Problem, Tree};
use imgc_plan::tree::{Attributes, BytePath, TreeOp};

use super::{
    Maker, decompress, missing, nearest, override_attributes,
    work::{Item, NodeId, ROOT, Said, describe},
};
use crate::glob::PathGlob;

/// How many of several matches are named.
const NAMED: usize = 3;

/// How a copy treats what it copies.
struct Manner<'o> {
    op: usize,
    exclude: Vec<PathGlob>,
    decompress: bool,
    attributes: &'o Attributes,
    replace: bool,
    /// Whether it is an overlay: directories that are there stay as they are, and give way to what is no directory.
    overlay: bool,
}

impl<'a> Maker<'a> {
    /// Applies [`TreeOp::Copy`].
    pub fn copy(&mut self, index: usize, op: &'a TreeOp) -> Result<(), Failure> {
        let TreeOp::Copy { input, from, exclude, to, into, decompress, attributes, replace } = op else {
            return Err(Failure::Bug("only copies are copied".into()));
        };
        let source = self.tree(*input)?;
        let bad = |message| Problem::new("bad-pattern", message);
        let manner = Manner {
            op: index,
            exclude: exclude.iter().map(|text| PathGlob::new(text)).collect::<Result<_, _>>().map_err(bad)?,
            decompress: *decompress,
            attributes,
            replace: *replace,
            overlay: false,
        };
        let matches = matches(source, &PathGlob::new(from).map_err(bad)?, &manner.exclude)?;
        if !*into && matches.len() > 1 {
            return Err(too_many(source, from, &matches).into());
        }
        let mut problems = Vec::new();
        for top in matches {
            self.subtree(source, top, (to, *into), &manner, &mut problems)?;
        }
        if problems.is_empty() { Ok(()) } else { Err(problems.into()) }
    }

    /// Applies [`TreeOp::Overlay`].
    pub fn overlay(&mut self, index: usize, input: usize) -> Result<(), Failure> {
        let source = self.tree(input)?;
        let attributes = Attributes::default();
        let manner = Manner {
            op: index,
            exclude: Vec::new(),
            decompress: false,
            attributes: &attributes,
            replace: true,
            overlay: true,
        };
        let mut problems = Vec::new();
        self.subtree(source, 0, (&EMPTY, false), &manner, &mut problems)?;
        if problems.is_empty() { Ok(()) } else { Err(problems.into()) }
    }

    /// Copies an entry with all below it to a path, or `into` the directory there. The entries below come right after it, so
    /// no path is looked up but the first.
    fn subtree(
        &mut self,
        source: &'a Tree,
        top: usize,
        (to, into): (&'a BytePath, bool),
        manner: &Manner<'_>,
        problems: &mut Vec<Problem>,
    ) -> Result<(), Failure> {
        let entries = source.entries();
        let first = &entries[top];
        let home = match first.name() {
            name if into && !name.is_empty() => Some((self.work.make_home(to, name)?, name)),
            _ => self.work.make_parent(to)?,
        };
        let base = match home {
            None if first.is_dir() => {
                if !manner.overlay {
                    self.set_dir(ROOT, first, manner);
                }
                Some(ROOT)
            }
            None => {
                let message = format!(
                    "`{}` is {}; it cannot become the root of a tree",
                    first.path,
                    describe(&first.node)
                );
                return Err(Problem::new("not-a-directory", message)
                    .help("end `to` with a `/` to copy into it")
                    .into());
            }
            Some((dir, name)) => self.entry(first, dir, name, manner, problems)?,
        };
        let Some(base) = base else { return Ok(()) };
        // Open directories of the source with their copies; `None` for those that are left out.
        let mut open: Vec<(&[u8], Option<NodeId>)> = vec![(&first.path.0, Some(base))];
        for entry in entries[top + 1..].iter().take_while(|entry| is_below(&entry.path.0, &first.path.0)) {
            if self.stop.load(Ordering::Relaxed) {
                return Err(Failure::Interrupted);
            }
            let parent = entry.parent().unwrap_or_default();
            while open.last().is_some_and(|(path, _)| *path != parent) {
                open.pop();
            }
            let Some((_, Some(dir))) = open.last().copied() else {
                if entry.is_dir() {
                    open.push((&entry.path.0, None));
                }
                continue;
            };
            let out = manner.exclude.iter().any(|glob| glob.matches(&entry.path.0));
            let made = if out { None } else { self.entry(entry, dir, entry.name(), manner, problems)? };
            if entry.is_dir() {
                open.push((&entry.path.0, made));
            }
        }
        Ok(())
    }

    /// Copies one entry into a directory. `None` when that cannot be; then why is in `problems`.
    fn entry(
        &mut self,
        entry: &'a Entry,
        dir: NodeId,
        name: &'a [u8],
        manner: &Manner<'_>,
        problems: &mut Vec<Problem>,
    ) -> Result<Option<NodeId>, Failure> {
        let there = self.work.child(dir, name);
        if entry.is_dir() {
            let made = self.directory(dir, name, there, manner);
            return Ok(match made {
                Ok(id) => {
                    if there != Some(id) || !manner.overlay {
                        self.set_dir(id, entry, manner);
                    }
                    Some(id)
                }
                Err(problem) => {
                    problems.push(problem);
                    None
                }
            });
        }
        if let Some(id) = there.filter(|id| manner.overlay && self.work.is_dir(*id)) {
            self.work.remove(&[id]);
        }
        let said = match self.said(entry, manner) {
            Err(Failure::Problems(found)) => {
                problems.extend(found);
                return Ok(None);
            }
            said => said?,
        };
        match self.work.put_in(dir, name, said, manner.replace) {
            Ok(id) => Ok(Some(id)),
            Err(problem) => {
                problems.push(problem);
                Ok(None)
            }
        }
    }

    /// The directory of this name in a directory, made if it may be.
    fn directory(
        &mut self,
        dir: NodeId,
        name: &'a [u8],
        there: Option<NodeId>,
        manner: &Manner<'_>,
    ) -> Result<NodeId, Problem> {
        match there {
            None => Ok(self.work.insert(dir, name, Item::directory(self.epoch).into())),
            Some(id) if self.work.is_dir(id) => Ok(id),
            Some(id) if manner.replace => {
                self.work.remove(&[id]);
                Ok(self.work.insert(dir, name, Item::directory(self.epoch).into()))
            }
            Some(id) => {
                let (path, what) = (self.work.path(id), describe(self.work.node(id)));
                let message = format!("`{path}` exists already and is {what}, not a directory");
                Err(Problem::new("path-exists", message)
                    .help("to put this in its place, add `replace=#true`"))
            }
        }
    }

    /// Gives a directory the attributes of the one it is a copy of.
    fn set_dir(&mut self, id: NodeId, entry: &'a Entry, manner: &Manner<'_>) {
        let attributes = Attributes { mode: None, ..manner.attributes.clone() };
        if attributes == Attributes::default() {
            let group = self.work.group(id);
            self.work.say(id, Said::Copied(entry, group));
            return;
        }
        let item = self.work.item_mut(id);
        item.meta = entry.meta;
        item.xattrs = entry.xattrs.clone();
        override_attributes(item, &attributes);
    }

    /// What is said of a copy that is no directory.
    fn said(&mut self, entry: &'a Entry, manner: &Manner<'_>) -> Result<Said<'a>, Failure> {
        let group = self.group(manner.op, entry.link);
        let is_file = matches!(entry.node, Node::File { .. });
        if !(is_file && manner.decompress) && *manner.attributes == Attributes::default() {
            return Ok(Said::Copied(entry, group));
        }
        let mut node = entry.node.clone();
        if let (Node::File { content, .. }, true) = (&mut node, manner.decompress) {
            *content = decompress::decompress(&entry.path, content, self.store, self.stop)?;
        }
        let mut item = Item { meta: entry.meta, xattrs: entry.xattrs.clone(), group, node };
        if is_file {
            override_attributes(&mut item, manner.attributes);
        } else {
            override_attributes(&mut item, &Attributes { mode: None, ..manner.attributes.clone() });
        }
        Ok(item.into())
    }
}

/// The path of the root.
static EMPTY: BytePath = BytePath(Vec::new());

fn is_below(path: &[u8], dir: &[u8]) -> bool {
    dir.is_empty() || (path.starts_with(dir) && path.get(dir.len()) == Some(&b'/'))
}

/// The entries that match, without those below others that match. None is a problem.
fn matches(source: &Tree, glob: &PathGlob, exclude: &[PathGlob]) -> Result<Vec<usize>, Problem> {
    let entries = source.entries();
    if let Some(path) = glob.literal() {
        return match source.find(path) {
            Some(at) => Ok(vec![at]),
            None => {
                let path = BytePath(path.to_vec());
                let near = nearest::in_tree(source, &path.0);
                Err(missing(format!("there is no `{path}` in the source"), near))
            }
        };
    }
    let mut found: Vec<usize> = Vec::new();
    let mut skipped: Option<&[u8]> = None;
    for (at, entry) in entries.iter().enumerate().skip(1) {
        let path = &entry.path.0;
        if skipped.is_some_and(|dir| is_below(path, dir)) {
            continue;
        }
        let out = exclude.iter().any(|glob| glob.matches(path));
        let hit = !out && glob.matches(path);
        if hit {
            found.push(at);
        }
        skipped = (out || hit || !glob.can_match_below(path)).then_some(path);
    }
    if found.is_empty() {
        return Err(Problem::new("no-match", format!("nothing in the source matches `{}`", glob.text())));
    }
    Ok(found)
}

fn too_many(source: &Tree, from: &str, matches: &[usize]) -> Problem {
    let mut names: Vec<String> =
        matches.iter().take(NAMED).map(|at| source.entries()[*at].path.to_string()).collect();
    if matches.len() > NAMED {
        names.push("…".into());
    }
    let message = format!("`{from}` matches {} entries: {}", matches.len(), names.join(", "));
    Problem::new("several-matches", message)
        .help("name one, or end `to` with a `/` to copy all of them into it")
}
