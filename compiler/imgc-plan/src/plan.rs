//! A plan: steps in an order in which they can run, each once, however many images ask for it.

mod print;

use serde::Serialize;

use crate::{
    digest::{Canon, StepId, ValueId},
    step::{Input, Op, Step},
    test::Test,
};

/// What one manifest asks for, closed: no names left to look up, no defaults left to fill in.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Plan {
    /// The image's name.
    pub image: String,
    /// The time of everything that says none, in seconds since 1970.
    pub epoch: i64,
    /// The steps; inputs refer to earlier ones.
    pub steps: Vec<Step>,
    /// What is expected of the exports when they are started. Not part of the digest.
    pub tests: Vec<Test>,
}

impl Plan {
    /// Adds a step and returns its index. An equal step that is already there is used instead.
    ///
    /// # Panics
    /// When an input refers to a step that is not in the plan yet: a mistake of the compiler, not of a user.
    pub fn push(&mut self, label: impl Into<String>, op: Op, inputs: Vec<Input>) -> usize {
        let ids: Vec<(StepId, Option<String>)> =
            inputs.iter().map(|input| (self.steps[input.step].id, input.pick.clone())).collect();
        let id = op.id(&ids);
        if let Some(index) = self.steps.iter().position(|step| step.id == id) {
            return index;
        }
        self.steps.push(Step { id, label: label.into(), op, inputs });
        self.steps.len() - 1
    }

    /// The digest of the whole plan: of its steps, in order.
    pub fn digest(&self) -> ValueId {
        let mut c = Canon::new("imgc plan v1");
        for step in &self.steps {
            c.add(&step.id);
        }
        c.into()
    }

    /// The indices of the exports.
    pub fn exports(&self) -> impl Iterator<Item = usize> + '_ {
        self.steps.iter().enumerate().filter(|(_, step)| step.op.artifact().is_some()).map(|(index, _)| index)
    }
}
