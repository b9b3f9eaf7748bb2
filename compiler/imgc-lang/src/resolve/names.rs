//! Declared names: twice, never, and by nobody used.

use std::collections::BTreeMap;

use crate::{
    decode::{Cx, did_you_mean},
    diagnostic::{Diagnostic, Span},
    model::{
        Manifest,
        copy::{Copy, From},
    },
    syntax::{Node, Scalar},
};

/// The nodes that declare names, and whether nobody needs to mention them.
const DECLARING: &[(&str, bool)] = &[
    ("source", false),
    ("tree", false),
    ("archive", false),
    ("menu", false),
    ("disk", false),
    ("output", true),
    ("test", true),
];

/// Reports names that are declared twice, mentioned but not declared, and declared but not mentioned.
pub fn check(cx: &Cx<'_>, nodes: &[Node]) {
    let mentions = cx.mentions();
    for (kind, free) in DECLARING {
        let declared = declared(cx, nodes, kind);
        for mention in mentions.iter().filter(|mention| mention.kind == *kind) {
            if !declared.contains_key(mention.name.as_str()) {
                let message = format!("there is no {kind} `{}`", mention.name);
                let mut found = Diagnostic::error("unknown-reference", mention.span, message);
                if is_absent(nodes, kind, &mention.name) {
                    found = found.help("it is there only under a condition; give this node the same");
                } else {
                    found.help.extend(did_you_mean(&mention.name, declared.keys().copied()));
                }
                cx.report(found);
            }
        }
        for (name, span) in declared.iter().filter(|_| !free) {
            if !mentions.iter().any(|mention| mention.kind == *kind && mention.name == **name) {
                let message = format!("nothing uses {kind} `{name}`");
                let found = Diagnostic::warning(unused(kind), *span, message);
                cx.report(found.help("use it, or remove it"));
            }
        }
    }
}

fn unused(kind: &str) -> &'static str {
    match kind {
        "source" => "unused-source",
        "tree" => "unused-tree",
        "archive" => "unused-archive",
        "menu" => "unused-menu",
        _ => "unused-disk",
    }
}

/// Whether a node declares this name whose condition does not hold.
fn is_absent(nodes: &[Node], kind: &str, name: &str) -> bool {
    let named = |node: &&Node| matches!(node.args.first().map(|value| &value.scalar), Some(Scalar::Text(text)) if text.text == name);
    nodes.iter().filter(|node| node.name.text == kind && !node.active).any(|node| named(&node))
}

/// The names of all nodes of a kind, also of those that have mistakes; reports those that are there twice.
fn declared<'a>(cx: &Cx<'_>, nodes: &'a [Node], kind: &str) -> BTreeMap<&'a str, Span> {
    let mut declared = BTreeMap::new();
    for node in nodes.iter().filter(|node| node.name.text == kind && node.active) {
        let Some(value) = node.args.first() else { continue };
        let Scalar::Text(text) = &value.scalar else { continue };
        match declared.get(text.text.as_str()) {
            Some(first) => {
                let message = format!("{kind} `{}` is declared twice", text.text);
                let found = Diagnostic::error("duplicate-name", value.span, message);
                cx.report(found.also(*first, "first here"));
            }
            None => {
                declared.insert(text.text.as_str(), value.span);
            }
        }
    }
    declared
}

/// The index of a source.
pub fn source(manifest: &Manifest, name: &str) -> Option<usize> {
    manifest.sources.iter().position(|source| source.name.value == name)
}

/// The index of a tree.
pub fn tree(manifest: &Manifest, name: &str) -> Option<usize> {
    manifest.trees.iter().position(|tree| tree.name.value == name)
}

/// The index of an archive.
pub fn archive(manifest: &Manifest, name: &str) -> Option<usize> {
    manifest.archives.iter().position(|archive| archive.name.value == name)
}

/// A copy with indices instead of names; `None` when a name is not there, which [`check`] reports.
pub fn close_copy(manifest: &Manifest, copy: &Copy<String>) -> Option<Copy<usize>> {
    let Copy { from, exclude, to, into, decompress, attributes, replace } = copy.clone();
    let from = match from {
        From::Source(name, glob) => From::Source(source(manifest, &name)?, glob),
        From::Tree(name, glob) => From::Tree(tree(manifest, &name)?, glob),
        From::Archive(name) => From::Archive(archive(manifest, &name)?),
        From::Local { dir, glob } => From::Local { dir, glob },
    };
    Some(Copy { from, exclude, to, into, decompress, attributes, replace })
}
