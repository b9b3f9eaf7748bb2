//! Fingerprints of the writers: BLAKE3 over their sources, the code that they share and the locked dependencies.
//!
//! They enter the keys of the cache, so a changed writer never answers from what an older one made. Only names relative
//! to the sources and contents are hashed; where the checkout lies does not matter.
//!
//! A kind is found by its place in the family's list: the n-th item of `ALL` begins with the name of the module that
//! defines it. Modules of a family that another one's text mentions belong to it, too: a word too many only means work
//! done again. What cannot be told apart gets the family's whole digest.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
};

/// The families: the file with the list, whose folder holds the kinds.
const FAMILIES: [&str; 5] = ["fs", "table", "boot", "disk", "archive"];

fn main() {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("because cargo sets it"));
    let src = here.join("src");
    let mut out = String::new();
    let shared = shared(&here);
    out.push_str(&format!("pub(crate) static SHARED: [u8; 32] = {shared:?};\n"));
    let mut verity = BTreeMap::new();
    collect(&mut verity, "", &src, &src.join("verity"));
    out.push_str(&format!("pub(crate) static VERITY: [u8; 32] = {:?};\n", digest(&verity)));
    for family in FAMILIES {
        let digests = family_digests(&src, family);
        out.push_str(&format!("pub(crate) static {}: &[[u8; 32]] = &{digests:?};\n", family.to_uppercase()));
    }
    let dir = PathBuf::from(env::var_os("OUT_DIR").expect("because cargo sets it"));
    fs::write(dir.join("fingerprints.rs"), out).expect("because cargo's own directory can be written");
    println!("cargo::rerun-if-changed=build.rs");
}

/// The digest of what every writer uses: this crate's own files outside of the families' folders, the crates of values and
/// of the contract, the locked dependencies.
fn shared(here: &Path) -> [u8; 32] {
    let root = here.join("../..");
    let mut files = BTreeMap::new();
    let own = here.join("src");
    for path in listing(&own).into_iter().filter(|path| path.is_file()) {
        add(&mut files, "imgc-formats", &own, &path);
    }
    for (name, dir) in [("imgc-image", "runtime/imgc-image/src"), ("imgc-plan", "compiler/imgc-plan/src")] {
        let dir = root.join(dir);
        collect(&mut files, name, &dir, &dir);
    }
    let lock = root.join("Cargo.lock");
    if lock.is_file() {
        add(&mut files, "lock", &root, &lock);
    }
    digest(&files)
}

/// One digest for each item of a family's list, in its order.
fn family_digests(src: &Path, family: &str) -> Vec<[u8; 32]> {
    let list = fs::read_to_string(src.join(family).with_extension("rs")).unwrap_or_default();
    let modules = modules(&src.join(family));
    let all: BTreeSet<&String> = modules.keys().collect();
    let items = items(&list);
    let named: Vec<Option<String>> = items.iter().map(|item| module_of(item, family, &modules)).collect();
    let kinds: BTreeSet<&String> = named.iter().flatten().collect();
    let digest_of = |chosen: &BTreeSet<&String>| {
        let files = chosen.iter().flat_map(|name| modules[*name].iter());
        digest(&files.map(|(name, bytes)| (name.clone(), bytes.clone())).collect())
    };
    let with_mentioned = |name: &String| {
        // Modules that are no kind (tables, helpers of several) belong to every kind of the family.
        let mut open: Vec<&String> = all.iter().copied().filter(|other| !kinds.contains(other)).collect();
        open.push(name);
        let mut chosen: BTreeSet<&String> = BTreeSet::new();
        while let Some(name) = open.pop() {
            let Some((name, files)) = modules.get_key_value(name) else { continue };
            if chosen.insert(name) {
                open.extend(all.iter().filter(|other| !chosen.contains(**other) && mentions(files, other)));
            }
        }
        chosen
    };
    named.iter().map(|name| digest_of(&name.as_ref().map_or_else(|| all.clone(), with_mentioned))).collect()
}

/// Files by name relative to the crate's sources.
type Files = BTreeMap<String, Vec<u8>>;

/// The modules in a family's folder with their files.
fn modules(folder: &Path) -> BTreeMap<String, Files> {
    let mut modules: BTreeMap<String, Files> = BTreeMap::new();
    for path in listing(folder) {
        let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
        let files = modules.entry(stem.to_owned()).or_default();
        if path.is_dir() {
            collect(files, "", folder, &path);
        } else {
            add(files, "", folder, &path);
        }
    }
    modules
}

/// The items of `pub static ALL: … = &[ … ];`, split at commas outside of brackets.
fn items(list: &str) -> Vec<String> {
    let code: String =
        list.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join(" ");
    let Some(start) = code.find("static ALL").and_then(|at| code[at..].find('=').map(|eq| at + eq)) else {
        return Vec::new();
    };
    let Some(open) = code[start..].find('[').map(|at| start + at + 1) else { return Vec::new() };
    let (mut depth, mut items, mut item) = (0, Vec::new(), String::new());
    for c in code[open..].chars() {
        match c {
            ']' if depth == 0 => break,
            ',' if depth == 0 => items.push(std::mem::take(&mut item)),
            c => {
                depth += i32::from("([{".contains(c)) - i32::from(")]}".contains(c));
                item.push(c);
            }
        }
    }
    items.push(item);
    items.into_iter().map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect()
}

/// The module with which an item's path begins.
fn module_of(item: &str, family: &str, modules: &BTreeMap<String, Files>) -> Option<String> {
    let first = item.trim_start_matches('&').split("::").map(str::trim);
    first
        .take(3)
        .find(|part| !["crate", "self", family].contains(part))
        .filter(|part| modules.contains_key(*part))
        .map(str::to_owned)
}

/// Whether a word occurs in these files.
fn mentions(files: &Files, word: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    files
        .values()
        .any(|bytes| String::from_utf8_lossy(bytes).split(|c| !is_word(c)).any(|found| found == word))
}

fn listing(dir: &Path) -> Vec<PathBuf> {
    println!("cargo::rerun-if-changed={}", dir.display());
    let mut paths: Vec<PathBuf> =
        fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn collect(files: &mut Files, prefix: &str, base: &Path, dir: &Path) {
    for path in listing(dir) {
        if path.is_dir() {
            collect(files, prefix, base, &path);
        } else {
            add(files, prefix, base, &path);
        }
    }
}

fn add(files: &mut Files, prefix: &str, base: &Path, path: &Path) {
    println!("cargo::rerun-if-changed={}", path.display());
    let relative = path.strip_prefix(base).expect("because it was found below");
    let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
    files.insert(
        format!("{prefix}/{}", parts.join("/")),
        fs::read(path).expect("because cargo's sources can be read"),
    );
}

fn digest(files: &Files) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for (name, bytes) in files {
        for part in [name.as_bytes(), bytes] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
    }
    *hasher.finalize().as_bytes()
}
