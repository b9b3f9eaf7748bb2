//! Reads a module area that somebody else made, without trusting it.

use super::{
    super::link::number, MODULE_MAGIC, OBJ_TYPE_CONFIG, OBJ_TYPE_ELF, OBJ_TYPE_MEMDISK, OBJ_TYPE_PREFIX,
};

/// What GRUB's kernel finds behind itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Area {
    /// Where its directory is, such as `(,gpt2)/boot/grub`.
    pub prefix: String,
    /// Commands that run before anything is read.
    pub config: String,
    /// Whether it brings a disk of its own.
    pub memdisk: bool,
    modules: Vec<u8>,
}

impl Area {
    /// Finds the area in a kernel's memory: the last one, as code may have the mark, too.
    pub fn find(memory: &[u8]) -> Option<Self> {
        let magic = MODULE_MAGIC.to_le_bytes();
        let starts = memory.windows(4).enumerate().filter(|(_, window)| *window == magic).map(|(at, _)| at);
        let starts: Vec<usize> = starts.take(64).collect();
        starts.into_iter().rev().find_map(|at| Self::read(&memory[at..]))
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        // u32 magic, u32 offset, u32 size; with eight bytes for each but the magic, which is padded, in 64-bit kernels.
        let narrow = (number(bytes, 4, 4)?, number(bytes, 8, 4)?);
        let (from, len) = match narrow {
            (0, _) => (number(bytes, 8, 8)?, number(bytes, 16, 8)?),
            narrow => narrow,
        };
        let (from, len) = (usize::try_from(from).ok()?, usize::try_from(len).ok()?);
        let mut objects = bytes.get(from..len).filter(|_| from >= 12)?;
        let mut area = Self::default();
        while objects.len() >= 8 {
            let (ty, len) =
                (u32::try_from(number(objects, 0, 4)?).ok()?, usize::try_from(number(objects, 4, 4)?).ok()?);
            let data = objects.get(8..len)?;
            let text = || {
                String::from_utf8_lossy(data.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
            };
            match ty {
                OBJ_TYPE_ELF => area.modules.extend(data),
                OBJ_TYPE_MEMDISK => area.memdisk = true,
                OBJ_TYPE_CONFIG => area.config = text(),
                OBJ_TYPE_PREFIX => area.prefix = text(),
                _ => {}
            }
            objects = &objects[len..];
        }
        Some(area)
    }

    /// Whether a module is in it, by its name in the section `.modname`.
    pub fn has_module(&self, name: &str) -> bool {
        let mark = format!("\0{name}\0").into_bytes();
        self.modules.windows(mark.len()).any(|window| window == mark)
    }
}
