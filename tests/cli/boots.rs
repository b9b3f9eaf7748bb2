//! `imgc test` and tested outputs, over boots of a tiny image.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use imgc_tests::{
    imgc::{Bench, finish, root},
    qemu::Slot,
    tools::assemble,
};
use serde_json::Value;

/// A boot sector that says how often its disk was started, and ends QEMU at a key: with 37 at Enter.
pub const COUNTER: &str = r#"
image counter
tree t { copy "sector.bin" to="/sector" }
output "counter.img" tree=t { raw size="1MiB" }
test counts timeout="60s" {
    output "counter.img"
    qemu firmware=bios memory="64MiB" { bus ide virtio }
    boot {
        expect "^BOOT-1-OF-THIS-DISK$"
        expect "BOOT-1-OF" on=screen
        press "enter"
        end code=37
    }
    boot { reject "BOOT-1"; expect "BOOT-2"; type "x"; end code=39 }
}
"#;

/// A project with this manifest and the boot sector that its `sector.bin` is.
pub fn project(bench: &Bench, manifest: &str) -> PathBuf {
    let object = bench.dir().join("object");
    assemble(&root().join("tests/boot/counter.S"), 0x7c00, &object, &bench.dir().join("sector.bin"));
    crate::project(bench.dir(), manifest, &[])
}

/// Runs imgc where machines run: emulated, and not more at once than this computer has places for.
pub fn run(bench: &Bench, arguments: &[&str], code: i32) -> Output {
    let _slot = Slot::take();
    finish(bench.command(arguments).env("IMGC_ACCEL", "tcg"), code)
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// The results that `--json` prints.
fn results(output: &Output) -> Vec<Value> {
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

fn artifact(bench: &Bench, name: &str) -> PathBuf {
    bench.out().join(name)
}

#[test]
fn what_passed_is_not_run_again_until_something_changes() {
    let bench = Bench::new();
    let manifest = project(&bench, COUNTER);
    let test = |more: &[&str]| {
        let arguments = [&["test", "-j", "1", "--json"], more].concat();
        results(&run(&bench, &arguments, 0))
    };
    let first = test(&[]);
    let titles: Vec<&str> = first.iter().filter_map(|one| one["title"].as_str()).collect();
    assert_eq!(titles, ["counter.img bios ide", "counter.img bios virtio"]);
    let cached = |results: &[Value]| results.iter().filter(|one| one["cached"] == true).count();
    assert!(first.iter().all(|one| one["result"] == "passed") && cached(&first) == 0, "{first:?}");
    assert!(artifact(&bench, "counter.img").exists(), "what passed is published");
    assert_eq!(cached(&test(&[])), 2, "the same again is known");
    assert_eq!(cached(&test(&["--rerun", "counts"])), 0);
    // Another machine is another result, the old one is still known.
    fs::write(&manifest, COUNTER.replace("bus ide virtio", "bus ide scsi")).expect("written");
    assert_eq!(cached(&test(&[])), 1);
    // Other bytes of the image.
    fs::write(&manifest, COUNTER.replace("1MiB", "2MiB")).expect("written");
    assert_eq!(cached(&test(&[])), 0);
    // Another expectation.
    fs::write(&manifest, COUNTER.replace("\"BOOT-2\"", "\"BOOT-2-OF\"")).expect("written");
    assert_eq!(cached(&test(&[])), 0);
    // A damaged record is as good as none.
    for record in fs::read_dir(bench.cache().join("v1/tests")).expect("records") {
        for file in fs::read_dir(record.expect("a directory").path()).expect("files") {
            fs::write(file.expect("a file").path(), "{").expect("written");
        }
    }
    assert_eq!(cached(&test(&[])), 0);
}

const FAILING: &str = r#"
image counter
tree t { copy "sector.bin" to="/sector" }
output "late.img" tree=t { raw size="1MiB" }
output "wrong.img" tree=t { raw size="2MiB" }
output "ends.img" tree=t { raw size="3MiB" }
output "fine.img" tree=t { raw size="4MiB" }
output "gone.img" tree=t { raw size="5MiB" }
test late output="late.img" { qemu firmware=bios; expect "BOOT-1"; expect "never <seen>" within="1s" }
test wrong output="wrong.img" { qemu firmware=bios; reject "OF-TH.S"; expect "never" }
test ends output="ends.img" { qemu firmware=bios; expect "BOOT-1"; press "x"; end within="60s" }
test fine output="fine.img" { qemu firmware=bios; expect "BOOT-1" }
test gone output="gone.img" { qemu firmware=bios; expect "BOOT-1"; press "x"; expect "never on" on=screen }
"#;

#[test]
fn what_fails_is_shown_with_its_log_and_is_not_published() {
    let bench = Bench::new();
    project(&bench, FAILING);
    let output = run(&bench, &["test", "image.kdl", "-j", "1", "--junit", "report.xml"], 1);
    let (lines, said) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(lines.matches("FAILED").count(), 4, "{lines}");
    assert!(lines.contains("passed  fine: fine.img bios virtio"), "{lines}");
    for part in [
        "the machine ended before `never on` was on the screen",
        "`never <seen>` was not seen within 1s",
        "image.kdl:9:",
        "`OF-THIS` must not be seen",
        "ended with code 39 instead of 0",
        "| BOOT-1-OF-THIS-DISK",
        "1 passed (0 of them before), 4 failed",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let published =
        ["late.img", "wrong.img", "ends.img", "fine.img"].map(|name| artifact(&bench, name).exists());
    assert_eq!(published, [false, false, false, true]);
    let report = fs::read_to_string(bench.dir().join("report.xml")).expect("a report");
    well_formed(&report);
    assert_eq!((report.matches("<testcase").count(), report.matches("<failure").count()), (5, 4), "{report}");
    assert!(report.contains("never &lt;seen&gt;"), "{report}");
    // Failures are not remembered: their cause may be gone.
    let again = results(&run(&bench, &["test", "image.kdl", "late", "fine", "-j", "1", "--json"], 1));
    let cached: Vec<bool> = again.iter().map(|one| one["cached"] == true).collect();
    assert_eq!(cached, [false, true]);
    assert!(
        again[0]["log"].as_str().is_some_and(|log| log.contains("BOOT-1")) && again[0]["act"] == 1,
        "{again:?}"
    );
}

/// Every element is closed by its own name, and nothing stands outside of the root.
fn well_formed(xml: &str) {
    let body = xml.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").expect("a declaration");
    let mut open: Vec<&str> = Vec::new();
    let mut roots = 0;
    for part in body.split('<').skip(1) {
        let (tag, text) = part.split_once('>').expect("a tag that ends");
        assert_eq!(tag.matches('"').count() % 2, 0, "quotes are closed: {tag}");
        let name = tag.trim_start_matches('/').split([' ', '/']).next().expect("a name");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "{xml}");
        } else if !tag.ends_with('/') {
            roots += usize::from(open.is_empty());
            open.push(name);
        }
        assert!(!open.is_empty() || text.trim().is_empty(), "text outside of the root: {text}");
    }
    assert!(open.is_empty() && roots == 1, "{open:?}");
}

#[test]
fn a_build_publishes_only_what_passed_when_that_is_asked_for() {
    let bench = Bench::new();
    let manifest = project(&bench, FAILING);
    let output = run(&bench, &["build", "image.kdl", "--only", "late.img"], 0);
    assert!(!text(&output.stderr).contains("FAILED"), "a plain build runs no test");
    fs::remove_file(artifact(&bench, "late.img")).expect("published");
    let both = ["--only", "late.img", "--only", "fine.img"];
    let output = run(&bench, &[&["build", "image.kdl", "--test"], &both[..]].concat(), 1);
    assert!(text(&output.stdout).contains("fine.img") && !text(&output.stdout).contains("late.img"));
    assert!(!artifact(&bench, "late.img").exists());
    let left = fs::read_dir(bench.out()).expect("a directory").count();
    assert_eq!(left, 1, "nothing is left of what is not published");
    // An output that must be tested is so in every build, and passes once the test does.
    let tested = FAILING.replace("\"late.img\" tree=t", "\"late.img\" tree=t tested=#true");
    fs::write(&manifest, &tested).expect("written");
    run(&bench, &["build", "image.kdl", "--only", "late.img"], 1);
    assert!(!artifact(&bench, "late.img").exists());
    fs::write(&manifest, tested.replace("never <seen>", "OF-THIS")).expect("written");
    run(&bench, &["build", "image.kdl", "--only", "late.img"], 0);
    assert!(artifact(&bench, "late.img").exists());
}

#[test]
fn a_screen_is_compared_with_a_picture_that_the_first_run_gives() {
    let bench = Bench::new();
    let manifest = COUNTER.split("test counts").next().expect("a part").to_owned()
        + r#"test screen output="counter.img" timeout="60s" { qemu firmware=bios; expect "BOOT-1"; screenshot "screen.png" within="5s" }"#;
    project(&bench, &manifest);
    let said = text(&run(&bench, &["test"], 1).stderr);
    assert!(said.contains("there is no picture"), "{said}");
    let shot = bench.out().join("screens/screen-counter.img-bios-virtio.png");
    fs::copy(&shot, bench.dir().join("screen.png")).expect("the screen was saved");
    run(&bench, &["test"], 0);
    // Another picture of the same size is another result.
    let mut other = imgc_tests::qemu::Machine::new(imgc_tests::qemu::Firmware::Bios).start();
    other.expect_on_screen("SeaBIOS");
    other.picture().save(&bench.dir().join("screen.png")).expect("saved");
    drop(other);
    let said = text(&run(&bench, &["test"], 1).stderr);
    assert!(said.contains("the screen did not look as the picture"), "{said}");
}

#[test]
fn a_machine_without_qemu_or_firmware_is_told_what_to_install() {
    let bench = Bench::new();
    let manifest = COUNTER.split("test counts").next().expect("a part").to_owned()
        + r#"test up output="counter.img" { qemu firmware=uefi; expect "BdsDxe" }"#;
    project(&bench, &manifest);
    let without = |name: &str, value: &Path, arguments: &[&str]| {
        let output = finish(bench.command(arguments).env(name, value), 2);
        text(&output.stderr)
    };
    for arguments in [&["test"][..], &["build", "image.kdl", "--test"], &["run", "image.kdl"]] {
        let said = without("PATH", Path::new(""), arguments);
        assert!(said.contains("apt install qemu-system-x86") && said.contains("brew install qemu"), "{said}");
        let said = without("IMGC_OVMF_CODE", Path::new("/nowhere/code.fd"), arguments);
        assert!(said.contains("/nowhere/code.fd"), "{said}");
    }
    let built = bench.out().join("counter.img").exists();
    assert!(built, "only `run` builds before it looks for firmware");
}

#[test]
fn tests_are_named_and_planned() {
    let bench = Bench::new();
    project(&bench, FAILING);
    let plan = text(&bench.run(&["plan", "image.kdl"], 0).stdout);
    assert!(plan.contains("test wrong: wrong.img bios virtio\n"), "{plan}");
    let said = text(&run(&bench, &["test", "rong"], 1).stderr);
    assert!(said.contains("there is no test `rong`") && said.contains("late, wrong, ends, fine"), "{said}");
    crate::project(bench.dir(), crate::TWO_TREES, crate::TWO_FILES);
    let said = text(&run(&bench, &["test"], 1).stderr);
    assert!(said.contains("the manifest has no test"), "{said}");
}
