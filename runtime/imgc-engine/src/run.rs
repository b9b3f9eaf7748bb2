//! Runs a plan: keys first, values only where something has to run.
//!
//! [`schedule`] hands ready steps to workers, [`state`] is what is known of each step, [`step`] finds or makes a step's
//! value, [`local`] does so for scans, [`kinds`] calls the code that makes bytes, [`code`] fingerprints it, [`why`]
//! remembers what steps read when they last ran, [`gate`] asks before artifacts are published.

use std::sync::atomic::{AtomicBool, Ordering};

use imgc_image::{Failure, Problem};
use imgc_plan::{Op, Plan, ValueId, step::Stage};

use crate::{
    config::{Config, Goal},
    event::Event,
    report::{Gate, Report, RunError, StepFailure, StepReport},
    store::{home::Home, shelf::Shelf, values::Values},
};

mod code;
mod gate;
mod ingredients;
mod kinds;
mod local;
mod locate;
mod meter;
mod reach;
mod schedule;
mod seals;
mod state;
mod step;
mod verity;
mod why;

pub use kinds::fact;

/// What a run is given.
pub struct World<'a> {
    /// How the engine runs on this machine.
    pub config: &'a Config,
    /// The store.
    pub home: &'a Home,
    /// The threads that work inside of steps.
    pub pool: &'a rayon::ThreadPool,
    /// What is to be done.
    pub plan: &'a Plan,
    /// How far.
    pub goal: &'a Goal,
    /// Who is told.
    pub events: &'a (dyn Fn(Event) + Sync),
    /// Set when the build is interrupted.
    pub stop: &'a AtomicBool,
    /// Who decides which artifacts are published; `None`: all are.
    pub gate: Option<&'a Gate<'a>>,
}

/// One attempt at a plan.
pub struct Run<'a> {
    world: &'a World<'a>,
    shelf: &'a Shelf<'a>,
    values: Values<'a>,
    slots: Vec<state::SlotLock>,
    last: why::Last,
}

/// How often a run starts again because a step that had to run once more gave another value than before.
const ATTEMPTS: u32 = 3;

/// Runs a plan.
pub fn run(world: &World<'_>) -> Result<Report, RunError> {
    let needed = needed(world.plan, world.goal);
    let say = |message: String| (world.events)(Event::Log { step: None, message });
    let mut restarted = None;
    for _ in 0..ATTEMPTS {
        let shelf = Shelf::new(world.home, &say);
        let last = why::Last::load(world.home, world.plan, &say).unwrap_or_default();
        let slots = world.plan.steps.iter().map(|_| state::SlotLock::default()).collect();
        let run = Run { world, shelf: &shelf, values: Values::new(&shelf), slots, last };
        let (failures, restart) = schedule::schedule(&run, &needed);
        if let (Some(step), true) = (restart, failures.is_empty()) {
            say(format!("`{}` gave another value than before; starting again", world.plan.steps[step].label));
            restarted = Some(step);
            continue;
        }
        // What steps read is remembered also when others failed; that it cannot be written only makes `why` poorer.
        let _ = run.remember();
        let failures =
            if failures.is_empty() && !run.interrupted() { run.publish_approved() } else { failures };
        return run.end(&needed, failures);
    }
    let label = restarted.map_or("a step", |step| world.plan.steps[step].label.as_str());
    let failure = Failure::Bug(format!("`{label}` gives another value each time it runs"));
    Err(RunError { failures: vec![StepFailure { step: restarted, failure }], warnings: Vec::new() })
}

/// Whether the bytes of what is remembered of an image's last run are sound.
pub fn is_sound_memory(bytes: &[u8]) -> bool {
    why::is_sound(bytes)
}

/// The steps that a goal reaches, with all that they need.
fn needed(plan: &Plan, goal: &Goal) -> Vec<bool> {
    let mut needed: Vec<bool> = plan
        .steps
        .iter()
        .enumerate()
        .map(|(index, step)| match goal {
            Goal::Fetch => matches!(step.op, Op::Fetch(_)),
            Goal::Gather => step.op.stage() == Stage::Gather,
            Goal::Steps(steps) => steps.contains(&index),
        })
        .collect();
    for index in (0..needed.len()).rev().filter(|index| *index < plan.steps.len()) {
        if needed[index] {
            plan.steps[index].inputs.iter().for_each(|input| needed[input.step] = true);
        }
    }
    needed
}

impl Run<'_> {
    fn interrupted(&self) -> bool {
        self.world.stop.load(Ordering::Relaxed)
    }

    /// Makes the report, or the error.
    fn end(&self, needed: &[bool], failures: Vec<StepFailure>) -> Result<Report, RunError> {
        let mut report = Report::default();
        for (index, _) in needed.iter().enumerate().filter(|(_, needed)| **needed) {
            let slot = self.slots[index].lock();
            report.warnings.extend(slot.warnings.iter().map(|problem: &Problem| (index, problem.clone())));
            report.artifacts.extend(slot.artifact.clone());
            let (Some(key), Some(outcome)) = (slot.key, slot.outcome.clone()) else { continue };
            report.steps.push(StepReport {
                step: index,
                outcome,
                key,
                value: slot.id.unwrap_or(ValueId([0; 32])),
                facts: slot.facts().cloned(),
                why: slot.why.clone(),
                millis: slot.millis,
            });
        }
        if self.interrupted() {
            let failures = vec![StepFailure { step: None, failure: Failure::Interrupted }];
            return Err(RunError { failures, warnings: report.warnings });
        }
        if failures.is_empty() { Ok(report) } else { Err(RunError { failures, warnings: report.warnings }) }
    }
}
