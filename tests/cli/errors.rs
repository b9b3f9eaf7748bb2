//! Mistakes: found before anything runs, all at once, each at its place, with the exit code of its fault.

use imgc_tests::imgc::Bench;

use crate::{TWO_FILES, TWO_TREES, example, project};

fn stderr(bench: &Bench, arguments: &[&str], code: i32) -> String {
    String::from_utf8_lossy(&bench.run(arguments, code).stderr).into_owned()
}

#[test]
fn many_mistakes_are_shown_at_once_with_hints() {
    let bench = Bench::new();
    let manifest = project(
        bench.dir(),
        r#"
image wrong
tree root { fil "/etc/motd" { content "x" } }
disk main size="64M" {
    gpt
    partition root size=fill { ext4 lable="x" tree=rot }
}
output "a.img" disk=mian
"#,
        &[],
    );
    let shown = stderr(&bench, &["check", manifest.to_str().expect("UTF-8")], 1);
    for expected in ["`file`", "64MiB", "`label`", "`root`", "`main`"] {
        assert!(shown.contains(expected), "{expected} is not in:\n{shown}");
    }
    let json = bench.run(&["check", "--json", manifest.to_str().expect("UTF-8")], 1).stdout;
    let found: Vec<serde_json::Value> = serde_json::from_slice(&json).expect("JSON");
    assert!(found.len() >= 5 && found.iter().all(|one| one["line"].as_u64() > Some(0)), "{found:?}");
}

#[test]
fn what_only_contents_decide_is_shown_at_the_manifests_lines_together() {
    let bench = Bench::new();
    let manifest = project(
        bench.dir(),
        r#"
image late
source files { dir "files" }
tree one { copy "wanted" source=files to="/wanted" }
tree two { copy "*.txt" source=files to="/one-file" }
disk main size="64MiB" {
    gpt
    partition one size="16MiB" { ext4 tree=one }
    partition two size="16MiB" { ext4 tree=two }
}
output "late.img" disk=main
"#,
        &[("files/want", "x"), ("files/a.txt", "a"), ("files/b.txt", "b")],
    );
    let shown = stderr(&bench, &["build", manifest.to_str().expect("UTF-8")], 1);
    assert!(shown.contains("copy \"wanted\"") && shown.contains("want"), "{shown}");
    assert!(shown.contains("copy \"*.txt\"") && shown.contains("a.txt"), "{shown}");
    assert!(!bench.out().join("late.img").exists());
}

#[test]
fn a_tree_that_does_not_fit_says_by_how_much() {
    let bench = Bench::new();
    let big = "x".repeat(12 << 20);
    let manifest = project(
        bench.dir(),
        "image big\ntree t { copy \"big\" to=\"/big\" }\ndisk main { gpt; partition p size=\"8MiB\" { ext4 tree=t }; }\noutput \"big.img\" disk=main\n",
        &[("big", &big)],
    );
    let shown = stderr(&bench, &["build", manifest.to_str().expect("UTF-8")], 1);
    assert!(shown.contains("MiB") || shown.contains("bytes"), "{shown}");
    assert!(shown.contains("ext4 tree=t"), "the manifest's line is shown: {shown}");
}

#[test]
fn parameters_that_do_not_exist_are_errors_with_a_hint() {
    let bench = Bench::new();
    let manifest = example("lites");
    let shown = stderr(&bench, &["check", manifest.to_str().expect("UTF-8"), "--set", "sise=1GiB"], 1);
    assert!(shown.contains("sise") && shown.contains("`size`"), "{shown}");
    let twice = ["check", manifest.to_str().expect("UTF-8"), "--set", "size=1GiB", "--set", "size=2GiB"];
    let shown = stderr(&bench, &twice, 1);
    assert!(shown.contains("`--set size=` is given twice"), "{shown}");
    let shown = stderr(&bench, &["check", manifest.to_str().expect("UTF-8"), "--set", "size=huge"], 1);
    assert!(shown.contains("64MiB") || shown.contains("unit"), "{shown}");
}

#[test]
fn sizes_that_a_filesystem_cannot_have_are_errors_before_anything_runs() {
    let bench = Bench::new();
    for (content, size, wanted) in [
        ("ext4 tree=t", "16KiB", "more than there are"),
        ("vfat fat=\"32\" tree=t", "8MiB", "cannot be as small as"),
        ("vfat fat=\"12\" cluster-size=\"512B\" tree=t", "64MiB", "cannot have"),
        ("exfat tree=t", "16KiB", "too few"),
        ("swap", "8KiB", "at least 10 pages"),
    ] {
        let text = format!(
            "image t\ntree t {{ dir \"/a\" }}\ndisk main {{\n mbr\n partition p size=\"{size}\" {{ {content} }}\n}}\noutput \"t.img\" disk=main\n"
        );
        let manifest = project(bench.dir(), &text, &[]);
        let shown = stderr(&bench, &["check", manifest.to_str().expect("UTF-8")], 1);
        assert!(shown.contains("bad-size") && shown.contains(wanted), "{content}: {shown}");
    }
}

#[test]
fn contradictions_of_options_are_errors_at_their_spans() {
    let bench = Bench::new();
    for (format, wanted) in [
        ("qcow2 compress=zlib preallocation=full", "preallocation"),
        ("qcow2 compat=\"0.10\" lazy-refcounts=#true", "lazy-refcounts"),
        ("qcow2 compat=\"0.10\" compress=zstd", "compress"),
        ("qcow2 cluster-size=\"3KiB\"", "cluster-size"),
    ] {
        let text = TWO_TREES.replace("disk=main\n", &format!("disk=main {{ {format} }}\n"));
        let manifest = project(bench.dir(), &text, TWO_FILES);
        let shown = stderr(&bench, &["check", manifest.to_str().expect("UTF-8")], 1);
        assert!(shown.contains(wanted), "{format}: {shown}");
    }
}

#[test]
fn a_file_that_imgc_did_not_make_is_not_overwritten_without_force() {
    let bench = Bench::new();
    let manifest = project(bench.dir(), TWO_TREES, TWO_FILES);
    let path = manifest.to_str().expect("UTF-8");
    std::fs::create_dir_all(bench.out()).expect("a directory");
    std::fs::write(bench.out().join("two.img"), "somebody's own").expect("written");
    assert!(stderr(&bench, &["build", path], 1).contains("--force"));
    assert_eq!(std::fs::read(bench.out().join("two.img")).expect("read"), b"somebody's own");
    bench.run(&["build", path, "--force"], 0);
    assert!(std::fs::metadata(bench.out().join("two.img")).expect("there").len() > 16 << 20);
}

#[test]
fn faults_have_their_exit_codes() {
    let bench = Bench::new();
    stderr(&bench, &["build", "nowhere.kdl"], 1);
    stderr(&bench, &["bild"], 1);
    let manifest = project(bench.dir(), TWO_TREES, TWO_FILES);
    let blocked = bench.dir().join("file");
    std::fs::write(&blocked, "").expect("written");
    let path = manifest.to_str().expect("UTF-8");
    stderr(&bench, &["build", path, "-o", blocked.join("below").to_str().expect("UTF-8")], 2);
}

#[test]
fn a_mistake_that_two_steps_find_is_shown_once_and_other_outputs_are_there() {
    let bench = Bench::new();
    let text = r#"
image two
source grub { dir "a" }
tree root { file "/kernel" { content "x" } }
menu boot { entry a { linux "/kernel" } }
disk good { mbr; partition r size="1MiB" { vfat tree=root } }
disk bad { mbr; partition r size="8MiB" { vfat tree=root }; loader { grub source=grub partition=r menu=boot } }
output "good.img" disk=good
output "bad.img" disk=bad
"#;
    project(bench.dir(), text, TWO_FILES);
    // The manifest in this directory needs not be named.
    let said = stderr(&bench, &["build", "-j", "1"], 1);
    assert_eq!(said.matches("the source has no directory `i386-pc`").count(), 1, "{said}");
    assert!(said.contains("1 error; outputs that need this were not built"), "{said}");
    assert!(!bench.out().join("bad.img").exists());
    stderr(&bench, &["build", "--only", "good.img"], 0);
    stderr(&bench, &["check"], 0);
    assert!(stderr(&bench, &["-C", "a", "build"], 1).contains("there is no manifest at image.kdl"));
}

#[test]
fn offline_without_the_package_says_what_to_do() {
    let bench = Bench::new();
    let manifest = example("lites");
    let shown = stderr(&bench, &["build", "--offline", manifest.to_str().expect("UTF-8")], 1);
    assert!(shown.contains("imgc fetch") || shown.contains("--offline"), "{shown}");
}

#[test]
fn a_package_that_is_not_pinned_says_how_to_pin_it() {
    let bench = Bench::new();
    let text = TWO_TREES
        .replace("image two", "image two\nsource p { deb \"busybox-static\" arch=amd64 suite=bookworm }")
        + "tree p { copy \"bin/busybox\" source=p to=\"/busybox\" }\noutput \"p.cpio\" archive=p\narchive p tree=p { cpio }\n";
    let manifest = project(bench.dir(), &text, TWO_FILES);
    let shown = stderr(&bench, &["build", manifest.to_str().expect("UTF-8")], 1);
    assert!(shown.contains("imgc lock"), "{shown}");
}
