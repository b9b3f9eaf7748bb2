//! What outputs need, as indices of a closed manifest: whose packages must be pinned, and what is lowered first.

use std::collections::BTreeSet;

use imgc_plan::layout::PartSize;

use crate::{
    model::{copy::From, tree::Op},
    resolve::{Closed, Fact, Item, Of, Output},
};

/// What outputs need.
#[derive(Debug, Default)]
pub struct Needs {
    /// Sources.
    pub sources: BTreeSet<usize>,
    /// Trees.
    pub trees: BTreeSet<usize>,
    /// Archives.
    pub archives: BTreeSet<usize>,
    /// Disks.
    pub disks: BTreeSet<usize>,
}

impl Needs {
    /// What these outputs need.
    pub fn of(closed: &Closed, outputs: &[&Output]) -> Self {
        let mut needs = Self::default();
        for output in outputs {
            match output.of {
                Of::Disk(disk) => needs.disks.insert(disk),
                Of::Archive(archive) => needs.archives.insert(archive),
                Of::Tree { tree, .. } | Of::Directory(tree) => needs.trees.insert(tree),
            };
        }
        for fact in closed.facts.values() {
            needs.add_fact(closed, fact);
        }
        for disk in needs.disks.iter().map(|disk| &closed.disks[*disk]) {
            let contents = disk.parts.iter().filter_map(|part| part.content.as_ref());
            needs.trees.extend(contents.filter_map(|content| content.tree));
            needs.sources.extend(disk.loaders.iter().filter_map(|one| one.loader.source));
            needs.trees.extend(disk.loaders.iter().filter_map(|one| one.loader.tree));
        }
        // Against the order of needs: whoever needs a thing comes before it.
        for item in closed.order.iter().rev() {
            match *item {
                Item::Tree(tree) if needs.trees.contains(&tree) => needs.add_tree(closed, tree),
                Item::Archive(archive) if needs.archives.contains(&archive) => {
                    needs.trees.insert(closed.archives[archive].tree);
                }
                Item::Tree(_) | Item::Archive(_) => {}
            }
        }
        needs
    }

    /// What it takes to say a fact: the trees that decide it, and what is laid over them.
    fn add_fact(&mut self, closed: &Closed, fact: &Fact) {
        let (disk, of) = match *fact {
            Fact::Known(_) => return,
            Fact::Hashes(disk, part, _) => (disk, closed.disks[disk].parts[part].hashes.as_ref()),
            Fact::Archive(archive, _) => {
                self.archives.insert(archive);
                return;
            }
            Fact::Layout(disk, _) => (disk, None),
        };
        let disk = &closed.disks[disk];
        let of = of.map(|hashes| hashes.of);
        let content = of.and_then(|of| disk.parts[of].content.as_ref());
        let placed = content.is_none_or(|content| !content.traits.own_length || content.traits.stamps_start);
        for (at, part) in disk.parts.iter().enumerate() {
            let fits = matches!(disk.spec.parts[at].size, PartSize::Fit { .. });
            if of == Some(at) || (placed && fits) {
                self.trees.extend(part.content.as_ref().and_then(|content| content.tree));
            }
        }
        self.sources.extend(disk.loaders.iter().filter_map(|one| one.loader.source));
        self.trees.extend(disk.loaders.iter().filter_map(|one| one.loader.tree));
    }

    fn add_tree(&mut self, closed: &Closed, tree: usize) {
        for op in &closed.trees[tree].ops {
            let copy = match &op.value {
                Op::Plain(_) => continue,
                Op::Loader(loader) => {
                    self.sources.extend(loader.source);
                    self.trees.extend(loader.tree);
                    continue;
                }
                Op::Copy(copy) => copy,
            };
            match copy.from {
                From::Source(source, _) => self.sources.insert(source),
                From::Tree(tree, _) => self.trees.insert(tree),
                From::Archive(archive) => self.archives.insert(archive),
                From::Local { .. } => continue,
            };
        }
    }
}
