//! Values as the store keeps them: their canonical encoding, whose BLAKE3 is their name. Decoding trusts nothing.
//!
//! The encoding is that of `specs/digests.md`; there is no second form. Bytes that others point at are named in it, not
//! held: the decoder asks for them by name.

use std::{io, sync::Arc};

use imgc_plan::{Canon, Data, Record, ValueId};

use crate::{bytes::Bytes, value::Value};

mod bytes;
mod cursor;
mod tree;

use cursor::Cursor;

/// Why an encoding is not that of a value.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The bytes are not a canonical encoding.
    #[error("not a value at byte {at}: {what}")]
    Malformed {
        /// Where.
        at: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// Bytes that the value points at could not be had.
    #[error("the value {0} that it points at is missing")]
    Missing(ValueId),
}

/// Gives the Bytes of a name that an encoding points at.
pub type Nested<'a> = dyn FnMut(&ValueId) -> Option<Arc<Bytes>> + 'a;

/// The canonical encoding. Its BLAKE3 is [`Value::id`].
pub fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    encode_to(value, &mut out).expect("because memory takes everything");
    out
}

/// Writes the canonical encoding as it is made, so that it is never in memory as a whole. Gives [`Value::id`].
///
/// # Errors
/// When `out` takes no more.
pub fn encode_to(value: &Value, out: &mut dyn io::Write) -> io::Result<ValueId> {
    let mut c = Canon::keeping(match value {
        Value::Bytes(_) => BYTES,
        Value::Tree(_) => TREE,
        Value::Facts(_) => FACTS,
    });
    match value {
        Value::Bytes(bytes) => bytes.canon_by(&mut c, |c| c.pass(out, false))?,
        Value::Tree(tree) => tree.canon_by(&mut c, |c| c.pass(out, false))?,
        Value::Facts(data) => {
            c.add(data.as_ref());
        }
    }
    c.pass(out, true)?;
    Ok(c.into())
}

const BYTES: &str = "imgc bytes v1";
const TREE: &str = "imgc tree v1";
const FACTS: &str = "imgc facts v1";

/// The value of an encoding.
///
/// # Errors
/// When it is not canonical in every respect, or points at Bytes that `nested` does not give.
pub fn decode(encoding: &[u8], nested: &mut Nested<'_>) -> Result<Value, DecodeError> {
    let mut cursor = Cursor::new(encoding);
    let value = match cursor.text()? {
        BYTES => Value::from(bytes::decode(&mut cursor, nested)?),
        TREE => Value::from(tree::decode(&mut cursor, nested)?),
        FACTS => Value::from(data(&mut cursor, 0)?),
        _ => return Err(cursor.wrong("the domain is unknown")),
    };
    cursor.end()?;
    Ok(value)
}

/// The Bytes that a value's encoding names instead of holding them, each once for each place that names it.
pub fn nested(value: &Value) -> Vec<Arc<Bytes>> {
    let mut found = Vec::new();
    let mut add = |bytes: &Bytes| {
        for source in bytes.refs() {
            if let crate::bytes::Ref::Bytes(inner) = source {
                found.push(Arc::clone(inner));
            }
        }
    };
    match value {
        Value::Bytes(bytes) => add(bytes),
        Value::Tree(tree) => {
            for entry in tree.entries() {
                if let crate::tree::Node::File { content: crate::tree::Content::Bytes(bytes), .. } =
                    &entry.node
                {
                    add(bytes);
                }
            }
        }
        Value::Facts(_) => {}
    }
    found
}

/// How deep facts may nest: layouts need 4; more would only be an attack on the stack.
const DEEPEST: usize = 64;

fn data(c: &mut Cursor<'_>, depth: usize) -> Result<Data, DecodeError> {
    if depth > DEEPEST {
        return Err(c.wrong("facts nest too deep"));
    }
    Ok(match c.text()? {
        "bool" => Data::Bool(c.bool()?),
        "int" => Data::Int(c.signed()?),
        "text" => Data::Text(c.text()?.to_owned()),
        "bytes" => Data::Bytes(c.bytes()?.to_vec()),
        "list" => {
            let len = c.count(8)?;
            Data::List((0..len).map(|_| data(c, depth + 1)).collect::<Result<_, _>>()?)
        }
        "map" => {
            let mut map = Record::new();
            for _ in 0..c.count(16)? {
                let name = c.text()?.to_owned();
                if map.last_key_value().is_some_and(|(last, _)| *last >= name) {
                    return Err(c.wrong("names of a record are not in order"));
                }
                map.insert(name, data(c, depth + 1)?);
            }
            Data::Map(map)
        }
        _ => return Err(c.wrong("unknown type of data")),
    })
}

#[cfg(test)]
mod tests;
