//! Everything that a value reaches: whether all of it can be read.

use std::{collections::BTreeSet, io, sync::Arc};

use imgc_image::{Bytes, Content, Node, Ref, Value};
use imgc_plan::BlobId;
use rayon::prelude::*;

use crate::store::shelf::Shelf;

/// The blobs that a value points at, directly or through other Bytes: sorted, each once.
fn blobs(value: &Value) -> Vec<BlobId> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    match value {
        Value::Bytes(value) => add(value, &mut found, &mut seen),
        Value::Tree(tree) => {
            for entry in tree.entries() {
                match &entry.node {
                    Node::File { content: Content::Blob { id, len: 1.. }, .. } => {
                        found.push(*id);
                    }
                    Node::File { content: Content::Bytes(bytes), .. } => add(bytes, &mut found, &mut seen),
                    _ => {}
                }
            }
        }
        Value::Facts(_) => {}
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn add(bytes: &Arc<Bytes>, found: &mut Vec<BlobId>, seen: &mut BTreeSet<*const Bytes>) {
    if !seen.insert(Arc::as_ptr(bytes)) {
        return;
    }
    for source in bytes.refs() {
        match source {
            Ref::Blob(id) => {
                found.push(*id);
            }
            Ref::Bytes(inner) => add(inner, found, seen),
        }
    }
}

/// Whether everything can be read. What the store has of it is checked on the way.
///
/// # Errors
/// What the machine says.
pub fn is_all_there(value: &Value, shelf: &Shelf<'_>) -> io::Result<bool> {
    let lost = blobs(value).par_iter().map(|id| shelf.has(id)).find_any(|there| !matches!(there, Ok(true)));
    lost.unwrap_or(Ok(true))
}
