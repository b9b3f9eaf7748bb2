//! A plan while it grows. Everything is lowered when it is first needed, and once: what needs itself is found that way.

use std::collections::BTreeMap;

use imgc_plan::{Input, Op, Plan, late, lock::Pin};

use crate::{
    compilation::Origin,
    decode::Cx,
    diagnostic::{Diagnostic, Span},
    model::source::Source,
    resolve::{Closed, Fact},
};

/// Something that a step makes; numbers are indices of the closed manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thing {
    /// The tree of a source.
    Source(usize),
    /// A tree.
    Tree(usize),
    /// An archive.
    Archive(usize),
    /// The tree that a partition of a disk holds, with its loaders' files.
    Held(usize, usize),
    /// The layout of a disk.
    Place(usize),
    /// What is in a partition of a disk.
    Bytes(usize, usize),
    /// The filesystem in a partition of a disk that has its hashes behind it.
    Sealed(usize, usize),
    /// The facts of the hashes in a partition of a disk.
    Hashes(usize, usize),
    /// The facts of the hashes in an archive.
    ArchiveHashes(usize),
}

/// A plan while it grows, with the origins of its steps and what was lowered already.
pub struct Build<'a> {
    /// The plan.
    pub plan: Plan,
    /// The origins of its steps.
    pub origins: Vec<Origin>,
    /// The manifest.
    pub closed: &'a Closed,
    /// Its sources.
    pub sources: &'a [Source],
    /// The pins of their packages.
    pub pins: BTreeMap<usize, &'a Pin>,
    cx: &'a Cx<'a>,
    made: BTreeMap<Thing, usize>,
    /// What is being lowered, outermost first.
    open: Vec<(Thing, String, Span)>,
}

impl<'a> Build<'a> {
    /// Starts with an empty plan.
    pub fn new(
        cx: &'a Cx<'a>,
        closed: &'a Closed,
        sources: &'a [Source],
        pins: BTreeMap<usize, &'a Pin>,
    ) -> Self {
        let plan = Plan { image: closed.name.clone(), epoch: closed.epoch, ..Plan::default() };
        let (origins, made, open) = (Vec::new(), BTreeMap::new(), Vec::new());
        Self { plan, origins, closed, sources, pins, cx, made, open }
    }

    /// Adds a step. One that is there already keeps its first origin.
    pub fn push(&mut self, label: String, op: Op, inputs: Vec<Input>, origin: Origin) -> usize {
        let step = self.plan.push(label, op, inputs);
        if step == self.origins.len() {
            self.origins.push(origin);
        }
        step
    }

    /// The step that makes a thing: the one that did, or what `make` adds. `None` when it needs itself, which is reported.
    pub fn once(
        &mut self,
        thing: Thing,
        name: impl FnOnce() -> (String, Span),
        make: impl FnOnce(&mut Self) -> Option<usize>,
    ) -> Option<usize> {
        if let Some(step) = self.made.get(&thing) {
            return Some(*step);
        }
        if let Some(start) = self.open.iter().position(|(other, _, _)| *other == thing) {
            self.report_cycle(start);
            return None;
        }
        let (name, span) = name();
        self.open.push((thing, name, span));
        let step = make(self);
        self.open.pop();
        let step = step?;
        self.made.insert(thing, step);
        Some(step)
    }

    fn report_cycle(&self, start: usize) {
        let way = &self.open[start..];
        let Some((_, first, span)) = way.first() else { return };
        let names: Vec<&str> = way.iter().map(|(_, name, _)| name.as_str()).chain([first.as_str()]).collect();
        let message = format!("{first} needs itself: {}", names.join(" → "));
        let mut found = Diagnostic::error("cycle", *span, message);
        for (_, name, span) in &way[1..] {
            found = found.also(*span, format!("by way of {name}"));
        }
        self.cx.report(found);
    }

    /// A text in which facts that are known take their places, and the others are marks of inputs.
    pub fn late(&mut self, text: &str, inputs: &mut Inputs) -> Option<String> {
        late::fill(text, |name| self.fact(name, inputs).ok_or(())).ok()
    }

    fn fact(&mut self, name: &str, inputs: &mut Inputs) -> Option<String> {
        let input = match self.closed.facts.get(name)? {
            Fact::Known(text) => return Some(text.clone()),
            Fact::Hashes(disk, part, path) => {
                Input::fact(super::disk::hash_facts(self, *disk, *part)?, *path)
            }
            Fact::Archive(at, path) => Input::fact(super::compose::archive_facts(self, *at)?, *path),
            Fact::Layout(disk, path) => Input::fact(super::disk::place(self, *disk)?, path.clone()),
        };
        Some(late::mark(&inputs.add(input).to_string()))
    }
}

/// Inputs of a step, each once.
#[derive(Default)]
pub struct Inputs(pub Vec<Input>);

impl Inputs {
    /// The index among the inputs of a step's whole output.
    pub fn index(&mut self, step: usize) -> usize {
        self.add(Input::of(step))
    }

    /// The index of an input.
    pub fn add(&mut self, input: Input) -> usize {
        self.0.iter().position(|other| *other == input).unwrap_or_else(|| {
            self.0.push(input);
            self.0.len() - 1
        })
    }
}
