//! `tree NAME { dir file copy symlink … }`: operations that compose a tree, in order; a loader for a network is one of them.

use imgc_plan::tree::{Attributes, BytePath, FileContent, Special, TreeOp};

use super::{attributes::attributes, copy, each, loader};
use crate::{
    decode::{Cursor, Cx, Spanned, image_glob},
    diagnostic::{Diagnostic, Span},
    syntax::{Node, Scalar, Value},
};

/// The nodes of a tree.
const NODES: &[&str] =
    &["dir", "file", "copy", "symlink", "hardlink", "device", "fifo", "socket", "set", "remove", "loader"];

/// The largest major and minor numbers: Linux has 12 and 20 bits for them (include/linux/kdev_t.h).
const MAX_MAJOR: i64 = 0xfff;
const MAX_MINOR: i64 = 0xf_ffff;

/// A `tree` node.
#[derive(Debug)]
pub struct Tree {
    /// Its name.
    pub name: Spanned<String>,
    /// What composes it, in order, each with the place to show its failures at.
    pub ops: Vec<Spanned<Said>>,
}

/// One operation as the author said it.
pub type Said = Op<String, loader::Loader>;

/// One operation; `R` as in [`copy::Copy`], `L` is a loader.
#[derive(Clone, Debug)]
pub enum Op<R, L> {
    /// One that needs nothing else.
    Plain(TreeOp),
    /// A copy.
    Copy(copy::Copy<R>),
    /// The files of a loader that starts machines over a network: they are laid over what is there.
    Loader(Box<L>),
}

/// Decodes the node.
pub fn decode(cx: &Cx<'_>, node: &Node) -> Option<Tree> {
    let mut cursor = Cursor::new(cx, node);
    let name = cursor.name();
    let mut ops = Vec::new();
    each(&cursor, NODES, |child| {
        let decoded = match child.name.text.as_str() {
            "dir" => dirs(cx, child),
            "file" => file(cx, child),
            "copy" => copied(cx, child),
            "symlink" => symlink(cx, child),
            "hardlink" => hardlink(cx, child),
            "set" => set(cx, child),
            "remove" => remove(cx, child),
            "loader" => network_loader(cx, child),
            _ => special(cx, child),
        };
        if child.active {
            ops.extend(decoded);
        }
    });
    cursor.finish();
    Some(Tree { name: name?, ops })
}

fn copied(cx: &Cx<'_>, node: &Node) -> Vec<Spanned<Said>> {
    let copy = copy::decode(cx, node);
    copy.map(|copy| Spanned { value: Op::Copy(copy.value), span: copy.span }).into_iter().collect()
}

fn plain(op: TreeOp, span: Span) -> Vec<Spanned<Said>> {
    vec![Spanned { value: Op::Plain(op), span }]
}

/// The path that a node is about.
fn path(cursor: &mut Cursor<'_>) -> Option<Spanned<BytePath>> {
    let value = cursor.arg("a path, such as \"/etc/motd\"")?;
    let path = cursor.cx.image_path(value)?;
    if path.value.0.is_empty() && cursor.node.name.text != "dir" {
        return cursor.cx.bad("bad-path", value, "`/` is a directory already".into());
    }
    Some(path)
}

fn dirs(cx: &Cx<'_>, node: &Node) -> Vec<Spanned<Said>> {
    let mut cursor = Cursor::new(cx, node);
    let values = cursor.args("a path, such as \"/etc\"");
    let paths: Vec<_> = values.into_iter().filter_map(|value| cx.image_path(value)).collect();
    let attributes = attributes(&mut cursor, true);
    cursor.only_children(&["xattr"]);
    cursor.finish();
    let op = |path: Spanned<BytePath>| {
        path.map(|path| Op::Plain(TreeOp::Dir { path, attributes: attributes.clone() }))
    };
    paths.into_iter().map(op).collect()
}

fn file(cx: &Cx<'_>, node: &Node) -> Vec<Spanned<Said>> {
    let mut cursor = Cursor::new(cx, node);
    let path = path(&mut cursor);
    let size = cursor.prop("size").map(|value| (value, cx.size(value)));
    let mut attributes = attributes(&mut cursor, true);
    attributes.dense = cursor.flag("dense");
    let replace = cursor.flag("replace");
    cursor.only_children(&["content", "xattr"]);
    let content = cursor.child("content").map(|child| (child, content(cx, child)));
    cursor.finish();
    if let (Some((size, _)), Some((child, _))) = (&size, &content) {
        let message = "a file has `content`, or zeros of a `size`, not both";
        let found = Diagnostic::error("conflicting-properties", size.span, message);
        cx.report(found.also(child.name.span, "the content"));
    }
    let content = match (size, content) {
        (Some((_, size)), _) => size.map(|size| FileContent::Zeros(size.value)),
        (_, Some((_, content))) => content,
        (None, None) => Some(FileContent::Inline(Vec::new())),
    };
    let (Some(path), Some(content)) = (path, content) else { return Vec::new() };
    plain(TreeOp::File { path: path.value, content, attributes, replace }, path.span)
}

fn content(cx: &Cx<'_>, node: &Node) -> Option<FileContent> {
    let mut cursor = Cursor::new(cx, node);
    let value = cursor.arg("a text in quotes");
    cursor.no_children();
    cursor.finish();
    let value = value?;
    match &value.scalar {
        Scalar::Text(text) if text.late && value.annotation.is_none() => {
            cx.late_string(value, "a text in quotes").map(|text| FileContent::Late(text.value))
        }
        _ => cx.bytes(value, "a text in quotes").map(|bytes| FileContent::Inline(bytes.value)),
    }
}

fn symlink(cx: &Cx<'_>, node: &Node) -> Vec<Spanned<Said>> {
    let mut cursor = Cursor::new(cx, node);
    let path = path(&mut cursor);
    let target = cursor.required("to", "say what the link points at, such as `to=\"busybox\"`");
    let target = target.and_then(|value| {
        let target = cx.bytes(value, "a path in quotes")?.value;
        // 4095 bytes is the most that Linux follows (PATH_MAX with its NUL).
        if target.is_empty() || target.contains(&0) || target.len() > 4095 {
            return cx.bad("bad-path", value, "a link's target has 1 to 4095 bytes without NUL".into());
        }
        Some(target)
    });
    let attributes = attributes(&mut cursor, false);
    let replace = cursor.flag("replace");
    cursor.only_children(&["xattr"]);
    cursor.finish();
    let (Some(path), Some(target)) = (path, target) else { return Vec::new() };
    plain(TreeOp::Symlink { path: path.value, target, attributes, replace }, path.span)
}

fn hardlink(cx: &Cx<'_>, node: &Node) -> Vec<Spanned<Said>> {
    let mut cursor = Cursor::new(cx, node);
    let path = path(&mut cursor);
    let target =
        cursor.required("to", "name the file of which this is another name, such as `to=\"/bin/sh\"`");
    let target = target.and_then(|value| cx.image_path(value));
    let replace = cursor.flag("replace");
    cursor.no_children();
    cursor.finish();
    let (Some(path), Some(target)) = (path, target) else { return Vec::new() };
    plain(TreeOp::Hardlink { path: path.value, target: target.value, replace }, path.span)
}

fn special(cx: &Cx<'_>, node: &Node) -> Vec<Spanned<Said>> {
    let mut cursor = Cursor::new(cx, node);
    let path = path(&mut cursor);
    let special = match node.name.text.as_str() {
        "fifo" => Some(Special::Fifo),
        "socket" => Some(Special::Socket),
        _ => device(&mut cursor),
    };
    let attributes = attributes(&mut cursor, true);
    let replace = cursor.flag("replace");
    cursor.only_children(&["xattr"]);
    cursor.finish();
    let (Some(path), Some(special)) = (path, special) else { return Vec::new() };
    plain(TreeOp::Special { path: path.value, special, attributes, replace }, path.span)
}

fn device(cursor: &mut Cursor<'_>) -> Option<Special> {
    let cx = cursor.cx;
    let kind = cursor.required("kind", "write `kind=char` or `kind=block`");
    let kind = kind.and_then(|value| cx.choice(value, &["char", "block"]));
    let mut number = |name: &'static str, max: i64| {
        let value = cursor.required(name, "the kernel's documentation lists device numbers (devices.txt)")?;
        cx.int(value, 0, max).and_then(|number| u32::try_from(number.value).ok())
    };
    let (major, minor) = (number("major", MAX_MAJOR), number("minor", MAX_MINOR));
    let (major, minor) = (major?, minor?);
    Some(if kind?.value == "char" { Special::Char { major, minor } } else { Special::Block { major, minor } })
}

fn set(cx: &Cx<'_>, node: &Node) -> Vec<Spanned<Said>> {
    let mut cursor = Cursor::new(cx, node);
    let paths = image_globs(&mut cursor);
    let attributes = attributes(&mut cursor, true);
    cursor.only_children(&["xattr"]);
    cursor.finish();
    if attributes == Attributes::default() && cx.when(node.active, || Some(())).is_some() {
        let given =
            node.props.iter().any(|prop| matches!(prop.name.text.as_str(), "mode" | "owner" | "mtime"));
        if !given && node.children.is_empty() {
            let found = Diagnostic::error("missing-property", node.name.span, "`set` sets nothing");
            cx.report(found.help("give `mode`, `owner`, `mtime` or an `xattr`"));
        }
    }
    let op = |glob: Spanned<String>| {
        glob.map(|paths| Op::Plain(TreeOp::Set { paths, attributes: attributes.clone() }))
    };
    paths.into_iter().map(op).collect()
}

fn remove(cx: &Cx<'_>, node: &Node) -> Vec<Spanned<Said>> {
    let mut cursor = Cursor::new(cx, node);
    let paths = image_globs(&mut cursor);
    cursor.no_children();
    cursor.finish();
    paths.into_iter().map(|glob| glob.map(|paths| Op::Plain(TreeOp::Remove { paths }))).collect()
}

fn network_loader(cx: &Cx<'_>, node: &Node) -> Vec<Spanned<Said>> {
    let Some(loader) = loader::in_tree(cx, node) else { return Vec::new() };
    vec![Spanned { span: loader.kind.span, value: Op::Loader(Box::new(loader)) }]
}

/// Globs over paths of the tree that is composed: as all its paths, they start with `/`.
fn image_globs(cursor: &mut Cursor<'_>) -> Vec<Spanned<String>> {
    let cx = cursor.cx;
    let values = cursor.args("a glob, such as \"/usr/share/doc/*\"");
    let glob = |value: &Value| {
        if matches!(&value.scalar, Scalar::Text(text) if !text.text.starts_with('/')) {
            return cx.bad("bad-path", value, "a path inside an image starts with `/`".into());
        }
        image_glob(cx, value)
    };
    values.into_iter().filter_map(glob).collect()
}
