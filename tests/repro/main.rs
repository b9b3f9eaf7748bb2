//! Same bytes: the examples are built again by another user, in another directory, locale, time zone and year, with one job and two.

mod pinned;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use imgc_tests::imgc::{Artifact, Bench, artifacts, binary, finish, root, sha256};

/// An example in a directory of its own, with every attribute as it is in the checkout.
fn copy_example(name: &str, to: &Path) -> PathBuf {
    finish(Command::new("cp").arg("-a").arg(root().join("examples").join(name)).arg(to), 0);
    to.join(name).join("image.kdl")
}

/// Only the digests.
fn digests(artifacts: &BTreeMap<String, Artifact>) -> BTreeMap<String, String> {
    artifacts.iter().map(|(name, artifact)| (name.clone(), artifact.sha256.clone())).collect()
}

/// Builds as somebody else would, somewhere else, in another year.
fn build_elsewhere(example: &str, cache: Option<&Path>) -> BTreeMap<String, String> {
    let bench = Bench::new();
    let manifest = copy_example(example, bench.dir());
    let is_root = std::fs::read_to_string("/proc/self/status").expect("a status").contains("Uid:\t0\t");
    let mut command = if is_root { Command::new("setpriv") } else { Command::new("env") };
    if is_root {
        // The stranger may read the sources and change none of them; the rest of the bench is the stranger's.
        finish(Command::new("chmod").arg("a-w").arg(manifest.parent().expect("a directory")), 0);
        finish(Command::new("chown").arg("65534:65534").arg(bench.dir()), 0);
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "env"]);
    }
    let library = imgc_tests::tools::library("libfaketime.so.1", "faketime");
    let script = "umask 077; exec \"$@\"";
    command
        .args(["TZ=Asia/Kathmandu", "LC_ALL=C", "LANG=tr_TR.UTF-8", "HOME=/nonexistent", "FAKETIME=+900d"])
        .arg(format!("LD_PRELOAD={}", library.display()))
        .args(["sh", "-c", script, "sh"])
        .arg(binary())
        .args(["build", "--json", "-j1", "-o", "elsewhere"])
        .arg(&manifest)
        .env("IMGC_CACHE", cache.map_or_else(|| bench.cache(), Path::to_owned))
        .current_dir(bench.dir());
    let made = artifacts(&finish(&mut command, 0));
    for artifact in made.values() {
        assert_eq!(
            sha256(&bench.dir().join(&artifact.path)),
            artifact.sha256,
            "what is printed is what is there"
        );
    }
    digests(&made)
}

fn same_bytes(example: &str) {
    let bench = Bench::new();
    let manifest = root().join("examples").join(example).join("image.kdl");
    let first = bench.build(&manifest, &["-j2"]);
    assert!(!first.is_empty(), "the example makes something");
    for artifact in first.values() {
        assert_eq!(
            sha256(&bench.dir().join(&artifact.path)),
            artifact.sha256,
            "what is printed is what is there"
        );
    }
    // Again with a full cache into another directory, with one job.
    assert_eq!(digests(&bench.build(&manifest, &["-j1", "-o", "again"])), digests(&first));
    // By somebody else, somewhere else, with an empty cache.
    assert_eq!(build_elsewhere(example, None), digests(&first));
}

#[test]
fn data_disk_is_the_same_everywhere() {
    same_bytes("data-disk");
}

#[test]
fn lites_is_the_same_everywhere() {
    same_bytes("lites");
}

#[test]
fn hello_linux_is_the_same_everywhere() {
    same_bytes("hello-linux");
}

#[test]
fn every_filesystem_is_the_same_everywhere() {
    same_bytes("every-filesystem");
}

#[test]
fn systemd_boot_is_the_same_everywhere() {
    same_bytes("systemd-boot");
}

#[test]
fn uki_is_the_same_everywhere() {
    same_bytes("uki");
}
