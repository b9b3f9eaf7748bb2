//! What each step of an image read when it last ran, so that a run can say what changed.

use std::{collections::BTreeMap, io};

use imgc_plan::{Canon, Op, Plan, ValueId};
use serde::{Deserialize, Serialize};

use super::{Run, state::Slot};
use crate::store::home::{Home, Room, seal, unseal};

const FIRST: &str = "imgc last v1\n";

/// What a step's key was made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ingredients {
    op: String,
    code: String,
    /// The inputs' labels and digests.
    inputs: Vec<(String, String)>,
    value: Option<String>,
}

impl Ingredients {
    /// Of an operation, the code behind it and what it reads.
    pub fn new(op: &Op, code: [u8; 32], inputs: Vec<(String, ValueId)>) -> Self {
        let mut c = Canon::new("imgc op v1");
        c.add(op);
        Self {
            op: ValueId::from(c).hex(),
            code: ValueId(code).hex(),
            inputs: inputs.into_iter().map(|(label, id)| (label, id.hex())).collect(),
            value: None,
        }
    }

    /// The value that the step had.
    pub fn value(&self) -> Option<ValueId> {
        ValueId::from_hex(self.value.as_deref()?)
    }

    /// What is not as it was.
    fn changes(&self, before: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        if self.op != before.op || self.inputs.len() != before.inputs.len() {
            changes.push("definition".to_owned());
        }
        if self.code != before.code {
            changes.push("code".to_owned());
        }
        let pairs = self.inputs.iter().zip(&before.inputs);
        changes.extend(pairs.filter(|(now, then)| now.1 != then.1).map(|(now, _)| now.0.clone()));
        changes.dedup();
        if changes.is_empty() {
            changes.push("not in the cache".to_owned());
        }
        changes
    }
}

/// What is remembered of an image's last run, by label and how many steps of that label come before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Last {
    steps: BTreeMap<String, Ingredients>,
}

impl Last {
    /// Reads it; `None` when there is nothing, or nothing that is sound.
    pub fn load(home: &Home, plan: &Plan, say: &dyn Fn(String)) -> Option<Self> {
        let name = file_name(plan);
        let bytes = home.get(Room::Last, &name).ok()??;
        let last = unseal(FIRST, &bytes).and_then(|body| serde_json::from_slice(body).ok());
        if last.is_none() {
            say(home.set_aside(Room::Last, &name));
        }
        last
    }

    /// What is remembered of a step.
    pub fn of(&self, plan: &Plan, at: usize) -> Option<&Ingredients> {
        self.steps.get(&step_name(plan, at))
    }
}

/// Whether the bytes of a memory are sound.
pub fn is_sound(bytes: &[u8]) -> bool {
    unseal(FIRST, bytes).is_some()
}

/// The checkout's place is left out: an image that was moved or copied is still the same image.
fn file_name(plan: &Plan) -> String {
    let mut c = Canon::new("imgc last v1");
    c.text(&plan.image);
    ValueId::from(c).hex()
}

fn step_name(plan: &Plan, at: usize) -> String {
    let label = &plan.steps[at].label;
    let before = plan.steps[..at].iter().filter(|step| step.label == *label).count();
    format!("{label}#{before}")
}

impl Run<'_> {
    /// What changed since a step ran last.
    pub(super) fn why(&self, at: usize, slot: &Slot) -> Vec<String> {
        match (&slot.ingredients, self.last.of(self.world.plan, at)) {
            (Some(now), Some(before)) => now.changes(before),
            _ => vec!["first run".to_owned()],
        }
    }

    /// Remembers what the steps of this run read.
    ///
    /// # Errors
    /// When the store cannot take it.
    pub(super) fn remember(&self) -> io::Result<()> {
        let plan = self.world.plan;
        let mut last = self.last.clone();
        for (at, slot) in self.slots.iter().enumerate() {
            let slot = slot.lock();
            if let (Some(ingredients), Some(id)) = (&slot.ingredients, slot.id) {
                let value = Some(id.hex());
                last.steps.insert(step_name(plan, at), Ingredients { value, ..ingredients.clone() });
            }
        }
        if last == self.last {
            return Ok(());
        }
        let body = serde_json::to_vec(&last).map_err(io::Error::other)?;
        self.world.home.put(Room::Last, &file_name(plan), &seal(FIRST, &body))
    }
}
