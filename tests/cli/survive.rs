//! Kill -9, two builds at once, a full disk, Ctrl-C: the next build is right and nothing is left behind.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use imgc_tests::imgc::{Bench, sha256};

use crate::project;

/// A manifest whose build takes a while: some thousand files and a compressed output.
fn large(dir: &Path) -> std::path::PathBuf {
    let manifest = "image large\nsource files { dir \"files\" }\ntree t { copy source=files to=\"/\" }\n\
        disk main { gpt; partition p size=fit { ext4 tree=t }; }\n\
        output \"large.img\" disk=main\noutput \"large.qcow2\" disk=main { qcow2 compress=zlib }\n";
    let path = project(dir, manifest, &[]);
    let mut state = 7_u64;
    for index in 0..1500 {
        let folder = dir.join(format!("files/{:02}", index / 100));
        fs::create_dir_all(&folder).expect("a directory");
        let content: Vec<u8> = (0..16_000_u64)
            .map(|at| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                if at % 3 == 0 { b'a' } else { (state >> 56) as u8 }
            })
            .collect();
        fs::write(folder.join(format!("{index}")), content).expect("a file");
    }
    path
}

/// Names in the output directory that are not artifacts.
fn leftovers(bench: &Bench) -> Vec<String> {
    let Ok(entries) = fs::read_dir(bench.out()) else { return Vec::new() };
    entries
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with("large."))
        .collect()
}

fn digests(bench: &Bench) -> [String; 2] {
    ["large.img", "large.qcow2"].map(|name| sha256(&bench.out().join(name)))
}

#[test]
fn twenty_kills_at_any_moment_leave_a_cache_that_builds_right() {
    let bench = Bench::new();
    let manifest = large(bench.dir());
    bench.build(&manifest, &[]);
    let right = digests(&bench);
    let path = manifest.to_str().expect("UTF-8");
    for round in 0..20_u64 {
        if round % 5 == 0 {
            let _ = fs::remove_dir_all(bench.cache());
        }
        let _ = fs::remove_dir_all(bench.out());
        let mut build = bench.command(&["build", path, "--progress", "none"]);
        let mut child = build.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
        // Spread over the build: early in the scan, late in the export.
        std::thread::sleep(Duration::from_millis(5 + round * 23 % 400));
        child.kill().expect("killed");
        child.wait().expect("gone");
    }
    bench.build(&manifest, &[]);
    assert_eq!(digests(&bench), right);
    assert_eq!(leftovers(&bench), [""; 0]);
    assert!(String::from_utf8_lossy(&bench.run(&["cache", "check"], 0).stdout).contains("0 damaged"));
}

#[test]
fn two_builds_at_once_share_a_cache() {
    let bench = Bench::new();
    let manifest = large(bench.dir());
    let path = manifest.to_str().expect("UTF-8");
    let start = |out: &str| {
        let mut build = bench.command(&["build", path, "--progress", "none", "-o", out]);
        build.stdout(Stdio::null()).spawn().expect("started")
    };
    let (mut one, mut two) = (start("one"), start("two"));
    assert!(one.wait().expect("ended").success() && two.wait().expect("ended").success());
    for name in ["large.img", "large.qcow2"] {
        assert_eq!(sha256(&bench.dir().join("one").join(name)), sha256(&bench.dir().join("two").join(name)));
    }
    assert!(String::from_utf8_lossy(&bench.run(&["cache", "check"], 0).stdout).contains("0 damaged"));
}

#[test]
fn ctrl_c_leaves_no_half_output_and_no_lock() {
    let bench = Bench::new();
    let manifest = large(bench.dir());
    let path = manifest.to_str().expect("UTF-8");
    let mut interrupted = 0;
    for wait in [40, 120, 250, 500] {
        let _ = fs::remove_dir_all(bench.out());
        let mut build = bench.command(&["build", path, "--progress", "none"]);
        let child = build.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
        std::thread::sleep(Duration::from_millis(wait));
        let status = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
        let output = child.wait_with_output().expect("ended");
        if status.success() && output.status.code() == Some(130) {
            interrupted += 1;
            let left: Vec<_> = fs::read_dir(bench.out()).into_iter().flatten().flatten().collect();
            let half = left.iter().filter(|entry| !entry.file_name().to_string_lossy().starts_with("large."));
            assert_eq!(half.count(), 0, "{left:?}");
        }
    }
    assert!(interrupted > 0, "at least one build was still running when it was interrupted");
    bench.build(&manifest, &[]);
    assert_eq!(leftovers(&bench), [""; 0]);
}

#[test]
fn a_full_disk_is_this_machines_fault_and_the_next_build_is_right() {
    let bench = Bench::new();
    let manifest = large(bench.dir());
    let path = manifest.to_str().expect("UTF-8");
    // A limit on the size of a file stands in for a full disk where none can be mounted: writes fail in the same place.
    let script = format!(
        "ulimit -f 8192; trap '' XFSZ; exec '{}' build '{path}' --progress none",
        imgc_tests::imgc::binary().display()
    );
    let mut command = Command::new("bash");
    command.args(["-c", &script]).env("IMGC_CACHE", bench.cache()).current_dir(bench.dir());
    let output = command.output().expect("bash");
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stderr).contains("this machine failed"));
    assert_eq!(leftovers(&bench), [""; 0]);
    bench.build(&manifest, &[]);
    assert!(bench.out().join("large.img").exists());
}
