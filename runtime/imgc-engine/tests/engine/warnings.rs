//! Warnings: told in every run, and errors where they are denied.

use imgc_engine::{Config, Goal};
use imgc_plan::{
    Family, Input, Op, Plan,
    step::{Archive, Compose, Export},
    tree::{Attributes, TreeOp},
};

use crate::rig::{Ran, Rig, options, path, text};

/// An archive that cannot hold what its tree has.
fn plan() -> Plan {
    let mut plan = Plan { image: "test".into(), epoch: 0, ..Plan::default() };
    let xattrs = vec![("user.colour".to_owned(), b"red".to_vec())];
    let dir = TreeOp::Dir { path: path("/dir"), attributes: Attributes { xattrs, ..Attributes::default() } };
    let compose = Op::Compose(Compose { ops: vec![dir, text("/dir/file", "x")], epoch: 0 });
    let tree = plan.push("compose", compose, Vec::new());
    let cpio = Archive { kind: "cpio".into(), options: options(Family::Archive, "cpio") };
    let bytes = plan.push("archive", Op::Archive(cpio), vec![Input::of(tree)]);
    let raw = options(Family::DiskFormat, "raw");
    let export = Export { kind: "raw".into(), options: raw, file: "disk.img".into() };
    plan.push("export", Op::Export(export), vec![Input::of(bytes)]);
    plan
}

fn run(rig: &Rig, plan: &Plan, deny_warnings: bool) -> Ran {
    let config = Config { deny_warnings, ..rig.config() };
    rig.run_as(config, plan, &Goal::Steps(plan.exports().collect()), &|_| ())
}

#[test]
fn a_warning_is_told_whether_its_step_ran_or_not() {
    let (rig, plan) = (Rig::new(), plan());
    for _ in 0..2 {
        let report = run(&rig, &plan, false).ok();
        let told: Vec<_> = report.warnings.iter().map(|(step, problem)| (*step, problem.warning)).collect();
        assert_eq!(told, [(1, true)]);
    }
}

#[test]
fn nothing_is_exported_of_what_warned_where_warnings_are_denied() {
    let (rig, plan) = (Rig::new(), plan());
    for _ in 0..2 {
        let failed = run(&rig, &plan, true);
        let warnings = failed.report.as_ref().expect_err("it fails").warnings.len();
        let problems = failed.problems();
        assert_eq!((warnings, problems.len()), (0, 1), "said once, as an error");
        assert!(!problems[0].warning && problems[0].message.contains("/dir"), "{problems:?}");
        assert!(!rig.path("out/disk.img").exists());
    }
    run(&rig, &plan, false).ok();
    assert!(rig.path("out/disk.img").exists());
    run(&rig, &plan, true).problems();
}
