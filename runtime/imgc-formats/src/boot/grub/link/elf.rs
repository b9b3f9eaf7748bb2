//! Reads a relocatable object: its sections, its symbols. Trusts nothing.

use imgc_image::Problem;

use super::{super::package::unknown, FILE};

const SHT_PROGBITS: u32 = 1;
const SHT_SYMTAB: u32 = 2;
pub const SHT_RELA: u32 = 4;
const SHT_NOBITS: u32 = 8;
pub const SHT_REL: u32 = 9;
const SHF_ALLOC: u64 = 2;
const SHF_EXECINSTR: u64 = 4;
const SHN_UNDEF: u16 = 0;
const SHN_ABS: u16 = 0xfff1;

/// How wide its fields are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// ELFCLASS32.
    Bits32,
    /// ELFCLASS64.
    Bits64,
}

/// A section's header.
#[derive(Clone, Debug)]
pub struct Section {
    pub kind: u32,
    flags: u64,
    pub offset: u64,
    pub size: u64,
    link: u32,
    pub info: u32,
    pub align: u64,
}

impl Section {
    pub fn is_code(&self) -> bool {
        self.flags & (SHF_ALLOC | SHF_EXECINSTR) == SHF_ALLOC | SHF_EXECINSTR && self.kind == SHT_PROGBITS
    }

    pub fn is_data(&self) -> bool {
        self.flags & (SHF_ALLOC | SHF_EXECINSTR) == SHF_ALLOC && self.kind != SHT_NOBITS
    }

    pub fn is_zeros(&self) -> bool {
        self.flags & SHF_ALLOC != 0 && self.kind == SHT_NOBITS
    }
}

/// An object.
pub struct Object<'f> {
    pub file: &'f [u8],
    pub class: Class,
    pub sections: Vec<Section>,
    /// The symbols: name, section, value.
    symbols: Vec<(u32, u16, u64)>,
    strings: &'f [u8],
}

impl<'f> Object<'f> {
    /// Reads one of this class and machine.
    pub fn read(file: &'f [u8], class: Class, machine: u16) -> Result<Self, Problem> {
        let ident: &[u8] = match class {
            Class::Bits32 => b"\x7fELF\x01\x01",
            Class::Bits64 => b"\x7fELF\x02\x01",
        };
        // e_type ET_REL, e_machine.
        if !file.starts_with(ident)
            || number(file, 16, 2) != Some(1)
            || number(file, 18, 2) != Some(machine.into())
        {
            return Err(unknown(FILE, "it is not a relocatable ELF object for this machine"));
        }
        let cut = || unknown(FILE, "its tables are cut off");
        let (shoff, entsize, count) = match class {
            Class::Bits32 => (number(file, 32, 4), number(file, 46, 2), number(file, 48, 2)),
            Class::Bits64 => (number(file, 40, 8), number(file, 58, 2), number(file, 60, 2)),
        };
        let (shoff, entsize, count) =
            (shoff.ok_or_else(cut)?, entsize.ok_or_else(cut)?, count.ok_or_else(cut)?);
        let mut sections = Vec::new();
        for index in 0..count {
            let at = shoff.checked_add(index * entsize).ok_or_else(cut)?;
            sections.push(section(file, class, at).ok_or_else(cut)?);
        }
        let table = sections.iter().find(|section| section.kind == SHT_SYMTAB).ok_or_else(cut)?;
        let strings = sections.get(table.link as usize).ok_or_else(cut)?;
        let strings = slice(file, strings.offset, strings.size).ok_or_else(cut)?;
        let symbols = slice(file, table.offset, table.size).ok_or_else(cut)?;
        let symbols = match class {
            // st_name, st_value, st_size, st_info, st_other, st_shndx.
            Class::Bits32 => symbols.chunks_exact(16).map(|s| symbol(s, 4, 4, 14)).collect(),
            // st_name, st_info, st_other, st_shndx, st_value, st_size.
            Class::Bits64 => symbols.chunks_exact(24).map(|s| symbol(s, 8, 8, 6)).collect(),
        };
        Ok(Self { file, class, sections, symbols, strings })
    }

    /// The bytes of a section that has some.
    pub fn bytes(&self, section: &Section) -> Option<&'f [u8]> {
        if section.kind == SHT_NOBITS { None } else { slice(self.file, section.offset, section.size) }
    }

    /// The address of a symbol.
    pub fn symbol(&self, index: u64, addresses: &[Option<u32>]) -> Result<u64, Problem> {
        let bad = || unknown(FILE, "it refers to something that it does not have");
        let found = usize::try_from(index).ok().and_then(|index| self.symbols.get(index));
        let (_, section, value) = *found.ok_or_else(bad)?;
        match section {
            SHN_UNDEF => Err(bad()),
            SHN_ABS => Ok(value),
            section => {
                let base = addresses.get(usize::from(section)).copied().flatten().ok_or_else(bad)?;
                Ok(value.wrapping_add(base.into()))
            }
        }
    }

    /// The address of the symbol with this name, which must be in the image.
    pub fn symbol_named(&self, name: &str, addresses: &[Option<u32>]) -> Result<u32, Problem> {
        let named = |(at, ..): &(u32, u16, u64)| {
            let tail = self.strings.get(*at as usize..)?;
            let tail = tail.strip_prefix(name.as_bytes())?;
            tail.starts_with(&[0]).then_some(())
        };
        let index = self.symbols.iter().position(|symbol| named(symbol).is_some());
        let address = index.and_then(|index| self.symbol(index as u64, addresses).ok());
        address
            .and_then(|address| u32::try_from(address).ok())
            .ok_or_else(|| unknown(FILE, format!("it has no `{name}`")))
    }
}

fn section(file: &[u8], class: Class, at: u64) -> Option<Section> {
    let at = usize::try_from(at).ok()?;
    let field = |offset: usize, len: usize| number(file, at.checked_add(offset)?, len);
    let word = |offset: usize| field(offset, 4).and_then(|value| u32::try_from(value).ok());
    // sh_name, type, flags, addr, offset, size, link, info, addralign, entsize.
    Some(match class {
        Class::Bits32 => Section {
            kind: word(4)?,
            flags: field(8, 4)?,
            offset: field(16, 4)?,
            size: field(20, 4)?,
            link: word(24)?,
            info: word(28)?,
            align: field(32, 4)?,
        },
        Class::Bits64 => Section {
            kind: word(4)?,
            flags: field(8, 8)?,
            offset: field(24, 8)?,
            size: field(32, 8)?,
            link: word(40)?,
            info: word(44)?,
            align: field(48, 8)?,
        },
    })
}

fn symbol(bytes: &[u8], value_len: usize, value: usize, section: usize) -> (u32, u16, u64) {
    let field = |at: usize, len: usize| number(bytes, at, len).expect("because the chunk has its length");
    let name = u32::try_from(field(0, 4)).expect("because it has four bytes");
    (name, u16::try_from(field(section, 2)).expect("because it has two bytes"), field(value, value_len))
}

/// A little-endian number of up to eight bytes.
pub fn number(bytes: &[u8], at: usize, len: usize) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(len)?)?;
    Some(field.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

fn slice(file: &[u8], offset: u64, size: u64) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    file.get(start..start.checked_add(usize::try_from(size).ok()?)?)
}
