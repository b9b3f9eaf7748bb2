//! `imgc why`: why each step of the last build ran, or that it did not have to.

use std::path::{Path, PathBuf};

use imgc_engine::{Outcome, Report};
use imgc_lang::Compilation;
use serde::{Deserialize, Serialize};

use crate::{
    args::WhyArgs,
    failure::Failure,
    session::{self, Session, write_atomically},
    stdout::{print, print_json},
    text::{Align, columns},
};

/// What is remembered of the last build of a manifest.
#[derive(Debug, Serialize, Deserialize)]
struct Run {
    /// Its steps, in the plan's order.
    steps: Vec<Line>,
}

/// What became of one step.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    label: String,
    outcome: String,
    why: Vec<String>,
    millis: u64,
    key: String,
}

/// Shows the last build.
pub fn run(args: &WhyArgs) -> Result<(), Failure> {
    let path = if args.manifest.is_dir() { args.manifest.join("image.kdl") } else { args.manifest.clone() };
    let file = record(&path, args.cache.as_deref())?;
    let text = std::fs::read_to_string(&file).map_err(|_| {
        Failure::Request(format!(
            "{} was not built with this cache yet: run `imgc build` first",
            path.display()
        ))
    })?;
    let mut run: Run = serde_json::from_str(&text)
        .map_err(|error| Failure::Machine(format!("{} is damaged ({error}): build again", file.display())))?;
    if let Some(wanted) = &args.step {
        run.steps.retain(|line| line.label.contains(wanted));
        if run.steps.is_empty() {
            return Err(Failure::Request(format!("no step of the last build has `{wanted}` in its name")));
        }
    }
    if args.json {
        return print_json(&run);
    }
    let rows: Vec<Vec<String>> = run
        .steps
        .iter()
        .map(|line| {
            let why = if line.why.is_empty() {
                String::new()
            } else {
                format!("because of {}", line.why.join(", "))
            };
            vec![line.label.clone(), line.outcome.clone(), why]
        })
        .collect();
    print(&columns(&[Align::Left; 3], &rows))
}

/// Remembers a build.
pub fn remember(
    session: &Session,
    cache: Option<&Path>,
    compilation: &Compilation,
    report: &Report,
) -> Result<(), Failure> {
    let plan = compilation.plan.as_ref().expect("because only compilations with a plan are built");
    let steps = report
        .steps
        .iter()
        .map(|step| Line {
            label: plan.steps[step.step].label.clone(),
            outcome: match step.outcome {
                Outcome::Ran => "ran",
                Outcome::Cached => "cached",
                Outcome::Unchanged => "unchanged",
            }
            .into(),
            why: if step.outcome == Outcome::Ran { step.why.clone() } else { Vec::new() },
            millis: step.millis,
            key: step.key.hex(),
        })
        .collect();
    let file = record(Path::new(&session.name), cache)?;
    let text =
        serde_json::to_string(&Run { steps }).map_err(|error| Failure::Bug(format!("JSON: {error}")))?;
    if let Some(dir) = file.parent() {
        std::fs::create_dir_all(dir)
            .map_err(|error| Failure::Machine(format!("making {}: {error}", dir.display())))?;
    }
    write_atomically(&file, &text)
}

/// Where the last build of a manifest is remembered.
fn record(manifest: &Path, cache: Option<&Path>) -> Result<PathBuf, Failure> {
    let path = manifest.canonicalize().unwrap_or_else(|_| manifest.to_owned());
    let name = imgc_plan::BlobId::of(path.as_os_str().as_encoded_bytes()).hex();
    Ok(session::cache_dir(cache)?.join("runs").join(format!("{}.json", &name[..32])))
}
