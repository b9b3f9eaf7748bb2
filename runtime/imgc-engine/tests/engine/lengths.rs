//! Bytes that decide their length: it is a fact of theirs, and they may be shorter than their partition, but not longer.
//!
//! A cpio archive stands for a filesystem that decides its length: to the engine both are Bytes.

use std::fs;

use imgc_engine::Outcome;
use imgc_plan::{
    Family, Input, Op, Plan,
    layout::{DiskSpec, PartRole, PartSize, PartSpec, Slack, TableRules},
    step::{Archive, Assemble, Compose, Export, Keep, Place, Write},
};

use crate::rig::{Rig, copy_all, options, scan, with};

fn part(name: &str, number: u32, size: PartSize) -> PartSpec {
    PartSpec {
        name: name.into(),
        number,
        role: PartRole::Primary,
        start: None,
        align: 1 << 20,
        size,
        type_code: "83".into(),
        table_name: String::new(),
        uuid: None,
        bootable: false,
        attributes: 0,
        system_area: 0,
    }
}

fn archive(plan: &mut Plan, from: &str) -> usize {
    let source = plan.push(format!("scan {from}"), Op::Scan(scan(from, Keep::default())), Vec::new());
    let compose = Op::Compose(Compose { ops: vec![copy_all(0, "/")], epoch: 0 });
    let tree = plan.push(format!("compose {from}"), compose, vec![Input::of(source)]);
    let cpio = Archive { kind: "cpio".into(), options: options(Family::Archive, "cpio") };
    plan.push(format!("archive {from}"), Op::Archive(cpio), vec![Input::of(tree)])
}

/// Two archives in partitions of these sizes; the length of those that are fitted is a fact of the archive.
fn plan(sizes: [PartSize; 2]) -> Plan {
    let mut plan = Plan { image: "test".into(), epoch: 0, ..Plan::default() };
    let steps = ["src/a", "src/b"].map(|from| archive(&mut plan, from));
    let fitted = steps.iter().zip(&sizes).filter(|(_, size)| matches!(size, PartSize::Fit { .. }));
    let lens = fitted.map(|(step, _)| Input::fact(*step, "len")).collect();
    let [a, b] = sizes;
    let rules = TableRules {
        head: 1,
        tail: 0,
        slots: 4,
        logical: true,
        max_sector: u64::from(u32::MAX),
        shares_head: false,
    };
    let parts = vec![part("a", 1, a), part("b", 2, b)];
    let disk = DiskSpec { len: Some(16 << 20), sector_size: 512, rules, parts };
    let layout = plan.push("place", Op::Place(Place { disk }), lens);
    let mbr = options(Family::Table, "mbr");
    let assemble =
        Assemble { kind: "mbr".into(), options: mbr, parts: vec!["a".into(), "b".into()], guids: Vec::new() };
    let inputs = [layout, steps[0], steps[1]].map(Input::of).to_vec();
    let whole = plan.push("assemble", Op::Assemble(assemble), inputs);
    let raw = options(Family::DiskFormat, "raw");
    let export = Export { kind: "raw".into(), options: raw, file: "disk.img".into() };
    plan.push("export", Op::Export(export), vec![Input::of(whole)]);
    plan
}

fn fit(slack: u64) -> PartSize {
    PartSize::Fit { slack: Slack { bytes: slack, percent: 0 }, min: 0, max: None }
}

/// Start and length in bytes of a partition in an MBR.
fn entry(image: &[u8], index: usize) -> (usize, usize) {
    let number = |at: usize| u32::from_le_bytes(image[at..at + 4].try_into().expect("four bytes")) as usize;
    let at = 446 + 16 * index;
    (number(at + 8) * 512, number(at + 12) * 512)
}

#[test]
fn what_decides_its_length_is_placed_by_it() {
    let rig = Rig::new();
    rig.file("a/one", "first");
    rig.file("b/two", vec![b'x'; 5000]);
    let plan = plan([fit(0), PartSize::Exact(1 << 20)]);
    let first = rig.run(&plan).ok();
    assert!(first.warnings.is_empty());
    let image = rig.image();
    let (start, len) = entry(&image, 0);
    assert_eq!((start, len), (1 << 20, 512), "an archive of one small file has one block");
    assert!(image[start..].starts_with(b"070701"));
    let (start, len) = entry(&image, 1);
    assert_eq!((start, len), (2 << 20, 1 << 20));
    assert!(
        image[start..].starts_with(b"070701") && image[start + 10_000..start + len].iter().all(|b| *b == 0)
    );
    let second = rig.run(&plan).ok();
    assert_eq!(with(&plan, &second, &Outcome::Ran), [""; 0]);
}

#[test]
fn other_bytes_of_the_same_length_are_not_placed_again() {
    let rig = Rig::new();
    rig.file("a/one", "first");
    rig.file("b/two", "second");
    let plan = plan([fit(0), fit(4096)]);
    rig.run(&plan).ok();
    rig.file("a/one", "tsrif");
    let other = rig.run(&plan).ok();
    let ran = with(&plan, &other, &Outcome::Ran);
    assert_eq!(ran, ["scan src/a", "compose src/a", "archive src/a", "assemble", "export"]);
    assert_eq!(rig.image(), rig.right(&plan));
    rig.file("a/one", vec![b'x'; 600]);
    let longer = rig.run(&plan).ok();
    let why = longer.steps.iter().find(|step| plan.steps[step.step].label == "place").expect("a step");
    assert_eq!((&why.outcome, why.why.as_slice()), (&Outcome::Ran, ["archive src/a".to_owned()].as_slice()));
    assert_eq!(rig.image(), rig.right(&plan));
}

#[test]
fn a_value_that_the_store_lost_is_made_again_for_its_length() {
    let rig = Rig::new();
    rig.file("a/one", "first");
    rig.file("b/two", "second");
    let plan = plan([fit(0), fit(0)]);
    rig.run(&plan).ok();
    for room in ["values", "blobs"] {
        let _ = fs::remove_dir_all(rig.path("cache/v1").join(room));
        fs::remove_file(rig.path("out/disk.img")).expect("removed");
        rig.run(&plan).ok();
        assert_eq!(rig.image(), rig.right(&plan), "without {room}");
    }
}

#[test]
fn what_is_longer_than_its_partition_is_the_manifests_mistake() {
    let rig = Rig::new();
    rig.file("a/one", vec![b'x'; 2 << 20]);
    rig.file("b/two", vec![b'x'; 3 << 20]);
    let plan = plan([PartSize::Exact(1 << 20), PartSize::Exact(1 << 20)]);
    let problems = rig.run(&plan).problems();
    let said: Vec<_> = problems.iter().map(|problem| (problem.code, problem.part.as_deref())).collect();
    assert_eq!(said, [("tree-too-large", Some("a")), ("tree-too-large", Some("b"))], "{problems:?}");
    let help = problems[1].help.as_deref().expect("help");
    assert!(help.contains("\"4MiB\"") && help.contains("size=fit"), "{help}");
    assert!(!rig.path("out/disk.img").exists());
}

#[test]
fn a_filesystem_alone_is_as_long_as_a_layout_without_a_table_says() {
    let rig = Rig::new();
    rig.file("one", "first");
    let mut plan = Plan { image: "test".into(), epoch: 0, ..Plan::default() };
    let source = plan.push("scan", Op::Scan(scan("src", Keep::default())), Vec::new());
    let whole = PartSpec { align: 512, ..part("whole", 1, PartSize::Exact(3 << 20)) };
    let disk = DiskSpec { len: None, sector_size: 512, rules: TableRules::BARE, parts: vec![whole] };
    let layout = plan.push("place", Op::Place(Place { disk }), Vec::new());
    let write = Write { kind: "ext4".into(), options: options(Family::Filesystem, "ext4") };
    let inputs = vec![Input::fact(layout, "parts.whole.len"), Input::of(source)];
    let step = plan.push("write", Op::Write(write), inputs);
    let raw = options(Family::DiskFormat, "raw");
    let export = Export { kind: "raw".into(), options: raw, file: "disk.img".into() };
    plan.push("export", Op::Export(export), vec![Input::of(step)]);
    rig.run(&plan).ok();
    let image = rig.image();
    assert_eq!(image.len(), 3 << 20);
    assert_eq!(&image[1024 + 56..1024 + 58], &0xef53u16.to_le_bytes(), "a superblock at its place");
}
