//! Runs a property over seeds; of a tree that fails it the least part that still fails is shown.
//!
//! `IMGC_FUZZ_SEEDS=N` runs N seeds instead of the few that belong to the tests, `IMGC_FUZZ_FROM=S` starts at another one.

use std::panic::{AssertUnwindSafe, catch_unwind};

use imgc_image::{Entry, MemoryStore, Tree};

use crate::{
    forest::{self, Grove},
    soil::Soil,
};

/// What is tested: of a seed (for options), a tree and its contents. It panics where something is wrong.
pub type Property<'a> = dyn Fn(u64, &Tree, &MemoryStore) + 'a;

/// How often a failing tree is tried with parts left out, at most: each try runs tools.
const TRIES: u32 = 200;

/// The seeds to run: `usual` ones from 0 on, unless the environment says otherwise.
pub fn seeds(usual: u64) -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a number of seeds"));
    let from = number("IMGC_FUZZ_FROM").unwrap_or(0);
    from..from + number("IMGC_FUZZ_SEEDS").unwrap_or(usual)
}

/// Runs a property over trees of so many entries by chance.
///
/// # Panics
/// With the seed and the least tree that fails, when one does.
pub fn run(what: &str, usual: u64, count: usize, soil: &Soil, property: &Property<'_>) {
    for seed in seeds(usual) {
        let grove = Grove::grown(seed, count, soil);
        let fails = |entries: &[Entry]| complaint(seed, entries, &grove.store, property);
        let Some(first) = fails(&grove.entries) else { continue };
        let (least, last) = shrink(grove.entries.clone(), first, fails);
        let shown: Vec<String> = least.iter().take(20).map(|entry| format!("{entry:?}")).collect();
        panic!(
            "{what}: seed {seed} fails; run it again with IMGC_FUZZ_FROM={seed} IMGC_FUZZ_SEEDS=1\n\
             with {} of {} entries:\n{}\n{last}",
            least.len(),
            grove.entries.len(),
            shown.join("\n")
        );
    }
}

/// What a property says of these entries; `None`: nothing.
fn complaint(seed: u64, entries: &[Entry], store: &MemoryStore, property: &Property<'_>) -> Option<String> {
    let tree = forest::tree(entries);
    let panic = catch_unwind(AssertUnwindSafe(|| property(seed, &tree, store))).err()?;
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    Some(text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it panics".into()))
}

/// Leaves out parts, large ones first, as long as the rest fails.
fn shrink(
    mut entries: Vec<Entry>,
    mut last: String,
    fails: impl Fn(&[Entry]) -> Option<String>,
) -> (Vec<Entry>, String) {
    let mut tries = 0;
    let mut part = entries.len() / 2;
    while part > 0 && tries < TRIES {
        let mut at = 0;
        while at < entries.len() && tries < TRIES {
            let rest = [&entries[..at], &entries[(at + part).min(entries.len())..]].concat();
            tries += 1;
            match fails(&rest) {
                Some(said) => (entries, last) = (rest, said),
                None => at += part,
            }
        }
        part /= 2;
    }
    (entries, last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_shown_by_the_entry_that_makes_it() {
        let grown = Grove::grown(3, 100, &Soil::UNIX);
        let guilty = grown.entries[70].path.clone();
        let property =
            |_: u64, tree: &Tree, _: &MemoryStore| assert!(tree.get(&guilty.0).is_none(), "guilty");
        let fails = |entries: &[Entry]| complaint(3, entries, &grown.store, &property);
        let (least, said) = shrink(grown.entries.clone(), String::new(), fails);
        assert_eq!((least.len(), &least[0].path, said.as_str()), (1, &guilty, "guilty"));
    }

    #[test]
    fn every_kind_of_entry_grows_and_the_same_each_time() {
        for soil in [Soil::UNIX, Soil::PLAIN] {
            let (one, two) = (Grove::grown(1, 500, &soil), Grove::grown(1, 500, &soil));
            assert_eq!(one.tree(), two.tree());
            let tree = one.tree();
            let count = |is: fn(&Entry) -> bool| tree.entries().iter().filter(|entry| is(entry)).count();
            assert!(count(Entry::is_dir) > 20 && count(|entry| entry.path.0.len() > 600) > 5);
            assert_eq!(count(|entry| entry.link.is_some()) > 10, soil.links);
            assert_eq!(count(|entry| !entry.xattrs.is_empty()) > 10, !soil.xattrs.is_empty());
            assert_eq!(count(|entry| std::str::from_utf8(&entry.path.0).is_err()) > 10, soil.owners);
        }
    }
}
