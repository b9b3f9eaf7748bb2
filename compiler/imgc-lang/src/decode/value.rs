//! Getters for values, one for each type that a manifest knows.

use imgc_plan::{
    late,
    tree::BytePath,
    units::{parse_duration, parse_size},
};

use super::{
    cx::{Cx, FACT, Spanned},
    suggest::did_you_mean,
    time::parse_time,
};
use crate::{
    diagnostic::Diagnostic,
    syntax::{Scalar, Text, Typed, Value},
};

impl Cx<'_> {
    /// A string with its params marked, and without an annotation.
    pub fn text<'v>(&self, value: &'v Value, expected: &str) -> Option<&'v Text> {
        if let Some(annotation) = &value.annotation {
            let message = format!("`({})` does not belong here", annotation.text);
            let help = "`(bytes)` stands before paths in an image, link targets, contents and xattr values";
            self.report(Diagnostic::error("unexpected-annotation", annotation.span, message).help(help));
            return None;
        }
        let text = self.any_text(value, expected)?;
        if text.text.contains('\0') {
            return self.bad("bad-text", value, "a text has no NUL character".into());
        }
        Some(text)
    }

    fn any_text<'v>(&self, value: &'v Value, expected: &str) -> Option<&'v Text> {
        match &value.scalar {
            Scalar::Text(text) if text.late => {
                let names: Vec<String> =
                    late::names(&text.text).map(|name| format!("`{{{{{name}}}}}`")).collect();
                let message = format!("{} is a fact, and no fact can stand here", names.join(", "));
                let found = Diagnostic::error("fact-misplaced", value.span, message);
                let help =
                    "facts stand in contents of files, in arguments of menu entries and in texts of archives";
                self.report(found.help(help));
                None
            }
            Scalar::Text(text) => Some(text),
            _ => self.mismatch(value, expected),
        }
    }

    /// A string that may hold marks of facts ([`imgc_plan::late`]).
    pub fn late_string(&self, value: &Value, expected: &str) -> Option<Spanned<String>> {
        match &value.scalar {
            Scalar::Text(text) if text.late && value.annotation.is_none() => {
                late::names(&text.text).for_each(|name| self.mention(FACT, name, value.span));
                Some(Spanned { value: text.text.clone(), span: value.span })
            }
            _ => self.string(value, expected),
        }
    }

    /// A string.
    pub fn string(&self, value: &Value, expected: &str) -> Option<Spanned<String>> {
        self.text(value, expected).map(|text| Spanned { value: text.text.clone(), span: value.span })
    }

    /// A string of bytes: with `(bytes)` before it, `\xNN` in it is a byte and `\\` a backslash.
    pub fn bytes(&self, value: &Value, expected: &str) -> Option<Spanned<Vec<u8>>> {
        let text = match &value.annotation {
            Some(annotation) if annotation.text != "bytes" => {
                let message = format!("there is no annotation `({})`", annotation.text);
                let help = "the only annotation is `(bytes)`";
                self.report(Diagnostic::error("unexpected-annotation", annotation.span, message).help(help));
                return None;
            }
            Some(_) => self.any_text(value, expected)?,
            None => {
                let text = self.any_text(value, expected)?;
                return Some(Spanned { value: text.text.clone().into_bytes(), span: value.span });
            }
        };
        match unescape(text) {
            Ok(bytes) => Some(Spanned { value: bytes, span: value.span }),
            Err(message) => self.bad("bad-escape", value, message),
        }
    }

    /// A whole number within limits.
    pub fn int(&self, value: &Value, min: i64, max: i64) -> Option<Spanned<i64>> {
        let number = match &value.scalar {
            Scalar::Int(number) => *number,
            Scalar::Text(Text { whole: Some(Typed::Int(number)), .. }) => i128::from(*number),
            _ => return self.mismatch(value, "a whole number"),
        };
        match i64::try_from(number) {
            Ok(number) if (min..=max).contains(&number) => Some(Spanned { value: number, span: value.span }),
            _ => self.bad("bad-number", value, format!("{number} is not within {min} and {max}")),
        }
    }

    /// A truth value.
    pub fn bool(&self, value: &Value) -> Option<Spanned<bool>> {
        match &value.scalar {
            Scalar::Bool(flag) | Scalar::Text(Text { whole: Some(Typed::Bool(flag)), .. }) => {
                Some(Spanned { value: *flag, span: value.span })
            }
            _ => self.mismatch(value, "#true or #false"),
        }
    }

    /// A size, in bytes.
    pub fn size(&self, value: &Value) -> Option<Spanned<u64>> {
        let text = self.text(value, "a size in quotes, such as \"64MiB\"")?;
        match parse_size(&text.text) {
            Ok(bytes) => Some(Spanned { value: bytes, span: value.span }),
            Err(message) => self.bad("bad-size", value, message),
        }
    }

    /// A duration, in milliseconds.
    pub fn duration(&self, value: &Value) -> Option<Spanned<u64>> {
        let text = self.text(value, "a duration in quotes, such as \"5s\"")?;
        match parse_duration(&text.text) {
            Ok(millis) if i64::try_from(millis).is_ok() => Some(Spanned { value: millis, span: value.span }),
            Ok(_) => self.bad("bad-duration", value, "no boot waits that long".into()),
            Err(message) => self.bad("bad-duration", value, message),
        }
    }

    /// A point in time: seconds since 1970, or a date in UTC.
    pub fn time(&self, value: &Value) -> Option<Spanned<i64>> {
        if let Scalar::Text(Text { whole: None, .. }) = &value.scalar {
            let text = self.text(value, "a time")?;
            return match parse_time(&text.text) {
                Some(seconds) => Some(Spanned { value: seconds, span: value.span }),
                None => self.bad(
                    "bad-time",
                    value,
                    "a time is a number of seconds since 1970, or UTC such as \"2024-02-29\" or \
                     \"2024-02-29T12:00:00Z\""
                        .into(),
                ),
            };
        }
        // The years -9999 to 9999, as the text form allows.
        self.int(value, -377_705_116_800, 253_402_300_799)
    }

    /// Permission bits, in octal digits.
    pub fn mode(&self, value: &Value) -> Option<Spanned<u16>> {
        let text = self.text(value, "a mode in quotes, such as \"0755\"")?;
        let octal = !text.text.is_empty() && text.text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
        match u16::from_str_radix(&text.text, 8) {
            Ok(mode) if octal && mode <= 0o7777 => Some(Spanned { value: mode, span: value.span }),
            _ => {
                self.bad("bad-mode", value, "a mode is octal digits up to \"7777\", such as \"0755\"".into())
            }
        }
    }

    /// Owner and group as numbers.
    pub fn owner(&self, value: &Value) -> Option<Spanned<(u32, u32)>> {
        let text = self.text(value, "an owner in quotes, such as \"0:0\"")?;
        let id = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        match text.text.split_once(':').and_then(|(uid, gid)| Some((id(uid)?, id(gid)?))) {
            Some(ids) => Some(Spanned { value: ids, span: value.span }),
            None => self.bad(
                "bad-owner",
                value,
                "an owner is two numbers, such as \"1000:1000\": names mean nothing before the image runs"
                    .into(),
            ),
        }
    }

    /// One of a few words.
    pub fn choice(&self, value: &Value, words: &[&'static str]) -> Option<Spanned<&'static str>> {
        if let Scalar::Int(number) = &value.scalar
            && words.contains(&number.to_string().as_str())
        {
            let found = Diagnostic::error("wrong-type", value.span, "expected a word, found a number");
            self.report(found.help(format!("write \"{number}\"")));
            return None;
        }
        let text = self.text(value, "a word")?;
        let word = words.iter().copied().find(|word| *word == text.text);
        if word.is_none() {
            let message = format!("`{}` is none of the words that can stand here", text.text);
            let mut found = Diagnostic::error("unknown-word", value.span, message);
            found.help.extend(did_you_mean(&text.text, words.iter().copied()));
            self.report(found);
        }
        Some(Spanned { value: word?, span: value.span })
    }

    /// A name that a node declares: ASCII letters, digits, `-` and `_`, so that it can stand in a path of facts.
    pub fn name(&self, value: &Value) -> Option<Spanned<String>> {
        let name = self.string(value, "a name")?;
        let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let starts = name.value.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !starts || !name.value.bytes().all(good) || name.value.len() > 64 {
            let message =
                "a name has at most 64 letters, digits, `-` and `_`, and starts with a letter or digit";
            return self.bad("bad-name", value, message.into());
        }
        Some(name)
    }

    /// A reference to a node of this kind.
    pub fn reference(&self, kind: &'static str, value: &Value) -> Option<Spanned<String>> {
        let name = self.string(value, "a name")?;
        self.mention(kind, &name.value, name.span);
        Some(name)
    }

    /// An absolute path inside an image.
    pub fn image_path(&self, value: &Value) -> Option<Spanned<BytePath>> {
        let bytes = self.bytes(value, "a path in quotes, such as \"/etc/motd\"")?;
        match BytePath::absolute(&bytes.value) {
            Ok(path) => Some(Spanned { value: path, span: value.span }),
            Err(message) => self.bad("bad-path", value, message),
        }
    }

    /// Reports that a value cannot be, and gives nothing.
    pub fn bad<T>(&self, code: &'static str, value: &Value, message: String) -> Option<T> {
        self.report(Diagnostic::error(code, value.span, message));
        None
    }

    fn mismatch<T>(&self, value: &Value, expected: &str) -> Option<T> {
        let found = match &value.scalar {
            Scalar::Broken => return None,
            Scalar::Text(_) => "a text",
            Scalar::Int(_) => "a number",
            Scalar::Float => "a number with a fraction",
            Scalar::Bool(_) => "a truth value",
            Scalar::Null => "#null",
        };
        self.bad("wrong-type", value, format!("expected {expected}, found {found}"))
    }
}

/// Takes the escapes out of what the author wrote; what came from params stays as it is.
fn unescape(text: &Text) -> Result<Vec<u8>, String> {
    let bytes = text.text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte != b'\\' || text.is_literal(at) {
            out.push(byte);
            at += 1;
        } else if bytes.get(at + 1) == Some(&b'\\') {
            out.push(b'\\');
            at += 2;
        } else {
            let digits = bytes.get(at + 2..at + 4).filter(|_| bytes[at + 1] == b'x');
            let byte = digits
                .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
                .and_then(|digits| std::str::from_utf8(digits).ok())
                .and_then(|digits| u8::from_str_radix(digits, 16).ok())
                .ok_or(
                    "in `(bytes)` a backslash is written `\\\\` and a byte `\\xNN`, before KDL's own escapes",
                )?;
            out.push(byte);
            at += 4;
        }
    }
    Ok(out)
}
