//! What the author said: one file for each node at the top of a manifest. Names are not looked up, defaults not filled in.

pub mod archive;
mod attributes;
pub mod copy;
pub mod disk;
pub mod image;
pub mod loader;
pub mod made;
pub mod menu;
mod only;
pub mod output;
pub mod partition;
mod size;
pub mod source;
pub mod test;
pub mod tree;
pub mod verity;

use crate::{
    decode::{Cursor, Cx, did_you_mean},
    diagnostic::{Diagnostic, Span},
    syntax::Node,
};

/// The nodes at the top of a manifest.
const NODES: &[&str] =
    &["image", "param", "source", "tree", "archive", "menu", "disk", "output", "test", "use"];

/// A manifest.
#[derive(Debug, Default)]
pub struct Manifest {
    /// What the image is.
    pub image: Option<image::Image>,
    /// Where files come from.
    pub sources: Vec<source::Source>,
    /// Trees of files.
    pub trees: Vec<tree::Tree>,
    /// Archives of trees.
    pub archives: Vec<archive::Archive>,
    /// Boot menus.
    pub menus: Vec<menu::MenuNode>,
    /// Disks.
    pub disks: Vec<disk::Disk>,
    /// Artifacts.
    pub outputs: Vec<output::Output>,
    /// What is expected of artifacts.
    pub tests: Vec<test::Test>,
}

/// Decodes a manifest whose params are filled in.
pub fn decode(cx: &Cx<'_>, nodes: &[Node]) -> Manifest {
    let mut manifest = Manifest::default();
    let mut images: Vec<Span> = Vec::new();
    for node in nodes {
        match node.name.text.as_str() {
            "image" => {
                let image = image::decode(cx, node);
                if let Some(first) = images.first() {
                    let found = Diagnostic::error("duplicate-node", node.name.span, "`image` is given twice");
                    cx.report(found.also(*first, "first here"));
                } else {
                    manifest.image = image;
                }
                images.push(node.name.span);
            }
            "param" => {}
            "source" => manifest.sources.extend(source::decode(cx, node)),
            "tree" => manifest.trees.extend(tree::decode(cx, node)),
            "archive" => manifest.archives.extend(archive::decode(cx, node)),
            "menu" => manifest.menus.extend(menu::decode(cx, node)),
            "disk" => manifest.disks.extend(disk::decode(cx, node)),
            "output" => manifest.outputs.extend(cx.when(node.active, || output::decode(cx, node))),
            "test" => manifest.tests.extend(cx.when(node.active, || test::decode(cx, node))),
            _ => unknown(cx, node),
        }
    }
    if images.is_empty() {
        let start = nodes.first().map_or(Span::default(), |node| node.name.span);
        let found = Diagnostic::error("missing-node", start, "a manifest says what image it is");
        cx.report(found.help("begin with `image NAME`"));
    }
    manifest
}

fn unknown(cx: &Cx<'_>, node: &Node) {
    let name = &node.name.text;
    let mut found = Diagnostic::error("unknown-node", node.name.span, format!("there is no node `{name}`"));
    found.help.extend(did_you_mean(name, NODES.iter().copied()));
    cx.report(found);
}

/// Decodes the children of a node by their names, each for its shape only when it is not active.
fn each<'a>(cursor: &Cursor<'a>, known: &[&'static str], mut decode: impl FnMut(&'a Node)) {
    cursor.only_children(known);
    for child in cursor.node.children.iter().filter(|child| known.contains(&child.name.text.as_str())) {
        cursor.cx.when(child.active, || {
            decode(child);
            Some(())
        });
    }
}
