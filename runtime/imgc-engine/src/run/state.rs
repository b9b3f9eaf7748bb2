//! What is known of a step while a plan runs.

use std::sync::{Mutex, MutexGuard};

use imgc_image::{Failure, Problem, Value};
use imgc_plan::{Data, StepKey, ValueId};

use super::ingredients::Ingredients;
use crate::{event::Outcome, export::Staged, report::Artifact};

/// What is known of one step.
#[derive(Default)]
pub struct Slot {
    /// The key of its action.
    pub key: Option<StepKey>,
    /// What the key was made of.
    pub ingredients: Option<Ingredients>,
    /// Its value's name.
    pub id: Option<ValueId>,
    /// Its value, where somebody needed it.
    pub value: Option<Value>,
    /// Whether everything that the value reaches was found.
    pub located: bool,
    /// How it came by its value.
    pub outcome: Option<Outcome>,
    /// What changed, if it ran.
    pub why: Vec<String>,
    /// How long it took.
    pub millis: u64,
    /// Its warnings.
    pub warnings: Vec<Problem>,
    /// Its artifact, if it exports one.
    pub artifact: Option<Artifact>,
    /// Its artifact in the making, when somebody is asked before it is published.
    pub staged: Option<Staged>,
    /// For a scan: what was seen, until somebody needs to read local files.
    pub look: Option<crate::scan::Look>,
}

impl Slot {
    /// The facts that it gave, if it gave facts.
    pub fn facts(&self) -> Option<&Data> {
        match &self.value {
            Some(Value::Facts(data)) => Some(data),
            _ => None,
        }
    }
}

/// A slot behind its lock. A thread that holds one takes others only of earlier steps, so that nobody waits in a circle;
/// and it is never held by a thread of the pool, which could be made to wait for itself.
#[derive(Default)]
pub struct SlotLock(Mutex<Slot>);

impl SlotLock {
    /// Waits for the slot.
    pub fn lock(&self) -> MutexGuard<'_, Slot> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Why a step has no value.
pub enum Stop {
    /// It failed, or one that had to run again for it did.
    Failed(usize, Failure),
    /// This step gave another value than before: what was decided after it does not hold.
    Restart(usize),
}
