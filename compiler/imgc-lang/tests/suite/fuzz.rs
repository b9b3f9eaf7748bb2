//! Mutated manifests: whatever a text is, compiling it ends, and gives a plan or says why not, at places of the text.

use imgc_lang::{Settings, Severity};

use crate::{compile, examples, folder, pinned};

/// xorshift64*: the same mutations in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).expect("below a usize")
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

fn mutate(text: &str, random: &mut Random) -> String {
    let mut text = text.to_owned();
    for _ in 0..=random.below(4) {
        let mut cut = |text: &str| {
            let mut at = random.below(text.len() + 1);
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let (a, b) = (cut(&text), cut(&text));
        let (a, b) = (a.min(b), a.max(b));
        let near = (a + 12).min(b);
        let near = (near..=b).find(|at| text.is_char_boundary(*at)).unwrap_or(b);
        match random.below(4) {
            0 => text.insert_str(a, PIECES[random.below(PIECES.len())]),
            1 => text.replace_range(a..near, ""),
            2 => text.replace_range(a..near, PIECES[random.below(PIECES.len())]),
            _ => {
                let again = text[a..near].to_owned();
                text.insert_str(b, &again);
            }
        }
    }
    text
}

fn judge(text: &str, settings: &Settings) {
    let compilation = compile(text, settings);
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
fn mutated_manifests_never_panic() {
    let mut random = Random(0x1234_5678_9abc_def1);
    let mut seeds: Vec<String> = examples().into_iter().map(|(_, text)| text).collect();
    for entry in std::fs::read_dir(folder("cases")).expect("cases") {
        seeds.push(std::fs::read_to_string(entry.expect("a case").path()).expect("text"));
    }
    seeds.sort();
    for round in 0..3000 {
        let seed = &seeds[round % seeds.len()];
        let text = mutate(seed, &mut random);
        let settings = if round % 2 == 0 { Settings::default() } else { pinned(seed, Settings::default()) };
        judge(&text, &settings);
    }
}

#[test]
fn long_chains_do_not_overflow() {
    let mut text = String::from("image chain\n");
    for at in 0..5000 {
        text.push_str(&format!("tree t{at} {{ copy tree=t{} to=\"/\" }}\n", at + 1));
    }
    text.push_str(
        "tree t5000\ndisk d { gpt; partition p size=fit { ext4 tree=t0 } }\noutput \"d.img\" disk=d\n",
    );
    let compilation = compile(&text, &Settings::default());
    assert_eq!(compilation.diagnostics, []);
    // The trees, and measure, place, write, assemble and export.
    assert_eq!(compilation.plan.expect("a plan").steps.len(), 5001 + 5);
}
