//! Globs over paths of bytes: `*` and `?` stay within a name, `**` crosses, names need not be UTF-8.

use globset::{GlobBuilder, GlobMatcher};

use crate::os;

/// A glob over paths without a `/` at the start.
#[derive(Clone, Debug)]
pub struct PathGlob {
    text: String,
    whole: GlobMatcher,
    /// The path that it is, when it has no special characters.
    literal: Option<Vec<u8>>,
    parts: Vec<Part>,
}

/// What one name along the path must be.
#[derive(Clone, Debug)]
enum Part {
    /// Any number of names from here on.
    Any,
    /// This name.
    Name(Vec<u8>),
    /// A name that matches.
    Glob(GlobMatcher),
}

impl PathGlob {
    /// Reads a pattern. Slashes at its ends do not count.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn new(pattern: &str) -> Result<Self, String> {
        let text = pattern.trim_matches('/');
        let text = text.strip_prefix("./").unwrap_or(text);
        let whole = compile(text)?;
        let parts = match split(text) {
            Some(parts) => parts.into_iter().map(part).collect::<Result<_, _>>()?,
            None => vec![Part::Any],
        };
        let names: Option<Vec<&[u8]>> = parts
            .iter()
            .map(|part| match part {
                Part::Name(name) => Some(name.as_slice()),
                _ => None,
            })
            .collect();
        let literal = names.map(|names| names.join(&b'/'));
        Ok(Self { text: text.to_owned(), whole, literal, parts })
    }

    /// The pattern.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The one path that it can match, when it has no special characters.
    pub fn literal(&self) -> Option<&[u8]> {
        self.literal.as_deref()
    }

    /// Whether a path matches.
    pub fn matches(&self, path: &[u8]) -> bool {
        match &self.literal {
            Some(literal) => literal == path,
            None => os::path(path).is_ok_and(|path| self.whole.is_match(path)),
        }
    }

    /// Whether something below this directory can match.
    pub fn can_match_below(&self, dir: &[u8]) -> bool {
        self.next(dir).is_some()
    }

    /// The only name in this directory on the way to a match, if there is only one.
    pub fn only_name(&self, dir: &[u8]) -> Option<&[u8]> {
        match self.next(dir) {
            Some(Part::Name(name)) => Some(name),
            _ => None,
        }
    }

    /// What the next name below this directory must be; `None` when nothing below can match.
    fn next(&self, dir: &[u8]) -> Option<&Part> {
        let mut parts = self.parts.iter();
        for name in dir.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
            match parts.next()? {
                Part::Any => return Some(&Part::Any),
                Part::Name(wanted) if wanted == name => {}
                Part::Glob(glob) if os::path(name).is_ok_and(|name| glob.is_match(name)) => {}
                _ => return None,
            }
        }
        parts.next()
    }
}

fn compile(text: &str) -> Result<GlobMatcher, String> {
    let glob = GlobBuilder::new(text).literal_separator(true).backslash_escape(true).build();
    glob.map(|glob| glob.compile_matcher())
        .map_err(|error| format!("`{text}` is not a pattern: {}", error.kind()))
}

/// The names of a pattern; `None` when braces reach over a slash, so that names cannot be told apart.
fn split(text: &str) -> Option<Vec<&str>> {
    let (mut depth, mut start, mut parts, mut escaped) = (0usize, 0, Vec::new(), false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            '/' if depth > 0 => return None,
            '/' => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    Some(parts.into_iter().filter(|part| !part.is_empty()).collect())
}

fn part(text: &str) -> Result<Part, String> {
    if text == "**" {
        return Ok(Part::Any);
    }
    let mut name = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' | '?' | '[' | ']' | '{' | '}' => return compile(text).map(Part::Glob),
            '\\' => name.extend(chars.next()),
            c => name.push(c),
        }
    }
    Ok(Part::Name(name.into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glob(text: &str) -> PathGlob {
        PathGlob::new(text).expect("a pattern")
    }

    #[test]
    fn stars_stay_within_names_and_two_cross() {
        assert!(glob("boot/vmlinuz-*").matches(b"boot/vmlinuz-6.1"));
        assert!(!glob("boot/*").matches(b"boot/a/b"));
        assert!(glob("**/*.ko").matches(b"lib/modules/x.ko") && glob("**/*.ko").matches(b"x.ko"));
        assert!(glob("caf?").matches(b"caf\xe9") && glob("*").matches(b"\xff\xfe"));
        assert_eq!(glob("/a/b/").literal(), Some(&b"a/b"[..]));
        assert_eq!(glob("a\\*").literal(), Some(&b"a*"[..]));
        assert!(PathGlob::new("a[").is_err());
    }

    #[test]
    fn walks_are_cut_where_nothing_can_match() {
        let pattern = glob("boot/grub/*/x");
        assert_eq!(pattern.only_name(b""), Some(&b"boot"[..]));
        assert_eq!(pattern.only_name(b"boot"), Some(&b"grub"[..]));
        assert_eq!(pattern.only_name(b"boot/grub"), None);
        assert!(pattern.can_match_below(b"boot/grub/any") && !pattern.can_match_below(b"lib"));
        assert!(!pattern.can_match_below(b"boot/grub/any/x"));
        assert!(glob("a/**").can_match_below(b"a/b/c/d") && !glob("a/**").can_match_below(b"b"));
        assert!(glob("{a/b,c}/d").can_match_below(b"z"), "braces over slashes are not cut");
    }
}
