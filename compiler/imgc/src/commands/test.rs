//! `imgc test`: builds outputs and runs the tests that start them.

use std::{
    path::{Path, PathBuf},
    sync::Mutex,
};

use imgc_engine::{Candidate, Goal, Report, RunError};
use imgc_lang::Compilation;

use crate::{
    args::{Cli, ManifestArgs, RunArgs, TestArgs},
    boots::{Options, Suite, Verdict, report},
    failure::Failure,
    render,
    session::{self, Session, write_atomically},
};

/// Runs tests.
pub fn run(cli: &Cli, args: &TestArgs) -> Result<(), Failure> {
    let (manifest, names) = split(args);
    let session = Session::open(&ManifestArgs { manifest, set: args.set.clone(), only: args.only.clone() })?;
    let compilation = session.compile_shown()?;
    let cases = chosen(&compilation, &names)?;
    let run =
        RunArgs { jobs: None, cache: args.cache.clone(), offline: args.offline, mirror: args.mirror.clone() };
    let options = Options {
        accel: args.machines.accel,
        machines: usize::from(args.jobs),
        memory: args.memory,
        rerun: args.rerun,
        cache: session::cache_dir(args.cache.as_deref())?,
        out: args.output.clone(),
    };
    let suite = Suite::new(&session, &compilation, cases, options)?;
    let engine = session.engine(&run, &args.output, args.force)?;
    let goal = Goal::Steps(suite.exports().into_iter().collect());
    let show = |verdict: &Verdict| {
        // A reader that went away is noticed by the next print, too.
        let _ = report::show(&compilation, verdict, args.json);
    };
    let (result, verdicts) = gated(cli, &engine, &compilation, &goal, Some(&suite), &show);
    let report = result.map_err(|error| render::run_error(&compilation, error))?;
    render::diagnostics(&compilation, &render::warnings(&compilation, &report.warnings));
    if let Some(file) = &args.junit {
        write_atomically(file, &report::junit(&compilation, &verdicts))?;
    }
    conclude(&compilation, &verdicts)
}

/// Shows what failed and how many passed; fails when one did.
pub fn conclude(compilation: &Compilation, verdicts: &[Verdict]) -> Result<(), Failure> {
    report::failures(compilation, verdicts);
    report::count(verdicts);
    let worst = verdicts.iter().filter_map(Verdict::failure).reduce(Failure::worse);
    worst.map_or(Ok(()), Err)
}

/// Runs a plan; what its tests start is published only when it passed all of those, and what must be tested only when all of its tests
/// were run.
pub fn gated(
    cli: &Cli,
    engine: &imgc_engine::Engine,
    compilation: &Compilation,
    goal: &Goal,
    suite: Option<&Suite<'_>>,
    show: &(dyn Fn(&Verdict) + Sync),
) -> (Result<Report, RunError>, Vec<Verdict>) {
    let Some(suite) = suite else {
        return (session::run(cli, engine, compilation, goal, None), Vec::new());
    };
    let verdicts = Mutex::new(Vec::new());
    let gate = |made: &[Candidate]| {
        let found = suite.run(made, show);
        let approved = made.iter().map(|made| is_approved(compilation, made.step, &found)).collect();
        *verdicts.lock().expect("because no holder of the lock panics") = found;
        approved
    };
    let result = session::run(cli, engine, compilation, goal, Some(&gate));
    (result, verdicts.into_inner().expect("because no holder of the lock panics"))
}

fn is_approved(compilation: &Compilation, export: usize, verdicts: &[Verdict]) -> bool {
    let of = |verdict: &&Verdict| report::of(compilation, verdict).1.export == export;
    let mine: Vec<&Verdict> = verdicts.iter().filter(of).collect();
    let good = mine.iter().all(|verdict| verdict.is_good());
    good && (!compilation.tested.contains(&export) || mine.len() == cases_of(compilation, export).len())
}

/// All cases that start what this step exports, as indices of test and case.
pub fn cases_of(compilation: &Compilation, export: usize) -> Vec<(usize, usize)> {
    all(compilation).filter(|(_, _, of)| *of == export).map(|(test, case, _)| (test, case)).collect()
}

/// All cases: indices of test, case and exporting step.
fn all(compilation: &Compilation) -> impl Iterator<Item = (usize, usize, usize)> {
    let tests = compilation.plan.iter().flat_map(|plan| plan.tests.iter().enumerate());
    tests
        .flat_map(|(test, of)| of.cases.iter().enumerate().map(move |(case, this)| (test, case, this.export)))
}

/// The cases of these tests, or of all.
fn chosen(compilation: &Compilation, names: &[String]) -> Result<Vec<(usize, usize)>, Failure> {
    let tests = compilation.plan.as_ref().map(|plan| plan.tests.as_slice()).unwrap_or_default();
    if tests.is_empty() {
        return Err(Failure::Request(
            "the manifest has no test of these outputs\n  help: add `test NAME output=\"FILE\" { qemu firmware=bios; expect \"…\" }`".into(),
        ));
    }
    let known: Vec<&str> = tests.iter().map(|test| test.name.as_str()).collect();
    let wrong: Vec<&str> = names.iter().map(String::as_str).filter(|name| !known.contains(name)).collect();
    if !wrong.is_empty() {
        let message =
            format!("there is no test `{}`\n  help: there are {}", wrong.join("`, `"), known.join(", "));
        return Err(Failure::Request(message));
    }
    let wanted = |test: usize| names.is_empty() || names.contains(&tests[test].name);
    Ok(all(compilation).filter(|(test, ..)| wanted(*test)).map(|(test, case, _)| (test, case)).collect())
}

/// The manifest and the names: a first argument that is no file is a name.
fn split(args: &TestArgs) -> (PathBuf, Vec<String>) {
    match &args.manifest {
        None => (PathBuf::from("image.kdl"), args.names.clone()),
        Some(first) if first.exists() || looks_like_a_path(first) => (first.clone(), args.names.clone()),
        Some(first) => {
            let name = first.to_string_lossy().into_owned();
            (PathBuf::from("image.kdl"), std::iter::once(name).chain(args.names.iter().cloned()).collect())
        }
    }
}

/// Whether a person means a file that is not there, and is to be told so.
fn looks_like_a_path(argument: &Path) -> bool {
    argument.components().count() > 1 || argument.extension().is_some_and(|ending| ending == "kdl")
}
