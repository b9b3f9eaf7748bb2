//! Artifacts that wait for somebody's word before they are published.

use super::{Run, state::Slot};
use crate::{
    event::Outcome,
    export::{Made, Place},
    report::{Artifact, Candidate, StepFailure},
};
use imgc_image::Failure;

impl Run<'_> {
    /// Asks which artifacts may be published, and publishes those. What may not be is gone. Gives what failed.
    pub(super) fn publish_approved(&self) -> Vec<StepFailure> {
        let Some(gate) = self.world.gate else { return Vec::new() };
        let candidates: Vec<Candidate> = (0..self.slots.len()).filter_map(|at| self.candidate(at)).collect();
        if candidates.is_empty() {
            return Vec::new();
        }
        let approved = gate(&candidates);
        let mut failures = Vec::new();
        for (candidate, approved) in
            candidates.iter().zip(approved.into_iter().chain(std::iter::repeat(false)))
        {
            let at = candidate.step;
            let mut slot = self.slots[at].lock();
            let staged = slot.staged.take();
            if !approved && !candidate.published {
                slot.artifact = None;
            }
            let Some(staged) = staged.filter(|_| approved) else { continue };
            let key = slot.key.ok_or_else(|| Failure::Bug("an export ran without a key".into()));
            let published = key.and_then(|key| {
                let (config, stop) = (self.world.config, self.world.stop);
                self.place(at)?.publish(staged, &key, config.force, stop)
            });
            match published {
                Ok((made, written)) => self.note(at, &mut slot, made, written),
                Err(failure) => failures.push(StepFailure { step: Some(at), failure }),
            }
        }
        failures
    }

    fn candidate(&self, at: usize) -> Option<Candidate> {
        let file = self.plan_step(at).op.artifact()?.to_owned();
        let slot = self.slots[at].lock();
        let Artifact { path, len, sha256, .. } = slot.artifact.clone()?;
        let staged = slot.staged.as_ref().map(|staged| staged.path().to_owned());
        Some(Candidate {
            step: at,
            file,
            published: staged.is_none(),
            path: staged.unwrap_or(path),
            len,
            sha256,
        })
    }

    /// The place of an export's artifact.
    pub(super) fn place(&self, at: usize) -> Result<Place<'_>, Failure> {
        match self.plan_step(at).op.artifact() {
            Some(name) => Place::new(self.world.home, &self.world.config.out, name),
            None => Err(Failure::Bug("only exports are exported".into())),
        }
    }

    /// Notes what was put at its place.
    pub(super) fn note(&self, at: usize, slot: &mut Slot, made: Made, written: bool) {
        let path = self.place(at).map(|place| place.path().to_owned()).unwrap_or_default();
        slot.id = Some(made.value_id());
        slot.artifact = Some(made.artifact(at, &path, written));
        if slot.outcome.is_some() {
            slot.outcome = Some(if written { Outcome::Ran } else { Outcome::Unchanged });
        }
    }
}
