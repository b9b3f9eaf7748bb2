//! The door: an engine that is opened once and runs plans.

use std::sync::atomic::AtomicBool;

use imgc_image::Failure;
use imgc_plan::Plan;

use crate::{
    config::{Config, Goal},
    event::Event,
    report::{Gate, Report, RunError},
    run,
    store::home::Home,
};

/// Runs plans on this machine.
pub struct Engine {
    config: Config,
    home: Home,
    pool: rayon::ThreadPool,
}

/// Stack of a worker in bytes: a walk nests as deep as directories do, at most 2048 within Linux's longest path.
const STACK: usize = 16 << 20;

impl Engine {
    /// Opens the store and takes a lease.
    ///
    /// # Errors
    /// When the store's directory cannot be used.
    pub fn open(config: Config) -> Result<Self, Failure> {
        let what = || format!("opening the cache at {}", config.store.display());
        let home = Home::open(&config.store).map_err(Failure::machine(what()))?;
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(config.jobs.max(1))
            .stack_size(STACK)
            .thread_name(|index| format!("imgc-{index}"))
            .build()
            .map_err(|error| Failure::machine("starting threads")(std::io::Error::other(error)))?;
        Ok(Self { config, home, pool })
    }

    /// Runs a plan as far as the goal says.
    ///
    /// # Errors
    /// What failed, all of it, and warnings up to then.
    pub fn run(
        &self,
        plan: &Plan,
        goal: &Goal,
        events: &(dyn Fn(Event) + Sync),
        stop: &AtomicBool,
    ) -> Result<Report, RunError> {
        self.run_gated(plan, goal, events, stop, None)
    }

    /// As [`Engine::run`], but artifacts are published only when the gate approves of them.
    ///
    /// # Errors
    /// As [`Engine::run`].
    pub fn run_gated(
        &self,
        plan: &Plan,
        goal: &Goal,
        events: &(dyn Fn(Event) + Sync),
        stop: &AtomicBool,
        gate: Option<&Gate<'_>>,
    ) -> Result<Report, RunError> {
        run::run(&run::World {
            config: &self.config,
            home: &self.home,
            pool: &self.pool,
            plan,
            goal,
            events,
            stop,
            gate,
        })
    }
}
