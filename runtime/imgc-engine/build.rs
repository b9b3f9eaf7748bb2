//! Fingerprints of the engine's own runners: BLAKE3 over their sources, for the keys of the cache.
//!
//! Only names relative to the sources and contents are hashed; where the checkout lies does not matter.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// The runners: a name, and the files and folders that decide what they give.
const RUNNERS: [(&str, &[&str]); 4] = [
    ("SCAN", &["scan.rs", "scan", "glob.rs", "os.rs", "os"]),
    ("COMPOSE", &["compose.rs", "compose", "glob.rs"]),
    ("KINDS", &["run/kinds.rs", "run/locate.rs", "run/seals.rs", "run/verity.rs"]),
    ("DIRECTORY", &["export/directory.rs", "export/listing.rs"]),
];

fn main() {
    let src = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("because cargo sets it")).join("src");
    let mut out = String::new();
    for (name, parts) in RUNNERS {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hash(&mut hasher, part, &src.join(part));
        }
        let digest: [u8; 32] = *hasher.finalize().as_bytes();
        out.push_str(&format!("pub static {name}: [u8; 32] = {digest:?};\n"));
    }
    let dir = PathBuf::from(env::var_os("OUT_DIR").expect("because cargo sets it"));
    fs::write(dir.join("fingerprints.rs"), out).expect("because cargo's own directory can be written");
    println!("cargo::rerun-if-changed=build.rs");
}

/// Hashes a file, or the files of a folder in the order of their names; tests apart.
fn hash(hasher: &mut blake3::Hasher, name: &str, path: &Path) {
    println!("cargo::rerun-if-changed={}", path.display());
    if path.is_dir() {
        let mut names: Vec<_> = fs::read_dir(path)
            .expect("because cargo's sources can be read")
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| name != "tests.rs")
            .collect();
        names.sort();
        names.iter().for_each(|below| hash(hasher, &format!("{name}/{below}"), &path.join(below)));
        return;
    }
    let bytes = fs::read(path).expect("because cargo's sources can be read");
    for part in [name.as_bytes(), &bytes] {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
}
