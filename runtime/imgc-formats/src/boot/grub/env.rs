//! Counted entries: the environment block in which GRUB keeps how often each may still be started, and the commands that count.
//!
//! For each entry with `tries` there is a variable, such as `tries_new` for the entry `new`. At first it is the number of tries; each
//! start takes one away before the kernel is loaded. An entry whose variable is `0` is passed over: the next one in the menu's order starts
//! by itself. A started system says that it is good by writing anything that is no number, `good` by convention:
//!
//! ```text
//! grub-editenv /boot/grub/grubenv set tries_new=good
//! ```
//!
//! GRUB's language has no arithmetic, so each count is a case of its own. GRUB writes in the file's own blocks, so the file is never
//! sparse, and lies where nothing else looks at its bytes (GRUB manual, "Environment block").

use std::{collections::BTreeMap, fmt::Write};

use imgc_plan::{
    kind::OptionProblem,
    menu::{Menu, MenuEntry},
};

use super::place::{Place, SMALL, can_write};

/// The file's name, which GRUB looks for beside `grub.cfg`, and its length in bytes, which it never changes.
pub const FILE: &str = "grubenv";
const LEN: usize = 1024;

/// What it begins with, and what fills it up (GRUB, `include/grub/lib/envblk.h`).
const SIGNATURE: &str = "# GRUB Environment Block\n";
const FILL: u8 = b'#';

const INFALLIBLE: &str = "because writing into a string does not fail";

/// Whether any entry is counted.
pub fn counts(menu: &Menu) -> bool {
    menu.entries.iter().any(|entry| entry.tries.is_some())
}

/// The block at first: every entry has all its tries.
pub fn block(menu: &Menu) -> Vec<u8> {
    let mut text = SIGNATURE.to_owned();
    for entry in &menu.entries {
        if let Some(tries) = entry.tries {
            writeln!(text, "{}={tries}", variable(entry)).expect(INFALLIBLE);
        }
    }
    let mut bytes = text.into_bytes();
    bytes.resize(bytes.len().max(LEN), FILL);
    bytes
}

/// Everything that cannot be counted, each with the index of its outermost entry.
pub fn check(menu: &Menu, place: &Place<'_>) -> Vec<(usize, OptionProblem)> {
    let mut found = Vec::new();
    let mut names: BTreeMap<String, &str> = BTreeMap::new();
    for (index, entry) in menu.entries.iter().enumerate() {
        if entry.entries.iter().any(counted_within) {
            let message = "entries of a submenu never start by themselves, so their tries mean nothing";
            found.push((index, problem(message.to_owned(), "leave `tries` out, or move the entry outside")));
        }
        if entry.tries.is_none() {
            continue;
        }
        if !can_write(place.own) {
            let message = match place.own {
                Some(own) => {
                    let (name, filesystem) = (&own.name, &own.filesystem);
                    format!(
                        "GRUB cannot count tries in `{name}`, as it cannot change a file of `{filesystem}`"
                    )
                }
                None => "GRUB cannot count tries over a network".to_owned(),
            };
            found.push((index, problem(message, SMALL)));
        }
        if let Some(other) = names.insert(variable(entry), &entry.name) {
            let message = format!(
                "the tries of `{other}` and `{}` would have the same name, `{}`",
                entry.name,
                variable(entry)
            );
            found.push((index, problem(message, "let their names differ in letters or digits")));
        }
    }
    if let (true, Some(index)) =
        (block(menu).len() > LEN, menu.entries.iter().rposition(|e| e.tries.is_some()))
    {
        let message = format!("the tries of all entries do not fit GRUB's environment block of {LEN} bytes");
        found.push((index, problem(message, "count fewer entries, or give them shorter names")));
    }
    found
}

fn counted_within(entry: &MenuEntry) -> bool {
    entry.tries.is_some() || entry.entries.iter().any(counted_within)
}

/// The name of an entry's variable: GRUB's names are of letters, digits and `_`.
fn variable(entry: &MenuEntry) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    format!("tries_{}", entry.name.chars().map(plain).collect::<String>())
}

/// Chooses what starts by itself: the default or, from there in the menu's order, the first entry that may be started. When none may be,
/// it is the default after all. `reference` gives what `default` is set to for an entry.
pub fn choose(menu: &Menu, default: usize, reference: impl Fn(usize) -> String, text: &mut String) {
    text.push_str("load_env\n");
    let candidates: Vec<usize> =
        (default..menu.entries.len()).filter(|at| menu.entries[*at].entries.is_empty()).collect();
    let mut word = "if";
    for (place, index) in candidates.iter().enumerate() {
        let (entry, set) = (&menu.entries[*index], reference(*index));
        if *index != default && place == 0 || entry.tries.is_none() {
            let indent = if place == 0 { "" } else { "else\n\t" };
            let set = if place == 0 { reference(default) } else { set };
            writeln!(text, "{indent}set default={set}").expect(INFALLIBLE);
            text.push_str(if place == 0 { "" } else { "fi\n" });
            return;
        }
        let behind: Vec<String> = candidates[place + 1..].iter().map(usize::to_string).collect();
        writeln!(text, "{word} [ \"${}\" != 0 ]; then\n\tset default={set}", variable(entry))
            .expect(INFALLIBLE);
        // Where its kernel cannot be loaded, GRUB goes on with these.
        writeln!(text, "\tset fallback='{}'", behind.join(" ")).expect(INFALLIBLE);
        word = "elif";
    }
    let reference = reference(default);
    match word {
        "if" => writeln!(text, "set default={reference}"),
        _ => writeln!(text, "else\n\tset default={reference}\nfi"),
    }
    .expect(INFALLIBLE);
}

/// Takes one try away, as long as there is a number.
pub fn count(entry: &MenuEntry, indent: &str, text: &mut String) {
    let Some(tries) = entry.tries else { return };
    let name = variable(entry);
    let mut word = "if";
    for left in (1..=tries).rev() {
        let less = left - 1;
        writeln!(text, "{indent}{word} [ \"${name}\" = {left} ]; then set {name}={less}; save_env {name}")
            .expect(INFALLIBLE);
        word = "elif";
    }
    writeln!(text, "{indent}fi").expect(INFALLIBLE);
}

fn problem(message: String, help: &str) -> OptionProblem {
    OptionProblem { option: None, message, help: Some(help.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, tries: Option<u32>) -> MenuEntry {
        MenuEntry { name: name.into(), title: name.into(), tries, ..MenuEntry::default() }
    }

    fn menu(entries: &[(&str, Option<u32>)]) -> Menu {
        let entries = entries.iter().map(|(name, tries)| entry(name, *tries)).collect();
        Menu { timeout: Some(0), default: None, consoles: vec![], entries }
    }

    fn chosen(menu: &Menu, default: usize) -> String {
        let mut text = String::new();
        choose(menu, default, |index| index.to_string(), &mut text);
        text
    }

    #[test]
    fn the_block_is_as_long_as_grub_wants_it() {
        let block = block(&menu(&[("new-1", Some(3)), ("old", None)]));
        assert_eq!(block.len(), 1024);
        assert!(block.starts_with(b"# GRUB Environment Block\ntries_new_1=3\n##"));
        assert!(block.ends_with(b"#"));
    }

    #[test]
    fn the_first_with_tries_left_is_chosen() {
        let text = chosen(&menu(&[("a", Some(2)), ("b", Some(1)), ("c", None), ("d", None)]), 0);
        let expected = "load_env\nif [ \"$tries_a\" != 0 ]; then\n\tset default=0\n\tset fallback='1 2 3'\n\
                        elif [ \"$tries_b\" != 0 ]; then\n\tset default=1\n\tset fallback='2 3'\n\
                        else\n\tset default=2\nfi\n";
        assert_eq!(text, expected);
        let all = chosen(&menu(&[("x", None), ("a", Some(2))]), 1);
        assert!(all.ends_with("set fallback=''\nelse\n\tset default=1\nfi\n"), "{all}");
        assert_eq!(chosen(&menu(&[("x", None), ("a", Some(2))]), 0), "load_env\nset default=0\n");
    }

    #[test]
    fn a_submenu_is_no_candidate() {
        let mut menu = menu(&[("a", Some(1)), ("s", None), ("b", None)]);
        menu.entries[1].entries = vec![entry("inner", None)];
        assert!(chosen(&menu, 0).contains("else\n\tset default=2\nfi"), "{}", chosen(&menu, 0));
        assert_eq!(chosen(&menu, 1), "load_env\nset default=1\n");
        menu.entries.truncate(2);
        assert_eq!(chosen(&menu, 1), "load_env\nset default=1\n");
    }

    #[test]
    fn each_start_takes_one_away() {
        let mut text = String::new();
        count(&entry("a", Some(2)), "\t", &mut text);
        let expected = "\tif [ \"$tries_a\" = 2 ]; then set tries_a=1; save_env tries_a\n\
                        \telif [ \"$tries_a\" = 1 ]; then set tries_a=0; save_env tries_a\n\tfi\n";
        assert_eq!(text, expected);
    }
}
