//! `output "file" disk= archive= tree= tested= { KIND … }`: an artifact. A tree can be a directory, too: `{ dir }`.

use imgc_plan::{
    Family, Kind,
    kind::{DiskFormatTraits, PLAIN_FORMAT, Traits},
};

use super::{
    made::{DIRECTORY, Made, made},
    only::only_kind,
};
use crate::{
    decode::{Cursor, Cx, KindNode, Spanned, either, kind_node},
    diagnostic::{Diagnostic, Span},
    syntax::{Node, Value},
};

/// An `output` node.
#[derive(Debug)]
pub struct Output {
    /// The file's name in the output directory.
    pub file: Spanned<String>,
    /// What is in it.
    pub of: Of,
    /// How it is written.
    pub format: KindNode,
    /// Where it is said that it is published only once it passed its tests, if it is.
    pub tested: Option<Span>,
}

/// What an output is of.
#[derive(Debug)]
pub enum Of {
    /// A disk.
    Disk(Spanned<String>),
    /// An archive.
    Archive(Spanned<String>),
    /// A tree, and what it becomes.
    Tree(Spanned<String>, Made),
    /// A tree in a directory.
    Directory(Spanned<String>),
}

/// What an output can be of.
const OF: &[&str] = &["disk", "archive", "tree"];

/// Decodes the node.
pub fn decode(cx: &Cx<'_>, node: &Node) -> Option<Output> {
    let mut cursor = Cursor::new(cx, node);
    let file = cursor.arg("a file name in quotes").and_then(|value| file_name(cx, value));
    let tested = cursor.prop("tested").and_then(|value| cx.bool(value));
    let tested = tested.filter(|tested| tested.value).map(|tested| tested.span);
    let Some((what, name)) = reference(&mut cursor) else {
        // What its child should be is not known.
        cursor.finish();
        return None;
    };
    if what == "tree" && is_directory(&cursor) {
        cursor.finish();
        let file = file?;
        let format = plain(cx, file.span);
        return Some(Output { file, of: Of::Directory(name?), format, tested });
    }
    if what == "tree" {
        let made = made(&cursor);
        cursor.finish();
        let file = file?;
        let format = plain(cx, file.span);
        return Some(Output { file, of: Of::Tree(name?, made?), format, tested });
    }
    let format = if node.children.iter().any(|child| child.active) {
        only_kind(&cursor, Family::DiskFormat, "its format")
            .and_then(|child| kind_node(cx, Family::DiskFormat, child, |_, _| ()))
            .map(|(format, ())| format)
    } else if what == "disk" {
        file.as_ref().and_then(|file| by_ending(cx, file))
    } else {
        file.as_ref().map(|file| plain(cx, file.span))
    };
    cursor.finish();
    let of = if what == "disk" { Of::Disk(name?) } else { Of::Archive(name?) };
    Some(Output { file: file?, of, format: format?, tested })
}

/// Whether the child says that the tree is to be a directory; such a child takes nothing.
fn is_directory(cursor: &Cursor<'_>) -> bool {
    let active = cursor.node.children.iter().find(|child| child.active);
    let Some(child) = active.filter(|child| child.name.text == DIRECTORY) else { return false };
    let inner = Cursor::new(cursor.cx, child);
    inner.no_children();
    inner.finish();
    // Complains about further children.
    only_kind(cursor, Family::Archive, "what the tree becomes").is_some()
}

/// The property that says what the output is of, and the name that it gives; `None` unless there is one of them, which is reported.
fn reference(cursor: &mut Cursor<'_>) -> Option<(&'static str, Option<Spanned<String>>)> {
    let cx = cursor.cx;
    let mut found: Option<(&'static str, Span, Option<Spanned<String>>)> = None;
    let mut clear = true;
    for what in OF {
        let Some(value) = cursor.prop(what) else { continue };
        let name = cx.reference(what, value);
        match &found {
            None => found = Some((what, value.span, name)),
            Some((first, span, _)) => {
                let message = "an output is of one disk, archive or tree";
                let wrong = Diagnostic::error("conflicting-properties", value.span, message);
                cx.report(wrong.also(*span, format!("the {first}")));
                clear = false;
            }
        }
    }
    if found.is_none() {
        let span = cursor.node.name.span;
        let wrong = Diagnostic::error("missing-property", span, "an output says what it is of");
        cx.report(wrong.help("write `disk=NAME`, `archive=NAME` or `tree=NAME`"));
    }
    found.filter(|_| clear).map(|(what, _, name)| (what, name))
}

/// The format of what a tree becomes: its bytes as they are.
fn plain(cx: &Cx<'_>, span: Span) -> KindNode {
    let kind = cx.kinds.find(Family::DiskFormat, PLAIN_FORMAT);
    let kind = kind.expect("because every list of kinds has the format of plain bytes");
    KindNode { kind, span, options: std::collections::BTreeMap::new() }
}

fn file_name(cx: &Cx<'_>, value: &Value) -> Option<Spanned<String>> {
    let file = cx.string(value, "a file name in quotes")?;
    let bad = |c: char| matches!(c, '/' | '\\' | ':') || c.is_control();
    if file.value.is_empty()
        || file.value.contains(bad)
        || file.value.starts_with('.')
        || file.value.len() > 255
    {
        let message = "an output is a file name without `/`, `\\`, `:` and without a dot at its start";
        return cx.bad("bad-file-name", value, message.into());
    }
    Some(file)
}

/// The format whose ending is the longest that the file's name has.
fn by_ending(cx: &Cx<'_>, file: &Spanned<String>) -> Option<KindNode> {
    let name = file.value.to_ascii_lowercase();
    let formats = cx.kinds.all().iter().filter(|kind| kind.family == Family::DiskFormat);
    let endings = formats.clone().flat_map(|kind| endings(kind).iter().map(move |ending| (*ending, *kind)));
    let fits = |(ending, _): &(&str, &Kind)| {
        name.strip_suffix(ending).is_some_and(|stem| stem.len() > 1 && stem.ends_with('.'))
    };
    let Some((_, kind)) = endings.filter(fits).max_by_key(|(ending, _)| ending.len()) else {
        let names: Vec<&str> = formats.map(|kind| kind.name).collect();
        let message = "no format is known by this ending";
        let found = Diagnostic::error("unknown-format", file.span, message);
        cx.report(found.help(format!("name the format as a child: {}", either(&names))));
        return None;
    };
    if kind.options.iter().any(|option| option.default == imgc_plan::kind::Default::Required) {
        let message = format!("this ending means `{}`, which has options that must be given", kind.name);
        let found = Diagnostic::error("missing-node", file.span, message);
        cx.report(found.help(format!("add a child: `{{ {} … }}`", kind.name)));
        return None;
    }
    Some(KindNode { kind, span: file.span, options: std::collections::BTreeMap::new() })
}

fn endings(kind: &'static Kind) -> &'static [&'static str] {
    match &kind.traits {
        Traits::DiskFormat(DiskFormatTraits { endings }) => endings,
        _ => &[],
    }
}
