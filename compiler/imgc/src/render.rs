//! Shows diagnostics at their places in the manifest, and failures of steps at the lines that asked for them.

use std::{
    collections::BTreeSet,
    fmt,
    sync::atomic::{AtomicBool, Ordering},
};

use imgc_engine::RunError;
use imgc_image::{Failure as StepFailure, Problem};
use imgc_lang::{Compilation, Diagnostic, Label, Severity, Span};
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};
use serde::Serialize;

use crate::{args::ProgressForm, failure::Failure};

/// Whether stderr is for machines.
static JSON: AtomicBool = AtomicBool::new(false);

/// Says how progress is shown; diagnostics go the same way.
pub fn set_form(form: ProgressForm) {
    JSON.store(form == ProgressForm::Json, Ordering::Relaxed);
}

/// Whether everything on stderr is JSON lines.
pub fn is_json() -> bool {
    JSON.load(Ordering::Relaxed)
}

/// Shows diagnostics on stderr, errors after warnings as they were found, and a line that counts.
pub fn diagnostics(compilation: &Compilation, diagnostics: &[Diagnostic]) {
    counted(compilation, diagnostics, "nothing was built");
}

/// Shows diagnostics, and a line that counts and says what the errors did.
fn counted(compilation: &Compilation, diagnostics: &[Diagnostic], so: &str) {
    each(compilation, diagnostics);
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
    if errors > 0 && !is_json() {
        eprintln!("{errors} error{}; {so}", if errors == 1 { "" } else { "s" });
    }
}

/// Shows diagnostics on stderr, and no count.
pub fn each(compilation: &Compilation, diagnostics: &[Diagnostic]) {
    if is_json() {
        for line in lines(compilation, diagnostics) {
            eprintln!("{}", serde_json::json!({ "event": "diagnostic", "diagnostic": line }));
        }
        return;
    }
    let handler = handler();
    for diagnostic in diagnostics {
        let mut out = String::new();
        let report = Report::new(compilation, diagnostic);
        if handler.render_report(&mut out, &report).is_ok() {
            eprint!("{}", out.trim_start_matches('\n'));
            eprintln!();
        }
    }
}

fn handler() -> GraphicalReportHandler {
    use std::io::IsTerminal;
    let plain = !std::io::stderr().is_terminal() || std::env::var_os("NO_COLOR").is_some();
    let theme = if plain { GraphicalTheme::unicode_nocolor() } else { GraphicalTheme::unicode() };
    GraphicalReportHandler::new_themed(theme).with_links(false).with_width(110)
}

/// Diagnostics as JSON: file, line, column, code, message, help.
pub fn diagnostics_json(compilation: &Compilation) -> serde_json::Value {
    serde_json::json!(lines(compilation, &compilation.diagnostics))
}

/// A diagnostic for machines.
#[derive(Serialize)]
struct Line {
    severity: &'static str,
    code: &'static str,
    message: String,
    file: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
    start: Option<usize>,
    len: Option<usize>,
    help: Vec<String>,
}

fn lines(compilation: &Compilation, diagnostics: &[Diagnostic]) -> Vec<Line> {
    let line = |diagnostic: &Diagnostic| {
        let label = diagnostic.labels.iter().find(|label| label.primary).or(diagnostic.labels.first());
        let place =
            label.and_then(|label| Some((label.span, compilation.files.get(label.span.file as usize)?)));
        let before = place.map(|(span, file)| file.text.get(..span.start).unwrap_or_default());
        Line {
            severity: match diagnostic.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            code: diagnostic.code,
            message: diagnostic.message.clone(),
            file: place.map(|(_, file)| file.name.clone()),
            line: before.map(|before| before.matches('\n').count() + 1),
            column: before.map(|before| before.chars().rev().take_while(|c| *c != '\n').count() + 1),
            start: place.map(|(span, _)| span.start),
            len: place.map(|(span, _)| span.len),
            help: diagnostic.help.clone(),
        }
    };
    diagnostics.iter().map(line).collect()
}

/// Shows why a run did not reach its goal and says how the command ends.
pub fn run_error(compilation: &Compilation, error: RunError) -> Failure {
    let mut shown: Vec<Diagnostic> = warnings(compilation, &error.warnings);
    let mut end: Option<Failure> = None;
    for failure in error.failures {
        let fault = match failure.failure {
            StepFailure::Problems(problems) => {
                let step = failure.step;
                shown.extend(problems.iter().map(|problem| place(compilation, step, problem)));
                Failure::Shown
            }
            other => {
                let fault = Failure::from(other);
                match (failure.step.and_then(|step| label(compilation, step)), fault) {
                    (Some(label), Failure::Machine(message)) => {
                        Failure::Machine(format!("{label}: {message}"))
                    }
                    (Some(label), Failure::Bug(message)) => Failure::Bug(format!("{label}: {message}")),
                    (_, fault) => fault,
                }
            }
        };
        end = Some(match end {
            None => fault,
            Some(known) => known.worse(fault),
        });
    }
    // Several steps of one node may find the same mistake.
    let mut known = BTreeSet::new();
    shown.retain(|it| known.insert((it.code, it.message.clone(), it.help.clone(), spans(it))));
    // Other outputs may be there already.
    let outputs = compilation.plan.as_ref().map_or(0, |plan| plan.exports().count());
    let so = if outputs > 1 { "outputs that need this were not built" } else { "nothing was built" };
    counted(compilation, &shown, so);
    end.unwrap_or(Failure::Shown)
}

fn spans(diagnostic: &Diagnostic) -> Vec<(u32, usize, usize)> {
    diagnostic.labels.iter().map(|Label { span, .. }| (span.file, span.start, span.len)).collect()
}

fn label(compilation: &Compilation, step: usize) -> Option<String> {
    Some(compilation.plan.as_ref()?.steps.get(step)?.label.clone())
}

/// Warnings of steps as diagnostics at the manifest's lines.
pub fn warnings(compilation: &Compilation, warnings: &[(usize, Problem)]) -> Vec<Diagnostic> {
    warnings.iter().map(|(step, problem)| place(compilation, Some(*step), problem)).collect()
}

/// A step's problem at the line that asked for it.
fn place(compilation: &Compilation, step: Option<usize>, problem: &Problem) -> Diagnostic {
    let origin = step.and_then(|step| compilation.origins.get(step));
    let span = origin.map_or(Span { file: 0, start: 0, len: 0 }, |origin| {
        let op = problem.op.and_then(|op| origin.ops.get(op)).copied();
        let part = problem.part.as_ref().and_then(|part| origin.parts.get(part)).copied();
        op.or(part).unwrap_or(origin.span)
    });
    let text = step.and_then(|step| label(compilation, step)).unwrap_or_default();
    Diagnostic {
        code: problem.code,
        severity: if problem.warning { Severity::Warning } else { Severity::Error },
        message: problem.message.clone(),
        labels: vec![Label { span, text: format!("in the step `{text}`"), primary: true }],
        help: problem.help.clone().into_iter().collect(),
    }
}

/// The longest source line that is shown, in bytes: a line is never cut, and one beyond this helps nobody.
const LONGEST: usize = 4096;

/// A diagnostic as miette draws it.
struct Report<'a> {
    diagnostic: &'a Diagnostic,
    source: Option<NamedSource<String>>,
    help: Option<String>,
    file: u32,
}

impl<'a> Report<'a> {
    fn new(compilation: &Compilation, diagnostic: &'a Diagnostic) -> Self {
        let primary = diagnostic.labels.iter().find(|label| label.primary).or(diagnostic.labels.first());
        let file = primary.map_or(0, |label| label.span.file);
        let source = compilation
            .files
            .get(file as usize)
            .filter(|source| source.text.lines().all(|line| line.len() <= LONGEST))
            .map(|source| NamedSource::new(&source.name, source.text.clone()));
        let help = (!diagnostic.help.is_empty()).then(|| diagnostic.help.join("\n"));
        Self { diagnostic, source, help, file }
    }
}

impl fmt::Debug for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.diagnostic.code)
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic.message)
    }
}

impl std::error::Error for Report<'_> {}

impl miette::Diagnostic for Report<'_> {
    fn code<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        Some(Box::new(self.diagnostic.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let file = self.file;
        let labels = self.diagnostic.labels.iter().filter(move |label| label.span.file == file);
        Some(Box::new(labels.map(|label| {
            let text = (!label.text.is_empty()).then(|| label.text.clone());
            let range = label.span.start..label.span.start + label.span.len;
            if label.primary {
                LabeledSpan::new_primary_with_span(text, range)
            } else {
                LabeledSpan::new_with_span(text, range)
            }
        })))
    }
}
