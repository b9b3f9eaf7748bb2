//! Round trips, and mutated bytes that must be refused without a panic.

use std::num::NonZeroU32;

use imgc_plan::{BlobId, Data, Record, tree::BytePath};

use super::*;
use crate::{
    BytesBuilder, Content, Entry, MemoryStore, Meta, Node, Store, Tree, TreeBuilder, tree::LinkGroup,
};

fn no_nested(_: &ValueId) -> Option<Arc<Bytes>> {
    None
}

fn file(path: String, content: Content) -> Entry {
    Entry {
        path: BytePath(path.into_bytes()),
        meta: Meta { mode: 0o4755, uid: 7, gid: 8, mtime: -5, mtime_nanos: 999_999_999 },
        xattrs: Box::default(),
        link: None,
        node: Node::File { content, dense: false },
    }
}

fn tree(files: u32) -> Tree {
    let mut builder = TreeBuilder::new();
    for at in 0..files {
        let id = BlobId::of(&at.to_le_bytes());
        let mut entry =
            file(format!("d{}/e{}/f{at}", at % 100, at % 7), Content::Blob { id, len: u64::from(at) });
        if at % 50 == 0 {
            entry.xattrs = vec![
                (b"user.b".as_slice().into(), b"1".as_slice().into()),
                (b"user.a".as_slice().into(), [].into()),
            ]
            .into();
        }
        builder.push(entry);
    }
    for (name, node) in [
        ("n1", Node::Symlink(b"a\xff".as_slice().into())),
        ("n2", Node::Char { major: 5, minor: 1 }),
        ("n3", Node::Block { major: 8, minor: 70_000 }),
        ("n4", Node::Fifo),
        ("n5", Node::Socket),
        ("n6", Node::File { content: Bytes::zeros(1 << 40).into(), dense: true }),
    ] {
        builder.push(Entry { node, ..file(name.into(), Content::empty()) });
    }
    for name in ["l1", "l2"] {
        builder.push(Entry { link: LinkGroup::new(9), ..file(name.into(), Content::empty()) });
    }
    builder.finish(0).expect("a tree")
}

fn facts() -> Data {
    let mut record = Record::new();
    record.insert("b".into(), Data::Bool(true));
    record.insert("i".into(), Data::Int(-3));
    record.insert("l".into(), Data::List(vec![Data::from("x"), Data::Bytes(vec![0xff, 0])]));
    record.insert("m".into(), Data::Map(Record::new()));
    Data::Map(record)
}

fn disk() -> (Arc<Bytes>, Arc<Bytes>) {
    let store = MemoryStore::default();
    let id = store.put(b"0123456789").expect("stored");
    let mut inner = BytesBuilder::new(&store);
    inner.blob(2, id, 0, 6);
    inner.put(9, b"z").expect("stored");
    let inner = Arc::new(inner.finish(10).expect("made"));
    let mut outer = BytesBuilder::new(&store);
    outer.put(0, b"table").expect("stored");
    outer.nest(512, &inner);
    outer.section(1024, &inner, 4, 6);
    (Arc::new(outer.finish(4096).expect("made")), inner)
}

#[test]
fn values_come_back_equal_and_their_encoding_hashes_to_their_name() {
    let (outer, inner) = disk();
    for value in
        [Value::from(tree(300)), Value::from(facts()), Value::Bytes(outer), Value::from(Bytes::default())]
    {
        let encoding = encode(&value);
        assert_eq!(ValueId(*blake3::hash(&encoding).as_bytes()), value.id());
        let mut give = |id: &ValueId| (*id == inner.value_id()).then(|| Arc::clone(&inner));
        assert_eq!(decode(&encoding, &mut give).expect("decodes"), value);
    }
}

#[test]
fn two_hundred_thousand_entries_come_back() {
    let value = Value::from(tree(200_000));
    let encoding = encode(&value);
    assert_eq!(decode(&encoding, &mut no_nested).expect("decodes"), value);
}

#[test]
fn nested_bytes_are_named_and_asked_for() {
    let (outer, inner) = disk();
    let value = Value::Bytes(outer);
    assert_eq!(nested(&value).iter().map(|bytes| bytes.value_id()).collect::<Vec<_>>(), [inner.value_id()]);
    let missing = decode(&encode(&value), &mut no_nested);
    assert!(matches!(missing, Err(DecodeError::Missing(id)) if id == inner.value_id()));
}

/// A small generator (xorshift64, Marsaglia 2003), so that failures can be repeated.
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn mutated_encodings_never_panic_and_never_pass_for_another_form() {
    let (outer, inner) = disk();
    let mut state = 0x9e37_79b9_7f4a_7c15;
    for value in [Value::from(tree(3)), Value::from(facts()), Value::Bytes(outer)] {
        let encoding = encode(&value);
        for _ in 0..20_000 {
            let mut bytes = encoding.clone();
            for _ in 0..=next(&mut state) % 3 {
                let at = usize::try_from(next(&mut state) % bytes.len() as u64).expect("small");
                match next(&mut state) % 4 {
                    0 => bytes[at] ^= 1 << (next(&mut state) % 8),
                    1 => bytes[at] = 0xff,
                    2 => bytes.truncate(at.max(1)),
                    _ => bytes.insert(at, 0),
                }
            }
            // What decodes must be the one encoding of what it says.
            if let Ok(found) = decode(&bytes, &mut |_| Some(Arc::clone(&inner))) {
                let names = |id: &ValueId| encode(&found).windows(32).any(|part| part == id.0);
                assert!(encode(&found) == bytes || names(&inner.value_id()), "two encodings of one value");
            }
        }
    }
}

#[test]
fn trees_that_cannot_be_are_refused() {
    let entry = |path: &str, node: Node, link: u32| Entry {
        node,
        link: NonZeroU32::new(link),
        ..file(path.into(), Content::empty())
    };
    let of = |content| Node::File { content, dense: false };
    let plain = || of(Content::empty());
    for (entries, why) in [
        (vec![], "without a root"),
        (vec![entry("a", plain(), 0)], "not the root"),
        (vec![entry("", Node::Dir, 0), entry("b", plain(), 0), entry("a", plain(), 0)], "order"),
        (vec![entry("", Node::Dir, 0), entry("a", plain(), 0), entry("a", plain(), 0)], "order"),
        (vec![entry("", Node::Dir, 0), entry("a/b", plain(), 0)], "no directory"),
        (vec![entry("", Node::Dir, 0), entry("a", plain(), 0), entry("a/b", plain(), 0)], "no directory"),
        (vec![entry("", Node::Dir, 0), entry("..", plain(), 0)], "path"),
        (vec![entry("", Node::Dir, 0), entry("a", plain(), 2)], "numbered"),
        (
            vec![entry("", Node::Dir, 0), entry("a", plain(), 1), entry("b", of(Bytes::zeros(9).into()), 1)],
            "differ",
        ),
    ] {
        let encoding = encode(&Value::from(Tree::from_entries(entries)));
        let error = decode(&encoding, &mut no_nested).expect_err(why).to_string();
        assert!(error.contains(why), "{error} / {why}");
    }
}
