//! What the commands share: a manifest read, compiled and locked, and an engine for it.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use imgc_engine::{Candidate, Config, Engine, Gate, Goal, Report, RunError};
use imgc_formats::Registry;
use imgc_lang::{Compilation, Settings, Severity, World};
use imgc_plan::lock::Lock;

use crate::{
    args::{Cli, ManifestArgs, RunArgs},
    failure::Failure,
    progress, render,
};

/// A manifest on this machine.
pub struct Session {
    /// The manifest's path as it was given.
    pub name: String,
    /// Its text.
    text: String,
    /// The directory that its paths start from.
    pub base: PathBuf,
    settings: Settings,
    kinds: Registry,
    /// Whether warnings are errors.
    deny_warnings: bool,
}

/// Reads files for the compiler, relative to the manifest.
struct Files<'a>(&'a Path);

impl World for Files<'_> {
    fn read(&self, path: &str) -> std::io::Result<Vec<u8>> {
        std::fs::read(self.0.join(path))
    }

    fn template(&self, name: &str) -> Option<&str> {
        imgc_stdlib::template(name)
    }

    fn templates(&self) -> Vec<&str> {
        imgc_stdlib::ALL.iter().map(|(name, _)| *name).collect()
    }
}

impl Session {
    /// Reads a manifest and its lock.
    pub fn open(args: &ManifestArgs) -> Result<Self, Failure> {
        let path =
            if args.manifest.is_dir() { args.manifest.join("image.kdl") } else { args.manifest.clone() };
        let bytes = std::fs::read(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                Failure::Request(format!("there is no manifest at {}", path.display()))
            }
            _ => Failure::Machine(format!("reading {}: {error}", path.display())),
        })?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            Failure::Request(format!("{} is not UTF-8 text: byte {at} is wrong", path.display()))
        })?;
        let base = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let mut session = Self {
            name: path.display().to_string(),
            text,
            base,
            settings: Settings {
                params: args.set.clone(),
                epoch: source_date_epoch()?,
                lock: None,
                only: args.only.clone(),
            },
            kinds: Registry::new(),
            deny_warnings: false,
        };
        session.settings.lock = session.read_lock()?;
        session.anchor_paths()?;
        Ok(session)
    }

    /// Makes warnings errors: those of the manifest as it is compiled, those of steps as they run.
    pub fn deny_warnings(&mut self) {
        self.deny_warnings = true;
    }

    /// Wants no other output than this.
    pub fn only(&mut self, file: String) {
        self.settings.only = vec![file];
    }

    /// Where the lock is.
    pub fn lock_path(&self) -> PathBuf {
        self.base.join("imgc.lock")
    }

    /// The lock as it is.
    pub fn lock(&self) -> Lock {
        self.settings.lock.clone().unwrap_or_default()
    }

    /// Uses another lock from now on.
    pub fn set_lock(&mut self, lock: Lock) {
        self.settings.lock = Some(lock);
    }

    fn read_lock(&self) -> Result<Option<Lock>, Failure> {
        let path = self.lock_path();
        match std::fs::read_to_string(&path) {
            Ok(text) => Lock::parse(&text)
                .map(Some)
                .map_err(|error| Failure::Request(format!("{}: {error}", path.display()))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::Machine(format!("reading {}: {error}", path.display()))),
        }
    }

    /// Paths that are given on the command line start from the current directory, those in a manifest from its own.
    fn anchor_paths(&mut self) -> Result<(), Failure> {
        if self.settings.params.is_empty() {
            return Ok(());
        }
        let here = std::env::current_dir()
            .map_err(|error| Failure::Machine(format!("finding the current directory: {error}")))?;
        let params = self.compile().params;
        for (name, value) in &mut self.settings.params {
            let is_path = params.iter().any(|param| param.name == *name && param.ty == "path");
            if is_path && !value.is_empty() && Path::new(value.as_str()).is_relative() {
                let path = here.join(&*value);
                *value = path.into_os_string().into_string().map_err(|path| {
                    Failure::Request(format!("the path {} is not UTF-8", path.to_string_lossy()))
                })?;
            }
        }
        Ok(())
    }

    /// Compiles it.
    pub fn compile(&self) -> Compilation {
        imgc_lang::compile(&self.name, &self.text, &Files(&self.base), &self.kinds, &self.settings)
    }

    /// Compiles it and shows what is wrong; fails when that is an error.
    pub fn compile_shown(&self) -> Result<Compilation, Failure> {
        let mut compilation = self.compile();
        if self.deny_warnings {
            for diagnostic in &mut compilation.diagnostics {
                diagnostic.severity = Severity::Error;
            }
        }
        render::diagnostics(&compilation, &compilation.diagnostics);
        if compilation.plan.is_none() || has_errors(&compilation) {
            return Err(if has_errors(&compilation) {
                Failure::Shown
            } else {
                Failure::Bug("the compiler gave neither a plan nor an error".into())
            });
        }
        Ok(compilation)
    }

    /// An engine for it.
    pub fn engine(&self, run: &RunArgs, out: &Path, force: bool) -> Result<Engine, Failure> {
        let mirrors = if run.mirror.is_empty() {
            imgc_engine::debian::host_mirrors(Path::new("/"))
        } else {
            run.mirror.clone()
        };
        let config = Config {
            store: cache_dir(run.cache.as_deref())?,
            base: self.base.clone(),
            out: out.to_owned(),
            jobs: jobs(run.jobs),
            offline: run.offline,
            mirrors,
            force,
            deny_warnings: self.deny_warnings,
        };
        Engine::open(config).map_err(Failure::from)
    }
}

/// Runs a plan with progress. Artifacts are published when the gate approves of them; without one, all are.
pub fn run(
    cli: &Cli,
    engine: &Engine,
    compilation: &Compilation,
    goal: &Goal,
    gate: Option<&Gate<'_>>,
) -> Result<Report, RunError> {
    let plan = compilation.plan.as_ref().expect("because only compilations with a plan are run");
    let labels = plan.steps.iter().map(|step| step.label.clone()).collect();
    let display = progress::display(cli.progress, cli.verbose, labels);
    let asked = |candidates: &[Candidate]| {
        // What decides may talk with people.
        display.finish();
        gate.map_or_else(|| vec![true; candidates.len()], |gate| gate(candidates))
    };
    let gate = gate.map(|_| &asked as &Gate<'_>);
    let result = engine.run_gated(plan, goal, &|event| display.event(&event), &interrupt(), gate);
    display.finish();
    result
}

/// Whether an error (not only warnings) was found.
pub fn has_errors(compilation: &Compilation) -> bool {
    compilation.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
}

/// The flag that Ctrl-C, SIGTERM and SIGHUP set.
pub fn interrupt() -> Arc<AtomicBool> {
    static FLAG: std::sync::OnceLock<Arc<AtomicBool>> = std::sync::OnceLock::new();
    Arc::clone(FLAG.get_or_init(|| {
        let flag = Arc::new(AtomicBool::new(false));
        let set = Arc::clone(&flag);
        // A second handler cannot be set; there is none, so a failure would only mean that Ctrl-C kills at once.
        let _ = ctrlc::set_handler(move || {
            if set.swap(true, std::sync::atomic::Ordering::Relaxed) {
                // Asked twice: what is half-written has a name that the next build removes.
                std::process::exit(130);
            }
            eprintln!("stopping; once more to stop at once");
        });
        flag
    }))
}

/// The cache's directory: given, or below the user's cache directory.
pub fn cache_dir(given: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(dir) = given {
        return Ok(dir.to_owned());
    }
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("XDG_CACHE_HOME")
        .or_else(|| set("LOCALAPPDATA"))
        .or_else(|| set("HOME").map(|home| home.join(".cache")))
        .map(|dir| dir.join("imgc"))
        .ok_or_else(|| {
            Failure::Request(
                "there is no home directory to keep the cache in: give one with --cache DIR".into(),
            )
        })
}

/// Writes a file that is either the old one or the new one, whatever happens meanwhile.
pub fn write_atomically(path: &Path, text: &str) -> Result<(), Failure> {
    let mut staged = path.as_os_str().to_owned();
    staged.push(format!(".{}", std::process::id()));
    let staged = PathBuf::from(staged);
    std::fs::write(&staged, text).and_then(|()| std::fs::rename(&staged, path)).map_err(|error| {
        // What is half written is of no use to anybody.
        let _ = std::fs::remove_file(&staged);
        Failure::Machine(format!("writing {}: {error}", path.display()))
    })
}

fn jobs(given: Option<u16>) -> usize {
    given.map(usize::from).unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

fn source_date_epoch() -> Result<Option<i64>, Failure> {
    match std::env::var("SOURCE_DATE_EPOCH") {
        Err(_) => Ok(None),
        Ok(text) => text.trim().parse().map(Some).map_err(|_| {
            Failure::Request(format!("SOURCE_DATE_EPOCH is a number of seconds since 1970, not `{text}`"))
        }),
    }
}
