//! `imgc build`: makes the outputs.

use imgc_engine::{Goal, Outcome, Report, RunError};
use imgc_image::Failure as StepFailure;
use imgc_lang::{Compilation, SealedInfo};
use imgc_plan::Data;

use crate::{
    args::{BuildArgs, Cli},
    boots::{Options, Suite, Verdict, report},
    commands::{
        lock::{self, Trust},
        test, why,
    },
    failure::Failure,
    render,
    session::{self, Session},
    stdout::{print, print_json},
    text::{Align, columns},
};

/// Builds a manifest.
pub fn run(cli: &Cli, args: &BuildArgs) -> Result<(), Failure> {
    let mut session = Session::open(&args.manifest)?;
    if args.deny_warnings {
        session.deny_warnings();
    }
    if args.update_lock {
        pin_missing(&mut session, args)?;
    }
    let mut compilation = session.compile_shown()?;
    let (result, mut verdicts) = build(cli, args, &session, &compilation)?;
    let result = match result {
        Err(error) if args.update_lock && is_gone(&error) => {
            eprintln!("note    the mirror no longer has a pinned version: renewing imgc.lock");
            lock::renew(&mut session, &compilation, &trust(args), true)?;
            compilation = session.compile_shown()?;
            let again = build(cli, args, &session, &compilation)?;
            verdicts = again.1;
            again.0
        }
        result => result,
    };
    let report = result.map_err(|error| render::run_error(&compilation, error))?;
    keep_small(args, &report)?;
    why::remember(&session, args.run.cache.as_deref(), &compilation, &report)?;
    render::diagnostics(&compilation, &render::warnings(&compilation, &report.warnings));
    if args.json {
        let tests: Vec<serde_json::Value> =
            verdicts.iter().map(|verdict| report::json(&compilation, verdict)).collect();
        let hashes: Vec<serde_json::Value> = hashes(&compilation, &report)
            .map(|(disk, of, facts)| serde_json::json!({ "disk": disk, "of": of, "facts": facts }))
            .chain(
                sealed(&compilation, &report)
                    .map(|(one, facts)| serde_json::json!({ one.what: one.name, "facts": facts })),
            )
            .collect();
        print_json(&serde_json::json!({
            "artifacts": report.artifacts,
            "steps": report.steps,
            "verity": hashes,
            "tests": tests,
        }))?;
    } else {
        show(&compilation, &report)?;
    }
    if verdicts.is_empty() { Ok(()) } else { test::conclude(&compilation, &verdicts) }
}

/// The partitions whose hashes are kept: disk, partition, and the facts of its hashes.
fn hashes<'a>(
    compilation: &'a Compilation,
    report: &'a Report,
) -> impl Iterator<Item = (&'a str, &'a str, &'a Data)> {
    compilation.disks.iter().flat_map(|disk| disk.hashes.iter().map(move |hashes| (disk, hashes))).filter_map(
        |(disk, hashes)| {
            let facts = facts_of(report, hashes.facts)?;
            Some((disk.name.as_str(), hashes.of.as_str(), facts))
        },
    )
}

/// The archives, and outputs of trees, that keep hashes: with the facts of these.
fn sealed<'a>(
    compilation: &'a Compilation,
    report: &'a Report,
) -> impl Iterator<Item = (&'a SealedInfo, &'a Data)> {
    compilation.sealed.iter().filter_map(|one| Some((one, facts_of(report, one.facts)?)))
}

fn facts_of(report: &Report, step: usize) -> Option<&Data> {
    report.steps.iter().find(|found| found.step == step)?.facts.as_ref()
}

/// Keeps the cache below its cap; only after builds that added to it. What live builds reach is spared.
fn keep_small(args: &BuildArgs, report: &Report) -> Result<(), Failure> {
    if report.steps.iter().any(|step| step.outcome == Outcome::Ran) {
        imgc_engine::cache::prune(&session::cache_dir(args.run.cache.as_deref())?, args.cache_size)?;
    }
    Ok(())
}

fn trust(args: &BuildArgs) -> Trust<'_> {
    Trust { args: &args.trust, mirror: &args.run.mirror }
}

/// Pins what the lock lacks, when that is all that is wrong.
fn pin_missing(session: &mut Session, args: &BuildArgs) -> Result<(), Failure> {
    let compilation = session.compile();
    if compilation.diagnostics.iter().any(|found| found.code == "package-not-pinned") {
        lock::renew(session, &compilation, &trust(args), false)?;
    }
    Ok(())
}

fn build(
    cli: &Cli,
    args: &BuildArgs,
    session: &Session,
    compilation: &Compilation,
) -> Result<(Result<Report, RunError>, Vec<Verdict>), Failure> {
    let suite = suite(args, session, compilation)?;
    let engine = session.engine(&args.run, &args.output, args.force)?;
    let exports = compilation.outputs.iter().map(|(_, step)| *step);
    // Root hashes are told, also when no artifact says them.
    let hashes = compilation.disks.iter().flat_map(|disk| &disk.hashes).map(|hashes| hashes.facts);
    let sealed = compilation.sealed.iter().map(|one| one.facts);
    let goal = Goal::Steps(exports.chain(hashes).chain(sealed).collect());
    let show = |verdict: &Verdict| eprint!("{}", report::line(compilation, verdict));
    Ok(test::gated(cli, &engine, compilation, &goal, suite.as_ref(), &show))
}

/// The tests that this build runs: all when it was asked to, else those of outputs that must pass theirs.
fn suite<'a>(
    args: &BuildArgs,
    session: &'a Session,
    compilation: &'a Compilation,
) -> Result<Option<Suite<'a>>, Failure> {
    let exports = compilation.outputs.iter().map(|(_, step)| *step);
    let wanted = exports.filter(|step| args.test || compilation.tested.contains(step));
    let mut cases: Vec<(usize, usize)> = wanted.flat_map(|step| test::cases_of(compilation, step)).collect();
    cases.sort_unstable();
    if cases.is_empty() {
        if args.test {
            eprintln!("note    the manifest has no test of these outputs");
        }
        return Ok(None);
    }
    let options = Options {
        accel: args.machines.accel,
        machines: 2,
        memory: None,
        rerun: false,
        cache: session::cache_dir(args.run.cache.as_deref())?,
        out: args.output.clone(),
    };
    Suite::new(session, compilation, cases, options).map(Some)
}

fn is_gone(error: &RunError) -> bool {
    error.failures.iter().any(|failure| match &failure.failure {
        StepFailure::Problems(problems) => problems.iter().any(|problem| problem.code == "package-gone"),
        _ => false,
    })
}

/// Prints the artifacts and root hashes on stdout and a line that counts on stderr.
fn show(compilation: &Compilation, report: &Report) -> Result<(), Failure> {
    let rows: Vec<Vec<String>> = report
        .artifacts
        .iter()
        .map(|artifact| {
            let size = imgc_plan::units::approximate_size(artifact.len);
            vec![artifact.path.display().to_string(), size, format!("sha256:{}", artifact.sha256)]
        })
        .collect();
    print(&columns(&[Align::Left, Align::Right, Align::Left], &rows))?;
    let root = |facts: &Data| facts.pick("root_hash").and_then(Data::as_text).unwrap_or_default().to_owned();
    let rows: Vec<Vec<String>> = hashes(compilation, report)
        .map(|(disk, of, facts)| (format!("{disk}/{of}"), facts))
        .chain(sealed(compilation, report).map(|(one, facts)| (one.name.clone(), facts)))
        .map(|(name, facts)| vec![name, format!("root hash {}", root(facts))])
        .collect();
    print(&columns(&[Align::Left, Align::Left], &rows))?;
    let ran = report.steps.iter().filter(|step| step.outcome == Outcome::Ran).count();
    let same = report.steps.len() - ran;
    if render::is_json() {
        eprintln!("{}", serde_json::json!({ "event": "summary", "ran": ran, "same": same }));
    } else {
        eprintln!("{ran} step{} ran, {same} did not have to", if ran == 1 { "" } else { "s" });
    }
    Ok(())
}
