//! Files: each says what it is, none is too long, families do not reach into one another.

use std::path::{Path, PathBuf};

use crate::root;

/// The longest a source file may be, in lines; tables and generated code apart.
const LONGEST: usize = 600;

/// Every Rust file of ours below a folder.
fn sources(below: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![below.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn all_sources() -> Vec<PathBuf> {
    ["compiler", "runtime", "tests"].iter().flat_map(|house| sources(&root().join(house))).collect()
}

#[test]
fn every_file_opens_with_what_it_is() {
    let silent: Vec<PathBuf> = all_sources()
        .into_iter()
        .filter(|path| !std::fs::read_to_string(path).expect("text").starts_with("//! "))
        .collect();
    assert!(silent.is_empty(), "these files do not open with `//! `: {silent:#?}");
}

#[test]
fn no_file_is_too_long() {
    let long: Vec<(PathBuf, usize)> = all_sources()
        .into_iter()
        .map(|path| {
            let lines = std::fs::read_to_string(&path).expect("text").lines().count();
            (path, lines)
        })
        .filter(|(_, lines)| *lines > LONGEST)
        .collect();
    assert!(long.is_empty(), "these files have more than {LONGEST} lines: {long:#?}");
}

#[test]
fn families_do_not_reach_into_one_another() {
    let families = ["fs", "table", "boot", "disk", "archive"];
    for family in families {
        let folder = root().join("runtime/imgc-formats/src").join(family);
        for path in sources(&folder) {
            let text = std::fs::read_to_string(&path).expect("text");
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for other in families.iter().filter(|other| **other != family) {
                let import = format!("crate::{other}::");
                assert!(!code.contains(&import), "{} imports {import}", path.display());
            }
        }
    }
}

#[test]
fn only_the_rooms_of_one_system_ask_which_system_it_is() {
    // Calls of one operating system live in one small module per need, behind a portable fallback.
    for path in sources(&root().join("runtime")).into_iter().chain(sources(&root().join("compiler"))) {
        let text = std::fs::read_to_string(&path).expect("text");
        let is_test =
            path.components().any(|part| part.as_os_str() == "tests") || path.ends_with("testing.rs");
        let code = if is_test { "" } else { text.split("#[cfg(test)]").next().unwrap_or_default() };
        let asks =
            code.contains("cfg(target_os") || code.contains("cfg(unix") || code.contains("cfg(not(unix");
        let room = path.components().any(|part| part.as_os_str() == "os" || part.as_os_str() == "os.rs");
        assert!(
            !asks || room,
            "{} asks for the operating system outside of a room named `os`",
            path.display()
        );
    }
}
