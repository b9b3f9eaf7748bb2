//! Cuts the loader out of its installer: Debian ships `ldlinux.sys` and its boot sector nowhere else.
//!
//! The installers `syslinux` and `extlinux` hold three arrays: the boot sector, `ldlinux.sys`, and the `ldlinux.c32` that
//! was built with it. Nothing but their own contents says where they are: each starts with a mark, and says by its own fields
//! where it ends. What cannot be found exactly once, or does not end as it says, is refused.

use imgc_image::Problem;

use super::core::{AREA, MAGIC, SECTOR, is_boot_sector};
use crate::boot::supply::unknown;

/// What an `ldlinux.sys` and the banner in it start with.
const BANNER: &[u8] = b"\r\nSYSLINUX ";
/// How far behind the start the banner is looked for, and behind the banner the compressed part.
const BANNER_WITHIN: usize = 0x4000;
const PACKED_WITHIN: usize = 0x1000;
/// What ends the compressed part: the end mark of LZO1X.
const PACKED_END: &[u8] = &[0x11, 0, 0];

/// The three files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Embedded {
    /// The boot sector: `ldlinux.bss`.
    pub boot: Vec<u8>,
    /// `ldlinux.sys`.
    pub core: Vec<u8>,
    /// `ldlinux.c32`.
    pub module: Vec<u8>,
}

/// Cuts them out of an installer of this name.
///
/// # Errors
/// When it is none of SYSLINUX 6.
pub fn cut(name: &str, installer: &[u8]) -> Result<Embedded, Problem> {
    let lost = |what: &str| {
        unknown(name, format!("it does not hold one {what}")).help("the installer of SYSLINUX 6.04 is known")
    };
    let boot = only(installer, b"\xeb\x58\x90SYSLINUX", |from| {
        from.get(..SECTOR).filter(|bytes| is_boot_sector(bytes)).map(<[u8]>::len)
    });
    let core = only(installer, BANNER, core_len);
    let module = only(installer, b"\x7fELF\x01\x01", module_len);
    Ok(Embedded {
        boot: boot.ok_or_else(|| lost("boot sector"))?.to_vec(),
        core: core.ok_or_else(|| lost("`ldlinux.sys`"))?.to_vec(),
        module: module.ok_or_else(|| lost("`ldlinux.c32`"))?.to_vec(),
    })
}

/// The only part that starts with a mark and has a length.
fn only<'b>(bytes: &'b [u8], mark: &[u8], len: impl Fn(&[u8]) -> Option<usize>) -> Option<&'b [u8]> {
    let starts = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(mark));
    let mut found = starts.filter_map(|at| bytes[at..].get(..len(&bytes[at..])?));
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// The length of the `ldlinux.sys` at the start of these bytes: whole sectors. Before the banner stands how long the compressed
/// part is, which starts with a multiple of 16 soon behind it, ends with a mark, and is followed by zeros only.
fn core_len(bytes: &[u8]) -> Option<usize> {
    if bytes.get(AREA..AREA + 4)? != MAGIC.to_le_bytes() {
        return None;
    }
    let head = &bytes[..bytes.len().min(BANNER_WITHIN)];
    let banner = (SECTOR..head.len()).find(|at| head[*at..].starts_with(BANNER))?;
    let packed = u32::from_le_bytes(bytes[banner - 4..banner].try_into().ok()?);
    let packed = usize::try_from(packed).ok().filter(|len| *len < 1 << 20)?;
    let ends = |start: usize| {
        let end = start + packed;
        let whole = end.next_multiple_of(SECTOR);
        let marked = bytes.get(end.checked_sub(3)?..end)? == PACKED_END;
        let padded = bytes.get(end..whole)?.iter().all(|byte| *byte == 0);
        (marked && padded).then_some(whole)
    };
    let first = banner.next_multiple_of(16);
    let mut found = (first..first + PACKED_WITHIN).step_by(16).filter_map(ends);
    let len = found.next()?;
    found.next().is_none().then_some(len)
}

/// The length of the module at the start of these bytes: its section headers end it (ELF32: `e_shoff`, `e_shentsize`,
/// `e_shnum`). It is a shared object (`e_type` 3) for the 386 (`e_machine` 3).
fn module_len(bytes: &[u8]) -> Option<usize> {
    let half = |at: usize| Some(usize::from(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?)));
    let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    if half(16)? != 3 || half(18)? != 3 {
        return None;
    }
    let len = usize::try_from(word(32)?).ok()?.checked_add(half(46)? * half(48)?)?;
    (len > 52 && len <= bytes.len()).then_some(len)
}
