//! Scans: looked at in every run, read only where something changed.

use std::{collections::BTreeSet, io};

use imgc_image::{Failure, Value};
use imgc_plan::{Canon, Op, StepKey, ValueId, step::Scan};

use super::{
    Run, code,
    ingredients::Ingredients,
    meter::Meter,
    state::{Slot, Stop},
};
use crate::{
    event::{Event, Outcome},
    scan::{
        self, Look,
        index::{self, Index},
        local::Local,
        read::Watch,
    },
    store::{actions::Action, home::Room, step::StepStore},
};

impl Run<'_> {
    /// Looks at a scan's files; where all are as they were, the value is known without reading any.
    pub(super) fn scan(&self, at: usize, scan: &Scan, slot: &mut Slot) -> Result<Outcome, Stop> {
        let failed = |failure| Stop::Failed(at, failure);
        let look = self.look(at, scan, slot)?;
        let key = slot.key.ok_or_else(|| failed(Failure::Bug("a scan without a key".into())))?;
        if !look.racy {
            let say = |message| self.tell(Event::Log { step: Some(at), message });
            let found = Action::find(self.world.home, &key, &say);
            if let Some(action) =
                found.map_err(|error| failed(Failure::machine("reading the cache")(error)))?
            {
                self.adopt(slot, action);
                self.world.home.mark_used(Room::Scans, &index::name(&look.root));
                slot.look = Some(look);
                return Ok(Outcome::Unchanged);
            }
        }
        self.read(at, scan, slot, look).map_err(failed)?;
        Ok(if slot.id == self.last_value(at) { Outcome::Unchanged } else { Outcome::Ran })
    }

    /// Looks and reads again because contents are lost.
    pub(super) fn scan_again(&self, at: usize, scan: &Scan, slot: &mut Slot) -> Result<(), Stop> {
        let look = self.look(at, scan, slot)?;
        self.read(at, scan, slot, look).map_err(|failure| Stop::Failed(at, failure))
    }

    fn look(&self, at: usize, scan: &Scan, slot: &mut Slot) -> Result<Look, Stop> {
        let failed = |failure| Stop::Failed(at, failure);
        let look = self.world.pool.install(|| scan::look(scan, &self.world.config.base)).map_err(failed)?;
        let step = self.plan_step(at);
        let code = code::fingerprint(&step.op).map_err(failed)?;
        let mut c = Canon::new("imgc key v1");
        c.add(&step.op).raw(&code).int(1).add(&look.digest);
        slot.key = Some(StepKey::from(c));
        slot.ingredients =
            Some(Ingredients::new(&step.op, code, vec![("files".into(), ValueId(look.digest.0))]));
        Ok(look)
    }

    fn read(&self, at: usize, scan: &Scan, slot: &mut Slot, look: Look) -> Result<(), Failure> {
        let home = self.world.home;
        let say = |message| self.tell(Event::Log { step: Some(at), message });
        let store = StepStore::new(self.shelf, self.world.stop);
        let mut known = {
            let old = Index::load(home, &look.root, &say)?.unwrap_or_default();
            scan::read::known(scan, &look, &old, &store)?
        };
        let total = Some(known.to_read(&look));
        self.tell(Event::Start { step: at, total });
        let meter = Meter::new(self.world.events, at, total);
        let progress = |done| meter.add(done);
        let watch = Watch { progress: &progress, stop: self.world.stop };
        self.world.pool.install(|| scan::read::read(&look, &mut known, &store, watch))?;
        let mut written = store.finish()?;
        // The action keeps all packs alive that its value needs, not only the new one.
        written.packs = known.save(&look, home, &written.packs)?;
        let contents = known.seen.iter().map(|seen| seen.as_ref().map(|seen| seen.id));
        self.shelf.take_local(Local::of(&look, contents));
        let tree = self.world.pool.install(|| scan::read::tree(scan, look, known.seen))?;
        self.settle(slot, Value::from(tree), Vec::new(), written)
    }

    /// Makes the local files of all scans that a step reaches known to the shelf, each once. `slot` is the step's own.
    pub(super) fn attach(&self, at: usize, slot: &mut Slot) -> io::Result<()> {
        self.attach_one(at, slot)?;
        let (mut seen, mut open) = (BTreeSet::new(), vec![at]);
        while let Some(step) = open.pop() {
            for input in &self.plan_step(step).inputs {
                if seen.insert(input.step) {
                    open.push(input.step);
                    if matches!(self.plan_step(input.step).op, Op::Scan(_)) {
                        self.attach_one(input.step, &mut self.slots[input.step].lock())?;
                    }
                }
            }
        }
        Ok(())
    }

    fn attach_one(&self, at: usize, slot: &mut Slot) -> io::Result<()> {
        let Some(look) = slot.look.take() else { return Ok(()) };
        let say = |message| self.tell(Event::Log { step: Some(at), message });
        if let Some(index) = Index::load(self.world.home, &look.root, &say)? {
            self.shelf.add_packs(&index.packs);
            self.shelf.take_local(Local::new(&look, &index));
        }
        Ok(())
    }
}
