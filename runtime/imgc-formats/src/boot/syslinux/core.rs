//! `ldlinux.sys`: the fields that an installer writes into it (`libinstaller/syslxint.h` and `syslxmod.c` of SYSLINUX 6).
//!
//! ```text
//! 0x18    patch area: magic, instance, sectors, ADV sectors, dwords, checksum, most at once, offset of ─┐
//! ….      extended area: offsets of ADV pointers, directory, sector map; offsets within the boot sector ←┘
//! end     two sectors of ADV, the auxiliary data vector: settings that tools keep there
//! ```

use imgc_image::Problem;

use crate::boot::supply::unknown;

/// What marks the patch area: `LDLINUX_MAGIC`.
pub const MAGIC: u32 = 0x3eb2_02fe;
/// Where it lies in version 6.
pub const AREA: usize = 0x18;

/// Bytes in a sector: SYSLINUX counts no others.
pub const SECTOR: usize = 512;
/// Sectors of the auxiliary data vector.
const ADV_SECTORS: usize = 2;
/// How an empty one starts, sums up to and ends: `ADV_MAGIC1` to `ADV_MAGIC3` (`libinstaller/syslxint.h`).
const ADV: [u32; 3] = [0x5a2d_2fa5, 0xa304_1767, 0xdd28_bf64];

/// Fields of the patch area, from its magic on.
const DATA_SECTORS: usize = 8;
const ADV_COUNT: usize = 10;
const DWORDS: usize = 12;
const CHECKSUM: usize = 16;
const EXTENDED: usize = 22;

/// The longest run that an extent of the sector map may name, in sectors: it is loaded into one real-mode segment.
const LONGEST_RUN: u16 = 127;
/// Bytes of an extent: u64 first sector, u16 sectors.
const EXTENT: usize = 10;

/// An `ldlinux.sys` whose fields are where they should be.
#[derive(Clone, Debug)]
pub struct Core {
    bytes: Vec<u8>,
    extended: Extended,
}

/// The extended area. Offsets within `ldlinux.sys` but for `first`, which are within the boot sector.
#[derive(Clone, Copy, Debug)]
struct Extended {
    adv: usize,
    directory: usize,
    directory_len: usize,
    map: usize,
    map_len: usize,
    /// The low and the high half of the number of the first sector.
    first: [usize; 2],
}

impl Core {
    /// Reads one as it is supplied, or as [`Core::file`] gives it; with or without ADV.
    ///
    /// # Errors
    /// When it is not that of version 6.
    pub fn read(bytes: Vec<u8>) -> Result<Self, Problem> {
        let extended = Extended::read(&bytes).ok_or_else(|| {
            unknown("ldlinux.sys", "its fields are not where SYSLINUX 6 has them")
                .help("SYSLINUX 6.04 is known")
        })?;
        Ok(Self { bytes, extended })
    }

    /// The file as it is placed: whole sectors, and an empty auxiliary data vector.
    pub fn file(&self) -> Vec<u8> {
        let mut file = self.bytes.clone();
        file.resize(file.len().next_multiple_of(SECTOR), 0);
        (0..ADV_SECTORS).for_each(|_| file.extend(empty_adv()));
        file
    }

    /// A placed file with its fields, and a boot sector that loads it. `sectors` are the numbers of all its sectors, counted from
    /// the start of the partition.
    ///
    /// # Errors
    /// When it lies in more pieces than there is room to say.
    pub fn install(mut self, sectors: &[u64], directory: &str, boot: &mut [u8]) -> Result<Vec<u8>, Problem> {
        let count = self.bytes.len() / SECTOR;
        let data = count.saturating_sub(ADV_SECTORS);
        let (Some(first), true) = (sectors.first(), sectors.len() == count) else {
            return Err(unknown("ldlinux.sys", "it has not as many sectors as it takes up"));
        };
        let Extended { adv, directory: name, directory_len, map, map_len, first: pointers } = self.extended;
        let (low, high) = (first & 0xffff_ffff, first >> 32);
        for (at, half) in pointers.into_iter().zip([low, high]) {
            boot[at..at + 4].copy_from_slice(&half.to_le_bytes()[..4]);
        }
        let runs = runs(&sectors[1..data]);
        if runs.len() > map_len {
            let message =
                format!("`ldlinux.sys` lies in {} pieces, and SYSLINUX finds at most {map_len}", runs.len());
            return Err(Problem::new("loader-file-scattered", message).help("make the partition larger"));
        }
        self.bytes[map..map + map_len * EXTENT].fill(0);
        for (at, (first, len)) in (map..).step_by(EXTENT).zip(runs) {
            self.bytes[at..at + 8].copy_from_slice(&first.to_le_bytes());
            self.bytes[at + 8..at + 10].copy_from_slice(&len.to_le_bytes());
        }
        for (at, sector) in (adv..).step_by(8).zip(&sectors[data..]) {
            self.bytes[at..at + 8].copy_from_slice(&sector.to_le_bytes());
        }
        if directory.len() >= directory_len {
            return Err(unknown("ldlinux.sys", format!("it has no room for the directory `{directory}`")));
        }
        self.bytes[name..name + directory_len].fill(0);
        self.bytes[name..name + directory.len()].copy_from_slice(directory.as_bytes());
        self.sum(data);
        Ok(self.bytes)
    }

    /// Writes the totals and the checksum: with it all dwords but those of the ADV come to the magic.
    fn sum(&mut self, data: usize) {
        let short =
            |value: usize| u16::try_from(value).expect("because the file is below 16 MiB").to_le_bytes();
        let dwords = u32::try_from(data * SECTOR / 4).expect("because the file is below 16 MiB");
        self.bytes[AREA + DATA_SECTORS..][..2].copy_from_slice(&short(data));
        self.bytes[AREA + ADV_COUNT..][..2].copy_from_slice(&short(ADV_SECTORS));
        self.bytes[AREA + DWORDS..][..4].copy_from_slice(&dwords.to_le_bytes());
        self.bytes[AREA + CHECKSUM..][..4].fill(0);
        let words = self.bytes[..data * SECTOR].chunks_exact(4).map(|word| u32_at(word, 0));
        let sum = words.fold(MAGIC, u32::wrapping_sub);
        self.bytes[AREA + CHECKSUM..][..4].copy_from_slice(&sum.to_le_bytes());
    }
}

impl Extended {
    /// The area, if all that it points at is there.
    fn read(bytes: &[u8]) -> Option<Self> {
        let magic = bytes.get(AREA..AREA + 4).map(|word| u32_at(word, 0));
        let sectors = bytes.len() / SECTOR;
        let at = usize::from(u16_at(bytes, AREA + EXTENDED)?);
        // Pointers for SYSLINUX 6: ADV, directory and its length, subvolume and its length, map and its length, two in the
        // boot sector, and one there for RAID.
        let field = |index: usize| u16_at(bytes, at + 2 * index).map(usize::from);
        let found = Self {
            adv: field(0)?,
            directory: field(1)?,
            directory_len: field(2)?,
            map: field(5)?,
            map_len: field(6)?,
            first: [field(7)?, field(8)?],
        };
        let within = |at: usize, len: usize| at >= AREA + EXTENDED + 2 && at + len <= bytes.len();
        let whole = magic == Some(MAGIC)
            && (4..=usize::from(u16::MAX)).contains(&sectors)
            && at > AREA + EXTENDED
            && within(found.adv, 8 * ADV_SECTORS)
            && within(found.directory, found.directory_len)
            && within(found.map, found.map_len * EXTENT)
            && found.first.iter().all(|at| (BOOT_CODE..=BOOT_MAGIC - 4).contains(at));
        whole.then_some(found)
    }
}

/// Where a boot sector's code begins: behind the fields of a FAT32. Where its mark lies: `LDLINUX_MAGIC`, a signature of two
/// bytes, and what every boot sector ends with.
pub const BOOT_CODE: usize = 0x5a;
pub const BOOT_MAGIC: usize = 0x1f8;

/// Whether these 512 bytes are the boot sector that belongs to an `ldlinux.sys`.
pub fn is_boot_sector(bytes: &[u8]) -> bool {
    bytes.len() == SECTOR
        && bytes.starts_with(b"\xeb\x58\x90SYSLINUX")
        && u32_at(bytes, BOOT_MAGIC) == MAGIC
        && bytes.ends_with(&[0x55, 0xaa])
}

/// Sectors as runs, none of which is too long.
fn runs(sectors: &[u64]) -> Vec<(u64, u16)> {
    let mut runs: Vec<(u64, u16)> = Vec::new();
    for sector in sectors {
        match runs.last_mut() {
            Some((first, len)) if *first + u64::from(*len) == *sector && *len < LONGEST_RUN => *len += 1,
            _ => runs.push((*sector, 1)),
        }
    }
    runs
}

fn empty_adv() -> Vec<u8> {
    let [head, total, tail] = ADV;
    let mut out = vec![0; SECTOR];
    // The second word makes the words between it and the tail come to the total; they are zero.
    out[..4].copy_from_slice(&head.to_le_bytes());
    out[4..8].copy_from_slice(&total.to_le_bytes());
    out[SECTOR - 4..].copy_from_slice(&tail.to_le_bytes());
    out
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("because it has four bytes"))
}
