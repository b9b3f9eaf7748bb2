//! Filesystems and archives, each with the readers of its kind.

use std::sync::Arc;

use imgc_formats::{archive, filesystem};
use imgc_grove::{Grove, Soil};
use imgc_image::{Bytes, Failure, MemoryStore, Node, ReadAt, Reader, Store};
use imgc_plan::step::Keep;
use imgc_tests::writers::{ALL, Writer};

use crate::{
    bounds,
    bytes::{changed, stays_inside},
    mend::{self, Mend},
};

/// Seeds that belong to the tests; more by `IMGC_FUZZ_SEEDS`.
const USUAL: u64 = 60;
/// What is read of one file: a length that lies must not take for ever.
const MOST: u64 = 1 << 24;

/// A valid image of a small tree.
pub fn valid(writer: &Writer, seed: u64) -> Vec<u8> {
    let soil = Soil { target: writer.soil.target.min(300), value: 60, ..writer.soil };
    let grove = Grove::grown(seed, 25, &soil);
    let text = writer.choices.iter().filter_map(|list| list.first()).copied().collect::<Vec<_>>().join(" ");
    let (bytes, _) = writer.write(&text, &grove.tree(), &grove.store).expect("a legal tree");
    Reader::new(&bytes, &grove.store).read_all(1 << 28).expect("a small image")
}

/// Reads everything that there is.
fn devour(writer: &Writer, bytes: &[u8]) -> Result<(), Failure> {
    if let Some(kind) = archive(writer.kind) {
        let (store, len) = (MemoryStore::default(), bytes.len() as u64);
        let bytes = Arc::new(Bytes::blob(store.put(bytes)?, len));
        return kind.unpack(&bytes, Keep::ALL, 0, &store).map(|tree| stays_inside(&tree));
    }
    let kind = filesystem(writer.kind).expect("a filesystem");
    let image: &dyn ReadAt = &bytes.to_vec();
    let _ = kind.dump(image);
    let Some(volume) = kind.open(image)? else { return Ok(()) };
    let _ = volume.facts();
    let tree = volume.tree()?;
    stays_inside(&tree);
    for entry in tree.entries() {
        if matches!(&entry.node, Node::File { content, .. } if content.len() <= MOST) {
            volume.copy(&entry.path.0, &mut std::io::sink())?;
        }
    }
    Ok(())
}

#[test]
fn no_reader_panics() {
    for writer in &ALL {
        let good = valid(writer, 1);
        devour(writer, &good).unwrap_or_else(|error| {
            let packs_only = writer.kind == "cpio";
            assert!(packs_only, "{}: {error}", writer.kind);
        });
        let mend: Mend = match writer.kind {
            "tar" => mend::tar,
            "exfat" => mend::exfat,
            _ => mend::nothing,
        };
        bounds::run(writer.kind, USUAL, |random| {
            let _ = devour(writer, &changed(&good, mend, random));
        });
    }
}
