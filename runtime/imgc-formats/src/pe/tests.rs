//! Headers that contradict themselves are refused; fields are found where they are.

use super::*;

/// Where the directory of certificates lies in [`image`].
pub const DIRECTORY: usize = 0x58 + 112 + 4 * 8;

/// The least image that is one: headers of 512 bytes and a section of as many, for x64.
pub fn image() -> Vec<u8> {
    let mut bytes = vec![0; 1024];
    bytes[..2].copy_from_slice(b"MZ");
    put32(&mut bytes, 0x3c, 0x40);
    bytes[0x40..0x44].copy_from_slice(b"PE\0\0");
    put16(&mut bytes, 0x44, 0x8664);
    put16(&mut bytes, 0x46, 1);
    put16(&mut bytes, 0x54, 112 + 6 * 8);
    put16(&mut bytes, 0x58, 0x20b);
    put32(&mut bytes, 0x58 + 32, 0x1000);
    put32(&mut bytes, 0x58 + 36, 512);
    put32(&mut bytes, 0x58 + 60, 512);
    put16(&mut bytes, 0x58 + 68, EFI_APPLICATION);
    put32(&mut bytes, 0x58 + 108, 6);
    let table = 0x58 + 112 + 48;
    bytes[table..table + 5].copy_from_slice(b".text");
    put32(&mut bytes, table + 8, 500);
    put32(&mut bytes, table + 12, 0x1000);
    put32(&mut bytes, table + 16, 512);
    put32(&mut bytes, table + 20, 512);
    bytes
}

/// [`image`] with something behind it that has the form of a signature.
pub fn signed() -> Vec<u8> {
    let mut bytes = image();
    bytes.extend_from_slice(&[16, 0, 0, 0, 0, 2, 2, 0, 0x30, 6, 1, 2, 3, 4, 5, 6]);
    put32(&mut bytes, DIRECTORY, 1024);
    put32(&mut bytes, DIRECTORY + 4, 16);
    bytes
}

/// Puts 16 bits.
pub fn put16(bytes: &mut [u8], at: usize, value: u16) {
    bytes[at..at + 2].copy_from_slice(&value.to_le_bytes());
}

/// Puts 32 bits.
pub fn put32(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

fn refused(bytes: &[u8]) -> String {
    match Pe::read(bytes) {
        Err(PeError::Odd(why)) => why,
        other => panic!("it was not refused: {other:?}"),
    }
}

#[test]
fn headers_are_read() {
    let bytes = image();
    let pe = Pe::read(bytes.as_slice()).expect("an image");
    assert_eq!((pe.machine(), pe.subsystem(), pe.headers.len()), (0x8664, EFI_APPLICATION, 512));
    assert_eq!(pe.get(Field::SectionAlignment), 0x1000);
    assert_eq!(pe.sections.len(), 1);
    assert_eq!((pe.sections[0].name().as_str(), pe.sections[0].virtual_end()), (".text", 0x1200));
    assert_eq!(pe.table_end(), 0x58 + 112 + 48 + 40);
    assert!(pe.signature.is_none());
    assert_eq!(machine_name(pe.machine()), "x64");
    assert_eq!(machine_name(7), "machine 0x0007");
}

#[test]
fn what_is_appended_and_replaced_is_read_back() {
    let mut bytes = image();
    let mut pe = Pe::read(bytes.as_slice()).expect("an image");
    let more = Section {
        name: *b".linux\0\0",
        virtual_size: 3,
        virtual_address: 0x2000,
        size_of_raw_data: 0,
        pointer_to_raw_data: 0,
        characteristics: 0x4000_0040,
    };
    pe.push(more);
    let changed = Section { virtual_size: 7, ..pe.sections[0] };
    pe.replace(0, changed);
    pe.set(Field::SizeOfImage, 0x3000);
    bytes[..512].copy_from_slice(&pe.headers);
    let again = Pe::read(bytes.as_slice()).expect("an image");
    assert_eq!(again.sections, [changed, more]);
    assert_eq!(again.get(Field::SizeOfImage), 0x3000);
}

#[test]
fn every_cut_and_every_changed_byte_is_survived() {
    let whole = image();
    for len in 0..whole.len() {
        assert!(Pe::read(&whole[..len]).is_err(), "{len} bytes of it are no image");
    }
    for at in 0..512 {
        for value in [0, 0x7f, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] = value;
            // Whatever it is now: it is read or refused, and what is read can be asked.
            if let Ok(pe) = Pe::read(bytes.as_slice()) {
                let _ = (pe.machine(), pe.subsystem(), pe.get(Field::CertificatesLen), pe.table_end());
            }
        }
    }
}

#[test]
fn what_is_wrong_is_said() {
    assert!(refused(b"\x7fELF").contains("no PE image"));
    let change = |at: usize, value: u32| {
        let mut bytes = image();
        put32(&mut bytes, at, value);
        refused(&bytes)
    };
    assert!(change(0x3c, 0xffff_fff0).contains("no PE image"));
    assert!(change(0x58, 0x0107).contains("unknown kind 0x107"));
    assert!(change(0x58 + 60, 0x100).contains("contradict"));
    assert!(change(0x58 + 60, 0xffff_ffff).contains("contradict"));
    assert!(change(0x58 + 112 + 48 + 16, 513).contains("cut off"));
}

#[test]
fn a_signature_is_found_and_odd_ones_are_refused() {
    let signed = signed();
    assert_eq!(Pe::read(signed.as_slice()).expect("an image").signature, Some((1032, 8)));
    let change = |at: usize, value: u32| {
        let mut bytes = signed.clone();
        put32(&mut bytes, at, value);
        refused(&bytes)
    };
    assert!(change(DIRECTORY, 1025).contains("outside"));
    assert!(change(DIRECTORY, u32::MAX).contains("outside"));
    assert!(change(DIRECTORY + 4, 8).contains("nothing"));
    assert!(change(1024, 17).contains("not Authenticode's"));
    assert!(change(1028, 0x0001_0200).contains("not Authenticode's"));
}
