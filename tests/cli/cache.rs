//! The cache from the outside: where, how large, checked, pruned, damaged.

use std::{
    fs,
    path::{Path, PathBuf},
};

use imgc_tests::imgc::{Bench, sha256};

use crate::{TWO_FILES, TWO_TREES, boots, project};

/// Every file below a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn where_size_check_and_prune() {
    let bench = Bench::new();
    let manifest = project(bench.dir(), TWO_TREES, TWO_FILES);
    bench.build(&manifest, &[]);
    let place = String::from_utf8(bench.run(&["cache", "where"], 0).stdout).expect("text");
    assert_eq!(Path::new(place.trim()), bench.cache());
    assert!(!bench.run(&["cache", "size"], 0).stdout.is_empty());
    assert!(String::from_utf8_lossy(&bench.run(&["cache", "check"], 0).stdout).contains("0 damaged"));
    bench.run(&["cache", "prune", "--keep", "0B"], 0);
    bench.build(&manifest, &[]);
    assert!(String::from_utf8_lossy(&bench.run(&["cache", "check"], 0).stdout).contains("0 damaged"));
}

#[test]
fn records_of_tests_that_passed_are_counted_checked_and_pruned() {
    let bench = Bench::new();
    boots::project(&bench, boots::COUNTER);
    boots::run(&bench, &["test", "-j", "1"], 0);
    let said = |arguments: &[&str], code: i32| boots::text(&bench.run(arguments, code).stdout);
    let tests = || {
        let size = said(&["cache", "size"], 0);
        let line = size.lines().find(|line| line.starts_with("tests")).expect("a line").to_owned();
        line.split_whitespace().nth(1).expect("a number").parse::<u64>().expect("a number")
    };
    assert_eq!(tests(), 2, "two machines");
    assert!(said(&["cache", "check"], 0).contains(" 0 damaged"));
    // One that is damaged is found and taken out of the way.
    let record = files(&bench.cache().join("v1/tests")).remove(0);
    fs::write(&record, "{}").expect("written");
    assert!(said(&["cache", "check"], 2).contains(" 1 damaged"));
    assert_eq!(tests(), 1);
    said(&["cache", "prune", "--keep", "1GiB"], 0);
    assert_eq!(tests(), 1);
    said(&["cache", "prune", "--keep", "0B"], 0);
    assert_eq!(tests(), 0);
}

#[test]
fn a_flipped_byte_anywhere_is_found_and_the_next_build_is_right() {
    let bench = Bench::new();
    let manifest = project(bench.dir(), TWO_TREES, TWO_FILES);
    bench.build(&manifest, &[]);
    let artifact = bench.out().join("two.img");
    let right = sha256(&artifact);
    let mut flipped = 0;
    for file in files(&bench.cache()) {
        let Ok(mut bytes) = fs::read(&file) else { continue };
        if bytes.is_empty() {
            continue;
        }
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        let mut permissions = fs::metadata(&file).expect("there").permissions();
        #[expect(clippy::permissions_set_readonly_false, reason = "a file of the test's own")]
        permissions.set_readonly(false);
        fs::set_permissions(&file, permissions).expect("writable");
        fs::write(&file, bytes).expect("written");
        flipped += 1;
        fs::remove_file(&artifact).expect("removed");
        bench.build(&manifest, &[]);
        assert_eq!(sha256(&artifact), right, "after a flipped byte in {}", file.display());
    }
    assert!(flipped > 5, "there was something to damage");
}
