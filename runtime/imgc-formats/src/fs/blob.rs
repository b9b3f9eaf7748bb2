//! `raw`: one file at an offset, and a filler around it: firmware, boot stages, anything that is found by its place.

use imgc_image::{BytesBuilder, Content, Entry, Failure, Node, Problem, ReadAt, Tree};
use imgc_plan::{
    BlobId, Data, Family, Kind, Opt, OptType, Record,
    kind::{Default, FilesystemTraits, OptionProblem, Traits},
    units::{approximate_size, format_size},
};

use super::Filesystem;

/// The kind `raw`.
pub struct Raw;

static KIND: Kind = Kind {
    family: Family::Filesystem,
    name: "raw",
    doc: "No filesystem, but the bytes of one file: a boot stage or firmware that is found by its place. The tree holds that file, under any \
          name, and nothing else but directories.",
    since: "0.1.0",
    options: &[
        Opt {
            name: "offset",
            ty: OptType::Size { min: 0, max: i64::MAX as u64 },
            default: Default::Int(0),
            doc: "Where the file starts, in bytes from the start of the partition.",
            since: "0.1.0",
        },
        Opt {
            name: "fill",
            ty: OptType::Int { min: 0, max: 255 },
            default: Default::Int(0),
            doc: "The value of the bytes before and after the file: 255 is what erased flash memory holds.",
            since: "0.1.0",
        },
    ],
    traits: Traits::Filesystem(FilesystemTraits {
        takes_tree: true,
        own_length: false,
        stamps_start: false,
        system_area: 0,
        folds_case: false,
        default_type: "raw",
    }),
};

/// The longest run of the filler that is stored, in bytes; longer ones repeat it. Does not change the bytes of an image.
const RUN: u64 = 1 << 20;

impl Filesystem for Raw {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn check(&self, _options: &Record) -> Vec<OptionProblem> {
        Vec::new()
    }

    fn measure(&self, options: &Record, tree: Option<&Tree>) -> Result<u64, Failure> {
        Ok(Loose::of(options, tree)?.end)
    }

    fn write(
        &self,
        options: &Record,
        tree: Option<&Tree>,
        len: u64,
        out: &mut BytesBuilder<'_>,
    ) -> Result<Vec<Problem>, Failure> {
        let Loose { content, offset, end, fill } = Loose::of(options, tree)?;
        if end > len {
            return Err(too_large(end, len).into());
        }
        out.content(offset, content, 0, content.len());
        if fill != 0 {
            let run = RUN.min(offset.max(len - end));
            let bytes = vec![fill; usize::try_from(run).expect("because a run has at most 1 MiB")];
            let blob = out.store().put(&bytes)?;
            repeat(out, (blob, run), 0, offset);
            repeat(out, (blob, run), end, len);
        }
        Ok(Vec::new())
    }

    fn dump(&self, image: &dyn ReadAt) -> Result<String, Failure> {
        Ok(format!("raw: {} bytes without structure\n", image.len()))
    }
}

/// Points at a run of the filler until all from `at` to `end` is covered.
fn repeat(out: &mut BytesBuilder<'_>, (blob, run): (BlobId, u64), mut at: u64, end: u64) {
    while at < end {
        let now = run.min(end - at);
        out.blob(at, blob, 0, now);
        at += now;
    }
}

fn too_large(needed: u64, len: u64) -> Problem {
    let missing = needed - len;
    let message = format!(
        "the file ends at {} ({needed} bytes), {} ({missing} bytes) after the end",
        approximate_size(needed),
        approximate_size(missing)
    );
    let enough = format_size(needed.checked_next_multiple_of(512).unwrap_or(needed));
    Problem::new("tree-too-large", message).help(format!("make it \"{enough}\" or larger, or use `size=fit`"))
}

/// What is asked for.
struct Loose<'t> {
    content: &'t Content,
    offset: u64,
    /// The first byte after the file.
    end: u64,
    fill: u8,
}

impl<'t> Loose<'t> {
    fn of(options: &Record, tree: Option<&'t Tree>) -> Result<Self, Problem> {
        let number = |name: &str| options.get(name).and_then(Data::as_u64).unwrap_or(0);
        let content = only_file(tree)?;
        let offset = number("offset");
        let end = offset.checked_add(content.len()).filter(|end| i64::try_from(*end).is_ok());
        let end =
            end.ok_or_else(|| Problem::new("tree-too-large", "no disk reaches to the end of the file"))?;
        Ok(Self { content, offset, end, fill: u8::try_from(number("fill")).unwrap_or(0) })
    }
}

/// The one file of a tree, in whatever directory it is.
fn only_file(tree: Option<&Tree>) -> Result<&Content, Problem> {
    let entries = tree.map_or(&[][..], Tree::entries);
    let found: Vec<&Entry> = entries.iter().filter(|entry| !entry.is_dir()).collect();
    match found[..] {
        [Entry { node: Node::File { content, .. }, .. }] => Ok(content),
        [] => Err(not_one("the tree has no file")),
        [other] => Err(not_one(&format!("{} is no file", other.path))),
        [first, second, ..] => Err(not_one(&format!(
            "the tree has {} of them, {} and {} first",
            found.len(),
            first.path,
            second.path
        ))),
    }
}

fn not_one(what: &str) -> Problem {
    Problem::new("not-one-file", format!("`raw` holds one file, but {what}"))
        .help("give it a tree with that one file: `tree NAME { copy \"FILE\" to=\"/FILE\" }`")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use imgc_image::{Bytes, MemoryStore, Meta, Reader, Store, TreeBuilder};
    use imgc_plan::tree::BytePath;

    use super::*;

    fn entry(path: &str, node: Node) -> Entry {
        let path = BytePath(path.as_bytes().to_vec());
        Entry { path, meta: Meta::new(0o644, 0), xattrs: Box::default(), link: None, node }
    }

    fn tree(entries: Vec<Entry>) -> Tree {
        let mut builder = TreeBuilder::new();
        entries.into_iter().for_each(|entry| builder.push(entry));
        builder.finish(0).expect("a tree")
    }

    fn file(path: &str, content: impl Into<Content>) -> Entry {
        entry(path, Node::File { content: content.into(), dense: false })
    }

    fn options(offset: i64, fill: i64) -> Record {
        Record::from([("offset".into(), Data::Int(offset)), ("fill".into(), Data::Int(fill))])
    }

    fn write(options: &Record, tree: &Tree, len: u64, store: &MemoryStore) -> Result<Bytes, Failure> {
        let mut out = BytesBuilder::new(store);
        assert_eq!(Raw.write(options, Some(tree), len, &mut out)?, []);
        Ok(out.finish(len).expect("pieces lie where they should"))
    }

    #[test]
    fn the_file_lies_at_its_offset_within_the_filler() {
        let store = MemoryStore::default();
        let id = store.put(b"stage").expect("stored");
        let tree = tree(vec![entry("boot", Node::Dir), file("boot/stage.bin", Bytes::blob(id, 5))]);
        for fill in [0, 0xff] {
            let options = options(3, fill);
            assert_eq!(Raw.measure(&options, Some(&tree)).expect("measured"), 8);
            let bytes = write(&options, &tree, 10, &store).expect("written");
            let read = Reader::new(&bytes, &store).read_all(10).expect("read");
            let f = u8::try_from(fill).expect("a byte");
            assert_eq!(read, [f, f, f, b's', b't', b'a', b'g', b'e', f, f]);
        }
        let exact = write(&options(3, 0xff), &tree, 8, &store).expect("written");
        assert_eq!(exact.len(), 8);
    }

    #[test]
    fn a_long_filler_is_stored_once_and_contents_are_only_pointed_at() {
        let store = MemoryStore::default();
        let id = store.put(b"stage").expect("stored");
        let tree = tree(vec![file("stage.bin", Bytes::blob(id, 5))]);
        let bytes = write(&options(3 << 20, 0xa5), &tree, 64 << 20, &store).expect("written");
        assert_eq!(bytes.refs().len(), 2, "the file and the filler");
        assert_eq!(bytes.allocated(), 64 << 20);
        let mut last = [0; 3];
        Reader::new(&bytes, &store).read_at((64 << 20) - 3, &mut last).expect("read");
        assert_eq!(last, [0xa5; 3]);
        assert_eq!(
            bytes.value_id(),
            write(&options(3 << 20, 0xa5), &tree, 64 << 20, &store).expect("written").value_id()
        );
    }

    #[test]
    fn holes_of_the_file_are_zero_not_filler() {
        let store = MemoryStore::default();
        let content = Content::Bytes(Arc::new(Bytes::zeros(4)));
        let tree = tree(vec![file("zeros", content)]);
        let bytes = write(&options(1, 7), &tree, 6, &store).expect("written");
        assert_eq!(Reader::new(&bytes, &store).read_all(6).expect("read"), [7, 0, 0, 0, 0, 7]);
    }

    #[test]
    fn what_is_not_one_file_or_does_not_fit_is_refused() {
        let store = MemoryStore::default();
        let complaint =
            |tree: Option<&Tree>| Raw.measure(&options(0, 0), tree).expect_err("refused").to_string();
        assert!(complaint(None).contains("no file"));
        assert!(complaint(Some(&tree(vec![entry("d", Node::Dir)]))).contains("no file"));
        assert!(complaint(Some(&tree(vec![entry("p", Node::Fifo)]))).contains("/p is no file"));
        let two = tree(vec![file("a", Content::empty()), file("b", Content::empty())]);
        assert!(complaint(Some(&two)).contains("has 2 of them, /a and /b first"));
        let one = tree(vec![file("a", Bytes::zeros(600))]);
        let failure = write(&options(500, 0), &one, 1024, &store).expect_err("refused");
        assert!(failure.to_string().contains("(76 bytes) after the end"), "{failure}");
        let far = Raw.measure(&options(i64::MAX, 0), Some(&one)).expect_err("refused");
        assert!(far.to_string().contains("no disk"), "{far}");
    }
}
