//! Flattens GRUB's kernel (`kernel.img`): an ELF32 executable becomes the bytes that lie in memory.

use imgc_image::Problem;

use super::package::unknown;

/// Where the kernel of i386-pc is linked to (GRUB, `include/grub/offsets.h`). Part of the output.
pub const LINK_ADDRESS: u32 = 0x9000;

/// The most bytes of a flat kernel: what lies between its link address and the end of conventional memory.
const FLAT_LIMIT: usize = 0xa0000 - LINK_ADDRESS as usize;

const SHT_NOBITS: u32 = 8;
const SHF_ALLOC: u32 = 2;

/// The kernel's loaded sections at their addresses less [`LINK_ADDRESS`], without those that have no bytes (.bss). No field is
/// patched: what grub-mkimage does for i386-pc.
///
/// # Errors
/// When it is not a 32-bit x86 executable, or a section lies outside of the file or of conventional memory.
pub fn flatten(file: &[u8]) -> Result<Vec<u8>, Problem> {
    let bad = |why: &str| unknown("kernel.img", why);
    // ELF specification 1.2, chapter 1: e_ident (class 32, little-endian), e_type ET_EXEC, e_machine EM_386.
    if file.get(..6) != Some(b"\x7fELF\x01\x01") || u16_at(file, 16) != Some(2) || u16_at(file, 18) != Some(3)
    {
        return Err(bad("it is not a 32-bit x86 ELF executable"));
    }
    let cut = || bad("its section table is cut off");
    let e_shoff = u32_at(file, 32).ok_or_else(cut)? as usize;
    let e_shentsize = usize::from(u16_at(file, 46).ok_or_else(cut)?);
    let e_shnum = usize::from(u16_at(file, 48).ok_or_else(cut)?);
    let mut flat = Vec::new();
    for index in 0..e_shnum {
        let header = e_shoff.checked_add(index * e_shentsize).ok_or_else(cut)?;
        let field =
            |offset: usize| header.checked_add(offset).and_then(|at| u32_at(file, at)).ok_or_else(cut);
        let (sh_type, sh_flags, sh_addr) = (field(4)?, field(8)?, field(12)?);
        let (sh_offset, sh_size) = (field(16)? as usize, field(20)? as usize);
        if sh_flags & SHF_ALLOC == 0 || sh_type == SHT_NOBITS || sh_size == 0 {
            continue;
        }
        let data = sh_offset.checked_add(sh_size).and_then(|end| file.get(sh_offset..end));
        let data = data.ok_or_else(|| bad("a section lies outside of the file"))?;
        let start = sh_addr.checked_sub(LINK_ADDRESS).map(|start| start as usize);
        let end = start.and_then(|start| start.checked_add(sh_size)).filter(|end| *end <= FLAT_LIMIT);
        let (Some(start), Some(end)) = (start, end) else {
            return Err(bad("a section lies outside of conventional memory"));
        };
        if flat.len() < end {
            flat.resize(end, 0);
        }
        flat[start..end].copy_from_slice(data);
    }
    if flat.is_empty() { Err(bad("nothing in it is loaded")) } else { Ok(flat) }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An executable with these sections: type, flags, address, offset, size.
    fn elf(sections: &[[u32; 5]], body: &[u8]) -> Vec<u8> {
        let mut file = vec![0; 52];
        file[..6].copy_from_slice(b"\x7fELF\x01\x01");
        file[16] = 2;
        file[18] = 3;
        file[32..36].copy_from_slice(&52_u32.to_le_bytes());
        file[46] = 40;
        file[48] = u8::try_from(sections.len()).expect("few");
        for section in sections {
            file.extend([0; 4]);
            section.iter().for_each(|field| file.extend(field.to_le_bytes()));
            file.extend([0; 16]);
        }
        file.extend(body);
        file
    }

    #[test]
    fn sections_land_at_their_addresses() {
        let at = 52 + 3 * 40;
        let file = elf(&[[1, 2, 0x9002, at, 2], [8, 2, 0x9008, at, 0xffff_ffff], [1, 0, 0, at, 99]], b"xy");
        assert_eq!(flatten(&file).expect("flat"), b"\0\0xy");
    }

    #[test]
    fn hostile_kernels_are_refused_and_never_panic() {
        let at = 52 + 40;
        for section in [
            [1, 2, 0x8fff, at, 1],
            [1, 2, 0x9000, at, 3],
            [1, 2, 0x9000, u32::MAX, u32::MAX],
            [1, 2, u32::MAX, at, 2],
            [1, 2, 0xa0000, at, 1],
        ] {
            assert!(flatten(&elf(&[section], b"xy")).is_err(), "{section:x?}");
        }
        let whole = elf(&[[1, 2, 0x9000, at, 2]], b"xy");
        for len in 0..whole.len() {
            assert!(flatten(&whole[..len]).is_err(), "cut to {len}");
        }
        for at in 0..whole.len() {
            for value in [0, 0x7f, 0xff] {
                let mut broken = whole.clone();
                broken[at] = value;
                let _ = flatten(&broken);
            }
        }
    }
}
