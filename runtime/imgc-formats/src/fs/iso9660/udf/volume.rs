//! What describes the volume: the recognition sequence, anchors, the descriptors that they name, the file set (2/9, 3/10, 4/14.1).

use imgc_plan::Canon;

use super::{
    super::contents::SECTOR,
    PARTITION, Volume,
    field::{Fields, REVISION},
    layout::Layout,
    node::FIRST_ID,
};

/// The sector of the anchor (3/8.4.2.1); there is another in the last.
pub const ANCHOR: u64 = 256;

/// The descriptors, the same again, and the integrity of the volume, as others put them.
const MAIN: u64 = 32;
const RESERVE: u64 = 48;
const INTEGRITY: u64 = 64;

/// Sectors that each sequence has at least (3/8.4.2.2).
const SEQUENCE: u64 = 16;

/// Bytes of a descriptor of a volume.
const LEN: usize = 512;

fn narrow(number: u64) -> u32 {
    u32::try_from(number).expect("because the plan checked that the volume has fewer than 2^32 sectors")
}

/// Everything that lies before the file entries, as (sector, bytes).
pub fn before(volume: &Volume<'_>) -> Vec<(u64, Vec<u8>)> {
    let ids = [b"BEA01", b"NSR02", b"TEA01"];
    let mut out: Vec<(u64, Vec<u8>)> =
        (volume.recognition..).zip(ids).map(|(sector, id)| (sector, structure(id))).collect();
    for start in [MAIN, RESERVE] {
        let parts = [primary, implementation, partition, logical, unallocated, end];
        out.extend((start..).zip(parts).map(|(sector, part)| (sector, part(volume, narrow(sector)))));
    }
    out.push((INTEGRITY, integrity(volume, narrow(INTEGRITY))));
    out.push((INTEGRITY + 1, end(volume, narrow(INTEGRITY + 1))));
    out.push((ANCHOR, anchor(ANCHOR)));
    out.push((PARTITION, file_set(volume)));
    out.push((PARTITION + 1, end(volume, 1)));
    out
}

/// A structure of the recognition sequence (2/9.1): type 0, its name, version 1.
fn structure(id: &[u8; 5]) -> Vec<u8> {
    let mut out = vec![0; 7];
    out[1..6].copy_from_slice(id);
    out[6] = 1;
    out
}

/// An anchor (3/10.2): where the descriptors are.
pub fn anchor(sector: u64) -> Vec<u8> {
    let mut out = Fields::new(LEN);
    let len = narrow(SEQUENCE * SECTOR);
    out.extent(16, len, narrow(MAIN)).extent(24, len, narrow(RESERVE));
    out.tagged(2, narrow(sector))
}

/// 16 hexadecimal digits that make the volume's set unique (UDF 2.2.2.5): its time, then a digest of what it is called.
fn set(volume: &Volume<'_>) -> String {
    let texts = &volume.options.texts;
    let mut c = Canon::new("imgc udf volume set v1");
    c.text(&texts.volume).text(&texts.set).text(&texts.publisher).text(&texts.application);
    let digest = imgc_plan::ValueId::from(c).hex();
    // The lower 32 bits: what the specification wants of a clock.
    format!("{:08x}{}{}", volume.options.epoch & 0xffff_ffff, &digest[..8], texts.set)
}

/// The primary volume descriptor (3/10.1).
fn primary(volume: &Volume<'_>, sector: u32) -> Vec<u8> {
    let mut out = Fields::new(LEN);
    out.u32(16, 1).text(24, 32, &volume.options.texts.volume);
    out.u16(56, 1).u16(58, 1); // the only volume of its set
    out.u16(60, 2).u16(62, 3).u32(64, 1).u32(68, 1); // interchange levels, character sets
    out.text(72, 128, &set(volume)).charset(200).charset(264);
    out.time(376, volume.options.epoch, 0).writer(388);
    out.tagged(1, sector)
}

/// The implementation use volume descriptor (3/10.4) that UDF wants (2.2.7).
fn implementation(volume: &Volume<'_>, sector: u32) -> Vec<u8> {
    let mut out = Fields::new(LEN);
    out.u32(16, 2).identifier(20, b"*UDF LV Info", &REVISION.to_le_bytes());
    out.charset(52).text(116, 128, &volume.options.texts.volume).writer(352);
    out.tagged(4, sector)
}

/// The partition descriptor (3/10.5): all of the volume behind the anchor.
fn partition(volume: &Volume<'_>, sector: u32) -> Vec<u8> {
    let mut out = Fields::new(LEN);
    out.u32(16, 3).u16(20, 1).identifier(24, b"+NSR02", &[]); // allocated, number 0
    out.u32(184, 1).u32(188, narrow(PARTITION)).u32(192, blocks(volume)); // read-only
    out.writer(196);
    out.tagged(5, sector)
}

/// Blocks of the partition: up to the anchor in the last sector.
fn blocks(volume: &Volume<'_>) -> u32 {
    narrow(volume.sectors - 1 - PARTITION)
}

/// The logical volume descriptor (3/10.6) with its map of one partition.
fn logical(volume: &Volume<'_>, sector: u32) -> Vec<u8> {
    let mut out = Fields::new(446);
    out.u32(16, 4).charset(20).text(84, 128, &volume.options.texts.volume);
    out.u32(212, narrow(SECTOR)).domain(216);
    out.long(248, narrow(SECTOR), 0); // the file set
    out.u32(264, 6).u32(268, 1).writer(272);
    out.extent(432, narrow(2 * SECTOR), narrow(INTEGRITY));
    out.put(440, &[1, 6]).u16(442, 1); // a map of type 1: volume 1, partition 0
    out.tagged(6, sector)
}

/// The unallocated space descriptor (3/10.8): there is none.
fn unallocated(_: &Volume<'_>, sector: u32) -> Vec<u8> {
    let mut out = Fields::new(24);
    out.u32(16, 5);
    out.tagged(7, sector)
}

/// The end of a sequence (3/10.9, 4/14.2).
fn end(_: &Volume<'_>, location: u32) -> Vec<u8> {
    Fields::new(LEN).tagged(8, location)
}

/// The logical volume integrity descriptor (3/10.10): closed, nothing free.
fn integrity(volume: &Volume<'_>, sector: u32) -> Vec<u8> {
    let Layout { files, dirs, next_serial, .. } = volume.layout;
    let mut out = Fields::new(88 + 46);
    out.time(16, volume.options.epoch, 0).u32(28, 1);
    out.u64(40, FIRST_ID + u64::from(*next_serial)); // the next unique number
    out.u32(72, 1).u32(76, 46).u32(84, blocks(volume));
    out.writer(88).u32(120, *files).u32(124, narrow(dirs.len() as u64));
    for at in [128, 130, 132] {
        out.u16(at, REVISION); // least to read, least and most to write
    }
    out.tagged(9, sector)
}

/// The file set descriptor (4/14.1).
fn file_set(volume: &Volume<'_>) -> Vec<u8> {
    let texts = &volume.options.texts;
    let mut out = Fields::new(LEN);
    out.time(16, volume.options.epoch, 0).u16(28, 3).u16(30, 3).u32(32, 1).u32(36, 1);
    out.charset(48).text(112, 128, &texts.volume).charset(240).text(304, 32, &texts.volume);
    for (at, file) in [336, 368].into_iter().zip(&volume.options.files) {
        out.text(at, 32, file.as_deref().unwrap_or_default()); // copyright and abstract
    }
    out.long(400, narrow(SECTOR), narrow(Layout::entry(1))).domain(416);
    out.tagged(256, 0)
}
