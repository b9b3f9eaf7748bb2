//! `image NAME seed= epoch=`: what the image is called, and what its ids and times come from.

use crate::{
    decode::{Cursor, Cx, Spanned},
    syntax::Node,
};

/// The `image` node.
#[derive(Debug)]
pub struct Image {
    /// Its name.
    pub name: Spanned<String>,
    /// What ids are derived from.
    pub seed: Option<String>,
    /// The time of everything that says none, in seconds since 1970.
    pub epoch: Option<i64>,
}

/// Decodes the node.
pub fn decode(cx: &Cx<'_>, node: &Node) -> Option<Image> {
    let mut cursor = Cursor::new(cx, node);
    let name = cursor.name();
    let seed = cursor.prop("seed").and_then(|value| cx.string(value, "a text in quotes"));
    let epoch = cursor.prop("epoch").and_then(|value| cx.time(value));
    cursor.no_children();
    cursor.finish();
    Some(Image { name: name?, seed: seed.map(|seed| seed.value), epoch: epoch.map(|epoch| epoch.value) })
}
