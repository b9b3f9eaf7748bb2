//! Catalogues of whole media: entries of several loaders, and media that firmware does not start.

use imgc_image::{MemoryStore, Store, Tree, TreeBuilder, build::overlay};
use imgc_plan::{
    Kind, Record,
    kind::Default,
    layout::{Layout, PartRole, PlacedPart},
    step::LoaderHome,
};

use super::*;
use crate::boot::Locate;

fn defaults(kind: &Kind) -> Record {
    let defaults = kind.options.iter().filter_map(|option| {
        let value = match option.default {
            Default::Int(value) => Data::Int(value),
            Default::Text(text) => Data::from(text),
            Default::Bool(value) => Data::Bool(value),
            Default::Epoch => Data::Int(0),
            _ => return None,
        };
        Some((option.name.to_owned(), value))
    });
    defaults.collect()
}

/// A CD that holds the loader's own files beside these.
struct Medium {
    store: MemoryStore,
    home: LoaderHome,
    layout: Layout,
    disk: Arc<Bytes>,
}

impl Locate for Medium {
    fn runs(&self, _partition: &str, path: &[u8]) -> Result<Vec<(u64, u64)>, Failure> {
        let reader = Reader::new(&self.disk, &self.store);
        let volume = crate::filesystem("iso9660").expect("there").open(&reader)?.expect("opens");
        Ok(volume.extents(path)?.iter().map(|run| (run.offset, run.len)).collect())
    }
}

impl Medium {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let kind = crate::filesystem("iso9660").expect("there");
        let store = MemoryStore::default();
        let options = defaults(kind.kind());
        let own = PartHome {
            name: "iso".into(),
            number: 0,
            type_code: String::new(),
            filesystem: "iso9660".into(),
            options: options.clone(),
        };
        let tree = tree(&store, catalog(&own, 5).expect("a catalogue"), files);
        let mut out = imgc_image::BytesBuilder::new(&store);
        kind.write(&options, Some(&tree), 0, &mut out).expect("made");
        let len = out.chosen_len().expect("a length");
        let disk = Arc::new(out.finish(len).expect("made"));
        let part = PlacedPart {
            name: "iso".into(),
            number: 0,
            role: PartRole::Primary,
            start: 0,
            len,
            type_code: String::new(),
            table_name: String::new(),
            uuid: None,
            bootable: false,
            attributes: 0,
        };
        let home = LoaderHome::Disk { table: "bare".into(), own, esp: None };
        Self { store, home, layout: Layout { len, sector_size: 512, parts: vec![part] }, disk }
    }

    fn with<T>(&self, work: impl FnOnce(&StampJob<'_>) -> T) -> T {
        work(&StampJob {
            options: &Record::new(),
            home: &self.home,
            layout: &self.layout,
            disk: &self.disk,
            image: None,
            files: self,
            store: &self.store,
        })
    }

    fn stamp(&mut self, pieces: &[(u64, Patch)]) {
        self.disk = Arc::new(overlay(&self.store, &self.disk, pieces).expect("pieces fit"));
    }

    fn entries(&self) -> Vec<Entry> {
        let mut bytes = [0; LEN];
        let at = self.runs("iso", b"boot/boot.cat").expect("found")[0].0;
        Reader::new(&self.disk, &self.store).read_at(at, &mut bytes).expect("read");
        decode(&bytes).expect("a catalogue")
    }
}

fn tree(store: &MemoryStore, catalog: TreeEntry, files: &[(&str, &[u8])]) -> Tree {
    let mut builder = TreeBuilder::new();
    for (path, bytes) in files {
        let content = Content::Blob { id: store.put(bytes).expect("stored"), len: bytes.len() as u64 };
        builder.push(TreeEntry {
            path: BytePath(path.as_bytes().to_vec()),
            node: Node::File { content, dense: true },
            ..catalog.clone()
        });
    }
    builder.push(catalog);
    builder.finish(5).expect("a tree")
}

#[test]
fn entries_of_a_bios_come_first_whoever_adds_them() {
    let mut medium = Medium::new(&[]);
    for new in [entry(EFI, 40), entry(X86, 30), entry(EFI, 41), entry(X86, 31)] {
        let pieces = medium.with(|job| add(job, &new)).expect("added");
        medium.stamp(&pieces);
    }
    assert_eq!(medium.entries(), [entry(X86, 30), entry(X86, 31), entry(EFI, 40), entry(EFI, 41)]);
}

#[test]
fn an_image_is_read_where_it_lies() {
    let text: Vec<u8> = (0..5000u32).map(|at| at.to_le_bytes()[0]).collect();
    let medium = Medium::new(&[("boot/image", &text), ("boot/empty", b"")]);
    let image = medium.with(|job| image(job, b"boot/image")).expect("found");
    assert_eq!((image.first % SECTOR, &image.bytes), (0, &text));
    assert_eq!(code(medium.with(|job| super::image(job, b"boot/empty"))), "boot-image-empty");
    assert_eq!(code(medium.with(|job| super::image(job, b"boot/none"))), "no-such-file");
}

#[test]
fn media_that_firmware_does_not_start_are_refused() {
    let mut medium = Medium::new(&[]);
    medium.layout.parts[0].start = 1 << 20;
    assert_eq!(code(medium.with(|job| add(job, &entry(X86, 30)))), "medium-not-at-start");
    let LoaderHome::Disk { own, .. } = &mut medium.home else { unreachable!() };
    (own.filesystem, own.options) = ("ext2".into(), Record::new());
    assert_eq!(code(medium.with(|job| add(job, &entry(X86, 30)))), "medium-not-iso");
}
