//! The law, `specs/manifest.md`, against the code: every code of a diagnostic is in it and in a case, its manifests compile.

use std::{collections::BTreeSet, path::Path};

use imgc_lang::{Settings, Severity};

use crate::{compile, folder, pinned};

/// Codes that no case can show, and where they are shown instead.
const NOT_IN_CASES: &[(&str, &str)] = &[("manifest-too-large", "syntax::parse::tests")];

fn law() -> String {
    std::fs::read_to_string(folder("../../../specs/manifest.md")).expect("the law")
}

fn collect(below: &Path, ending: &str, into: &mut Vec<String>) {
    for entry in std::fs::read_dir(below).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, ending, into);
        } else if path.extension().is_some_and(|found| found == ending) {
            into.push(std::fs::read_to_string(path).expect("text"));
        }
    }
}

/// The codes that the sources give: the first string after the functions that make diagnostics.
fn codes() -> BTreeSet<String> {
    let mut sources = Vec::new();
    collect(&folder("../src"), "rs", &mut sources);
    let mut codes = BTreeSet::new();
    for source in &sources {
        for maker in
            ["Diagnostic::error(", "Diagnostic::warning(", "Diagnostic::request(", ".bad(", "option_problem("]
        {
            for rest in source.split(maker).skip(1) {
                if let Some(code) =
                    rest.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next())
                {
                    codes.insert(code.to_owned());
                }
            }
        }
    }
    codes
}

#[test]
fn every_code_is_in_the_law_and_in_a_case() {
    let codes = codes();
    assert!(codes.len() > 40, "codes are found in the sources: {codes:?}");
    let (law, mut cases) = (law(), Vec::new());
    collect(&folder("cases"), "kdl", &mut cases);
    for code in &codes {
        assert!(law.contains(&format!("`{code}`")), "specs/manifest.md does not say `{code}`");
        let shown = cases.iter().any(|case| case.contains(&format!(" {code}: ")));
        let elsewhere = NOT_IN_CASES.iter().any(|(other, _)| other == code);
        assert!(shown || elsewhere, "no case shows `{code}`");
    }
}

#[test]
fn every_code_of_the_law_is_given() {
    let (law, codes) = (law(), codes());
    let table = law.split("| code | what is wrong |").nth(1).expect("the table of codes");
    for line in table.lines().filter(|line| line.starts_with("| `")) {
        let cell = line.split('|').nth(1).expect("a cell");
        for code in cell.split('`').filter(|word| !word.trim().is_empty()) {
            assert!(codes.contains(code), "nothing gives `{code}`");
        }
    }
}

#[test]
fn manifests_of_the_law_compile() {
    let law = law();
    let blocks = law.split("```kdl\n").skip(1).filter_map(|rest| rest.split("```").next());
    let whole: Vec<&str> = blocks.filter(|block| block.starts_with("image ")).collect();
    assert!(!whole.is_empty());
    for text in whole {
        let compilation = compile(text, &pinned(text, Settings::default()));
        let errors = compilation.diagnostics.iter().filter(|found| found.severity == Severity::Error);
        assert_eq!(errors.count(), 0, "{:#?}", compilation.diagnostics);
    }
}
