//! Kinds: each is in its family's list, in the reference, and in a test of bytes.

use std::path::Path;

use imgc_plan::kind::Kinds;

use crate::root;

#[test]
fn every_folder_of_a_family_is_in_its_list() {
    for family in ["fs", "table", "boot", "disk", "archive"] {
        let folder = root().join("runtime/imgc-formats/src").join(family);
        let list = std::fs::read_to_string(folder.with_extension("rs")).expect("the family's file");
        let entries: Vec<String> = std::fs::read_dir(&folder)
            .expect("the family's folder")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
            .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
            .collect();
        assert!(!entries.is_empty(), "the family {family} has no kinds");
        for name in entries.iter().filter(|name| describes_itself(&folder.join(format!("{name}.rs")))) {
            assert!(
                list.contains(&format!("{name}::")),
                "{family}.rs does not list a kind of {family}/{name}.rs"
            );
        }
    }
}

/// Whether a file holds a kind (rooms that several kinds share do not).
fn describes_itself(path: &Path) -> bool {
    std::fs::read_to_string(path).expect("text").contains("Kind {")
}

#[test]
fn every_kind_and_option_is_in_the_reference() {
    let page = std::fs::read_to_string(root().join("docs/reference/kinds.md")).expect("the reference");
    let fresh = imgc_plan::kind::reference(imgc_formats::Registry::new().all());
    assert!(
        page == fresh,
        "docs/reference/kinds.md is not what the descriptors say: run `cargo run -p imgc -- reference > docs/reference/kinds.md`"
    );
}

#[test]
fn every_option_says_what_it_does() {
    for kind in imgc_formats::Registry::new().all() {
        assert!(kind.doc.ends_with('.'), "{} has no sentence", kind.name);
        for option in kind.options {
            assert!(option.doc.ends_with('.'), "{} {} has no sentence", kind.name, option.name);
        }
    }
}
