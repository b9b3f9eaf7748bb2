//! Cases: manifests with the diagnostics that they must give, no more and no fewer, as carets under the lines.
//!
//! A line `//  ^^^ error CODE: message` names the place on the last line that is not such a line, code, message and after `|` each help; under
//! a place that is empty or in the first columns it is `//@3+5 error CODE: message` (column and length in bytes), and for
//! a mistake of the request or within a template `//! error CODE: message`. Requests are given at the top: `// set: NAME=VALUE`,
//! `// only: FILE`, `// unpinned`.

use std::{fmt::Write, path::Path};

use imgc_lang::{Diagnostic, Settings, Severity};

use crate::{blessing, compile, folder, pinned};

/// A diagnostic as a case writes it: line, column and length (none for requests), and what is said.
type Expected = (Option<(usize, usize, usize)>, String);

fn is_expectation(line: &str) -> bool {
    let Some(rest) = line.trim_start().strip_prefix("//") else { return false };
    let rest = rest.strip_prefix(['!']).unwrap_or_else(|| rest.trim_start());
    rest.trim_start_matches(|c: char| c == '^' || c == '@' || c == '+' || c.is_ascii_digit())
        .trim_start()
        .split_once(' ')
        .is_some_and(|(severity, code)| matches!(severity, "error" | "warning") && code.contains(':'))
}

fn expectations(text: &str) -> Vec<Expected> {
    let mut expected = Vec::new();
    let mut above = 0;
    for (at, line) in text.lines().enumerate() {
        if !is_expectation(line) {
            above = at;
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        let body = &line.trim_start()[2..];
        if let Some(said) = body.strip_prefix('!') {
            expected.push((None, said.trim().to_owned()));
        } else if let Some(place) = body.strip_prefix('@') {
            let (place, said) = place.split_once(' ').expect("a place and a text");
            let (column, len) = place.split_once('+').expect("a column and a length");
            let number = |text: &str| text.parse::<usize>().expect("a number");
            expected.push((Some((above, number(column), number(len))), said.to_owned()));
        } else {
            let column = line.find('^').expect("carets");
            let len = line[column..].bytes().take_while(|byte| *byte == b'^').count();
            expected.push((Some((above, column, len)), line[column + len..].trim().to_owned()));
        }
        assert!(indent < line.len(), "a line of expectations says something");
    }
    expected.sort();
    expected
}

fn found(text: &str, diagnostics: &[Diagnostic]) -> Vec<Expected> {
    let place = |start: usize| {
        let before = &text[..start];
        let line = before.matches('\n').count();
        (line, start - before.rfind('\n').map_or(0, |at| at + 1))
    };
    let show = |found: &Diagnostic| {
        let severity = if found.severity == Severity::Error { "error" } else { "warning" };
        // What is in a template's file has no line here.
        let span = found.span().filter(|span| span.file == 0).map(|span| {
            assert!(
                text.get(span.start..span.start + span.len).is_some(),
                "a span within the text: {found:?}"
            );
            let (line, column) = place(span.start);
            (line, column, span.len)
        });
        let help: String = found.help.iter().map(|help| format!(" | {help}")).collect();
        (span, format!("{severity} {}: {}{help}", found.code, found.message))
    };
    let mut found: Vec<Expected> = diagnostics.iter().map(show).collect();
    found.sort();
    found
}

/// What is in the first list more often than in the second.
fn without<'a>(list: &'a [Expected], other: &[Expected]) -> Vec<&'a Expected> {
    let count = |list: &[Expected], item: &Expected| list.iter().filter(|other| *other == item).count();
    list.iter().filter(|item| count(list, item) > count(other, item)).collect()
}

fn settings(text: &str) -> Settings {
    let mut settings = Settings::default();
    for line in text.lines() {
        if let Some(given) = line.trim().strip_prefix("// set: ") {
            let (name, value) = given.split_once('=').expect("a name and a value");
            settings.params.push((name.to_owned(), value.to_owned()));
        } else if let Some(file) = line.trim().strip_prefix("// only: ") {
            settings.only.push(file.to_owned());
        }
    }
    if text.contains("// unpinned") { settings } else { pinned(text, settings) }
}

/// The case with what was found written under its lines.
fn annotate(text: &str, found: &[Expected]) -> String {
    let mut out = String::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !is_expectation(line)) {
        if at == 0 {
            found.iter().filter(|(place, _)| place.is_none()).for_each(|(_, said)| {
                writeln!(out, "//! {said}").expect("a string takes everything");
            });
        }
        writeln!(out, "{line}").expect("a string takes everything");
        for ((_, column, len), said) in
            found.iter().filter_map(|(place, said)| Some((place.filter(|place| place.0 == at)?, said)))
        {
            let carets = format!("//{}{}", " ".repeat(column.saturating_sub(2)), "^".repeat(len));
            let ascii = line.is_ascii() && column >= 2 && len > 0;
            let carets = if ascii { carets } else { format!("//@{column}+{len}") };
            writeln!(out, "{carets} {said}").expect("a string takes everything");
        }
    }
    out
}

/// Removes expectations, so that lines count as they will once expectations are written anew.
fn bless(path: &Path, text: &str) {
    let bare: String =
        text.lines().filter(|line| !is_expectation(line)).fold(String::new(), |mut out, line| {
            writeln!(out, "{line}").expect("a string takes everything");
            out
        });
    let compilation = compile(&bare, &settings(&bare));
    let annotated = annotate(&bare, &found(&bare, &compilation.diagnostics));
    std::fs::write(path, annotated).expect("a case is written");
}

fn check(path: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(path).expect("a case");
    if blessing() {
        bless(path, &text);
        return Ok(());
    }
    let compilation = compile(&text, &settings(&text));
    let (expected, found) = (expectations(&text), found(&text, &compilation.diagnostics));
    let errors = compilation.diagnostics.iter().any(|found| found.severity == Severity::Error);
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut wrong = String::new();
    for missing in without(&expected, &found) {
        writeln!(wrong, "{name}: expected, but not found: {missing:?}").expect("a string takes everything");
    }
    for extra in without(&found, &expected) {
        writeln!(wrong, "{name}: found, but not expected: {extra:?}").expect("a string takes everything");
    }
    if compilation.plan.is_some() == errors {
        writeln!(wrong, "{name}: there is a plan exactly when there is no error")
            .expect("a string takes everything");
    }
    if expected.is_empty() {
        writeln!(wrong, "{name}: a case expects something").expect("a string takes everything");
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

#[test]
fn every_case_gives_its_diagnostics_and_no_others() {
    let mut paths: Vec<_> = std::fs::read_dir(folder("cases"))
        .expect("cases")
        .map(|entry| entry.expect("a case").path())
        .collect();
    paths.sort();
    assert!(paths.len() >= 60, "there were {} cases", paths.len());
    let wrong: String = paths.iter().filter_map(|path| check(path).err()).collect();
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn expectations_are_read_as_they_are_written() {
    let text = "   a b\n//   ^ error x: y: z\n//@0+2 warning q: r\n//! error s: t\n   // ^ no expectation\n";
    let expected = expectations(text);
    let place = |place, said: &str| (place, said.to_owned());
    assert_eq!(
        expected,
        [
            place(None, "error s: t"),
            place(Some((0, 0, 2)), "warning q: r"),
            place(Some((0, 5, 1)), "error x: y: z"),
        ]
    );
}
