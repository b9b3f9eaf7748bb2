//! `verity of=PARTITION salt="…" uuid="…"` in a partition: the hashes of another partition of its disk.

use crate::{
    decode::{Cursor, Cx, Spanned, unknown_child, uuid},
    diagnostic::Span,
    syntax::{Node, Value},
};

/// The most bytes of salt that dm-verity's superblock holds (cryptsetup, "Verity On-Disk Format").
const MAX_SALT: usize = 256;

/// A `verity` node.
#[derive(Debug)]
pub struct Verity {
    /// The partition whose hashes these are.
    pub of: Spanned<String>,
    /// What is hashed before every block, if the author gave it.
    pub salt: Option<Vec<u8>>,
    /// The UUID of the hash device, if the author gave one.
    pub uuid: Option<String>,
    /// The node's name.
    pub span: Span,
}

/// Decodes the node.
pub fn decode(cx: &Cx<'_>, node: &Node) -> Option<Verity> {
    let mut cursor = Cursor::new(cx, node);
    let of = cursor.required("of", "name the partition of this disk whose hashes are kept here");
    let of = of.and_then(|value| cx.string(value, "the name of a partition"));
    let salt = cursor.prop("salt").and_then(|value| salt(cx, value));
    let uuid = cursor.prop("uuid").and_then(|value| uuid(cx, value));
    cursor.finish();
    for child in &node.children {
        unknown_child(cx, node, child, std::iter::empty());
    }
    Some(Verity { of: of?, salt, uuid, span: node.name.span })
}

fn salt(cx: &Cx<'_>, value: &Value) -> Option<Vec<u8>> {
    let text = cx.string(value, "a salt as hexadecimal digits in quotes")?.value;
    let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit()) && text.len() % 2 == 0;
    if !digits || text.len() / 2 > MAX_SALT {
        let message = format!("a salt is pairs of hexadecimal digits, at most {MAX_SALT} pairs");
        return cx.bad("bad-salt", value, message);
    }
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).ok()).collect()
}
