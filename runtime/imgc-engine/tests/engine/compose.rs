//! Mistakes of a composition, through the engine: all at once, each at its operation.

use imgc_plan::{
    Input, Op, Plan,
    step::{Compose, Keep},
};

use crate::rig::{Rig, copy, scan, text};

#[test]
fn every_mistake_is_told_at_its_operation() {
    let rig = Rig::new();
    rig.file("boot/vmlinuz-6.1", "k");
    rig.file("boot/vmlinuz-6.2", "k");
    let ops = vec![
        copy(0, "boot/vmlinuz-*", "/boot/vmlinuz", false),
        copy(0, "boot/vmlinux-6.1", "/boot/k", false),
        text("/etc/motd", "x"),
        text("/etc/motd", "y"),
        text("/etc/motd/below", "z"),
        copy(0, "boot/vmlinuz-*", "/boot", true),
    ];
    let mut plan = Plan { image: "test".into(), ..Plan::default() };
    let source = plan.push("scan", Op::Scan(scan("src", Keep::default())), vec![]);
    plan.push("compose", Op::Compose(Compose { ops, epoch: 0 }), vec![Input::of(source)]);
    let problems = rig.run(&plan).problems();
    let seen: Vec<(Option<usize>, &str)> =
        problems.iter().map(|problem| (problem.op, problem.code)).collect();
    assert_eq!(
        seen,
        [
            (Some(0), "several-matches"),
            (Some(1), "path-missing"),
            (Some(3), "path-exists"),
            (Some(4), "not-a-directory"),
        ]
    );
    assert!(
        problems[0].message.contains("matches 2 entries: /boot/vmlinuz-6.1, /boot/vmlinuz-6.2"),
        "{problems:?}"
    );
    assert_eq!(problems[1].help.as_deref(), Some("did you mean `/boot/vmlinuz-6.1`?"));
    assert!(problems[2].help.as_deref().is_some_and(|help| help.contains("replace=#true")));
}
