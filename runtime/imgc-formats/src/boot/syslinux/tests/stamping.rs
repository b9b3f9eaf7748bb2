//! What is laid over a disk: fields of the core, boot sectors, the first sector; and what keeps it from starting.

use std::sync::Arc;

use imgc_image::{Bytes, build::Patch};
use imgc_plan::layout::{Layout, PartRole, PlacedPart};

use super::*;
use crate::boot::{Locate, StampJob, syslinux::core::Core};

/// Where the file lies, whatever it is.
struct At(Vec<(u64, u64)>);

impl Locate for At {
    fn runs(&self, partition: &str, path: &[u8]) -> Result<Vec<(u64, u64)>, Failure> {
        assert_eq!((partition, path), ("boot", &b"boot/syslinux/ldlinux.sys"[..]));
        Ok(self.0.clone())
    }
}

const START: u64 = 1 << 20;

fn part(name: &str, start: u64) -> PlacedPart {
    PlacedPart {
        name: name.into(),
        number: 1,
        role: PartRole::Primary,
        start,
        len: START,
        type_code: "83".into(),
        table_name: String::new(),
        uuid: None,
        bootable: true,
        attributes: 4,
    }
}

fn layout(parts: Vec<PlacedPart>) -> Layout {
    Layout { len: 4 * START, sector_size: 512, parts }
}

fn stamp(table: &str, filesystem: &str, layout: &Layout, runs: &[(u64, u64)]) -> Result<Vec<u8>, Failure> {
    let store = MemoryStore::default();
    let (home, record) = (home(table, filesystem), Record::new());
    let source = supply(&store);
    let job = LoaderJob { options: &record, source: Some(&source), menu: None, home: &home, store: &store };
    let image = Arc::new(Syslinux.image(&job)?);
    let mut disk = vec![0xee; usize::try_from(layout.len).expect("small")];
    let boot = usize::try_from(START).expect("small");
    // The fields of a FAT32 whose second boot sector is the sixth.
    disk[boot + 11..boot + 13].copy_from_slice(&512_u16.to_le_bytes());
    disk[boot + 22..boot + 24].fill(0);
    disk[boot + 50..boot + 52].copy_from_slice(&6_u16.to_le_bytes());
    let file = Core::read(core()).expect("a core").file();
    let mut from = 0;
    for (at, len) in runs {
        let (at, len) = (usize::try_from(*at).expect("small"), usize::try_from(*len).expect("small"));
        disk[at..at + len].copy_from_slice(&file[from..from + len]);
        from += len;
    }
    let bytes = Arc::new(Bytes::blob(store.put(&disk).expect("stored"), layout.len));
    let pieces = Syslinux.stamp(&StampJob {
        options: &record,
        home: &home,
        layout,
        disk: &bytes,
        image: Some(&image),
        files: &At(runs.to_vec()),
        store: &store,
    })?;
    for (at, piece) in pieces {
        let Patch::Data(data) = piece else { panic!("pieces are small") };
        let at = usize::try_from(at).expect("small");
        disk[at..at + data.len()].copy_from_slice(&data);
    }
    Ok(disk)
}

fn u64_at(disk: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(disk[at..at + 8].try_into().expect("eight"))
}

#[test]
fn a_fat_keeps_its_fields_and_the_core_learns_where_it_lies() {
    let runs = [(START + 0x4000, 1024), (START + 0x8000, 4096)];
    let disk = stamp("mbr", "vfat", &layout(vec![part("boot", START)]), &runs).expect("stamped");
    assert!(disk[..440] == [1; 440] && disk[440..512] == [0xee; 72]);
    let boot = &disk[0x10_0000..0x10_0200];
    assert!(boot.starts_with(b"\xeb\x58\x90SYSLINUX") && boot[0x1fe..] == [0x55, 0xaa]);
    assert_eq!(boot[13..22], [0xee; 9]);
    assert_eq!(*boot, disk[0x10_0c00..0x10_0e00]);
    assert_eq!((u64_at(boot, 0x11a) & 0xffff_ffff, u64_at(boot, 0x120) & 0xffff_ffff), (0x20, 0));
    let file = [&disk[0x10_4000..0x10_4400], &disk[0x10_8000..0x10_9000]].concat();
    let words = file[..4096].chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().expect("four")));
    assert_eq!(words.fold(0, u32::wrapping_add), MAGIC);
    assert_eq!(file[0x20..0x28], [8, 0, 2, 0, 0, 4, 0, 0]);
    // One sector is left of the first run, six of the second are data, and two ADV.
    assert_eq!((u64_at(&file, 0x200), file[0x208]), (0x21, 1));
    assert_eq!((u64_at(&file, 0x20a), file[0x212]), (0x40, 6));
    assert_eq!(file[0x214..0x21e], [0; 10]);
    assert_eq!((u64_at(&file, 0x3c0), u64_at(&file, 0x3c8)), (0x46, 0x47));
    assert!(file[0x240..].starts_with(b"/boot/syslinux\0"));
}

#[test]
fn an_ext_filesystem_gets_fields_that_it_has_not() {
    let disk =
        stamp("gpt", "ext4", &layout(vec![part("boot", START)]), &[(START + 0x4000, 5120)]).expect("stamped");
    assert!(disk[..440] == [2; 440]);
    let mut expected = boot_sector();
    expected[11..0x5a].fill(0);
    for (at, field) in [(11, &[0, 2][..]), (20, &[8]), (24, &[63, 0, 255]), (29, &[8]), (33, &[8])] {
        expected[at..at + field.len()].copy_from_slice(field);
    }
    expected[0x11a..0x11e].copy_from_slice(&32_u32.to_le_bytes());
    expected[0x120..0x124].fill(0);
    assert_eq!(disk[0x10_0000..0x10_0200], expected);
    assert_eq!(disk[0x10_0200..0x10_0400], [0xee; 512]);
}

#[test]
fn disks_that_would_not_start_are_refused() {
    let changed = |change: fn(&mut PlacedPart)| {
        let mut boot = part("boot", START);
        change(&mut boot);
        layout(vec![boot])
    };
    let runs = &[(START + 0x4000, 5120)][..];
    let scattered: Vec<(u64, u64)> = (0..10).map(|at| (START + 0x4000 + at * 2048, 512)).collect();
    let odd = &[(START + 0x4100, 5120)][..];
    let whole = || layout(vec![part("boot", START)]);
    let large = Layout { sector_size: 4096, ..whole() };
    for (table, layout, runs, part) in [
        ("mbr", changed(|part| part.bootable = false), runs, "`bootable=#true`"),
        ("gpt", changed(|part| part.attributes = 1), runs, "legacy-boot"),
        ("mbr", changed(|part| part.role = PartRole::Logical), runs, "no logical partition"),
        ("mbr", layout(vec![part("boot", START), part("b", 2 * START)]), runs, "both `boot` and `b`"),
        ("mbr", large, runs, "sectors of 512 bytes"),
        ("mbr", whole(), &scattered, "at most 3"),
        ("mbr", whole(), odd, "whole sectors"),
    ] {
        let refused = message(stamp(table, "vfat", &layout, runs).expect_err("refused"));
        assert!(refused.contains(part), "{part}: {refused}");
    }
}
