//! Directories as artifacts: what they hold, how they are known again, and what is not replaced.

use std::{fs, os::unix::fs::MetadataExt, os::unix::fs::PermissionsExt, path::Path, process::Command};

use imgc_image::Problem;
use imgc_plan::{
    Input, Op, Plan,
    step::{Compose, ExportTree, Keep, Scan, ScanWhat},
    tree::{Attributes, BytePath, Special, TreeOp},
};

use crate::rig::{Rig, text};

const EPOCH: i64 = 1_600_000_000;

/// A plan that makes the directory `out/net` of these operations over the source.
fn plan(more: Vec<TreeOp>) -> Plan {
    let mut plan = Plan { image: "t".into(), epoch: EPOCH, ..Plan::default() };
    let scan = Scan {
        path: "src".into(),
        what: ScanWhat::Dir,
        include: Vec::new(),
        exclude: Vec::new(),
        keep: Keep::default(),
        epoch: EPOCH,
    };
    let scan = plan.push("scan src", Op::Scan(scan), Vec::new());
    let mut ops = vec![TreeOp::Overlay { input: 0 }];
    ops.extend(more);
    let compose = Compose { ops, epoch: EPOCH };
    let tree = plan.push("compose", Op::Compose(compose), vec![Input::of(scan)]);
    plan.push("export", Op::ExportTree(ExportTree { name: "net".into() }), vec![Input::of(tree)]);
    plan
}

fn path(text: &str) -> BytePath {
    BytePath(text.as_bytes().to_vec())
}

fn symlink(at: &str, target: &str) -> TreeOp {
    TreeOp::Symlink {
        path: path(at),
        target: target.as_bytes().to_vec(),
        attributes: Attributes::default(),
        replace: false,
    }
}

fn executable(at: &str, mode: u16) -> TreeOp {
    TreeOp::Set { paths: at.into(), attributes: Attributes { mode: Some(mode), ..Attributes::default() } }
}

/// What is beside the directory.
fn leftovers(rig: &Rig) -> Vec<String> {
    let names = fs::read_dir(rig.path("out")).into_iter().flatten().flatten();
    names.map(|entry| entry.file_name().into_string().expect("a name")).filter(|name| name != "net").collect()
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("there").permissions().mode() & 0o7777
}

#[test]
fn a_directory_holds_the_tree() {
    let rig = Rig::new();
    rig.fill();
    let more = vec![
        text("/hello", "hello\n"),
        symlink("/link", "../../outside"),
        executable("d1/small1", 0o750),
        executable("empty", 0o600),
    ];
    let report = rig.run(&plan(more)).ok();
    let out = rig.path("out/net");
    for name in ["large", "holes", "empty", "d1/small1"] {
        assert!(fs::read(out.join(name)).expect("there") == fs::read(rig.src().join(name)).expect("there"));
    }
    assert_eq!(fs::read(out.join("hello")).expect("there"), b"hello\n");
    assert_eq!(fs::read_link(out.join("link")).expect("a link"), Path::new("../../outside"));
    let modes = ["", "d1", "d1/small1", "empty", "hello"].map(|name| mode(&out.join(name)));
    assert_eq!(modes, [0o755, 0o755, 0o755, 0o644, 0o644]);
    for name in ["", "d1", "large"] {
        assert_eq!(fs::metadata(out.join(name)).expect("there").mtime(), EPOCH, "{name}");
    }
    assert_eq!(leftovers(&rig), [""; 0]);
    let artifact = &report.artifacts[0];
    assert!(artifact.written && artifact.directory);
    // The listing as other tools make it.
    let script = r#"cd "$1" && find . -mindepth 1 -printf '%P\n' | LC_ALL=C sort | while read -r p; do
        if [ -L "$p" ]; then printf 'link\0%s\0%s\0' "$(readlink "$p")" "$p"
        elif [ -d "$p" ]; then printf 'dir\0%s\0' "$p"
        else printf 'file\0%04o\0%s\0%s\0' "0$(stat -c %a "$p")" "$(sha256sum < "$p" | cut -c1-64)" "$p"; fi
        done | sha256sum | cut -c1-64"#;
    let output = Command::new("sh").args(["-c", script, "sh"]).arg(&out).output().expect("a shell");
    let said = String::from_utf8(output.stdout).expect("text");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.trim(), artifact.sha256, "{errors}");
    let sizes =
        ["large", "holes", "empty", "hello"].map(|name| fs::metadata(out.join(name)).expect("there").len());
    assert!(artifact.len > sizes.iter().sum());
}

#[test]
fn the_second_build_does_nothing_and_what_changed_is_mended() {
    let rig = Rig::new();
    rig.fill();
    let plan = plan(vec![symlink("/link", "large")]);
    let first = rig.run(&plan).ok().artifacts[0].clone();
    let inode = |name: &str| fs::symlink_metadata(rig.path("out/net").join(name)).expect("there").ino();
    let before = (inode(""), inode("large"));
    let again = rig.run(&plan).ok().artifacts[0].clone();
    assert!(!again.written);
    assert_eq!((again.sha256, again.len), (first.sha256.clone(), first.len));
    assert_eq!((inode(""), inode("large")), before);
    // Touched, but the same: it is read, not made.
    fs::write(rig.path("out/net/large"), fs::read(rig.src().join("large")).expect("there")).expect("written");
    assert!(!rig.run(&plan).ok().artifacts[0].written);
    for spoil in [
        |out: &Path| fs::write(out.join("d1/small1"), "other").expect("written"),
        |out: &Path| fs::remove_file(out.join("d2/small2")).expect("removed"),
        |out: &Path| fs::set_permissions(out.join("empty"), fs::Permissions::from_mode(0o700)).expect("set"),
        |out: &Path| fs::remove_dir_all(out).expect("removed"),
    ] {
        spoil(&rig.path("out/net"));
        let mended = rig.run(&plan).ok().artifacts[0].clone();
        assert!(mended.written);
        assert_eq!(mended.sha256, first.sha256);
        assert!(!rig.run(&plan).ok().artifacts[0].written);
        assert_eq!(leftovers(&rig), [""; 0]);
    }
    // Another tree takes its place; what was there and is not any more is gone.
    rig.file("more", "more");
    fs::remove_file(rig.src().join("holes")).expect("removed");
    let other = rig.run(&plan).ok().artifacts[0].clone();
    assert!(other.written && other.sha256 != first.sha256);
    assert!(rig.path("out/net/more").exists() && !rig.path("out/net/holes").exists());
    assert_eq!(leftovers(&rig), [""; 0]);
}

fn refused(problems: &[Problem], part: &str) {
    assert_eq!(problems[0].code, "output-exists");
    assert!(problems[0].message.contains(part), "{problems:?}");
    assert!(problems[0].help.as_deref().is_some_and(|help| help.contains("--force")), "{problems:?}");
}

#[test]
fn what_others_put_there_stays_without_force() {
    let mut rig = Rig::new();
    rig.fill();
    let plan = plan(vec![]);
    // A directory of somebody else.
    fs::create_dir_all(rig.path("out/net")).expect("made");
    fs::write(rig.path("out/net/precious"), "precious").expect("written");
    refused(&rig.run(&plan).problems(), "did not make it");
    assert_eq!(fs::read(rig.path("out/net/precious")).expect("there"), b"precious");
    assert_eq!(leftovers(&rig), [""; 0]);
    rig.force = true;
    rig.run(&plan).ok();
    rig.force = false;
    assert!(!rig.path("out/net/precious").exists());
    // A file of somebody else in a directory of ours: it would go with it.
    fs::write(rig.path("out/net/d1/lease"), "precious").expect("written");
    refused(&rig.run(&plan).problems(), "/d1/lease");
    rig.file("more", "more");
    refused(&rig.run(&plan).problems(), "/d1/lease");
    assert_eq!(fs::read(rig.path("out/net/d1/lease")).expect("there"), b"precious");
    fs::remove_file(rig.path("out/net/d1/lease")).expect("removed");
    assert!(rig.run(&plan).ok().artifacts[0].written);
    // A link to somewhere else is not followed.
    fs::remove_dir_all(rig.path("out/net")).expect("removed");
    fs::create_dir(rig.path("elsewhere")).expect("made");
    fs::write(rig.path("elsewhere/precious"), "precious").expect("written");
    std::os::unix::fs::symlink(rig.path("elsewhere"), rig.path("out/net")).expect("made");
    refused(&rig.run(&plan).problems(), "did not make it");
    rig.force = true;
    rig.run(&plan).ok();
    assert_eq!(fs::read_dir(rig.path("elsewhere")).expect("there").count(), 1);
    assert!(fs::symlink_metadata(rig.path("out/net")).expect("there").is_dir());
    // Without a cache nobody remembers the directory; one that is the same need not be replaced.
    rig.force = false;
    fs::remove_dir_all(rig.path("cache")).expect("removed");
    assert!(!rig.run(&plan).ok().artifacts[0].written);
}

#[test]
fn what_a_directory_cannot_hold_is_said_each_time() {
    let rig = Rig::new();
    rig.fill();
    let device = TreeOp::Special {
        path: path("dev"),
        special: Special::Char { major: 5, minor: 1 },
        attributes: Attributes::default(),
        replace: false,
    };
    let owned = TreeOp::Set {
        paths: "large".into(),
        attributes: Attributes { uid: Some(7), mode: Some(0o4755), ..Attributes::default() },
    };
    let plan = plan(vec![device, owned]);
    for written in [true, false] {
        let report = rig.run(&plan).ok();
        assert_eq!(report.artifacts[0].written, written);
        let codes: Vec<&str> = report.warnings.iter().map(|(_, warning)| warning.code).collect();
        assert_eq!(codes, ["owners-dropped", "modes-dropped", "devices-dropped"]);
    }
    assert!(!rig.path("out/net/dev").exists());
    assert_eq!(mode(&rig.path("out/net/large")), 0o755);
    // A warning that is an error publishes nothing.
    let rig = Rig::new();
    rig.fill();
    let config = imgc_engine::Config { deny_warnings: true, ..rig.config() };
    let goal = imgc_engine::Goal::Steps(plan.exports().collect());
    assert_eq!(rig.run_as(config, &plan, &goal, &|_| ()).problems()[0].code, "owners-dropped");
    assert!(!rig.path("out/net").exists());
}

#[test]
fn leftovers_of_dead_builds_go() {
    let rig = Rig::new();
    rig.fill();
    for name in ["out/.imgc-1-0.tmp.new/sub", "out/.imgc-1-0.tmp.old"] {
        fs::create_dir_all(rig.path(name)).expect("made");
    }
    fs::write(rig.path("out/.imgc-1-0.tmp"), "").expect("written");
    rig.run(&plan(vec![])).ok();
    assert_eq!(leftovers(&rig), [""; 0]);
}
