//! Relocations: puts addresses where the object left them out.

use imgc_image::Problem;

use super::{
    super::package::unknown,
    Arch, FILE,
    elf::{Class, Object, SHT_REL, SHT_RELA, Section, number},
};

/// How a relocation changes its place; S is the symbol, A the addend, P the place (the names of the psABIs).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// A whole address of so many bytes: S + A. Firmware fixes it.
    Whole(usize),
    /// Four bytes: S + A - P.
    Relative,
    /// AArch64: 26 bits of words in a branch, S + A - P.
    Branch,
    /// AArch64: 21 bits of pages in `adrp`, Page(S + A) - Page(P).
    Page,
    /// AArch64: the low 12 bits of S + A over this power of two, in an `add` or a load.
    Low(u32),
}

/// One relocation.
struct Relocation {
    place: u64,
    symbol: u64,
    way: Way,
    addend: u64,
}

/// Changes the memory, and gives the places of whole addresses.
pub fn relocate(
    object: &Object<'_>,
    arch: Arch,
    addresses: &[Option<u32>],
    memory: &mut [u8],
) -> Result<Vec<u32>, Problem> {
    let mut fixups = Vec::new();
    for table in object.sections.iter().filter(|section| matches!(section.kind, SHT_REL | SHT_RELA)) {
        let bad = |why: &str| unknown(FILE, why);
        let target = object.sections.get(table.info as usize);
        let base = addresses.get(table.info as usize).copied().flatten();
        // Relocations of sections that are not loaded change nothing.
        let (Some(target), Some(base)) = (target, base) else { continue };
        let bytes = object.bytes(table).ok_or_else(|| bad("its relocations are cut off"))?;
        for entry in bytes.chunks_exact(entry_len(object.class, table)) {
            let found = read(entry, object.class, arch, table)?;
            let len = if let Way::Whole(len) = found.way { len } else { 4 };
            if found.place.checked_add(len as u64).is_none_or(|end| end > target.size) {
                return Err(bad("a relocation lies outside of its section"));
            }
            let place = u64::from(base) + found.place;
            let symbol = object.symbol(found.symbol, addresses)?;
            apply(&found, symbol, place, memory).ok_or_else(|| bad("a relocation does not reach"))?;
            if matches!(found.way, Way::Whole(_)) {
                fixups.push(u32::try_from(place).expect("because the kernel is limited to a few MiB"));
            }
        }
    }
    Ok(fixups)
}

fn entry_len(class: Class, table: &Section) -> usize {
    let words = if table.kind == SHT_RELA { 3 } else { 2 };
    words * if class == Class::Bits64 { 8 } else { 4 }
}

/// r_offset, r_info, r_addend.
fn read(entry: &[u8], class: Class, arch: Arch, table: &Section) -> Result<Relocation, Problem> {
    let field = |index: usize, len: usize| number(entry, index * len, len).expect("because the chunk has it");
    let (place, symbol, kind, addend) = match class {
        Class::Bits32 => (field(0, 4), field(1, 4) >> 8, field(1, 4) & 0xff, 0),
        Class::Bits64 => {
            let addend = if table.kind == SHT_RELA { field(2, 8) } else { 0 };
            (field(0, 8), field(1, 8) >> 32, field(1, 8) & 0xffff_ffff, addend)
        }
    };
    // Objects for i386 keep the addend in its place, the others beside it.
    let expected = if arch == Arch::I386 { SHT_REL } else { SHT_RELA };
    let way = way(arch, kind).filter(|_| table.kind == expected);
    let way = way.ok_or_else(|| unknown(FILE, format!("it has a relocation of the type {kind}")))?;
    Ok(Relocation { place, symbol, way, addend })
}

/// The types of relocations that the kernels of GRUB 2.06 and 2.12 have.
fn way(arch: Arch, kind: u64) -> Option<Way> {
    Some(match (arch, kind) {
        (Arch::I386, 1) => Way::Whole(4),        // R_386_32
        (Arch::I386, 2) => Way::Relative,        // R_386_PC32
        (Arch::X8664, 1) => Way::Whole(8),       // R_X86_64_64
        (Arch::X8664, 2 | 4) => Way::Relative,   // R_X86_64_PC32, R_X86_64_PLT32
        (Arch::Arm64, 257) => Way::Whole(8),     // R_AARCH64_ABS64
        (Arch::Arm64, 275) => Way::Page,         // R_AARCH64_ADR_PREL_PG_HI21
        (Arch::Arm64, 277) => Way::Low(0),       // R_AARCH64_ADD_ABS_LO12_NC
        (Arch::Arm64, 282 | 283) => Way::Branch, // R_AARCH64_JUMP26, R_AARCH64_CALL26
        (Arch::Arm64, 286) => Way::Low(3),       // R_AARCH64_LDST64_ABS_LO12_NC
        _ => return None,
    })
}

/// `None` when what it says does not fit.
fn apply(relocation: &Relocation, symbol: u64, place: u64, memory: &mut [u8]) -> Option<()> {
    let at = usize::try_from(place).ok()?;
    let value = symbol.wrapping_add(relocation.addend);
    let word = u32::try_from(number(memory, at, 4)?).ok()?;
    let mut put = |bytes: &[u8]| {
        memory[at..at + bytes.len()].copy_from_slice(bytes);
        Some(())
    };
    match relocation.way {
        Way::Whole(8) => put(&value.to_le_bytes()),
        Way::Whole(_) => put(&u32::try_from(value).ok()?.wrapping_add(word).to_le_bytes()),
        Way::Relative => {
            let distance = i32::try_from(value.wrapping_sub(place).cast_signed()).ok()?;
            put(&word.wrapping_add_signed(distance).to_le_bytes())
        }
        Way::Branch => {
            let words = value.wrapping_sub(place).cast_signed() >> 2;
            (-(1 << 25)..1 << 25).contains(&words).then_some(())?;
            put(&(word & 0xfc00_0000 | low(words, 26)).to_le_bytes())
        }
        Way::Page => {
            let pages = (value >> 12).wrapping_sub(place >> 12).cast_signed();
            (-(1 << 20)..1 << 20).contains(&pages).then_some(())?;
            let pages = low(pages, 21);
            put(&(word & 0x9f00_001f | (pages & 3) << 29 | (pages >> 2) << 5).to_le_bytes())
        }
        Way::Low(shift) => {
            let bits = u32::try_from(value & 0xfff).ok()?;
            bits.is_multiple_of(1 << shift).then_some(())?;
            put(&(word & 0xffc0_03ff | (bits >> shift) << 10).to_le_bytes())
        }
    }
}

/// The low bits of a number.
fn low(value: i64, bits: u32) -> u32 {
    u32::try_from(value.cast_unsigned() & ((1 << bits) - 1)).expect("because it is masked")
}
