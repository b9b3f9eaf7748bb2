//! The image for UEFI: a PE32 or PE32+ file of the linked kernel and the module area.
//!
//! ```text
//! 0x0000   MS-DOS stub, headers
//! 0x1000   .text     the kernel's code
//!          .data     its data and zeros
//!          mods      the module area, by whose name the kernel finds it
//!          .reloc    where addresses stand
//! ```
//!
//! Every section begins at a page, in the file as in memory. Source: PE Format (Microsoft), UEFI 2.10 section 2.1.1; what it leaves
//! open is as grub-mkimage 2.06 and 2.12 have it, so the images are equal to theirs byte for byte.

use imgc_image::{Failure, Problem};

use super::{
    area::{self, Word},
    link::{Arch, Linked, PAGE, link},
    package::{Package, unknown},
    place::Place,
    platform::Platform,
};

/// Where the PE header lies, and what is before it: a program that MS-DOS can run, as every linker writes it.
const PE_OFFSET: usize = 0x80;
const STUB: &[u8] =
    b"\x0e\x1f\xba\x0e\x00\xb4\x09\xcd\x21\xb8\x01\x4c\xcd\x21This program cannot be run in DOS mode.\r\r\n$";

/// `TimeDateStamp`: 2015-01-01, which grub-mkimage writes since 2.04 whatever the time.
const TIMESTAMP: u32 = 1_420_070_400;

/// `Characteristics` of the file: executable, without line numbers, symbols and debugging information; 0x100 says 32 bits.
const CHARACTERISTICS: u16 = 0x020e;
const MACHINE_32BIT: u16 = 0x0100;

/// `Subsystem`: an EFI application.
const EFI_APPLICATION: u16 = 10;

/// Stack and heap, which firmware does not look at.
const STACK: u32 = 0x1_0000;

/// Data directories, and which of them says where `.reloc` is.
const DIRECTORIES: u32 = 16;
const BASE_RELOCATION: u32 = 5;

/// Types of base relocations: four bytes, eight bytes.
const HIGHLOW: u16 = 3;
const DIR64: u16 = 10;

/// Blocks of relocations are multiples of this many bytes.
const BLOCK_ALIGN: usize = 8;

/// The longest image, against sources that are none of GRUB's.
const LIMIT: usize = 64 << 20;

/// Makes the image of a place.
///
/// # Errors
/// When the package lacks something, or is of a version with other layouts.
pub fn image(package: &Package<'_>, place: &Place<'_>) -> Result<Vec<u8>, Failure> {
    let (arch, word) = match place.options.platform {
        Platform::I386Efi => (Arch::I386, Word::Four),
        Platform::X8664Efi => (Arch::X8664, Word::Eight),
        Platform::Arm64Efi => (Arch::Arm64, Word::Eight),
        other => return Err(Failure::Bug(format!("GRUB for `{}` is no PE image", other.name()))),
    };
    let linked = link(&package.read("kernel.img")?, arch)?;
    if linked.entry != PAGE {
        return Err(unknown("kernel.img", "it does not begin with its entry").into());
    }
    Ok(write(arch, &linked, area::of_place(package, place, word)?)?)
}

/// A section of the file.
struct Section {
    name: &'static [u8],
    characteristics: u32,
    bytes: Vec<u8>,
}

fn write(arch: Arch, linked: &Linked, mut mods: Vec<u8>) -> Result<Vec<u8>, Problem> {
    let kind = if arch == Arch::I386 { HIGHLOW } else { DIR64 };
    mods.resize(mods.len().next_multiple_of(PAGE as usize), 0);
    // Readable, and what it holds: 0x20 code, 0x40 data; executable, writable, or thrown away after it was read.
    let sections = [
        Section { name: b".text", characteristics: 0x6000_0020, bytes: linked.text.clone() },
        Section { name: b".data", characteristics: 0xc000_0040, bytes: linked.data.clone() },
        Section { name: b"mods", characteristics: 0xc000_0040, bytes: mods },
        Section { name: b".reloc", characteristics: 0x4200_0040, bytes: relocations(&linked.fixups, kind) },
    ];
    let total = PAGE as usize + sections.iter().map(|section| section.bytes.len()).sum::<usize>();
    if total > LIMIT {
        let message = format!("GRUB's image for UEFI would have {total} bytes, and {LIMIT} are the most");
        return Err(Problem::new("grub-core-too-large", message).help("leave modules out"));
    }
    let mut file = headers(arch, &sections);
    file.resize(PAGE as usize, 0);
    for section in sections {
        file.extend(section.bytes);
    }
    Ok(file)
}

fn small(len: usize) -> u32 {
    u32::try_from(len).expect("because an image's length is limited")
}

fn headers(arch: Arch, sections: &[Section; 4]) -> Vec<u8> {
    let (wide, machine): (bool, u16) = match arch {
        Arch::I386 => (false, 0x014c),
        Arch::X8664 => (true, 0x8664),
        Arch::Arm64 => (true, 0xaa64),
    };
    let len = |section: &Section| small(section.bytes.len());
    let [text, data, mods, reloc] = sections;
    let reloc_at = PAGE + len(text) + len(data) + len(mods);
    let mut out = dos();
    out.extend(b"PE\0\0");
    words(&mut out, &[machine, 4]);
    longs(&mut out, &[TIMESTAMP, 0, 0]);
    words(
        &mut out,
        &[if wide { 0xf0 } else { 0xe0 }, CHARACTERISTICS | if wide { 0 } else { MACHINE_32BIT }],
    );
    // The optional header: magic, linker's version, SizeOfCode, SizeOfInitializedData, SizeOfUninitializedData,
    // AddressOfEntryPoint (the kernel begins with it, as was checked), BaseOfCode.
    words(&mut out, &[if wide { 0x20b } else { 0x10b }, 0]);
    longs(&mut out, &[len(text), len(data) + len(mods), 0, PAGE, PAGE]);
    // BaseOfData is only in PE32; ImageBase is as wide as an address.
    longs(&mut out, &[if wide { 0 } else { PAGE + len(text) }, 0]);
    // Alignments in memory and in the file; six words of versions; Win32VersionValue; SizeOfImage, SizeOfHeaders, CheckSum.
    longs(&mut out, &[PAGE, PAGE, 0, 0, 0, 0, reloc_at + len(reloc), PAGE, 0]);
    words(&mut out, &[EFI_APPLICATION, 0]);
    for size in [STACK; 4] {
        out.extend(size.to_le_bytes());
        out.extend(if wide { &[0; 4][..] } else { &[] });
    }
    longs(&mut out, &[0, DIRECTORIES]);
    for directory in 0..DIRECTORIES {
        longs(&mut out, &if directory == BASE_RELOCATION { [reloc_at, len(reloc)] } else { [0, 0] });
    }
    let mut at = PAGE;
    for section in sections {
        out.extend(section.name);
        out.resize(out.len() + 8 - section.name.len(), 0);
        // VirtualSize, VirtualAddress, SizeOfRawData, PointerToRawData, and nothing of relocations and line numbers.
        longs(&mut out, &[len(section), at, len(section), at, 0, 0, 0, section.characteristics]);
        at += len(section);
    }
    out
}

/// The MS-DOS header: `MZ`, the length of the program, its stack, and at 0x3c where the PE header lies.
fn dos() -> Vec<u8> {
    let mut out = b"MZ".to_vec();
    words(&mut out, &[0x90, 3, 0, 4, 0, 0xffff, 0, 0xb8, 0, 0, 0, 0x40]);
    out.resize(0x3c, 0);
    longs(&mut out, &[small(PE_OFFSET)]);
    out.extend(STUB);
    out.resize(PE_OFFSET, 0);
    out
}

/// Blocks of a page each: {u32 page, u32 length}, then {4 bits type, 12 bits offset}, padded; the last one up to the section's end.
fn relocations(fixups: &[u32], kind: u16) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = fixups;
    while let Some(first) = rest.first() {
        let page = first & !(PAGE - 1);
        let count = rest.iter().take_while(|fixup| *fixup & !(PAGE - 1) == page).count();
        let (here, behind) = rest.split_at(count);
        rest = behind;
        let start = out.len();
        longs(&mut out, &[page, 0]);
        for fixup in here {
            let offset = u16::try_from(fixup & (PAGE - 1)).expect("because it is masked");
            words(&mut out, &[kind << 12 | offset]);
        }
        let align = if rest.is_empty() { PAGE as usize } else { BLOCK_ALIGN };
        out.resize(out.len().next_multiple_of(align), 0);
        let len = small(out.len() - start);
        out[start + 4..start + 8].copy_from_slice(&len.to_le_bytes());
    }
    if out.is_empty() {
        longs(&mut out, &[0, PAGE]);
        out.resize(PAGE as usize, 0);
    }
    out
}

fn words(out: &mut Vec<u8>, words: &[u16]) {
    words.iter().for_each(|word| out.extend(word.to_le_bytes()));
}

fn longs(out: &mut Vec<u8>, longs: &[u32]) {
    longs.iter().for_each(|long| out.extend(long.to_le_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_relocations_fill_their_section() {
        let out = relocations(&[0x1000, 0x1ffe, 0x1004, 0x3000], DIR64);
        assert_eq!(out.len(), 0x1000);
        let long = |at: usize| u32::from_le_bytes(out[at..at + 4].try_into().expect("four"));
        assert_eq!((long(0), long(4)), (0x1000, 16));
        assert_eq!(out[8..16], [0, 0xa0, 0xfe, 0xaf, 4, 0xa0, 0, 0]);
        assert_eq!((long(16), long(20)), (0x3000, 0x1000 - 16));
        assert_eq!(relocations(&[], DIR64).len(), 0x1000);
    }
}
