//! Catalogues written and read, damaged ones refused, and the boot information table by hand.

mod loader;
mod medium;

use super::{codec::encode, *};
use crate::testing::code;

fn entry(platform: u8, sector: u64) -> Entry {
    Entry { platform, load_segment: 0, sectors: 4, first: sector * SECTOR }
}

fn padded(bytes: &[u8]) -> [u8; LEN] {
    let mut out = [0; LEN];
    out[..bytes.len()].copy_from_slice(bytes);
    out
}

#[test]
fn one_entry_is_the_initial_one() {
    let made = encode(&[Entry { platform: X86, load_segment: 0x1234, sectors: 4, first: 0x21 * SECTOR }])
        .expect("made");
    let mut wanted = [0; 64];
    wanted[0] = 1;
    wanted[28..32].copy_from_slice(&[0xaa, 0x55, 0x55, 0xaa]);
    wanted[32..44].copy_from_slice(&[0x88, 0, 0x34, 0x12, 0, 0, 4, 0, 0x21, 0, 0, 0]);
    assert_eq!(made, padded(&wanted));
}

#[test]
fn further_platforms_get_sections() {
    let entries = [entry(X86, 30), entry(EFI, 40), entry(EFI, 50), entry(1, 60)];
    let made = encode(&entries).expect("made");
    let indicators: Vec<u8> = made.chunks(32).map(|record| record[0]).take(8).collect();
    assert_eq!(indicators, [1, 0x88, 0x90, 0x88, 0x88, 0x91, 0x88, 0]);
    assert_eq!((made[64 + 1], made[64 + 2], made[160 + 1], made[160 + 2]), (EFI, 2, 1, 1));
    assert_eq!(decode(&made).expect("read"), entries);
}

#[test]
fn an_empty_catalogue_has_no_entries_and_a_full_one_takes_no_more() {
    assert_eq!(encode(&[]).expect("made"), [0; LEN]);
    assert_eq!(decode(&[0; LEN]).expect("read"), []);
    let many = vec![entry(X86, 30); 62];
    assert_eq!(decode(&encode(&many[..61]).expect("fits")).expect("read").len(), 61);
    assert_eq!(encode(&many).expect_err("too many").code, "boot-catalog-full");
    assert_eq!(
        encode(&[Entry { first: 2047, ..entry(X86, 1) }]).expect_err("odd").code,
        "boot-image-unaligned"
    );
    assert_eq!(encode(&[entry(X86, 1 << 32)]).expect_err("far").code, "boot-image-unaligned");
}

#[test]
fn damaged_catalogues_are_refused() {
    let good = encode(&[entry(X86, 30), entry(EFI, 40)]).expect("made");
    for (at, byte) in [(0, 2), (28, 0), (5, 1), (30, 0), (32, 7), (96, 7)] {
        let mut bad = good;
        bad[at] = byte;
        let result = decode(&bad).map_err(Failure::from);
        assert_eq!(code(result), "boot-catalog-damaged", "byte {at}");
    }
    let mut full = good;
    full[64 + 2..64 + 4].copy_from_slice(&[0xff, 0xff]);
    full[96..].chunks_exact_mut(32).for_each(|record| record[0] = 0x88);
    assert_eq!(code(decode(&full).map_err(Failure::from)), "boot-catalog-damaged");
}

#[test]
fn entries_that_cannot_be_started_and_extensions_are_passed_over() {
    let mut bytes = encode(&[entry(X86, 30), entry(EFI, 40)]).expect("made");
    bytes[32] = 0;
    bytes[128] = 0x44;
    assert_eq!(decode(&bytes).expect("read"), [entry(EFI, 40)]);
}

#[test]
fn the_boot_information_table_sums_up_what_follows_it() {
    let mut bytes = vec![0xee; 64];
    bytes.extend([1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 5, 1]);
    let table = boot_info(&Image { first: 33 * SECTOR, bytes }).expect("made");
    let word = |at: usize| u32::from_le_bytes(table[at..at + 4].try_into().expect("four"));
    assert_eq!([word(0), word(4), word(8), word(12)], [16, 33, 74, 0x105]);
    assert!(table[16..].iter().all(|byte| *byte == 0));
    assert_eq!(code(boot_info(&Image { first: 0, bytes: vec![0; 63] })), "boot-image-too-small");
}

#[test]
fn images_that_sixteen_bits_do_not_measure_reach_to_the_end() {
    assert_eq!([efi_sectors(513), efi_sectors(65535 * 512), efi_sectors(65536 * 512)], [2, 65535, 0]);
}
