//! The text of `imgc.lock`: one stanza of `key: value` lines for each pin, in a fixed order, so that a review reads well.
//!
//! ```text
//! # The packages that the manifests here mean. Written by `imgc lock`; check it in.
//! imgc-lock: 1
//!
//! package: linux-image-cloud-amd64
//! arch: amd64
//! suite: bookworm
//! follow: linux-image-*-cloud-amd64
//! name: linux-image-6.1.0-56-cloud-amd64
//! version: 6.1.140-1
//! size: 26713212
//! sha256: 49b6f2…
//! path: pool/main/l/linux-signed-amd64/linux-image-6.1.0-56-cloud-amd64_6.1.140-1_amd64.deb
//! ```
//! `suite` and `follow` stand only where the request names them. There is no mirror, date or host name in it.

use std::fmt::{self, Write};

use super::{Lock, Pin, Request, check};

/// The version of the format that is written and read.
const VERSION: &str = "1";

/// The keys of a stanza, in order; whether each must be there.
const KEYS: [(&str, bool); 9] = [
    ("package", true),
    ("arch", true),
    ("suite", false),
    ("follow", false),
    ("name", true),
    ("version", true),
    ("size", true),
    ("sha256", true),
    ("path", true),
];

/// Something wrong in a lock file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
}

/// All that is wrong in a lock file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError(pub Vec<Mistake>);

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Mistake { line, message }) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}line {line}: {message}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ParseError {}

impl Lock {
    /// The file's text. [`Lock::parse`] reads it back to an equal value.
    pub fn print(&self) -> String {
        let mut out = String::from(
            "# The packages that the manifests here mean. Written by `imgc lock`; check it in.\nimgc-lock: ",
        );
        out.push_str(VERSION);
        out.push('\n');
        for pin in &self.pins {
            print_pin(pin, &mut out);
        }
        out
    }

    /// Reads a lock file. Lines that start with `#` are remarks; stanzas may come in any order.
    ///
    /// # Errors
    /// Every mistake of the file, with its line.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut parser = Parser::default();
        for (index, line) in text.lines().enumerate() {
            parser.line(index + 1, line);
        }
        parser.end_stanza();
        if !parser.versioned && parser.mistakes.is_empty() {
            parser.wrong(1, "this is no lock file: it does not begin with `imgc-lock: 1`".into());
        }
        if !parser.mistakes.is_empty() {
            parser.mistakes.sort_by_key(|mistake| mistake.line);
            return Err(ParseError(parser.mistakes));
        }
        Ok(Self::new(parser.pins.into_iter().map(|(_, pin)| pin).collect()))
    }
}

fn print_pin(pin: &Pin, out: &mut String) {
    let Pin { request, name, version, size, sha256, path } = pin;
    let Request { package, follow, arch, suite, mirror: _ } = request;
    let size = size.to_string();
    let values = [
        Some(package),
        Some(arch),
        suite.as_ref(),
        follow.as_ref(),
        Some(name),
        Some(version),
        Some(&size),
        Some(sha256),
        Some(path),
    ];
    out.push('\n');
    for ((key, _), value) in KEYS.iter().zip(values) {
        if let Some(value) = value {
            writeln!(out, "{key}: {value}").expect("because writing to a String cannot fail");
        }
    }
}

#[derive(Default)]
struct Parser {
    versioned: bool,
    /// The values of the stanza being read, with their lines, by index in [`KEYS`].
    stanza: [Option<(usize, String)>; KEYS.len()],
    /// The line on which the stanza being read began.
    start: Option<usize>,
    /// Whether the stanza has a mistake already, so that what is missing in it is not worth saying.
    spoiled: bool,
    pins: Vec<(usize, Pin)>,
    mistakes: Vec<Mistake>,
}

impl Parser {
    fn wrong(&mut self, line: usize, message: String) {
        self.spoiled = true;
        self.mistakes.push(Mistake { line, message });
    }

    fn line(&mut self, number: usize, line: &str) {
        if line.starts_with('#') {
            return;
        }
        if ["<<<<<<<", "=======", ">>>>>>>"].iter().any(|mark| line.starts_with(mark)) {
            let message = "a merge conflict is left here: keep either side, then run `imgc lock`";
            return self.wrong(number, message.into());
        }
        if line.is_empty() {
            return self.end_stanza();
        }
        let Some((key, value)) = line.split_once(": ") else {
            return self.wrong(number, "a line must be `key: value`".into());
        };
        if !self.versioned {
            return self.version(number, key, value);
        }
        self.start.get_or_insert(number);
        self.field(number, key, value);
    }

    fn version(&mut self, number: usize, key: &str, value: &str) {
        self.versioned = true;
        if key != "imgc-lock" {
            self.wrong(number, "this is no lock file: it does not begin with `imgc-lock: 1`".into());
        } else if value != VERSION {
            let message = format!(
                "this lock file has version {}, and this imgc reads version {VERSION}: use a newer imgc",
                value.escape_debug()
            );
            self.wrong(number, message);
        }
    }

    fn field(&mut self, number: usize, key: &str, value: &str) {
        let Some(index) = KEYS.iter().position(|(known, _)| *known == key) else {
            let keys: Vec<_> = KEYS.iter().map(|(key, _)| *key).collect();
            let message = format!("unknown key `{}`; there are {}", key.escape_debug(), keys.join(", "));
            return self.wrong(number, message);
        };
        if let Some((first, _)) = &self.stanza[index] {
            let message = format!("`{key}` stands on line {first} already");
            return self.wrong(number, message);
        }
        let checked = match key {
            "package" | "name" => check::check_package(value),
            "arch" => check::check_arch(value),
            "suite" => check::check_suite(value),
            "follow" => check::check_follow(value),
            "version" => check::check_version(value),
            "sha256" => check::check_sha256(value),
            "path" => check::check_path(value),
            _ => parse_size(value).map(drop),
        };
        if let Err(message) = checked {
            self.wrong(number, message);
        }
        self.stanza[index] = Some((number, value.to_owned()));
    }

    fn end_stanza(&mut self) {
        let stanza = std::mem::take(&mut self.stanza);
        let spoiled = std::mem::take(&mut self.spoiled);
        let Some(start) = self.start.take() else { return };
        if spoiled {
            return;
        }
        let missing: Vec<String> = KEYS
            .iter()
            .zip(&stanza)
            .filter(|((_, required), value)| *required && value.is_none())
            .map(|((key, _), _)| format!("`{key}`"))
            .collect();
        if !missing.is_empty() {
            self.mistakes
                .push(Mistake { line: start, message: format!("this stanza lacks {}", missing.join(", ")) });
            return;
        }
        let pin = pin(stanza);
        if let Some((first, _)) = self.pins.iter().find(|(_, known)| known.request.same_pin(&pin.request)) {
            let message =
                format!("`{}` is pinned on line {first} already: remove one of them", pin.request.package);
            self.mistakes.push(Mistake { line: start, message });
            return;
        }
        self.pins.push((start, pin));
    }
}

/// The pin of a stanza whose values are checked and whose required keys are there.
fn pin(stanza: [Option<(usize, String)>; KEYS.len()]) -> Pin {
    let [package, arch, suite, follow, name, version, size, sha256, path] =
        stanza.map(|value| value.map(|(_, text)| text));
    let there = |value: Option<String>| value.expect("because missing keys were refused");
    Pin {
        request: Request { package: there(package), follow, arch: there(arch), suite, mirror: None },
        name: there(name),
        version: there(version),
        size: parse_size(&there(size)).expect("because sizes were checked"),
        sha256: there(sha256),
        path: there(path),
    }
}

fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse()
        .ok()
        .filter(|_| digits)
        .ok_or_else(|| format!("`{}` is no size: that is a number of bytes", text.escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Lock {
        let pin = |package: &str, follow: Option<&str>, suite: Option<&str>, name: &str| Pin {
            request: Request {
                package: package.into(),
                follow: follow.map(str::to_owned),
                arch: "amd64".into(),
                suite: suite.map(str::to_owned),
                mirror: None,
            },
            name: name.into(),
            version: "1:2.06-13+deb12u1~x".into(),
            size: 12345,
            sha256: "0123456789abcdef".repeat(4),
            path: format!("pool/main/{name}_2.06_amd64.deb"),
        };
        Lock::new(vec![
            pin("linux-image-cloud-amd64", Some("linux-image-*"), Some("bookworm"), "linux-image-6"),
            pin("grub-pc-bin", None, None, "grub-pc-bin"),
        ])
    }

    const PRINTED: &str = "\
# The packages that the manifests here mean. Written by `imgc lock`; check it in.
imgc-lock: 1

package: grub-pc-bin
arch: amd64
name: grub-pc-bin
version: 1:2.06-13+deb12u1~x
size: 12345
sha256: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
path: pool/main/grub-pc-bin_2.06_amd64.deb

package: linux-image-cloud-amd64
arch: amd64
suite: bookworm
follow: linux-image-*
name: linux-image-6
version: 1:2.06-13+deb12u1~x
size: 12345
sha256: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
path: pool/main/linux-image-6_2.06_amd64.deb
";

    #[test]
    fn print_is_stable_and_read_back() {
        assert_eq!(sample().print(), PRINTED);
        assert_eq!(Lock::parse(PRINTED), Ok(sample()));
        assert_eq!(Lock::parse(&PRINTED.replace('\n', "\r\n")), Ok(sample()), "as git checks out on Windows");
        let empty = Lock::default().print();
        assert_eq!(Lock::parse(&empty), Ok(Lock::default()));
    }

    #[test]
    fn stanzas_may_come_in_any_order() {
        let (head, rest) = PRINTED.split_once("\n\n").expect("a header");
        let (first, second) = rest.split_once("\n\n").expect("two stanzas");
        assert_eq!(Lock::parse(&format!("{head}\n\n\n{second}\n# remark\n{first}\n")), Ok(sample()));
    }

    fn mistakes(text: &str) -> Vec<(usize, String)> {
        let ParseError(mistakes) = Lock::parse(text).unwrap_err();
        mistakes.into_iter().map(|Mistake { line, message }| (line, message)).collect()
    }

    #[test]
    fn mistakes_have_lines_and_come_all_at_once() {
        let text = PRINTED
            .replace("size: 12345\nsha256: 0123456789abcdef0", "size: 012\nsha256: XYZ")
            .replace("path: pool/main/linux", "path: /etc/../linux");
        let found = mistakes(&text);
        let lines: Vec<_> = found.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [8, 9, 18, 19, 20]);
        assert!(found[0].1.contains("`012` is no size"), "{found:?}");
        assert!(found[1].1.contains("SHA-256"));
        assert!(found[4].1.contains("relative"));
    }

    #[test]
    fn what_is_not_ours_is_refused() {
        let table = [
            ("", 1, "no lock file"),
            ("package: a\n", 1, "no lock file"),
            ("imgc-lock: 2\n", 1, "newer imgc"),
            ("imgc-lock: 1\n\npackage: abc\n", 3, "lacks `arch`, `name`"),
            ("imgc-lock: 1\n\npackage: abc\npackage: abd\n", 4, "line 3 already"),
            ("imgc-lock: 1\n\nmirror: http://x\n", 3, "unknown key `mirror`"),
            ("imgc-lock: 1\n\npackage:abc\n", 3, "`key: value`"),
            ("imgc-lock: 1\n<<<<<<< HEAD\n", 2, "merge conflict"),
            ("imgc-lock: 1\n\nsize: 99999999999999999999\n", 3, "no size"),
            ("imgc-lock: 1\n\nsize: +5\n", 3, "no size"),
            ("imgc-lock: 1\n\nsha256: 0\n", 3, "64 hexadecimal"),
        ];
        for (text, line, part) in table {
            let found = mistakes(text);
            assert!(
                found.iter().any(|(at, message)| *at == line && message.contains(part)),
                "{text}: {found:?}"
            );
        }
    }

    #[test]
    fn duplicates_are_refused() {
        let (_, stanza) = PRINTED.split_once("\n\n").expect("a header");
        let found = mistakes(&format!("{PRINTED}\n{stanza}"));
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].0, 22);
        assert!(found[0].1.contains("`grub-pc-bin` is pinned on line 4 already"), "{found:?}");
    }
}
