//! `grub.cfg`, read for what it names: commands in their order, variables that are set to plain words, no conditions.

use std::collections::BTreeMap;

use super::{disk::Disk, grub::Home, report::Trail};
use crate::boot::grub::Area;

/// How deep files that name others are followed, and how many in all.
const DEEPEST: usize = 4;
const MOST_FILES: usize = 32;

/// The commands that read files, and the modules that they are in; none where that depends on who built GRUB.
const COMMANDS: &[(&str, &str)] = &[
    ("linux", "linux"),
    ("linux16", "linux16"),
    ("linuxefi", ""),
    ("initrd", "linux"),
    ("initrd16", "linux16"),
    ("initrdefi", ""),
    ("multiboot", "multiboot"),
    ("module", "multiboot"),
    ("multiboot2", "multiboot2"),
    ("module2", "multiboot2"),
    ("chainloader", "chain"),
    ("devicetree", "fdt"),
];

/// What a menu has.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) entries: usize,
    /// How many commands name files.
    pub(super) commands: usize,
    pub(super) missing: usize,
}

struct Reading<'c> {
    disk: &'c Disk<'c>,
    home: &'c Home<'c>,
    area: &'c Area,
    variables: BTreeMap<String, String>,
    files: usize,
    found: Found,
    /// The modules that were looked for, and whether they are there.
    modules: BTreeMap<&'static str, bool>,
    /// Whether files are looked for elsewhere than beside the menu.
    moved: bool,
}

/// Reads a menu and what it includes.
pub(super) fn check(disk: &Disk<'_>, home: &Home<'_>, area: &Area, path: &str, trail: &mut Trail) -> Found {
    let variables =
        BTreeMap::from([("prefix".to_owned(), home.directory.clone()), ("root".to_owned(), String::new())]);
    let mut reading = Reading {
        disk,
        home,
        area,
        variables,
        files: 0,
        found: Found::default(),
        modules: BTreeMap::new(),
        moved: false,
    };
    reading.file(path, 0, trail);
    reading.found
}

impl Reading<'_> {
    fn file(&mut self, path: &str, depth: usize, trail: &mut Trail) {
        self.files += 1;
        if depth > DEEPEST || self.files > MOST_FILES {
            return;
        }
        let plain = strip_device(path);
        let here = std::iter::once((self.home.part, self.home.files)).chain(self.disk.readable());
        let mut found = here.filter_map(|(part, files)| Some((part, files, files.file(plain)?)));
        let Some((part, files, entry)) = found.next() else { return };
        let name = part.path(plain);
        let text = match files.text(entry) {
            Ok(text) => text,
            Err(why) => return trail.error(&name, format!("it {why}"), ""),
        };
        for (line, words) in commands(&text) {
            self.command(&words, &format!("line {line} of {name}"), depth, trail);
        }
    }

    fn command(&mut self, words: &[String], place: &str, depth: usize, trail: &mut Trail) {
        let words: Vec<Option<String>> = words.iter().map(|word| self.fill(word)).collect();
        let Some(Some(name)) = words.first() else { return };
        let arguments = &words[1..];
        let first = arguments.iter().flatten().find(|word| !word.starts_with('-'));
        match name.as_str() {
            "menuentry" => self.found.entries += 1,
            "set" => {
                if let Some((name, value)) = first.and_then(|word| word.split_once('=')) {
                    self.moved |= name == "root";
                    // What a device is called decides nothing here: files are looked for everywhere.
                    let value = if name == "root" { "" } else { value };
                    self.variables.insert(name.to_owned(), value.to_owned());
                }
            }
            name if name.starts_with("search") => self.moved = true,
            "configfile" | "source" | "." | "normal" => {
                let Some(path) = first.cloned() else { return };
                self.file(&path, depth + 1, trail);
            }
            name => {
                let Some((name, module)) = COMMANDS.iter().find(|(known, _)| *known == name) else { return };
                self.found.commands += 1;
                self.module(name, module, place, trail);
                let most = if name.starts_with("initrd") { usize::MAX } else { 1 };
                for path in arguments
                    .iter()
                    .filter(|word| word.as_ref().is_none_or(|word| !word.starts_with('-')))
                    .take(most)
                    .flatten()
                {
                    self.path(name, path, place, trail);
                }
            }
        }
    }

    fn module(&mut self, command: &str, module: &'static str, place: &str, trail: &mut Trail) {
        let Self { disk, home, area, variables, .. } = self;
        let there = *self.modules.entry(module).or_insert_with(|| {
            let prefix = variables.get("prefix").map_or("", |prefix| strip_device(prefix));
            let path = format!("{prefix}/{}/{module}.mod", home.platform);
            let beside = || disk.readable().any(|(_, files)| files.file(&path).is_some());
            module.is_empty() || home.has_module(area, module) || beside()
        });
        if there {
            return;
        }
        let platform = self.home.platform;
        let message = format!("`{command}` needs GRUB's module `{module}` for {platform}, and it is missing");
        trail.error(place, message, &format!("copy {module}.mod into {}/{platform}", self.home.directory));
    }

    fn path(&mut self, command: &str, path: &str, place: &str, trail: &mut Trail) {
        let plain = strip_device(path);
        // Block lists and names of networks are no paths.
        if !plain.starts_with('/') || plain.starts_with("//") {
            return;
        }
        let there = self.home.files.file(plain).is_some()
            || self.disk.readable().any(|(_, files)| files.file(plain).is_some());
        if there {
            return;
        }
        self.found.missing += 1;
        let message = format!("`{command}` names {plain}, and there is no such file");
        if (self.moved || path.starts_with('(')) && self.disk.hides_something() {
            trail.warning(place, message, "it may be in a filesystem that imgc does not read");
        } else {
            trail.error(place, message, "mend the path, or put the file there");
        }
    }

    /// A word with its variables; `None` when one of them is not known.
    fn fill(&self, word: &str) -> Option<String> {
        let mut out = String::new();
        let mut rest = word;
        while let Some((before, after)) = rest.split_once('$') {
            out.push_str(before);
            let (name, next) = match after.strip_prefix('{') {
                Some(braced) => braced.split_once('}')?,
                None => {
                    let end =
                        after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
                    after.split_at(end)
                }
            };
            out.push_str(self.variables.get(name)?);
            rest = next;
            // Values that name one another would grow without end.
            if out.len() > 4096 {
                return None;
            }
        }
        out.push_str(rest);
        Some(out)
    }
}

/// A path without the device before it.
fn strip_device(path: &str) -> &str {
    if path.starts_with('(') { path.split_once(')').map_or("", |(_, path)| path) } else { path }
}

/// The simple commands of a script, each with its line: words without quotes. Words of control are dropped.
fn commands(text: &str) -> Vec<(usize, Vec<String>)> {
    let mut out = Vec::new();
    let (mut words, mut word, mut line, mut start) = (Vec::new(), None::<String>, 1, 1);
    let mut chars = text.chars().peekable();
    let mut quote = None;
    while let Some(c) = chars.next() {
        if word.is_none() && words.is_empty() {
            start = line;
        }
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => match chars.next() {
                Some('\n') => line += 1,
                Some(next) => word.get_or_insert_default().push(next),
                None => {}
            },
            (Some(_), c) => {
                line += usize::from(c == '\n');
                word.get_or_insert_default().push(c);
            }
            (None, '#') if word.is_none() => while chars.next_if(|c| *c != '\n').is_some() {},
            // Braces of variables belong to words.
            (None, '{') if word.as_ref().is_some_and(|word| word.ends_with('$')) => {
                word.get_or_insert_default().push('{');
                while let Some(c) = chars.next_if(|c| !c.is_whitespace()) {
                    word.get_or_insert_default().push(c);
                    if c == '}' {
                        break;
                    }
                }
            }
            (None, '\n' | ';' | '{' | '}' | '|' | '&') => {
                words.extend(word.take());
                end(&mut words, start, &mut out);
                line += usize::from(c == '\n');
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    end(&mut words, start, &mut out);
    out
}

fn end(words: &mut Vec<String>, line: usize, out: &mut Vec<(usize, Vec<String>)>) {
    let control = |word: &String| {
        matches!(word.as_str(), "if" | "elif" | "then" | "else" | "while" | "until" | "do" | "!")
    };
    let skip = words.iter().take_while(|word| control(word)).count();
    if words.len() > skip {
        out.push((line, words.split_off(skip)));
    }
    words.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_in_their_lines() {
        let text = "set a=1 # no\nmenuentry 'A b' --id \"x\" {\n\tlinux ($root)/${k}z \\\n q\n}\nif [ x ]; then initrd '/i'; fi\n";
        let found = commands(text);
        let wanted: Vec<(usize, Vec<&str>)> = vec![
            (1, vec!["set", "a=1"]),
            (2, vec!["menuentry", "A b", "--id", "x"]),
            (3, vec!["linux", "($root)/${k}z", "q"]),
            (6, vec!["[", "x", "]"]),
            (6, vec!["initrd", "/i"]),
            (6, vec!["fi"]),
        ];
        let found: Vec<(usize, Vec<&str>)> =
            found.iter().map(|(line, words)| (*line, words.iter().map(String::as_str).collect())).collect();
        assert_eq!(found, wanted);
    }
}
