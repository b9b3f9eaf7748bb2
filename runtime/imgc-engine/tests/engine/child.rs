//! Builds in other processes: killed at any moment, side by side, on a full disk.

use std::{
    fs,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use imgc_engine::cache;
use imgc_plan::{Plan, step::Keep};

use crate::rig::{Rig, disk, numbers, text};

/// The variable that makes the test program a build: the directory of a rig.
const RIG: &str = "IMGC_TEST_RIG";

fn plan() -> Plan {
    let big: String = numbers(400_000).iter().map(|byte| char::from(b'a' + byte % 26)).collect();
    disk(Keep::default(), vec![text("/added", &big)])
}

/// Is a build when it is called by the tests below; on its own it does nothing.
#[test]
fn build_for_others() {
    let Some(dir) = std::env::var_os(RIG) else { return };
    let rig = Rig::new();
    let config = imgc_engine::Config {
        store: std::path::Path::new(&dir).join("cache"),
        base: dir.clone().into(),
        out: std::path::Path::new(&dir).join("out"),
        ..rig.config()
    };
    let plan = plan();
    let goal = imgc_engine::Goal::Steps(plan.exports().collect());
    match rig.run_as(config, &plan, &goal, &|_| ()).report {
        Ok(report) => println!("BUILT {}", report.artifacts[0].sha256),
        Err(error) => println!("FAILED {:?} {}", error, error.failures[0].failure),
    }
}

fn child(rig: &Rig) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", "child::build_for_others", "--nocapture"]).env(RIG, rig.dir.path());
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

#[test]
fn killed_builds_leave_a_store_that_is_right() {
    let rig = Rig::new();
    rig.fill();
    rig.file("larger", numbers(8_000_000));
    let plan = plan();
    let mut delay = 1;
    for round in 0..20u64 {
        let mut running = child(&rig).spawn().expect("started");
        thread::sleep(Duration::from_millis(delay));
        running.kill().expect("killed");
        running.wait().expect("gone");
        // Every few rounds start over, so that kills hit cold and warm builds.
        if round % 5 == 4 {
            let _ = fs::remove_dir_all(rig.path("cache/v1/values"));
            let _ = fs::remove_dir_all(rig.path("cache/v1/actions"));
            let _ = fs::remove_dir_all(rig.path("cache/v1/blobs"));
        }
        delay = (delay * 7 + round) % 150 + 5;
    }
    let output = child(&rig).output().expect("ran");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("BUILT"), "{said}");
    assert!(rig.image() == rig.right(&plan));
    assert_eq!(cache::check(&rig.path("cache")).expect("read").damage, [""; 0]);
    let names: Vec<_> =
        fs::read_dir(rig.path("out")).expect("there").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(names, ["disk.img"]);
    let tmp: Vec<_> = fs::read_dir(rig.path("cache/v1/tmp")).expect("there").flatten().collect();
    drop(imgc_engine::Engine::open(rig.config()).expect("an engine"));
    assert!(tmp.len() <= 1, "{tmp:?}");
}

#[test]
fn two_builds_at_once_are_both_right() {
    let rig = Rig::new();
    rig.fill();
    let plan = plan();
    for _ in 0..3 {
        let running: Vec<_> = (0..3).map(|_| child(&rig).spawn().expect("started")).collect();
        for one in running {
            let output = one.wait_with_output().expect("ran");
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(said.contains("BUILT"), "{said}");
        }
        assert!(rig.image() == rig.right(&plan));
        fs::remove_dir_all(rig.path("cache")).expect("removed");
        fs::remove_file(rig.path("out/disk.img")).expect("removed");
    }
}

#[test]
fn a_full_disk_is_the_machines_failure_and_leaves_nothing() {
    let rig = Rig::new();
    rig.fill();
    // No file may grow over 100 KiB: what is written fails as on a full disk, at the first larger file.
    let exe = std::env::current_exe().expect("this program");
    let script = format!(
        "trap '' XFSZ; ulimit -f 100; exec '{}' --exact child::build_for_others --nocapture",
        exe.display()
    );
    let output = Command::new("bash")
        .args(["-c", &script])
        .env(RIG, rig.dir.path())
        .output()
        .expect("bash is missing");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("FAILED") && said.contains("Machine"), "{said}");
    assert!(said.contains("cache at") && !said.contains("panicked"), "{said}");
    assert!(!rig.path("out/disk.img").exists());
    let names = fs::read_dir(rig.path("out")).into_iter().flatten().count();
    assert_eq!(names, 0);
    rig.run(&plan()).ok();
    assert!(rig.image() == rig.right(&plan()));
}
