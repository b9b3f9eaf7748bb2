//! Sums made right again, so that what was changed gets past them.

/// A repair of whatever of one kind is found in an input.
pub type Mend = fn(&mut [u8]);

/// Nothing to repair.
pub fn nothing(_: &mut [u8]) {}

/// Of each header of tar: the sum of its bytes, its own field as spaces, in octal digits (POSIX.1-2017, pax, "ustar Interchange Format").
pub fn tar(bytes: &mut [u8]) {
    let magic = b"ustar";
    let found = bytes.windows(magic.len()).enumerate().filter(|(_, window)| window == magic);
    let headers: Vec<usize> = found.filter_map(|(at, _)| at.checked_sub(257)).collect();
    for at in headers {
        let Some(header) = bytes.get_mut(at..at + 512) else { continue };
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
}

/// Of the first GPT on sectors of 512 bytes: of its entries, and of its header (UEFI 2.10, section 5.3.2).
pub fn gpt(bytes: &mut [u8]) {
    let number = |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four"));
    if bytes.len() < 1024 {
        return;
    }
    let (len, from) = (number(bytes, 512 + 12) as usize, number(bytes, 512 + 72) as usize * 512);
    let entries = u64::from(number(bytes, 512 + 80)) * u64::from(number(bytes, 512 + 84));
    let to = usize::try_from(entries).ok().and_then(|len| from.checked_add(len));
    if let Some(entries) = to.and_then(|to| bytes.get(from..to)) {
        let sum = crc32fast::hash(entries).to_le_bytes();
        bytes[512 + 88..][..4].copy_from_slice(&sum);
    }
    bytes[512 + 16..][..4].fill(0);
    if let Some(header) = bytes.get(512..512 + len.min(512)) {
        let sum = crc32fast::hash(header).to_le_bytes();
        bytes[512 + 16..][..4].copy_from_slice(&sum);
    }
}

/// Of exFAT: of the boot region, and of each set of entries (exFAT 1.00, sections 3.4 and 6.3.3).
pub fn exfat(bytes: &mut [u8]) {
    let sector = 1_usize << (bytes.get(108).copied().unwrap_or(9) % 13);
    if let Some(region) = bytes.get_mut(..12 * sector) {
        let parts = region[..11 * sector].iter().enumerate().filter(|(at, _)| ![106, 107, 112].contains(at));
        let sum = parts.fold(0_u32, |sum, (_, byte)| sum.rotate_right(1).wrapping_add(u32::from(*byte)));
        region[11 * sector..].chunks_exact_mut(4).for_each(|word| word.copy_from_slice(&sum.to_le_bytes()));
    }
    for at in (0..bytes.len().saturating_sub(32)).step_by(32) {
        let len = 32 * (usize::from(bytes[at + 1]) + 1);
        // A file's entry, behind it one of its stream: contents may begin with such a byte, too.
        if bytes[at] != 0x85 || bytes.get(at + 32) != Some(&0xc0) || len > 32 * 19 {
            continue;
        }
        let Some(set) = bytes.get_mut(at..at + len) else { continue };
        let parts = set.iter().enumerate().filter(|(at, _)| ![2, 3].contains(at));
        let sum = parts.fold(0_u16, |sum, (_, byte)| sum.rotate_right(1).wrapping_add(u16::from(*byte)));
        set[2..4].copy_from_slice(&sum.to_le_bytes());
    }
}

/// What is right stays as it is.
#[test]
fn sums_of_valid_inputs_are_not_changed() {
    for (kind, mend) in [("tar", tar as Mend), ("exfat", exfat)] {
        let good = crate::trees::valid(imgc_tests::writers::writer(kind), 1);
        let mut mended = good.clone();
        mend(&mut mended);
        assert!(mended == good, "{kind}");
        let at = good.iter().position(|byte| *byte != 0).expect("not all is zero");
        mended[at] ^= 1;
        mend(&mut mended);
        let differ = mended.iter().zip(&good).filter(|(a, b)| a != b).count();
        assert!(differ > 1, "{kind}: a sum follows a byte");
    }
}
