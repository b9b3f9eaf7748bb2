//! `copy "glob" source= tree= archive= to=`: entries of a source, of another tree, of this machine; or an archive.

use imgc_plan::tree::{Attributes, BytePath};

use super::{attributes::attributes, source::spanned_globs};
use crate::{
    decode::{Cursor, Cx, Spanned, check_glob, glob_text, image_glob},
    diagnostic::Diagnostic,
    syntax::{Node, Scalar, Value},
};

/// A `copy` node; `R` is how it refers to what it copies from: by name, or once resolved by index.
#[derive(Clone, Debug)]
pub struct Copy<R> {
    /// What is copied.
    pub from: From<R>,
    /// Globs over paths that are left out.
    pub exclude: Vec<String>,
    /// Where it goes.
    pub to: BytePath,
    /// Whether `to` is a directory that receives matches.
    pub into: bool,
    /// Whether matched files are decompressed.
    pub decompress: bool,
    /// Attributes that override those of each entry.
    pub attributes: Attributes,
    /// Whether copies may take the place of existing entries.
    pub replace: bool,
}

/// What is copied.
#[derive(Clone, Debug)]
pub enum From<R> {
    /// Entries of a source; an empty glob means all of it.
    Source(R, String),
    /// Entries of another tree; an empty glob means all of it.
    Tree(R, String),
    /// The bytes of an archive, as a file.
    Archive(R),
    /// What matches a glob in a directory of this machine; an empty glob means all of it.
    Local {
        /// The directory, relative to the manifest's or absolute.
        dir: String,
        /// The glob, relative to that directory.
        glob: String,
    },
}

/// Decodes the node.
pub fn decode(cx: &Cx<'_>, node: &Node) -> Option<Spanned<Copy<String>>> {
    let mut cursor = Cursor::new(cx, node);
    let glob = cursor.opt_arg();
    let from = from(&mut cursor, glob);
    let to = cursor.required("to", "say where it goes: `to=\"/path\"`, or `to=\"/directory/\"` for several");
    let to = to.and_then(|value| {
        let slash = matches!(&value.scalar, Scalar::Text(text) if text.text.ends_with('/'));
        Some((cx.image_path(value)?, slash))
    });
    let mut attributes = attributes(&mut cursor, true);
    attributes.dense = cursor.flag("dense");
    let (decompress, replace) = (cursor.flag("decompress"), cursor.flag("replace"));
    cursor.only_children(&["exclude", "xattr"]);
    let exclude = exclude(&cursor, from.as_ref());
    cursor.finish();
    let (Some(from), Some((to, slash))) = (from, to) else { return None };
    if matches!(from, From::Archive(_)) {
        check_archive_copy(cx, node, decompress, slash);
    }
    // The whole of a tree becomes `to`: there is no last name under which it could go into it.
    let into = slash && !from.is_whole();
    let span = glob.map_or(node.name.span, |value| value.span);
    let copy = Copy { from, exclude, to: to.value, into, decompress, attributes, replace };
    Some(Spanned { value: copy, span })
}

impl<R> From<R> {
    fn is_whole(&self) -> bool {
        match self {
            Self::Source(_, glob) | Self::Tree(_, glob) | Self::Local { glob, .. } => glob.is_empty(),
            Self::Archive(_) => false,
        }
    }
}

fn from(cursor: &mut Cursor<'_>, glob: Option<&Value>) -> Option<From<String>> {
    let cx = cursor.cx;
    let given: Vec<(&'static str, &Value)> = ["source", "tree", "archive"]
        .into_iter()
        .filter_map(|kind| cursor.prop(kind).map(|value| (kind, value)))
        .collect();
    let names: Vec<_> =
        given.iter().map(|(kind, value)| (*kind, *value, cx.reference(kind, value))).collect();
    for (_, value, _) in names.iter().skip(1) {
        let message = "a copy is from one source, tree or archive";
        cx.report(Diagnostic::error("conflicting-properties", value.span, message).help("write two copies"));
    }
    let Some((kind, _, name)) = names.into_iter().next() else {
        let Some(glob) = glob else {
            let node = &cursor.node.name;
            let found = Diagnostic::error("missing-argument", node.span, "`copy` needs a path to copy");
            cx.report(found.help("a path beside the manifest, or one of `source=`, `tree=` and `archive=`"));
            return None;
        };
        return local(cx, glob);
    };
    if kind == "archive" {
        if let Some(glob) = glob {
            let message = "an archive is copied as one file: it takes no path";
            cx.report(Diagnostic::error("unexpected-argument", glob.span, message));
        }
        return Some(From::Archive(name?.value));
    }
    let glob = match glob {
        None => String::new(),
        Some(value) => image_glob(cx, value)?.value,
    };
    let name = name?.value;
    Some(if kind == "source" { From::Source(name, glob) } else { From::Tree(name, glob) })
}

/// Splits a path on this machine into the directory before the first glob, and the rest, so that only that is read.
fn local(cx: &Cx<'_>, value: &Value) -> Option<From<String>> {
    let text = cx.text(value, "a path in quotes")?;
    let path = text.text.trim_end_matches('/');
    if path.is_empty() || path.ends_with("/..") || matches!(path, "." | "..") {
        if text.text.is_empty() {
            return cx.bad("bad-path", value, "a path is not empty".into());
        }
        let dir = if path.is_empty() { "/" } else { path };
        return Some(From::Local { dir: dir.to_owned(), glob: String::new() });
    }
    let is_glob = |(at, c): &(usize, char)| "*?[{\\".contains(*c) && !text.is_literal(*at);
    let first = path.char_indices().find(is_glob).map_or(path.len(), |(at, _)| at);
    let slash = path[..first].rfind('/');
    let (dir, rest) = match slash {
        None => (".", 0),
        Some(0) => ("/", 1),
        Some(slash) => (&path[..slash], slash + 1),
    };
    let glob = glob_text(text, rest);
    let glob = glob.trim_end_matches('/');
    check_glob(cx, value, glob)?;
    Some(From::Local { dir: tidy(dir), glob: glob.to_owned() })
}

/// Drops empty names and `.` from a path.
fn tidy(path: &str) -> String {
    let names: Vec<&str> = path.split('/').filter(|name| !matches!(*name, "" | ".")).collect();
    match (path.starts_with('/'), names.is_empty()) {
        (true, _) => format!("/{}", names.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => names.join("/"),
    }
}

/// The globs of `exclude` children. Of a copy from this machine they are relative to the manifest's directory, as the copy is.
fn exclude(cursor: &Cursor<'_>, from: Option<&From<String>>) -> Vec<String> {
    let cx = cursor.cx;
    let found = spanned_globs(cursor, "exclude");
    let Some(From::Local { dir, .. }) = from.filter(|_| !found.is_empty()) else {
        return found.into_iter().map(|(glob, _)| glob.value).collect();
    };
    let mut globs = Vec::new();
    for (glob, value) in found {
        let inside =
            glob.value.strip_prefix(dir.trim_start_matches('/')).and_then(|rest| rest.strip_prefix('/'));
        if dir == "." || glob.value.starts_with("**/") {
            globs.push(glob.value);
        } else if let Some(inside) = inside {
            globs.push(inside.to_owned());
        } else {
            let message = format!("this leaves out nothing: what is copied lies in `{dir}`");
            let found = Diagnostic::error("pointless-exclude", value.span, message);
            cx.report(found.help(format!("start it with `{dir}/`, or with `**/` for any depth")));
        }
    }
    globs
}

fn check_archive_copy(cx: &Cx<'_>, node: &Node, decompress: bool, slash: bool) {
    let span = |name: &str| {
        let prop = node.props.iter().find(|prop| prop.name.text == name);
        prop.map_or(node.name.span, |prop| prop.value.span)
    };
    if decompress {
        let message = "an archive is copied as it is: its own options say whether it is compressed";
        cx.report(Diagnostic::error("conflicting-properties", span("decompress"), message));
    }
    if slash {
        let message = "an archive has no name of its own: `to` is a file's path";
        cx.report(Diagnostic::error("bad-path", span("to"), message).help("end it with a name"));
    }
    if let Some(child) = node.children.iter().find(|child| child.name.text == "exclude") {
        cx.report(Diagnostic::error("pointless-node", child.name.span, "an archive is copied whole"));
    }
}
