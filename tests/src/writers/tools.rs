//! The tools, each with the arguments that make it strict and independent of the machine.

use std::{path::Path, process::Command};

use crate::tools::tool;

/// Runs a tool and gives everything that it said.
fn run(command: &mut Command) -> String {
    command.env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    // From the end: that is where tools say what was wrong.
    let shown: String = text.chars().rev().take(4000).collect::<Vec<_>>().into_iter().rev().collect();
    assert!(output.status.success(), "{command:?} ended with {}: {shown}", output.status);
    text
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary directories have plain names")
}

/// e2fsck has nothing to say.
pub fn e2fsck(image: &Path) {
    let said = run(Command::new(tool("e2fsck", "e2fsprogs")).arg("-fn").arg(image));
    let known = |line: &&str| {
        line.starts_with("Pass ")
            || line.starts_with("e2fsck ")
            || line.contains(" files (")
            || line.is_empty()
    };
    let strange: Vec<&str> = said.lines().filter(|line| !known(line)).take(20).collect();
    assert!(strange.is_empty(), "e2fsck complains: {strange:#?}");
}

/// debugfs copies everything out.
pub fn debugfs(image: &Path, to: &Path) {
    let request = format!("rdump / {}", text(to));
    let said = run(Command::new(tool("debugfs", "e2fsprogs")).args(["-R", &request]).arg(image));
    let strange: Vec<&str> = said
        .lines()
        .filter(|line| !line.starts_with("debugfs ") && !line.contains("Operation not permitted"))
        .take(20)
        .collect();
    assert!(strange.is_empty(), "debugfs complains: {strange:#?}");
}

/// fsck.fat says just its version and what is used.
pub fn fsck_fat(image: &Path) {
    let said = run(Command::new(tool("fsck.fat", "dosfstools")).arg("-n").arg(image));
    assert_eq!(said.lines().count(), 2, "fsck.fat complains: {said}");
}

/// mcopy copies everything out.
pub fn mcopy(image: &Path, to: &Path) {
    let mut command = Command::new(tool("mcopy", "mtools"));
    command.env("MTOOLS_SKIP_CHECK", "1").args(["-s", "-n", "-Q", "-i"]);
    // Of an empty root there is nothing to copy.
    let list = run(Command::new(tool("mdir", "mtools")).args(["-b", "-i", text(image), "::"]));
    if !list.trim().is_empty() {
        run(command.arg(image).args(["::*", text(to)]));
    }
}

/// fsck.exfat finds it clean.
pub fn fsck_exfat(image: &Path) {
    let said = run(Command::new(tool("fsck.exfat", "exfatprogs")).arg("-n").arg(image));
    assert!(said.contains("clean. directories"), "fsck.exfat complains: {said}");
}

/// unsquashfs lists everything.
pub fn unsquashfs_list(image: &Path) {
    let said = run(Command::new(tool("unsquashfs", "squashfs-tools")).arg("-lls").arg(image));
    assert!(!said.contains("FATAL") && !said.contains("rror"), "unsquashfs complains: {said}");
}

/// unsquashfs extracts everything; attributes that only root can set may be missing.
pub fn unsquashfs(image: &Path, to: &Path) {
    let mut command = Command::new(tool("unsquashfs", "squashfs-tools"));
    command.args(["-no-progress", "-quiet", "-force", "-ignore-errors", "-no-xattrs", "-dest", text(to)]);
    run(command.arg(image));
}

/// fsck.erofs unpacks everything and finds no errors.
pub fn fsck_erofs(image: &Path) {
    let said = run(Command::new(tool("fsck.erofs", "erofs-utils")).args(["-d3", "--extract"]).arg(image));
    let is_clean = said.trim_end().ends_with("No errors found") && !said.contains("<W>");
    assert!(is_clean, "fsck.erofs complains: {said}");
}

/// fsck.erofs extracts everything.
pub fn extract_erofs(image: &Path, to: &Path) {
    let extract = format!("--extract={}", text(to));
    let mut command = Command::new(tool("fsck.erofs", "erofs-utils"));
    run(command.args([&extract, "--overwrite", "--preserve-perms", "--no-preserve-owner"]).arg(image));
}

fn xorriso(image: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(tool("xorriso", "xorriso"));
    command.args(["-no_rc", "-report_about", "SORRY", "-abort_on", "SORRY", "-hardlinks", "on"]);
    run(command.args(["-osirrox", "on", "-indev", text(image)]).args(arguments))
}

/// xorriso finds every file.
pub fn xorriso_check(image: &Path) {
    xorriso(image, &["-find", "/", "-exec", "report_lba"]);
}

/// xorriso extracts everything.
pub fn xorriso_extract(image: &Path, to: &Path) {
    xorriso(image, &["-extract", "/", text(to)]);
}

/// bsdtar lists everything.
pub fn tar_list(image: &Path) {
    run(Command::new(tool("bsdtar", "libarchive-tools")).arg("-tvf").arg(image));
}

/// GNU tar extracts everything.
pub fn tar_extract(image: &Path, to: &Path) {
    let mut command = Command::new(tool("tar", "tar"));
    command.args(["--extract", "--no-same-owner", "--same-permissions", "--delay-directory-restore"]);
    run(command.args(["-C", text(to), "-f"]).arg(image));
}

/// bsdtar lists everything.
pub fn cpio_list(image: &Path) {
    run(Command::new(tool("bsdtar", "libarchive-tools")).arg("-tvf").arg(image));
}

/// GNU cpio extracts everything.
pub fn cpio_extract(image: &Path, to: &Path) {
    let mut command = Command::new(tool("cpio", "cpio"));
    command.args(["-idmu", "--quiet", "--no-preserve-owner", "--no-absolute-filenames"]).current_dir(to);
    run(command.stdin(std::fs::File::open(image).expect("the archive")));
}
