//! `source NAME { deb … | dir … | file … }`: where files come from.

use imgc_plan::{
    Family,
    kind::Traits,
    lock::{self, Request},
    step::Keep,
};

use crate::{
    decode::{Cursor, Cx, Spanned, check_glob, image_glob, local_path},
    diagnostic::{Diagnostic, Span},
    syntax::{Node, Value},
};

/// The archive kind that packages are, and the node that names one.
pub const PACKAGE: &str = "deb";

/// The attributes that `keep` knows.
const KEEPS: &[&str] = &["owner", "mode", "mtime", "xattrs", "links", "all"];

/// A `source` node.
#[derive(Debug)]
pub struct Source {
    /// Its name.
    pub name: Spanned<String>,
    /// What it is.
    pub origin: Origin,
}

/// What a source is.
#[derive(Debug)]
pub enum Origin {
    /// A package of an archive.
    Package {
        /// What is asked for.
        request: Request,
        /// The package's name in the manifest.
        span: Span,
    },
    /// A directory or file of this machine.
    Local {
        /// Where, relative to the manifest's directory or absolute.
        path: Spanned<String>,
        /// Whether it is a directory.
        dir: bool,
        /// What is read of a directory; empty: everything.
        include: Vec<String>,
        /// What is left out.
        exclude: Vec<String>,
        /// What is taken over from this machine, and where that is said.
        keep: Option<Spanned<Keep>>,
    },
}

/// Decodes the node.
pub fn decode(cx: &Cx<'_>, node: &Node) -> Option<Source> {
    let mut cursor = Cursor::new(cx, node);
    let name = cursor.name();
    cursor.only_children(&[PACKAGE, "dir", "file"]);
    let mut origins = node.children.iter().filter_map(|child| match child.name.text.as_str() {
        PACKAGE => Some((child, package(cx, child))),
        "dir" => Some((child, local(cx, child, true))),
        "file" => Some((child, local(cx, child, false))),
        _ => None,
    });
    let origin = origins.next();
    for (other, _) in origins {
        let message = "a source is one package, directory or file";
        cx.report(Diagnostic::error("duplicate-node", other.name.span, message).help("make another source"));
    }
    cursor.finish();
    if node.children.is_empty() {
        let found =
            Diagnostic::error("missing-node", node.name.span, "a source says where its files come from");
        cx.report(found.help("add a child: `deb \"package\" arch=amd64`, `dir \"path\"` or `file \"path\"`"));
    }
    Some(Source { name: name?, origin: origin?.1? })
}

fn package(cx: &Cx<'_>, node: &Node) -> Option<Origin> {
    let known = cx.kinds.find(Family::Archive, PACKAGE).map(|kind| &kind.traits);
    if !matches!(known, Some(Traits::Archive(archive)) if archive.unpacks) {
        let message = format!("this imgc cannot unpack `{PACKAGE}`");
        cx.report(Diagnostic::error("unknown-kind", node.name.span, message));
    }
    let mut cursor = Cursor::new(cx, node);
    let package = cursor.arg("the name of a package");
    let package = package.and_then(|value| word(cx, value, "a package's name", lock::check_package));
    let arch = cursor.required("arch", "say for which machine, such as `arch=amd64`");
    let arch = arch.and_then(|value| word(cx, value, "an architecture", lock::check_arch));
    let suite = cursor.prop("suite").map(|value| word(cx, value, "a suite", lock::check_suite));
    let follow = cursor.prop("follow").map(|value| {
        let glob = word(cx, value, "a glob in quotes", lock::check_follow)?;
        check_glob(cx, value, &glob.value).map(|()| glob.value)
    });
    let mirror = cursor.prop("mirror").map(|value| mirror(cx, value));
    cursor.no_children();
    cursor.finish();
    let package = package?;
    let request = Request {
        package: package.value,
        follow: follow.map_or(Some(None), |follow| follow.map(Some))?,
        arch: arch?.value,
        suite: suite.map_or(Some(None), |suite| suite.map(|suite| Some(suite.value)))?,
        mirror: mirror.map_or(Some(None), |mirror| mirror.map(Some))?,
    };
    Some(Origin::Package { request, span: package.span })
}

/// A word that goes into addresses and paths of a mirror.
fn word(
    cx: &Cx<'_>,
    value: &Value,
    what: &str,
    check: fn(&str) -> Result<(), String>,
) -> Option<Spanned<String>> {
    let word = cx.string(value, what)?;
    match check(&word.value) {
        Ok(()) => Some(word),
        Err(message) => cx.bad("bad-name", value, message),
    }
}

fn mirror(cx: &Cx<'_>, value: &Value) -> Option<String> {
    let mirror = cx.string(value, "an address in quotes")?.value;
    let known = ["http://", "https://", "file:///"].iter().any(|scheme| mirror.starts_with(scheme));
    if !known || mirror.contains(char::is_whitespace) {
        let message = "a mirror is an address that starts with http://, https:// or file:///";
        return cx.bad("bad-mirror", value, message.into());
    }
    Some(mirror.trim_end_matches('/').to_owned())
}

fn local(cx: &Cx<'_>, node: &Node, dir: bool) -> Option<Origin> {
    let mut cursor = Cursor::new(cx, node);
    let path = cursor.arg("a path").and_then(|value| local_path(cx, value));
    cursor.only_children(if dir { &["include", "exclude", "keep"] } else { &["keep"] });
    let include = globs(&cursor, "include");
    let exclude = globs(&cursor, "exclude");
    let keep = cursor.child("keep").map(|child| keep(cx, child));
    cursor.finish();
    Some(Origin::Local { path: path?, dir, include, exclude, keep })
}

/// The globs of all children of this name.
pub fn globs(cursor: &Cursor<'_>, name: &'static str) -> Vec<String> {
    spanned_globs(cursor, name).into_iter().map(|(glob, _)| glob.value).collect()
}

/// As [`globs`], with the values that they come from.
pub fn spanned_globs<'a>(cursor: &Cursor<'a>, name: &'static str) -> Vec<(Spanned<String>, &'a Value)> {
    let cx = cursor.cx;
    let mut globs = Vec::new();
    for child in cursor.children(name) {
        let mut inner = Cursor::new(cx, child);
        for value in inner.args("a glob") {
            let glob = cx.when(child.active, || image_glob(cx, value));
            globs.extend(glob.map(|glob| (glob, value)));
        }
        inner.no_children();
        inner.finish();
    }
    globs
}

fn keep(cx: &Cx<'_>, node: &Node) -> Spanned<Keep> {
    let mut cursor = Cursor::new(cx, node);
    let mut keep = Keep::default();
    for value in cursor.args("what is taken over from this machine") {
        match cx.choice(value, KEEPS).map(|word| word.value) {
            Some("owner") => keep.owner = true,
            Some("mode") => keep.mode = true,
            Some("mtime") => keep.mtime = true,
            Some("xattrs") => keep.xattrs = true,
            Some("links") => keep.links = true,
            Some(_) => keep = Keep::ALL,
            None => {}
        }
    }
    cursor.no_children();
    cursor.finish();
    Spanned { value: keep, span: node.name.span }
}
