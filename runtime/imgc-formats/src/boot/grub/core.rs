//! The image for a BIOS: `boot.img` and behind it the core image that it loads.
//!
//! ```text
//! 0x000  boot.img              goes to sector 0, stamped
//! 0x200  diskboot.img          the core's first sector: loads the others by a block list, stamped
//! 0x400  lzma_decompress.img   with the sizes of what follows
//!  ...   LZMA stream           of: flat kernel, then the module area: {header, modules…, prefix}
//!        zeros to the next sector
//! ```
//!
//! Offsets and fields: GRUB's `include/grub/offsets.h` and `include/grub/kernel.h`; those of the images themselves were
//! measured with 2.06. The decompressed part is equal to grub-mkimage's byte for byte.

use std::io::Write;

use imgc_image::{Failure, Problem};
use imgc_plan::step::{LoaderHome, PartHome};
use lzma_rust2::{EncodeMode, LzmaOptions, LzmaWriter, MfType};

use super::{
    elf::{self, LINK_ADDRESS},
    moddep::{self, Dependencies},
    options::{Options, Platform},
    package::{Package, unknown},
};

/// Bytes in a sector of every disk that a BIOS starts from.
pub const SECTOR: usize = 512;

/// In `diskboot.img`: the first entry of the block list, {u64 sector, u16 count, u16 segment}; the list grows down.
pub const BLOCK_LIST: usize = 0x1f4;

/// The segment to which the core's second sector is loaded.
const LOAD_SEGMENT: u16 = 0x820;

/// In `lzma_decompress.img`: u32 length of the stream, u32 length of what it holds, u32 bytes of Reed-Solomon redundancy.
const COMPRESSED_SIZE: usize = 0x8;
const UNCOMPRESSED_SIZE: usize = 0xc;
const REDUNDANCY: usize = 0x10;

/// The first address behind what a core image may use while it is loaded (GRUB, `util/mkimage.c`).
const MEMORY_UPPER: usize = 0x78000;

/// The most bytes of modules before compression, against sources that are none of GRUB's. All of 2.06's have 3 MiB.
const MODULES_LIMIT: usize = 16 << 20;

/// `mimg`: a module area (`include/grub/kernel.h`), and its types of objects.
const MODULE_MAGIC: u32 = 0x676d_696d;
const OBJ_TYPE_ELF: u32 = 0;
const OBJ_TYPE_PREFIX: u32 = 3;

/// Makes `boot.img` and the core image, padded to whole sectors, not yet stamped.
///
/// # Errors
/// When the package lacks something, is of a version with other layouts, or the core would be too large to be loaded.
pub fn image(options: &Options, package: &Package<'_>, home: &LoaderHome) -> Result<Vec<u8>, Failure> {
    let Platform::I386Pc = options.platform;
    let boot = boot_sector(package)?;
    let modules = modules(options, package, home)?;
    let payload = payload(package, &modules, &prefix(options, home)?)?;
    let core = core(package, &payload)?;
    Ok([boot, core].concat())
}

/// The modules of the core image in their order: those that read the directory, and what the manifest adds.
fn modules(options: &Options, package: &Package<'_>, home: &LoaderHome) -> Result<Vec<String>, Failure> {
    let own = part_home(home)?;
    let found = (table_module(home.table().unwrap_or_default()), filesystem_module(&own.filesystem));
    let (Some((table, _)), Some(filesystem)) = found else { return Err(unreadable(home, found.0.is_some())) };
    let wanted = [options.platform.disk_module(), table, filesystem];
    let wanted = wanted.into_iter().chain(options.modules.iter().map(String::as_str));
    let modules = Dependencies::read(package)?.closure(wanted);
    moddep::all_there(package, &modules)?;
    Ok(modules)
}

fn unreadable(home: &LoaderHome, table_known: bool) -> Failure {
    let filesystem = home.own().map(|own| own.filesystem.as_str()).unwrap_or_default();
    let table = home.table().unwrap_or_default();
    let (what, name) = if table_known { ("filesystem", filesystem) } else { ("partition table", table) };
    let message = format!("GRUB cannot read its files from a partition with the {what} `{name}`");
    let problem = Problem::new("grub-home-unreadable", message);
    if table_known {
        problem.help("a small partition of its own with ext2 or FAT will do").into()
    } else {
        problem.into()
    }
}

/// The module that reads a table, and the table's name in device names.
fn table_module(table: &str) -> Option<(&'static str, &'static str)> {
    match table {
        "mbr" => Some(("part_msdos", "msdos")),
        "gpt" => Some(("part_gpt", "gpt")),
        _ => None,
    }
}

/// The module that reads a filesystem.
pub fn filesystem_module(filesystem: &str) -> Option<&'static str> {
    Some(match filesystem {
        "ext2" | "ext3" | "ext4" => "ext2",
        "vfat" | "fat" => "fat",
        "exfat" => "exfat",
        "iso9660" => "iso9660",
        "udf" => "udf",
        "squashfs" => "squash4",
        "xfs" => "xfs",
        "btrfs" => "btrfs",
        "f2fs" => "f2fs",
        "ntfs" => "ntfs",
        "hfsplus" => "hfsplus",
        _ => return None,
    })
}

/// Where GRUB finds its directory: on the disk that the BIOS started (the empty name), so that the same disk starts from any bus.
fn prefix(options: &Options, home: &LoaderHome) -> Result<String, Failure> {
    let (_, table) = table_module(home.table().unwrap_or_default()).ok_or_else(|| unreadable(home, false))?;
    Ok(format!("(,{table}{}){}", part_home(home)?.number, options.directory))
}

fn part_home(home: &LoaderHome) -> Result<&PartHome, Failure> {
    home.own().ok_or_else(|| Failure::Bug("GRUB for a BIOS has no partition".into()))
}

/// What is compressed: the flat kernel, and at its end the module area.
pub(super) fn payload(package: &Package<'_>, modules: &[String], prefix: &str) -> Result<Vec<u8>, Failure> {
    let mut area = Vec::new();
    for name in modules {
        let name = format!("{name}.mod");
        object(&mut area, OBJ_TYPE_ELF, &package.read(&name)?);
        if area.len() > MODULES_LIMIT {
            let message = format!("the modules of GRUB's core image have more than {MODULES_LIMIT} bytes");
            return Err(Problem::new("grub-core-too-large", message).into());
        }
    }
    object(&mut area, OBJ_TYPE_PREFIX, &[prefix.as_bytes(), b"\0"].concat());
    let mut payload = elf::flatten(&package.read("kernel.img")?)?;
    let total = small(area.len() + 12);
    for field in [MODULE_MAGIC, 12, total] {
        payload.extend(field.to_le_bytes());
    }
    payload.extend(area);
    Ok(payload)
}

/// {u32 type, u32 length with this header}, then the data, padded to 4.
fn object(area: &mut Vec<u8>, kind: u32, data: &[u8]) {
    let padded = data.len().next_multiple_of(4);
    area.extend(kind.to_le_bytes());
    area.extend(small(padded + 8).to_le_bytes());
    area.extend(data);
    area.resize(area.len() + padded - data.len(), 0);
}

fn small(len: usize) -> u32 {
    u32::try_from(len).expect("because the modules of a core image are limited to a few MiB")
}

/// The core image: loader, decompressor, stream.
fn core(package: &Package<'_>, payload: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut diskboot = disk_boot(package)?;
    let mut rest = decompressor(package)?;
    let stream = compress(payload)?;
    rest[COMPRESSED_SIZE..][..4].copy_from_slice(&small(stream.len()).to_le_bytes());
    rest[UNCOMPRESSED_SIZE..][..4].copy_from_slice(&small(payload.len()).to_le_bytes());
    rest.extend(stream);
    fits_memory(rest.len())?;
    rest.resize(rest.len().next_multiple_of(SECTOR), 0);
    let count = u16::try_from(rest.len() / SECTOR).expect("because a core image is smaller than half a MiB");
    diskboot[BLOCK_LIST + 8..][..2].copy_from_slice(&count.to_le_bytes());
    diskboot.extend(rest);
    Ok(diskboot)
}

/// grub-mkimage's own limit, counted from the kernel's link address; 2.06 takes 0x6f000 bytes and not one more.
fn fits_memory(len: usize) -> Result<(), Problem> {
    let limit = MEMORY_UPPER - LINK_ADDRESS as usize;
    if len <= limit {
        return Ok(());
    }
    let over = len - limit;
    let message = format!(
        "GRUB's core image is {over} bytes too large for a BIOS to load it: {len} of at most {limit}"
    );
    Err(Problem::new("grub-core-too-large", message)
        .help("leave modules out: those in the loader's directory are loaded when they are needed"))
}

/// A raw LZMA stream as the decompressor takes it: lc=3, lp=0, pb=2, a dictionary of 64 KiB, no header, no end mark. The encoder's
/// version is pinned, as it decides bytes.
fn compress(payload: &[u8]) -> Result<Vec<u8>, Failure> {
    let options = LzmaOptions {
        dict_size: 1 << 16,
        lc: 3,
        lp: 0,
        pb: 2,
        mode: EncodeMode::Normal,
        nice_len: 64,
        mf: MfType::Bt4,
        depth_limit: 0,
        preset_dict: None,
    };
    let mut writer = LzmaWriter::new_no_header(Vec::new(), &options, false)?;
    writer.write_all(payload)?;
    Ok(writer.finish()?)
}

/// `boot.img`, if the fields that are stamped are where they are expected.
fn boot_sector(package: &Package<'_>) -> Result<Vec<u8>, Failure> {
    let boot = package.read("boot.img")?;
    let known = boot.len() == SECTOR
        && boot[0x1fe..] == [0x55, 0xaa]
        && boot[0x5a..0x5c] == [0x00, 0x80]
        && boot[0x5c..0x64] == 1_u64.to_le_bytes()
        && boot[0x64] == 0xff
        && boot[0x66..0x68] == [0xeb, 0x05];
    if known { Ok(boot) } else { Err(unknown("boot.img", "its fields lie elsewhere").into()) }
}

/// `diskboot.img`, if its block list is where it is expected.
fn disk_boot(package: &Package<'_>) -> Result<Vec<u8>, Failure> {
    let diskboot = package.read("diskboot.img")?;
    let list = [&2_u64.to_le_bytes()[..], &[0, 0], &LOAD_SEGMENT.to_le_bytes()].concat();
    let known = diskboot.len() == SECTOR && diskboot[BLOCK_LIST..] == list[..];
    if known { Ok(diskboot) } else { Err(unknown("diskboot.img", "its block list lies elsewhere").into()) }
}

/// `lzma_decompress.img`, if its fields are empty where they are expected.
fn decompressor(package: &Package<'_>) -> Result<Vec<u8>, Failure> {
    let image = package.read("lzma_decompress.img")?;
    let known = image.len() > REDUNDANCY + 12
        && image.len() < 1 << 16
        && image[0] == 0xea
        && image[COMPRESSED_SIZE..REDUNDANCY + 4].iter().all(|byte| *byte == 0);
    if known { Ok(image) } else { Err(unknown("lzma_decompress.img", "its fields lie elsewhere").into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_that_memory_cannot_hold_is_refused_by_how_much() {
        assert!(fits_memory(0x6f000).is_ok());
        let problem = fits_memory(0x6f007).expect_err("too large");
        assert!(problem.message.contains(" 7 bytes too large"), "{problem:?}");
    }

    #[test]
    fn objects_are_padded_and_count_their_header() {
        let mut area = Vec::new();
        object(&mut area, 3, b"abcde");
        assert_eq!(area, [&[3, 0, 0, 0, 16, 0, 0, 0], &b"abcde\0\0\0"[..]].concat());
    }
}
