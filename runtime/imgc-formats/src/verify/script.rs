//! `grub.cfg`, read for what it names: commands in their order, variables that are set to plain words.
//!
//! Conditions are not decided: every branch may be taken, so what stands in one is read, and said to be under a condition. A variable
//! that is set there may have the old value, too.

use std::collections::BTreeMap;

use super::{disk::Disk, grub::Home, report::Trail};
use crate::boot::grub::Area;

/// How deep files that name others are followed, and how many in all.
const DEEPEST: usize = 4;
const MOST_FILES: usize = 32;

/// How many values a variable or a word can have that conditions decide.
const MOST_VALUES: usize = 16;
/// The longest value, in bytes: values that name one another would grow without end.
const LONGEST: usize = 4096;

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
    /// How many files are missing that are only read under conditions.
    pub(super) perhaps: usize,
}

struct Reading<'c> {
    disk: &'c Disk<'c>,
    home: &'c Home<'c>,
    area: &'c Area,
    /// What each may be.
    variables: BTreeMap<String, Vec<String>>,
    files: usize,
    found: Found,
    /// The modules that were looked for, and whether they are there.
    modules: BTreeMap<&'static str, bool>,
    /// Whether files are looked for elsewhere than beside the menu.
    moved: bool,
}

/// Reads a menu and what it includes.
pub(super) fn check(disk: &Disk<'_>, home: &Home<'_>, area: &Area, path: &str, trail: &mut Trail) -> Found {
    let variables = BTreeMap::from([
        ("prefix".to_owned(), vec![home.directory.clone()]),
        ("root".to_owned(), vec![String::new()]),
    ]);
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
    reading.file(path, 0, false, trail);
    reading.found
}

impl Reading<'_> {
    /// Reads a file, which may be read only `perhaps`.
    fn file(&mut self, path: &str, depth: usize, perhaps: bool, trail: &mut Trail) {
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
        for Command { line, perhaps: under, words } in commands(&text) {
            let place = Place { name: format!("line {line} of {name}"), perhaps: perhaps || under };
            self.command(&words, &place, depth, trail);
        }
    }

    fn command(&mut self, words: &[String], place: &Place, depth: usize, trail: &mut Trail) {
        let words: Vec<Option<Vec<String>>> = words.iter().map(|word| self.fill(word)).collect();
        let Some(Some(name)) = words.first().map(|word| word.as_ref().and_then(|values| values.first()))
        else {
            return;
        };
        let arguments = &words[1..];
        let is_option = |values: &[String]| values.iter().any(|value| value.starts_with('-'));
        let first = arguments.iter().flatten().find(|values| !is_option(values));
        match name.as_str() {
            "menuentry" => self.found.entries += 1,
            "set" => {
                for (at, (name, value)) in
                    first.into_iter().flatten().filter_map(|word| word.split_once('=')).enumerate()
                {
                    self.moved |= name == "root";
                    // What a device is called decides nothing here: files are looked for everywhere.
                    let value = if name == "root" { "" } else { value };
                    let values = self.variables.entry(name.to_owned()).or_default();
                    if at == 0 && !place.perhaps {
                        values.clear();
                    }
                    if values.len() < MOST_VALUES && !values.iter().any(|known| known == value) {
                        values.push(value.to_owned());
                    }
                }
            }
            name if name.starts_with("search") => self.moved = true,
            "configfile" | "source" | "." | "normal" => {
                let Some(paths) = first.cloned() else { return };
                let perhaps = place.perhaps || paths.len() > 1;
                paths.iter().for_each(|path| self.file(path, depth + 1, perhaps, trail));
            }
            name => {
                let Some((name, module)) = COMMANDS.iter().find(|(known, _)| *known == name) else { return };
                self.found.commands += 1;
                self.module(name, module, place, trail);
                let most = if name.starts_with("initrd") { usize::MAX } else { 1 };
                let paths =
                    arguments.iter().filter(|values| values.as_ref().is_none_or(|values| !is_option(values)));
                for paths in paths.take(most).flatten() {
                    self.paths(name, paths, place, trail);
                }
            }
        }
    }

    fn module(&mut self, command: &str, module: &'static str, place: &Place, trail: &mut Trail) {
        let Self { disk, home, area, variables, .. } = self;
        let there = *self.modules.entry(module).or_insert_with(|| {
            let prefix = variables.get("prefix").and_then(|values| values.first());
            let prefix = prefix.map_or("", |prefix| strip_device(prefix));
            let path = format!("{prefix}/{}/{module}.mod", home.platform);
            let beside = || disk.readable().any(|(_, files)| files.file(&path).is_some());
            module.is_empty() || home.has_module(area, module) || beside()
        });
        if there {
            return;
        }
        let platform = self.home.platform;
        let help = format!("copy {module}.mod into {}/{platform}", self.home.directory);
        if place.perhaps {
            let message = format!(
                "`{command}`, under a condition, needs GRUB's module `{module}` for {platform}, and it is missing"
            );
            trail.warning(&place.name, message, &help);
        } else {
            let message =
                format!("`{command}` needs GRUB's module `{module}` for {platform}, and it is missing");
            trail.error(&place.name, message, &help);
        }
    }

    /// Looks for a file by each of the paths that it may have.
    fn paths(&mut self, command: &str, paths: &[String], place: &Place, trail: &mut Trail) {
        let missing: Vec<&String> = paths.iter().filter(|path| self.is_missing(path)).collect();
        // Where it is missing whatever the conditions are, none of them is to blame.
        let perhaps = place.perhaps || missing.len() < paths.len();
        for path in missing {
            let plain = strip_device(path);
            let hidden = (self.moved || path.starts_with('(')) && self.disk.hides_something();
            if perhaps {
                self.found.perhaps += 1;
                let message =
                    format!("`{command}` names {plain} under a condition, and there is no such file");
                trail.warning(&place.name, message, "put the file there, if the condition can hold");
                continue;
            }
            self.found.missing += 1;
            let message = format!("`{command}` names {plain}, and there is no such file");
            if hidden {
                trail.warning(&place.name, message, "it may be in a filesystem that imgc does not read");
            } else {
                trail.error(&place.name, message, "mend the path, or put the file there");
            }
        }
    }

    fn is_missing(&self, path: &str) -> bool {
        let plain = strip_device(path);
        // Block lists and names of networks are no paths.
        plain.starts_with('/')
            && !plain.starts_with("//")
            && self.home.files.file(plain).is_none()
            && !self.disk.readable().any(|(_, files)| files.file(plain).is_some())
    }

    /// What a word may be with its variables; `None` when one of them is not known.
    fn fill(&self, word: &str) -> Option<Vec<String>> {
        let mut out = vec![String::new()];
        let mut rest = word;
        while let Some((before, after)) = rest.split_once('$') {
            let (name, next) = match after.strip_prefix('{') {
                Some(braced) => braced.split_once('}')?,
                None => {
                    let end =
                        after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
                    after.split_at(end)
                }
            };
            let values = self.variables.get(name)?;
            let joined = out
                .iter()
                .flat_map(|so_far| values.iter().map(move |value| format!("{so_far}{before}{value}")));
            out = joined.take(MOST_VALUES).collect();
            rest = next;
            if out.iter().any(|value| value.len() > LONGEST) {
                return None;
            }
        }
        out.iter_mut().for_each(|value| value.push_str(rest));
        Some(out)
    }
}

/// A line of a file, and whether it is only reached when conditions hold.
struct Place {
    name: String,
    perhaps: bool,
}

/// A path without the device before it.
fn strip_device(path: &str) -> &str {
    if path.starts_with('(') { path.split_once(')').map_or("", |(_, path)| path) } else { path }
}

/// A simple command: words without quotes and words of control.
#[derive(Debug, PartialEq, Eq)]
struct Command {
    line: usize,
    /// Whether it stands in a branch or a loop.
    perhaps: bool,
    words: Vec<String>,
}

/// The simple commands of a script.
fn commands(text: &str) -> Vec<Command> {
    let (mut out, mut open) = (Vec::new(), 0);
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
                end(&mut words, start, &mut open, &mut out);
                line += usize::from(c == '\n');
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    end(&mut words, start, &mut open, &mut out);
    out
}

/// Ends a command; `open` counts the branches and loops that it stands in.
fn end(words: &mut Vec<String>, line: usize, open: &mut usize, out: &mut Vec<Command>) {
    let (mut skip, mut opened) = (0, 0);
    for word in words.iter() {
        match word.as_str() {
            "if" | "while" | "until" => opened += 1,
            "elif" | "then" | "else" | "do" | "!" => {}
            "fi" | "done" => *open = open.saturating_sub(1),
            // Its words come first, then what is done with them.
            "for" => {
                opened += 1;
                break;
            }
            _ => break,
        }
        skip += 1;
    }
    if words.len() > skip {
        out.push(Command { line, perhaps: *open > 0, words: words.split_off(skip) });
    }
    // The condition itself is always looked at.
    *open += opened;
    words.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_in_their_lines() {
        let text = "set a=1 # no\nmenuentry 'A b' --id \"x\" {\n\tlinux ($root)/${k}z \\\n q\n}\nif [ x ]; then initrd '/i'; fi\n";
        let found = commands(text);
        let wanted: Vec<(usize, bool, Vec<&str>)> = vec![
            (1, false, vec!["set", "a=1"]),
            (2, false, vec!["menuentry", "A b", "--id", "x"]),
            (3, false, vec!["linux", "($root)/${k}z", "q"]),
            (6, false, vec!["[", "x", "]"]),
            (6, true, vec!["initrd", "/i"]),
        ];
        assert_eq!(plain(&found), wanted);
    }

    fn plain(found: &[Command]) -> Vec<(usize, bool, Vec<&str>)> {
        found
            .iter()
            .map(|one| (one.line, one.perhaps, one.words.iter().map(String::as_str).collect()))
            .collect()
    }

    #[test]
    fn what_stands_in_branches_and_loops_is_known() {
        let text = "if [ a ]; then\n  linux /a\nelif [ b ]; then\n  if [ c ]; then linux /b; fi\n  linux /c\nelse\n  linux /d\nfi\nlinux /e\n\
                    for k in /f /g; do\n  linux $k\ndone\nlinux /h\nfi\nfi\nlinux /i\n";
        let found = commands(text);
        let linux: Vec<(bool, &str)> = found
            .iter()
            .filter(|one| one.words[0] == "linux")
            .map(|one| (one.perhaps, one.words[1].as_str()))
            .collect();
        let wanted = [
            (true, "/a"),
            (true, "/b"),
            (true, "/c"),
            (true, "/d"),
            (false, "/e"),
            (true, "$k"),
            (false, "/h"),
            (false, "/i"),
        ];
        assert_eq!(linux, wanted);
    }
}
