//! Where boot sector and core image go, and disks that have no room for them.

use imgc_image::build::{Patch, overlay};
use imgc_plan::{
    Record,
    layout::{Layout, PartRole, PlacedPart},
};

use super::*;
use crate::boot::{NoFiles, StampJob};

const BIOS_BOOT: &str = "21686148-6449-6e6f-744e-656564454649";
const LINUX: &str = "0fc63daf-8483-4772-8e79-3d69d8477de4";

fn layout(sector_size: u32, parts: &[(&str, u64, u64)]) -> Layout {
    let part = |(index, (code, start, len)): (usize, &(&str, u64, u64))| PlacedPart {
        name: format!("p{index}"),
        number: u32::try_from(index + 1).expect("few"),
        role: PartRole::Primary,
        start: *start,
        len: *len,
        type_code: (*code).to_owned(),
        table_name: String::new(),
        uuid: None,
        bootable: false,
        attributes: 0,
    };
    Layout { len: 64 << 20, sector_size, parts: parts.iter().enumerate().map(part).collect() }
}

fn stamp(table: &str, layout: &Layout, image: &[u8]) -> Result<Vec<u8>, Failure> {
    let store = MemoryStore::default();
    let image = nested(image, &store);
    let disk = nested(&[0xee; 4 << 20], &store);
    let job = StampJob {
        options: &Record::new(),
        home: &home(table, 1, "ext2"),
        layout,
        disk: &disk,
        image: Some(&image),
        files: &NoFiles,
        store: &store,
    };
    let pieces = Grub.stamp(&job)?;
    let lens: Vec<u64> = pieces.iter().map(|(_, piece): &(u64, Patch)| piece.len()).collect();
    assert_eq!(lens, [0x1b8, 512, image.len() - 1024]);
    let disk = overlay(&store, &disk, &pieces).expect("pieces do not overlap");
    Ok(Reader::new(&disk, &store).read_all(1 << 30).expect("readable"))
}

fn image(sectors: usize) -> Vec<u8> {
    let home = home("mbr", 1, "ext2");
    let mut image = Fixture::synthetic().image(&Record::new(), &home).expect("made");
    image.resize(512 + sectors * 512, 0x99);
    image
}

fn check(disk: &[u8], image: &[u8], at: usize) {
    let lba = (at / 512) as u64;
    assert_eq!(disk[..0x5c], image[..0x5c]);
    assert_eq!(disk[0x5c..0x64], lba.to_le_bytes());
    assert_eq!(disk[0x64..0x68], [0xff, 0x42, 0x90, 0x90]);
    assert_eq!(disk[0x68..0x1b8], image[0x68..0x1b8]);
    assert!(disk[0x1b8..0x200].iter().all(|byte| *byte == 0xee), "signature and table are left alone");
    assert_eq!(disk[at..at + 0x1f4], image[0x200..0x3f4]);
    assert_eq!(disk[at + 0x1f4..at + 0x1fc], (lba + 1).to_le_bytes());
    assert_eq!(disk[at + 0x1fc..at + image.len() - 512], image[0x3fc..]);
    assert_eq!(disk[at + image.len() - 512], 0xee);
}

#[test]
fn an_mbr_disk_has_the_core_in_the_gap_to_the_last_sector() {
    let image = image(4);
    for first in [1 << 20, 5 * 512] {
        let disk = stamp("mbr", &layout(512, &[("83", first, 1 << 20)]), &image).expect("fits");
        check(&disk, &image, 512);
    }
}

#[test]
fn a_gpt_disk_has_the_core_in_its_partition() {
    let image = image(5);
    let layout = layout(512, &[(LINUX, 2 << 20, 1 << 20), (BIOS_BOOT, 1 << 20, 5 * 512)]);
    check(&stamp("gpt", &layout, &image).expect("fits"), &image, 1 << 20);
}

#[test]
fn disks_without_room_are_refused_by_how_much() {
    let cases: &[(&str, Layout, &[&str])] = &[
        (
            "mbr",
            layout(512, &[("83", 5 * 512, 1 << 20)]),
            &["boot-gap-too-small", " 512 too few", "start=\\\"1MiB"],
        ),
        ("gpt", layout(512, &[(LINUX, 1 << 20, 1 << 20)]), &["bios-boot-missing", "type=bios-boot"]),
        (
            "gpt",
            layout(512, &[(BIOS_BOOT, 1 << 20, 2048)]),
            &["bios-boot-too-small", " 512 bytes too large", "1MiB"],
        ),
        (
            "gpt",
            layout(512, &[(BIOS_BOOT, 1 << 20, 1 << 20), (BIOS_BOOT, 2 << 20, 1 << 20)]),
            &["bios-boot-ambiguous", "`p0` and `p1`"],
        ),
        ("mbr", layout(4096, &[("83", 1 << 20, 1 << 20)]), &["sector-size-unsupported", "4096"]),
        ("apm", layout(512, &[("x", 1 << 20, 1 << 20)]), &["grub-table-unknown", "`apm`"]),
    ];
    for (table, layout, parts) in cases {
        let refused = message(stamp(table, layout, &image(5)).expect_err("refused"));
        for part in *parts {
            assert!(refused.contains(part), "{table}: {part}: {refused}");
        }
    }
}

#[test]
fn the_table_of_a_logical_partition_is_not_overwritten() {
    let mut layout = layout(512, &[("83", 6 * 512, 1 << 20)]);
    layout.parts[0].role = PartRole::Logical;
    assert!(stamp("mbr", &layout, &image(4)).is_ok());
    assert!(stamp("mbr", &layout, &image(5)).is_err());
}
