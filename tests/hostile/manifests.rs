//! Manifests: whatever a text is, compiling it ends, and gives a plan or says why not, at places of the text.

use std::fs;

use imgc_formats::Registry;
use imgc_grove::Random;
use imgc_lang::{Compilation, Settings, Severity, World, compile};
use imgc_plan::{
    BlobId,
    lock::{Lock, Pin},
};
use imgc_tests::imgc::root;

use crate::bounds;

const USUAL: u64 = 4000;

/// A world of nothing but the templates that come with imgc.
struct Templates;

impl World for Templates {
    fn read(&self, path: &str) -> std::io::Result<Vec<u8>> {
        Err(std::io::Error::new(std::io::ErrorKind::NotFound, path.to_owned()))
    }

    fn template(&self, name: &str) -> Option<&str> {
        imgc_stdlib::template(name)
    }

    fn templates(&self) -> Vec<&str> {
        imgc_stdlib::ALL.iter().map(|(name, _)| *name).collect()
    }
}

const PIECES: &[&str] = &[
    "{",
    "}",
    "\"",
    "\"\"\"",
    "#\"",
    "\\",
    "/*",
    "*/",
    "//",
    "/-",
    "(bytes)",
    "{{",
    "}}",
    "\\{{",
    "=",
    ";",
    "\n",
    " ",
    "#true",
    "#null",
    "-1",
    "99999999999999999999",
    "1e9",
    "4GiB",
    "\"4GiB\"",
    "\"0\"",
    "fit",
    "fill",
    "true",
    "é",
    "\u{0}",
    "\u{feff}",
    "\"../..\"",
    "\"/\"",
    "\"**\"",
    "\"[\"",
    "if=size",
    "unless=kernel",
    "tree=root",
    "source=grub",
    "number=1",
    "number=4096",
    "role=logical",
    "start=\"1MiB\"",
    "sector-size=4096",
    "size=\"8388607TiB\"",
    "image x\n",
    "align=\"8388607TiB\"",
    "min=\"8388607TiB\"",
    "slack=\"10000%\"",
    "weight=1000000",
    "copy tree=root to=\"/\"\n",
];

/// Every text of ours that ends so: manifests, templates, cases of the compiler; lock files.
fn texts(ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Vec<_> = ["examples", "stdlib", "compiler/imgc-lang/tests/cases", "tests/boot"]
        .iter()
        .map(|dir| root().join(dir))
        .collect();
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|found| found == ending) {
                found.push(fs::read_to_string(path).expect("text"));
            }
        }
    }
    // Directories have no order.
    found.sort();
    found
}

/// A place between two characters.
fn cut(text: &str, random: &mut Random) -> usize {
    let at = random.index(text.len() + 1);
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// A text with pieces put in, taken out, doubled, and lines of another.
fn mutate(text: &str, other: &str, random: &mut Random) -> String {
    let mut text = text.to_owned();
    for _ in 0..=random.below(4) {
        let (a, b) = (cut(&text, random), cut(&text, random));
        let (a, b) = (a.min(b), a.max(b));
        let near = ((a + 12).min(b)..=b).find(|at| text.is_char_boundary(*at)).unwrap_or(b);
        match random.below(6) {
            0 => text.insert_str(a, random.one_of(PIECES)),
            1 => text.replace_range(a..near, ""),
            2 => text.replace_range(a..near, random.one_of(PIECES)),
            3 => {
                let again = text[a..near].to_owned();
                text.insert_str(b, &again);
            }
            // A line gone, or one of the other text there.
            kind => {
                let start = text[..a].rfind('\n').map_or(0, |at| at + 1);
                let end = text[start..].find('\n').map_or(text.len(), |at| start + at + 1);
                let lines: Vec<&str> = other.lines().collect();
                match lines.is_empty() || kind == 4 {
                    true => text.replace_range(start..end, ""),
                    false => text.insert_str(start, &format!("{}\n", random.one_of(&lines))),
                }
            }
        }
    }
    text
}

/// A lock that pins whatever a manifest asks for, at invented files.
fn lock(compilation: &Compilation) -> Lock {
    let pins = compilation.requests.iter().map(|(request, _)| Pin {
        name: request.package.clone(),
        version: "1.0-1".into(),
        size: 1000,
        sha256: BlobId::of(request.package.as_bytes()).hex(),
        path: format!("pool/main/{}_{}.deb", request.package, request.arch),
        request: request.clone(),
    });
    Lock::new(pins.collect())
}

fn judge(text: &str, kinds: &Registry, pinned: bool) {
    let settings = Settings::default();
    let mut compilation = compile("image.kdl", text, &Templates, kinds, &settings);
    if pinned {
        let settings = Settings { lock: Some(lock(&compilation)), ..settings };
        compilation = compile("image.kdl", text, &Templates, kinds, &settings);
    }
    let errors = compilation.diagnostics.iter().any(|found| found.severity == Severity::Error);
    assert_eq!(compilation.plan.is_none(), errors, "a plan or an error:\n{text}");
    for found in &compilation.diagnostics {
        for label in &found.labels {
            let (start, end) = (label.span.start, label.span.start + label.span.len);
            let text = &compilation.files[label.span.file as usize].text;
            assert!(text.get(start..end).is_some(), "{found:?} is not at a place of\n{text}");
        }
    }
    if let Some(plan) = compilation.plan {
        assert_eq!(plan.steps.len(), compilation.origins.len());
    }
}

#[test]
fn compiling_ends_with_a_plan_or_with_reasons() {
    let (all, kinds) = (texts("kdl"), Registry::new());
    assert!(all.len() > 100, "{}", all.len());
    all.iter().for_each(|text| judge(text, &kinds, true));
    bounds::run("manifests", USUAL, |random| {
        let (text, other) = (&all[random.index(all.len())], &all[random.index(all.len())]);
        let pinned = random.once_in(2);
        judge(&mutate(text, other, random), &kinds, pinned);
    });
}

#[test]
fn lock_files() {
    let all = texts("lock");
    all.iter().for_each(|text| drop(Lock::parse(text).expect("a valid one is read")));
    bounds::run("locks", USUAL, |random| {
        let (text, other) = (&all[random.index(all.len())], &all[random.index(all.len())]);
        let text = mutate(text, other, random);
        // What is read is written again, and is the same then.
        if let Ok(lock) = Lock::parse(&text) {
            assert_eq!(Lock::parse(&lock.print()).ok().as_ref(), Some(&lock), "{text}");
        }
    });
}
