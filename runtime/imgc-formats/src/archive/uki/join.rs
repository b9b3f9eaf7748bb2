//! Appends sections to a stub.
//!
//! ```text
//! stub:   headers | room | .text … .sbat | symbols        image:  headers + new ones | .text … .sbat | .osrel | … | .linux
//! ```

use imgc_image::{Bytes, BytesBuilder, Failure, Problem, Reader, Store};

use super::parts::Parts;
use crate::pe::{Field, Pe, SECTION, Section};

/// `Characteristics` of what is added: initialised data that can be read.
const READ_ONLY_DATA: u32 = 0x4000_0040;

/// Bytes of a symbol in the table of a COFF file.
const SYMBOL: u64 = 18;

/// Makes the image, without a signature. Its length is a multiple of 8, as signatures need it.
///
/// # Errors
/// When the stub is not one to which sections can be added, or the image would be larger than addresses reach.
pub fn join(parts: &Parts, store: &dyn Store) -> Result<Bytes, Failure> {
    let stub = parts.stub.to_bytes();
    let reader = Reader::new(&stub, store);
    let mut pe = Pe::read(&reader).map_err(|error| error.of("stub-odd", "`/stub`"))?;
    let mut out = BytesBuilder::new(store);
    check(&pe, parts)?;
    let end = body(&pe, &reader)?;
    let replaced = match &parts.sbat {
        Some(content) => Some((replace_sbat(&mut pe, content.len())?, content)),
        None => None,
    };
    let file = Alignment::of(&pe, Field::FileAlignment)?;
    let memory = Alignment::of(&pe, Field::SectionAlignment)?;
    let mut at = file.up(end);
    let mut address = pe.sections.iter().map(Section::virtual_end).max().unwrap_or(0).max(end);
    let mut data = u64::from(pe.get(Field::SizeOfInitializedData));
    for part in &parts.sections {
        let len = part.content.len();
        address = memory.up(address);
        let raw = file.up(len);
        pe.push(Section {
            name: name(part.section),
            virtual_size: narrow(len)?,
            virtual_address: narrow(address)?,
            size_of_raw_data: narrow(raw)?,
            pointer_to_raw_data: narrow(at)?,
            characteristics: READ_ONLY_DATA,
        });
        out.content(at, &part.content, 0, len);
        at += raw;
        address += len;
        data += raw;
    }
    pe.set(Field::SizeOfInitializedData, narrow(data)?);
    pe.set(Field::SizeOfImage, narrow(memory.up(address))?);
    pe.set(Field::CheckSum, 0);
    pe.set(Field::PointerToSymbolTable, 0);
    pe.set(Field::NumberOfSymbols, 0);
    let headers = pe.headers.len() as u64;
    out.put(0, &pe.headers)?;
    match replaced {
        None => out.content(headers, &parts.stub, headers, end - headers),
        Some((section, content)) => {
            let from = u64::from(section.pointer_to_raw_data);
            out.content(headers, &parts.stub, headers, from - headers);
            out.content(from, content, 0, content.len());
            out.content(section.raw_end(), &parts.stub, section.raw_end(), end - section.raw_end());
        }
    }
    narrow(at)?;
    Ok(out.finish(at.next_multiple_of(8))?)
}

fn odd(message: impl Into<String>) -> Failure {
    Problem::new("stub-odd", format!("`/stub` {}", message.into()))
        .help("systemd's stubs, such as `linuxx64.efi.stub`, are known to do")
        .into()
}

/// Addresses and offsets have 32 bits.
fn narrow(value: u64) -> Result<u32, Failure> {
    u32::try_from(value).map_err(|_| {
        Problem::new("image-too-large", "the unified kernel image would have 4 GiB or more").into()
    })
}

/// Where the stub's sections end in the file. Only symbols for debuggers may lie behind them: they are left out.
fn body(pe: &Pe, reader: &Reader<'_>) -> Result<u64, Failure> {
    if pe.signature.is_some() {
        return Err(odd("is signed, and its signature would no longer hold"));
    }
    let end = pe.sections.iter().map(Section::raw_end).max().unwrap_or(0).max(pe.headers.len() as u64);
    let len = imgc_image::ReadAt::len(reader);
    if end == len {
        return Ok(end);
    }
    let symbols = u64::from(pe.get(Field::PointerToSymbolTable));
    let strings = symbols + u64::from(pe.get(Field::NumberOfSymbols)) * SYMBOL;
    let mut size = [0; 4];
    if symbols < end || strings + 4 > len {
        return Err(odd(format!("has {} bytes behind its sections that nothing explains", len - end)));
    }
    reader.read_at(strings, &mut size)?;
    if strings + u64::from(u32::from_le_bytes(size)) != len {
        return Err(odd("has bytes behind its symbols that nothing explains"));
    }
    Ok(end)
}

/// Whether section headers can be added, and those that there are go together with the new ones.
fn check(pe: &Pe, parts: &Parts) -> Result<(), Failure> {
    let headers = pe.headers.len() as u64;
    if let Some(section) = pe
        .sections
        .iter()
        .find(|section| section.size_of_raw_data != 0 && u64::from(section.pointer_to_raw_data) < headers)
    {
        return Err(odd(format!("has the section `{}` within its headers", section.name())));
    }
    if pe.sections.iter().any(|section| section.name[0] == b'/') {
        return Err(odd("has sections with names in its table of symbols"));
    }
    if let Some(both) = parts
        .sections
        .iter()
        .find(|part| pe.sections.iter().any(|section| section.name == name(part.section)))
    {
        return Err(odd(format!("has a section `{}` already", both.section)));
    }
    let room = pe.headers.get(pe.table_end()..).unwrap_or_default();
    let free = room.iter().take_while(|byte| **byte == 0).count() / SECTION;
    if free < parts.sections.len() {
        return Err(odd(format!(
            "has room for {free} more section headers, and {} are needed",
            parts.sections.len()
        )));
    }
    Ok(())
}

/// Gives the stub's `.sbat` another length, within what it has in the file and in memory.
fn replace_sbat(pe: &mut Pe, len: u64) -> Result<Section, Failure> {
    let Some(index) = pe.sections.iter().position(|section| section.name == name(".sbat")) else {
        return Err(odd("has no section `.sbat` that could be replaced"));
    };
    let section = pe.sections[index];
    let next = pe
        .sections
        .iter()
        .map(|other| other.virtual_address)
        .filter(|at| *at > section.virtual_address)
        .min();
    let memory = next.map_or(u32::MAX, |next| next - section.virtual_address);
    let room = u64::from(memory.min(section.size_of_raw_data));
    if len > room {
        return Err(odd(format!("has room for {room} bytes in its section `.sbat`, and `/sbat` has {len}")));
    }
    let section = Section { virtual_size: narrow(len)?, ..section };
    pe.replace(index, section);
    Ok(section)
}

fn name(text: &str) -> [u8; 8] {
    let mut name = [0; 8];
    name[..text.len()].copy_from_slice(text.as_bytes());
    name
}

/// An alignment, a power of two.
#[derive(Clone, Copy)]
struct Alignment(u64);

impl Alignment {
    /// The greatest that linkers use is a large page of 2 MiB; 64 KiB are the most in a file.
    const MOST: u32 = 2 << 20;

    fn of(pe: &Pe, field: Field) -> Result<Self, Failure> {
        let value = pe.get(field);
        if !value.is_power_of_two() || value > Self::MOST {
            return Err(odd(format!("has the {field:?} {value}, which is none")));
        }
        Ok(Self(u64::from(value)))
    }

    fn up(self, value: u64) -> u64 {
        value.next_multiple_of(self.0)
    }
}
