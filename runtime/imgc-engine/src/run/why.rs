//! What each step of an image read when it last ran, so that a run can say what changed.

use std::{collections::BTreeMap, io};

use imgc_plan::{Canon, Plan, ValueId};
use serde::{Deserialize, Serialize};

use super::{Run, ingredients::Ingredients, state::Slot};
use crate::store::home::{Home, Room, seal, unseal};

const FIRST: &str = "imgc last v1\n";

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
                last.steps.insert(step_name(plan, at), ingredients.clone().giving(id));
            }
        }
        if last == self.last {
            return Ok(());
        }
        let body = serde_json::to_vec(&last).map_err(io::Error::other)?;
        self.world.home.put(Room::Last, &file_name(plan), &seal(FIRST, &body))
    }
}
