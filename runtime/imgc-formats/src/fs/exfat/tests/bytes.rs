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
    let digests = PINNED.map(|(sector, mib, _)| {
        let store = MemoryStore::default();
        let options = record(&[("label", "EVERY".into()), ("sector-size", Data::from(sector))]);
        let bytes = make(&options, Some(&small(&store)), mib << 20, &store).unwrap();
        digest(&bytes, &store)
    });
    assert_eq!(digests, PINNED.map(|(_, _, wanted)| wanted));
}

const PINNED: [(u64, u64, &str); 3] = [
    (512, 1, "15466af9f34d13e80557efa00cdf62462339bf30fcddb17948804daba0038a78"),
    (512, 300, "39f68e531eb9927a50f081694ecf59881e8aad36b5e1751b57f368004dc98b89"),
    (4096, 8, "eb548c9bd2a098bfab8cf498337738712b8aeb23950584721becb91bddaaa894"),
];
