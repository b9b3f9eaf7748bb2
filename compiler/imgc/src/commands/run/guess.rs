//! What an image can start from, by looking at it.

use std::{io, path::Path};

use imgc_image::ReadAt;
use imgc_lang::Compilation;
use imgc_plan::{
    ids::guid_bytes,
    test::{Firmware, MachineSpec, Medium},
};
use imgc_qemu::Image;

use crate::{commands::inspect::source, failure::Failure};

/// The types of a GPT partition that firmware looks for (UEFI 2.10, section 5.3.3), and that GRUB puts itself into.
const ESP: &str = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";
const BIOS_BOOT: &str = "21686148-6449-6e6f-744e-656564454649";

/// The same in an MBR.
const ESP_MBR: u8 = 0xef;

/// Bytes in a sector of a CD (ECMA-119).
const CD_SECTOR: u64 = 2048;

/// The most entries of a GPT that are looked at.
const MOST_ENTRIES: u32 = 1024;

/// A machine, and why it is that.
#[derive(Debug)]
pub struct Guess {
    /// The machine.
    pub spec: MachineSpec,
    /// Why.
    pub why: String,
}

/// What was found of an image.
#[derive(Debug, Default, PartialEq, Eq)]
struct Signs {
    /// Boot code for a BIOS: where.
    bios: Option<&'static str>,
    /// Something for UEFI: where.
    uefi: Option<&'static str>,
    is_cd: bool,
    /// Bytes in a sector, when its table says 4096.
    sector_size: Option<u32>,
}

/// Guesses what machine starts an image.
///
/// # Errors
/// When it cannot be read, or is packed.
pub fn guess(file: &Path, made: Option<(&Compilation, usize)>) -> Result<Guess, Failure> {
    let planned = made.and_then(|(compilation, export)| planned(compilation, export));
    if file.is_dir() {
        let spec = MachineSpec::new(Firmware::Bios, Medium::Network, None, None);
        return Ok(Guess { spec, why: "a directory is served by TFTP, and BIOS is assumed".into() });
    }
    let signs = match file.exists() {
        true => seen(file)?.or(planned).unwrap_or_default(),
        false => planned.unwrap_or_default(),
    };
    let firmware = if signs.bios.is_none() && signs.uefi.is_some() { Firmware::Uefi } else { Firmware::Bios };
    let medium = if signs.is_cd { Medium::Cdrom } else { Medium::Disk };
    let mut spec = MachineSpec::new(firmware, medium, None, None);
    spec.sector_size = signs.sector_size.unwrap_or(512);
    let why = match (signs.bios, signs.uefi) {
        (Some(bios), Some(uefi)) => {
            format!("there is {bios}; and {uefi}, so --firmware uefi may start it, too")
        }
        (Some(bios), None) => format!("there is {bios}"),
        (None, Some(uefi)) => format!("there is {uefi}"),
        (None, None) => "nothing was found that it starts from; BIOS is assumed".into(),
    };
    Ok(Guess { spec, why })
}

/// What is seen in a file; `None` of forms that are not read here.
fn seen(file: &Path) -> Result<Option<Signs>, Failure> {
    // Says what to do about what is packed, of which QEMU would start the wrapping.
    let form = Image::open(file)?.format;
    let opened = source::open(file)?;
    if !matches!(form.as_str(), "raw" | "qcow2") {
        return Ok(None);
    }
    let (_, disk) = source::disk(&opened, file)?;
    let signs = look(disk.as_ref());
    signs.map(Some).map_err(|error| Failure::Machine(format!("reading {}: {error}", file.display())))
}

/// What the manifest's partitions say of an image that is not read.
fn planned(compilation: &Compilation, export: usize) -> Option<Signs> {
    let plan = compilation.plan.as_ref()?;
    let mut reached = vec![false; plan.steps.len()];
    reached[export] = true;
    for at in (0..=export).rev().filter(|at| *at < plan.steps.len()) {
        if reached[at] {
            plan.steps[at].inputs.iter().for_each(|input| reached[input.step] = true);
        }
    }
    let disk = compilation.disks.iter().find(|disk| reached[disk.place])?;
    let has = |codes: &[&str]| disk.spec.parts.iter().any(|part| codes.contains(&part.type_code.as_str()));
    let bootable = disk.spec.parts.iter().any(|part| part.bootable);
    Some(Signs {
        bios: (has(&[BIOS_BOOT]) || bootable).then_some("a partition for BIOS in the manifest"),
        uefi: has(&[ESP, "ef"]).then_some("an EFI system partition in the manifest"),
        is_cd: false,
        sector_size: (disk.spec.sector_size == 4096).then_some(4096),
    })
}

/// Looks at an image for what firmware looks at.
fn look(image: &dyn ReadAt) -> io::Result<Signs> {
    let mut signs = Signs::default();
    let first = read(image, 0, 512)?;
    if first.len() == 512 && first[510..] == [0x55, 0xaa] {
        // Code is before the disk's signature at 440; a table that only protects has none.
        signs.bios = first[..440].iter().any(|byte| *byte != 0).then_some("boot code in its first sector");
        let types = first[446..510].chunks_exact(16).map(|entry| entry[4]);
        signs.uefi =
            types.into_iter().any(|ty| ty == ESP_MBR).then_some("an EFI system partition in the MBR");
    }
    for sector in [512u64, 4096] {
        let head = read(image, sector, 92)?;
        if head.starts_with(b"EFI PART") && head.len() == 92 {
            signs.sector_size = (sector == 4096).then_some(4096);
            if has_esp(image, &head, sector)? {
                signs.uefi = Some("an EFI system partition");
            }
            break;
        }
    }
    el_torito(image, &mut signs)?;
    Ok(signs)
}

fn has_esp(image: &dyn ReadAt, head: &[u8], sector: u64) -> io::Result<bool> {
    // Fields of UEFI 2.10, section 5.3.2, table 5.5.
    let at = u64_at(head, 72).saturating_mul(sector);
    let (count, size) = (u32_at(head, 80).min(MOST_ENTRIES), u32_at(head, 84));
    let esp = guid_bytes(ESP).expect("because it is a GUID");
    for index in 0..u64::from(count) {
        let entry = read(image, at.saturating_add(index * u64::from(size)), 16)?;
        if entry == esp {
            return Ok(true);
        }
    }
    Ok(false)
}

/// El Torito 1.0, sections 2 and 3: the boot record names a catalogue, whose entries are for platforms.
fn el_torito(image: &dyn ReadAt, signs: &mut Signs) -> io::Result<()> {
    if read(image, 16 * CD_SECTOR, 6)?.get(1..) != Some(b"CD001") {
        return Ok(());
    }
    signs.is_cd = true;
    let record = read(image, 17 * CD_SECTOR, 75)?;
    // On a CD nobody reads the boot code and the partitions of hybrids.
    (signs.bios, signs.uefi) = (None, None);
    if record.len() < 75 || &record[1..6] != b"CD001" || !record[7..].starts_with(b"EL TORITO SPECIFICATION")
    {
        return Ok(());
    }
    let catalogue = read(image, u64::from(u32_at(&record, 71)) * CD_SECTOR, 2048)?;
    let mut platform = catalogue.get(1).copied();
    for entry in catalogue.chunks_exact(32).skip(1) {
        match entry[0] {
            // A section's head, the last or not.
            0x90 | 0x91 => platform = Some(entry[1]),
            0x88 if platform == Some(0) => signs.bios = Some("an El Torito image for BIOS"),
            0x88 if platform == Some(ESP_MBR) => signs.uefi = Some("an El Torito image for UEFI"),
            _ => {}
        }
    }
    Ok(())
}

/// What is there, at most so many bytes.
fn read(image: &dyn ReadAt, at: u64, len: u64) -> io::Result<Vec<u8>> {
    let len = image.len().saturating_sub(at).min(len);
    let mut bytes = vec![0; usize::try_from(len).expect("because only a few sectors are asked for")];
    if !bytes.is_empty() {
        image.read_at(at, &mut bytes)?;
    }
    Ok(bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Memory(Vec<u8>);

    impl ReadAt for Memory {
        fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
            let from = usize::try_from(offset).map_err(io::Error::other)?;
            let bytes = self.0.get(from..).and_then(|rest| rest.get(..buf.len()));
            buf.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        }

        fn len(&self) -> u64 {
            self.0.len() as u64
        }
    }

    fn signs(image: Vec<u8>) -> Signs {
        look(&Memory(image)).expect("read")
    }

    fn put(image: &mut [u8], at: usize, bytes: &[u8]) {
        image[at..at + bytes.len()].copy_from_slice(bytes);
    }

    #[test]
    fn nothing_is_seen_where_nothing_is() {
        for image in [vec![], vec![0; 100], vec![0; 100_000], vec![0xff; 100_000]] {
            assert_eq!(signs(image), Signs::default());
        }
    }

    #[test]
    fn boot_code_and_system_partitions_are_seen() {
        let mut mbr = vec![0; 8192];
        put(&mut mbr, 510, &[0x55, 0xaa]);
        assert_eq!(signs(mbr.clone()), Signs::default(), "a table without code starts nothing");
        mbr[0] = 0xeb;
        assert!(signs(mbr.clone()).bios.is_some());
        mbr[446 + 4] = ESP_MBR;
        assert!(signs(mbr).uefi.is_some());
        for sector in [512, 4096] {
            let mut gpt = vec![0; 40_000];
            put(&mut gpt, sector, b"EFI PART");
            put(&mut gpt, sector + 72, &2u64.to_le_bytes());
            put(&mut gpt, sector + 80, &128u32.to_le_bytes());
            put(&mut gpt, sector + 84, &128u32.to_le_bytes());
            put(&mut gpt, 2 * sector + 3 * 128, &guid_bytes(ESP).expect("a GUID"));
            let found = signs(gpt.clone());
            assert_eq!((found.uefi.is_some(), found.bios), (true, None));
            assert_eq!(found.sector_size, (sector == 4096).then_some(4096));
            // Wherever a table says that its entries are, looking there ends.
            put(&mut gpt, sector + 72, &[0xff; 16]);
            assert_eq!(signs(gpt).uefi, None);
        }
    }

    #[test]
    fn a_cd_is_what_its_catalogue_says() {
        let mut cd = vec![0; 20 * 2048];
        put(&mut cd, 0, &[0xeb]);
        put(&mut cd, 510, &[0x55, 0xaa]);
        put(&mut cd, 16 * 2048, b"\x01CD001");
        assert_eq!(signs(cd.clone()), Signs { is_cd: true, ..Signs::default() });
        put(&mut cd, 17 * 2048, b"\x00CD001\x01EL TORITO SPECIFICATION");
        put(&mut cd, 17 * 2048 + 71, &19u32.to_le_bytes());
        put(&mut cd, 19 * 2048, &[1, 0]);
        put(&mut cd, 19 * 2048 + 32, &[0x88]);
        let found = signs(cd.clone());
        assert_eq!((found.bios.is_some(), found.uefi.is_some(), found.is_cd), (true, false, true));
        put(&mut cd, 19 * 2048 + 64, &[0x91, 0xef, 1]);
        put(&mut cd, 19 * 2048 + 96, &[0x88]);
        assert!(signs(cd).uefi.is_some());
    }
}
