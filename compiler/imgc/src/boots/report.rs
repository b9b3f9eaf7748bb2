//! What came of tests: as lines, at the places in the manifest, as JSON, as JUnit's XML.

mod junit;

use imgc_lang::{Compilation, Diagnostic, Label, Severity};
use imgc_plan::test::{Case, Test};
use imgc_qemu::{Error, error::last_lines};
use serde_json::{Value, json};

use super::{End, Verdict, suite::seconds};
use crate::{failure::Failure, render, stdout::print};

pub use junit::junit;

/// The test and the case of a verdict.
pub fn of<'a>(compilation: &'a Compilation, verdict: &Verdict) -> (&'a Test, &'a Case) {
    let plan = compilation.plan.as_ref().expect("because only compilations with a plan are tested");
    let test = &plan.tests[verdict.test];
    (test, &test.cases[verdict.case])
}

/// A verdict as a line.
pub fn line(compilation: &Compilation, verdict: &Verdict) -> String {
    let (test, case) = of(compilation, verdict);
    let time = seconds(verdict.time);
    let (word, time) = match verdict.end {
        End::Passed => ("passed", time),
        End::Remembered => ("cached", format!("{time} then")),
        End::Failed(ref stumble) if stumble.is_interruption() => ("stopped", time),
        End::Failed(_) => ("FAILED", time),
    };
    format!("{word}  {}: {}  ({time})\n", test.name, case.title())
}

/// What is said of a failure: in one sentence, what would mend it, and the end of the serial log.
pub struct Said {
    /// What went wrong.
    pub message: String,
    /// What would mend it.
    pub help: Option<String>,
    /// The last lines of the serial log, if the machine ran.
    pub log: Option<String>,
}

/// What is said of a failure; `None` of what is none.
pub fn said(verdict: &Verdict) -> Option<Said> {
    let End::Failed(stumble) = &verdict.end else { return None };
    Some(match &stumble.error {
        Error::Unmet { what, log } => Said { message: what.clone(), help: None, log: Some(last_lines(log)) },
        Error::Missing { what, help } => {
            Said { message: format!("{what} is not on this machine"), help: Some(help.clone()), log: None }
        }
        Error::Impossible { what, help } => {
            Said { message: what.clone(), help: Some(help.clone()), log: None }
        }
        error @ (Error::Failed(_) | Error::Interrupted) => {
            Said { message: error.to_string(), help: None, log: None }
        }
    })
}

/// Shows failures on stderr, each at the node that was not fulfilled, with the end of the log.
pub fn failures(compilation: &Compilation, verdicts: &[Verdict]) {
    for verdict in verdicts {
        let (End::Failed(stumble), Some(said)) = (&verdict.end, said(verdict)) else { continue };
        if stumble.is_interruption() {
            continue;
        }
        let (test, case) = of(compilation, verdict);
        let info = &compilation.tests[verdict.test];
        let act = stumble.act.and_then(|act| info.acts.get(stumble.boot)?.get(act)).copied();
        let mut label = case.title();
        if test.boots.len() > 1 {
            label.push_str(&format!(", boot {}", stumble.boot + 1));
        }
        let diagnostic = Diagnostic {
            code: "test-failed",
            severity: Severity::Error,
            message: format!("test `{}`: {}", test.name, said.message),
            labels: vec![Label { span: act.unwrap_or(info.span), text: label, primary: true }],
            help: said.help.into_iter().collect(),
        };
        render::each(compilation, &[diagnostic]);
        if let Some(log) = said.log.filter(|_| !render::is_json()) {
            eprintln!("  the serial log ends with");
            log.lines().for_each(|line| eprintln!("  | {line}"));
            eprintln!();
        }
    }
}

/// A verdict as one line of JSON.
pub fn json(compilation: &Compilation, verdict: &Verdict) -> Value {
    let (test, case) = of(compilation, verdict);
    let result = match verdict.end {
        End::Passed | End::Remembered => "passed",
        End::Failed(ref stumble) if stumble.is_interruption() => "stopped",
        End::Failed(_) => "failed",
    };
    let mut line = json!({
        "event": "test",
        "test": test.name,
        "output": case.output,
        "machine": case.machine,
        "title": case.title(),
        "result": result,
        "cached": matches!(verdict.end, End::Remembered),
        "millis": verdict.time.as_millis() as u64,
    });
    if let (End::Failed(stumble), Some(said)) = (&verdict.end, said(verdict)) {
        line["boot"] = json!(stumble.boot);
        line["act"] = json!(stumble.act);
        line["message"] = json!(said.message);
        line["log"] = json!(said.log);
    }
    line
}

/// Prints a verdict on stdout, in the form that was asked for.
pub fn show(compilation: &Compilation, verdict: &Verdict, as_json: bool) -> Result<(), Failure> {
    if as_json {
        print(&format!("{}\n", json(compilation, verdict)))
    } else {
        print(&line(compilation, verdict))
    }
}

/// Says on stderr how many passed.
pub fn count(verdicts: &[Verdict]) {
    let good = verdicts.iter().filter(|verdict| verdict.is_good()).count();
    let cached = verdicts.iter().filter(|verdict| matches!(verdict.end, End::Remembered)).count();
    let failed = verdicts.len() - good;
    if render::is_json() {
        eprintln!("{}", json!({ "event": "tests", "passed": good, "cached": cached, "failed": failed }));
    } else {
        eprintln!("{good} passed ({cached} of them before), {failed} failed");
    }
}
