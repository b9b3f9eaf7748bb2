//! `verity of=PARTITION salt="…" uuid="…"` in a partition: the hashes of another partition of its disk. Beside a filesystem,
//! without `of`: the hashes of that one, behind it.

use crate::{
    decode::{Cursor, Cx, Spanned, uuid},
    diagnostic::{Diagnostic, Span},
    syntax::{Node, Value},
};

/// The most bytes of salt that dm-verity's superblock holds (cryptsetup, "Verity On-Disk Format").
const MAX_SALT: usize = 256;

/// A `verity` node.
#[derive(Debug)]
pub struct Verity {
    /// The partition whose hashes these are; `None`: they lie behind the filesystem beside the node.
    pub of: Option<Spanned<String>>,
    /// What is hashed before every block, if the author gave it.
    pub salt: Option<Vec<u8>>,
    /// The UUID of the hash device, if the author gave one.
    pub uuid: Option<String>,
    /// Whether there is a superblock.
    pub superblock: bool,
    /// The node's name.
    pub span: Span,
}

/// The name of the node.
pub const NODE: &str = "verity";

/// Decodes the node, which stands beside a filesystem or not.
pub fn decode(cx: &Cx<'_>, node: &Node, beside: bool) -> Option<Verity> {
    let mut cursor = Cursor::new(cx, node);
    let of = if beside { refuse_of(&mut cursor) } else { Some(Some(of(&mut cursor)?)) };
    let salt = cursor.prop("salt").and_then(|value| salt(cx, value));
    let given = cursor.prop("uuid");
    let superblock = cursor.prop("superblock").and_then(|value| cx.bool(value));
    let superblock = superblock.is_none_or(|superblock| superblock.value);
    if let Some(given) = given.filter(|_| !superblock) {
        let message = "`uuid` is stored in the superblock, and there is none";
        cx.report(Diagnostic::error("pointless-property", given.span, message).help("leave it out"));
    }
    let uuid = given.and_then(|value| uuid(cx, value));
    cursor.no_children();
    cursor.finish();
    Some(Verity { of: of?, salt, uuid, superblock, span: node.name.span })
}

fn of(cursor: &mut Cursor<'_>) -> Option<Spanned<String>> {
    let help = "name the partition of this disk whose hashes are kept here, or add a filesystem, behind which they are kept";
    let of = cursor.required("of", help)?;
    cursor.cx.string(of, "the name of a partition")
}

/// Beside a filesystem there is nothing to name; `None` when the author does, which is reported.
fn refuse_of(cursor: &mut Cursor<'_>) -> Option<Option<Spanned<String>>> {
    let Some(given) = cursor.prop("of") else { return Some(None) };
    let message = "these hashes are of the filesystem beside them";
    let found = Diagnostic::error("pointless-property", given.span, message);
    cursor.cx.report(found.help("leave `of` out, or give the hashes a partition of their own"));
    None
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
