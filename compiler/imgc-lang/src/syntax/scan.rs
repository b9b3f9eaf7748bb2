//! A look over the text before it is parsed: what would harm the parser, and mistakes that it explains badly.
//!
//! It follows strings and comments by KDL 2.0.0, sections 3.12 to 3.18, closely enough to know braces and bare words from
//! the inside of strings. Where it errs, the parser still says what is wrong.

use crate::diagnostic::{Diagnostic, Span};

/// The longest manifest, in bytes: far beyond what people write, and little for the parser.
pub const MAX_LEN: usize = 512 << 10;

/// How deep nodes and comments may nest. The parser overflows its stack at about 2000.
const MAX_DEPTH: usize = 64;

/// What the look found.
pub struct Scanned {
    /// What is wrong.
    pub found: Vec<Diagnostic>,
    /// Whether the parser must not see the text.
    pub fatal: bool,
    /// Bare words that are reported already and to be read as some word, as (start, length).
    pub broken: Vec<(usize, usize)>,
}

/// Looks over a text.
pub fn scan(text: &str) -> Scanned {
    let scanned = Scanned { found: Vec::new(), fatal: false, broken: Vec::new() };
    let mut scanner = Scanner { text, bytes: text.as_bytes(), at: 0, open: Vec::new(), scanned };
    scanner.run();
    scanner.scanned
}

struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// Where the braces that are open stand.
    open: Vec<usize>,
    scanned: Scanned,
}

impl Scanner<'_> {
    fn run(&mut self) {
        while let Some(&byte) = self.bytes.get(self.at) {
            if self.scanned.fatal {
                return;
            }
            match byte {
                b'/' if self.starts("//") => self.skip_line(),
                b'/' if self.starts("/*") => self.comment(),
                b'"' => self.string(0),
                b'#' => self.raw_string(),
                b'{' => self.open_brace(),
                b'}' => self.close_brace(),
                _ if is_bare(byte) => self.word(),
                _ => self.at += 1,
            }
        }
        if let Some(&brace) = self.open.last() {
            self.fail(brace, 1, "this `{` is never closed", "write a `}` where the node ends");
        }
    }

    fn starts(&self, what: &str) -> bool {
        self.bytes[self.at..].starts_with(what.as_bytes())
    }

    fn skip_line(&mut self) {
        self.at += self.bytes[self.at..].iter().take_while(|byte| **byte != b'\n').count();
    }

    fn fail(&mut self, at: usize, len: usize, message: &str, help: &str) {
        let span = Span { file: 0, start: at, len };
        self.scanned.found.push(Diagnostic::error("syntax", span, message).help(help));
        self.scanned.fatal = true;
    }

    fn comment(&mut self) {
        let mut depth = 0;
        let start = self.at;
        while self.at < self.bytes.len() {
            if self.starts("/*") {
                depth += 1;
                self.at += 2;
                if depth > MAX_DEPTH {
                    return self.fail(start, 2, "comments nest too deeply", "64 levels are the most");
                }
            } else if self.starts("*/") {
                depth -= 1;
                self.at += 2;
                if depth == 0 {
                    return;
                }
            } else {
                self.at += 1;
            }
        }
        self.fail(start, 2, "this comment is never closed", "close it where it ends");
    }

    /// A string whose quotes have so many `#` around them; raw where they have some.
    fn string(&mut self, hashes: usize) {
        let triple = self.starts("\"\"\"");
        let quotes = if triple { "\"\"\"" } else { "\"" };
        let end = format!("{quotes}{}", "#".repeat(hashes));
        self.at += quotes.len();
        while let Some(&byte) = self.bytes.get(self.at) {
            if self.starts(&end) {
                self.at += end.len();
                return;
            }
            match byte {
                b'\\' if hashes == 0 => self.escape(),
                // The parser says so, and goes on after the line.
                b'\n' if !triple => return,
                _ => self.at += 1,
            }
        }
    }

    /// An escape: of one character, or of all the space up to the next that is none.
    fn escape(&mut self) {
        self.at += 1;
        let rest = &self.text.as_bytes()[self.at.min(self.bytes.len())..];
        let space = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.at += space.max(1);
    }

    fn raw_string(&mut self) {
        let hashes = self.bytes[self.at..].iter().take_while(|byte| **byte == b'#').count();
        self.at += hashes;
        if self.bytes.get(self.at) == Some(&b'"') {
            self.string(hashes);
        } else {
            // A keyword such as `#true`.
            self.at += self.bytes[self.at..].iter().take_while(|byte| is_bare(**byte)).count();
        }
    }

    fn open_brace(&mut self) {
        self.open.push(self.at);
        if self.open.len() > MAX_DEPTH {
            self.fail(self.at, 1, "nodes nest too deeply", "64 levels are the most");
        }
        self.at += 1;
    }

    fn close_brace(&mut self) {
        if self.open.pop().is_none() {
            self.fail(self.at, 1, "this `}` closes nothing", "remove it, or add the `{` that it belongs to");
        }
        self.at += 1;
    }

    fn word(&mut self) {
        let len = self.bytes[self.at..].iter().take_while(|byte| is_bare(**byte)).count();
        let (start, word) = (self.at, &self.text[self.at..self.at + len]);
        self.at += len;
        let span = Span { file: 0, start, len };
        let found = if is_quantity(word) {
            Diagnostic::error("unquoted-quantity", span, format!("`{word}` must be in quotes"))
                .help(format!("write \"{word}\""))
        } else if matches!(word, "true" | "false" | "null") {
            Diagnostic::error("bare-keyword", span, format!("`{word}` is neither a word nor a truth value"))
                .help(format!("write #{word} for the value, \"{word}\" for the text"))
        } else {
            return;
        };
        self.scanned.found.push(found);
        self.scanned.broken.push((start, len));
    }
}

/// Whether a byte can be in a bare word; bytes of other than ASCII characters can.
fn is_bare(byte: u8) -> bool {
    !byte.is_ascii_whitespace() && !byte.is_ascii_control() && !b"{}()[]/\\\"#;=".contains(&byte)
}

/// Whether a word starts as a number and goes on as a unit, which KDL takes for a broken number.
fn is_quantity(word: &str) -> bool {
    let word = word.strip_prefix(['-', '+']).unwrap_or(word);
    let rest = word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '_');
    if rest.len() == word.len() || !word.starts_with(|c: char| c.is_ascii_digit()) || rest.is_empty() {
        return false;
    }
    let number = match word.as_bytes() {
        [b'0', b'x', ..] => word[2..].bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'_'),
        [b'0', b'o' | b'b', ..] => word[2..].bytes().all(|byte| byte.is_ascii_digit() || byte == b'_'),
        _ => {
            let exponent = rest.strip_prefix(['e', 'E']).unwrap_or("x");
            exponent.trim_start_matches(['-', '+']).bytes().all(|byte| byte.is_ascii_digit())
        }
    };
    !number
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str) -> Vec<(&'static str, &str)> {
        let place = |d: &Diagnostic| d.span().map(|s| &text[s.start..s.start + s.len]).unwrap_or_default();
        scan(text).found.iter().map(|found| (found.code, place(found))).collect()
    }

    #[test]
    fn braces_in_strings_and_comments_do_not_count() {
        for text in [
            "a \"{\" // {\n",
            "a /* { /* { */ */ {\n}",
            "a #\"\\\"{\"#",
            "a \"\"\"\n  { \"{\" \n \"\"\"",
            "a \"\\\"{\"",
            "a #\"\"\"\n \"{\" \"\"\" \n\"\"\"#",
        ] {
            assert_eq!(codes(text), [], "{text}");
        }
        assert_eq!(codes("a {\n b }\n}"), [("syntax", "}")]);
        assert_eq!(codes("a {"), [("syntax", "{")]);
        assert_eq!(codes("a /* b"), [("syntax", "/*")]);
        assert!(scan(&"a{".repeat(100)).fatal);
        assert!(scan(&"/*".repeat(100)).fatal);
    }

    #[test]
    fn quantities_and_keywords_without_quotes_are_found() {
        assert_eq!(codes("disk main size=4GiB"), [("unquoted-quantity", "4GiB")]);
        assert_eq!(codes("a 10% 1.5s"), [("unquoted-quantity", "10%"), ("unquoted-quantity", "1.5s")]);
        assert_eq!(codes("a b=true"), [("bare-keyword", "true")]);
        assert_eq!(codes("a b=#true 0x1f 0o7 0b1 1e5 1.5e-3 12_000 -4 a4GiB \"4GiB\" --x"), []);
    }
}
