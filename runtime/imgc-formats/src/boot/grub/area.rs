//! The module area: what GRUB's kernel finds behind itself in memory.
//!
//! ```text
//! magic · offset of the first object · length of all of it
//! {type, length with these eight bytes} data, padded     modules, memory disk, configuration, prefix
//! ```
//!
//! Source: GRUB's `include/grub/kernel.h`; the order is that of grub-mkimage.

mod read;

use imgc_image::{Failure, Problem};

pub use self::read::Area;
use super::{memdisk, package::Package, place::Place};

/// The most bytes of modules before compression, against sources that are none of GRUB's. All of 2.06's have 3 MiB.
const MODULES_LIMIT: usize = 16 << 20;

/// `mimg`, and the types of objects.
const MODULE_MAGIC: u32 = 0x676d_696d;
const OBJ_TYPE_ELF: u32 = 0;
const OBJ_TYPE_MEMDISK: u32 = 1;
const OBJ_TYPE_CONFIG: u32 = 2;
const OBJ_TYPE_PREFIX: u32 = 3;

/// A memory disk is a whole number of sectors.
const MEMDISK_ALIGN: usize = 512;

/// Bytes in a word of the kernel, to which everything is padded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// Of a 32-bit kernel.
    Four,
    /// Of a 64-bit kernel.
    Eight,
}

impl Word {
    fn len(self) -> usize {
        match self {
            Self::Four => 4,
            Self::Eight => 8,
        }
    }
}

/// What goes into an area.
#[derive(Clone, Copy)]
pub struct Contents<'a> {
    /// Modules in the order in which they are started.
    pub modules: &'a [String],
    /// An archive that GRUB sees as a disk.
    pub memdisk: Option<&'a [u8]>,
    /// Commands that run before anything is read.
    pub config: &'a str,
    /// Where GRUB's directory is.
    pub prefix: &'a str,
}

/// Makes the area of a place: its modules, what it starts with, its prefix.
///
/// # Errors
/// When the package lacks something, or it would be too large.
pub fn of_place(package: &Package<'_>, place: &Place<'_>, word: Word) -> Result<Vec<u8>, Failure> {
    let modules = place.modules(package)?;
    let memdisk = memdisk::archive(package, &place.options.memdisk)?;
    let contents = Contents {
        modules: &modules,
        memdisk: memdisk.as_deref(),
        config: &place.config(),
        prefix: &place.prefix()?,
    };
    area(package, word, &contents)
}

/// Makes the area.
///
/// # Errors
/// When the package lacks a module, or it would be too large.
pub fn area(package: &Package<'_>, word: Word, contents: &Contents<'_>) -> Result<Vec<u8>, Failure> {
    let Contents { modules, memdisk, config, prefix } = *contents;
    let mut objects = Vec::new();
    for name in modules {
        object(&mut objects, word, OBJ_TYPE_ELF, &package.read(&format!("{name}.mod"))?);
        if objects.len() > MODULES_LIMIT {
            let message = format!("the modules of GRUB's core image have more than {MODULES_LIMIT} bytes");
            return Err(Problem::new("grub-core-too-large", message).into());
        }
    }
    if let Some(archive) = memdisk {
        let mut padded = archive.to_vec();
        padded.resize(archive.len().next_multiple_of(MEMDISK_ALIGN), 0);
        object(&mut objects, word, OBJ_TYPE_MEMDISK, &padded);
    }
    if !config.is_empty() {
        object(&mut objects, word, OBJ_TYPE_CONFIG, &[config.as_bytes(), b"\0"].concat());
    }
    object(&mut objects, word, OBJ_TYPE_PREFIX, &[prefix.as_bytes(), b"\0"].concat());
    let mut area = MODULE_MAGIC.to_le_bytes().to_vec();
    match word {
        Word::Four => {
            area.extend(12_u32.to_le_bytes());
            area.extend(small(objects.len() + 12).to_le_bytes());
        }
        Word::Eight => {
            area.extend(0_u32.to_le_bytes());
            area.extend(24_u64.to_le_bytes());
            area.extend((objects.len() as u64 + 24).to_le_bytes());
        }
    }
    area.extend(objects);
    Ok(area)
}

/// {u32 type, u32 length with this header}, then the data, padded to a word.
fn object(objects: &mut Vec<u8>, word: Word, kind: u32, data: &[u8]) {
    let padded = data.len().next_multiple_of(word.len());
    objects.extend(kind.to_le_bytes());
    objects.extend(small(padded + 8).to_le_bytes());
    objects.extend(data);
    objects.resize(objects.len() + padded - data.len(), 0);
}

fn small(len: usize) -> u32 {
    u32::try_from(len).expect("because what goes into a core image is limited to a few MiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_padded_and_count_their_header() {
        let mut objects = Vec::new();
        object(&mut objects, Word::Four, 3, b"abcde");
        assert_eq!(objects, [&[3, 0, 0, 0, 16, 0, 0, 0], &b"abcde\0\0\0"[..]].concat());
        object(&mut objects, Word::Eight, 3, b"abcdefgh\0");
        assert_eq!(objects.len(), 16 + 24);
        assert_eq!(objects[20], 24);
    }
}
