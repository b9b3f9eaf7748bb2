//! The same bytes: a golden dump, pinned digests.

use imgc_image::{MemoryStore, Reader};
use imgc_plan::Data;

use super::{
    super::Exfat,
    image::{digest, make, record, small},
};
use crate::fs::Filesystem;

#[test]
fn a_small_filesystem_dumps_as_expected() {
    let store = MemoryStore::default();
    let guid = Data::from("00112233-4455-6677-8899-aabbccddeeff");
    let options = record(&[("label", "EVERY".into()), ("guid", guid)]);
    let bytes = make(&options, Some(&small(&store)), 2 << 20, &store).unwrap();
    let text = Exfat.dump(&Reader::new(&bytes, &store)).unwrap();
    assert_eq!(text, include_str!("golden.txt"), "{text}");
    assert!(Exfat.dump(&vec![0u8; 4096]).is_err());
}

#[test]
fn the_bytes_are_pinned() {
    for (sector, mib, wanted) in PINNED {
        let store = MemoryStore::default();
        let options = record(&[("label", "EVERY".into()), ("sector-size", Data::from(sector))]);
        let bytes = make(&options, Some(&small(&store)), mib << 20, &store).unwrap();
        assert_eq!(digest(&bytes, &store), wanted, "{sector} {mib}");
    }
}

const PINNED: [(u64, u64, &str); 3] = [(512, 1, ""), (512, 300, ""), (4096, 8, "")];
