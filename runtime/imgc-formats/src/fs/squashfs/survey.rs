//! What a tree becomes: inodes in the order in which they are written, and all that cannot be held.
//!
//! A directory's inode stands beside those of its siblings, after everything below it; so the names of one directory refer
//! to neighbours, and a listing is known before the inode that points at it.

use std::collections::{BTreeMap, BTreeSet};

use imgc_image::{Entry, Failure, Node, Problem, Tree, tree::LinkGroup};
use imgc_plan::tree::{BytePath, write_escaped};

use super::{
    format::{MAX_IDS, MAX_TARGET, PREFIXES},
    options::Options,
};

/// How many paths a complaint about many entries names.
const NAMED: usize = 3;
/// Linux allows no longer value of an attribute (`XATTR_SIZE_MAX`), and no longer name (`XATTR_NAME_MAX`).
const MAX_VALUE: usize = 65_536;
const MAX_NAME: usize = 255;

/// A tree, ready to be written.
pub struct Survey<'t> {
    /// The entries.
    pub entries: &'t [Entry],
    /// For each entry the index of its parent.
    pub parents: Vec<u32>,
    /// For each entry, the number of its inode, from 1 on.
    pub numbers: Vec<u32>,
    /// The directories in the order in which their listings are written.
    pub directories: Vec<u32>,
    children: Vec<u32>,
    first_child: Vec<u32>,
    /// How many names each file of several names has.
    pub links: BTreeMap<LinkGroup, u32>,
    /// How many inodes there are; the root's is the last.
    pub inodes: u32,
    /// Owners and groups, in order.
    pub ids: Vec<u32>,
    /// What was left out.
    pub warnings: Vec<Problem>,
}

impl<'t> Survey<'t> {
    /// Looks at a tree.
    ///
    /// # Errors
    /// Everything in it that cannot be held, at once.
    pub fn of(options: &Options, tree: &'t Tree) -> Result<Self, Failure> {
        let entries = tree.entries();
        let parents = tree.parents();
        let (first_child, children) = children(&parents);
        let mut survey = Self {
            entries,
            numbers: vec![0; entries.len()],
            directories: directories(entries, &parents),
            parents,
            children,
            first_child,
            links: BTreeMap::new(),
            inodes: 0,
            ids: Vec::new(),
            warnings: Vec::new(),
        };
        survey.number();
        let mut found = Found::default();
        for entry in entries {
            found.look(options, entry);
        }
        if found.ids.len() > MAX_IDS {
            let message =
                format!("a squashfs holds {MAX_IDS} owners and groups; the tree has {}", found.ids.len());
            found
                .errors
                .push(Problem::new("too-many-owners", message).help("give files to fewer owners and groups"));
        }
        if !found.errors.is_empty() {
            return Err(found.errors.into());
        }
        survey.warnings = found.warnings();
        survey.ids = found.ids.into_iter().collect();
        Ok(survey)
    }

    /// The entries of a directory, by index, in order of names.
    pub fn children(&self, directory: u32) -> &[u32] {
        let at = directory as usize;
        &self.children[self.first_child[at] as usize..self.first_child[at + 1] as usize]
    }

    /// How many names an entry's inode has; directories have two more than subdirectories.
    pub fn links(&self, index: u32) -> u32 {
        let entry = &self.entries[index as usize];
        if entry.is_dir() {
            let below = self.children(index).iter().filter(|child| self.entries[**child as usize].is_dir());
            return 2 + u32::try_from(below.count()).expect("because a tree has fewer than 2^32 entries");
        }
        entry.link.map_or(1, |group| self.links[&group])
    }

    /// The place of an owner or group in the table.
    pub fn id(&self, id: u32) -> u16 {
        let place = self.ids.binary_search(&id).expect("because every id of the tree was collected");
        u16::try_from(place).expect("because there are at most 65535 ids")
    }

    /// Numbers inodes in the order in which they are written.
    fn number(&mut self) {
        let mut of_group = BTreeMap::<LinkGroup, u32>::new();
        let mut next = 1;
        for position in 0..self.directories.len() {
            let directory = self.directories[position];
            for at in self.first_child[directory as usize]..self.first_child[directory as usize + 1] {
                let child = self.children[at as usize] as usize;
                let mut number = next;
                if let Some(group) = self.entries[child].link {
                    *self.links.entry(group).or_insert(0) += 1;
                    number = *of_group.entry(group).or_insert(next);
                }
                self.numbers[child] = number;
                next = next.max(number + 1);
            }
        }
        if let Some(root) = self.numbers.first_mut() {
            *root = next;
        }
        self.inodes = next;
    }
}

/// For each entry where its children start in the second list, and the children.
fn children(parents: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let mut first = vec![0_u32; parents.len() + 1];
    for parent in parents.iter().skip(1) {
        first[*parent as usize + 1] += 1;
    }
    for at in 1..first.len() {
        first[at] += first[at - 1];
    }
    let mut next = first.clone();
    let mut children = vec![0; parents.len().saturating_sub(1)];
    for (child, parent) in (0..).zip(parents).skip(1) {
        let slot = &mut next[*parent as usize];
        children[*slot as usize] = child;
        *slot += 1;
    }
    (first, children)
}

/// The directories, each after those below it.
fn directories(entries: &[Entry], parents: &[u32]) -> Vec<u32> {
    let mut done = Vec::new();
    let mut open: Vec<u32> = Vec::new();
    for ((index, entry), parent) in (0..).zip(entries).zip(parents) {
        while open.last().is_some_and(|top| top != parent) {
            done.extend(open.pop());
        }
        if entry.is_dir() {
            open.push(index);
        }
    }
    done.extend(open.into_iter().rev());
    done
}

/// What [`Found::look`] collects.
#[derive(Default)]
struct Found {
    ids: BTreeSet<u32>,
    errors: Vec<Problem>,
    nanos: usize,
    attributes: BTreeMap<Vec<u8>, Vec<BytePath>>,
}

impl Found {
    fn look(&mut self, options: &Options, entry: &Entry) {
        let path = &entry.path;
        self.ids.extend([entry.meta.uid, entry.meta.gid]);
        self.nanos += usize::from(entry.meta.mtime_nanos != 0);
        let mut error = |code, message, help: &str| self.errors.push(Problem::new(code, message).help(help));
        if u32::try_from(entry.meta.mtime).is_err() {
            let message = format!(
                "{path} was changed at {} seconds since 1970, which a squashfs cannot say",
                entry.meta.mtime
            );
            error("time-out-of-range", message, "set its time to one from 1970 to 2106 (0 to 4294967295)");
        }
        match &entry.node {
            Node::Char { major, minor } | Node::Block { major, minor }
                if *major >= 1 << 12 || *minor >= 1 << 20 =>
            {
                let message = format!("{path} is the device {major}:{minor}, which a squashfs cannot hold");
                error(
                    "device-number-too-large",
                    message,
                    "choose a major number below 4096 and a minor below 1048576",
                );
            }
            Node::Symlink(target) if target.len() > MAX_TARGET => {
                let message =
                    format!("the target of {path} has {} bytes; Linux reads {MAX_TARGET}", target.len());
                error("symlink-too-long", message, "shorten it");
            }
            Node::File { content, .. }
                if content.len().div_ceil(options.block_size.into()) > super::data::MAX_BLOCKS =>
            {
                let message = format!(
                    "{path} has {} bytes; with this block size a file can have {}",
                    content.len(),
                    super::data::MAX_BLOCKS * u64::from(options.block_size)
                );
                error("file-too-large", message, "raise `block-size`, or make the file shorter");
            }
            _ => {}
        }
        if options.xattrs {
            self.look_at_attributes(entry);
        }
    }

    fn look_at_attributes(&mut self, entry: &Entry) {
        for (name, value) in &entry.xattrs {
            if split_name(name).is_none() {
                self.attributes.entry(name.to_vec()).or_default().push(entry.path.clone());
            } else if name.len() > MAX_NAME || value.len() > MAX_VALUE {
                let message = format!(
                    "an extended attribute of {} has a name of {} bytes and a value of {}",
                    entry.path,
                    name.len(),
                    value.len()
                );
                let help = format!(
                    "Linux reads names of up to {MAX_NAME} bytes and values of up to {MAX_VALUE}: shorten it, or leave it out"
                );
                self.errors.push(Problem::new("xattr-too-large", message).help(help));
            }
        }
    }

    fn warnings(&self) -> Vec<Problem> {
        let mut warnings = Vec::new();
        if self.nanos > 0 {
            let message = format!(
                "the parts of a second of {} times were left out: a squashfs counts whole seconds",
                self.nanos
            );
            warnings.push(
                Problem::new("time-precision", message)
                    .help("give whole seconds to have the same times everywhere"),
            );
        }
        for (name, paths) in &self.attributes {
            let mut shown = String::new();
            write_escaped(name, &mut shown).expect("because a string takes everything");
            let some: Vec<String> = paths.iter().take(NAMED).map(ToString::to_string).collect();
            let more = if paths.len() > NAMED {
                format!(" and {} more", paths.len() - NAMED)
            } else {
                String::new()
            };
            let message =
                format!("a squashfs cannot hold the extended attribute {shown} of {}{more}", some.join(", "));
            let help = "it holds `user.`, `trusted.` and `security.`; choose another filesystem (such as erofs), remove the attribute, or set `xattrs=#false`";
            warnings.push(Problem::new("xattr-lost", message).help(help));
        }
        for problem in &mut warnings {
            problem.warning = true;
        }
        warnings
    }
}

/// The prefix of an attribute's name by its number, and what follows it; `None` when it cannot be held.
pub fn split_name(name: &[u8]) -> Option<(u16, &[u8])> {
    (0..).zip(PREFIXES).find_map(|(number, prefix)| {
        name.strip_prefix(prefix).filter(|rest| !rest.is_empty()).map(|rest| (number, rest))
    })
}
