//! Hostile images: whatever is written over the parts that are followed, there is an answer.

use super::*;

/// A CD whose catalogue names an image, with a boot sector of GRUB whose core is where there is nothing.
fn cd() -> Vec<u8> {
    let mut image = vec![0; 64 << 10];
    image[..6].copy_from_slice(b"\xeb\x63\x90\0\0\0");
    image[0x5c] = 40;
    let mark = b"GRUB \0Geom\0Hard Disk\0Read\0 Error";
    image[0x180..0x180 + mark.len()].copy_from_slice(mark);
    image[510..512].copy_from_slice(&[0x55, 0xaa]);
    let record = 17 * 2048;
    let mark = b"\0CD001\x01EL TORITO SPECIFICATION";
    image[record..record + mark.len()].copy_from_slice(mark);
    image[record + 0x47] = 20;
    let catalog = 20 * 2048;
    image[catalog..catalog + 32].copy_from_slice(&{
        let mut entry = [0; 32];
        entry[0] = 1;
        entry[30..].copy_from_slice(&[0x55, 0xaa]);
        entry
    });
    let sum = image[catalog..catalog + 32].chunks(2).enumerate().filter(|(at, _)| *at != 14);
    let sum = sum.fold(0_u16, |sum, (_, word)| sum.wrapping_add(u16::from_le_bytes([word[0], word[1]])));
    image[catalog + 28..catalog + 30].copy_from_slice(&sum.wrapping_neg().to_le_bytes());
    image[catalog + 32] = 0x88;
    image[catalog + 38] = 4;
    image[catalog + 40] = 22;
    image[22 * 2048 + 0x40..22 * 2048 + 0x44].copy_from_slice(b"\xfb\xc0\x78\x70");
    image
}

#[test]
fn what_is_broken_is_said_with_its_place() {
    let report = verify(&cd());
    let places: Vec<&str> = report.findings.iter().map(|finding| finding.place.as_str()).collect();
    assert_eq!(report.paths.iter().map(BootPath::name).collect::<Vec<_>>(), ["bios-disk", "bios-cd"]);
    assert!(places.contains(&"sector 0") && places.contains(&"the volume"), "{report:#?}");
    assert!(report.is_broken() && !report.works("bios-disk"));
    assert_eq!(verify(&vec![0; 4096]), Report::default());
    assert_eq!(verify(&Vec::new()), Report::default());
}

#[test]
fn an_application_is_no_medium_and_no_boot_sector() {
    let report = verify(&crate::pe::tests::image());
    assert!(report.paths.is_empty() && !report.is_broken(), "{report:#?}");
    assert!(report.findings[0].message.contains("EFI application for x64, unsigned"), "{report:#?}");
    assert!(verify(&crate::pe::tests::signed()).findings[0].message.ends_with(", signed"));
}

#[test]
fn whatever_is_written_into_an_image_there_is_an_answer() {
    let image = cd();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).expect("small")
    };
    let starts = [0, 440, 17 * 2048, 20 * 2048, 22 * 2048, 512];
    for round in 0..400 {
        let mut spoilt = image.clone();
        for _ in 0..=round % 6 {
            let at = starts[next(starts.len())] + next(600);
            spoilt[at] = u8::try_from(next(256)).expect("a byte");
        }
        spoilt.truncate(if round % 5 == 0 { next(image.len()) } else { image.len() });
        verify(&spoilt);
    }
}
