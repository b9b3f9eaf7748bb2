//! Pruning: the longest unused goes, what a live build uses stays.

use std::{fs, sync::atomic::AtomicBool};

use imgc_engine::{Engine, Goal, Outcome, cache};
use imgc_plan::step::Keep;

use crate::rig::{Rig, disk, text, with};

#[test]
fn nothing_that_a_live_build_uses_is_pruned() {
    let rig = Rig::new();
    rig.fill();
    let plan = disk(Keep::default(), vec![text("/big", &"0123456789".repeat(5000))]);
    let engine = Engine::open(rig.config()).expect("an engine");
    let goal = Goal::Steps(plan.exports().collect());
    let stop = AtomicBool::new(false);
    engine.run(&plan, &goal, &|_| (), &stop).expect("built");
    let before = cache::usage(&rig.path("cache")).expect("read");
    let pruned = cache::prune(&rig.path("cache"), 0).expect("pruned");
    let after = cache::usage(&rig.path("cache")).expect("read");
    assert_eq!(
        (before.blobs, before.values, before.actions),
        (after.blobs, after.values, after.actions),
        "{pruned:?}"
    );
    drop(engine);
    // Nobody lives: everything may go, and the next build is right all the same.
    let pruned = cache::prune(&rig.path("cache"), 0).expect("pruned");
    assert!(pruned.left < 2000, "only the artifact's record is left: {pruned:?}");
    let usage = cache::usage(&rig.path("cache")).expect("read");
    assert_eq!((usage.blobs, usage.values, usage.actions), (0, 0, 0));
    rig.run(&disk(Keep::default(), vec![])).ok();
    fs::remove_file(rig.path("out/disk.img")).expect("removed");
    rig.run(&plan).ok();
    assert!(rig.image() == rig.right(&plan));
}

#[test]
fn the_lease_of_an_older_build_spares_what_it_used() {
    let rig = Rig::new();
    rig.fill();
    let plan = disk(Keep::default(), vec![]);
    rig.run(&plan).ok();
    // Everything in the store is older than the lease of this engine, which only names keys.
    std::thread::sleep(std::time::Duration::from_millis(50));
    let engine = Engine::open(rig.config()).expect("an engine");
    let goal = Goal::Steps(plan.exports().collect());
    engine.run(&plan, &goal, &|_| (), &AtomicBool::new(false)).expect("built");
    cache::prune(&rig.path("cache"), 0).expect("pruned");
    let report = engine.run(&plan, &goal, &|_| (), &AtomicBool::new(false)).expect("built");
    // What the steps read last is forgotten, so a scan that had to look closer cannot say that nothing changed.
    assert_eq!(
        with(&plan, &report, &Outcome::Cached),
        ["compose", "measure", "place", "write root", "assemble"]
    );
}

#[test]
fn the_longest_unused_goes_first() {
    let rig = Rig::new();
    rig.fill();
    let old = disk(Keep::default(), vec![text("/old", &"old".repeat(20_000))]);
    let new = disk(Keep::default(), vec![text("/new", &"new".repeat(20_000))]);
    rig.run(&old).ok();
    let ages = |path: &std::path::Path| {
        let file = fs::File::options().append(true).open(path).expect("there");
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000))
            .expect("aged");
    };
    for room in ["actions", "scans", "exports", "last", "blobs", "values"] {
        for dir in fs::read_dir(rig.path("cache/v1").join(room)).expect("there").flatten() {
            fs::read_dir(dir.path()).expect("there").flatten().for_each(|entry| ages(&entry.path()));
        }
    }
    rig.run(&new).ok();
    let total = cache::usage(&rig.path("cache")).expect("read").total();
    let pruned = cache::prune(&rig.path("cache"), total - 1000).expect("pruned");
    assert!(pruned.freed > 0 && pruned.left < total, "{pruned:?}");
    let report = rig.run(&new).ok();
    assert_eq!(with(&new, &report, &Outcome::Ran), [""; 0], "what was used last is still there");
}
