//! `archive NAME tree= { KIND … }`: a tree packed into one file, or as a filesystem in one.

use super::made::{Made, made};
use crate::{
    decode::{Cursor, Cx, Spanned},
    syntax::Node,
};

/// An `archive` node.
#[derive(Debug)]
pub struct Archive {
    /// Its name.
    pub name: Spanned<String>,
    /// What is packed.
    pub tree: Option<Spanned<String>>,
    /// How.
    pub made: Option<Made>,
}

/// Decodes the node.
pub fn decode(cx: &Cx<'_>, node: &Node) -> Option<Archive> {
    let mut cursor = Cursor::new(cx, node);
    let name = cursor.name();
    let tree = cursor.required("tree", "name the tree that is packed");
    let tree = tree.and_then(|value| cx.reference("tree", value));
    let made = made(&cursor);
    cursor.finish();
    Some(Archive { name: name?, tree, made })
}
