//! Finds a step's value by its key, or makes it.

use std::time::Instant;

use imgc_image::{Failure, Problem, Value};
use imgc_plan::{Canon, Op, StepKey, ValueId, step::Step};

use super::{
    Run, code,
    ingredients::Ingredients,
    kinds,
    meter::Meter,
    reach,
    state::{Slot, Stop},
};
use crate::{
    config::Goal,
    event::{Event, Outcome},
    export,
    store::{
        actions::Action,
        step::{StepStore, Written},
    },
};

impl Run<'_> {
    pub(super) fn plan_step(&self, at: usize) -> &Step {
        &self.world.plan.steps[at]
    }

    pub(super) fn tell(&self, event: Event) {
        (self.world.events)(event);
    }

    /// Gives a step its value, or finds that it has one already.
    pub fn advance(&self, at: usize) -> Result<(), Stop> {
        let mut slot = self.slots[at].lock();
        if slot.outcome.is_some() {
            return Ok(());
        }
        let start = Instant::now();
        let outcome = match &self.plan_step(at).op {
            Op::Scan(scan) => self.scan(at, scan, &mut slot)?,
            Op::Export(_) | Op::ExportTree(_) => self.export(at, &mut slot)?,
            _ => self.find_or_run(at, &mut slot)?,
        };
        slot.millis = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.deny(at, &mut slot)?;
        slot.outcome = Some(outcome.clone());
        if outcome == Outcome::Ran && slot.why.is_empty() {
            slot.why = self.why(at, &slot);
        }
        self.tell(Event::Done { step: at, outcome });
        Ok(())
    }

    /// Makes a step's warnings errors, where they are denied: nothing that reads it runs then, least of all an export.
    fn deny(&self, at: usize, slot: &mut Slot) -> Result<(), Stop> {
        if !self.world.config.deny_warnings || slot.warnings.is_empty() {
            return Ok(());
        }
        let problems = std::mem::take(&mut slot.warnings).into_iter();
        let problems = problems.map(|problem| Problem { warning: false, ..problem }).collect();
        Err(Stop::Failed(at, Failure::Problems(problems)))
    }

    fn find_or_run(&self, at: usize, slot: &mut Slot) -> Result<Outcome, Stop> {
        let failed = |failure| Stop::Failed(at, failure);
        let key = self.key(at, slot)?;
        let say = |message| self.tell(Event::Log { step: Some(at), message });
        let found = Action::find(self.world.home, &key, &say);
        let found = found.map_err(|error| failed(Failure::machine("reading the cache")(error)))?;
        let is_fetch = matches!(self.plan_step(at).op, Op::Fetch(_));
        if let Some(action) = found {
            self.adopt(slot, action);
            let is_facts = self.plan_step(at).op.gives_facts();
            let need_now = is_facts || (is_fetch && *self.world.goal == Goal::Fetch);
            let is_enough = match need_now {
                true => self.is_there(at, slot)?,
                false => !self.is_picked(at) || self.is_loaded(slot).map_err(failed)?,
            };
            if is_enough {
                return Ok(if is_fetch { Outcome::Unchanged } else { Outcome::Cached });
            }
        }
        self.run(at, slot)?;
        Ok(Outcome::Ran)
    }

    /// Whether a step reads a fact of this one, for which the value itself is enough, whatever it points at.
    fn is_picked(&self, at: usize) -> bool {
        let inputs =
            |step: &'_ Step| step.inputs.iter().any(|input| input.step == at && input.pick.is_some());
        self.world.plan.steps.iter().any(inputs)
    }

    /// Loads a step's value; `false` when the store lost it.
    fn is_loaded(&self, slot: &mut Slot) -> Result<bool, Failure> {
        if let (None, Some(id)) = (&slot.value, slot.id) {
            slot.value = self.values.load(&id).map_err(Failure::machine("reading the cache"))?;
        }
        Ok(slot.value.is_some())
    }

    pub(super) fn adopt(&self, slot: &mut Slot, action: Action) {
        self.shelf.add_packs(&action.written.packs);
        slot.id = Some(action.value);
        slot.warnings = action.warnings;
    }

    /// The key of a step, of what it is, the code that runs it and the values that it reads.
    pub(super) fn key(&self, at: usize, slot: &mut Slot) -> Result<StepKey, Stop> {
        let step = self.plan_step(at);
        let code = code::fingerprint(&step.op).map_err(|failure| Stop::Failed(at, failure))?;
        let mut c = Canon::new("imgc key v1");
        c.add(&step.op).raw(&code).int(step.inputs.len() as u64);
        let mut inputs = Vec::with_capacity(step.inputs.len());
        for input in &step.inputs {
            let slot = self.slots[input.step].lock();
            let id = match &input.pick {
                None => slot.id,
                Some(path) => {
                    slot.value.as_ref().and_then(|value| value.fact(path)).map(|fact| fact.value_id())
                }
            };
            let label = &self.plan_step(input.step).label;
            let missing = || {
                Failure::Bug(format!(
                    "`{}` reads {:?} of `{label}`, which it does not give",
                    step.label, input.pick
                ))
            };
            let id = id.ok_or_else(|| Stop::Failed(at, missing()))?;
            c.add(&id);
            inputs.push((label.clone(), id));
        }
        let key = StepKey::from(c);
        slot.key = Some(key);
        slot.ingredients = Some(Ingredients::new(&step.op, code, inputs));
        Ok(key)
    }

    /// The value of an earlier step, with all that it reaches; makes it again where something of it is lost.
    fn value(&self, at: usize) -> Result<Value, Stop> {
        let mut slot = self.slots[at].lock();
        let before = slot.id;
        if !self.is_there(at, &mut slot)? {
            let message = "the cache lost contents of this step; it runs again".into();
            self.tell(Event::Log { step: Some(at), message });
            let start = Instant::now();
            match &self.plan_step(at).op {
                Op::Scan(scan) => self.scan_again(at, scan, &mut slot)?,
                _ => self.run(at, &mut slot)?,
            }
            slot.millis += u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
            slot.outcome = Some(Outcome::Ran);
            slot.why = vec!["lost contents".into()];
            self.tell(Event::Done { step: at, outcome: Outcome::Ran });
        }
        if slot.id != before {
            return Err(Stop::Restart(at));
        }
        slot.value
            .clone()
            .ok_or_else(|| Stop::Failed(at, Failure::Bug("a step that ran has no value".into())))
    }

    /// Whether a step's value can be loaded and everything that it reaches can be read.
    fn is_there(&self, at: usize, slot: &mut Slot) -> Result<bool, Stop> {
        let failed = |error| Stop::Failed(at, Failure::machine("reading the cache")(error));
        self.is_loaded(slot).map_err(|failure| Stop::Failed(at, failure))?;
        let Some(value) = slot.value.clone() else { return Ok(false) };
        if !slot.located {
            self.attach(at, slot).map_err(failed)?;
            let all = self.world.pool.install(|| reach::is_all_there(&value, self.shelf)).map_err(failed)?;
            slot.located = all;
        }
        Ok(slot.located)
    }

    /// Runs a step, whatever the cache has.
    fn run(&self, at: usize, slot: &mut Slot) -> Result<(), Stop> {
        let failed = |failure| Stop::Failed(at, failure);
        let step = self.plan_step(at);
        let mut inputs = Vec::with_capacity(step.inputs.len());
        for input in &step.inputs {
            inputs.push(match &input.pick {
                None => self.value(input.step)?,
                Some(path) => {
                    let known =
                        self.slots[input.step].lock().value.as_ref().and_then(|value| value.fact(path));
                    let fact =
                        known.map_or_else(|| Ok(self.value(input.step)?.fact(path)), |fact| Ok(Some(fact)));
                    Value::from(fact?.ok_or_else(|| failed(Failure::Bug(format!("no fact {path}"))))?)
                }
            });
        }
        let total = kinds::total(&step.op, &inputs);
        self.tell(Event::Start { step: at, total });
        let store = StepStore::new(self.shelf, self.world.stop);
        let meter = Meter::new(self.world.events, at, total);
        let job = kinds::Job {
            op: &step.op,
            inputs: &inputs,
            config: self.world.config,
            store: &store,
            meter: &meter,
            stop: self.world.stop,
        };
        let result = self.world.pool.install(|| kinds::run(&job));
        let (value, warnings) = self.unless_changed(&store, result).map_err(failed)?;
        let written = store.finish().map_err(|error| failed(error.into()))?;
        self.settle(slot, value, warnings, written).map_err(failed)
    }

    /// The result of a step, unless a local source changed while it was read: then that is what is wrong.
    pub(super) fn unless_changed<T>(
        &self,
        store: &StepStore<'_>,
        result: Result<T, Failure>,
    ) -> Result<T, Failure> {
        // Whatever a step says of it, it was interrupted.
        if result.is_err() && self.interrupted() {
            return Err(Failure::Interrupted);
        }
        self.world.pool.install(|| store.look_again());
        let changed = self.shelf.changed();
        if changed.is_empty() || matches!(result, Err(Failure::Interrupted)) {
            return result;
        }
        let problems = changed.iter().map(|path| crate::scan::read::changed(std::path::Path::new(path)));
        Err(Failure::Problems(problems.collect::<Vec<Problem>>()))
    }

    /// Stores what a step gave, and notes it.
    pub(super) fn settle(
        &self,
        slot: &mut Slot,
        value: Value,
        warnings: Vec<Problem>,
        written: Written,
    ) -> Result<(), Failure> {
        let (id, nested) = self.values.save(&value)?;
        let action = Action { value: id, nested, written, warnings: warnings.clone() };
        let key = slot.key.ok_or_else(|| Failure::Bug("a step ran without a key".into()))?;
        action.save(self.world.home, &key)?;
        slot.id = Some(id);
        slot.value = Some(value);
        slot.located = true;
        slot.warnings = warnings;
        Ok(())
    }

    fn export(&self, at: usize, slot: &mut Slot) -> Result<Outcome, Stop> {
        let failed = |failure| Stop::Failed(at, failure);
        let step = self.plan_step(at);
        let key = self.key(at, slot)?;
        let place = self.place(at).map_err(failed)?;
        let current = self.world.pool.install(|| place.current(&key, self.world.stop));
        if let Some((made, warnings)) = current.map_err(failed)? {
            slot.warnings = warnings;
            self.note(at, slot, made, false);
            return Ok(Outcome::Unchanged);
        }
        let input = step.inputs.first().map(|input| self.value(input.step)).transpose()?;
        let total = match &input {
            Some(Value::Bytes(bytes)) => Some(bytes.len()),
            Some(Value::Tree(tree)) => Some(export::contents(tree)),
            _ => None,
        };
        if let Some(Value::Tree(tree)) = &input {
            slot.warnings = export::losses(tree);
            // Nothing is published of which a warning is an error.
            self.deny(at, slot)?;
        }
        self.tell(Event::Start { step: at, total });
        let store = StepStore::new(self.shelf, self.world.stop);
        let meter = Meter::new(self.world.events, at, total);
        let (progress, stop) = (|done| meter.add(done), self.world.stop);
        let staged = self.world.pool.install(|| match (&step.op, &input) {
            (Op::Export(op), Some(Value::Bytes(bytes))) => place.stage(op, bytes, &store, &progress, stop),
            (_, Some(Value::Tree(tree))) => place.stage_tree(tree, &store, &progress, stop),
            _ => Err(Failure::Bug("an export reads one Bytes or Tree value".into())),
        });
        let staged = self.unless_changed(&store, staged).map_err(failed)?;
        if self.world.gate.is_some() {
            self.note(at, slot, staged.made, true);
            slot.staged = Some(staged);
            return Ok(Outcome::Ran);
        }
        let published = place.publish(staged, &key, self.world.config.force, self.world.stop);
        let (made, written) = published.map_err(failed)?;
        self.note(at, slot, made, written);
        Ok(if written { Outcome::Ran } else { Outcome::Unchanged })
    }

    /// The name that a step's value had in the last run of this image.
    pub(super) fn last_value(&self, at: usize) -> Option<ValueId> {
        self.last.of(self.world.plan, at).and_then(Ingredients::value)
    }
}
