//! Links GRUB's kernel for UEFI: a relocatable ELF object becomes sections at their addresses, and a list of what firmware must
//! fix when it loads them elsewhere.
//!
//! ```text
//! 0x1000   code        sections that can be executed, each at its alignment
//!          data        the other loaded sections, then those without bytes (.bss)
//! ```
//!
//! Source: the ELF specification 1.2 with the psABI supplements for i386, x86-64 and AArch64; the order of sections is that of
//! grub-mkimage. Only the relocations that the kernels of 2.06 and 2.12 have are known; others are refused.

mod elf;
mod relocate;

use imgc_image::Problem;

pub use self::elf::number;
use self::elf::{Class, Object, Section};
use super::package::unknown;

/// Where the first section lies, and what sections of the image are multiples of: a page.
pub const PAGE: u32 = 0x1000;

/// The most bytes of a linked kernel: 2.12's has 120 KiB.
const LIMIT: u32 = 4 << 20;

/// The file that is linked, as messages name it.
const FILE: &str = "kernel.img";

/// A machine's kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arch {
    /// 32-bit x86.
    I386,
    /// 64-bit x86.
    X8664,
    /// 64-bit ARM.
    Arm64,
}

/// A kernel at its addresses.
#[derive(Debug)]
pub struct Linked {
    /// The code, padded to a page; at [`PAGE`].
    pub text: Vec<u8>,
    /// The data behind it with its zeros, padded to a page.
    pub data: Vec<u8>,
    /// Where in the image a whole address stands, in the order of grub-mkimage.
    pub fixups: Vec<u32>,
    /// Where firmware enters.
    pub entry: u32,
}

/// Links the kernel to address 0.
///
/// # Errors
/// When it is no object of this machine, or has what no known version's kernel has.
pub fn link(file: &[u8], arch: Arch) -> Result<Linked, Problem> {
    let (class, machine) = match arch {
        Arch::I386 => (Class::Bits32, 3),
        Arch::X8664 => (Class::Bits64, 62),
        Arch::Arm64 => (Class::Bits64, 183),
    };
    let object = Object::read(file, class, machine)?;
    let mut at = Cursor { next: PAGE, addresses: vec![None; object.sections.len()] };
    at.place(&object, Section::is_code)?;
    at.next = at.next.next_multiple_of(PAGE);
    let data_start = at.next;
    at.place(&object, Section::is_data)?;
    at.place(&object, Section::is_zeros)?;
    at.next = at.next.next_multiple_of(PAGE);
    let mut memory = vec![0; at.next as usize];
    for (section, address) in object.sections.iter().zip(&at.addresses) {
        if let (Some(address), Some(bytes)) = (address, object.bytes(section)) {
            memory[*address as usize..][..bytes.len()].copy_from_slice(bytes);
        }
    }
    let fixups = relocate::relocate(&object, arch, &at.addresses, &mut memory)?;
    let entry = object.symbol_named("_start", &at.addresses)?;
    let data = memory.split_off(data_start as usize);
    memory.drain(..PAGE as usize);
    Ok(Linked { text: memory, data, fixups, entry })
}

/// Where the next section goes.
struct Cursor {
    next: u32,
    addresses: Vec<Option<u32>>,
}

impl Cursor {
    /// Places the sections that are wanted.
    fn place(&mut self, object: &Object<'_>, wanted: fn(&Section) -> bool) -> Result<(), Problem> {
        for (section, address) in object.sections.iter().zip(&mut self.addresses) {
            if !wanted(section) {
                continue;
            }
            let align = u32::try_from(section.align.max(1)).unwrap_or(0);
            if !align.is_power_of_two() || align > PAGE {
                return Err(unknown(FILE, "a section has an odd alignment"));
            }
            self.next = self.next.next_multiple_of(align);
            *address = Some(self.next);
            let len = u32::try_from(section.size).unwrap_or(u32::MAX);
            self.next = self.next.saturating_add(len);
            if self.next > LIMIT {
                return Err(unknown(FILE, "it is too large"));
            }
        }
        Ok(())
    }
}
