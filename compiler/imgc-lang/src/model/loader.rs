//! `loader { KIND source= tree= menu= … }`: what a loader is, wherever its files lie.

use imgc_plan::{
    Family, Kind,
    kind::{LoaderTraits, Traits},
};

use super::only::only_kind;
use crate::{
    decode::{Cursor, Cx, KindNode, Spanned, find_kind, kind_node},
    diagnostic::Diagnostic,
    syntax::{Node, Value},
};

/// A `loader` node, without the place of its files.
#[derive(Clone, Debug)]
pub struct Loader {
    /// Which it is.
    pub kind: KindNode,
    /// Where its own files come from.
    pub source: Option<Spanned<String>>,
    /// The tree that has them, in place of a source.
    pub tree: Option<Spanned<String>>,
    /// What it shows.
    pub menu: Option<Spanned<String>>,
}

/// Decodes the node; `place` reads the properties that say where its files lie.
pub fn decode<T>(
    cx: &Cx<'_>,
    node: &Node,
    place: impl FnOnce(&mut Cursor<'_>, &'static LoaderTraits) -> T,
) -> Option<(Loader, T)> {
    let cursor = Cursor::new(cx, node);
    let child = only_kind(&cursor, Family::Loader, "which loader it is");
    cursor.finish();
    find_kind(cx, Family::Loader, child?)?;
    let (kind, (parts, place)) = kind_node(cx, Family::Loader, child?, |cursor, kind| {
        let traits = traits(kind);
        let (source, tree) = own_files(cursor, traits);
        let place = place(cursor, traits);
        let menu = if traits.takes_menu { cursor.prop("menu") } else { None };
        let menu = menu.and_then(|value| cx.reference("menu", value));
        ((source, tree, menu), place)
    })?;
    let (source, tree, menu) = parts;
    Some((Loader { kind, source, tree, menu }, place))
}

/// Decodes the node in a tree, whose files it lies among.
pub fn in_tree(cx: &Cx<'_>, node: &Node) -> Option<Loader> {
    let decoded = decode(cx, node, |cursor, _| {
        for name in ["partition", "esp"] {
            if let Some(value) = cursor.prop(name) {
                let message = "a loader in a tree lies in no partition";
                let found = Diagnostic::error("pointless-property", value.span, message);
                cx.report(
                    found.help("leave it out: a server gives the tree out, with the loader's files over it"),
                );
            }
        }
    });
    decoded.map(|(loader, ())| loader)
}

fn traits(kind: &'static Kind) -> &'static LoaderTraits {
    match &kind.traits {
        Traits::Loader(traits) => traits,
        _ => unreachable!("because the kind was found among the loaders"),
    }
}

/// Where a loader's own files come from: a source, or a tree that is composed of several.
fn own_files(
    cursor: &mut Cursor<'_>,
    traits: &LoaderTraits,
) -> (Option<Spanned<String>>, Option<Spanned<String>>) {
    if !traits.takes_source {
        return (None, None);
    }
    let cx = cursor.cx;
    let tree = cursor.prop("tree");
    let source = match tree {
        None if traits.needs_source => cursor.required("source", "name the source of the loader's own files"),
        _ => cursor.prop("source"),
    };
    if let (Some(tree), Some(source)) = (tree, source) {
        let message = "a loader's own files come from a source or from a tree, not from both";
        cx.report(
            Diagnostic::error("conflicting-properties", tree.span, message).also(source.span, "and here"),
        );
    }
    let name = |kind: &'static str, value: Option<&Value>| cx.reference(kind, value?);
    (name("source", source), name("tree", tree))
}
