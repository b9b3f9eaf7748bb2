//! The one child of a node that says which kind it is.

use imgc_plan::{Family, Kind, kind::Traits};

use super::verity;
use crate::{
    decode::{Cursor, either},
    diagnostic::Diagnostic,
    syntax::Node,
};

/// The one child of a node, which names a kind. Hashes stand beside a filesystem; elsewhere nothing is called so.
pub fn only_kind<'a>(cursor: &Cursor<'a>, family: Family, what: &str) -> Option<&'a Node> {
    let beside = |child: &&Node| family == Family::Filesystem && child.name.text == verity::NODE;
    let mut active = cursor.node.children.iter().filter(|child| child.active && !beside(child));
    let first = active.next();
    let node = &cursor.node.name;
    for other in active {
        let message = format!("`{}` has one child that says {what}", node.text);
        cursor.cx.report(Diagnostic::error("unexpected-node", other.name.span, message));
    }
    if first.is_none() {
        let made =
            |kind: &&&'static Kind| !matches!(&kind.traits, Traits::Archive(archive) if !archive.packs);
        let kinds = cursor.cx.kinds.all().iter().filter(|kind| kind.family == family).filter(made);
        let names: Vec<&str> = kinds.map(|kind| kind.name).collect();
        let message = format!("`{}` does not say {what}", node.text);
        let found = Diagnostic::error("missing-node", node.span, message);
        cursor.cx.report(found.help(format!("add a child: {}", either(&names))));
    }
    first
}
