//! The sums of small volumes, and disks that have none.

use super::*;
use crate::testing::code;

/// A volume of so many sectors, filled with something.
fn disk(sectors: u32) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..sectors * 2048).map(|at| (at / 7 % 251).to_le_bytes()[0]).collect();
    bytes[PRIMARY as usize..][..6].copy_from_slice(b"\x01CD001");
    bytes[PRIMARY as usize + VOLUME_SPACE_SIZE..][..4].copy_from_slice(&sectors.to_le_bytes());
    bytes
}

#[test]
fn the_sum_counts_the_applications_bytes_as_spaces_and_leaves_the_end_out() {
    let mut bytes = disk(700);
    let sums = Sums::of(&bytes).expect("summed");
    let area = PRIMARY as usize + APPLICATION_USE as usize;
    bytes[area..area + 512].fill(b' ');
    let wanted: String = Md5::digest(&bytes[..685 * 2048]).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(sums.all, wanted);
    bytes[area + 511] = b'x';
    bytes[685 * 2048] ^= 1;
    assert_eq!(Sums::of(&bytes).expect("summed").all, wanted);
    bytes[684 * 2048] ^= 1;
    assert_ne!(Sums::of(&bytes).expect("summed").all, wanted);
}

#[test]
fn places_on_the_way_have_the_sums_so_far() {
    let bytes = disk(1023);
    let sums = Sums::of(&bytes).expect("summed");
    let mut blanked = bytes.clone();
    blank(&mut blanked, 0);
    // The first piece behind a 21st of the whole ends the first fragment.
    let end = 1008 * 2048u64;
    let first = (end.div_ceil(21)).div_ceil(PIECE) * PIECE + PIECE;
    let digest = Md5::digest(&blanked[..first as usize]);
    let wanted: Vec<u8> = digest.iter().take(3).map(|byte| first_digit(*byte)).collect();
    assert_eq!(sums.fragments[..3], wanted);
    assert_eq!([first_digit(0xa5), first_digit(0x0b), first_digit(0)], *b"ab0");
    let text = String::from_utf8(sums.encode().expect("short enough")).expect("text");
    assert_eq!(text.len(), 512);
    assert!(
        text.starts_with(&format!("ISO MD5SUM = {};SKIPSECTORS = 15;RHLISOSTATUS=0;", sums.all)),
        "{text}"
    );
}

#[test]
fn disks_without_a_whole_volume_have_no_sum() {
    let good = disk(100);
    for bad in [Vec::new(), vec![0; 1 << 20], good[..99 * 2048].to_vec(), disk(17)] {
        assert_eq!(code(Sums::of(&bad).map(|sums| sums.all)), "medium-not-iso");
    }
    assert!(Sums::of(&good).is_ok());
    assert!(Sums::of(&disk(18)).is_ok());
}
