//! A plan while it grows, with the origins of its steps and what was lowered already.

use std::collections::BTreeMap;

use imgc_plan::{Input, Op, Plan};

use crate::compilation::Origin;

/// A plan while it grows. The maps give the step that makes a thing of the closed manifest, by its index there; a thing
/// is in them before anything that needs it is lowered.
pub struct Build {
    /// The plan.
    pub plan: Plan,
    /// The origins of its steps.
    pub origins: Vec<Origin>,
    /// The time of everything that says none.
    pub epoch: i64,
    /// Trees of sources.
    pub sources: BTreeMap<usize, usize>,
    /// Trees.
    pub trees: BTreeMap<usize, usize>,
    /// Archives.
    pub archives: BTreeMap<usize, usize>,
    /// Disks.
    pub disks: BTreeMap<usize, usize>,
}

impl Build {
    /// Starts with an empty plan.
    pub fn new(plan: Plan, epoch: i64) -> Self {
        Self {
            plan,
            origins: Vec::new(),
            epoch,
            sources: BTreeMap::new(),
            trees: BTreeMap::new(),
            archives: BTreeMap::new(),
            disks: BTreeMap::new(),
        }
    }

    /// Adds a step. One that is there already keeps its first origin.
    pub fn push(&mut self, label: String, op: Op, inputs: Vec<Input>, origin: Origin) -> usize {
        let step = self.plan.push(label, op, inputs);
        if step == self.origins.len() {
            self.origins.push(origin);
        }
        step
    }
}

/// Inputs of a step, each once.
#[derive(Default)]
pub struct Inputs(pub Vec<Input>);

impl Inputs {
    /// The index among the inputs of a step's whole output.
    pub fn index(&mut self, step: usize) -> usize {
        let input = Input::of(step);
        self.0.iter().position(|other| *other == input).unwrap_or_else(|| {
            self.0.push(input);
            self.0.len() - 1
        })
    }
}
