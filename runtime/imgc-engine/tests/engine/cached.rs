//! Nothing is done twice, and what changed is found.

use std::{fs, time::Duration};

use imgc_engine::{Event, Outcome};
use imgc_plan::{
    Input, Op, Plan,
    step::{Compose, Keep},
};

use crate::rig::{Rig, cat, copy, disk, scan, text, with};

#[test]
fn a_second_run_runs_nothing() {
    let rig = Rig::new();
    rig.fill();
    let plan = disk(Keep::default(), vec![text("/added", "x")]);
    let first = rig.run(&plan).ok();
    assert_eq!(with(&plan, &first, &Outcome::Ran).len(), plan.steps.len());
    assert!(first.steps.iter().all(|step| step.why == ["first run"]), "{first:?}");
    assert!(first.artifacts[0].written);
    let second = rig.run(&plan).ok();
    assert_eq!(with(&plan, &second, &Outcome::Ran), [""; 0]);
    assert_eq!(with(&plan, &second, &Outcome::Unchanged), ["scan src", "export"]);
    assert!(!second.artifacts[0].written);
    assert_eq!(first.artifacts[0].sha256, second.artifacts[0].sha256);
    assert_eq!(rig.image(), rig.right(&plan));
    assert_eq!(cat(&rig.path("out/disk.img"), "/large"), fs::read(rig.src().join("large")).expect("there"));
    assert_eq!(cat(&rig.path("out/disk.img"), "/holes"), fs::read(rig.src().join("holes")).expect("there"));
    assert_eq!(
        cat(&rig.path("out/disk.img"), "/d3/small7"),
        fs::read(rig.src().join("d3/small7")).expect("there")
    );
}

#[test]
fn files_that_are_old_enough_are_not_read_again() {
    let rig = Rig::new();
    rig.fill();
    let plan = disk(Keep::default(), Vec::new());
    // Stamps that are younger than 2 s are not trusted, and nobody can make a ctime older.
    std::thread::sleep(Duration::from_secs(4));
    rig.run(&plan).ok();
    let second = rig.run(&plan);
    let started = second.events.iter().any(|event| matches!(event, Event::Start { .. }));
    assert!(!started, "{:?}", second.events);
    // The key alone knew the value; when something has to run, contents are found all the same.
    fs::remove_file(rig.path("out/disk.img")).expect("removed");
    let third = rig.run(&plan).ok();
    assert_eq!(with(&plan, &third, &Outcome::Ran), ["export"]);
    assert_eq!(rig.image(), rig.right(&plan));
}

#[test]
fn touched_files_and_a_moved_base_run_no_step() {
    let rig = Rig::new();
    rig.fill();
    let plan = disk(Keep::default(), Vec::new());
    rig.run(&plan).ok();
    let large = fs::File::options().append(true).open(rig.src().join("large")).expect("there");
    large
        .set_modified(fs::metadata(rig.dir.path()).expect("there").modified().expect("a time"))
        .expect("touched");
    let touched = rig.run(&plan).ok();
    assert_eq!(with(&plan, &touched, &Outcome::Ran), [""; 0]);
    let elsewhere = rig.path("elsewhere");
    fs::create_dir(&elsewhere).expect("made");
    fs::rename(rig.src(), elsewhere.join("src")).expect("moved");
    let config = imgc_engine::Config { base: elsewhere, ..rig.config() };
    let goal = imgc_engine::Goal::Steps(plan.exports().collect());
    let moved = rig.run_as(config, &plan, &goal, &|_| ()).ok();
    // What is remembered of an image does not depend on its place.
    assert_eq!(with(&plan, &moved, &Outcome::Ran), [""; 0]);
    assert_eq!(with(&plan, &moved, &Outcome::Unchanged), ["scan src", "export"]);
}

#[test]
fn only_readers_of_what_changed_run() {
    let rig = Rig::new();
    rig.file("a/one", "1");
    rig.file("b/two", "2");
    let mut plan = Plan { image: "test".into(), ..Plan::default() };
    let a = plan.push("scan a", Op::Scan(scan("src/a", Keep::default())), vec![]);
    let b = plan.push("scan b", Op::Scan(scan("src/b", Keep::default())), vec![]);
    let compose = |ops| Op::Compose(Compose { ops, epoch: 0 });
    let ta = plan.push("tree a", compose(vec![copy(0, "one", "/one", false)]), vec![Input::of(a)]);
    let tb = plan.push("tree b", compose(vec![copy(0, "two", "/two", false)]), vec![Input::of(b)]);
    let both = vec![copy(0, "", "/a", false), copy(1, "", "/b", false)];
    plan.push("both", compose(both), vec![Input::of(ta), Input::of(tb)]);
    rig.run(&plan).ok();
    rig.file("b/two", "changed");
    let report = rig.run(&plan).ok();
    assert_eq!(with(&plan, &report, &Outcome::Ran), ["scan b", "tree b", "both"]);
    let why: Vec<&[String]> = report.steps.iter().map(|step| step.why.as_slice()).collect();
    assert_eq!(why[1], ["files"]);
    assert_eq!(why[3], ["scan b"]);
    assert_eq!(why[4], ["tree b"]);
    // A file that the tree does not take ends the news at the tree: its value is the same.
    rig.file("b/other", "new");
    let report = rig.run(&plan).ok();
    assert_eq!(with(&plan, &report, &Outcome::Ran), ["scan b", "tree b"]);
}

#[test]
fn other_facts_of_a_record_run_nobody() {
    let rig = Rig::new();
    rig.fill();
    rig.run(&disk(Keep::default(), vec![text("/added", "x")])).ok();
    // Another content of the same length: the same measure, so the same place; only what holds it is made again.
    let plan = disk(Keep::default(), vec![text("/added", "y")]);
    let report = rig.run(&plan).ok();
    assert_eq!(with(&plan, &report, &Outcome::Cached), ["place"]);
    let composed = report.steps.iter().find(|step| plan.steps[step.step].label == "compose").expect("there");
    assert_eq!(composed.why, ["definition"]);
    let placed = report.steps.iter().find(|step| plan.steps[step.step].label == "place").expect("there");
    assert!(placed.facts.as_ref().is_some_and(|facts| facts.pick("parts.root.len").is_some()));
}

#[test]
fn a_thousand_small_files_are_packed_and_packs_gathered() {
    let rig = Rig::new();
    for at in 0..1000u32 {
        rig.file(&format!("d{}/f{at}", at % 10), at.to_le_bytes().repeat(50));
    }
    let plan = disk(Keep::default(), vec![]);
    rig.run(&plan).ok();
    let blobs = || imgc_engine::cache::usage(&rig.path("cache")).expect("read").blobs;
    assert!(blobs() < 20, "{}", blobs());
    for round in 0..12u32 {
        rig.file("d1/f1", format!("round {round}"));
        let report = rig.run(&plan).ok();
        assert!(with(&plan, &report, &Outcome::Ran).contains(&"scan src".to_owned()));
        assert_eq!(cat(&rig.path("out/disk.img"), "/d1/f1"), format!("round {round}").as_bytes());
    }
    assert_eq!(rig.image(), rig.right(&plan));
}
