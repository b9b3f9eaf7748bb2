//! Goldens and digests, and what sfdisk, fdisk and the crate `mbrman` say.

use imgc_image::{Failure, ReadAt};
use imgc_plan::{
    Data, Record,
    layout::{Layout, PartRole, PartSize, PartSpec},
};

mod reading;

use super::{Mbr, types};
use crate::table::{
    Table,
    testing::{Disk, MIB, layout, option, part, sfdisk_dump, tool, write},
};

fn options() -> Record {
    option("disk-id", Data::Int(0x89ab_cdef))
}

fn make(layout: Layout) -> Disk {
    write(&Mbr, &options(), layout).expect("written")
}

fn logical(part: PartSpec) -> PartSpec {
    PartSpec { role: PartRole::Logical, ..part }
}

/// Two primaries (1 and 3, so that the extended one is 2) and four logical ones, one of an odd length.
fn sample(sector_size: u32) -> Layout {
    let parts = vec![
        PartSpec { bootable: true, ..part(1, "83", 9 * MIB) },
        part(3, "0c", 5 * MIB + u64::from(sector_size)),
        logical(part(5, "82", 4 * MIB)),
        logical(part(6, "83", MIB + u64::from(sector_size))),
        logical(part(7, "07", 8 * MIB)),
        logical(PartSpec { size: PartSize::Fill { weight: 1, min: 0, max: None }, ..part(8, "83", 0) }),
    ];
    layout(&Mbr, Some(64 * MIB), sector_size, parts)
}

fn wanted(layout: &Layout) -> Vec<(u32, u64, u64)> {
    let sector = u64::from(layout.sector_size);
    let mut all: Vec<_> =
        layout.parts.iter().map(|part| (part.number, part.start / sector, part.len / sector)).collect();
    all.extend(layout.extended().map(|part| (part.number, part.start / sector, part.len / sector)));
    all.sort_unstable();
    all
}

fn assert_crate_agrees(disk: &Disk, path: &str) {
    let mut file = std::fs::File::open(path).expect("opens");
    let table = mbrman::MBR::read_from(&mut file, disk.layout.sector_size).expect("an MBR");
    assert_eq!(table.header.disk_signature, 0x89ab_cdef_u32.to_le_bytes());
    let read: Vec<_> = table
        .iter()
        .filter(|(_, part)| part.is_used())
        .map(|(number, part)| (number as u32, u64::from(part.starting_lba), u64::from(part.sectors)))
        .collect();
    assert_eq!(read, wanted(&disk.layout));
    for part in &disk.layout.parts {
        let read = table.get(part.number as usize).expect("read");
        assert_eq!((format!("{:02x}", read.sys), read.is_active()), (part.type_code.clone(), part.bootable));
        let lba = part.start / u64::from(disk.layout.sector_size);
        assert_eq!(u64::from(read.first_chs.to_lba(255, 63)), lba, "partition {}", part.number);
    }
}

#[test]
fn a_dump_says_everything() {
    assert_eq!(make(sample(512)).dump(&Mbr), include_str!("tests/sample-512.txt"));
    assert_eq!(make(sample(4096)).dump(&Mbr), include_str!("tests/sample-4096.txt"));
}

#[test]
fn the_bytes_are_pinned() {
    assert_eq!(
        make(sample(512)).sha256(),
        "8ce402937d9ef3fe6757ea0170075992a9cdee268173814fcf408841d63df529"
    );
    assert_eq!(
        make(sample(4096)).sha256(),
        "778842b7ad30138a9038f4d0eddb1a900bd34433bf12f50126e440a139b2f854"
    );
}

#[test]
fn other_tools_read_the_same() {
    let disk = make(sample(512));
    let (_dir, path) = disk.file();
    assert_crate_agrees(&disk, &path);
    let said = tool("fdisk", "sfdisk", &["--verify", &path]);
    assert!(said.contains("No errors detected."), "{said}");
    let read = sfdisk_dump(&path);
    let places: Vec<_> = read.iter().map(|(number, start, size, _)| (*number, *start, *size)).collect();
    assert_eq!(places, wanted(&disk.layout));
    let rest: Vec<&str> = read.iter().map(|(.., rest)| rest.as_str()).collect();
    assert_eq!(rest, ["type=83, bootable", "type=f", "type=c", "type=82", "type=83", "type=7", "type=83"]);
}

/// sfdisk, given its own dump of our disk, writes the same boot records byte by byte.
#[test]
fn sfdisk_writes_the_same_bytes() {
    let disk = make(sample(512));
    let (dir, path) = disk.file();
    let (script, copy) = (dir.path().join("script"), dir.path().join("copy.img"));
    std::fs::write(&script, tool("fdisk", "sfdisk", &["--dump", &path])).expect("a script");
    std::fs::File::create(&copy).expect("a file").set_len(disk.layout.len).expect("its length");
    let command = format!("sfdisk --quiet {} < {}", copy.display(), script.display());
    tool("fdisk", "sh", &["-c", &command]);
    let copy = std::fs::read(copy).expect("a disk");
    let records = disk.layout.extended().expect("has logical ones").records;
    for at in records.iter().map(|(_, at)| *at).chain([0]) {
        let theirs = &copy[usize::try_from(at).expect("small")..][..512];
        assert_eq!(disk.read(at, 512), theirs, "at {at}");
    }
}

#[test]
fn sectors_of_4096_bytes_are_read_by_others() {
    let disk = make(sample(4096));
    let (_dir, path) = disk.file();
    assert_crate_agrees(&disk, &path);
    let said = tool("fdisk", "fdisk", &["-b", "4096", "-o", "Device,Start,Sectors,Id", "-l", &path]);
    for (number, start, sectors) in wanted(&disk.layout) {
        let device = format!("{path}{number}");
        let line = said.lines().find(|line| line.split_whitespace().next() == Some(&device)).expect("listed");
        let fields: Vec<&str> = line.split_whitespace().skip(1).take(2).collect();
        assert_eq!(fields, [start.to_string(), sectors.to_string()]);
    }
}

#[test]
fn every_slot_is_read_back() {
    for numbers in [&[][..], &[1], &[4], &[2, 3], &[4, 1], &[1, 2, 3, 4]] {
        let parts = numbers.iter().map(|number| part(*number, "83", MIB)).collect();
        let disk = make(layout(&Mbr, None, 512, parts));
        let (_dir, path) = disk.file();
        assert_crate_agrees(&disk, &path);
        let read: Vec<_> =
            sfdisk_dump(&path).into_iter().map(|(number, start, size, _)| (number, start, size)).collect();
        assert_eq!(read, wanted(&disk.layout));
    }
}

#[test]
fn what_is_not_listed_only_lies_there() {
    let mut placed = layout(&Mbr, None, 512, vec![part(1, "83", MIB), part(2, "83", MIB)]);
    placed.parts[0].number = 0;
    placed.parts[0].type_code.clear();
    let disk = make(placed);
    let (_dir, path) = disk.file();
    let read: Vec<_> = sfdisk_dump(&path).into_iter().map(|(number, start, _, _)| (number, start)).collect();
    assert_eq!(read, [(2, disk.layout.parts[1].start / 512)]);
}

/// Logical partitions right after one another, and with fixed starts that leave the boot record only its sector.
#[test]
fn tight_chains_are_read_by_others() {
    let at = |start: u64, part: PartSpec| PartSpec { start: Some(start), ..part };
    let tight = |number| logical(PartSpec { align: 512, ..part(number, "83", 512) });
    let many = (5..=60).map(tight).collect();
    let fixed = vec![
        logical(at(MIB, part(5, "83", MIB - 512))),
        logical(at(2 * MIB, part(6, "83", MIB))),
        logical(at(9 * MIB + 512, part(7, "83", MIB))),
        at(20 * MIB, part(1, "83", MIB)),
    ];
    for parts in [many, fixed] {
        let disk = make(layout(&Mbr, None, 512, parts));
        let (_dir, path) = disk.file();
        assert_crate_agrees(&disk, &path);
        let said = tool("fdisk", "sfdisk", &["--verify", &path]);
        assert!(said.contains("No errors detected."), "{said}");
        let read: Vec<_> =
            sfdisk_dump(&path).into_iter().map(|(number, start, size, _)| (number, start, size)).collect();
        assert_eq!(read, wanted(&disk.layout));
    }
}

#[test]
fn a_disk_of_2_tib_is_whole() {
    let fill = PartSpec { size: PartSize::Fill { weight: 1, min: 0, max: None }, ..part(1, "83", 0) };
    let disk = make(layout(&Mbr, Some(2 << 40), 512, vec![fill]));
    let (_dir, path) = disk.file();
    let read = sfdisk_dump(&path);
    assert_eq!((read[0].1, read[0].2), (2048, (1 << 32) - 2048));
    assert_eq!(disk.read(446, 8), [0, 0x20, 0x21, 0, 0x83, 0xfe, 0xff, 0xff]);
}

#[test]
fn the_boot_code_is_left_to_a_loader() {
    let disk = make(sample(512));
    assert_eq!(disk.bytes.extents()[0].at, 440);
    assert_eq!(disk.read(436, 8), [0, 0, 0, 0, 0xef, 0xcd, 0xab, 0x89]);
}

#[test]
fn what_an_mbr_cannot_say_is_refused_at_once() {
    let bootable = |number, code| PartSpec { bootable: true, ..part(number, code, MIB) };
    let parts = vec![bootable(1, "83"), bootable(2, "05"), part(3, "00", MIB)];
    let Err(Failure::Problems(problems)) = write(&Mbr, &options(), layout(&Mbr, None, 512, parts)) else {
        panic!("it was written")
    };
    let said: Vec<_> =
        problems.iter().map(|problem| (problem.code, problem.part.as_deref().expect("a part"))).collect();
    assert_eq!(said, [("partition-type", "p2"), ("partition-bootable", "p2"), ("partition-type", "p3")]);
    assert_eq!(Mbr.check(&options()), []);
    assert_eq!(Mbr.check(&option("disk-id", Data::Int(0))).len(), 1);
}

#[test]
fn layouts_of_another_table_are_a_bug_and_not_a_panic() {
    let good = sample(512);
    let wrong: &[fn(&mut Layout)] = &[
        |layout| layout.parts[0].start += 1,
        |layout| layout.parts[0].start = u64::MAX - 511,
        |layout| layout.parts[0].number = 5,
        |layout| layout.parts[0].number = 3,
        |layout| layout.parts[0].type_code = "linux".into(),
        |layout| layout.parts[2].start = 0,
        |layout| layout.parts[5].len = u64::MAX,
        |layout| layout.sector_size = 0,
    ];
    for (case, spoil) in wrong.iter().enumerate() {
        let mut layout = good.clone();
        spoil(&mut layout);
        assert!(matches!(write(&Mbr, &options(), layout), Err(Failure::Bug(_))), "case {case}");
    }
    assert!(matches!(write(&Mbr, &Record::new(), good), Err(Failure::Bug(_))));
}

#[test]
fn hostile_disks_are_refused_or_said_to_be_wrong() {
    let disk = make(sample(512));
    let good = disk.read(0, usize::try_from(64 * MIB).expect("small"));
    let extended = disk.layout.extended().expect("has logical ones");
    let first = usize::try_from(extended.start).expect("small");
    let dump = |at: usize, bytes: &[u8]| {
        let mut disk = good.clone();
        disk[at..at + bytes.len()].copy_from_slice(bytes);
        Mbr.dump(&disk)
    };
    assert!(
        dump(first + 446 + 16 + 8, &[0; 4]).expect("dumps").ends_with("the chain has no end\n"),
        "a ring"
    );
    assert!(dump(first + 510, &[0]).expect("dumps").contains("is missing"));
    assert!(matches!(dump(first + 446 + 16 + 8, &[0xff; 4]), Err(Failure::Problems(_))));
    assert!(matches!(dump(510, &[0]), Err(Failure::Problems(_))));
    assert!(matches!(Mbr.dump(&vec![0u8; 100] as &dyn ReadAt), Err(Failure::Problems(_))));
}

#[test]
fn types_are_those_that_sfdisk_knows() {
    let known = tool("fdisk", "sfdisk", &["--label", "dos", "--list-types"]);
    let codes: Vec<u8> = known
        .lines()
        .filter_map(|line| u8::from_str_radix(line.split_whitespace().next()?, 16).ok())
        .collect();
    for (name, code) in types::TYPES {
        let code = u8::from_str_radix(code, 16).expect("two digits");
        assert!(codes.contains(&code), "{name}");
        assert!(!super::EXTENDED_TYPES.contains(&code), "{name}");
        assert_eq!(types::TYPES.iter().filter(|(other, _)| other == name).count(), 1, "{name}");
    }
    for name in ["linux", "esp", "basic-data", "swap"] {
        assert!(types::TYPES.iter().any(|(known, _)| *known == name));
    }
}

#[test]
fn what_the_table_does_not_list_only_lies_there() {
    let blob = PartSpec { number: 0, type_code: String::new(), uuid: None, ..part(0, "", MIB) };
    let disk = make(layout(&Mbr, Some(8 * MIB), 512, vec![blob, part(1, "83", MIB)]));
    let plain =
        make(layout(&Mbr, Some(8 * MIB), 512, vec![PartSpec { start: Some(2 * MIB), ..part(1, "83", MIB) }]));
    assert_eq!(disk.read(440, 72), plain.read(440, 72));
    assert_eq!(disk.layout.parts[0].start, MIB);
}
