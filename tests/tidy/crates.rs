//! Directions between crates: compiler and runtime never import one another, the driver alone sees both.

use crate::root;

/// The crates of the workspace with the house they stand in.
fn crates() -> Vec<(String, String, Vec<String>)> {
    let mut found = Vec::new();
    for house in ["compiler", "runtime"] {
        for entry in std::fs::read_dir(root().join(house)).expect("a house") {
            let dir = entry.expect("an entry").path();
            let name = dir.file_name().expect("a name").to_string_lossy().into_owned();
            let manifest = std::fs::read_to_string(dir.join("Cargo.toml")).expect("a Cargo.toml");
            found.push((house.to_owned(), name, own_dependencies(&manifest)));
        }
    }
    let stdlib = std::fs::read_to_string(root().join("stdlib/Cargo.toml")).expect("the templates' crate");
    found.push(("stdlib".into(), "imgc-stdlib".into(), own_dependencies(&stdlib)));
    found.sort();
    found
}

/// The crates of ours in `[dependencies]` (not those for tests and build scripts).
fn own_dependencies(manifest: &str) -> Vec<String> {
    let section = manifest.split("\n[dependencies]").nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap_or_default();
    section
        .lines()
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| name.starts_with("imgc"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn compiler_and_runtime_meet_only_in_the_contract_and_the_driver() {
    let all = crates();
    let house =
        |name: &str| all.iter().find(|(_, known, _)| known == name).map(|(house, _, _)| house.as_str());
    for (own, name, dependencies) in &all {
        for dependency in dependencies {
            let other = house(dependency).expect("a crate of the workspace");
            let allowed = name == "imgc" || dependency == "imgc-plan" || own == other;
            assert!(allowed, "{name} ({own}) must not depend on {dependency} ({other})");
        }
        assert!(
            name != "imgc-plan" || dependencies.is_empty(),
            "the contract must not depend on other crates of ours: {dependencies:?}"
        );
    }
    assert!(all.len() >= 6, "the crates were not found: {all:?}");
}

#[test]
fn every_crate_is_in_the_architecture_page() {
    let page =
        std::fs::read_to_string(root().join("docs/dev/architecture.md")).expect("the architecture page");
    for (_, name, _) in crates() {
        assert!(page.contains(&format!("`{name}`")), "docs/dev/architecture.md does not name `{name}`");
    }
}
