//! Globs, and paths on this machine.

use globset::GlobBuilder;

use super::cx::{Cx, Spanned};
use crate::syntax::{Text, Value};

/// The glob that a text means: what came from params stands for itself.
pub fn glob_text(text: &Text, from: usize) -> String {
    let mut glob = String::with_capacity(text.text.len());
    for (at, c) in text.text.char_indices().skip_while(|(at, _)| *at < from) {
        if text.is_literal(at) && "*?[]{}\\".contains(c) {
            glob.extend(['[', c, ']']);
        } else {
            glob.push(c);
        }
    }
    glob
}

/// A glob over paths of an image or of a source, with or without a `/` at its start, which is dropped.
pub fn image_glob(cx: &Cx<'_>, value: &Value) -> Option<Spanned<String>> {
    let text = cx.text(value, "a glob in quotes, such as \"boot/*\"")?;
    let glob = glob_text(text, 0);
    let glob = glob.trim_start_matches('/').trim_end_matches('/');
    check_glob(cx, value, glob)?;
    Some(Spanned { value: glob.to_owned(), span: value.span })
}

/// Complains about a glob that cannot match.
pub fn check_glob(cx: &Cx<'_>, value: &Value, glob: &str) -> Option<()> {
    if glob.is_empty() {
        return cx.bad("bad-glob", value, "a glob is not empty".into());
    }
    if glob.split('/').any(|name| matches!(name, "." | ".." | "")) {
        return cx.bad("bad-glob", value, "a glob has no `.`, `..` or empty name in it".into());
    }
    match GlobBuilder::new(glob).literal_separator(true).backslash_escape(true).build() {
        Ok(_) => Some(()),
        Err(error) => cx.bad("bad-glob", value, format!("this glob is wrong: {}", error.kind())),
    }
}

/// A path on this machine, relative to the manifest's directory or absolute.
pub fn local_path(cx: &Cx<'_>, value: &Value) -> Option<Spanned<String>> {
    let path = cx.string(value, "a path in quotes, such as \"files\"")?;
    if path.value.is_empty() {
        return cx.bad("bad-path", value, "a path is not empty".into());
    }
    let clean = path.value.trim_end_matches('/');
    let clean = if clean.is_empty() { "/" } else { clean };
    Some(Spanned { value: clean.to_owned(), span: path.span })
}
