//! The cases that a command runs: what they need is found first, then each is run once its artifact is there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, atomic::Ordering},
    time::{Duration, Instant},
};

use imgc_engine::{Candidate, cache};
use imgc_lang::Compilation;
use imgc_plan::{
    BlobId, Plan,
    test::{Act, Case, Medium, Test},
};
use imgc_qemu::{
    Accel, Error, Host, Image, Machine,
    test::{Job, Stumble},
};

use super::{End, Verdict, accel, memory, pool, remember::Ingredients};
use crate::{
    args::AccelForm,
    failure::Failure,
    session::{self, Session},
};

/// How tests are run.
pub struct Options {
    /// What makes machines run.
    pub accel: AccelForm,
    /// How many machines run at once.
    pub machines: usize,
    /// How much memory they may have together, in bytes; half of what is free unless said.
    pub memory: Option<u64>,
    /// Whether also what passed already is run.
    pub rerun: bool,
    /// The cache.
    pub cache: PathBuf,
    /// Where artifacts go, and pictures of screens that are not what they should be.
    pub out: PathBuf,
}

/// Cases that are to be run, and what that takes.
pub struct Suite<'a> {
    plan: &'a Plan,
    base: &'a Path,
    host: Host,
    accel: Accel,
    options: Options,
    /// Test and case, as indices of the plan.
    cases: Vec<(usize, usize)>,
    /// What QEMU and each firmware are.
    identity: String,
}

impl<'a> Suite<'a> {
    /// Finds what these cases need on this machine.
    ///
    /// # Errors
    /// When something is missing: before anything is built.
    pub fn new(
        session: &'a Session,
        compilation: &'a Compilation,
        cases: Vec<(usize, usize)>,
        options: Options,
    ) -> Result<Self, Failure> {
        let plan = compilation.plan.as_ref().expect("because only compilations with a plan are tested");
        let host = Host::find()?;
        let firmwares: BTreeSet<_> =
            cases.iter().map(|(test, case)| plan.tests[*test].cases[*case].machine.firmware).collect();
        let mut identity = host.version()?;
        for firmware in firmwares {
            let Some(flash) = host.flash(firmware)? else { continue };
            for file in [&flash.code, &flash.variables] {
                identity.push_str(&format!("\n{firmware} {}", digest(file)?));
            }
        }
        let accel = accel(options.accel, &host);
        identity.push_str(&format!("\n{}", accel.word()));
        Ok(Self { plan, base: &session.base, host, accel, options, cases, identity })
    }

    /// The exports that the cases start.
    pub fn exports(&self) -> BTreeSet<usize> {
        self.cases.iter().map(|(test, case)| self.plan.tests[*test].cases[*case].export).collect()
    }

    /// Runs the cases on artifacts; each result is shown as soon as it is there. In the order of the plan.
    pub fn run(&self, made: &[Candidate], show: &(dyn Fn(&Verdict) + Sync)) -> Vec<Verdict> {
        let made: BTreeMap<usize, &Candidate> = made.iter().map(|made| (made.step, made)).collect();
        let jobs: Vec<u64> =
            self.cases.iter().map(|(test, case)| self.case(*test, *case).1.machine.memory).collect();
        let verdicts = Mutex::new(Vec::new());
        let room = self.options.memory.or_else(memory::room);
        pool::run(&jobs, self.options.machines, room, &|job| {
            let (test, case) = self.cases[job];
            let Some(artifact) = made.get(&self.case(test, case).1.export) else { return };
            let verdict = self.judge(test, case, artifact);
            let mut verdicts = verdicts.lock().expect("because no holder of the lock panics");
            show(&verdict);
            verdicts.push(verdict);
        });
        let mut verdicts = verdicts.into_inner().expect("because no holder of the lock panics");
        verdicts.sort_by_key(|verdict| (verdict.test, verdict.case));
        verdicts
    }

    fn case(&self, test: usize, case: usize) -> (&Test, &Case) {
        let test = &self.plan.tests[test];
        (test, &test.cases[case])
    }

    /// Recalls or runs one case.
    fn judge(&self, test: usize, case: usize, artifact: &Candidate) -> Verdict {
        let (start, verdict) = (Instant::now(), |end, time| Verdict { test, case, end, time });
        let (of, this) = self.case(test, case);
        let key = Ingredients {
            artifact: &artifact.sha256,
            name: (this.machine.medium == Medium::Network).then_some(artifact.file.as_str()),
            machine: &this.machine,
            boots: &of.boots,
            pictures: &self.pictures(of),
            identity: &self.identity,
        }
        .key();
        if let Some(time) = cache::recall(&self.options.cache, &key).filter(|_| !self.options.rerun) {
            return verdict(End::Remembered, time);
        }
        let result = match session::interrupt().load(Ordering::Relaxed) {
            true => Err(Stumble { boot: 0, act: None, error: Error::Interrupted }),
            false => self.boot(of, this, artifact),
        };
        let time = start.elapsed();
        match result {
            Ok(()) => {
                // A result that cannot be kept is still one.
                let _ = cache::remember(&self.options.cache, &key, time);
                verdict(End::Passed, time)
            }
            Err(stumble) => verdict(End::Failed(stumble), time),
        }
    }

    fn boot(&self, test: &Test, case: &Case, artifact: &Candidate) -> Result<(), Stumble> {
        let before = |error: Error| Stumble { boot: 0, act: None, error };
        let mut spec = case.machine.clone();
        if spec.medium == Medium::Network && !artifact.path.is_dir() {
            // An artifact that is not published yet has another name.
            spec.bootfile.get_or_insert_with(|| artifact.file.clone());
        }
        let machine = Machine::new(spec).image(Image::open(&artifact.path).map_err(before)?);
        imgc_qemu::test::run(&Job {
            host: &self.host,
            accel: self.accel,
            machine: &machine,
            boots: &test.boots,
            base: self.base,
            shots: Some(self.shot(test, case)),
            stop: session::interrupt(),
        })
    }

    /// Where a screen is saved that is not what it should be.
    fn shot(&self, test: &Test, case: &Case) -> PathBuf {
        let name = format!("{} {}.png", test.name, case.title()).replace(' ', "-");
        self.options.out.join("screens").join(name)
    }

    /// The digests of the pictures that a test compares with; those that are not there yet are empty.
    fn pictures(&self, test: &Test) -> Vec<String> {
        let acts = test.boots.iter().flat_map(|boot| &boot.acts);
        let files = acts.filter_map(|act| match act {
            Act::Screenshot { file, .. } => Some(self.base.join(file)),
            _ => None,
        });
        files.map(|file| digest(&file).unwrap_or_default()).collect()
    }
}

fn digest(file: &Path) -> Result<String, Failure> {
    let bytes =
        fs::read(file).map_err(|error| Failure::Machine(format!("reading {}: {error}", file.display())))?;
    Ok(BlobId::of(&bytes).hex())
}

/// Seconds with one decimal place.
pub fn seconds(time: Duration) -> String {
    format!("{}.{} s", time.as_secs(), time.subsec_millis() / 100)
}
