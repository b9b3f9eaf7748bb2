//! PE images (Microsoft, "PE Format"): the headers of an EFI application, read without trusting them.
//!
//! ```text
//! "MZ" … e_lfanew → "PE\0\0" | COFF header | optional header with data directories | section headers | … | sections
//! ```

use std::{fmt, io};

use imgc_image::{Failure, Problem, ReadAt};

/// The most bytes of headers that are read. Linkers make less than 4 KiB of them.
const HEAD: u64 = 64 << 10;

/// Bytes of a COFF header with the signature before it.
const COFF: usize = 24;

/// Bytes of a section header.
pub const SECTION: usize = 40;

/// The data directory of certificates ("The Attribute Certificate Table"), in which the address is an offset in the file.
const CERTIFICATES: usize = 4;

/// `wCertificateType` of an Authenticode signature, a PKCS #7 SignedData.
pub const PKCS_SIGNED_DATA: u16 = 2;

/// `Subsystem` of an EFI application.
pub const EFI_APPLICATION: u16 = 10;

/// An architecture that firmware starts images of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// UEFI's and systemd's name for it, as in `BOOTX64.EFI`; lower case.
    pub name: &'static str,
    /// `Machine` in the COFF header.
    pub code: u16,
}

/// Architectures by name (UEFI 2.10, section 3.5.1.1, and PE Format, "Machine Types").
pub const MACHINES: &[Machine] = &[
    Machine { name: "x64", code: 0x8664 },
    Machine { name: "aa64", code: 0xaa64 },
    Machine { name: "ia32", code: 0x014c },
    Machine { name: "arm", code: 0x01c2 },
    Machine { name: "riscv64", code: 0x5064 },
    Machine { name: "loongarch64", code: 0x6264 },
];

/// What people call an image's machine.
pub fn machine_name(code: u16) -> String {
    let known = MACHINES.iter().find(|machine| machine.code == code);
    known.map_or_else(|| format!("machine {code:#06x}"), |machine| machine.name.to_owned())
}

/// The headers of an image.
#[derive(Debug)]
pub struct Pe {
    /// The bytes from the start of the file up to `SizeOfHeaders`.
    pub headers: Vec<u8>,
    /// The section headers.
    pub sections: Vec<Section>,
    /// Where the PKCS #7 of the first signature lies, as (offset, length) in the file.
    pub signature: Option<(u64, u64)>,
    coff: usize,
    optional: usize,
    table: usize,
    directories: usize,
}

/// A section header, with the names of its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    /// The name, filled up with zeros.
    pub name: [u8; 8],
    /// How long it is in memory.
    pub virtual_size: u32,
    /// Where it lies in memory, from the start of the image.
    pub virtual_address: u32,
    /// How long it is in the file.
    pub size_of_raw_data: u32,
    /// Where it lies in the file.
    pub pointer_to_raw_data: u32,
    /// What it is.
    pub characteristics: u32,
}

/// Fields of the headers that are read and changed: all have 32 bits.
#[derive(Clone, Copy, Debug)]
pub enum Field {
    /// Of the COFF header.
    PointerToSymbolTable,
    /// Of the COFF header.
    NumberOfSymbols,
    /// Of the optional header.
    SizeOfInitializedData,
    /// Of the optional header.
    SectionAlignment,
    /// Of the optional header.
    FileAlignment,
    /// Of the optional header.
    SizeOfImage,
    /// Of the optional header.
    CheckSum,
    /// Of the directory of certificates: an offset in the file.
    CertificatesAt,
    /// Of the directory of certificates.
    CertificatesLen,
}

/// Why an image cannot be read.
#[derive(Debug)]
pub enum PeError {
    /// Its bytes cannot be had.
    Io(io::Error),
    /// It is no PE image, or one that contradicts itself: the end of a sentence that begins with its name.
    Odd(String),
}

impl PeError {
    /// The failure of a step: `what` is the image, `code` that of a problem with it.
    pub fn of(self, code: &'static str, what: impl fmt::Display) -> Failure {
        match self {
            Self::Io(error) => Failure::Machine { what: format!("reading {what}"), error },
            Self::Odd(why) => Problem::new(code, format!("{what} {why}")).into(),
        }
    }
}

impl From<io::Error> for PeError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn odd<T>(why: impl Into<String>) -> Result<T, PeError> {
    Err(PeError::Odd(why.into()))
}

/// Whether these bytes are a PE image with a signature.
///
/// # Errors
/// When they cannot be read.
pub fn is_signed(image: &(impl ReadAt + ?Sized)) -> io::Result<bool> {
    match Pe::read(image) {
        Ok(pe) => Ok(pe.signature.is_some()),
        Err(PeError::Io(error)) => Err(error),
        Err(PeError::Odd(_)) => Ok(false),
    }
}

impl Pe {
    /// Reads the headers of an image.
    ///
    /// # Errors
    /// When it is no PE image, headers or sections lie outside of the file, or it cannot be read.
    pub fn read(image: &(impl ReadAt + ?Sized)) -> Result<Self, PeError> {
        let len = usize::try_from(image.len().min(HEAD)).expect("because it is at most HEAD");
        let mut head = vec![0; len];
        image.read_at(0, &mut head)?;
        let Some((coff, optional)) = start(&head) else { return odd("is no PE image") };
        let sections = usize::from(le16(&head, coff + 6));
        let table = optional + usize::from(le16(&head, coff + 20));
        let directories = match le16(&head, optional) {
            0x10b => optional + 96,
            0x20b => optional + 112,
            magic => return odd(format!("is a PE image of the unknown kind {magic:#x}")),
        };
        let size = usize::try_from(le32(&head, optional + 60)).unwrap_or(usize::MAX);
        if directories > table || table + sections * SECTION > size || size > head.len() {
            return odd("is a PE image whose headers contradict themselves");
        }
        head.truncate(size);
        let sections = (0..sections).map(|index| section(&head, table + index * SECTION)).collect();
        let mut pe = Self { headers: head, sections, signature: None, coff, optional, table, directories };
        for section in &pe.sections {
            let end = u64::from(section.pointer_to_raw_data) + u64::from(section.size_of_raw_data);
            if section.size_of_raw_data != 0 && end > image.len() {
                return odd(format!(
                    "is a PE image that was cut off: its section `{}` is missing",
                    section.name()
                ));
            }
        }
        pe.signature = pe.find_signature(image)?;
        Ok(pe)
    }

    /// `Machine`.
    pub fn machine(&self) -> u16 {
        le16(&self.headers, self.coff + 4)
    }

    /// `Subsystem`.
    pub fn subsystem(&self) -> u16 {
        le16(&self.headers, self.optional + 68)
    }

    /// A field; 0 where the image has no such.
    pub fn get(&self, field: Field) -> u32 {
        self.at(field).map_or(0, |at| le32(&self.headers, at))
    }

    /// Sets a field. One that the image does not have stays absent: see [`Pe::at`].
    pub fn set(&mut self, field: Field, value: u32) {
        if let Some(at) = self.at(field) {
            self.headers[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
    }

    /// Where a field lies in the file.
    pub fn at(&self, field: Field) -> Option<usize> {
        let certificates = self.directories + CERTIFICATES * 8;
        let count = usize::try_from(le32(&self.headers, self.directories - 4)).unwrap_or(usize::MAX);
        let there = count > CERTIFICATES && certificates + 8 <= self.table;
        match field {
            Field::PointerToSymbolTable => Some(self.coff + 12),
            Field::NumberOfSymbols => Some(self.coff + 16),
            Field::SizeOfInitializedData => Some(self.optional + 8),
            Field::SectionAlignment => Some(self.optional + 32),
            Field::FileAlignment => Some(self.optional + 36),
            Field::SizeOfImage => Some(self.optional + 56),
            Field::CheckSum => Some(self.optional + 64),
            Field::CertificatesAt => there.then_some(certificates),
            Field::CertificatesLen => there.then_some(certificates + 4),
        }
    }

    /// Where the header of the next section would lie.
    pub fn table_end(&self) -> usize {
        self.table + self.sections.len() * SECTION
    }

    /// Appends a section header; there must be room.
    pub fn push(&mut self, section: Section) {
        let at = self.table_end();
        self.sections.push(section);
        self.headers[at..at + SECTION].copy_from_slice(&section.encode());
        let count = u16::try_from(self.sections.len()).expect("because headers of 64 KiB hold fewer");
        self.headers[self.coff + 6..self.coff + 8].copy_from_slice(&count.to_le_bytes());
    }

    /// Writes a section header anew.
    pub fn replace(&mut self, index: usize, section: Section) {
        let at = self.table + index * SECTION;
        self.sections[index] = section;
        // The fields for relocations and line numbers of object files stay.
        let old: [u8; 12] = self.headers[at + 24..at + 36].try_into().expect("12 bytes");
        self.headers[at..at + SECTION].copy_from_slice(&section.encode());
        self.headers[at + 24..at + 36].copy_from_slice(&old);
    }

    fn find_signature(&self, image: &(impl ReadAt + ?Sized)) -> Result<Option<(u64, u64)>, PeError> {
        let at = u64::from(self.get(Field::CertificatesAt));
        let len = u64::from(self.get(Field::CertificatesLen));
        if len == 0 {
            return Ok(None);
        }
        if at + len > image.len() {
            return odd("is a PE image whose signature lies outside of it");
        }
        let mut header = [0; 8];
        if len <= 8 {
            return odd("is a PE image with a signature of nothing");
        }
        image.read_at(at, &mut header)?;
        let own = u64::from(le32(&header, 0));
        if own <= 8 || own > len || le16(&header, 6) != PKCS_SIGNED_DATA {
            return odd("is a PE image with a signature that is not Authenticode's");
        }
        Ok(Some((at + 8, own - 8)))
    }
}

impl Section {
    /// The name as text.
    pub fn name(&self) -> String {
        let end = self.name.iter().position(|byte| *byte == 0).unwrap_or(8);
        self.name[..end].escape_ascii().to_string()
    }

    /// Where it ends in memory.
    pub fn virtual_end(&self) -> u64 {
        u64::from(self.virtual_address) + u64::from(self.virtual_size.max(self.size_of_raw_data))
    }

    /// Where it ends in the file; 0 when nothing of it is there.
    pub fn raw_end(&self) -> u64 {
        match self.size_of_raw_data {
            0 => 0,
            len => u64::from(self.pointer_to_raw_data) + u64::from(len),
        }
    }

    fn encode(&self) -> [u8; SECTION] {
        let mut bytes = [0; SECTION];
        bytes[..8].copy_from_slice(&self.name);
        let fields =
            [self.virtual_size, self.virtual_address, self.size_of_raw_data, self.pointer_to_raw_data];
        for (index, field) in fields.into_iter().enumerate() {
            bytes[8 + index * 4..12 + index * 4].copy_from_slice(&field.to_le_bytes());
        }
        bytes[36..].copy_from_slice(&self.characteristics.to_le_bytes());
        bytes
    }
}

/// Where the COFF header's signature and the optional header lie.
fn start(head: &[u8]) -> Option<(usize, usize)> {
    if head.len() < 64 || !head.starts_with(b"MZ") {
        return None;
    }
    let coff = usize::try_from(le32(head, 0x3c)).ok()?;
    let optional = coff.checked_add(COFF)?;
    // The part of the optional header that every image has, up to the number of its data directories.
    let whole = optional.checked_add(112)? <= head.len();
    (whole && head[coff..].starts_with(b"PE\0\0")).then_some((coff, optional))
}

fn section(head: &[u8], at: usize) -> Section {
    Section {
        name: head[at..at + 8].try_into().expect("8 bytes"),
        virtual_size: le32(head, at + 8),
        virtual_address: le32(head, at + 12),
        size_of_raw_data: le32(head, at + 16),
        pointer_to_raw_data: le32(head, at + 20),
        characteristics: le32(head, at + 36),
    }
}

fn le16(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().expect("two bytes"))
}

fn le32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

#[cfg(test)]
pub mod tests;
