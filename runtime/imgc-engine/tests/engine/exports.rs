//! Artifacts: what imgc made is replaced, what it did not make is not; nothing is left behind.

use std::{
    fs,
    io::{Seek, SeekFrom, Write},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use imgc_engine::{Candidate, Engine, Event, Goal};
use imgc_image::Failure;
use imgc_plan::{Op, step::Keep};

use crate::rig::{Rig, disk, text};

fn leftovers(rig: &Rig) -> Vec<String> {
    let names = fs::read_dir(rig.path("out")).into_iter().flatten().flatten();
    names
        .map(|entry| entry.file_name().into_string().expect("a name"))
        .filter(|name| name != "disk.img")
        .collect()
}

#[test]
fn missing_and_altered_artifacts_are_made_again() {
    let rig = Rig::new();
    rig.fill();
    let plan = disk(Keep::default(), vec![]);
    rig.run(&plan).ok();
    let right = rig.image();
    fs::remove_file(rig.path("out/disk.img")).expect("removed");
    assert!(rig.run(&plan).ok().artifacts[0].written);
    let mut file = fs::File::options().write(true).open(rig.path("out/disk.img")).expect("there");
    file.seek(SeekFrom::Start(2 << 20)).expect("sought");
    file.write_all(b"a guest wrote this").expect("written");
    drop(file);
    assert!(rig.run(&plan).ok().artifacts[0].written);
    assert!(rig.image() == right);
    // Copied over itself: other times, the same content. It is looked at, not made.
    fs::copy(rig.path("out/disk.img"), rig.path("copy")).expect("copied");
    fs::rename(rig.path("copy"), rig.path("out/disk.img")).expect("moved");
    assert!(!rig.run(&plan).ok().artifacts[0].written);
}

#[test]
fn files_of_others_are_not_replaced_without_force() {
    let mut rig = Rig::new();
    rig.fill();
    let plan = disk(Keep::default(), vec![]);
    fs::create_dir(rig.path("out")).expect("made");
    fs::write(rig.path("out/disk.img"), "precious").expect("written");
    let problems = rig.run(&plan).problems();
    assert_eq!(problems[0].code, "output-exists");
    assert!(problems[0].help.as_deref().is_some_and(|help| help.contains("--force")), "{problems:?}");
    assert_eq!(fs::read(rig.path("out/disk.img")).expect("there"), b"precious");
    rig.force = true;
    rig.run(&plan).ok();
    rig.force = false;
    // Another definition: what the first made may be replaced.
    rig.run(&disk(Keep::default(), vec![text("/x", "x")])).ok();
    // Somebody puts a file of their own there.
    fs::write(rig.path("mine"), "precious").expect("written");
    fs::rename(rig.path("mine"), rig.path("out/disk.img")).expect("moved");
    assert_eq!(rig.run(&plan).problems()[0].code, "output-exists");
    assert_eq!(leftovers(&rig), [""; 0]);
    // Without a cache nobody remembers the file; one that is the same need not be replaced.
    rig.force = true;
    rig.run(&plan).ok();
    rig.force = false;
    fs::remove_dir_all(rig.path("cache")).expect("removed");
    assert!(!rig.run(&plan).ok().artifacts[0].written);
}

#[test]
fn an_interrupted_build_leaves_nothing_and_the_next_goes_on() {
    let rig = Rig::new();
    rig.fill();
    let plan = disk(Keep::default(), vec![]);
    for label in ["scan src", "compose", "write root", "export"] {
        let stop = AtomicBool::new(false);
        let at = plan.steps.iter().position(|step| step.label == label).expect("a step");
        let hear = |event: Event| {
            if matches!(event, Event::Start { step, .. } if step == at) {
                stop.store(true, Ordering::Relaxed);
            }
        };
        let engine = Engine::open(rig.config()).expect("an engine");
        let error =
            engine.run(&plan, &Goal::Steps(plan.exports().collect()), &hear, &stop).expect_err("stopped");
        assert!(matches!(error.failures[0].failure, Failure::Interrupted), "{label}: {error:?}");
        assert_eq!(leftovers(&rig), [""; 0], "{label}");
    }
    rig.run(&plan).ok();
    assert!(rig.image() == rig.right(&plan));
}

#[test]
fn leftovers_of_dead_builds_go_and_those_of_live_ones_stay() {
    let rig = Rig::new();
    rig.fill();
    fs::create_dir(rig.path("out")).expect("made");
    fs::write(rig.path("out/.imgc-1-0.tmp"), "dead").expect("written");
    let live = fs::File::create(rig.path("out/.imgc-2-0.tmp")).expect("made");
    rustix::fs::flock(&live, rustix::fs::FlockOperation::LockExclusive).expect("locked");
    rig.run(&disk(Keep::default(), vec![])).ok();
    assert_eq!(leftovers(&rig), [".imgc-2-0.tmp"]);
}

#[test]
fn a_source_that_changes_during_the_build_is_named() {
    let rig = Rig::new();
    rig.fill();
    let plan = disk(Keep::default(), vec![]);
    let export = plan.exports().next().expect("an export");
    let hear = |event: &Event| {
        if matches!(event, Event::Start { step, .. } if *step == export) {
            rig.file("large", "other");
        }
    };
    let goal = Goal::Steps(vec![export]);
    let problems = rig.run_as(rig.config(), &plan, &goal, &hear).problems();
    assert_eq!(problems[0].code, "source-changed");
    assert!(problems[0].message.contains("src/large"), "{problems:?}");
    assert!(!rig.path("out/disk.img").exists());
    assert_eq!(leftovers(&rig), [""; 0]);
    rig.run(&plan).ok();
    assert!(rig.image() == rig.right(&plan));
}

#[test]
fn names_that_leave_the_output_directory_are_refused() {
    let rig = Rig::new();
    rig.fill();
    let mut plan = disk(Keep::default(), vec![]);
    for name in ["../x", "a/b", "", "/etc/x", "."] {
        let last = plan.steps.len() - 1;
        let Op::Export(export) = &mut plan.steps[last].op else { panic!("an export") };
        export.file = name.into();
        assert_eq!(rig.run(&plan).problems()[0].code, "bad-output-name", "{name}");
    }
}

#[test]
fn artifacts_wait_for_a_word_before_they_are_published() {
    let rig = Rig::new();
    rig.fill();
    let plan = disk(Keep::default(), vec![]);
    let goal = Goal::Steps(plan.exports().collect());
    let run = |approve: bool| {
        let seen = Mutex::new(Vec::new());
        let gate = |candidates: &[Candidate]| {
            let read = candidates.iter().map(|candidate| fs::read(&candidate.path).expect("readable"));
            seen.lock().expect("a lock").extend(candidates.iter().cloned().zip(read));
            vec![approve; candidates.len()]
        };
        let engine = Engine::open(rig.config()).expect("an engine");
        let report =
            engine.run_gated(&plan, &goal, &|_| (), &AtomicBool::new(false), Some(&gate)).expect("a report");
        (report, seen.into_inner().expect("a lock"))
    };
    let (report, seen) = run(false);
    assert!(report.artifacts.is_empty() && !rig.path("out/disk.img").exists());
    assert_eq!(leftovers(&rig), [""; 0], "what is not published is gone");
    assert_eq!((seen.len(), seen[0].0.file.as_str(), seen[0].0.published), (1, "disk.img", false));
    let (report, seen) = run(true);
    assert!(report.artifacts[0].written && !seen[0].0.published);
    assert!(rig.image() == seen[0].1 && rig.image() == rig.right(&plan));
    assert_eq!(report.artifacts[0].sha256, seen[0].0.sha256);
    // What is there already is asked about at its place, and stays whatever is said.
    let (report, seen) = run(false);
    assert!(!report.artifacts[0].written && seen[0].0.published);
    assert_eq!(seen[0].0.path, rig.path("out/disk.img"));
    assert!(rig.path("out/disk.img").exists());
}
