//! El Torito: the catalogue by which firmware starts a CD, and the table by which what it starts knows where it lies.
//!
//! ```text
//! sector 17        boot record descriptor: where the catalogue lies      (`fs/iso9660`)
//! catalogue        validation · entry · header, entries · header, …      ([`catalog`] makes room, [`add`] fills it)
//! an entry         names a file in the volume, or a partition beside it
//! ```
//! [`loader`] adds an entry for an image of one's own. A loader whose home is an ISO lays the file of [`catalog`] over it, and each adds its entries when it is stamped: they go
//! behind those of the loaders before it, except that a BIOS looks only at the first one, so those of x86 come first.
//!
//! Source: "El Torito" Bootable CD-ROM Format Specification 1.0 (1995); UEFI 2.10, section 13.3.2.1.

mod codec;
mod info;
mod loader;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use imgc_image::{Bytes, Content, Entry as TreeEntry, Failure, Meta, Node, Problem, Reader, build::Patch};
use imgc_plan::{
    Data,
    kind::OptionProblem,
    step::{LoaderHome, PartHome},
    tree::BytePath,
};

use super::StampJob;

pub use self::{
    codec::{Entry, LEN, decode},
    info::{Image, boot_info, image},
    loader::ElTorito,
};

/// `Platform ID` (figure 2): x86 with a BIOS.
pub const X86: u8 = 0;
/// `Platform ID` (UEFI 2.10, 13.3.2.1): EFI; the image is a FAT filesystem.
pub const EFI: u8 = 0xef;

/// Bytes of a sector of a CD.
pub const SECTOR: u64 = 2048;

/// The sector of the primary volume descriptor (ECMA-119, 6.7.1).
const PRIMARY: u64 = 16;
/// The sector of the boot record descriptor (section 2.0), and what it begins with: type, `CD001`, version, and the system.
const BOOT_RECORD: u64 = 17;
const BOOT_SYSTEM: &[u8] = b"\0CD001\x01EL TORITO SPECIFICATION";
/// Where it says the sector of the catalogue (figure 7).
const CATALOG_POINTER: usize = 0x47;

/// Where a home keeps its catalogue, without the `/` at the start; `None` when its filesystem is none that CDs have.
pub fn path(home: &PartHome) -> Option<BytePath> {
    let path = home.options.get("boot-catalog").and_then(Data::as_text)?;
    BytePath::absolute(path.as_bytes()).ok().filter(|path| !path.0.is_empty())
}

/// What is wrong with a home in which firmware finds no catalogue, for [`super::Loader::check_home`].
pub fn home_problem(home: &LoaderHome) -> Option<OptionProblem> {
    let own = home.own()?;
    path(own).is_none().then(|| OptionProblem {
        option: Some("partition"),
        message: format!("firmware starts CDs from ISO 9660, and `{}` holds `{}`", own.name, own.filesystem),
        help: Some("name a partition with `iso9660`".into()),
    })
}

/// The file that a loader adds to its files when it will [`add`] entries: room for the catalogue, which is dense and so lies
/// alone. `None` when the home is no filesystem that CDs have.
pub fn catalog(home: &PartHome, epoch: i64) -> Option<TreeEntry> {
    let room = Bytes::zeros(LEN as u64);
    Some(TreeEntry {
        path: path(home)?,
        meta: Meta::new(0o444, epoch),
        xattrs: Box::default(),
        link: None,
        node: Node::File { content: Content::Bytes(Arc::new(room)), dense: true },
    })
}

/// The sectors of 512 bytes that an EFI entry says of an image of this length: 0, for all up to the end of the medium, when
/// sixteen bits do not hold them (UEFI 2.10, 13.3.2.1).
pub fn efi_sectors(len: u64) -> u16 {
    u16::try_from(len.div_ceil(512)).unwrap_or(0)
}

/// Adds an entry to the catalogue on the disk.
///
/// # Errors
/// When the medium is not one that firmware can start this way, or the catalogue is full.
pub fn add(job: &StampJob<'_>, entry: &Entry) -> Result<Vec<(u64, Patch)>, Failure> {
    add_all(job, std::slice::from_ref(entry))
}

/// As [`add`], for several entries of one loader, which stay in their order.
///
/// # Errors
/// As [`add`].
pub fn add_all(job: &StampJob<'_>, new: &[Entry]) -> Result<Vec<(u64, Patch)>, Failure> {
    let at = find(job)?;
    let reader = Reader::new(job.disk, job.store);
    let mut bytes = [0; LEN];
    reader.read_at(at, &mut bytes)?;
    let mut entries = decode(&bytes)?;
    for entry in new {
        let behind = |old: &Entry| entry.platform == X86 && old.platform != X86;
        let place = entries.iter().position(behind).unwrap_or(entries.len());
        entries.insert(place, *entry);
    }
    Ok(vec![(at, Patch::Data(codec::encode(&entries)?.to_vec()))])
}

/// The byte of the disk at which the catalogue lies, as firmware finds it.
fn find(job: &StampJob<'_>) -> Result<u64, Failure> {
    let own = job.home.own().ok_or_else(|| Failure::Bug("a CD is a disk".into()))?;
    let path = path(own).ok_or_else(|| {
        let message =
            format!("`{}` holds `{}`, and firmware starts CDs from ISO 9660 only", own.name, own.filesystem);
        Problem::new("medium-not-iso", message).help("give the loader a partition with `iso9660`")
    })?;
    at_start(job, own)?;
    let at = match job.files.runs(&own.name, &path.0)?.as_slice() {
        &[(first, len)] if len == LEN as u64 => first,
        other => return Err(Failure::Bug(format!("the boot catalogue lies in {other:?}"))),
    };
    let mut record = [0; CATALOG_POINTER + 4];
    Reader::new(job.disk, job.store).read_at(BOOT_RECORD * SECTOR, &mut record)?;
    let said = u32::from_le_bytes(record[CATALOG_POINTER..].try_into().expect("because it has four bytes"));
    if !record.starts_with(BOOT_SYSTEM) || u64::from(said) * SECTOR != at {
        return Err(Failure::Bug("the volume does not say where its boot catalogue lies".into()));
    }
    Ok(at)
}

/// Firmware counts the sectors of a CD from its start.
///
/// # Errors
/// When the home starts elsewhere.
pub(super) fn at_start(job: &StampJob<'_>, own: &PartHome) -> Result<(), Failure> {
    let part = job.layout.part(&own.name);
    let start =
        part.ok_or_else(|| Failure::Bug(format!("the layout has no partition `{}`", own.name)))?.start;
    if start == 0 {
        return Ok(());
    }
    let message = format!(
        "firmware looks for a CD's volume at byte 0 of the disk, and `{}` starts at {start}",
        own.name
    );
    Err(Problem::new("medium-not-at-start", message)
        .help(format!("make `{}` the first partition, with `listed=#false`", own.name))
        .into())
}
