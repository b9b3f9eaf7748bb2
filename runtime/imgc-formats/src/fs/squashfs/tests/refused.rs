//! Trees that cannot be held, and what is left out with a warning.

use imgc_image::{Entry, MemoryStore, Meta, Node};
use imgc_plan::Data;

use super::{codes, make, open, options, trees};

fn at(path: &str, mtime: i64) -> Entry {
    let mut entry = trees::entry(path, Node::Fifo);
    entry.meta.mtime = mtime;
    entry
}

#[test]
fn all_that_cannot_be_held_is_said_at_once() {
    let store = MemoryStore::default();
    let huge = vec![0; 70_000];
    let tree = trees::tree([
        at("a", -1),
        at("b", 1 << 32),
        trees::entry("c", Node::Char { major: 4096, minor: 0 }),
        trees::entry("d", Node::Block { major: 0, minor: 1 << 20 }),
        trees::entry("e", Node::Symlink(vec![b'x'; 4096].into())),
        trees::with_xattrs(trees::entry("f", Node::Fifo), &[("user.x", &huge)]),
        trees::with_xattrs(trees::entry("g", Node::Fifo), &[(&format!("user.{}", "x".repeat(251)), b"")]),
        trees::pieced(&store, "h", 1 << 50, &[]),
    ]);
    let found = codes(make(&options(&[]), &tree, &store).err().expect("it is refused"));
    assert_eq!(
        found,
        [
            "time-out-of-range",
            "time-out-of-range",
            "device-number-too-large",
            "device-number-too-large",
            "symlink-too-long",
            "xattr-too-large",
            "xattr-too-large",
            "file-too-large",
        ]
    );
    let small = options(&[("block-size", Data::Int(4096))]);
    let tree = trees::tree([trees::pieced(&store, "h", (1 << 38) + 1, &[])]);
    assert_eq!(codes(make(&small, &tree, &store).err().expect("it is refused")), ["file-too-large"]);
}

#[test]
fn more_owners_than_the_table_holds_are_refused() {
    let store = MemoryStore::default();
    let owned = |uid: u32| {
        let mut entry = trees::entry(&uid.to_string(), Node::Fifo);
        entry.meta = Meta { uid, ..entry.meta };
        entry
    };
    let fits = trees::tree((0..65_535).map(owned));
    let made = make(&options(&[("compress", "lz4".into())]), &fits, &store).expect("it fits");
    let reader = made.reader(&store);
    assert_eq!(open(&reader).tree().expect("it reads").get(b"65534").expect("there").meta.uid, 65_534);
    let over = trees::tree((0..65_536).map(owned));
    assert_eq!(codes(make(&options(&[]), &over, &store).err().expect("refused")), ["too-many-owners"]);
}

#[test]
fn what_is_left_out_is_said() {
    let store = MemoryStore::default();
    let acl: (&str, &[u8]) = ("system.posix_acl_access", b"\x02\0\0\0");
    let odd: (&str, &[u8]) = ("user.", b"a prefix without a name");
    let mut late = trees::entry("late", Node::Fifo);
    late.meta.mtime_nanos = 1;
    let marked =
        ["a", "b", "c", "d"].map(|path| trees::with_xattrs(trees::entry(path, Node::Fifo), &[acl, odd]));
    let tree = trees::tree(marked.into_iter().chain([late]));
    let made = make(&options(&[]), &tree, &store).expect("made");
    let said: Vec<String> =
        made.warnings.iter().map(|problem| format!("{}: {}", problem.code, problem.message)).collect();
    assert_eq!(
        said,
        [
            "time-precision: the parts of a second of 1 times were left out: a squashfs counts whole seconds",
            "xattr-lost: a squashfs cannot hold the extended attribute system.posix_acl_access of /a, /b, /c and 1 more",
            "xattr-lost: a squashfs cannot hold the extended attribute user. of /a, /b, /c and 1 more",
        ]
    );
    assert!(made.warnings.iter().all(|problem| problem.warning && problem.help.is_some()));
    let made = make(&options(&[("xattrs", false.into())]), &tree, &store).expect("made");
    assert_eq!(made.warnings.len(), 1, "whoever wants no attributes is not told that there are none");
}
