//! Each command says what it should, on the stream where it should.

use imgc_tests::imgc::Bench;

use crate::{TWO_FILES, TWO_TREES, example, project};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[test]
fn plan_shows_partitions_and_what_is_known_only_later() {
    let bench = Bench::new();
    let manifest = example("data-disk");
    let manifest = manifest.to_str().expect("UTF-8");
    let plan = text(&bench.run(&["plan", manifest], 0).stdout);
    assert!(plan.contains("fit: after tree data"), "{plan}");
    assert!(plan.contains("64MiB") && plan.contains("exchange"), "{plan}");
    assert!(plan.contains("source tree keeps owner, mode, mtime, xattrs, links of this machine"), "{plan}");
    let gathered = text(&bench.run(&["plan", manifest, "--gather"], 0).stdout);
    assert!(!gathered.contains("fit: after"), "{gathered}");
    assert!(gathered.contains("1MiB") && gathered.contains("65MiB"), "starts are known: {gathered}");
    assert!(!bench.out().exists(), "a plan makes no output");
}

#[test]
fn plan_calls_a_type_as_the_manifest_does() {
    let bench = Bench::new();
    let manifest = "image t\ndisk main {\n mbr\n partition a size=\"8MiB\" { exfat }\n\
                partition b size=\"8MiB\" type=ntfs { exfat }\n partition c size=\"8MiB\" type=\"07\" { exfat }\n}\n\
                output \"t.img\" disk=main\n";
    let manifest = project(bench.dir(), manifest, &[]);
    let plan = text(&bench.run(&["plan", manifest.to_str().expect("UTF-8")], 0).stdout);
    let types = plan.lines().skip(2).filter_map(|row| row.split("  ").filter(|cell| !cell.is_empty()).nth(4));
    assert_eq!(types.take(3).map(str::trim).collect::<Vec<_>>(), ["exfat", "ntfs", "ntfs"], "{plan}");
}

#[test]
fn plan_json_has_steps_and_layouts() {
    let bench = Bench::new();
    let manifest = example("data-disk");
    let output = bench.run(&["plan", "--gather", "--json", manifest.to_str().expect("UTF-8")], 0);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["disks"][0]["layout"]["parts"][0]["start"], 1 << 20);
    assert!(json["plan"]["steps"].as_array().expect("steps").len() > 6);
    let steps = text(&bench.run(&["plan", "--steps", manifest.to_str().expect("UTF-8")], 0).stdout);
    assert!(steps.starts_with("imgc plan 1\nimage data-disk\n"), "{steps}");
}

#[test]
fn graph_draws_every_step_in_three_forms() {
    let bench = Bench::new();
    let manifest = example("data-disk");
    let manifest = manifest.to_str().expect("UTF-8");
    let dot = text(&bench.run(&["graph", manifest], 0).stdout);
    let mermaid = text(&bench.run(&["graph", manifest, "--format", "mermaid"], 0).stdout);
    let svg = text(&bench.run(&["graph", manifest, "--format", "svg"], 0).stdout);
    assert!(dot.starts_with("digraph") && mermaid.starts_with("flowchart"));
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    for label in ["write data (ext4)", "export data.qcow2"] {
        for drawing in [&dot, &mermaid, &svg] {
            assert!(drawing.contains(label), "{label} is missing");
        }
    }
}

#[test]
fn why_says_what_made_steps_run() {
    let bench = Bench::new();
    let manifest = project(bench.dir(), TWO_TREES, TWO_FILES);
    let path = manifest.to_str().expect("UTF-8").to_owned();
    bench.run(&["why", &path], 1);
    bench.build(&manifest, &[]);
    assert!(text(&bench.run(&["why", &path], 0).stdout).contains("because of first run"));
    bench.build(&manifest, &[]);
    let quiet = text(&bench.run(&["why", &path], 0).stdout);
    assert!(!quiet.contains("because of") && quiet.contains("cached"), "{quiet}");
    std::fs::write(bench.dir().join("b/two"), "changed\n").expect("written");
    bench.build(&manifest, &[]);
    let why = text(&bench.run(&["why", &path], 0).stdout);
    let line = |step: &str| {
        why.lines().find(|line| line.starts_with(step)).unwrap_or_else(|| panic!("{step}: {why}"))
    };
    assert!(line("write b (ext4)").contains("because of") && line("write b (ext4)").contains("ran"), "{why}");
    assert!(line("write a (ext4)").contains("cached"), "{why}");
}

#[test]
fn progress_as_json_is_one_object_a_line() {
    let bench = Bench::new();
    let manifest = project(bench.dir(), TWO_TREES, TWO_FILES);
    let output = bench.run(&["build", manifest.to_str().expect("UTF-8"), "--progress", "json"], 0);
    let lines = text(&output.stderr);
    let events: Vec<serde_json::Value> = lines
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert!(
        events.iter().any(|event| event["event"] == "done" && event["label"] == "write a (ext4)"),
        "{lines}"
    );
    assert!(events.iter().any(|event| event["event"] == "start"), "{lines}");
}

#[test]
fn build_prints_each_artifact_with_size_and_digest() {
    let bench = Bench::new();
    let manifest = project(bench.dir(), TWO_TREES, TWO_FILES);
    let output = bench.run(&["build", manifest.to_str().expect("UTF-8"), "-o", "there"], 0);
    let digest = imgc_tests::imgc::sha256(&bench.dir().join("there/two.img"));
    let line = text(&output.stdout);
    assert!(line.contains("there/two.img") && line.contains(&format!("sha256:{digest}")), "{line}");
}

#[test]
fn completions_and_help_come_for_every_shell() {
    let bench = Bench::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = text(&bench.run(&["completions", shell], 0).stdout);
        assert!(script.contains("imgc") && script.contains("update-lock"), "{shell}");
    }
    let help = text(&bench.run(&["build", "--help"], 0).stdout);
    assert!(help.contains("Examples:") && help.contains("--only"), "{help}");
}

#[test]
fn only_makes_one_output_and_c_changes_the_directory() {
    let bench = Bench::new();
    let manifest = example("data-disk");
    let dir = bench.dir().join("work");
    std::fs::create_dir(&dir).expect("a directory");
    let arguments = ["-C", "work", "build", manifest.to_str().expect("UTF-8"), "--only", "data.img"];
    bench.run(&arguments, 0);
    assert!(dir.join("out/data.img").exists() && !dir.join("out/data.qcow2").exists());
}
