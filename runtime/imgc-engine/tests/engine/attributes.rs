//! Attributes of local files: normal unless they are kept.

use std::{fs, os::unix::fs::MetadataExt, process::Command};

use imgc_engine::{Event, Goal};
use imgc_plan::{
    Input, Op, Plan,
    step::{Compose, Keep, Scan, ScanWhat},
};

use crate::rig::{Rig, copy_all, debugfs, disk, image, scan};

fn say(image: &std::path::Path, command: &str) -> String {
    String::from_utf8_lossy(&debugfs(image, command)).into_owned()
}

#[test]
fn everything_comes_through_when_it_is_kept() {
    let rig = Rig::new();
    rig.file("file", "x");
    rig.file("dir/sparse", vec![0; 1 << 20]);
    fs::hard_link(rig.src().join("file"), rig.src().join("dir/link")).expect("linked");
    std::os::unix::fs::symlink("no/where", rig.src().join("symlink")).expect("linked");
    let run = |program: &str, package: &str, args: &[&str]| {
        let status = Command::new(program).args(args).current_dir(rig.src()).status();
        let status = status.unwrap_or_else(|_| panic!("{program} is missing: install the package {package}"));
        assert!(status.success(), "{program}");
    };
    run("mkfifo", "coreutils", &["fifo"]);
    run("setfattr", "attr", &["-n", "user.note", "-v", "hello", "file"]);
    run("touch", "coreutils", &["-d", "@1234567890.5", "dir"]);
    fs::set_permissions(rig.src().join("file"), std::os::unix::fs::PermissionsExt::from_mode(0o4751))
        .expect("set");
    let plan = disk(Keep::ALL, vec![]);
    rig.run(&plan).ok();
    let out = rig.path("out/disk.img");
    let stat = say(&out, "stat /file");
    let owner = fs::metadata(rig.src().join("file")).expect("there").uid();
    assert!(stat.contains("Mode:  04751") && stat.contains("Links: 2"), "{stat}");
    assert!(
        stat.contains(&format!("User: {owner:>5}")) || stat.contains(&format!("User:     {owner}")),
        "{stat}"
    );
    assert!(say(&out, "ea_get /file user.note").contains("hello"));
    assert!(say(&out, "stat /fifo").contains("Type: FIFO"));
    assert!(say(&out, "stat /symlink").contains("no/where"));
    assert!(say(&out, "stat /dir/sparse").contains("Blockcount: 0"));
    assert!(say(&out, "stat /dir").contains("0x499602d2"), "{}", say(&out, "stat /dir"));
}

#[test]
fn everything_is_normal_when_nothing_is_kept() {
    let rig = Rig::new();
    rig.file("tool", "x");
    rig.file("data", "y");
    fs::hard_link(rig.src().join("data"), rig.src().join("link")).expect("linked");
    let mode = |name: &str, mode| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        fs::set_permissions(rig.src().join(name), mode).expect("set");
    };
    mode("tool", 0o700);
    mode("data", 0o600);
    rig.run(&disk(Keep::default(), vec![])).ok();
    let out = rig.path("out/disk.img");
    assert!(say(&out, "stat /tool").contains("Mode:  0755"));
    let stat = say(&out, "stat /data");
    assert!(
        stat.contains("Mode:  0644") && stat.contains("Links: 1") && stat.contains("0x000f4240"),
        "{stat}"
    );
}

#[test]
fn patterns_choose_what_is_read() {
    let rig = Rig::new();
    for name in ["boot/vmlinuz-6", "boot/config-6", "lib/m/a.ko", "lib/m/b.txt", "secret/x"] {
        rig.file(name, name);
    }
    fs::write(rig.src().join(std::ffi::OsStr::new("caf\u{e9}")), "x").expect("written");
    let found = |include: &[&str], exclude: &[&str]| {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let scan = Scan { include: owned(include), exclude: owned(exclude), ..scan("src", Keep::default()) };
        let mut plan = Plan { image: "test".into(), ..Plan::default() };
        let source = plan.push("scan", Op::Scan(scan), vec![]);
        let compose = Compose { ops: vec![copy_all(0, "/")], epoch: 0 };
        let tree = plan.push("compose", Op::Compose(compose), vec![Input::of(source)]);
        image(&mut plan, tree);
        rig.run(&plan).ok();
        let names =
            say(&rig.path("out/disk.img"), "ls -p /boot") + &say(&rig.path("out/disk.img"), "ls -p /lib/m");
        ["vmlinuz-6", "config-6", "a.ko", "b.txt"]
            .iter()
            .filter(|name| names.contains(**name))
            .copied()
            .collect::<Vec<_>>()
    };
    assert_eq!(found(&[], &[]), ["vmlinuz-6", "config-6", "a.ko", "b.txt"]);
    assert_eq!(found(&["boot/vmlinuz-*"], &[]), ["vmlinuz-6"]);
    assert_eq!(found(&["boot", "**/*.ko"], &["**/config-*"]), ["vmlinuz-6", "a.ko"]);
    assert_eq!(found(&["lib/m/b.txt", "not/there"], &[]), ["b.txt"]);
}

#[test]
fn single_files_and_what_is_wrong_with_sources() {
    let rig = Rig::new();
    rig.file("one", "1");
    let run = |path: &str, what: ScanWhat| {
        let mut plan = Plan { image: "test".into(), ..Plan::default() };
        plan.push("scan", Op::Scan(Scan { what, ..scan(path, Keep::default()) }), vec![]);
        rig.run_as(rig.config(), &plan, &Goal::Gather, &|_: &Event| ())
    };
    run("src/one", ScanWhat::File).ok();
    assert_eq!(run("src/two", ScanWhat::File).problems()[0].code, "source-missing");
    assert_eq!(run("src", ScanWhat::File).problems()[0].code, "source-not-a-file");
    assert_eq!(run("src/one", ScanWhat::Dir).problems()[0].code, "source-not-a-directory");
    // A loop of links is seen, not followed.
    std::os::unix::fs::symlink(".", rig.src().join("loop")).expect("linked");
    run("src", ScanWhat::Dir).ok();
}
