//! What a tree becomes that is to be a file: a filesystem or an archive.

use imgc_plan::{Family, Kind, kind::Traits, layout::PartSize};

use super::{
    only::only_kind,
    size::file_size,
    verity::{self, Verity},
};
use crate::{
    decode::{Cursor, KindNode, did_you_mean, either, kind_node},
    diagnostic::Diagnostic,
};

/// The child that makes a directory of a tree.
pub const DIRECTORY: &str = "dir";

/// What a tree becomes.
#[derive(Debug)]
pub struct Made {
    /// Which filesystem or archive.
    pub kind: KindNode,
    /// How long it is, for filesystems; `None` when that is wrong, which is reported.
    pub size: Option<PartSize>,
    /// The hashes behind a filesystem.
    pub verity: Option<Box<Verity>>,
}

/// Whether a tree can become a file of this kind.
fn takes_trees(kind: &Kind) -> bool {
    match &kind.traits {
        Traits::Filesystem(traits) => traits.takes_tree,
        Traits::Archive(traits) => traits.packs,
        Traits::Table(_) | Traits::Loader(_) | Traits::DiskFormat(_) => false,
    }
}

/// Decodes the child that says what a tree becomes, a filesystem or an archive, and the hashes of a filesystem beside it.
pub fn made(cursor: &Cursor<'_>) -> Option<Made> {
    let cx = cursor.cx;
    // Only an artifact can be a directory.
    let directory = (cursor.node.name.text == "output").then_some(DIRECTORY);
    let kinds = || {
        let kinds = cx.kinds.all().iter().filter(|kind| takes_trees(kind)).map(|kind| kind.name);
        kinds.chain(directory)
    };
    let hashes = cursor.child(verity::NODE);
    if !cursor.node.children.iter().any(|child| child.active && child.name.text != verity::NODE) {
        let node = &cursor.node.name;
        let message = format!("`{}` does not say what the tree becomes", node.text);
        let found = Diagnostic::error("missing-node", node.span, message);
        cx.report(found.help(format!("add a child: {}", either(&kinds().collect::<Vec<_>>()))));
        return None;
    }
    let child = only_kind(cursor, Family::Filesystem, "what the tree becomes")?;
    let name = child.name.text.as_str();
    let families = [Family::Filesystem, Family::Archive];
    let found = families.into_iter().filter_map(|family| cx.kinds.find(family, name));
    let Some(kind) = found.clone().find(|kind| takes_trees(kind)) else {
        let (message, help) = match found.clone().next() {
            Some(kind) if kind.family == Family::Archive => {
                (format!("`{name}` can be unpacked, but not made"), None)
            }
            Some(_) => (format!("`{name}` holds no tree"), None),
            None => {
                let help = match cx.kinds.find(Family::DiskFormat, name) {
                    Some(_) => Some("disk formats are for outputs of disks and archives".into()),
                    None => did_you_mean(name, kinds()),
                };
                (format!("there is no filesystem or archive `{name}`"), help)
            }
        };
        let mut wrong = Diagnostic::error("unknown-kind", child.name.span, message);
        wrong.help.extend(help);
        cx.report(wrong);
        return None;
    };
    let is_filesystem = kind.family == Family::Filesystem;
    let (kind, size) =
        kind_node(
            cx,
            kind.family,
            child,
            |cursor, kind| {
                if is_filesystem { file_size(cursor, kind) } else { None }
            },
        )?;
    let verity = match hashes {
        Some(node) if !is_filesystem => {
            let message = format!("`{}` is no filesystem that could be mounted with hashes", kind.kind.name);
            cx.report(Diagnostic::error("pointless-node", node.name.span, message).help("leave it out"));
            None
        }
        hashes => hashes.and_then(|node| verity::decode(cx, node, true)).map(Box::new),
    };
    Some(Made { kind, size, verity })
}
